"""ONNX Runtime sessions: a device by name, and what is said if it is absent."""

import logging
import os
from typing import Optional

from ...model_zoo import cache_dir

logger = logging.getLogger(__name__)

PROVIDERS = {
    'cpu': 'CPUExecutionProvider',
    'cuda': 'CUDAExecutionProvider',
    'tensorrt': 'TensorrtExecutionProvider',
}
PIP = {
    'cpu': 'pip install onnxruntime',
    'cuda': 'pip install onnxruntime-gpu (in place of onnxruntime)',
    'tensorrt': 'pip install onnxruntime-gpu tensorrt (the former in place of '
    'onnxruntime)',
}


def import_onnxruntime():
    """The module.

    Raises:
        ValueError: it is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ValueError(
            f'ONNX files need ONNX Runtime, which cannot be imported '
            f'({error}): {PIP["cpu"]}, or pip install onnxruntime-gpu for an '
            'NVIDIA GPU'
        ) from error
    return onnxruntime


def has_gpu() -> bool:
    """Whether this ONNX Runtime is one for NVIDIA GPUs."""
    available = import_onnxruntime().get_available_providers()
    return PROVIDERS['cuda'] in available


def split_device(device: str) -> tuple:
    """``cuda:1`` to (``cuda``, 1).

    Raises:
        ValueError: there is no such kind of device for ONNX Runtime.
    """
    kind, _, index = str(device).lower().partition(':')
    if kind not in ('auto', *PROVIDERS) or (index and not index.isdigit()):
        raise ValueError(
            f'no device {device!r} for ONNX Runtime: choose from auto, '
            f'{", ".join(PROVIDERS)}, or one GPU of several as cuda:1'
        )
    return kind, int(index or 0)


def open_session(
    path,
    device: str = 'auto',
    threads: Optional[int] = None,
    half: bool = False,
    spinning: bool = True,
):
    """A session and the device that it runs on.

    Args:
        path: an ONNX file.
        device: ``auto`` (a GPU where this ONNX Runtime has one), ``cpu``,
            ``cuda``, ``cuda:1``, ``tensorrt``.
        threads: of the CPU, for one network; ONNX Runtime's choice if None.
        half: let TensorRT compute in float16. Keypoints of SimCC networks
            have been seen to fall apart there: compare before use.
        spinning: threads of the CPU wait for work in a loop, a little faster
            alone, but taking the cores from whatever runs beside.

    Returns:
        tuple: the session; its device, ``cpu``, ``cuda:0`` or ``tensorrt:0``.

    Raises:
        ValueError: the device is not there, or the file is no ONNX model.
    """
    kind, index = split_device(device)
    ort = import_onnxruntime()
    available = ort.get_available_providers()
    wanted = kind
    if kind == 'auto':
        wanted = 'cuda' if has_gpu() else 'cpu'
    if PROVIDERS[wanted] not in available:
        raise ValueError(
            f'device {device!r} was asked for, but this ONNX Runtime '
            f'{ort.__version__} runs on {", ".join(_kinds(available))} alone: '
            f'{PIP[wanted]}'
        )
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry(
        'session.intra_op.allow_spinning', str(int(spinning))
    )
    if threads:
        options.intra_op_num_threads = int(threads)
    try:
        session = ort.InferenceSession(
            os.fspath(path), options, providers=_chain(wanted, index, half)
        )
    except Exception as error:  # ONNX Runtime's own types, all RuntimeErrors
        text = ' '.join(str(error).split())
        raise ValueError(
            f'{path} cannot be run by ONNX Runtime {ort.__version__}: {text}'
        ) from error
    if session.get_providers()[0] != PROVIDERS[wanted]:
        # It falls back without an error, saying so only on stderr.
        if kind != 'auto':
            raise ValueError(
                f'device {device!r} was asked for, but ONNX Runtime could not '
                'start it: a GPU, its driver, and the CUDA and cuDNN libraries '
                f'of onnxruntime-gpu {ort.__version__} are needed'
            )
        logger.warning('ONNX Runtime could not start the GPU: the CPU is used')
        wanted, index = 'cpu', 0
    return session, 'cpu' if wanted == 'cpu' else f'{wanted}:{index}'


def _kinds(available) -> list:
    return [kind for kind, name in PROVIDERS.items() if name in available]


def _chain(kind: str, index: int, half: bool) -> list:
    """Providers with options, the wanted one first."""
    chain = [PROVIDERS['cpu']]
    if kind == 'cpu':
        return chain
    chain.insert(0, (PROVIDERS['cuda'], {'device_id': index}))
    if kind == 'tensorrt':
        # Building an engine takes minutes, reading it back a second.
        engines = cache_dir() / 'tensorrt'
        engines.mkdir(parents=True, exist_ok=True)
        chain.insert(
            0,
            (
                PROVIDERS['tensorrt'],
                {
                    'device_id': index,
                    'trt_fp16_enable': half,
                    'trt_engine_cache_enable': True,
                    'trt_engine_cache_path': str(engines),
                },
            ),
        )
    return chain
