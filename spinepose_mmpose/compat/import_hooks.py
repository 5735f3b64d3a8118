"""Callbacks around imports that have not happened yet.

``import spinepose_mmpose`` must stay light (the ONNX path needs neither torch
nor mmpose), and a shim must be in place before the package that it fixes is
used. So each shim waits for an import.
"""

import functools
import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import PathFinder

Callback = Callable[[], None]


class _HookFinder:
    """Finds nothing new, but runs the callbacks of a module when its name is
    first looked up (``before``) or the module was executed (``after``)."""

    def __init__(self) -> None:
        self.before: dict[str, list[Callback]] = {}
        self.after: dict[str, list[Callback]] = {}

    def find_spec(self, name: str, path=None, target=None):
        for callback in self.before.pop(name, ()):
            callback()
        if name not in self.after:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        specs = (other.find_spec(name, path, target) for other in others)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module):
                execute(module)
                for callback in self.after.pop(name, ()):
                    callback()

            spec.loader.exec_module = exec_module
        return spec


_finder = _HookFinder()


def install() -> None:
    """Put the finder first; a second call changes nothing."""
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def before_import(names: Sequence[str], callback: Callback) -> None:
    """Call ``callback`` once, before any of ``names`` is imported, or now where
    one of them has been."""
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
    find = PathFinder.find_spec, importlib.util.find_spec
    return any(found(name) is not None for found in find)
