"""Steadier keypoints: live (One-Euro) or afterwards (Hampel, Butterworth).

All filters run over time, one keypoint at a time. None averages neighbours in
space: that would flatten the spine's curves, which are what is measured.
"""

from .butterworth import butterworth
from .hampel import hampel_outliers
from .offline import smooth_tracks
from .one_euro import OneEuroSmoother

__all__ = [
    'OneEuroSmoother',
    'butterworth',
    'hampel_outliers',
    'smooth_tracks',
]
