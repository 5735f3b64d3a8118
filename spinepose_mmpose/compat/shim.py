"""What a shim is, and the list of those that this process has seen."""

import logging
from dataclasses import dataclass, field
from types import ModuleType
from typing import Callable, Dict, Optional

logger = logging.getLogger('spinepose_mmpose.compat')


@dataclass(frozen=True)
class Shim:
    """One upstream break and its cure.

    Attributes:
        name: Short name, also the file's name.
        problem: The upstream problem, as its users see it.
        versions: The versions where it was measured.
        remove_when: The condition under which the file can be deleted.
        needs: Top-level module without which the shim has no meaning.
        probe: Returns what fails here in one sentence, or None on a healthy
            stack. It changes nothing.
        apply: Cures it, for this process.
        schedule: Calls its argument at the moment when probe and cure are
            due: around the import that breaks.
    """

    name: str
    problem: str
    versions: str
    remove_when: str
    needs: str
    probe: Callable[[], Optional[str]] = field(repr=False)
    apply: Callable[[], None] = field(repr=False)
    schedule: Callable[[Callable[[], None]], None] = field(repr=False)


# name -> the failure that the probe saw; only of shims that are active.
active: Dict[str, str] = {}
# Shims whose probe has run.
probed: Dict[str, Shim] = {}


def run(shim: Shim) -> None:
    """Probe, and cure where the probe found a failure."""
    if shim.name in probed:
        return
    probed[shim.name] = shim
    failure = shim.probe()
    if failure is None:
        return
    shim.apply()
    active[shim.name] = failure
    logger.debug('shim %s active: %s', shim.name, failure)


def stand_in(name: str, **members) -> ModuleType:
    """An empty module called ``name`` whose spec has no loader.

    Without a loader, ``pkgutil.find_loader`` and the like still see that the
    real module is missing.
    """
    from importlib.machinery import ModuleSpec

    module = ModuleType(name)
    module.__spec__ = ModuleSpec(name, loader=None)
    module.__dict__.update(members)
    return module
