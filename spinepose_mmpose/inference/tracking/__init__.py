"""Who is who over time. Needs numpy; scipy once two people are compared."""

from .pose_tracker import PoseTracker
from .tracker import Tracker

__all__ = ['PoseTracker', 'Tracker']
