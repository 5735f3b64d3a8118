"""Imports what registers itself with MMPose's DATASETS and TRANSFORMS."""

from .body import SpineTrackDataset
from .transforms import LoadPoseImage

__all__ = ['LoadPoseImage', 'SpineTrackDataset']
