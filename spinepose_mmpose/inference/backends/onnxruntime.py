"""ONNX files, run by ONNX Runtime: pose networks, detectors and exports.

Every ONNX session of this project is an :class:`OnnxSession`.
"""

import logging
import os
from typing import Dict, Optional, Sequence

import numpy as np

from ...utils import need, one_line
from ..network import GraphNetwork

logger = logging.getLogger(__name__)

SUFFIXES = ('.onnx',)
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
TYPES = {'tensor(float)': np.float32, 'tensor(float16)': np.float16}


def create(files, device, threads, half, spinning) -> GraphNetwork:
    """See :func:`.create_backend`."""
    engine = OnnxSession(
        files.path, device, threads, half=half, spinning=spinning
    )
    return GraphNetwork(engine, files.defaults)


class OnnxSession:
    """A network with one input: an array in, named arrays out.

    Args:
        model (str | Path | bytes): an ONNX file, or its content.
        device (str): ``auto`` (a GPU where this ONNX Runtime has one),
            ``cpu``, ``cuda``, ``cuda:1`` or ``tensorrt``.
        threads (int, optional): of the CPU; its own choice if None or 0.
        half (bool): let TensorRT compute in float16. Keypoints of SimCC
            networks have been seen to fall apart there: compare before use.
        spinning (bool): threads of the CPU wait for work in a loop: a little
            faster alone, but they take the cores from whatever runs beside.
        optimize (bool): let ONNX Runtime fuse and rewrite the graph.

    Attributes:
        source (str): what errors call the network.
        device (str): where it runs: ``cpu``, ``cuda:0`` or ``tensorrt:0``.
        input_shape (list): sizes, with a text or None where any will do.
        outputs (dict): name -> shape, in the order of the graph.
        metadata (dict): key -> text, of the file.

    Raises:
        ValueError: ONNX Runtime or the device is not there, or the file is no
            ONNX network with one input of floats.
    """

    def __init__(
        self,
        model,
        device: str = 'auto',
        threads: Optional[int] = None,
        *,
        half: bool = False,
        spinning: bool = True,
        optimize: bool = True,
    ) -> None:
        in_memory = isinstance(model, bytes)
        self.source = 'the ONNX model' if in_memory else os.fspath(model)
        asked, index = split_device(device)
        ort, kind = import_onnxruntime(), asked
        if asked == 'auto':
            kind = 'cuda' if has_gpu() else 'cpu'
        available = ort.get_available_providers()
        if PROVIDERS[kind] not in available:
            kinds = [k for k, name in PROVIDERS.items() if name in available]
            raise ValueError(
                f'device {device!r} was asked for, but this ONNX Runtime '
                f'{ort.__version__} runs on {", ".join(kinds)} alone: '
                f'{PIP[kind]}'
            )
        options = ort.SessionOptions()
        options.log_severity_level = 3
        options.add_session_config_entry(
            'session.intra_op.allow_spinning', str(int(spinning))
        )
        if not optimize:
            level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
            options.graph_optimization_level = level
        if threads:
            options.intra_op_num_threads = int(threads)
        try:
            self.session = ort.InferenceSession(
                model if in_memory else self.source,
                options,
                providers=_providers(kind, index, half),
            )
        except Exception as error:  # ONNX Runtime's types share no base
            raise ValueError(
                f'{self.source} cannot be run by ONNX Runtime '
                f'{ort.__version__}: {one_line(error)}'
            ) from error
        if self.session.get_providers()[0] != PROVIDERS[kind]:
            # It falls back without an error, saying so only on stderr.
            if asked != 'auto':
                raise ValueError(
                    f'device {device!r} was asked for, but ONNX Runtime could '
                    'not start it: a GPU, its driver, and the CUDA and cuDNN '
                    f'libraries of onnxruntime-gpu {ort.__version__} are needed'
                )
            logger.warning(
                'ONNX Runtime could not start the GPU: the CPU is used'
            )
            kind = 'cpu'
        self.device = 'cpu' if kind == 'cpu' else f'{kind}:{index}'
        inputs = self.session.get_inputs()
        if len(inputs) != 1 or inputs[0].type not in TYPES:
            raise ValueError(
                f'{self.source} takes '
                f'{", ".join(f"{i.name} {i.type}" for i in inputs)}, one input '
                f'of {" or ".join(TYPES)} expected'
            )
        self._input, self._dtype = inputs[0].name, TYPES[inputs[0].type]
        self.input_shape = inputs[0].shape
        self.outputs = {o.name: o.shape for o in self.session.get_outputs()}
        self.metadata = self.session.get_modelmeta().custom_metadata_map

    def run(
        self, array: np.ndarray, names: Optional[Sequence[str]] = None
    ) -> Dict[str, np.ndarray]:
        """name -> output for an input, in the order of ``names``, all if None;
        ValueError if the network does not run with it."""
        names = list(self.outputs if names is None else names)
        feed = {self._input: array.astype(self._dtype, copy=False)}
        try:
            return dict(zip(names, self.session.run(names, feed)))
        except Exception as error:  # ONNX Runtime's types share no base
            raise ValueError(
                f'{self.source} does not run with an input of shape '
                f'{array.shape}: {one_line(error)}'
            ) from error


def import_onnxruntime():
    command = f'{PIP["cpu"]}, or onnxruntime-gpu for an NVIDIA GPU'
    return need('onnxruntime', 'an ONNX file', command)


def has_gpu() -> bool:
    """Whether this ONNX Runtime is one for NVIDIA GPUs."""
    available = import_onnxruntime().get_available_providers()
    return PROVIDERS['cuda'] in available


def split_device(device: str) -> tuple:
    """``cuda:1`` to (``cuda``, 1); ValueError for an unknown kind."""
    kind, _, index = str(device).lower().partition(':')
    if kind not in ('auto', *PROVIDERS) or (index and not index.isdigit()):
        raise ValueError(
            f'no device {device!r} for ONNX Runtime: choose from auto, '
            f'{", ".join(PROVIDERS)}, or one GPU of several as cuda:1'
        )
    return kind, int(index or 0)


def _providers(kind: str, index: int, half: bool) -> list:
    """With options, the wanted one first."""
    chain = [PROVIDERS['cpu']]
    if kind != 'cpu':
        chain.insert(0, (PROVIDERS['cuda'], {'device_id': index}))
    if kind == 'tensorrt':
        from ...downloads import cache_dir

        # Building an engine takes minutes, reading it back a second.
        engines = cache_dir() / 'tensorrt'
        engines.mkdir(parents=True, exist_ok=True)
        options = {
            'device_id': index,
            'trt_fp16_enable': half,
            'trt_engine_cache_enable': True,
            'trt_engine_cache_path': str(engines),
        }
        chain.insert(0, (PROVIDERS['tensorrt'], options))
    return chain
