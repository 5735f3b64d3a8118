"""What MMPose builds by name: the distiller, its losses, the preprocessor."""

from .data_preprocessor import SpinePoseDataPreprocessor
from .distiller import SpinePoseDistiller
from .losses import BoneOrientationLoss, SpineSmoothnessLoss

__all__ = [
    'BoneOrientationLoss',
    'SpinePoseDataPreprocessor',
    'SpinePoseDistiller',
    'SpineSmoothnessLoss',
]
