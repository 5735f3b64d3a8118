"""Keypoint evaluation.

``functional`` is the arithmetic and needs numpy alone; ``metrics`` holds the
MMPose component and is imported by the registration of the package.
"""
