"""The measures of posture: one table, :data:`MEASURES`.

Each takes a :class:`View`, that gives the points by name in the plane of the
measure, and returns (T,) numbers; its definition is what the documentation
and the report show. In ``sagittal`` points are [forwards, up], in ``frontal``
[to the person's left, up], in ``transverse`` (3D alone) [forwards, to the
left]. ``limb`` is the sagittal plane in 2D and the plane of the limb itself
in 3D.

Sources: Sports2D (Pagnon, Kim, Sports2D, JOSS 2024, and its documentation)
for joint and segment angles; surface topography (Drerup, Hierholzer, 1994:
tangents at inflection points); EOS and radiographs (Roussouly, 2005; Jackson,
McManus, 1994) for what is measured between levels; Yip et al., Manual Therapy,
2008, for the craniovertebral angle.
"""

from typing import Callable, Dict, NamedTuple

import numpy as np

from ..metainfo import KEYPOINT_IDS, VERTEBRAE
from . import spine
from .planes import FRONTAL, LIMB, SAGITTAL, TRANSVERSE, cross

DEGREES, PERCENT = 'deg', '%'
TOPOGRAPHY, LEVELS = 'surface topography', 'fixed levels of the spine'
SPORTS2D, RADIOGRAPHS = 'Sports2D', 'radiographs'


class Measure(NamedTuple):
    """What is known about a measure. One of a sagittal plane (and a limb's)
    holds in an image from the side, a frontal one from the front or behind, a
    transverse one in 3D alone."""

    name: str  # as the command line takes it
    function: Callable  # from View to (T,)
    plane: str
    definition: str
    source: str  # of the definition
    unit: str = DEGREES


class View:
    """Points (T, K, D) of a plane by name; notes which ones were asked for."""

    def __init__(self, points: np.ndarray):
        self.points, self.used = points, []

    def __getitem__(self, name: str) -> np.ndarray:
        self.used.append(name)
        return self.points[:, KEYPOINT_IDS[name]]

    def spine(self) -> np.ndarray:
        """(T, 9, D) from S1 to C1."""
        self.used += spine.LEVELS
        return self.points[:, spine.IDS]


# --- Arithmetic ---------------------------------------------------------------


def wrap(degrees: np.ndarray, period: float = 360) -> np.ndarray:
    """Into half a period on either side of 0."""
    return (degrees + period / 2) % period - period / 2


def direction(vectors: np.ndarray) -> np.ndarray:
    """(T,) degrees, anticlockwise from the first axis, of (T, 2); NaN for a
    vector without length."""
    angle = np.degrees(np.arctan2(vectors[:, 1], vectors[:, 0]))
    return np.where((vectors == 0).all(-1), np.nan, angle)


def tilt(vectors: np.ndarray) -> np.ndarray:
    """(T,) degrees of lines, whose ends may be exchanged."""
    return wrap(direction(vectors), 180)


def lean(vectors: np.ndarray) -> np.ndarray:
    """(T,) degrees from the vertical towards the first axis."""
    return wrap(90 - direction(vectors))


