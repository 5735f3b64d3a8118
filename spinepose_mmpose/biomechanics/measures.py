"""The measures of posture: one registry, to which a function adds itself.

A function takes a :class:`View`, that gives the points by name in the plane
of the measure, and returns (T,) numbers; its docstring is the definition that
the documentation and the report show. In ``sagittal`` points are [forwards,
up], in ``frontal`` [to the person's left, up], in ``transverse`` (3D alone)
[forwards, to the left]. ``limb`` is the sagittal plane in 2D and the plane of
the limb itself in 3D.

Sources: Sports2D (Pagnon, Kim, Sports2D, JOSS 2024, and its documentation)
for joint and segment angles; surface topography (Drerup, Hierholzer, 1994:
tangents at inflection points); EOS and radiographs (Roussouly, 2005; Jackson,
McManus, 1994) for what is measured between levels; Yip et al., Manual Therapy,
2008, for the craniovertebral angle.
"""

from dataclasses import dataclass
from typing import Callable, Dict, Sequence

import numpy as np

from ..metainfo import KEYPOINT_IDS
from . import spine
from .planes import FRONTAL, LIMB, SAGITTAL, TRANSVERSE, cross

DEGREES, PERCENT = 'deg', '%'
TOPOGRAPHY, LEVELS = 'surface topography', 'fixed levels of the spine'
SPORTS2D, RADIOGRAPHS = 'Sports2D', 'radiographs'


@dataclass(frozen=True)
class Measure:
    """What is known about a measure.

    Attributes:
        name (str): as the command line takes it.
        function (Callable): from :class:`View` to (T,).
        unit (str): ``'deg'`` or ``'%'``.
        plane (str): in which it is taken: a sagittal one (and a limb's) holds
            in an image from the side, a frontal one from the front or behind,
            a transverse one in 3D alone.
        source (str): where the definition comes from.
    """

    name: str
    function: Callable
    unit: str
    plane: str
    source: str

    @property
    def definition(self) -> str:
        return ' '.join(self.function.__doc__.split())


MEASURES: Dict[str, Measure] = {}


class View:
    """Points of a plane by name; notes which ones were asked for.

    Args:
        points (np.ndarray): (T, K, D).
    """

    def __init__(self, points: np.ndarray):
        self.points, self.used = points, []

    def __getitem__(self, name: str) -> np.ndarray:
        self.used.append(name)
        return self.points[:, KEYPOINT_IDS[name]]

    def spine(self) -> np.ndarray:
        """(T, 9, D) from S1 to C1."""
        self.used += spine.LEVELS
        return self.points[:, spine.IDS]


def measure(name: str, plane: str, source: str, unit: str = DEGREES):
    """Decorator that adds a function to :data:`MEASURES`."""

    def add(function):
        MEASURES[name] = Measure(name, function, unit, plane, source)
        return function

    return add


def parse_names(text: str) -> Sequence[str]:
    """Names of measures from ``kyphosis,trunk``, or ``all``.

    Raises:
        ValueError: there is no such measure.
    """
    names = [name.strip().lower() for name in text.split(',') if name.strip()]
    for name in names:
        if name not in MEASURES and name != 'all':
            raise ValueError(
                f'no angle {name!r}: choose from all, {", ".join(MEASURES)}'
            )
    return list(MEASURES) if 'all' in names else list(dict.fromkeys(names))


# --- Arithmetic ---------------------------------------------------------------


def wrap(degrees: np.ndarray, period: float = 360) -> np.ndarray:
    """Into half a period on either side of 0."""
    return (degrees + period / 2) % period - period / 2


def direction(vectors: np.ndarray) -> np.ndarray:
    """(T,) degrees, anticlockwise from the first axis, of (T, 2); NaN for a
    vector without length."""
    angle = np.degrees(np.arctan2(vectors[:, 1], vectors[:, 0]))
    return np.where((vectors == 0).all(-1), np.nan, angle)


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
    with np.errstate(invalid='ignore', divide='ignore'):
        return 100 * offset / np.where(size > 0, size, np.nan)


def lean(vectors: np.ndarray) -> np.ndarray:
    """(T,) degrees from the vertical towards the first axis."""
    return wrap(90 - direction(vectors))


# --- The spine from the side --------------------------------------------------


def _bend(p: View, low: float, high: float) -> np.ndarray:
    first, last = spine.tangent_angles(p.spine(), (low, high)).T
    return last - first


