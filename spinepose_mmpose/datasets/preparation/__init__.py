"""SpineTrack from its published archives into its folder layout.

Standard library only.
"""

from .layout import PARTS, SPLITS, annotation_path, image_folder
from .options import Options
from .prepare import prepare

__all__ = [
    'PARTS',
    'SPLITS',
    'Options',
    'annotation_path',
    'image_folder',
    'prepare',
]
