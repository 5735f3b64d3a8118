"""Who detected whom, by the rules of COCO's keypoint evaluation.

In each image detections choose in order of their score: the most similar
person not taken yet, if the OKS reaches the threshold; an ignored person only
if no other one qualifies; a crowd as often as needed. All images with equally
many people, all subsets, area ranges and thresholds are matched at once.
"""

from typing import Tuple

import numpy as np

# Bounds memory: images are matched in slices with at most this many (image,
# subset, area range, threshold, person) cells of about 15 bytes.
CELLS_AT_ONCE = 1 << 21


def match_images(
    oks: np.ndarray,
    active: np.ndarray,
    ignored: np.ndarray,
    crowd: np.ndarray,
    thresholds: np.ndarray,
) -> Tuple[np.ndarray, np.ndarray]:
    """Match detections and people of n images.

    Letters: D detections an image, best first and padded with inactive ones;
    G people; S subsets; A area ranges; T thresholds.

    Args:
        oks (np.ndarray): (n, D, G, S).
        active (np.ndarray): (n, D, S), False where a detection takes no part.
        ignored (np.ndarray): (n, G, S, A), True where a person is not scored.
        crowd (np.ndarray): (n, G).
        thresholds (np.ndarray): (T, ), the lowest OKS of a match.

    Returns:
        tuple[np.ndarray, np.ndarray]: Both (n, D, S, A, T) bool: the
        detection has a match; the match is an ignored person.
    """
    n, num_dets, num_gts, num_subsets = oks.shape
    shape = (num_subsets, ignored.shape[-1], len(thresholds))
    matched = np.zeros((n, num_dets) + shape, dtype=bool)
    on_ignored = np.zeros_like(matched)
    step = max(1, CELLS_AT_ONCE // (num_gts * int(np.prod(shape))))
    for start in range(0, n, step):
        part = slice(start, start + step)
        _match_slice(
            oks[part],
            active[part],
            ignored[part],
            crowd[part],
            thresholds,
            matched[part],
            on_ignored[part],
        )
    return matched, on_ignored


def _match_slice(
    oks, active, ignored, crowd, thresholds, matched, on_ignored
) -> None:
    """Fill ``matched`` and ``on_ignored`` in place."""
    num_gts = oks.shape[2]
    oks = oks.transpose(1, 0, 3, 2)  # D, n, S, G
    # Ranks in place of similarities make a choice unique: of equally similar
    # people the later one wins, and a scored person (rank + G) any ignored.
    rank = np.argsort(np.argsort(oks, axis=-1, kind='stable'), axis=-1)
    rank = rank.astype(np.int32)
    scored = ~ignored.transpose(0, 2, 3, 1)[:, :, :, None]
    bonus = np.int32(num_gts) * scored  # n, S, A, 1, G
    free = np.ones(
        matched.shape[:1] + matched.shape[2:] + (num_gts,), dtype=bool
    )  # n, S, A, T, G
    crowd = crowd[:, None, None, None]
    lowest = np.minimum(thresholds, 1 - 1e-10)[:, None]  # T, 1
    for d in range(len(oks)):
        similar = oks[d][:, :, None, None] >= lowest  # n, S, 1, T, G
        similar &= active[:, d, :, None, None, None]
        rows = np.flatnonzero(similar.any(axis=(1, 2, 3, 4)))
        if not rows.size:
            continue
        preference = rank[d, rows][:, :, None, None] + bonus[rows]
        preference = np.where(
            similar[rows] & free[rows], preference, np.int32(-1)
        )
        best = preference.max(axis=-1, keepdims=True)
        taken = (preference == best) & (best >= 0) & ~crowd[rows]
        free[rows] &= ~taken
        matched[rows, d] = best[..., 0] >= 0
        on_ignored[rows, d] = (best[..., 0] >= 0) & (best[..., 0] < num_gts)
