"""Pictures of people with their keypoints. Needs numpy and cv2 only."""

from .draw import draw_people, side_by_side, skeleton_only
from .style import BACKGROUNDS, DrawStyle

__all__ = [
    'BACKGROUNDS',
    'DrawStyle',
    'draw_people',
    'side_by_side',
    'skeleton_only',
]
