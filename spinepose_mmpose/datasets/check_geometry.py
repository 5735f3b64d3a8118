"""Suspicions from geometry: exchanged sides and spine points out of place."""

from typing import Dict, Iterator, Tuple

from spinepose_mmpose.metainfo import (
    BONES,
    KEYPOINT_IDS,
    SPINE_CHAIN,
    VERTEBRAE,
)

import numpy as np

from .annotations import Content

# Same-side distances that hold a pair in place, beside the skeleton's bones.
_FURTHER = (
    ('latissimus', 'shoulder'),
    ('latissimus', 'hip'),
    ('big_toe', 'heel'),
    ('small_toe', 'big_toe'),
)
_FOOT = ('big_toe', 'small_toe', 'heel')
# What can be exchanged as a whole; every pair alone comes on top.
_LIMBS = {
    'elbow and wrist': ('elbow', 'wrist'),
    'foot': ('ankle', *_FOOT),
    'lower leg': ('knee', 'ankle', *_FOOT),
    'toes and heel': _FOOT,
    'eye and ear': ('eye', 'ear'),
}
# A group is suspected when exchanging it shortens the bones that hold it to
# less than 1 / RATIO, and by GAIN box sizes (root of the area) or more.
RATIO, GAIN = 1.4, 0.06
# Both bones of both limbs cross, and exchanging the joint uncrosses them.
CROSSING = (('shoulder', 'elbow', 'wrist'), ('hip', 'knee', 'ankle'))
CROSSING_GAIN = 0.02
# Pairs that turn together: from left to right they point the same way. Cosine
# below which they oppose, and the least width seen of both, in box sizes.
# Shoulders and hips, head and shoulders may twist, which costs width.
TOGETHER = (
    ('shoulder', 'clavicle', -0.5, 0.025),
    ('shoulder', 'latissimus', -0.5, 0.025),
    ('eye', 'ear', -0.5, 0.025),
    ('shoulder', 'hip', -0.8, 0.1),
    ('ear', 'shoulder', -0.8, 0.1),
)
# Pixels below which a width is noise of the labels.
LEAST_WIDTH = 3.0


def check_sides(content: Content) -> Iterator[tuple]:
    """Suspected exchanges, the clearest of each sign per person."""
    people = content.people
    xy, labelled = people.keypoints[..., :2], people.labelled
    scales = people.scales
    names = list(GROUPS)
    group, gain = exchanged_groups(xy, labelled, scales)
    for i in np.flatnonzero(group >= 0):
        yield (
            people.rows[i],
            'sides-exchanged',
            f'left and right {names[group[i]]}: exchanged, the bones that '
            f'hold them get shorter by {100 * gain[i]:.0f} % of the box size',
            gain[i],
            sum(map(_ids, GROUPS[names[group[i]]]), []),
        )
    for a, b, cosine, width in TOGETHER:
        opposed, score = opposed_pairs(
            xy, labelled, scales, a, b, cosine, width
        )
        for i in np.flatnonzero(opposed):
            yield (
                people.rows[i],
                'sides-opposed',
                f'{_plural(a)} and {_plural(b)} show opposite sides: one of '
                'the two pairs may be exchanged',
                score[i],
                _ids(a) + _ids(b),
            )


def _plural(name: str) -> str:
    return {'hip': 'hips', 'latissimus': 'latissimi'}.get(name, f'{name}s')


def _side_bones() -> Tuple[Tuple[str, str], ...]:
    """Bones with both ends on one side, by name without the side."""
    bones = [
        (a[5:], b[5:])
        for a, b in BONES
        if a.startswith('left_') and b.startswith('left_')
    ]
    return (*bones, *_FURTHER)


def _groups() -> Dict[str, Tuple[str, ...]]:
    pairs = sorted({end for bone in SIDE_BONES for end in bone})
    return {**{name: (name,) for name in pairs}, **_LIMBS}


SIDE_BONES = _side_bones()
GROUPS = _groups()


def _ids(name: str) -> list:
    return [KEYPOINT_IDS[f'{side}_{name}'] for side in ('left', 'right')]


