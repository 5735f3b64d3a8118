"""xtcocotools' small interface, served by pycocotools."""

import importlib
import sys
from typing import Optional

from .import_hooks import before_import, is_installed
from .shim import Shim, stand_in


def probe() -> Optional[str]:
    try:
        importlib.import_module('xtcocotools.coco')
        importlib.import_module('xtcocotools.mask')
    except Exception as error:  # ValueError: numpy.dtype size changed
        return f'{type(error).__name__}: {error}'.splitlines()[0]
    return None


def apply() -> None:
    if not is_installed('pycocotools'):
        raise ImportError(
            'neither a working xtcocotools nor pycocotools is installed: '
            'pip install pycocotools'
        )
    for name in [m for m in sys.modules if m.split('.')[0] == 'xtcocotools']:
        del sys.modules[name]
    from pycocotools import mask

    from .xtcocotools_api import COCO, COCOeval

    modules = dict(
        coco=stand_in('xtcocotools.coco', COCO=COCO),
        cocoeval=stand_in('xtcocotools.cocoeval', COCOeval=COCOeval),
        mask=mask,
    )
    sys.modules['xtcocotools'] = stand_in('xtcocotools', __path__=[], **modules)
    for name, module in modules.items():
        sys.modules[f'xtcocotools.{name}'] = module


def _schedule(run) -> None:
    before_import(('xtcocotools', 'mmpose'), run)


SHIM = Shim(
    name='xtcocotools_numpy2',
    problem='xtcocotools wheels are built for numpy 1 '
    '(ValueError: numpy.dtype size changed)',
    versions='xtcocotools 1.14.3 with numpy 2',
    remove_when='xtcocotools publishes wheels for numpy 2',
    needs='mmpose',
    probe=probe,
    apply=apply,
    schedule=_schedule,
)
