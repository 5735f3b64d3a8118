"""What runs a pose network: one file per backend, imported when it is chosen.

A backend is a module in this folder, known by its name, with

- ``SUFFIXES``: of the files that it runs;
- ``create(files, device, threads, half, spinning)``, which returns a
  :class:`Backend` and says with a pip command what is not installed.
"""

import importlib
import pkgutil
from dataclasses import replace
from typing import Iterator, Optional, Protocol, Union

import numpy as np

from ..preprocess import Points, Simcc


class Backend(Protocol):
    """A pose network that is ready to run."""

    device: str  # where it runs, e.g. ``cpu``, ``cuda:0``
    spec: 'NetworkSpec'  # noqa: F821

    def run(self, crops: np.ndarray) -> Union[Simcc, Points]:
        """Predict for (B, h, w, 3) uint8 BGR crops, B >= 1."""
        ...


def backend_names() -> tuple:
    """The backends that there are, installed or not."""
    return tuple(module.name for module in pkgutil.iter_modules(__path__))


def backends_for(suffix: str) -> Iterator[str]:
    """The backends that run files with a suffix such as ``.onnx``, the first
    one by default."""
    for name in backend_names() if suffix else ():
        if suffix.lower() in _module(name).SUFFIXES:
            yield name


def create_backend(
    files,
    device: str = 'auto',
    threads: Optional[int] = None,
    half: bool = False,
    spinning: bool = True,
) -> Backend:
    """The network of :class:`.ModelFiles`; ValueError if the backend or the
    device is not there, or the files are no pose network. ``threads``,
    ``half``, ``spinning``: see :class:`.SpinePoseEstimator`."""
    return _module(files.backend).create(files, device, threads, half, spinning)


def half_on_cpu(files, device: str):
    """The same files, for OpenVINO where only it computes in half precision:
    on a CPU with instructions for bfloat16, where there is no GPU."""
    if files.backend != 'onnxruntime' or device not in ('auto', 'cpu'):
        return files
    if device == 'auto' and _module('onnxruntime').has_gpu():
        return files
    if not _module('openvino').has_fast_halves():
        return files
    return replace(files, backend='openvino')


def _module(name: str):
    return importlib.import_module(f'.{name}', __name__)
