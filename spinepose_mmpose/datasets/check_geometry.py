"""Suspicions from geometry: exchanged sides and spine points out of place."""

from typing import Iterator, Tuple

from spinepose_mmpose.metainfo import (
    BONES,
    KEYPOINT_IDS,
    SPINE_CHAIN,
    VERTEBRAE,
)

import numpy as np

from .annotations import DataSet, People

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


def check_sides(content: DataSet) -> Iterator[tuple]:
    """Suspected exchanges, the clearest of each sign per person."""
    people = content.people
    names = list(GROUPS)
    group, gain = exchanged_groups(people)
    for i in np.flatnonzero(group >= 0):
        name = names[group[i]]
        detail = (
            f'left and right {name}: exchanged, the bones that hold them get '
            f'shorter by {100 * gain[i]:.0f} % of the box size'
        )
        ids = sum(map(_ids, GROUPS[name]), [])
        yield people.rows[i], 'sides-exchanged', detail, gain[i], ids
    for a, b, cosine, width in TOGETHER:
        ids = [_ids(a), _ids(b)]
        known = people.labelled[:, ids].all(axis=(1, 2))
        left, right = np.moveaxis(people.keypoints[:, ids, :2], 2, 0)
        u, v = (left - right).transpose(1, 0, 2)  # N, 2
        lengths = [np.linalg.norm(w, axis=1) for w in (u, v)]
        least = np.min(lengths, axis=0)
        opposite = (u * v).sum(axis=1) < cosine * lengths[0] * lengths[1]
        wide = (least > width * people.scales) & (least > LEAST_WIDTH)
        detail = f'{a} and {b} show opposite sides: one pair may be exchanged'
        for i in np.flatnonzero(known & opposite & wide):
            score = least[i] / people.scales[i]
            yield people.rows[i], 'sides-opposed', detail, score, sum(ids, [])


# Bones with both ends on one side, by name without the side.
SIDE_BONES = [
    (a.removeprefix('left_'), b.removeprefix('left_'))
    for a, b in BONES
    if a.startswith('left_') and b.startswith('left_')
] + list(_FURTHER)
_PAIRS = sorted({end for bone in SIDE_BONES for end in bone})
GROUPS = {**{name: (name,) for name in _PAIRS}, **_LIMBS}


def _ids(name: str) -> list:
    return [KEYPOINT_IDS[f'{side}_{name}'] for side in ('left', 'right')]


def exchanged_groups(people: People):
    """Pairs and limbs whose bones cross the body: (N,) the clearest one's
    place in ``GROUPS`` or -1, and (N,) by how many box sizes its bones get
    shorter."""
    straight, crossed = _bone_lengths(people)
    best = np.full(len(people), -1)
    gain = np.zeros(len(people))
    middles = {chain[1:2]: chain for chain in CROSSING}
    for number, members in enumerate(GROUPS.values()):
        held = [(a in members) != (b in members) for a, b in SIDE_BONES]
        now, then = straight[held].sum(axis=0), crossed[held].sum(axis=0)
        won = (now - then) / people.scales
        clear = (now > RATIO * then) & (won > GAIN)
        if members in middles:
            crosses = crosses_twice(people, middles[members])
            clear |= crosses & (won > CROSSING_GAIN)
        better = clear & (won > gain)
        best[better] = number
        gain[better] = won[better]
    return best, gain


def _bone_lengths(people: People):
    """(bones, N) lengths of both sides together, as labelled and with one end
    exchanged; 0 where an end has no label."""
    ids = np.array([(_ids(a), _ids(b)) for a, b in SIDE_BONES])  # bones, 2, 2
    first, second = people.keypoints[:, ids, :2].transpose(2, 1, 0, 3, 4)
    known = people.labelled[:, ids].all(axis=(2, 3)).T
    return [
        np.where(known, np.linalg.norm(first - end, axis=3).sum(axis=2), 0)
        for end in (second, second[:, :, ::-1])
    ]


