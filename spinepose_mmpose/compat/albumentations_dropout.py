"""albumentations renamed CoarseDropout's arguments and ignores the old ones;
it also moved augmentations.transforms, which mmpose reads."""

import inspect
import sys
from typing import Optional

from .import_hooks import is_installed

VERSIONS = 'albumentations >= 2 with mmpose 1.3.2'
REMOVE_WHEN = "mmpose's configs use the new names"
AFTER = 'mmpose.datasets.transforms.common_transforms'


def probe() -> Optional[str]:
    if not is_installed('albumentations'):
        return None
    import albumentations

    known = inspect.signature(albumentations.CoarseDropout.__init__).parameters
    if 'max_holes' in known:
        return None
    return (
        f'albumentations {albumentations.__version__} ignores '
        "CoarseDropout's max_holes, max_height, max_width"
    )


def renamed(args: dict) -> dict:
    """CoarseDropout's arguments in the spelling of albumentations 2, from
    either one.

    Heights and widths are pixels (int) or shares of the image (float); a
    missing minimum equals the maximum, as in albumentations 1.
    """
    args = dict(args)
    for new, low, high, default in (
        ('num_holes_range', 'min_holes', 'max_holes', 8),
        ('hole_height_range', 'min_height', 'max_height', 8),
        ('hole_width_range', 'min_width', 'max_width', 8),
    ):
        lowest, highest = args.pop(low, None), args.pop(high, None)
        if lowest is None and highest is None:
            continue
        highest = default if highest is None else highest
        args[new] = (highest if lowest is None else lowest, highest)
    for new, old in (('fill', 'fill_value'), ('fill_mask', 'mask_fill_value')):
        if old in args:
            args[new] = args.pop(old)
    return args


def apply() -> None:
    from albumentations import augmentations

    if not hasattr(augmentations, 'transforms'):
        # mmpose looks a transform up there to warn of spatial ones.
        augmentations.transforms = augmentations.pixel.transforms
    cls = sys.modules[AFTER].Albumentation
    build = cls.albu_builder

    def albu_builder(self, cfg: dict):
        if cfg.get('type') == 'CoarseDropout':
            cfg = renamed(cfg)
        return build(self, cfg)

    cls.albu_builder = albu_builder
