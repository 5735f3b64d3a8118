from .loading import LoadPoseImage

__all__ = ['LoadPoseImage']
