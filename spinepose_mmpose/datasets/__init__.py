"""SpineTrack in MMPose, and the synthetic set.

The subpackages that need mmpose are imported by ``registered``; this package
itself needs nothing.
"""
