"""What MMPose and mmdeploy get to know, under our own names.

Our classes register themselves when their modules are imported; that happens
right after the package of MMPose that holds their kind, which its registries
import on first use.
"""

import importlib

from .compat.import_hooks import after_import, before_import

# imported module -> ours that register then
MODULES = {
    'mmpose.datasets': (
        'datasets.body',
        'datasets.collate',
        'datasets.loading',
        'datasets.transforms',
    ),
    'mmpose.engine': ('engine.hooks', 'engine.optim_wrapper'),
    'mmpose.evaluation': ('evaluation.metric', 'evaluation.evaluator'),
    'mmpose.models': ('models',),
    'mmdeploy.codebase.mmpose.deploy.pose_detection': (
        'deploy.pose_detection',
        'deploy.rewriters',
    ),
}
# Modules of ours that are being imported.
_started = set()


def install() -> None:
    """Register where those modules are loaded, else as soon as they are."""
    for upstream, names in MODULES.items():
        ours = tuple(f'{__package__}.{name}' for name in names)
        for name in ours:
            before_import((name,), lambda name=name: _started.add(name))
            after_import(name, lambda name=name, ours=ours: _end(name, ours))
        after_import(upstream, lambda ours=ours: _import(ours))
    after_import('mmengine.runner.checkpoint', _register_downloads)


def _end(name: str, ours: tuple) -> None:
    _started.discard(name)
    _import(ours)


def _import(ours: tuple) -> None:
    """Import all, unless one is half imported: its end calls this again."""
    for name in ours:
        if _started.isdisjoint(ours):
            importlib.import_module(name)


def _register_downloads() -> None:
    """``spinepose://NAME`` and checked downloads wherever MMEngine loads a
    checkpoint."""
    from .model_zoo import register_loader

    register_loader()