@measure('kyphosis', SAGITTAL, LEVELS)
def kyphosis(p):
    """Thoracic kyphosis: between the tangents of the spine's curve at T12/L1
    and T3; positive bends forwards. Not a radiographic Cobb angle."""
    return _bend(p, spine.T12, spine.T3)


@measure('lordosis', SAGITTAL, LEVELS)
def lordosis(p):
    """Lumbar lordosis: between the tangents of the spine's curve at S1 and
    T12/L1; positive is hollow behind. Not a radiographic Cobb angle."""
    return -_bend(p, spine.S1, spine.T12)


@measure('cervical_lordosis', SAGITTAL, LEVELS)
def cervical_lordosis(p):
    """Cervical lordosis: between the tangents of the spine's curve at C7 and
    C1; positive is hollow behind."""
    return -_bend(p, spine.C7, spine.C1)


@measure('kyphosis_inflection', SAGITTAL, TOPOGRAPHY)
def kyphosis_inflection(p):
    """Kyphosis between the tangents at the inflection points around the
    sharpest forward bend from T12/L1 to C7."""
    return spine.bend_between_inflections(p.spine(), 1)


@measure('lordosis_inflection', SAGITTAL, TOPOGRAPHY)
def lordosis_inflection(p):
    """Lordosis between the tangents at the inflection points around the
    sharpest backward bend from S1 to T12/L1."""
    return spine.bend_between_inflections(p.spine(), -1)


@measure('trunk_inclination', SAGITTAL, TOPOGRAPHY)
def trunk_inclination(p):
    """Line from S1 to C7 against the vertical; positive leans forwards."""
    return lean(p['neck'] - p['hip'])


@measure('lumbar_inclination', SAGITTAL, LEVELS)
def lumbar_inclination(p):
    """Line from S1 to T12/L1 against the vertical; positive leans forwards."""
    return lean(p['spine_03'] - p['hip'])


@measure('thoracic_inclination', SAGITTAL, LEVELS)
def thoracic_inclination(p):
    """Line from T12/L1 to C7 against the vertical; positive leans forwards."""
    return lean(p['neck'] - p['spine_03'])


@measure('neck_inclination', SAGITTAL, LEVELS)
def neck_inclination(p):
    """Line from C7 to C1 against the vertical; positive leans forwards."""
    return lean(p['neck_03'] - p['neck'])


@measure('sagittal_vertical_axis', SAGITTAL, RADIOGRAPHS, PERCENT)
def sagittal_vertical_axis(p):
    """Horizontal distance of C7 before S1, in percent of the distance from S1
    to C7."""
    return share((p['neck'] - p['hip'])[:, 0], p)


@measure('craniovertebral', SAGITTAL, 'photogrammetry (Yip et al., 2008)')
def craniovertebral(p):
    """Line from C7 to the ear (the mean of both) against the horizontal; below
    about 50 degrees is called forward head posture."""
    return direction((p['left_ear'] + p['right_ear']) / 2 - p['neck'])


# --- The trunk from the front or behind ---------------------------------------


@measure('shoulders', FRONTAL, SPORTS2D)
def shoulders(p):
    """Line from the right to the left shoulder against the horizontal;
    positive holds the left one higher. Equals Sports2D's where the person
    faces the camera."""
    return wrap(direction(p['left_shoulder'] - p['right_shoulder']), 180)


@measure('pelvis', FRONTAL, SPORTS2D)
def pelvis(p):
    """Line from the right to the left hip against the horizontal; positive
    holds the left one higher. Equals Sports2D's where the person faces the
    camera."""
    return wrap(direction(p['left_hip'] - p['right_hip']), 180)


@measure('lateral_inclination', FRONTAL, TOPOGRAPHY)
def lateral_inclination(p):
    """Line from S1 to C7 against the vertical; positive leans to the person's
    left."""
    return lean(p['neck'] - p['hip'])


@measure('lateral_bend', FRONTAL, LEVELS)
def lateral_bend(p):
    """Between the tangents of the spine's curve at S1 and C7; positive bends
    to the person's left. Not a radiographic Cobb angle."""
    return _bend(p, spine.S1, spine.C7)


@measure('c7_offset', FRONTAL, RADIOGRAPHS, PERCENT)
def c7_offset(p):
    """Horizontal distance of C7 from S1, in percent of the distance from S1 to
    C7; positive to the person's left."""
    return share((p['neck'] - p['hip'])[:, 0], p)


