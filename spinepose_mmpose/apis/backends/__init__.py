"""Backends: one small protocol, one file each, imported when chosen."""

from typing import Optional

from ..model_files import ModelFiles
from .base import Backend

__all__ = ['Backend', 'create_backend']


def create_backend(
    files: ModelFiles,
    device: str = 'auto',
    threads: Optional[int] = None,
    half: bool = False,
) -> Backend:
    """A network that is ready to run.

    Args:
        files: from :func:`.find_files`.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``tensorrt``, ...;
            what there is depends on the backend.
        threads: of the CPU for one network.
        half: compute in half precision where device and backend can.

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

    return OnnxRuntimeBackend(files.path, **options, defaults=files.defaults)
