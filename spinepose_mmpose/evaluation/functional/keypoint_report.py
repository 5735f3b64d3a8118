"""What an AP does not tell: which keypoints are wrong, and in which way.

Everything here is measured on pairs of a labelled and a predicted person.
Letters: N pairs, K keypoints, C points of a chain.
"""
from typing import Dict, Sequence, Tuple

import numpy as np

from .oks import keypoint_similarity, oks_matrix
from .people import Detections, GroundTruth


def match_people(ground_truth: GroundTruth,
                 detections: Detections,
                 sigmas: Sequence[float],
                 min_oks: float = 0.5) -> Tuple[np.ndarray, np.ndarray]:
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
    usable = (ground_truth.keypoints[..., 2] > 0).any(axis=1)
    usable &= ~ground_truth.crowd
    pairs = []
    for image in np.unique(detections.image_index):
        gts = np.flatnonzero(usable & (ground_truth.image_index == image))
        dts = np.flatnonzero(detections.image_index == image)
        dts = dts[np.argsort(-detections.scores[dts], kind='stable')]
        oks = oks_matrix(detections.keypoints[dts],
                         ground_truth.keypoints[gts], ground_truth.areas[gts],
                         sigmas)
        for row, dt in enumerate(dts):
            if gts.size and oks[row].max() >= min_oks:
                best = int(oks[row].argmax())
                pairs.append((gts[best], dt))
                oks[:, best] = -1
    pairs = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def keypoint_report(gt_keypoints: np.ndarray,
                    dt_keypoints: np.ndarray,
                    areas: np.ndarray,
                    sigmas: Sequence[float],
                    pck_fraction: float = 0.05,
                    num_bootstrap: int = 1000,
                    seed: int = 0) -> Dict[str, np.ndarray]:
    """How well each keypoint is found, with 95 % confidence.

    Lengths are in units of the person's scale, the square root of the area.
    The confidence comes from drawing the pairs anew with replacement.

    Args:
        gt_keypoints (np.ndarray): (N, K, 3), [x, y] in pixels and visibility;
            only labelled keypoints count.
        dt_keypoints (np.ndarray): (N, K, 2 or 3), [x, y] in pixels first.
        areas (np.ndarray): (N, ), square pixels.
        sigmas (sequence): (K, ).
        pck_fraction (float): A keypoint is correct up to this length.
        num_bootstrap (int): Draws.
        seed (int): Of the draws.

    Returns:
        dict[str, np.ndarray]: ``count`` (K, ); ``oks``, ``pck`` and ``error``
        (mean length), each (K, 3): value, lower and upper end; NaN for a
        keypoint that is never labelled.
    """
    labelled = gt_keypoints[..., 2] > 0
    offsets = dt_keypoints[..., :2] - gt_keypoints[..., :2]
    areas = np.asarray(areas, dtype=np.float64)
    error = np.linalg.norm(offsets, axis=-1) / np.sqrt(areas)[:, None]
    values = dict(
        oks=keypoint_similarity(offsets, areas,
                                np.asarray(sigmas, dtype=np.float64)),
        pck=(error <= pck_fraction).astype(np.float64),
        error=error)
    report = dict(count=labelled.sum(axis=0))
    for name, value in values.items():
        report[name] = _mean_with_confidence(value, labelled, num_bootstrap,
                                             seed)
    return report


def chain_report(gt_keypoints: np.ndarray, dt_keypoints: np.ndarray,
                 chain: Sequence[int]) -> Dict[str, float]:
    """Shape of a chain such as the spine, whatever its place.

    Args:
        gt_keypoints (np.ndarray): (N, K, 3), [x, y] in pixels and visibility;
            a segment needs both ends labelled.
        dt_keypoints (np.ndarray): (N, K, 2 or 3), [x, y] in pixels first.
        chain (sequence): C keypoint ids in order.

    Returns:
        dict[str, float]: ``angle``: mean absolute error of the directions of
        the C - 1 segments; ``curvature``: that of the C - 2 turns between
        neighbouring segments; both in degrees, NaN if nothing is labelled.
    """
    chain = list(chain)
    labelled = gt_keypoints[:, chain, 2] > 0
    segments = labelled[:, 1:] & labelled[:, :-1]
    gt_angles, dt_angles = (_directions(k[:, chain, :2])
                            for k in (gt_keypoints, dt_keypoints))
    angle = np.abs(_wrapped(dt_angles - gt_angles))
    turns = np.abs(
        _wrapped(_wrapped(np.diff(dt_angles, axis=1)) -
                 _wrapped(np.diff(gt_angles, axis=1))))
    return dict(
        angle=_degrees(angle[segments]),
        curvature=_degrees(turns[segments[:, 1:] & segments[:, :-1]]))


def side_confusion(gt_keypoints: np.ndarray, dt_keypoints: np.ndarray,
                   pairs: Sequence[Tuple[int, int]]) -> np.ndarray:
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

    def distance(dt_ids, gt_ids):
        return np.linalg.norm(
            dt_keypoints[:, dt_ids, :2] - gt_keypoints[:, gt_ids, :2], axis=-1)

    exchanged = (distance(left, right) + distance(right, left) <
                 distance(left, left) + distance(right, right))
    both = (gt_keypoints[:, left, 2] > 0) & (gt_keypoints[:, right, 2] > 0)
    return _mean(exchanged, both)


def _mean(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    count = valid.sum(axis=0)
    return np.where(valid, values, 0).sum(axis=0) / np.where(
        count, count, np.nan)


def _mean_with_confidence(values, valid, num_bootstrap, seed) -> np.ndarray:
    """(N, K) to (K, 3): mean over the valid and its 95 % interval."""
    num_pairs = len(values)
    mean = _mean(values, valid)
    if num_pairs == 0:
        return np.stack([mean] * 3, axis=1)
    # How often each pair is drawn; B, N.
    draws = np.random.default_rng(seed).multinomial(
        num_pairs, np.full(num_pairs, 1 / num_pairs), num_bootstrap)
    counts = draws @ valid
    means = draws @ np.where(valid, values, 0) / np.where(
        counts, counts, np.nan)
    seen = valid.any(axis=0)
    ends = np.full((2, values.shape[1]), np.nan)
    ends[:, seen] = np.nanpercentile(means[:, seen], (2.5, 97.5), axis=0)
    return np.stack([mean, *ends], axis=1)


def _directions(points: np.ndarray) -> np.ndarray:
    """(N, C, 2) to (N, C - 1), radians."""
    dx, dy = np.moveaxis(np.diff(points, axis=1), -1, 0)
    return np.arctan2(dy, dx)


def _wrapped(angles: np.ndarray) -> np.ndarray:
    return np.arctan2(np.sin(angles), np.cos(angles))


def _degrees(angles: np.ndarray) -> float:
    return float(np.degrees(angles.mean())) if angles.size else float('nan')