@measure('spine_deviation', FRONTAL, TOPOGRAPHY, PERCENT)
def spine_deviation(p):
    """Largest distance of the spine's curve from the line S1-C7, in percent of
    that line; positive to the person's left."""
    inside = spine.SAMPLES[spine.SAMPLES <= spine.C7]
    curve = spine.spine_curve(p.spine(), inside) - p['hip'][:, None]
    line = (p['neck'] - p['hip'])[:, None]
    size = np.linalg.norm(line, axis=-1)
    with np.errstate(invalid='ignore', divide='ignore'):
        away = cross(curve, line) / np.where(size > 0, size, np.nan)
    known = np.isfinite(away).all(1)
    most = np.argmax(np.abs(np.where(known[:, None], away, 0)), 1)
    return share(away[np.arange(len(away)), most], p)


@measure('axial_rotation', TRANSVERSE, 'OpenSim')
def axial_rotation(p):
    """Line of the shoulders against that of the hips, seen from above;
    positive turns the shoulders to the person's left. Needs 3D."""
    hips = p['left_hip'] - p['right_hip']
    return between(hips, p['left_shoulder'] - p['right_shoulder'])


# --- Joints and segments as Sports2D has them ---------------------------------


def _fold(p, middle, ends, sign):
    # Between two vectors of space there is no sign: bent is positive.
    u, v = (p[end] - p[middle] for end in ends)
    sign = 1 if u.shape[-1] == 3 else sign
    return wrap(180 - sign * between(u, v))


def _knee(p, side):
    """Knee flexion, from thigh to shank; 0 is straight."""
    return _fold(p, f'{side}_knee', (f'{side}_ankle', f'{side}_hip'), -1)


def _elbow(p, side):
    """Elbow flexion, from upper arm to forearm; 0 is straight."""
    return _fold(p, f'{side}_elbow', (f'{side}_wrist', f'{side}_shoulder'), 1)


def _ankle(p, side):
    """Ankle dorsiflexion, from the shank to the line of heel and big toe; 0
    where they are perpendicular."""
    shank = p[f'{side}_ankle'] - p[f'{side}_knee']
    return wrap(between(shank, p[f'{side}_heel'] - p[f'{side}_big_toe']) + 90)


def _hip(p, side):
    """Hip flexion, from the line S1-C7 to the thigh; 0 is straight, positive
    lifts the knee."""
    thigh = p[f'{side}_hip'] - p[f'{side}_knee']
    return -between(thigh, p['neck'] - p['hip'])


def _shoulder(p, side):
    """Shoulder flexion, from the line S1-C7 to the upper arm; 0 hangs down,
    positive lifts the arm forwards."""
    arm = p[f'{side}_shoulder'] - p[f'{side}_elbow']
    return -between(arm, p['neck'] - p['hip'])


def _segment(start, end):
    def angle(p, side):
        return direction(p[f'{side}_{end}'] - p[f'{side}_{start}'])

    angle.__doc__ = (
        f'Segment from {start} to {end} of the side, anticlockwise from the '
        'horizontal with the person facing right.'
    ).replace('_', ' ')
    return angle


SIDED = {
    'ankle': (_ankle, SAGITTAL), 'knee': (_knee, LIMB), 'hip': (_hip, SAGITTAL),
    'shoulder': (_shoulder, SAGITTAL), 'elbow': (_elbow, LIMB),
    'foot': (_segment('heel', 'big_toe'), SAGITTAL),
    'shank': (_segment('knee', 'ankle'), SAGITTAL),
    'thigh': (_segment('hip', 'knee'), SAGITTAL),
    'arm': (_segment('shoulder', 'elbow'), SAGITTAL),
    'forearm': (_segment('elbow', 'wrist'), SAGITTAL),
}  # fmt: skip


def _of_side(function, side):
    def angle(p):
        return function(p, side)

    angle.__doc__ = function.__doc__
    return angle


for _name, (_function, _plane) in SIDED.items():
    for _side in ('right', 'left'):
        measure(f'{_side}_{_name}', _plane, SPORTS2D)(
            _of_side(_function, _side)
        )


@measure('trunk', SAGITTAL, SPORTS2D)
def trunk(p):
    """Segment from S1 to C7, anticlockwise from the horizontal with the person
    facing right: 90 is upright, less leans forwards."""
    return direction(p['neck'] - p['hip'])


@measure('head', SAGITTAL, SPORTS2D)
def head(p):
    """Segment from C7 to the top of the head, anticlockwise from the
    horizontal with the person facing right."""
    return direction(p['head'] - p['neck'])
