"""albumentations renamed CoarseDropout's arguments and ignores the old ones;
it also moved augmentations.transforms, which mmpose reads."""

import inspect
import sys

VERSIONS = 'albumentations >= 2 with mmpose 1.3.2'
REMOVE_WHEN = "mmpose's configs use the new names"
AFTER = 'mmpose.datasets.transforms.common_transforms'


def probe() -> str | None:
    try:
        import albumentations
    except ImportError:
        return None
    known = inspect.signature(albumentations.CoarseDropout.__init__).parameters
    if 'max_holes' in known:
        return None
    return (
        f'albumentations {albumentations.__version__} ignores '
        "CoarseDropout's max_holes, max_height, max_width"
    )


def renamed(args: dict) -> dict:
    """CoarseDropout's arguments in the spelling of albumentations 2, from
    either one; a missing minimum equals the maximum, as in albumentations 1."""
    args = dict(args)
    for new, old in (
        ('num_holes_range', 'holes'),
        ('hole_height_range', 'height'),
        ('hole_width_range', 'width'),
    ):
        low, high = args.pop(f'min_{old}', None), args.pop(f'max_{old}', None)
        if (low, high) != (None, None):
            high = 8 if high is None else high  # its default
            args[new] = (high if low is None else low, high)
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
