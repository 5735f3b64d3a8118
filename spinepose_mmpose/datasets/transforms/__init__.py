from .fast_augmentations import (
    FastPhotometricDistortion,
    FastRandomBBoxTransform,
    FastRandomFlip,
)
from .fast_target import FastGenerateTarget
from .loading import LoadPoseImage
from .topdown_affine import TopdownAffine

__all__ = [
    'FastGenerateTarget',
    'FastPhotometricDistortion',
    'FastRandomBBoxTransform',
    'FastRandomFlip',
    'LoadPoseImage',
    'TopdownAffine',
]
