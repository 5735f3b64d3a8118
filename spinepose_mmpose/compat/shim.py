"""What a shim is, and the list of those that this process has seen."""

import importlib
import logging
import sys
from collections.abc import Callable
from functools import partial
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import NamedTuple

from ..utils import one_line
from .import_hooks import after_import, before_import

logger = logging.getLogger('spinepose_mmpose.compat')


class Shim(NamedTuple):
    """One upstream break and its fix, as a file of this folder says it."""

    name: str  # the file's
    problem: str  # as its users see it: the first paragraph of the file
    versions: str  # in which it was measured
    remove_when: str  # the file can be deleted
    # What fails here in one sentence, or None on a healthy stack.
    probe: Callable[[], str | None]
    apply: Callable[[], None]  # the fix, for this process
    after: str = ''  # the module whose import the probe and the fix follow
    before: tuple[str, ...] = ()  # or those before whose import they must be

    @classmethod
    def of(cls, name: str, module: ModuleType) -> 'Shim':
        """That of a file."""
        return cls(
            name,
            one_line(module.__doc__.split('\n\n')[0]).rstrip('.'),
            module.VERSIONS,
            module.REMOVE_WHEN,
            module.probe,
            module.apply,
            getattr(module, 'AFTER', ''),
            getattr(module, 'BEFORE', ()),
        )

    @property
    def waits_for(self) -> str:
        """What is imported when it acts."""
        return self.after or ', '.join(self.before)

    def schedule(self) -> None:
        """Run once that import happens; at once if it has happened."""
        if self.after:
            after_import(self.after, partial(run, self))
        else:
            before_import(self.before, partial(run, self))


# name -> the failure that the probe saw; active shims only.
active: dict[str, str] = {}
# Shims whose probe has run.
probed: dict[str, Shim] = {}


def run(shim: Shim) -> None:
    """Probe, and apply the fix where the probe found a failure."""
    if shim.name in probed:
        return
    probed[shim.name] = shim
    failure = shim.probe()
    if failure is not None:
        shim.apply()
        active[shim.name] = failure
        logger.debug('shim %s active: %s', shim.name, failure)


def import_failure(module: str) -> str | None:
    """Why ``module`` cannot be imported, in one line; None if it can."""
    try:
        importlib.import_module(module)
    except BaseException as error:  # broken binaries raise all kinds
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        text = str(error).strip().splitlines()
        return f'{type(error).__name__}: {text[0] if text else ""}'
    return None


def stand_in(name: str, **members) -> ModuleType:
    """A module with these members, whose spec has no loader: ``find_spec`` and
    the like still see that the real module is missing."""
    module = ModuleType(name)
    module.__spec__ = ModuleSpec(name, loader=None)
    module.__dict__.update(members)
    return module


def replace_package(name: str, **modules) -> None:
    """Put stand-ins in the place of a package and of what is left of it."""
    for module in [x for x in sys.modules if x.split('.')[0] == name]:
        del sys.modules[module]
    sys.modules[name] = stand_in(name, __path__=[], **modules)
    sys.modules.update({f'{name}.{key}': x for key, x in modules.items()})


def replace_in_mmpose(name: str, old, new) -> None:
    """Put a function in the place of one, wherever MMPose has imported it."""
    for module, holder in list(sys.modules.items()):
        if module.startswith('mmpose.') and getattr(holder, name, None) is old:
            setattr(holder, name, new)


class Overlay:
    """A module as one importer shall see it: the same but for some members."""

    def __init__(self, module: ModuleType, **members) -> None:
        self.__dict__.update(members, _module=module)

    def __getattr__(self, name: str):
        return getattr(self._module, name)
