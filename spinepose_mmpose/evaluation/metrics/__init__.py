from .spinetrack_metric import SpineTrackMetric

__all__ = ['SpineTrackMetric']
