"""COCO keypoint AP and AR of several keypoint subsets in one pass.

Our own and not the package faster-coco-eval, which gives the same numbers but
computes similarities image by image in Python, once per subset: 4 times as
fast as COCOeval, where this is 25 times as fast (``benchmarks/metric.py``).
numpy only, but for the table (pandas).

Distances of a detection and a person are shared by the subsets, and images
with equally many people are matched at once. With P pairs in the same image,
K keypoints, S subsets, A area ranges, T thresholds and D detections it costs
P K exponentials and P S A T comparisons, and 2 D S A T bytes beside slices of
bounded size.
"""

from typing import Dict, Optional, Sequence, Tuple

import numpy as np

from .people import Detections, GroundTruth

# COCO adds it to the area so that an area of 0 can be divided by.
EPSILON = np.spacing(1)
OKS_THRESHOLDS = np.linspace(0.5, 0.95, 10)
# Precision is read at 101 recalls: 0, 0.01, ... 1.
RECALLS = np.linspace(0, 1, 101)
# Square pixels, both ends included.
AREA_RANGES = dict(
    all=(0, 1e5**2), medium=(32**2, 96**2), large=(96**2, 1e5**2)
)
_AREAS = np.array(list(AREA_RANGES.values()))
STAT_NAMES = tuple(
    f'{kind}{which}'
    for kind in ('AP', 'AR')
    for which in ('', ' .5', ' .75', ' (M)', ' (L)')
)
# So many detections of an image take part, the best ones.
MAX_PEOPLE = 20
# Bounds memory: 8,192 pairs of 37 keypoints take 2.4 MB per array.
PAIRS_AT_ONCE = 8192

# (precision, recall), see subset_curves.
Curves = Tuple[np.ndarray, np.ndarray]


# --- similarity of two people -------------------------------------------------


def keypoint_similarity(
    offsets: np.ndarray, areas: np.ndarray, sigmas: np.ndarray
) -> np.ndarray:
    """The terms of the OKS sum, ``exp(-d_k^2 / (2 s^2 (2 sigma_k)^2))``.

    https://cocodataset.org/#keypoints-eval, where ``k = 2 sigma``. From
    offsets (..., P, K, 2) of length d_k in pixels, areas (P, ), s^2 in square
    pixels, and sigmas (K, ) to (..., P, K), 0 to 1.
    """
    # Divided in COCO's order, so that a tie there is a tie here.
    exponent = (offsets**2).sum(axis=-1) / (2 * sigmas) ** 2
    exponent /= (areas + EPSILON)[:, None]
    return np.exp(-exponent / 2)


def subset_oks(
    dt_xy: np.ndarray,
    gt_keypoints: np.ndarray,
    gt_areas: np.ndarray,
    sigmas: np.ndarray,
    subsets: Sequence[Sequence[int]],
    gt_boxes: Optional[np.ndarray] = None,
) -> np.ndarray:
    """Object keypoint similarity (P, S) of pairs of people over subsets.

    It is the mean of :func:`keypoint_similarity` over the labelled keypoints.
    A person without a labelled keypoint in a subset cannot be right or wrong
    there; COCO then takes how far the detected keypoints lie outside the box
    of twice the margin, so that detections of that person are ignored instead
    of counted as false. Without boxes the similarity to such a person is 0.

    Args:
        dt_xy (np.ndarray): (P, K, 2), [x, y] in pixels.
        gt_keypoints (np.ndarray): (P, K, 3), [x, y] in pixels and visibility.
        gt_areas (np.ndarray): (P, ), square pixels.
        sigmas (np.ndarray): (K, ).
        subsets (sequence): S lists of keypoint ids.
        gt_boxes (np.ndarray, optional): (P, 4), [x, y, w, h] in pixels.
    """
    labelled = gt_keypoints[..., 2] > 0
    offsets = dt_xy - gt_keypoints[..., :2]
    similarity = keypoint_similarity(offsets, gt_areas, sigmas) * labelled
    counts = np.stack([labelled[..., ids].sum(axis=-1) for ids in subsets], -1)
    oks = np.stack([similarity[..., ids].sum(axis=-1) for ids in subsets], -1)
    oks /= np.maximum(counts, 1)  # P, S
    if gt_boxes is not None and not counts.all():
        rows = np.flatnonzero((counts == 0).any(axis=1))
        low = gt_boxes[rows, None, :2] - gt_boxes[rows, None, 2:]
        high = gt_boxes[rows, None, :2] + 2 * gt_boxes[rows, None, 2:]
        xy = dt_xy[rows]
        outside = np.maximum(low - xy, 0) + np.maximum(xy - high, 0)
        similarity = keypoint_similarity(outside, gt_areas[rows], sigmas)
        for s, ids in enumerate(subsets):
            blank = counts[rows, s] == 0
            oks[rows[blank], s] = similarity[blank][:, ids].mean(axis=1)
    return oks


