"""Suppression of people detected twice, by OKS.

Between detections nobody is labelled: all K keypoints count, and the area is
the mean of the two, as in MMPose's ``oks_nms``.
"""

from typing import List, Sequence

import numpy as np

from .oks import EPSILON

# Pairs are compared in slices of this many, which bounds memory: 8,192 pairs
# of 37 keypoints take 2.4 MB an array.
PAIRS_AT_ONCE = 8192


def oks_nms(
    keypoints: np.ndarray,
    scores: Sequence[float],
    areas: Sequence[float],
    sigmas: Sequence[float],
    threshold: float,
) -> np.ndarray:
    """Keep the best of each group of similar people in one image.

    Args:
        keypoints (np.ndarray): (N, K, 2 or 3), [x, y] in pixels first.
        scores (sequence): (N, ).
        areas (sequence): (N, ), square pixels.
        sigmas (sequence): (K, ).
        threshold (float): A person is dropped if the OKS with a better one is
            above it.

    Returns:
        np.ndarray: Indices of the kept, best first.
    """
    return grouped_oks_nms(
        keypoints,
        scores,
        areas,
        sigmas,
        threshold,
        np.zeros(len(scores), dtype=np.int64),
    )[0]


def soft_oks_nms(
    keypoints: np.ndarray,
    scores: Sequence[float],
    areas: Sequence[float],
    sigmas: Sequence[float],
    threshold: float,
    max_people: int = 20,
) -> np.ndarray:
    """Order people so that one similar to a better one comes late.

    The score of each remaining person is multiplied by
    ``exp(-OKS^2 / threshold)`` whenever one is taken. Only the order and the
    choice follow from it: as in MMPose's metric, the scores themselves stay.

    Args:
        keypoints, scores, areas, sigmas: As in :func:`oks_nms`.
        threshold (float): Width of the penalty.
        max_people (int): Number to keep at most.

    Returns:
        np.ndarray: Indices of the kept in the order taken.
    """
    xy = np.asarray(keypoints, dtype=np.float64)[..., :2]
    areas = np.asarray(areas, dtype=np.float64)
    left = _best_first(scores)
    left_scores = np.asarray(scores, dtype=np.float64)[left]
    kept = []
    while left.size and len(kept) < max_people:
        best, left = left[0], left[1:]
        kept.append(best)
        oks = _pair_oks(xy, areas, np.full(len(left), best), left, sigmas)
        left_scores = left_scores[1:] * np.exp(-(oks**2) / threshold)
        order = _best_first(left_scores)
        left, left_scores = left[order], left_scores[order]
    return np.array(kept, dtype=np.int64)


def grouped_oks_nms(
    keypoints: np.ndarray,
    scores: Sequence[float],
    areas: Sequence[float],
    sigmas: Sequence[float],
    threshold: float,
    groups: np.ndarray,
) -> List[np.ndarray]:
    """:func:`oks_nms` of many images at once.

    Args:
        keypoints, scores, areas, sigmas, threshold: As in :func:`oks_nms`.
        groups (np.ndarray): (N, ), the image of each person, 0, 1, ...

    Returns:
        list[np.ndarray]: Kept indices of each image, best first.
    """
    xy = np.asarray(keypoints, dtype=np.float64)[..., :2]
    scores = np.asarray(scores, dtype=np.float64)
    areas = np.asarray(areas, dtype=np.float64)
    num_groups = int(groups.max()) + 1 if len(groups) else 1
    order = _best_first(scores)
    order = order[np.argsort(groups[order], kind='stable')]

    better, worse = _pairs_within(groups[order])
    similar = np.zeros(len(better), dtype=bool)
    for start in range(0, len(better), PAIRS_AT_ONCE):
        part = slice(start, start + PAIRS_AT_ONCE)
        similar[part] = (
            _pair_oks(
                xy, areas, order[better[part]], order[worse[part]], sigmas
            )
            > threshold
        )

    dropped = np.zeros(len(order), dtype=bool)
    # Pairs come by the better person, who is settled before the worse.
    for a, b in zip(better[similar].tolist(), worse[similar].tolist()):
        if not dropped[a]:
            dropped[b] = True
    kept = order[~dropped]
    ends = np.searchsorted(groups[kept], np.arange(1, num_groups))
    return np.split(kept, ends)


def _best_first(scores) -> np.ndarray:
    """Indices by falling score; of equals the last comes first (MMPose)."""
    return np.argsort(np.asarray(scores, np.float64), kind='stable')[::-1]


def _pairs_within(groups: np.ndarray):
    """All position pairs i < j of the same group in a sorted array, by i."""
    ends = np.searchsorted(groups, groups, side='right')
    followers = ends - np.arange(len(groups)) - 1
    first = np.repeat(np.arange(len(groups)), followers)
    offset = np.arange(len(first)) - np.repeat(
        np.cumsum(followers) - followers, followers
    )
    return first, first + 1 + offset


def _pair_oks(xy, areas, a: np.ndarray, b: np.ndarray, sigmas) -> np.ndarray:
    area = (areas[a] + areas[b]) / 2 + EPSILON
    exponent = ((xy[a] - xy[b]) ** 2).sum(axis=-1)
    exponent /= (2 * np.asarray(sigmas, dtype=np.float64)) ** 2
    return np.exp(-exponent / area[:, None] / 2).mean(axis=1)