def crosses_twice(people: People, chain: Tuple[str, str, str]) -> np.ndarray:
    """(N,) bool: upper and lower bones of a limb both cross those of the other
    side, and with its middle joint exchanged neither do."""
    ids = [_ids(name) for name in chain]
    xy = people.keypoints[:, ids, :2].transpose(1, 2, 0, 3)
    (al, ar), (bl, br), (cl, cr) = xy
    known = people.labelled[:, ids].all(axis=(1, 2))
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


CHAIN = [KEYPOINT_IDS[name] for name in SPINE_CHAIN]
# Share of each segment in the chain's length, of the synthetic bodies in
# relaxed poses; a real spine differs by less than the limits below allow.
SHARES = np.array([0.082, 0.1, 0.101, 0.185, 0.181, 0.142, 0.119, 0.09])
# Box sizes (root of the area) by which exchanging neighbours must shorten the
# chain, and by which a point may miss its place between its neighbours.
ORDER_GAIN, SPACING = 0.02, 0.07


def check_spine(content: DataSet) -> Iterator[tuple]:
    """Neighbours that look exchanged, points out of place; the clearest of
    each per person."""
    people = content.people
    chain = people.keypoints[:, CHAIN, :2]
    labelled = people.labelled[:, CHAIN]
    scales = people.scales[:, None]
    gains = order_gains(chain, labelled) / scales
    for i in np.flatnonzero(gains.max(axis=1) > ORDER_GAIN):
        k = int(gains[i].argmax())
        detail = (
            f'{_named(k)} and {_named(k + 1)}: exchanged, the spine gets '
            f'shorter by {100 * gains[i, k]:.0f} % of the box size'
        )
        ids = CHAIN[k : k + 2]
        yield people.rows[i], 'spine-order', detail, gains[i, k], ids
    misses = misplacements(chain, labelled) / scales
    for i in np.flatnonzero(misses.max(axis=1) > SPACING):
        k = int(misses[i].argmax())
        detail = (
            f'{_named(k + 1)} misses its place between its neighbours by '
            f'{100 * misses[i, k]:.0f} % of the box size; it or a neighbour '
            'may be wrong'
        )
        ids = CHAIN[k + 1 : k + 2]
        yield people.rows[i], 'spine-spacing', detail, misses[i, k], ids


def _named(place: int) -> str:
    name = SPINE_CHAIN[place]
    return f'{name} ({VERTEBRAE[name]})'


def order_gains(chain: np.ndarray, labelled: np.ndarray) -> np.ndarray:
    """(N, S - 1) pixels by which the chain (N, S, 2) gets shorter when
    neighbours are exchanged; 0 where a point that decides it is not labelled,
    (N, S)."""
    steps = np.linalg.norm(np.diff(chain, axis=1), axis=2)  # N, S - 1
    skips = np.linalg.norm(chain[:, 2:] - chain[:, :-2], axis=2)  # N, S - 2
    gains = np.zeros_like(steps)
    gains[:, 1:] += steps[:, :-1] - skips
    gains[:, :-1] += steps[:, 1:] - skips
    for i in range(gains.shape[1]):
        known = labelled[:, max(i - 1, 0) : i + 3].all(axis=1)
        gains[~known, i] = 0
    return gains


def misplacements(chain: np.ndarray, labelled: np.ndarray) -> np.ndarray:
    """(N, S - 2) pixels of each inner point from where the spine's proportions
    put it on the line between its neighbours; 0 where one has no label."""
    weight = (SHARES[:-1] / (SHARES[:-1] + SHARES[1:]))[:, None]
    wanted = chain[:, :-2] * (1 - weight) + chain[:, 2:] * weight
    miss = np.linalg.norm(chain[:, 1:-1] - wanted, axis=2)
    known = labelled[:, :-2] & labelled[:, 1:-1] & labelled[:, 2:]
    return np.where(known, miss, 0)
