"""How alike poses and boxes are, and who is who by it: arrays alone."""

from functools import lru_cache
from typing import List, Sequence, Tuple

from spinepose_mmpose.metainfo import KEYPOINT_IDS, SIGMAS

import numpy as np

# Of keypoints that are not SpineTrack's: a typical one.
OTHER_SIGMA = 0.08
# COCO measures OKS by the area of the outline, about this share of the box.
OUTLINE_SHARE = 0.53
# With fewer points in common a pose says too little; the boxes decide alone.
LEAST_COMMON_POINTS = 3


@lru_cache(maxsize=16)
def sigmas_of(names: Tuple[str, ...]) -> np.ndarray:
    """(K,) OKS sigmas by keypoint name."""
    return np.array(
        [
            SIGMAS[KEYPOINT_IDS[name]] if name in KEYPOINT_IDS else OTHER_SIGMA
            for name in names
        ]
    )


def box_areas(boxes: np.ndarray) -> np.ndarray:
    """(N,) square pixels of (N, 4) boxes [x1, y1, x2, y2]; never below 1."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return np.maximum(sides.prod(axis=1), 1.0)


def box_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(A, B) intersection over union of (A, 4) and (B, 4) [x1, y1, x2, y2]."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = np.maximum(high - low, 0).prod(axis=2)
    return common / (box_areas(a)[:, None] + box_areas(b)[None] - common)


def pose_oks(
    a: np.ndarray,
    b: np.ndarray,
    common: np.ndarray,
    areas: np.ndarray,
    sigmas: np.ndarray,
    drift: np.ndarray = 0.0,
) -> np.ndarray:
    """OKS of A poses with B poses over the keypoints that both show.

    ``exp(-d^2 / (2 s^2 ((2 sigma)^2 + drift^2)))``, averaged: with drift 0 the
    OKS of COCO, s^2 the area of the outline. Drift widens it for a pose that
    was predicted from long ago.

    Args:
        a, b: (A, K, 2) and (B, K, 2), [x, y] in pixels.
        common: (A, B, K) bool, the keypoints to compare.
        areas: (A, B) of the boxes in square pixels.
        sigmas: (K,).
        drift: (A, 1), in square roots of the outline's area.

    Returns:
        (A, B), 0 to 1; 0 without a common keypoint.
    """
    distance = ((a[:, None] - b[None]) ** 2).sum(axis=3)  # A, B, K
    width = (2 * sigmas) ** 2 + np.square(drift)[..., None]
    terms = np.exp(-distance / (2 * OUTLINE_SHARE * areas[..., None] * width))
    return np.where(common, terms, 0).sum(axis=2) / np.maximum(
        common.sum(axis=2), 1
    )


def similarity(
    oks: np.ndarray, iou: np.ndarray, common: np.ndarray, oks_weight: float
) -> np.ndarray:
    """(A, B) mix of both; box IoU alone where too few keypoints are common."""
    mix = oks_weight * oks + (1 - oks_weight) * iou
    return np.where(common.sum(axis=2) >= LEAST_COMMON_POINTS, mix, iou)


def assign(similarities: np.ndarray, threshold: float) -> List[Tuple[int, int]]:
    """Pairs (row, column) with the greatest sum of similarities.

    Pairs below the threshold are never made.
    """
    allowed = similarities >= threshold
    if not allowed.any():
        return []
    if 1 in similarities.shape:
        best = int(np.where(allowed, similarities, -1).argmax())
        row, column = np.unravel_index(best, similarities.shape)
        return [(int(row), int(column))]
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(
        np.where(allowed, similarities, 0.0), maximize=True
    )
    return [(int(i), int(j)) for i, j in zip(rows, columns) if allowed[i, j]]


def unique_people(
    poses: np.ndarray,
    seen: np.ndarray,
    boxes: np.ndarray,
    confidences: Sequence[float],
    sigmas: np.ndarray,
    threshold: float,
) -> List[int]:
    """Without the second poses of one person: the ones to keep, ascending.

    Two poses are of one person if the OKS over their common keypoints, taken
    with the smaller area, reaches the threshold. The more confident one
    stays; of equals the earlier.

    Args:
        poses: (N, K, 2), [x, y] in pixels.
        seen: (N, K) bool, keypoints to rely on.
        boxes: (N, 4), [x1, y1, x2, y2] in pixels.
        confidences: (N,).
        sigmas: (K,).
    """
    if len(poses) < 2:
        return list(range(len(poses)))
    common = seen[:, None] & seen[None]
    areas = pose_areas(poses, seen, boxes)
    oks = pose_oks(
        poses, poses, common, np.minimum(areas[:, None], areas[None]), sigmas
    )
    # Few common points must not remove a person half hidden by another one.
    fewer = np.minimum(seen.sum(axis=1)[:, None], seen.sum(axis=1)[None])
    same = (oks >= threshold) & (
        common.sum(axis=2) >= np.maximum(LEAST_COMMON_POINTS, 0.5 * fewer)
    )
    kept: List[int] = []
    for i in np.argsort(-np.asarray(confidences), kind='stable'):
        if not same[i, kept].any():
            kept.append(int(i))
    return sorted(kept)


def pose_areas(
    poses: np.ndarray, seen: np.ndarray, boxes: np.ndarray
) -> np.ndarray:
    """(N,) areas of the bounds of the seen keypoints; of the box without."""
    bounds = pose_bounds(poses, seen, boxes)
    return np.minimum(box_areas(bounds), box_areas(boxes))


def pose_bounds(
    poses: np.ndarray, seen: np.ndarray, boxes: np.ndarray
) -> np.ndarray:
    """(N, 4) bounds of the seen keypoints; the box where they are too few."""
    low = np.where(seen[..., None], poses, np.inf).min(1, initial=np.inf)
    high = np.where(seen[..., None], poses, -np.inf).max(1, initial=-np.inf)
    enough = seen.sum(axis=1) >= LEAST_COMMON_POINTS
    return np.where(enough[:, None], np.concatenate([low, high], 1), boxes)


def common_shift(errors: np.ndarray) -> np.ndarray:
    """(2,) pixels that a moved camera explains; zero where people disagree.

    Args:
        errors: (N, 2), measured minus predicted place of each person.
    """
    if len(errors) < 2:
        return np.zeros(2)
    shift = np.median(errors, axis=0)
    spread = np.median(np.linalg.norm(errors - shift, axis=1))
    agree = spread < 0.5 * np.linalg.norm(shift)
    return shift if agree else np.zeros(2)
