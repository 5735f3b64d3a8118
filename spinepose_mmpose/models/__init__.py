"""What MMPose builds by name: the distiller, its losses, the
preprocessor, the lifter."""

from .data_preprocessor import SpinePoseDataPreprocessor
from .distiller import SpinePoseDistiller
from .lifter import CentredRegressionHead, CentredTCN
from .lifter_data import LifterDataPreprocessor
from .losses import BoneOrientationLoss, SpineSmoothnessLoss

__all__ = [
    'BoneOrientationLoss',
    'CentredRegressionHead',
    'CentredTCN',
    'LifterDataPreprocessor',
    'SpinePoseDataPreprocessor',
    'SpinePoseDistiller',
    'SpineSmoothnessLoss',
]