def oks_matrix(
    dt_keypoints: np.ndarray,
    gt_keypoints: np.ndarray,
    gt_areas: Sequence[float],
    sigmas: Sequence[float],
) -> np.ndarray:
    """OKS (D, G) of all detections (D, K, 2 or 3) with all labelled people
    (G, K, 3) of areas (G, ); 0 for those without a labelled keypoint."""
    dts, gts, gt_areas, sigmas = (
        np.asarray(v, dtype=np.float64)
        for v in (dt_keypoints, gt_keypoints, gt_areas, sigmas)
    )
    every = [range(len(sigmas))]
    return subset_oks(dts[:, None, :, :2], gts, gt_areas, sigmas, every)[..., 0]


# --- average precision and recall ---------------------------------------------


def subset_curves(
    ground_truth: GroundTruth,
    detections: Detections,
    subsets: Dict[str, Sequence[int]],
    sigmas: Sequence[float],
) -> Dict[str, Curves]:
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

    Returns:
        dict[str, tuple]: For each subset, with C categories, the precision
        (C, A, T, 101) at :data:`RECALLS` and the recall (C, A, T) for the
        area ranges and OKS thresholds; -1 where nobody is labelled.
    """
    gts, dts, sigmas = ground_truth, detections, np.asarray(sigmas, float)
    ids = [np.asarray(members) for members in subsets.values()]
    categories = np.unique(gts.category_ids)
    shape = (len(categories), len(ids), len(_AREAS), len(OKS_THRESHOLDS))
    recall = np.full(shape, -1.0)
    precision = np.full(shape + RECALLS.shape, -1.0)
    for c, category in enumerate(categories):
        g = np.flatnonzero(gts.category_ids == category)
        g = g[np.argsort(gts.image_index[g], kind='stable')]
        d = np.flatnonzero(dts.category_ids == category)
        # By image, best first; of equals the earlier one.
        d = d[np.lexsort((-dts.scores[d], dts.image_index[d]))]
        active = _taking_part(dts, d, ids)
        d, active = d[active.any(axis=1)], active[active.any(axis=1)]
        labelled = _any_above_0(gts.keypoints[g], ids) & ~gts.crowd[g, None]
        ignored = ~labelled[..., None] | _outside(gts.areas[g, None])  # G, S, A
        matched, on_ignored = _match_images(
            gts, dts, g, d, active, ignored, ids, sigmas
        )
        xy = dts.keypoints[d, :, :2]
        sizes = [np.ptp(xy[:, i], axis=1).prod(axis=1) for i in ids]
        unscored = on_ignored | (
            ~matched & _outside(np.stack(sizes, 1))[..., None]
        )
        by_score = np.argsort(-dts.scores[d], kind='stable')
        num_people = (~ignored).sum(axis=0)  # S, A
        for s, a in zip(*np.nonzero(num_people)):
            ranked = by_score[active[by_score, s]]
            hit, skipped = matched[ranked, s, a].T, unscored[ranked, s, a].T
            precision[c, s, a], recall[c, s, a] = _precision_recall(
                hit & ~skipped, ~hit & ~skipped, num_people[s, a]
            )
    return {
        name: (precision[:, s], recall[:, s]) for s, name in enumerate(subsets)
    }


def summarize_curves(curves: Dict[str, Curves]) -> Dict[str, Dict[str, float]]:
    """:data:`STAT_NAMES` of each subset, 0 to 1: means over categories,
    thresholds and recalls; -1 where nobody is labelled."""
    stats = {}
    for name, pair in curves.items():
        parts = []
        for v in pair:  # the thresholds 0 and 5 are .5 and .75
            parts += [v[:, 0], v[:, 0, 0], v[:, 0, 5], v[:, 1], v[:, 2]]
        means = (v[v > -1].mean() if (v > -1).any() else -1 for v in parts)
        stats[name] = dict(zip(STAT_NAMES, map(float, means)))
    return stats


def _precision_recall(hits, misses, num_people: int) -> Curves:
    """Interpolated precision (T, 101) at :data:`RECALLS`, and recall (T, ).

    ``hits`` and ``misses`` (T, D) say whether a detection, the best first, is
    right or wrong; it is ignored if it is neither.
    """
    right = np.cumsum(hits, axis=1, dtype=np.float64)
    wrong = np.cumsum(misses, axis=1, dtype=np.float64)
    curve = right / (right + wrong + EPSILON)
    # The best precision at this recall or a higher one, 0 beyond the last.
    curve = np.maximum.accumulate(curve[:, ::-1], axis=1)[:, ::-1]
    curve = np.pad(curve, ((0, 0), (0, 1)))
    recall = right / num_people
    precision = [
        curve[t, np.searchsorted(recall[t], RECALLS)] for t in range(len(hits))
    ]
    return np.stack(precision), np.pad(recall, ((0, 0), (1, 0)))[:, -1]


def summary_table(
    stats: Dict[str, Dict[str, float]],
    ground_truth: GroundTruth,
    subsets: Dict[str, Sequence[int]],
) -> str:
    """One line per subset, to be printed: how many people have a label there,
    and the ``stats`` of :func:`summarize_curves`, with ``-`` for -1."""
    import pandas as pd

    table = pd.DataFrame(stats).T.rename_axis(columns='subset')
    unknown = table == -1
    table = table.mask(unknown)
    people = [ground_truth.labelled_people(subsets[s]).sum() for s in stats]
    table.insert(0, 'people', people)
    text = table.to_string(float_format='{:.3f}'.format, na_rep='-')
    if unknown.any(axis=None):
        text += '\n-: nobody is labelled there; the value is -1.'
    return text


def _any_above_0(keypoints: np.ndarray, ids) -> np.ndarray:
    """(N, S) bool: a score or visibility of the subset is above 0."""
    above = keypoints[..., 2] > 0
    return np.stack([above[:, i].any(axis=1) for i in ids], 1)


def _outside(areas: np.ndarray) -> np.ndarray:
    """(..., A) bool: the area lies outside the range."""
    return (areas[..., None] < _AREAS[:, 0]) | (areas[..., None] > _AREAS[:, 1])


def _taking_part(dts: Detections, d, ids) -> np.ndarray:
    """(D, S) bool: scored above 0 in the subset and among the best there."""
    active = _any_above_0(dts.keypoints[d], ids)
    images = dts.image_index[d]
    starts = np.searchsorted(images, images, side='left')
    before = np.cumsum(active, axis=0) - active
    return active & (before - before[starts] < MAX_PEOPLE)


# --- who detected whom --------------------------------------------------------


def _match_images(gts, dts, g, d, active, ignored, ids, sigmas):
    """(D, S, A, T) bool twice: matched; matched with an ignored person.

    ``g`` and ``d`` are the rows to take, sorted by image. Images with equally
    many people and detections need no padding and are matched together.
    """
    shape = (len(d), *ignored.shape[1:], len(OKS_THRESHOLDS))
    matched = np.zeros(shape, dtype=bool)
    on_ignored = np.zeros(shape, dtype=bool)
    num_images = len(gts.image_ids)
    num_gts = np.bincount(gts.image_index[g], minlength=num_images)
    num_dts = np.bincount(dts.image_index[d], minlength=num_images)
    first_gt = np.cumsum(num_gts) - num_gts
    first_dt = np.cumsum(num_dts) - num_dts
    both = np.flatnonzero((num_gts > 0) & (num_dts > 0))
    sizes = np.stack([num_gts[both], num_dts[both]], 1)
    for n_g, n_d in np.unique(sizes, axis=0):
        images = both[(sizes == (n_g, n_d)).all(axis=1)]
        step = max(1, PAIRS_AT_ONCE // (n_g * n_d))
        for start in range(0, len(images), step):
            part = images[start : start + step]
            rows_g = first_gt[part, None] + np.arange(n_g)  # n, G
            rows_d = first_dt[part, None] + np.arange(n_d)  # n, D
            pairs = np.broadcast_arrays(rows_d[:, :, None], rows_g[:, None])
            of_d, of_g = d[pairs[0].ravel()], g[pairs[1].ravel()]
            oks = subset_oks(
                dts.keypoints[of_d, :, :2],
                gts.keypoints[of_g],
                gts.areas[of_g],
                sigmas,
                ids,
                gts.boxes[of_g],
            )
            matched[rows_d], on_ignored[rows_d] = _match(
                oks.reshape(len(part), n_d, n_g, -1),
                active[rows_d],
                ignored[rows_g],
                gts.crowd[g][rows_g],
            )
    return matched, on_ignored


def _match(oks, active, ignored, crowd) -> Tuple[np.ndarray, np.ndarray]:
    """The result of :func:`_match_images` for n images, (n, D, S, A, T).

    By COCO's rules detections choose in order of their score: the most similar
    person not taken yet, if the OKS reaches the threshold; an ignored person
    only if no other one qualifies; a crowd as often as needed.

    ``oks`` is (n, D, G, S) of D detections, best first, with G people;
    ``active`` (n, D, S) where a detection takes part; ``ignored``
    (n, G, S, A) where a person is not scored; ``crowd`` (n, G).
    """
    n, num_dets, num_gts, num_subsets = oks.shape
    shape = (num_subsets, ignored.shape[-1], len(OKS_THRESHOLDS))
    matched = np.zeros((n, num_dets, *shape), dtype=bool)
    on_ignored = np.zeros_like(matched)
    oks = oks.transpose(1, 0, 3, 2)  # D, n, S, G
    # Ranks in place of similarities make a choice unique: of equally similar
    # people the later one wins, and a scored person (rank + G) any ignored.
    rank = np.argsort(np.argsort(oks, axis=-1, kind='stable'), axis=-1)
    rank = rank.astype(np.int32)
    scored = ~ignored.transpose(0, 2, 3, 1)[:, :, :, None]
    bonus = np.int32(num_gts) * scored  # n, S, A, 1, G
    free = np.ones((n, *shape, num_gts), dtype=bool)  # n, S, A, T, G
    crowd = crowd[:, None, None, None]
    lowest = np.minimum(OKS_THRESHOLDS, 1 - 1e-10)[:, None]  # T, 1
    for d in range(num_dets):
        similar = oks[d][:, :, None, None] >= lowest  # n, S, 1, T, G
        similar &= active[:, d, :, None, None, None]
        rows = np.flatnonzero(similar.any(axis=(1, 2, 3, 4)))
        preference = rank[d, rows][:, :, None, None] + bonus[rows]
        preference = np.where(
            similar[rows] & free[rows], preference, np.int32(-1)
        )
        best = preference.max(axis=-1, keepdims=True)
        taken = (preference == best) & (best >= 0) & ~crowd[rows]
        free[rows] &= ~taken
        matched[rows, d] = best[..., 0] >= 0
        on_ignored[rows, d] = (best[..., 0] >= 0) & (best[..., 0] < num_gts)
    return matched, on_ignored
