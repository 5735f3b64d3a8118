"""Builds and runs engines without mmdeploy's own TensorRT operators.

The library of them in mmdeploy's wheel is linked to TensorRT 8, CUDA 11 and
cuDNN 8. mmdeploy loads it before each build and run, and does without it only
where the file is missing. Top-down pose models use none of its operators;
TensorRT's parser names the one that another model lacks.
"""

import ctypes
import os
from typing import Optional

from .import_hooks import after_import
from .shim import Shim

_PACKAGE = 'mmdeploy.backend.tensorrt'


def probe() -> Optional[str]:
    """Load the library, as mmdeploy does right after."""
    from mmdeploy.backend.tensorrt.init_plugins import get_ops_path

    path = get_ops_path()
    if not os.path.exists(path):
        return None
    try:
        ctypes.CDLL(path)
    except OSError as error:
        return f'the library of operators does not load: {error}'
    return None


def load_tensorrt_plugin() -> bool:
    """False, as from mmdeploy where the file is missing."""
    from mmdeploy.utils import get_root_logger

    get_root_logger().info("mmdeploy's TensorRT operators are not loaded")
    return False


def apply() -> None:
    import sys

    # Those that have imported the function by now; the others come later.
    for module in (_PACKAGE, f'{_PACKAGE}.init_plugins', f'{_PACKAGE}.utils'):
        sys.modules[module].load_tensorrt_plugin = load_tensorrt_plugin


def _schedule(run) -> None:
    # utils imports tensorrt, which brings the libraries that this one needs.
    after_import(f'{_PACKAGE}.utils', run)


SHIM = Shim(
    name='tensorrt_ops',
    problem='mmdeploy stops where its library of TensorRT operators does not '
    'load',
    versions='mmdeploy 1.3.1 from PyPI with TensorRT >= 10 or CUDA >= 12',
    remove_when='mmdeploy goes on without the library',
    needs='tensorrt',
    probe=probe,
    apply=apply,
    schedule=_schedule,
)
