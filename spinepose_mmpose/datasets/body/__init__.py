# MMPoseInferencer picks its default detector by the word after "datasets." in
# a dataset's module: "body" gives RTMDet for people.
from .spinetrack_dataset import SpineTrackDataset

__all__ = ['SpineTrackDataset']
