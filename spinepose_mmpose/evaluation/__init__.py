"""Keypoint evaluation.

``people``, ``coco``, ``keypoint_errors`` and ``report`` need numpy alone;
``metric`` and ``evaluator`` register themselves in MMPose.
"""
