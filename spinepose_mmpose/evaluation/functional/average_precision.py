"""Average precision and recall of ranked detections (COCO's definition)."""

from typing import Tuple

import numpy as np

# Precision is read at 101 recalls, 0, 0.01, ... 1.
RECALLS = np.linspace(0, 1, 101)


def precision_recall(
    hits: np.ndarray, misses: np.ndarray, num_people: int
) -> Tuple[np.ndarray, np.ndarray]:
    """Interpolated precision and final recall at T thresholds.

    Args:
        hits (np.ndarray): (T, D) bool, the detection is right; best detection
            first.
        misses (np.ndarray): (T, D) bool, it is wrong. Neither: it is ignored.
        num_people (int): People to be found, above 0.

    Returns:
        tuple[np.ndarray, np.ndarray]: Precision (T, 101) at the recalls and
        recall (T, ).
    """
    num_thresholds, num_dets = hits.shape
    precision = np.zeros((num_thresholds, len(RECALLS)))
    if num_dets == 0:
        return precision, np.zeros(num_thresholds)
    right = np.cumsum(hits, axis=1, dtype=np.float64)
    wrong = np.cumsum(misses, axis=1, dtype=np.float64)
    recall = right / num_people
    curve = right / (right + wrong + np.spacing(1))
    # The best precision at this recall or a higher one.
    curve = np.maximum.accumulate(curve[:, ::-1], axis=1)[:, ::-1]
    for t in range(num_thresholds):
        reached = np.searchsorted(recall[t], RECALLS, side='left')
        inside = reached < num_dets
        precision[t, inside] = curve[t, reached[inside]]
    return precision, recall[:, -1]
