"""``mmcv._ext`` for an mmcv without compiled operators (mmcv-lite)."""

import importlib.util
import sys
from types import ModuleType
from typing import Optional

from .import_hooks import after_import, is_installed
from .shim import Shim, stand_in

MODULE = 'mmcv._ext'


def probe() -> Optional[str]:
    if not is_installed('mmcv') or MODULE in sys.modules:
        return None
    try:
        found = importlib.util.find_spec(MODULE) is not None
    except (ImportError, ValueError):
        found = False
    return None if found else f"ModuleNotFoundError: No module named '{MODULE}'"


class _Operators(ModuleType):
    """Has every operator; calling one that is not written here raises."""

    def __getattr__(self, op: str):
        if op.startswith('__'):
            raise AttributeError(op)

        def missing(*args, **kwargs):
            raise NotImplementedError(
                f'mmcv.ops needs the compiled operator {op!r}, which mmcv-lite '
                'does not have: install mmcv==2.1.0 with its compiled '
                'operators to use it.'
            )

        missing.__name__ = op
        return missing


def apply() -> None:
    from .nms import nms

    module = _Operators(MODULE)
    module.__dict__.update(
        stand_in(MODULE).__dict__,
        nms=nms,
        get_compiler_version=lambda: 'n/a (mmcv-lite)',
        get_compiling_cuda_version=lambda: 'n/a (mmcv-lite)',
    )
    sys.modules[MODULE] = module


def _schedule(run) -> None:
    after_import('mmcv', run)


SHIM = Shim(
    name='mmcv_ext',
    problem='mmpose and mmdet import mmcv.ops, which needs the compiled '
    'mmcv._ext; mmcv-lite lacks it and a build of mmcv takes ~25 minutes',
    versions='mmcv-lite 2.0-2.2 with mmpose 1.3.2, mmdet 3.3.0',
    remove_when='mmcv ships wheels for the PyTorch in use',
    needs='mmcv',
    probe=probe,
    apply=apply,
    schedule=_schedule,
)
