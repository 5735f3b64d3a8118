"""Callbacks around imports that have not happened yet.

``import spinepose_mmpose`` must stay light (the ONNX path needs neither torch
nor mmpose), and a shim must be in place before the package that it fixes is
used. So each shim waits for an import.
"""

import functools
import importlib.util
import sys
from importlib.machinery import PathFinder
from typing import Callable, Dict, List, Optional, Sequence

Callback = Callable[[], None]


class _HookFinder:
    """A ``sys.meta_path`` entry that finds nothing new.

    It runs the callbacks of a module name when that name is first looked up
    (``before``) or has been executed (``after``).
    """

    def __init__(self) -> None:
        self.before: Dict[str, List[Callback]] = {}
        self.after: Dict[str, List[Callback]] = {}

    def find_spec(self, name: str, path=None, target=None):
        for callback in self.before.pop(name, ()):
            callback()
        if name not in self.after:
            return None
        spec = _find_elsewhere(name, path, target)
        if spec is not None and spec.loader is not None:
            _run_after_exec(spec.loader, name, self.after)
        return spec


def _find_elsewhere(name: str, path, target):
    for finder in sys.meta_path:
        if isinstance(finder, _HookFinder):
            continue
        find_spec = getattr(finder, 'find_spec', None)
        spec = find_spec(name, path, target) if find_spec else None
        if spec is not None:
            return spec
    return None


def _run_after_exec(loader, name: str, pending: Dict[str, List[Callback]]):
    """Let ``loader`` run the callbacks of ``name`` once it has executed."""
    exec_module = loader.exec_module

    def exec_then_call(module):
        exec_module(module)
        for callback in pending.pop(name, ()):
            callback()

    loader.exec_module = exec_then_call


_finder = _HookFinder()


def install() -> None:
    """Put the finder first; a second call changes nothing."""
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def before_import(names: Sequence[str], callback: Callback) -> None:
    """Call ``callback`` once, before any of ``names`` is imported.

    It is called at once where one of them has been imported already.
    """
    if any(name in sys.modules for name in names):
        callback()
        return
    once = functools.lru_cache(callback)
    for name in names:
        _finder.before.setdefault(name, []).append(once)


def after_import(name: str, callback: Callback) -> None:
    """Call ``callback`` once ``name`` has been executed, or now if it has."""
    if name in sys.modules:
        callback()
    else:
        _finder.after.setdefault(name, []).append(callback)


def is_installed(name: str) -> bool:
    """Whether the top-level module ``name`` can be found on disk."""
    if name in sys.modules:
        return sys.modules[name] is not None
    # PathFinder first: the other finders would call back.
    spec: Optional[object] = PathFinder.find_spec(name)
    return spec is not None or importlib.util.find_spec(name) is not None
