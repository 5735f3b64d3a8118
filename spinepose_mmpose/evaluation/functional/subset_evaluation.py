"""COCO keypoint AP and AR of several keypoint subsets in one pass.

COCO's evaluation would read the files, compare all pairs of people and match
them once a subset. Here the distances of the pairs are shared by the subsets.

Cost: with P pairs of a detection and a person in the same image, K keypoints,
S subsets, A area ranges and T thresholds, P K exponentials and P S A T
comparisons; memory is 8 P S bytes for the similarities and 2 D S A T for D
detections, beside slices of fixed size.
"""

from typing import Dict, Sequence, Tuple

import numpy as np

from .average_precision import RECALLS, precision_recall
from .matching import match_images
from .oks import subset_oks
from .people import Detections, GroundTruth

COCO_OKS_THRESHOLDS = np.linspace(0.5, 0.95, 10)
# Square pixels, both ends included.
COCO_AREA_RANGES = dict(
    all=(0, 1e5**2), medium=(32**2, 96**2), large=(96**2, 1e5**2)
)
STAT_NAMES = (
    'AP',
    'AP .5',
    'AP .75',
    'AP (M)',
    'AP (L)',
    'AR',
    'AR .5',
    'AR .75',
    'AR (M)',
    'AR (L)',
)

# (precision, recall), see subset_curves.
Curves = Tuple[np.ndarray, np.ndarray]

# See PAIRS_AT_ONCE of nms.py.
PAIRS_AT_ONCE = 8192


def evaluate_subsets(
    ground_truth: GroundTruth,
    detections: Detections,
    subsets: Dict[str, Sequence[int]],
    sigmas: Sequence[float],
    max_people: int = 20,
) -> Dict[str, Dict[str, float]]:
    """Score the same people by each subset of their keypoints.

    In each subset, as published for SpineTrack: the labelled keypoints of a
    person are counted anew and a person with none is ignored; a detection
    whose keypoint scores in the subset are all 0 takes no part; the size of a
    detection, which decides whether an unmatched one counts as medium or
    large, is the extent of its keypoints of the subset; the score that ranks
    it is that of the whole person.

    Args:
        ground_truth (GroundTruth): G people.
        detections (Detections): D people.
        subsets (dict): Keypoint ids by name of the subset.
        sigmas (sequence): (K, ), of all keypoints.
        max_people (int): The best of an image take part.

    Returns:
        dict[str, dict[str, float]]: :data:`STAT_NAMES` of each subset, 0 to 1,
        mean over the categories. -1 where nobody is labelled.

    Raises:
        ValueError: Subsets or sigmas do not fit the keypoints.
    """
    return summarize_curves(
        subset_curves(ground_truth, detections, subsets, sigmas, max_people)
    )


def subset_curves(
    ground_truth: GroundTruth,
    detections: Detections,
    subsets: Dict[str, Sequence[int]],
    sigmas: Sequence[float],
    max_people: int = 20,
) -> Dict[str, Curves]:
    """What :func:`evaluate_subsets` summarises; its arguments.

    Returns:
        dict[str, tuple]: Of each subset, with C categories, the precision
        (C, A, T, 101) at :data:`RECALLS` and the recall (C, A, T) for the
        area ranges and OKS thresholds; -1 where nobody is labelled.
    """
    ids = _checked_ids(subsets, sigmas, ground_truth.num_keypoints)
    curves = {name: [] for name in subsets}
    for category in np.unique(ground_truth.category_ids):
        result = _evaluate_category(
            ground_truth,
            detections,
            np.flatnonzero(ground_truth.category_ids == category),
            np.flatnonzero(detections.category_ids == category),
            ids,
            np.asarray(sigmas, dtype=np.float64),
            max_people,
        )
        for name, curve in zip(subsets, result):
            curves[name].append(curve)
    return {
        name: (np.stack([p for p, _ in curve]), np.stack([r for _, r in curve]))
        for name, curve in curves.items()
    }


def summarize_curves(curves: Dict[str, Curves]) -> Dict[str, Dict[str, float]]:
    """:data:`STAT_NAMES` of each subset: means over categories, thresholds
    and recalls; -1 where none is known."""
    return {name: _summary(*curve) for name, curve in curves.items()}


def _checked_ids(subsets, sigmas, num_keypoints):
    if len(sigmas) != num_keypoints:
        raise ValueError(
            f'{len(sigmas)} sigmas do not fit {num_keypoints} keypoints.'
        )
    for name, ids in subsets.items():
        wrong = [i for i in ids if not 0 <= i < num_keypoints]
        if wrong or not len(ids) or len(set(ids)) < len(ids):
            raise ValueError(
                f"Subset '{name}' should list keypoint ids below "
                f'{num_keypoints}, each once, but lists {list(ids)}.'
            )
    return [np.asarray(ids, dtype=np.int64) for ids in subsets.values()]


