from .bone_orientation_loss import BoneOrientationLoss, bone_orientation_loss
from .spine_smoothness_loss import (
    SpineSmoothnessLoss,
    smooth_chain,
    spine_smoothness_loss,
)

__all__ = [
    'BoneOrientationLoss',
    'SpineSmoothnessLoss',
    'bone_orientation_loss',
    'smooth_chain',
    'spine_smoothness_loss',
]
