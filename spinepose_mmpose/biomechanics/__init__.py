"""Posture and movement from keypoints, in 2D or 3D. Imports numpy and scipy
only."""

from .analysis import (
    Gait,
    GaitEvent,
    Range,
    Series,
    gait,
    posture,
    range_of_motion,
    symmetry,
)
from .measures import MEASURES, Measure, View
from .planes import planes_of
from .spine import curvature, spine_curve, tangent_angles

__all__ = [
    'MEASURES', 'Gait', 'GaitEvent', 'Measure', 'Range', 'Series', 'View',
    'curvature', 'gait', 'planes_of', 'posture', 'range_of_motion',
    'spine_curve', 'symmetry', 'tangent_angles',
]  # fmt: skip
