"""Smooth a finished recording: nothing is delayed, outliers are replaced."""

from dataclasses import replace
from typing import Dict, List, Sequence, Tuple

import numpy as np

from ..results import FrameResult
from .butterworth import butterworth, check_filter
from .hampel import hampel_outliers

# Seconds before and after a sample; what returns faster is an outlier.
OUTLIER_WINDOW = 0.1
# In square roots of the box area: smaller steps are never outliers.
LEAST_OUTLIER = 0.02
# Steps that differ by less from the usual one count as even.
EVEN = 0.02


def smooth_tracks(
    frames: Sequence[FrameResult],
    *,
    cutoff: float = 6.0,
    order: int = 4,
    max_gap: float = 0.25,
    outlier_sigmas: float = 3.0,
) -> List[FrameResult]:
    """Every identity smoothed over the whole recording.

    For each track id, and anew after each gap: outliers (Hampel) and missing
    values are replaced by interpolation, then a zero-phase Butterworth low
    pass runs over each coordinate (:func:`butterworth`). Uneven times are
    brought to an even rate by cubic splines and back. Boxes, scores and people
    without identity stay as they are, and nobody is added.

    Args:
        frames: T frames with times that increase.
        cutoff: Hz. At frame rates up to 2.5 times the cutoff only outliers
            are replaced.
        order: of the two passes together; even.
        max_gap: seconds; a longer absence splits a track, and longer runs of
            NaN stay NaN.
        outlier_sigmas: deviations from here on are outliers; 0 keeps all.

    Raises:
        ValueError: times are missing or do not increase, a setting cannot be,
            or an identity comes twice in a frame.
    """
    check_filter(cutoff, order)
    if max_gap <= 0 or outlier_sigmas < 0:
        raise ValueError(
            'max_gap should be above 0 and outlier_sigmas 0 or more, but are '
            f'{max_gap} and {outlier_sigmas}'
        )
    people = [list(frame.people) for frame in frames]
    for places in _tracks(frames).values():
        times = np.array([frames[t].time for t, _ in places])
        for part in np.split(
            np.arange(len(places)), np.flatnonzero(np.diff(times) > max_gap) + 1
        ):
            own = [people[places[i][0]][places[i][1]] for i in part]
            smooth = smooth_segment(
                np.stack([p.keypoints for p in own]).astype(np.float64),
                times[part],
                _body_size(np.stack([p.bbox for p in own])),
                cutoff,
                order,
                max_gap,
                outlier_sigmas,
            ).astype(np.float32)
            for i, person, keypoints in zip(part, own, smooth):
                t, n = places[i]
                people[t][n] = replace(person, keypoints=keypoints)
    return [
        replace(frame, people=tuple(own)) for frame, own in zip(frames, people)
    ]


def _tracks(frames) -> Dict[int, List[Tuple[int, int]]]:
    """track id -> (frame, place in it) in order."""
    tracks: Dict[int, List[Tuple[int, int]]] = {}
    before = -np.inf
    for t, frame in enumerate(frames):
        if frame.time is None or not frame.time > before:
            raise ValueError(
                'frames should have times that increase, but frame '
                f'{frame.frame_index} is at {frame.time} after {before}'
            )
        before = frame.time
        for n, person in enumerate(frame.people):
            if person.track_id is None:
                continue
            places = tracks.setdefault(person.track_id, [])
            if places and places[-1][0] == t:
                raise ValueError(
                    'an identity should come once in a frame, but '
                    f'{person.track_id} comes twice in frame '
                    f'{frame.frame_index}'
                )
            places.append((t, n))
    return tracks


def smooth_segment(
    points: np.ndarray,
    times: np.ndarray,
    size: float,
    cutoff: float = 6.0,
    order: int = 4,
    max_gap: float = 0.25,
    outlier_sigmas: float = 3.0,
) -> np.ndarray:
    """(T, K, 2) keypoints of one person without a gap, smoothed.

    Args:
        points: (T, K, 2), [x, y] in pixels, may hold NaN.
        times: (T,) seconds, increasing.
        size: of the person in pixels.
    """
    if len(points) < 2:
        return points.copy()
    step = float(np.median(np.diff(times)))
    if outlier_sigmas:
        half = max(2, int(round(OUTLIER_WINDOW / step)))
        wrong = hampel_outliers(
            points, half, outlier_sigmas, LEAST_OUTLIER * size
        )
        points = np.where(wrong.any(axis=2, keepdims=True), np.nan, points)
    known = np.isfinite(points).all(axis=2)
    filled, reliable = fill(points, known, times, max_gap)
    smooth = _filter(filled, times, step, cutoff, order)
    return np.where(reliable[..., None], smooth, np.nan)


def fill(
    points: np.ndarray, known: np.ndarray, times: np.ndarray, max_gap: float
) -> Tuple[np.ndarray, np.ndarray]:
    """Unknown keypoints on the line between the known ones around them.

    Before the first and after the last known one its place is held.

    Returns:
        (T, K, 2) without NaN, and (T, K) bool: False where the nearest known
        ones are further apart than ``max_gap`` seconds.
    """
    filled = np.where(known[..., None], points, 0.0)
    reliable = known.copy()
    for k in np.flatnonzero(~known.all(axis=0)):
        at = np.flatnonzero(known[:, k])
        if not len(at):
            continue
        for axis in range(2):
            filled[:, k, axis] = np.interp(
                times, times[at], points[at, k, axis]
            )
        after = np.searchsorted(at, np.arange(len(times)))
        left = times[at[np.maximum(after - 1, 0)]]
        right = times[at[np.minimum(after, len(at) - 1)]]
        apart = np.maximum(
            right - left, np.maximum(times - left, right - times)
        )
        reliable[:, k] |= apart <= max_gap
    return filled, reliable


def _filter(points, times, step, cutoff, order) -> np.ndarray:
    """Butterworth at an even rate, over (T, K, 2)."""
    if np.abs(np.diff(times) - step).max() <= EVEN * step:
        return butterworth(points, 1 / step, cutoff, order)
    from scipy.interpolate import CubicSpline

    count = max(int(round((times[-1] - times[0]) / step)), 1) + 1
    even = np.linspace(times[0], times[-1], count)
    rate = (count - 1) / (times[-1] - times[0])
    smooth = butterworth(CubicSpline(times, points)(even), rate, cutoff, order)
    return CubicSpline(even, smooth)(times)


def _body_size(boxes: np.ndarray) -> float:
    """Square root of the usual box area in pixels; 0 without a good box."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0).astype(np.float64)
    areas = sides.prod(axis=1)
    areas = areas[np.isfinite(areas)]
    return float(np.sqrt(np.median(areas))) if len(areas) else 0.0
