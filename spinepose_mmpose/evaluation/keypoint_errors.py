"""What an AP does not tell: which keypoints are wrong, and in which way.

numpy only. Everything is measured on pairs of a labelled and a predicted
person. Letters: N pairs, K keypoints, C points of a chain.
"""

from typing import Dict, Sequence, Tuple

import numpy as np

from .coco import keypoint_similarity, oks_matrix
from .people import Detections, GroundTruth


def match_people(
    ground_truth: GroundTruth,
    detections: Detections,
    sigmas: Sequence[float],
    min_oks: float = 0.5,
) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of people by OKS over all keypoints; the best detection chooses
    first. Crowds and people without a labelled keypoint are left out.

    Returns:
        tuple[np.ndarray, np.ndarray, np.ndarray]: (N, ) rows of the ground
        truth, (N, ) rows of the detections and (N, ) OKS, ``min_oks`` or more.
    """
    usable = ground_truth.labelled_people()
    rows, found, similarities = [], [], []
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
                rows.append(gts[best])
                found.append(dt)
                similarities.append(oks[row, best])
                oks[:, best] = -1
    return np.array(rows, int), np.array(found, int), np.array(similarities)


def keypoint_errors(
    gt_keypoints: np.ndarray,
    dt_keypoints: np.ndarray,
    areas: np.ndarray,
    scales: np.ndarray,
    sigmas: Sequence[float],
    pck_fraction: float = 0.05,
) -> Dict[str, np.ndarray]:
    """How well each keypoint is found: ``oks``, ``pck`` (1 up to an error of
    ``pck_fraction``, else 0) and ``error``, the distance in ``scales`` (N, )
    pixels; each (N, K), NaN where a keypoint is not labelled. For the others
    see :func:`chain_errors` and :class:`GroundTruth`."""
    offsets = dt_keypoints[..., :2] - gt_keypoints[..., :2]
    offsets[gt_keypoints[..., 2] <= 0] = np.nan
    areas, sigmas = (np.asarray(v, np.float64) for v in (areas, sigmas))
    error = np.linalg.norm(offsets, axis=-1) / np.asarray(scales)[:, None]
    return dict(
        oks=keypoint_similarity(offsets, areas, sigmas),
        pck=np.where(np.isnan(error), np.nan, error <= pck_fraction),
        error=error,
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
    links = list(zip(chain, chain[1:]))
    gt, dt = (_directions(p, links) for p in (gt_keypoints, dt_keypoints))
    angle = link_errors(gt_keypoints, dt_keypoints, links)
    unknown = np.isnan(angle[:, 1:] + angle[:, :-1])
    gt_turns, dt_turns = np.diff(gt, axis=1), np.diff(dt, axis=1)
    bends = dict(
        curvature=dt_turns - gt_turns,
        bend_labelled=gt_turns,
        bend_predicted=dt_turns,
    )
    return dict(
        angle=angle,
        **{k: np.where(unknown, np.nan, _degrees(v)) for k, v in bends.items()},
    )


def link_errors(
    gt_keypoints: np.ndarray,
    dt_keypoints: np.ndarray,
    links: Sequence[Tuple[int, int]],
) -> np.ndarray:
    """Absolute errors of the directions of links, (N, number of links), in
    degrees, NaN where a label of an end is missing."""
    labelled = (gt_keypoints[:, np.array(links), 2] > 0).all(axis=-1)
    error = _directions(dt_keypoints, links) - _directions(gt_keypoints, links)
    return np.where(labelled, _degrees(error), np.nan)


def _directions(points: np.ndarray, links) -> np.ndarray:
    """(N, number of links), radians."""
    start, end = np.array(links).T
    dx, dy = np.moveaxis(points[:, end, :2] - points[:, start, :2], -1, 0)
    return np.arctan2(dy, dx)


def _degrees(angles: np.ndarray) -> np.ndarray:
    """Absolute size of angles in radians, the short way around."""
    return np.abs(np.degrees(np.arctan2(np.sin(angles), np.cos(angles))))


def side_confusion(
    gt_keypoints: np.ndarray,
    dt_keypoints: np.ndarray,
    pairs: Sequence[Tuple[int, int]],
) -> np.ndarray:
    """Whose left and right point of a pair are exchanged: (N, number of
    pairs), 0 or 1, NaN where a label is missing.

    They are if the two predicted points together lie closer to the labelled
    points of the other side.
    """
    left, right = np.array(pairs).T
    gt, dt = gt_keypoints[..., :2], dt_keypoints[..., :2]

    def distance(a, b):
        return np.linalg.norm(dt[:, a] - gt[:, b], axis=-1)

    straight = distance(left, left) + distance(right, right)
    exchanged = distance(left, right) + distance(right, left) < straight
    labelled = (gt_keypoints[:, np.array(pairs), 2] > 0).all(axis=-1)
    return np.where(labelled, exchanged, np.nan)


def mean_with_confidence(
    values: np.ndarray,
    groups: Sequence[Sequence[int]],
    num_bootstrap: int = 1000,
) -> Tuple[np.ndarray, np.ndarray]:
    """Means of M groups of columns of (N, K) values, NaN where nothing is
    known, and their 95 % intervals.

    The intervals are those of ``scipy.stats.bootstrap`` (percentiles) over
    the N people, but all columns share the draws, of which 0 give none (NaN).

    Returns:
        tuple[np.ndarray, np.ndarray]: (M, ) how many values are known, and
        (M, 3): mean, lower and upper end; NaN where none is.
    """
    num_people, num_columns = values.shape
    columns = np.arange(num_columns)[:, None]
    member = np.hstack([np.isin(columns, list(ids)) for ids in groups]) * 1.0
    known = ~np.isnan(values)
    # N, 2 M: what a person adds to the sums, and to the counts.
    both = np.hstack([np.where(known, values, 0) @ member, known @ member])

    def means(totals):
        sums, counts = np.split(totals, 2, axis=-1)
        return sums / np.where(counts, counts, np.nan)

    counts = known.sum(axis=0) @ member
    result = np.full((len(groups), 3), np.nan)
    result[:, 0] = means(both.sum(axis=0))
    if num_people and num_bootstrap:
        rng = np.random.default_rng(0)
        times = (
            np.bincount(
                rng.integers(num_people, size=num_people), None, num_people
            )
            for _ in range(num_bootstrap)
        )
        drawn = means(np.stack([n.astype(np.float64) @ both for n in times]))
        seen = counts > 0
        ends = np.nanpercentile(drawn[:, seen], (2.5, 97.5), axis=0)
        result[seen, 1:] = ends.T
    return counts.astype(int), result