def between(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """(T,) degrees from u to v: anticlockwise in a plane (T, 2), without sign
    in space (T, 3); NaN where one has no length."""
    dot = (u * v).sum(-1)
    if u.shape[-1] == 2:
        angle = np.degrees(np.arctan2(cross(u, v), dot))
    else:
        size = np.linalg.norm(np.cross(u, v), axis=-1)
        angle = np.degrees(np.arctan2(size, dot))
    has_length = (u != 0).any(-1) & (v != 0).any(-1)
    return np.where(has_length, angle, np.nan)


def share(offset: np.ndarray, p: View) -> np.ndarray:
    """Percent of the distance from S1 to C7; NaN where that is 0."""
    size = np.linalg.norm(p['neck'] - p['hip'], axis=-1)
    return 100 * offset / np.where(size > 0, size, np.nan)


# --- Kinds of measures --------------------------------------------------------


def line(angle: Callable, start: str, end: str) -> Callable:
    """Of the vector from one point to another."""
    return lambda p: angle(p[end] - p[start])


def joint(first: tuple, second: tuple, then=np.positive) -> Callable:
    """Of the angle between two vectors (start, end)."""

    def angle(p):
        u, v = (p[end] - p[start] for start, end in (first, second))
        return then(between(u, v))

    return angle


def fold(middle: str, ends: tuple, sign: int) -> Callable:
    """By how much a limb is bent at its middle."""

    def angle(p):
        u, v = (p[end] - p[middle] for end in ends)
        # Between two vectors of space there is no sign: bent is positive.
        turn = 1 if u.shape[-1] == 3 else sign
        return wrap(180 - turn * between(u, v))

    return angle


def bend(low: float, high: float, sign: int = 1) -> Callable:
    """By how much the tangent of the spine's curve turns between two places."""

    def angle(p):
        first, last = spine.tangent_angles(p.spine(), (low, high)).T
        return sign * (last - first)

    return angle


def inflections(sign: int) -> Callable:
    return lambda p: spine.bend_between_inflections(p.spine(), sign)


def across(p: View) -> np.ndarray:
    """How far C7 lies beside S1."""
    return share((p['neck'] - p['hip'])[:, 0], p)


def craniovertebral(p: View) -> np.ndarray:
    return direction((p['left_ear'] + p['right_ear']) / 2 - p['neck'])


def spine_deviation(p: View) -> np.ndarray:
    inside = spine.SAMPLES[spine.SAMPLES <= spine.C7]
    curve = spine.spine_curve(p.spine(), inside) - p['hip'][:, None]
    line = (p['neck'] - p['hip'])[:, None]
    size = np.linalg.norm(line, axis=-1)
    away = cross(curve, line) / np.where(size > 0, size, np.nan)
    known = np.isfinite(away).all(1)
    most = np.argmax(np.abs(np.where(known[:, None], away, 0)), 1)
    return share(away[np.arange(len(away)), most], p)


# --- The table ----------------------------------------------------------------


def _leaning(start: str, end: str, plane: str = SAGITTAL) -> tuple:
    to = 'forwards' if plane == SAGITTAL else "to the person's left"
    text = (
        f'Angle between the line from {VERTEBRAE[start]} to {VERTEBRAE[end]} '
        f'and the vertical; positive if leaning {to}.'
    )
    return line(lean, start, end), plane, text


def _level(pair: str) -> tuple:
    text = (
        f'Angle between the line from the right to the left {pair} and the '
        f'horizontal; positive if the left {pair} is higher. Equals '
        "Sports2D's angle if the person faces the camera."
    )
    return line(tilt, f'right_{pair}', f'left_{pair}'), FRONTAL, text


def _segment(start: str, end: str, side: str = '', more: str = '') -> tuple:
    ends = ' to '.join(VERTEBRAE.get(n, n) for n in (start, end))
    if side:
        ends, start, end = f'{start} to {end}', side + start, side + end
    text = (
        f'Segment from {ends.replace("_", " ")}, anticlockwise from the '
        f'horizontal with the person facing right{more}.'
    )
    return line(direction, start, end), SAGITTAL, text


# fmt: off
def _of_limbs(side: str) -> list:
    """Joints and segments of a side, as Sports2D has them."""
    ankle, knee, hip, shoulder, elbow, wrist, heel, toe = (
        side + part for part in ('ankle', 'knee', 'hip', 'shoulder', 'elbow',
                                 'wrist', 'heel', 'big_toe'))
    trunk = ('hip', 'neck')
    return [
        (ankle, joint((knee, ankle), (toe, heel), lambda a: wrap(a + 90)),
         SAGITTAL,
         'Ankle dorsiflexion, from the shank to the line from heel to big toe; '
         '0 if they are perpendicular.'),
        (knee, fold(knee, (ankle, hip), -1), LIMB,
         'Knee flexion, from thigh to shank; 0 is straight.'),
        (hip, joint((knee, hip), trunk, np.negative), SAGITTAL,
         'Hip flexion, from the line S1-C7 to the thigh; 0 is straight, '
         'positive if the knee is lifted.'),
        (shoulder, joint((elbow, shoulder), trunk, np.negative), SAGITTAL,
         'Shoulder flexion, from the line S1-C7 to the upper arm; 0 if the arm '
         'hangs down, positive if it is lifted forwards.'),
        (elbow, fold(elbow, (wrist, shoulder), 1), LIMB,
         'Elbow flexion, from upper arm to forearm; 0 is straight.'),
        (f'{side}foot', *_segment('heel', 'big_toe', side)),
        (f'{side}shank', *_segment('knee', 'ankle', side)),
        (f'{side}thigh', *_segment('hip', 'knee', side)),
        (f'{side}arm', *_segment('shoulder', 'elbow', side)),
        (f'{side}forearm', *_segment('elbow', 'wrist', side)),
    ]


# Name, function, plane, definition, source and, but for degrees, unit.
_ALL = [
    # The spine from the side.
    ('kyphosis', bend(spine.T12, spine.T3), SAGITTAL,
     "Thoracic kyphosis: angle between the tangents of the spine's curve at "
     'T12/L1 and T3; positive if bent forwards. Not a radiographic Cobb '
     'angle.', LEVELS),
    ('lordosis', bend(spine.S1, spine.T12, -1), SAGITTAL,
     "Lumbar lordosis: angle between the tangents of the spine's curve at S1 "
     'and T12/L1; positive if hollow at the back. Not a radiographic Cobb '
     'angle.', LEVELS),
    ('cervical_lordosis', bend(spine.C7, spine.C1, -1), SAGITTAL,
     "Cervical lordosis: angle between the tangents of the spine's curve at "
     'C7 and C1; positive if hollow at the back.', LEVELS),
    ('kyphosis_inflection', inflections(1), SAGITTAL,
     'Kyphosis between the tangents at the inflection points around the '
     'sharpest forward bend from T12/L1 to C7.', TOPOGRAPHY),
    ('lordosis_inflection', inflections(-1), SAGITTAL,
     'Lordosis between the tangents at the inflection points around the '
     'sharpest backward bend from S1 to T12/L1.', TOPOGRAPHY),
    ('trunk_inclination', *_leaning('hip', 'neck'), TOPOGRAPHY),
    ('lumbar_inclination', *_leaning('hip', 'spine_03'), LEVELS),
    ('thoracic_inclination', *_leaning('spine_03', 'neck'), LEVELS),
    ('neck_inclination', *_leaning('neck', 'neck_03'), LEVELS),
    ('sagittal_vertical_axis', across, SAGITTAL,
     'Horizontal distance of C7 in front of S1, in percent of the distance '
     'from S1 to C7.', RADIOGRAPHS, PERCENT),
    ('craniovertebral', craniovertebral, SAGITTAL,
     'Angle between the line from C7 to the ear (mean of both ears) and the '
     'horizontal; below about 50 degrees is called forward head posture.',
     'photogrammetry (Yip et al., 2008)'),
    # The trunk from the front or behind.
    ('shoulders', *_level('shoulder'), SPORTS2D),
    ('pelvis', *_level('hip'), SPORTS2D),
    ('lateral_inclination', *_leaning('hip', 'neck', FRONTAL), TOPOGRAPHY),
    ('lateral_bend', bend(spine.S1, spine.C7), FRONTAL,
     "Angle between the tangents of the spine's curve at S1 and C7; positive "
     "if bent to the person's left. Not a radiographic Cobb angle.", LEVELS),
    ('c7_offset', across, FRONTAL,
     'Horizontal distance of C7 from S1, in percent of the distance from S1 '
     "to C7; positive to the person's left.", RADIOGRAPHS, PERCENT),
    ('spine_deviation', spine_deviation, FRONTAL,
     "Largest distance of the spine's curve from the line S1-C7, in percent "
     "of that line; positive to the person's left.", TOPOGRAPHY, PERCENT),
    ('axial_rotation', joint(('right_hip', 'left_hip'),
                             ('right_shoulder', 'left_shoulder')), TRANSVERSE,
     'Angle between the lines through the shoulders and the hips, seen from '
     "above; positive if the shoulders are turned to the person's left. Needs "
     '3D.', 'OpenSim'),
    # Joints and segments, right before left.
    *((*row, SPORTS2D)
      for pair in zip(_of_limbs('right_'), _of_limbs('left_')) for row in pair),
    ('trunk', *_segment('hip', 'neck',
                        more='; 90 is upright, less is leaning forwards'),
     SPORTS2D),
    ('head', line(direction, 'neck', 'head'), SAGITTAL,
     'Segment from C7 to the top of the head, anticlockwise from the '
     'horizontal with the person facing right.', SPORTS2D),
]
# fmt: on
MEASURES: Dict[str, Measure] = {row[0]: Measure(*row) for row in _ALL}
