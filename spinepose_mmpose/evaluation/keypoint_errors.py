"""What an AP does not tell: which keypoints are wrong, and in which way.

numpy only. Everything is measured on pairs of a labelled and a predicted
person. Letters: N pairs, K keypoints, C points of a chain.
"""

from typing import Dict, Optional, Sequence, Tuple

import numpy as np

from .coco import keypoint_similarity, oks_matrix
from .people import Detections, GroundTruth

# Bounds memory: 100 draws of 50,000 people take 40 MB per array.
DRAWS_AT_ONCE = 100


def match_people(
    ground_truth: GroundTruth,
    detections: Detections,
    sigmas: Sequence[float],
    min_oks: float = 0.5,
) -> Tuple[np.ndarray, np.ndarray]:
    """Pairs of people by OKS over all keypoints; the best detection chooses
    first. Crowds and people without a labelled keypoint are left out.

    Args:
        ground_truth (GroundTruth): Labelled people.
        detections (Detections): Predicted people.
        sigmas (sequence): (K, ).
        min_oks (float): Lowest similarity of a pair.

    Returns:
        tuple[np.ndarray, np.ndarray]: (N, ) rows of the ground truth and (N, )
        rows of the detections.
    """
    usable = ground_truth.labelled_people()
    pairs = []
    for image in np.unique(detections.image_index):
        gts = np.flatnonzero(usable & (ground_truth.image_index == image))
        dts = np.flatnonzero(detections.image_index == image)
        dts = dts[np.argsort(-detections.scores[dts], kind='stable')]
        oks = oks_matrix(
            detections.keypoints[dts],
            ground_truth.keypoints[gts],
            ground_truth.areas[gts],
            sigmas,
        )
        for row, dt in enumerate(dts):
            if gts.size and oks[row].max() >= min_oks:
                best = int(oks[row].argmax())
                pairs.append((gts[best], dt))
                oks[:, best] = -1
    pairs = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def keypoint_report(
    gt_keypoints: np.ndarray,
    dt_keypoints: np.ndarray,
    areas: np.ndarray,
    sigmas: Sequence[float],
    pck_fraction: float = 0.05,
    num_bootstrap: int = 1000,
    scales: Optional[np.ndarray] = None,
    groups: Optional[Sequence[Sequence[int]]] = None,
) -> Dict[str, np.ndarray]:
    """How well each keypoint is found, with 95 % confidence.

    Lengths are in units of the person's scale.

    Args:
        gt_keypoints (np.ndarray): (N, K, 3), [x, y] in pixels and visibility;
            only labelled keypoints count.
        dt_keypoints (np.ndarray): (N, K, 2 or 3), [x, y] in pixels first.
        areas (np.ndarray): (N, ), square pixels, for the OKS.
        sigmas (sequence): (K, ).
        pck_fraction (float): A keypoint is correct up to this length.
        num_bootstrap (int): See :func:`mean_with_confidence`.
        scales (np.ndarray, optional): (N, ), pixels. Default: the square root
            of the area.
        groups (sequence, optional): M groups of keypoint ids to be reported
            as one. Default: each keypoint by itself.

    Returns:
        dict[str, np.ndarray]: ``count`` (M, ) of labelled keypoints; ``oks``,
        ``pck`` and ``error`` (mean length), each (M, 3): value, lower and
        upper end; NaN where nothing is labelled.
    """
    labelled = gt_keypoints[..., 2] > 0
    offsets = dt_keypoints[..., :2] - gt_keypoints[..., :2]
    areas, sigmas = (np.asarray(v, np.float64) for v in (areas, sigmas))
    scales = np.sqrt(areas) if scales is None else np.asarray(scales)
    error = np.linalg.norm(offsets, axis=-1) / scales[:, None]
    values = dict(
        oks=keypoint_similarity(offsets, areas, sigmas),
        pck=(error <= pck_fraction).astype(np.float64),
        error=error,
    )
    if groups is None:
        groups = np.arange(labelled.shape[1])[:, None]

    def sums(array):
        parts = [array[:, list(ids)].sum(axis=1) for ids in groups]
        return np.stack(parts, axis=1).astype(np.float64)  # N, M

    counts = sums(labelled)
    means = mean_with_confidence(
        np.hstack([sums(np.where(labelled, v, 0)) for v in values.values()]),
        np.tile(counts, len(values)),
        num_bootstrap,
    )
    return dict(
        zip(values, np.split(means, len(values))),
        count=counts.sum(axis=0).astype(int),
    )


