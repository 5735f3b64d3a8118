"""Figures of a data set: points, sizes, spines. numpy only.

Letters: N people, K keypoints, S = 9 points of the spine from the top.
"""

from typing import Any, Dict, Sequence

from spinepose_mmpose.metainfo import (
    KEYPOINT_IDS,
    KEYPOINT_NAMES,
    SPINE_CHAIN,
)

import numpy as np

from ..checking.people import People

CHAIN = [KEYPOINT_IDS[name] for name in SPINE_CHAIN]
PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
# COCO's limits of small and medium people, by area in pixels.
SMALL, MEDIUM = 32**2, 96**2


def keypoint_shares(people: People) -> Dict[str, np.ndarray]:
    """(K,) shares of people by visibility: ``visible``, ``hidden``,
    ``unlabelled``."""
    values = people.keypoints[..., 2]
    return {
        name: (values == value).mean(axis=0)
        for name, value in (('visible', 2), ('hidden', 1), ('unlabelled', 0))
    }


def spine_angles(people: People):
    """Of people whose whole spine is labelled.

    Returns:
        (M,) inclination in degrees: the direction from sacrum to C7 against
        the upright of the image, positive to the right, -180 to 180; and
        (M, S - 2) turns in degrees, 0 for a straight spine: positive where
        the chain, walked downwards, turns clockwise in the image.
    """
    whole = people.labelled[:, CHAIN].all(axis=1)
    chain = people.keypoints[whole][:, CHAIN, :2]
    trunk = chain[:, SPINE_CHAIN.index('neck')] - chain[:, -1]
    inclination = np.degrees(np.arctan2(trunk[:, 0], -trunk[:, 1]))
    steps = np.diff(chain, axis=1)
    u, v = steps[:, :-1], steps[:, 1:]
    cross = u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
    turns = np.degrees(np.arctan2(cross, (u * v).sum(axis=2)))
    return inclination, turns


def people_an_image(people: People) -> np.ndarray:
    """Number of images by number of people, from 1; index 0 is one person."""
    rows = people.image_rows[people.image_rows >= 0]
    if not len(rows):
        return np.zeros(0, int)
    counts = np.bincount(rows)
    return np.bincount(counts[counts > 0])[1:]


def spread(values: Sequence[float]) -> Dict[str, Any]:
    """Count, mean and percentiles; None where there is nothing."""
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    if not len(values):
        return dict(count=0)
    return dict(
        count=len(values),
        mean=float(values.mean()),
        **{
            f'p{p}': float(v)
            for p, v in zip(PERCENTILES, np.percentile(values, PERCENTILES))
        },
    )


def split_statistics(people: People, num_images: int) -> Dict[str, Any]:
    """All figures of one split, as JSON has them."""
    shares = keypoint_shares(people)
    inclination, turns = spine_angles(people)
    crowd = people_an_image(people)
    areas = people.areas
    sizes = people.boxes[:, 2:]
    return dict(
        people=len(people),
        images=num_images,
        people_an_image={i: int(n) for i, n in enumerate(crowd, 1) if n},
        keypoints={
            name: {key: float(value[k]) for key, value in shares.items()}
            for k, name in enumerate(KEYPOINT_NAMES)
        },
        labelled_keypoints=spread(people.labelled.sum(axis=1)),
        box_height=spread(sizes[:, 1]),
        box_width=spread(sizes[:, 0]),
        share_of_image=spread(
            sizes.prod(axis=1) / people.image_sizes.prod(axis=1)
        ),
        areas=dict(
            small=int((areas < SMALL).sum()),
            medium=int(((areas >= SMALL) & (areas < MEDIUM)).sum()),
            large=int((areas >= MEDIUM).sum()),
        ),
        whole_spines=len(inclination),
        inclination=spread(inclination),
        bends={
            name: spread(np.abs(turns[:, i]))
            for i, name in enumerate(SPINE_CHAIN[1:-1])
        },
        total_bend=spread(np.abs(turns).sum(axis=1)),
    )
