"""Poses that are alike, by k-means. numpy and scipy.

Letters: N people, K keypoints.
"""

from typing import NamedTuple

from spinepose_mmpose.metainfo import KEYPOINT_IDS, SPINE_CHAIN

import numpy as np

from ..checking.people import People

# Points that make a pose: head, limbs, spine; faces and feet add noise.
SHAPE = [
    KEYPOINT_IDS[name]
    for name in (
        *SPINE_CHAIN,
        'head',
        *(
            f'{side}_{name}'
            for side in ('left', 'right')
            for name in (
                'shoulder',
                'elbow',
                'wrist',
                'hip',
                'knee',
                'ankle',
            )
        ),
    )
]
LEAST_LABELLED = 0.8  # of SHAPE
# More people make the figure no better, only slower.
MOST_PEOPLE = 20_000


class Clusters(NamedTuple):
    """C clusters, the largest first: (C,) numbers of people, (C, K, 2) mean
    poses about the sacrum in longer sides of the box (NaN: nobody has the
    point), (C,) the place in ``people`` of the person nearest to the mean, and
    the number of people that could be compared."""

    sizes: np.ndarray
    means: np.ndarray
    typical: np.ndarray
    compared: int


def pose_clusters(people: People, count: int, seed: int = 0) -> Clusters:
    """Group poses by the places of head, limbs and spine about the sacrum.

    A point without label takes its mean place. With fewer people than
    clusters there are fewer clusters.
    """
    from scipy.cluster.vq import kmeans2

    rng = np.random.default_rng(seed)
    root = KEYPOINT_IDS['hip']
    known = people.labelled
    usable = known[:, root] & (known[:, SHAPE].mean(axis=1) >= LEAST_LABELLED)
    chosen = np.flatnonzero(usable)
    if len(chosen) > MOST_PEOPLE:
        chosen = np.sort(rng.permutation(chosen)[:MOST_PEOPLE])
    count = min(count, len(chosen))
    if not count:
        empty = np.zeros(0, int)
        return Clusters(empty, np.zeros((0, known.shape[1], 2)), empty, 0)
    xy = people.keypoints[chosen, :, :2]
    longest = people.boxes[chosen, 2:].max(axis=1)
    xy = (xy - xy[:, root, None]) / longest[:, None, None]
    xy[~known[chosen]] = np.nan
    features = xy[:, SHAPE].reshape(len(xy), -1)
    features = np.where(np.isnan(features), _mean(features, axis=0), features)
    centres, labels = kmeans2(features, count, minit='++', rng=rng)
    found = [c for c in range(count) if (labels == c).any()]
    found.sort(key=lambda c: -(labels == c).sum())
    typical = []
    for c in found:
        own = np.flatnonzero(labels == c)
        apart = np.linalg.norm(features[own] - centres[c], axis=1)
        typical.append(chosen[own[apart.argmin()]])
    return Clusters(
        np.array([(labels == c).sum() for c in found]),
        np.array([_mean(xy[labels == c], axis=0) for c in found]),
        np.array(typical),
        len(chosen),
    )


def _mean(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean of what is known, NaN where nothing is."""
    known = np.isfinite(values)
    total = np.where(known, values, 0).sum(axis=axis)
    count = known.sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
