"""Imports what registers itself with MMPose's registries."""

from .batches import pose_collate
from .body import SpineTrackDataset
from .transforms import LoadPoseImage

__all__ = ['LoadPoseImage', 'SpineTrackDataset', 'pose_collate']
