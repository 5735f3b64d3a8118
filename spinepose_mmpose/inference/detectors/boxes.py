"""Arithmetic of boxes, [x1, y1, x2, y2] in pixels."""

from typing import Optional, Tuple

import numpy as np


def box_iou(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union, (N, M), of N boxes with M others."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    overlap = np.maximum(high - low, 0).prod(axis=2)
    areas, other_areas = (
        np.maximum(b[:, 2:] - b[:, :2], 0).prod(axis=1) for b in (boxes, others)
    )
    union = areas[:, None] + other_areas[None] - overlap
    return overlap / np.maximum(union, np.finfo(np.float32).tiny)


def non_maximum_suppression(
    boxes: np.ndarray, scores: np.ndarray, iou_threshold: float
) -> np.ndarray:
    """Indices of the boxes to keep, the best score first.

    A box goes if a better one that is kept overlaps it by more than
    ``iou_threshold``.
    """
    rest = np.argsort(-scores, kind='stable')
    keep = []
    while rest.size:
        best, rest = rest[0], rest[1:]
        keep.append(best)
        overlap = box_iou(boxes[best : best + 1], boxes[rest])[0]
        rest = rest[overlap <= iou_threshold]
    return np.array(keep, dtype=np.int64)


def keep_people(
    boxes: np.ndarray,
    scores: np.ndarray,
    size: Tuple[int, int],
    score_threshold: float,
    nms_threshold: Optional[float] = None,
) -> Tuple[np.ndarray, np.ndarray]:
    """Boxes that are sure enough, within the image and not empty.

    Args:
        boxes: (N, 4).
        scores: (N,).
        size: (w, h) of the image in pixels.
        score_threshold: the lowest score that counts.
        nms_threshold: see :func:`non_maximum_suppression`; None leaves
            overlapping boxes.

    Returns:
        tuple: boxes (M, 4) and scores (M,) float32, the best score first.
    """
    boxes = np.asarray(boxes, dtype=np.float32)
    scores = np.asarray(scores, dtype=np.float32)
    sure = scores >= score_threshold
    boxes, scores = boxes[sure], scores[sure]
    if nms_threshold is None:
        order = np.argsort(-scores, kind='stable')
    else:
        order = non_maximum_suppression(boxes, scores, nms_threshold)
    boxes, scores = boxes[order], scores[order]
    boxes = boxes.clip(0, np.float32([*size, *size]))
    inside = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return boxes[inside], scores[inside]
