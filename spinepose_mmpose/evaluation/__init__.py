"""Keypoint evaluation.

``people``, ``coco``, ``predictions``, ``keypoint_errors`` and ``report`` need
numpy alone; ``metric`` and ``evaluator`` register themselves in MMPose.
"""
