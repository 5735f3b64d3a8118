"""One score for a detected person."""

import numpy as np

SCORE_MODES = ('bbox', 'bbox_keypoint', 'bbox_rle', 'keypoint')


def person_scores(
    keypoint_scores: np.ndarray,
    box_scores: np.ndarray,
    mode: str = 'bbox_keypoint',
    keypoint_score_thr: float = 0.2,
) -> np.ndarray:
    """Scores that rank the detections, as MMPose's ``CocoMetric`` forms them.

    Args:
        keypoint_scores (np.ndarray): (N, K).
        box_scores (np.ndarray): (N, ).
        mode (str): ``bbox``: the box score. ``bbox_keypoint``: box score
            times the mean of the keypoint scores above the threshold, 0 if
            none is. ``bbox_rle``: box score plus mean plus maximum of the
            keypoint scores. ``keypoint``: mean of the keypoint scores.
        keypoint_score_thr (float): For ``bbox_keypoint``.

    Returns:
        np.ndarray: (N, ).

    Raises:
        ValueError: Unknown mode.
    """
    keypoint_scores = np.asarray(keypoint_scores, dtype=np.float64)
    box_scores = np.asarray(box_scores, dtype=np.float64)
    if mode == 'bbox':
        return box_scores.copy()
    if mode == 'keypoint':
        return keypoint_scores.mean(axis=1)
    if mode == 'bbox_rle':
        return (
            box_scores
            + keypoint_scores.mean(axis=1)
            + keypoint_scores.max(axis=1)
        )
    if mode == 'bbox_keypoint':
        counted = keypoint_scores > keypoint_score_thr
        total = np.where(counted, keypoint_scores, 0).sum(axis=1)
        return box_scores * total / np.maximum(counted.sum(axis=1), 1)
    raise ValueError(
        f"score_mode should be one of {SCORE_MODES}, but is '{mode}'."
    )