def chain_errors(
    gt_keypoints: np.ndarray, dt_keypoints: np.ndarray, chain: Sequence[int]
) -> Dict[str, np.ndarray]:
    """Shape of a chain such as the spine, whatever its place.

    Args:
        gt_keypoints (np.ndarray): (N, K, 3), [x, y] in pixels and visibility;
            a segment needs both ends labelled.
        dt_keypoints (np.ndarray): (N, K, 2 or 3), [x, y] in pixels first.
        chain (sequence): C keypoint ids in order.

    Returns:
        dict[str, np.ndarray]: In degrees, NaN where a label is missing:
        ``angle`` (N, C - 1), absolute error of the directions of the
        segments; ``curvature`` (N, C - 2), that of the turns between
        neighbouring segments; ``bend_labelled`` and ``bend_predicted``
        (N, C - 2), the absolute turns themselves.
    """
    chain = list(chain)
    labelled = gt_keypoints[:, chain, 2] > 0
    segments = labelled[:, 1:] & labelled[:, :-1]
    joints = segments[:, 1:] & segments[:, :-1]
    links = list(zip(chain, chain[1:]))
    gt_turns, dt_turns = (
        np.diff(_directions(points, links), axis=1)
        for points in (gt_keypoints, dt_keypoints)
    )
    return dict(
        angle=link_errors(gt_keypoints, dt_keypoints, links),
        curvature=_degrees(dt_turns - gt_turns, joints),
        bend_labelled=_degrees(gt_turns, joints),
        bend_predicted=_degrees(dt_turns, joints),
    )


def link_errors(
    gt_keypoints: np.ndarray,
    dt_keypoints: np.ndarray,
    links: Sequence[Tuple[int, int]],
) -> np.ndarray:
    """Absolute errors of the directions of links, (N, number of links).

    In degrees, NaN where a label of an end is missing; the arguments are as
    in :func:`chain_errors`.
    """
    start, end = np.array(links).T
    labelled = gt_keypoints[..., 2] > 0
    error = _directions(dt_keypoints, links) - _directions(gt_keypoints, links)
    return _degrees(error, labelled[:, start] & labelled[:, end])


def _directions(points: np.ndarray, links) -> np.ndarray:
    """(N, number of links), radians."""
    start, end = np.array(links).T
    dx, dy = np.moveaxis(points[:, end, :2] - points[:, start, :2], -1, 0)
    return np.arctan2(dy, dx)


def _degrees(angles: np.ndarray, valid: np.ndarray) -> np.ndarray:
    wrapped = np.arctan2(np.sin(angles), np.cos(angles))
    return np.where(valid, np.abs(np.degrees(wrapped)), np.nan)


def side_confusion(
    gt_keypoints: np.ndarray,
    dt_keypoints: np.ndarray,
    pairs: Sequence[Tuple[int, int]],
) -> np.ndarray:
    """Share of people whose left and right point of a pair are exchanged.

    They count as exchanged if the two predicted points together lie closer to
    the labelled points of the other side.

    Args:
        gt_keypoints (np.ndarray): (N, K, 3), [x, y] in pixels and visibility;
            both points need a label.
        dt_keypoints (np.ndarray): (N, K, 2 or 3), [x, y] in pixels first.
        pairs (sequence): (left, right) ids.

    Returns:
        np.ndarray: (number of pairs, ), NaN where nobody has both labels.
    """
    left, right = np.array(pairs).T
    gt, dt = gt_keypoints[..., :2], dt_keypoints[..., :2]

    def distance(a, b):
        return np.linalg.norm(dt[:, a] - gt[:, b], axis=-1)

    straight = distance(left, left) + distance(right, right)
    exchanged = distance(left, right) + distance(right, left) < straight
    both = (gt_keypoints[:, left, 2] > 0) & (gt_keypoints[:, right, 2] > 0)
    return mean_with_confidence(exchanged & both, both, 0)[:, 0]


def mean_with_confidence(
    sums: np.ndarray, counts: np.ndarray, num_bootstrap: int = 1000
) -> np.ndarray:
    """Means over people of M values, and their 95 % intervals.

    The intervals come from drawing the people anew with replacement.

    Args:
        sums (np.ndarray): (N, M), what a person adds to each value.
        counts (np.ndarray): (N, M), how many observations that is; 0 where
            there is none.
        num_bootstrap (int): Draws of N people; 0 gives no interval (NaN).

    Returns:
        np.ndarray: (M, 3): value, lower and upper end.
    """
    num_people = len(sums)
    total = counts.sum(axis=0)
    mean = sums.sum(axis=0) / np.where(total, total, np.nan)
    ends = np.full((2, sums.shape[1]), np.nan)
    if num_people and num_bootstrap:
        means = []
        for start in range(0, num_bootstrap, DRAWS_AT_ONCE):
            num_draws = min(DRAWS_AT_ONCE, num_bootstrap - start)
            chosen = np.random.default_rng(start).integers(
                num_people, size=(num_draws, num_people)
            )
            # How often each person is drawn; B, N.
            chosen += num_people * np.arange(num_draws)[:, None]
            size = num_draws * num_people
            draws = np.bincount(chosen.ravel(), minlength=size)
            draws = draws.reshape(num_draws, num_people).astype(np.float64)
            drawn = draws @ counts
            means.append(draws @ sums / np.where(drawn, drawn, np.nan))
        seen = total > 0
        ends[:, seen] = np.nanpercentile(
            np.concatenate(means)[:, seen], (2.5, 97.5), axis=0
        )
    return np.stack([mean, *ends], axis=1)
