"""From keypoints to measures over time, each with its interval or the reason
why there is none, and what follows from a whole movement."""

from itertools import product
from typing import Dict, NamedTuple, Optional, Sequence

import numpy as np

from ..metainfo import KEYPOINT_IDS, KEYPOINT_NAMES, NUM_KEYPOINTS
from .measures import DEGREES, MEASURES, Measure, View, wrap
from .planes import (
    FRONTAL,
    MOST_FRONT,
    SAGITTAL,
    TRANSVERSE,
    VIEW_LIMIT,
    Planes,
    planes_of,
    trunk_length,
)
from .spine import IDS

# Keypoints with a lower score count as not seen.
MIN_SCORE = 0.3
# Standard deviation of a keypoint, in lengths of the spine from S1 to C7, at
# these scores; between them it is interpolated. Measured by
# benchmarks/posture.py --model on synthetic people.
SCORES = (0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95)
DEVIATIONS = (0.166, 0.137, 0.105, 0.084, 0.065, 0.054, 0.046, 0.032)
# The points of the spine deviate together: of the curve through them so much of
# that is left (the same benchmark).
CURVE_SHARE = 0.45
Z_95 = 1.96
# A movement needs so many frames with a value.
LEAST_FRAMES = 5
# Of the leg's length: how far a foot swings at least in a step, and seconds
# between two steps of a foot.
LEAST_SWING, LEAST_STRIDE = 0.2, 0.5
# Share of the events of a walk that come in their order.
LEAST_ORDER = 0.8
SIDES = ('left', 'right')
# Kind of an event, the point that tells it, and whether it is then farthest
# ahead or behind.
EVENTS = (('contact', 'heel', 1), ('toe-off', 'big_toe', -1))


class Series(NamedTuple):
    """A measure over T frames."""

    measure: Measure
    values: np.ndarray  # T: in the measure's unit, NaN where unknown
    # T: standard deviation that the keypoints' scores let expect.
    deviation: np.ndarray
    reasons: np.ndarray  # T: why there is no value, '' where there is

    @property
    def low(self) -> np.ndarray:  # T: ends of the 95 % interval
        return self.values - Z_95 * self.deviation

    @property
    def high(self) -> np.ndarray:
        return self.values + Z_95 * self.deviation


def posture(
    points: np.ndarray,
    scores: Optional[np.ndarray] = None,
    names: Sequence[str] = tuple(MEASURES),
    up: Sequence[float] = (0, -1, 0),
    any_view: bool = False,
) -> Dict[str, Series]:
    """Measures of one person.

    Args:
        points (np.ndarray): (T, 37, 2) pixels, y downwards, or (T, 37, 3)
            metres; NaN for what is missing.
        scores (np.ndarray, optional): (T, 37) of the keypoints; without them
            all are seen, and exact.
        names (Sequence): of :data:`MEASURES`.
        up (Sequence): of 3D points, where up is.
        any_view (bool): measure also where the camera misses the view.

    Raises:
        ValueError: the points are not (T, 37, 2 or 3), or not as many as the
            scores.
        KeyError: there is no such measure.
    """
    points = np.array(points, float)
    shapes = (NUM_KEYPOINTS, 2), (NUM_KEYPOINTS, 3)
    if points.ndim != 3 or points.shape[1:] not in shapes:
        raise ValueError(
            f'points of the shape {points.shape}: (frames, {NUM_KEYPOINTS}, 2 '
            'or 3) expected'
        )
    deviation = np.zeros(points.shape[:2])
    if scores is not None:
        scores = np.asarray(scores, float)
        if scores.shape != points.shape[:2]:
            raise ValueError(
                f'scores of the shape {scores.shape}, but points of '
                f'{points.shape}: {points.shape[:2]} expected'
            )
        points[~(scores >= MIN_SCORE)] = np.nan
        deviation = np.interp(scores, SCORES, DEVIATIONS)
    with np.errstate(invalid='ignore'):
        planes = planes_of(points, up)
        length = trunk_length(points)
        deviation = deviation * length[:, None]
        return {
            name: _series(MEASURES[name], points, planes, deviation, any_view)
            for name in names
        }


