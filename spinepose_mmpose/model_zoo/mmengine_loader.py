"""Checked downloads wherever mmengine loads a checkpoint.

mmengine fetches ``https://`` checkpoints through torch.hub without a look at
their digest. Its loader prefers the longest matching prefix, so the addresses
that this package knows more about get a loader of their own: the SpinePose
repository, and OpenMMLab's host with the digest in its file names. It serves
``load_from``, ``init_cfg=dict(type='Pretrained')`` and the inferencers, and
adds ``spinepose://NAME``. All other URLs stay with mmengine.
"""

import pickle
import re

from .errors import DownloadError
from .models import HUB, OPENMMLAB, UnknownModel, find_model
from .weights import SCHEME, resolve_weights

# mmengine matches prefixes as regular expressions.
PREFIXES = tuple(re.escape(p) for p in (SCHEME, HUB, OPENMMLAB))
# Teachers are read by training alone.
WITHOUT_TEACHER = (
    'To train from scratch without a download, add --cfg-options '
    'load_from=None model.beta=0'
)


# mmengine logs the part of the name after 'load_from_'.
def load_from_spinepose(filename, map_location=None):
    """Load a checkpoint by model name or URL.

    In distributed training one process of a machine downloads, the others
    wait for its file lock.

    Args:
        filename (str): ``spinepose://NAME`` or a URL.
        map_location: as in :func:`torch.load`.

    Returns:
        dict: the checkpoint.

    Raises:
        DownloadError: if the file cannot be had, or is no checkpoint.
    """
    import torch

    try:
        path = resolve_weights(filename)
    except DownloadError as error:
        if not _is_teacher(filename):
            raise
        raise DownloadError(f'{error}. {WITHOUT_TEACHER}') from error
    try:
        return torch.load(path, map_location=map_location, weights_only=True)
    except (pickle.UnpicklingError, EOFError, RuntimeError) as error:
        reason = str(error).split('. ')[0] or type(error).__name__
        raise DownloadError(
            f'{path} is no checkpoint that can be read ({reason}): delete it '
            'to have it downloaded again'
        ) from error


def _is_teacher(filename: str) -> bool:
    try:
        return find_model(filename.rsplit('/', 1)[-1]).family == 'teacher'
    except UnknownModel:
        return False


def register_loader() -> None:
    """Make mmengine use :func:`load_from_spinepose`; calling twice is fine."""
    from mmengine.runner.checkpoint import CheckpointLoader

    CheckpointLoader.register_scheme(PREFIXES, load_from_spinepose, force=True)