def exchanged_groups(
    keypoints: np.ndarray, labelled: np.ndarray, scales: np.ndarray
):
    """Pairs and limbs whose bones cross the body.

    Args:
        keypoints: (N, K, 2), pixels.
        labelled: (N, K) bool.
        scales: (N,), root of the box's area in pixels.

    Returns:
        (N,) the clearest group's place in ``GROUPS`` or -1, and (N,) by how
        many box sizes its bones get shorter.
    """
    straight, crossed = _bone_lengths(keypoints, labelled)
    best = np.full(len(keypoints), -1)
    gain = np.zeros(len(keypoints))
    for number, members in enumerate(GROUPS.values()):
        held = [
            i
            for i, (a, b) in enumerate(SIDE_BONES)
            if (a in members) != (b in members)
        ]
        now, then = straight[held].sum(axis=0), crossed[held].sum(axis=0)
        won = (now - then) / scales
        clear = (now > RATIO * then) & (won > GAIN)
        for chain in CROSSING:
            if members == chain[1:2]:
                clear |= crosses_twice(keypoints, labelled, chain) & (
                    won > CROSSING_GAIN
                )
        better = clear & (won > gain)
        best[better] = number
        gain[better] = won[better]
    return best, gain


def _bone_lengths(keypoints, labelled):
    """(bones, N) lengths of both sides together, as labelled and with one end
    exchanged; 0 where an end has no label."""
    straight, crossed = [], []
    for a, b in SIDE_BONES:
        first, second = keypoints[:, _ids(a)], keypoints[:, _ids(b)]  # N, 2, 2
        known = labelled[:, _ids(a) + _ids(b)].all(axis=1)
        for lengths, other in ((straight, second), (crossed, second[:, ::-1])):
            total = np.linalg.norm(first - other, axis=2).sum(axis=1)
            lengths.append(np.where(known, total, 0))
    return np.array(straight), np.array(crossed)


def crosses_twice(
    keypoints: np.ndarray, labelled: np.ndarray, chain: Tuple[str, str, str]
) -> np.ndarray:
    """(N,) bool: upper and lower bones of a limb both cross those of the other
    side, and with its middle joint exchanged neither do."""
    (al, ar), (bl, br), (cl, cr) = (
        keypoints[:, _ids(name)].transpose(1, 0, 2) for name in chain
    )
    known = labelled[:, sum(map(_ids, chain), [])].all(axis=1)
    both = _intersect(al, bl, ar, br) & _intersect(bl, cl, br, cr)
    neither = ~_intersect(al, br, ar, bl) & ~_intersect(br, cl, bl, cr)
    return known & both & neither


def _intersect(a, b, c, d) -> np.ndarray:
    """(N,) bool: whether the segments ab and cd cross."""

    def side(o, p, q):
        u, v = p - o, q - o
        return u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]

    return (side(a, b, c) * side(a, b, d) < 0) & (
        side(c, d, a) * side(c, d, b) < 0
    )


def opposed_pairs(
    keypoints: np.ndarray,
    labelled: np.ndarray,
    scales: np.ndarray,
    a: str,
    b: str,
    cosine: float,
    width: float,
):
    """Pairs that point opposite ways from left to right.

    Returns:
        (N,) bool, and (N,) the smaller of both widths in box sizes.
    """
    u, v = (keypoints[:, i] - keypoints[:, j] for i, j in (_ids(a), _ids(b)))
    known = labelled[:, _ids(a) + _ids(b)].all(axis=1)
    lengths = [np.linalg.norm(w, axis=1) for w in (u, v)]
    least = np.min(lengths, axis=0)
    opposite = (u * v).sum(axis=1) < cosine * lengths[0] * lengths[1]
    wide = (least > width * scales) & (least > LEAST_WIDTH)
    return known & opposite & wide, least / scales


CHAIN = [KEYPOINT_IDS[name] for name in SPINE_CHAIN]
# Share of each segment in the chain's length, of the synthetic bodies in
# relaxed poses; a real spine differs by less than the limits below allow.
SHARES = np.array([0.082, 0.1, 0.101, 0.185, 0.181, 0.142, 0.119, 0.09])
# Box sizes (root of the area) by which exchanging neighbours must shorten the
# chain, and by which a point may miss its place between its neighbours.
ORDER_GAIN, SPACING = 0.02, 0.07


def check_spine(content: Content) -> Iterator[tuple]:
    """Neighbours that look exchanged, points out of place; the clearest of
    each per person."""
    people = content.people
    chain = people.keypoints[:, CHAIN, :2]
    labelled = people.labelled[:, CHAIN]
    scales = people.scales[:, None]
    gains = order_gains(chain, labelled) / scales
    for i in np.flatnonzero(gains.max(axis=1) > ORDER_GAIN):
        k = int(gains[i].argmax())
        yield (
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
        yield (
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
