"""One small file per upstream break, active only where the break is seen.

A file's docstring begins with the problem; its constants say the rest.
``install()`` schedules every shim around the import that breaks. Nothing is
imported here, so that ``import spinepose_mmpose`` stays light.
``python -m spinepose_mmpose.doctor`` shows which shims are active and why.
"""

import os
import pkgutil
from importlib import import_module

from . import import_hooks
from .shim import Shim, active, probed

_modules = (
    (info.name, import_module(f'{__name__}.{info.name}'))
    for info in pkgutil.iter_modules(__path__)
)
SHIMS = tuple(
    Shim.of(*named) for named in _modules if hasattr(named[1], 'REMOVE_WHEN')
)

# Names of shims to leave out, to see whether they are still needed.
SKIP = 'SPINEPOSE_SKIP_SHIMS'

__all__ = ['SHIMS', 'Shim', 'active', 'install', 'probed']


def install() -> None:
    """Schedule every shim."""
    import_hooks.install()
    left_out = os.environ.get(SKIP, '').split(',')
    for shim in SHIMS:
        if shim.name not in left_out:
            shim.schedule()
