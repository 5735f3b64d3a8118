"""One person labelled twice in one image."""

from typing import Iterator, List, Tuple

import numpy as np

from .findings import Finding
from .people import People
from .sets import Content
from .structure_checks import finding_of

# Mean distance of the common labels in box sizes, and how many there must be.
NEAR, LEAST_COMMON = 0.02, 6


def check_duplicate_people(
    content: Content, people: People
) -> Iterator[Finding]:
    for i, j, distance in doubles(people):
        other = content.annotations[people.rows[i]].get('id')
        how = 'exactly' if distance == 0 else f'to {100 * distance:.1f} %'
        yield finding_of(
            content,
            people.rows[j],
            'person-twice',
            f'its points are those of annotation {other} {how}',
            1 - distance,
        )


def doubles(people: People) -> List[Tuple[int, int, float]]:
    """(first, second, distance in box sizes), places in ``people``."""
    found = []
    order = np.argsort(people.image_rows, kind='stable')
    images = people.image_rows[order]
    keypoints, labelled = people.keypoints[..., :2], people.labelled
    step = 1
    while True:
        pairs = np.flatnonzero(images[step:] == images[:-step])
        if not len(pairs):
            return sorted(found)
        first, second = order[pairs], order[pairs + step]
        common = labelled[first] & labelled[second]
        counts = common.sum(axis=1)
        apart = np.linalg.norm(keypoints[first] - keypoints[second], axis=2)
        mean = np.where(common, apart, 0).sum(axis=1) / np.maximum(counts, 1)
        mean /= people.scales[first]
        near = (mean < NEAR) & (counts >= LEAST_COMMON)
        found += [
            (int(a), int(b), float(d))
            for a, b, d in zip(first[near], second[near], mean[near])
        ]
        step += 1
