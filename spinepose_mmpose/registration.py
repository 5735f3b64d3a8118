"""What MMPose and mmdeploy get to know, under our own names.

Our classes register themselves when their modules are imported; that happens
right after the package of MMPose that holds their kind, which its registries
import on first use.
"""

import importlib

from .compat.import_hooks import after_import

# imported module -> ours that register then
MODULES = {
    'mmpose.datasets': ('datasets.registered',),
    'mmpose.engine': ('engine.hooks', 'engine.optim_wrapper'),
    'mmpose.evaluation': ('evaluation.metric', 'evaluation.evaluator'),
    'mmpose.models': ('models',),
    'mmdeploy.codebase.mmpose.deploy.pose_detection': (
        'deploy.pose_detection',
        'deploy.rewriters',
    ),
}


def install() -> None:
    """Register where those modules are loaded, else as soon as they are."""
    for upstream, ours in MODULES.items():
        after_import(upstream, lambda ours=ours: _import(ours))
    after_import('mmengine.runner.checkpoint', _register_downloads)


def _import(names) -> None:
    for name in names:
        importlib.import_module(f'{__package__}.{name}')


def _register_downloads() -> None:
    """``spinepose://NAME`` and checked downloads wherever MMEngine loads a
    checkpoint."""
    from .model_zoo import register_loader

    register_loader()
