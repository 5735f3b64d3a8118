"""What MMPose and mmdeploy get to know, under our own names.

Our classes register themselves when their modules are imported; that happens
right after the package of MMPose that holds their kind, which its registries
import on first use.
"""

import contextlib
import importlib
import pickle
import re

from . import zoo
from .compat.import_hooks import after_import, before_import
from .downloads import DownloadError

# imported module -> ours that register then
MODULES = {
    'mmpose.datasets': 'datasets.body datasets.collate datasets.lifting '
    'datasets.loading datasets.transforms',
    'mmpose.engine': 'engine.hooks engine.optim_wrapper',
    'mmpose.evaluation': 'evaluation.metric evaluation.mpjpe '
    'evaluation.evaluator',
    'mmpose.models': 'models',
    'mmdeploy.codebase.mmpose.deploy.pose_detection': 'deploy.rewriters',
}
# Modules of ours that are being imported.
_started = set()


def install() -> None:
    """Register where those modules are loaded, else as soon as they are."""
    for upstream, names in MODULES.items():
        ours = tuple(f'{__package__}.{name}' for name in names.split())
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
    """Checked downloads wherever MMEngine loads a checkpoint: ``load_from``,
    ``init_cfg=dict(type='Pretrained')`` and the inferencers.

    MMEngine fetches checkpoints through torch.hub without a look at their
    digest, by a loader for the longest prefix that fits.
    """
    from mmengine.runner.checkpoint import CheckpointLoader

    # MMEngine matches prefixes as regular expressions.
    addresses = zoo.SCHEME, zoo.SPINEPOSE, zoo.OPENMMLAB
    prefixes = [re.escape(address) for address in addresses]
    CheckpointLoader.register_scheme(prefixes, load_from_zoo, force=True)


# MMEngine logs the part of the name after 'load_from_'.
def load_from_zoo(filename: str, map_location=None) -> dict:
    """Load a checkpoint by ``spinepose://NAME`` or a URL; a DownloadError if
    the file cannot be had, or is not a checkpoint."""
    import torch

    try:
        path = zoo.resolve_weights(filename)
    except DownloadError as error:
        with contextlib.suppress(zoo.UnknownModel):
            model = zoo.find_model(filename.removeprefix(zoo.SCHEME))
            if model.family == 'teacher':  # read by training alone
                raise DownloadError(
                    f'{error}. To train from scratch without a download, add '
                    '--cfg-options load_from=None model.beta=0'
                ) from error
        raise
    try:
        return torch.load(path, map_location=map_location, weights_only=True)
    except (pickle.UnpicklingError, EOFError, RuntimeError) as error:
        reason = str(error).split('. ')[0] or type(error).__name__
        raise DownloadError(
            f'{path} is not a readable checkpoint ({reason}): delete it '
            'to have it downloaded again'
        ) from error
