"""Left and right exchanged: suspected by geometry alone.

Three signs, all of which real poses show now and then (crossed legs, a twisted
trunk): suspicions for a human eye. A person mirrored as a whole looks like one
seen from the other side and cannot be told.

Letters: N people, K keypoints.
"""

from typing import Dict, Iterator, Tuple

from spinepose_mmpose.metainfo import BONES, KEYPOINT_IDS

import numpy as np

from .findings import Finding
from .people import People
from .sets import Content
from .structure_checks import finding_of

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


def check_sides(content: Content, people: People) -> Iterator[Finding]:
    """Suspected exchanges, the clearest of each sign a person."""
    xy, labelled, scales = (
        people.keypoints[..., :2],
        people.labelled,
        people.scales,
    )
    names = list(GROUPS)
    group, gain = exchanged_groups(xy, labelled, scales)
    for i in np.flatnonzero(group >= 0):
        yield finding_of(
            content,
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
            yield finding_of(
                content,
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