def _series(measure, points, planes: Planes, deviation, any_view) -> Series:
    view = View(planes.points[measure.plane])
    values = measure.function(view)
    used = [KEYPOINT_IDS[name] for name in dict.fromkeys(view.used)]
    reasons = _reasons(measure, points, used, planes, values, any_view)
    values = np.where(reasons == '', values, np.nan)
    if set(IDS) <= set(used):
        deviation = CURVE_SHARE * deviation
    square = np.zeros(len(values))
    for k in used if deviation.any() else ():
        for axis in range(view.points.shape[-1]):
            moved = view.points.copy()
            moved[:, k, axis] += deviation[:, k]
            change = measure.function(View(moved)) - values
            if measure.unit == DEGREES:
                change = wrap(change, 180)
            # A point of the spine that the curve does without moves nothing.
            square += np.where(np.isfinite(change), change, 0) ** 2
    spread = np.sqrt(square) + 0 * values  # NaN where there is no value
    return Series(measure, values, spread, reasons)


def _reasons(measure, points, used, planes, values, any_view) -> np.ndarray:
    """(T,) text, '' where the value holds."""
    reasons = np.full(len(values), '', object)
    lost, off = np.isnan(points).any(-1), planes.off(measure.plane)
    holds, side = off <= VIEW_LIMIT, 'side'
    if measure.plane == FRONTAL:
        side = 'front or back'
        holds &= ~(np.abs(planes.front) > MOST_FRONT)
    holds |= any_view
    for t in np.flatnonzero(np.isnan(values) | ~holds):
        missing = [KEYPOINT_NAMES[k] for k in used if lost[t, k]]
        if lost[t].all():
            reasons[t] = 'the person is not seen'
        elif np.ptp(points[t, ~lost[t]], 0).max() == 0:
            reasons[t] = 'all points coincide: the person has no size'
        elif np.isnan(values[t]) and missing:
            reasons[t] = f'not seen: {", ".join(missing)}'
        elif measure.plane == TRANSVERSE and not planes.is_3d:
            reasons[t] = 'it needs 3D points'
        elif holds[t]:
            reasons[t] = 'its points coincide, or there is no such bend'
        elif np.isnan(off[t]):
            reasons[t] = f'it is unknown whether this is the {side}'
        elif off[t] > VIEW_LIMIT:
            reasons[t] = (
                f'seen {off[t]:.0f} degrees off the {side}, '
                f'{VIEW_LIMIT:.0f} at most'
            )
        else:
            reasons[t] = 'the trunk leans towards the camera or away from it'
    return reasons


class Range(NamedTuple):
    """Range of motion. NaN and a reason where there are too few frames."""

    low: float = np.nan
    high: float = np.nan
    mean: float = np.nan
    frames: int = 0
    reason: str = ''

    @property
    def range(self) -> float:
        return self.high - self.low


def range_of_motion(series: Series) -> Range:
    """Smallest, largest and mean value of a series."""
    values = series.values[np.isfinite(series.values)]
    if len(values) < LEAST_FRAMES:
        reason = most_frequent(series.reasons) or 'too few frames'
        return Range(frames=len(values), reason=reason)
    return Range(values.min(), values.max(), values.mean(), len(values))


def most_frequent(reasons: np.ndarray) -> str:
    """The reason that most frames have, '' if none has one."""
    texts = [text for text in reasons if text]
    # Angles in the text differ from frame to frame: its kind counts.
    kinds = [text.rpartition(' degrees ')[2] for text in texts]
    if not kinds:
        return ''
    return texts[kinds.index(max(kinds, key=kinds.count))]


def symmetry(left: Series, right: Series) -> float:
    """Symmetry index of the ranges of motion: their difference, right minus
    left, in percent of their mean; 0 is symmetric (Robinson, Herzog, Nigg,
    1987). NaN where either is unknown or neither moves."""
    a, b = (range_of_motion(side).range for side in (left, right))
    mean = (a + b) / 2
    return float(100 * (b - a) / mean) if mean > 0 else np.nan


