"""Backends: one small protocol, one file each, imported when chosen."""

from dataclasses import replace
from typing import Optional

from ..model_files import ModelFiles
from .base import Backend

__all__ = ['Backend', 'create_backend', 'half_on_cpu']


def half_on_cpu(files: ModelFiles, device: str) -> ModelFiles:
    """The same files for OpenVINO where only it computes in half precision.

    ONNX Runtime has no such thing on CPUs. Nothing changes where there is a
    GPU, no OpenVINO, or a CPU without instructions for bfloat16.

    Args:
        files: for a backend that nobody asked for by name.
        device: ``auto``, ``cpu``, ...
    """
    if files.backend != 'onnxruntime' or device not in ('auto', 'cpu'):
        return files
    from .openvino import has_fast_halves
    from .ort_session import has_gpu

    if (device == 'auto' and has_gpu()) or not has_fast_halves():
        return files
    return replace(files, backend='openvino')


def create_backend(
    files: ModelFiles,
    device: str = 'auto',
    threads: Optional[int] = None,
    half: bool = False,
    spinning: bool = True,
) -> Backend:
    """A network that is ready to run.

    Args:
        files: from :func:`.find_files`.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``tensorrt``, ...;
            what there is depends on the backend.
        threads: of the CPU for one network.
        half: compute in half precision where device and backend can.
        spinning: of ONNX Runtime, see :func:`.open_session`.

    Raises:
        ValueError: the backend or the device is not there, or the files are
            no pose network.
    """
    options = dict(device=device, threads=threads, half=half)
    if files.backend == 'pytorch':
        from .pytorch import PyTorchBackend

        return PyTorchBackend(files.config, files.path, **options)
    if files.backend == 'openvino':
        from .openvino import OpenVinoBackend

        return OpenVinoBackend(files.path, **options, defaults=files.defaults)
    from .onnxruntime import OnnxRuntimeBackend

    return OnnxRuntimeBackend(
        files.path, **options, defaults=files.defaults, spinning=spinning
    )
