"""Checked downloads wherever mmengine loads a checkpoint.

mmengine fetches ``https://`` checkpoints through torch.hub without a look at
their digest. Its loader prefers the longest matching prefix, so the addresses
that this package knows more about get a loader of their own: the SpinePose
repository, and OpenMMLab's host with the digest in its file names. It serves
``load_from``, ``init_cfg=dict(type='Pretrained')`` and the inferencers, and
adds ``spinepose://NAME``. All other URLs stay with mmengine.
"""

import re

from .models import HUB, OPENMMLAB
from .weights import SCHEME, resolve_weights

# mmengine matches prefixes as regular expressions.
PREFIXES = tuple(re.escape(p) for p in (SCHEME, HUB, OPENMMLAB))


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
    """
    import torch

    return torch.load(
        resolve_weights(filename),
        map_location=map_location,
        weights_only=True)


def register_loader() -> None:
    """Make mmengine use :func:`load_from_spinepose`; calling twice is fine."""
    from mmengine.runner.checkpoint import CheckpointLoader

    CheckpointLoader.register_scheme(PREFIXES, load_from_spinepose, force=True)