class GaitEvent(NamedTuple):
    """A foot touches the ground with its heel, or leaves it with its toes."""

    frame: int
    side: str
    kind: str


class Gait(NamedTuple):
    """A walk, or the reason why there is none."""

    reason: str = ''
    events: Sequence[GaitEvent] = ()  # in order of time
    cadence: float = np.nan  # steps per minute
    # Seconds from a contact to the next of the same foot, median.
    stride: float = np.nan
    # Side -> percent of the stride that the foot is on the ground.
    stance: Optional[Dict[str, float]] = None


def gait(
    points: np.ndarray, rate: float, up: Sequence[float] = (0, -1, 0)
) -> Gait:
    """Contacts and toe-offs from where the feet are before and behind S1: a
    heel touches the ground where it is farthest ahead, toes leave it where
    they are farthest behind (Zeni, Richards, Higginson, Gait & Posture, 2008).

    Args:
        points (np.ndarray): (T, 37, 2 or 3), smoothed, NaN for what is
            missing; gaps between frames are interpolated.
        rate (float): frames per second.
        up (Sequence): of 3D points, where up is.
    """
    with np.errstate(invalid='ignore'):
        planes = planes_of(points, up)
        p = View(planes.points[SAGITTAL])
        seen = np.isfinite(p['hip'] + p['left_heel'] + p['right_heel'])
        if seen[:, 0].sum() < LEAST_FRAMES:
            return Gait('hip, heels or the walking direction not seen')
        if not _median(planes.off(SAGITTAL)) <= VIEW_LIMIT:
            return Gait('the walk is not seen from the side')
        leg = _median(
            np.linalg.norm(p['left_knee'] - p['left_hip'], axis=-1)
            + np.linalg.norm(p['left_ankle'] - p['left_knee'], axis=-1)
        )
    if not leg > 0:
        return Gait('the left leg is not seen')
    events = []
    for side, (kind, point, sign) in product(SIDES, EVENTS):
        ahead = sign * (p[f'{side}_{point}'] - p['hip'])[:, 0] / leg
        peaks = _peaks(ahead, LEAST_STRIDE * rate)
        events += [GaitEvent(int(frame), side, kind) for frame in peaks]
    events.sort()
    strides = np.concatenate(
        [np.diff([e.frame for e in events if e[1:] == (side, 'contact')])
         for side in SIDES]
    ) / rate  # fmt: skip
    if not len(strides):
        return Gait('there is no whole stride', events)
    if _order(events) < LEAST_ORDER:
        return Gait(
            'contacts and toe-offs do not alternate: left and right legs may '
            'be exchanged',
            events,
        )
    stride = float(np.median(strides))
    stance = {side: _stance(events, side) for side in SIDES}
    return Gait('', events, 120 / stride, stride, stance)


def _median(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else np.nan


def _peaks(values: np.ndarray, distance: float) -> Sequence[int]:
    from scipy.signal import find_peaks

    known = np.isfinite(values)
    if known.sum() < LEAST_FRAMES:
        return ()
    frames = np.arange(len(values))
    filled = np.interp(frames, frames[known], values[known])
    found, _ = find_peaks(
        filled, prominence=LEAST_SWING, distance=max(1, distance)
    )
    return found[known[found]]


def _order(events: Sequence[GaitEvent]) -> float:
    """Share of the events that follow as they do in walking: those of a foot
    alternate, and so do the contacts of both."""
    rows = [[e.kind for e in events if e.side == side] for side in SIDES]
    rows.append([e.side for e in events if e.kind == 'contact'])
    pairs = [pair for row in rows for pair in zip(row, row[1:])]
    return sum(a != b for a, b in pairs) / max(len(pairs), 1)


def _stance(events: Sequence[GaitEvent], side: str) -> float:
    """Median share of a foot's strides, in percent, before its toe-off."""
    own = [e for e in events if e.side == side]
    shares = [
        100 * (off.frame - down.frame) / (again.frame - down.frame)
        for down, off, again in zip(own, own[1:], own[2:])
        if down.kind == again.kind == 'contact' != off.kind
    ]
    return float(np.median(shares)) if shares else np.nan
