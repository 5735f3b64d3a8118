"""Order and spacing of the spine.

Letters: N people, S = 9 points of the chain from the top.
"""

from typing import Iterator

from spinepose_mmpose.metainfo import KEYPOINT_IDS, SPINE_CHAIN, VERTEBRAE

import numpy as np

from .findings import Finding
from .people import People
from .sets import Content
from .structure_checks import finding_of

CHAIN = [KEYPOINT_IDS[name] for name in SPINE_CHAIN]
# Share of each segment in the chain's length, of the synthetic bodies in
# relaxed poses; a real spine differs by less than the limits below allow.
SHARES = np.array([0.082, 0.1, 0.101, 0.185, 0.181, 0.142, 0.119, 0.09])
# Box sizes (root of the area) by which exchanging neighbours must shorten the
# chain, and by which a point may miss its place between its neighbours.
ORDER_GAIN, SPACING = 0.02, 0.07


def check_spine(content: Content, people: People) -> Iterator[Finding]:
    """Neighbours that look exchanged, points out of place; the clearest of
    each a person."""
    chain = people.keypoints[:, CHAIN, :2]
    labelled = people.labelled[:, CHAIN]
    scales = people.scales[:, None]
    gains = order_gains(chain, labelled) / scales
    for i in np.flatnonzero(gains.max(axis=1) > ORDER_GAIN):
        k = int(gains[i].argmax())
        yield finding_of(
            content,
            people.rows[i],
            'spine-order',
            f'{_named(k)} and {_named(k + 1)}: exchanged, the spine gets '
            f'shorter by {100 * gains[i, k]:.0f} % of the box size',
            gains[i, k],
            CHAIN[k : k + 2],
        )
    misses = misplacements(chain, labelled) / scales
    for i in np.flatnonzero(misses.max(axis=1) > SPACING):
        k = int(misses[i].argmax())
        yield finding_of(
            content,
            people.rows[i],
            'spine-spacing',
            f'{_named(k + 1)} misses its place between its neighbours by '
            f'{100 * misses[i, k]:.0f} % of the box size; it or a neighbour '
            'may be wrong',
            misses[i, k],
            CHAIN[k + 1 : k + 2],
        )


def _named(place: int) -> str:
    name = SPINE_CHAIN[place]
    return f'{name} ({VERTEBRAE[name]})'


def order_gains(chain: np.ndarray, labelled: np.ndarray) -> np.ndarray:
    """How much shorter the chain gets when neighbours are exchanged.

    Args:
        chain: (N, S, 2), pixels.
        labelled: (N, S) bool.

    Returns:
        (N, S - 1) pixels, one for each pair of neighbours; 0 where a point
        that decides it has no label.
    """
    gains = np.zeros((len(chain), chain.shape[1] - 1))
    last = chain.shape[1] - 1
    for i in range(last):
        known = labelled[:, max(i - 1, 0) : i + 3].all(axis=1)
        gain = np.zeros(len(chain))
        if i > 0:
            gain += _distance(chain, i - 1, i) - _distance(chain, i - 1, i + 1)
        if i + 1 < last:
            gain += _distance(chain, i + 1, i + 2) - _distance(chain, i, i + 2)
        gains[:, i] = np.where(known, gain, 0)
    return gains


def _distance(chain, a: int, b: int) -> np.ndarray:
    return np.linalg.norm(chain[:, a] - chain[:, b], axis=1)


def misplacements(chain: np.ndarray, labelled: np.ndarray) -> np.ndarray:
    """Distance of each inner point from where the spine's proportions put it
    on the line between its neighbours.

    Returns:
        (N, S - 2) pixels; 0 where one of the three has no label.
    """
    weight = (SHARES[:-1] / (SHARES[:-1] + SHARES[1:]))[:, None]
    wanted = chain[:, :-2] * (1 - weight) + chain[:, 2:] * weight
    miss = np.linalg.norm(chain[:, 1:-1] - wanted, axis=2)
    known = labelled[:, :-2] & labelled[:, 1:-1] & labelled[:, 2:]
    return np.where(known, miss, 0)