def _evaluate_category(
    gts: GroundTruth,
    dts: Detections,
    g: np.ndarray,
    d: np.ndarray,
    ids,
    sigmas,
    max_people: int,
):
    """(precision (A, T, 101), recall (A, T)) of each subset; -1 if nobody.

    ``g`` and ``d`` are the people and detections to take.
    """
    ranges = np.array(list(COCO_AREA_RANGES.values()))
    thresholds = COCO_OKS_THRESHOLDS
    g = g[np.argsort(gts.image_index[g], kind='stable')]
    # By image, best first; of equals the earlier one.
    d = d[np.lexsort((-dts.scores[d], dts.image_index[d]))]
    active = _taking_part(dts, d, ids, max_people)
    d, active = d[active.any(axis=1)], active[active.any(axis=1)]

    labelled = np.stack(
        [(gts.keypoints[g][:, i, 2] > 0).any(axis=1) for i in ids], 1
    )
    ignored = (gts.crowd[g, None] | ~labelled)[:, :, None] | _outside(
        gts.areas[g, None], ranges
    )  # G, S, A
    sizes = np.stack(
        [np.ptp(dts.keypoints[d][:, i, :2], axis=1).prod(axis=1) for i in ids],
        1,
    )

    matched, on_ignored = _match(
        gts, dts, g, d, active, ignored, ids, sigmas, thresholds
    )
    unscored = on_ignored | (~matched & _outside(sizes, ranges)[..., None])
    by_score = np.argsort(-dts.scores[d], kind='stable')

    result = []
    for s in range(len(ids)):
        precision = np.full((len(ranges), len(thresholds), len(RECALLS)), -1.0)
        recall = np.full((len(ranges), len(thresholds)), -1.0)
        ranked = by_score[active[by_score, s]]
        for a in range(len(ranges)):
            num_people = int((~ignored[:, s, a]).sum())
            if num_people:
                hit = matched[ranked, s, a].T  # T, D
                scored = ~unscored[ranked, s, a].T
                precision[a], recall[a] = precision_recall(
                    hit & scored, ~hit & scored, num_people
                )
        result.append((precision, recall))
    return result


def _taking_part(
    dts: Detections, d: np.ndarray, ids, max_people: int
) -> np.ndarray:
    """(D, S) bool: scored above 0 in the subset and among the best there."""
    active = np.stack(
        [(dts.keypoints[d][:, i, 2] > 0).any(axis=1) for i in ids], 1
    )
    images = dts.image_index[d]
    starts = np.searchsorted(images, images, side='left')
    before = np.cumsum(active, axis=0) - active
    return active & (before - before[starts] < max_people)


def _match(gts, dts, g, d, active, ignored, ids, sigmas, thresholds):
    """(D, S, A, T) bool twice: matched; matched with an ignored person."""
    shape = (len(d), len(ids), ignored.shape[-1], len(thresholds))
    matched = np.zeros(shape, dtype=bool)
    on_ignored = np.zeros(shape, dtype=bool)
    num_images = len(gts.image_ids)
    num_gts = np.bincount(gts.image_index[g], minlength=num_images)
    num_dts = np.bincount(dts.image_index[d], minlength=num_images)
    first_gt = np.cumsum(num_gts) - num_gts
    first_dt = np.cumsum(num_dts) - num_dts

    # Images with equally many people and detections need no padding.
    both = np.flatnonzero((num_gts > 0) & (num_dts > 0))
    for n_g, n_d in np.unique(
        np.stack([num_gts[both], num_dts[both]], 1), axis=0
    ):
        images = both[(num_gts[both] == n_g) & (num_dts[both] == n_d)]
        rows_g = first_gt[images, None] + np.arange(n_g)  # n, G
        rows_d = first_dt[images, None] + np.arange(n_d)  # n, D
        pair_d, pair_g = np.broadcast_arrays(
            rows_d[:, :, None], rows_g[:, None, :]
        )
        oks = _sliced_oks(
            gts, dts, g[pair_g.ravel()], d[pair_d.ravel()], ids, sigmas
        )
        matched[rows_d], on_ignored[rows_d] = match_images(
            oks.reshape(pair_d.shape + (-1,)),
            active[rows_d],
            ignored[rows_g],
            gts.crowd[g][rows_g],
            thresholds,
        )
    return matched, on_ignored


def _sliced_oks(gts, dts, g, d, ids, sigmas) -> np.ndarray:
    oks = np.empty((len(g), len(ids)))
    for start in range(0, len(g), PAIRS_AT_ONCE):
        part = slice(start, start + PAIRS_AT_ONCE)
        oks[part] = subset_oks(
            dts.keypoints[d[part], :, :2],
            gts.keypoints[g[part]],
            gts.areas[g[part]],
            gts.boxes[g[part]],
            sigmas,
            ids,
        )
    return oks


def _outside(areas: np.ndarray, ranges: np.ndarray) -> np.ndarray:
    """(..., A) bool: the area lies outside the range."""
    areas = areas[..., None]
    return (areas < ranges[:, 0]) | (areas > ranges[:, 1])


def _summary(precision: np.ndarray, recall: np.ndarray) -> Dict[str, float]:
    half, three_quarters = (
        int(np.abs(COCO_OKS_THRESHOLDS - t).argmin()) for t in (0.5, 0.75)
    )
    stats = []
    for values in (precision, recall):
        stats += [
            values[:, 0],
            values[:, 0, half],
            values[:, 0, three_quarters],
            values[:, 1],
            values[:, 2],
        ]
    return {
        name: float(v[v > -1].mean()) if (v > -1).any() else -1.0
        for name, v in zip(STAT_NAMES, stats)
    }
