"""Steadier keypoints: live (One-Euro) or afterwards (Hampel, Butterworth).

All filters run over time, one keypoint at a time. None averages neighbours in
space: that would flatten the spine's curves, which are what is measured.
"""

import warnings
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np

from ..metainfo import SPINE_CHAIN
from .results import FrameResult, Person, check_time
from .settings import Settings

# Live: cutoff in Hz of the speed; keypoint scores from here on are trusted in
# full, lower ones in proportion; seconds after which a person starts anew.
SPEED_CUTOFF, TRUST_SCORE, LIVE_GAP = 2.0, 0.3, 0.5
# Seconds over which the size of a person is averaged.
SIZE_MEMORY = 1.0
# The body as a whole is measured by all keypoints, with little noise: its
# speed counts so many times, so that neither a walk nor a moving camera leaves
# the skeleton behind.
BODY_FACTOR = 10.0

# Offline: seconds; a longer absence splits a track, and longer runs of NaN stay
# NaN. Deviations from here on are outliers.
OFFLINE_GAP, OUTLIER_SIGMAS = 0.25, 3.0
# Up to this many times the cutoff, half of the frame rate, above which a series
# holds nothing, is so near to the cutoff that there is nothing to take away.
LEAST_RATE = 2.5
# Of a normal distribution: standard deviation / median absolute deviation.
MAD_TO_SIGMA = 1.4826
# Seconds before and after a sample; what returns faster is an outlier.
OUTLIER_WINDOW = 0.1
# In square roots of the box area: smaller steps are never outliers.
LEAST_OUTLIER = 0.02
# In a clip so slow that OFFLINE_GAP is less than a frame, so many frame
# intervals are no gap; outliers cannot be told from motion there.
SLOW_GAP = 1.5
# Steps that differ by less from the usual one count as even.
EVEN = 0.02


@dataclass
class _Filter:
    """One person's filter, in pixels and pixels per second.

    Rows of (K + 1, 2): the keypoints relative to the body and, last, the body.
    """

    time: float
    size: float  # square root of the box area in pixels
    raw: np.ndarray
    smooth: np.ndarray
    velocity: np.ndarray


@dataclass(eq=False)
class OneEuroSmoother:
    """One-Euro filter over time for each identity; each result is final.

    ``cutoff = min_cutoff + beta * speed``: still points are held calm, fast
    ones followed closely (Casiez, Roussel, Vogel, 1 Euro Filter, CHI 2012).
    Speed is in body sizes per second (square root of the area of the person's
    box), so that the settings mean the same at any resolution.

    A keypoint with a low score moves with the others instead of following
    its measurement. The nine points of the spine share one cutoff, that of
    the fastest: they are delayed alike, and the shape of the chain is kept.

    Args:
        min_cutoff (float): Hz, of a still point; lower is calmer and lags
            more.
        beta (float): Hz per body size per second; higher lags less in motion.

    Raises:
        ValueError: a setting is out of its range.
    """

    min_cutoff: float = Settings.min_cutoff
    beta: float = Settings.beta

    def __post_init__(self):
        # Raises what is out of range.
        Settings(min_cutoff=self.min_cutoff, beta=self.beta)
        self.reset()

    def reset(self) -> None:
        """Forget everybody."""
        self._filters: Dict[int, _Filter] = {}

    def __call__(
        self, people: Sequence[Person], time: float
    ) -> Tuple[Person, ...]:
        """The people of the next frame, smoothed; without identity unchanged.

        Args:
            people (Sequence): of one frame, with ``track_id``.
            time (float): seconds. Back by less than half a second counts as no
                time passed: the frame before is repeated; by more starts
                anew.

        Raises:
            ValueError: time is not finite.
        """
        check_time(time)
        self._filters = {
            identity: one
            for identity, one in self._filters.items()
            if abs(time - one.time) <= LIVE_GAP
        }
        return tuple(
            person
            if person.track_id is None
            else replace(person, keypoints=self._smooth(person, float(time)))
            for person in people
        )

    def state(self) -> Dict[str, Any]:
        """Everything that the next frame depends on, ready for JSON."""
        filters = []
        for identity, one in self._filters.items():
            kept = {
                k: np.where(np.isnan(v), None, v) for k, v in vars(one).items()
            }
            filters.append((identity, {k: v.tolist() for k, v in kept.items()}))
        return dict(filters=filters)

    def load_state(self, state: Dict[str, Any]) -> None:
        """Go on where another smoother with the same settings was."""
        self.reset()
        for identity, kept in state['filters']:
            kept = {k: np.array(v, np.float64)[()] for k, v in kept.items()}
            self._filters[identity] = _Filter(**kept)

    def _smooth(self, person: Person, time: float) -> np.ndarray:
        points = np.asarray(person.keypoints, dtype=np.float64)
        size = max(_body_size(person.bbox[None]), 1.0)
        one = self._filters.get(person.track_id)
        if one is None or len(one.smooth) != len(points) + 1:
            rows = np.vstack([points, np.zeros(2)])
            self._filters[person.track_id] = _Filter(
                time, size, rows, rows.copy(), np.zeros_like(rows)
            )
            return np.array(person.keypoints)
        dt = time - one.time
        if dt > 0:
            one.time = time
            one.size += dt / (dt + SIZE_MEMORY) * (size - one.size)
            self._step(one, person, points, dt)
        return (one.smooth[:-1] + one.smooth[-1]).astype(np.float32)

    def _step(self, one: _Filter, person: Person, points, dt: float) -> None:
        # A keypoint that was NaN until now starts here.
        fresh = np.flatnonzero(~np.isfinite(one.smooth[:-1]).all(axis=1))
        one.smooth[fresh] = one.raw[fresh] = points[fresh] - one.smooth[-1]
        innovation = points - one.smooth[:-1] - one.smooth[-1]
        known = np.isfinite(innovation).all(axis=1, keepdims=True)
        innovation = np.where(known, innovation, 0.0)
        scores = np.nan_to_num(np.float64(person.scores))[:, None]
        trust = np.where(known, np.clip(scores / TRUST_SCORE, 0, 1), 0.0)
        # The body's step is the mean over the keypoints; the rest is theirs.
        # Without trust a keypoint makes none of its own; on the spine it goes
        # with the rest of the chain.
        chain, body = _chain_of(person.names), _mean(innovation, trust)
        own, group = innovation - body, np.zeros_like(innovation)
        group[chain] = _mean(own[chain], trust[chain])
        own = trust * own + (1 - trust) * group
        raw = one.smooth + np.vstack([own, body])
        slope = np.nan_to_num((raw - one.raw) / dt)
        gain = smoothing_gain(SPEED_CUTOFF, dt)
        one.velocity += gain * (slope - one.velocity)
        speed = np.linalg.norm(one.velocity, axis=1) / one.size
        speed[chain] = speed[chain].max(initial=0)
        speed[-1] *= BODY_FACTOR
        gain = smoothing_gain(self.min_cutoff + self.beta * speed, dt)
        one.smooth = one.smooth + gain[:, None] * (raw - one.smooth)
        one.raw = raw


def smoothing_gain(cutoff, dt: float):
    """Of a first-order low pass with a cutoff in Hz, after dt seconds."""
    return dt / (dt + 1 / (2 * np.pi * np.asarray(cutoff)))


@lru_cache(maxsize=16)
def _chain_of(names: Tuple[str, ...]) -> List[int]:
    """Indices of the spine's points."""
    return [names.index(name) for name in SPINE_CHAIN if name in names]


def _mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return (weights * values).sum(axis=0) / max(weights.sum(), 1e-12)


def smooth_tracks(
    frames: Sequence[FrameResult],
    *,
    cutoff: float = Settings.cutoff,
    order: int = Settings.order,
) -> List[FrameResult]:
    """Every identity smoothed over the whole recording.

    For each track id, and anew after each gap: outliers (Hampel) and missing
    values are replaced by interpolation, then a zero-phase Butterworth low
    pass runs over each coordinate (:func:`butterworth`). Uneven times are
    brought to an even rate by cubic splines and back. Boxes, scores and people
    without identity stay as they are, and nobody is added.

    Args:
        frames (Sequence): T frames with times that increase.
        cutoff (float): Hz. At frame rates up to 2.5 times the cutoff only
            outliers are replaced.
        order (int): of the two passes together; even.

    Raises:
        ValueError: times are missing or do not increase, a setting cannot be,
            or an identity comes twice in a frame.
    """
    Settings(cutoff=cutoff, order=order)  # raises what cannot be
    people = [list(frame.people) for frame in frames]
    for places in segments_by_identity(frames):
        own = [people[t][n] for t, n in places]
        smooth = smooth_segment(
            np.stack([p.keypoints for p in own]).astype(np.float64),
            np.array([frames[t].time for t, _ in places]),
            _body_size(np.stack([p.bbox for p in own])),
            cutoff,
            order,
        ).astype(np.float32)
        for (t, n), person, keypoints in zip(places, own, smooth):
            people[t][n] = replace(person, keypoints=keypoints)
    return [
        replace(frame, people=tuple(own)) for frame, own in zip(frames, people)
    ]


def segments_by_identity(frames) -> List[List[Tuple[int, int]]]:
    """The (frame, number in it) of each identity in order, in parts between
    which it is away for too long; ValueError where times do not increase, or an
    identity comes twice in a frame."""
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
                    f'identity {person.track_id} comes twice in frame '
                    f'{frame.frame_index}'
                )
            places.append((t, n))
    steps = np.diff([frame.time for frame in frames])
    longest = max(OFFLINE_GAP, SLOW_GAP * np.median(steps)) if len(steps) else 0
    segments = []
    for places in tracks.values():
        away = np.diff([frames[t].time for t, _ in places]) > longest
        segments += np.split(places, np.flatnonzero(away) + 1)
    return segments


def _body_size(boxes: np.ndarray) -> float:
    """Square root of the usual area of boxes (N, 4); 0 without a good one."""
    boxes = np.float64(boxes)
    areas = np.maximum(boxes[:, 2:] - boxes[:, :2], 0).prod(axis=1)
    areas = areas[np.isfinite(areas)]
    return float(np.sqrt(np.median(areas))) if len(areas) else 0.0


def smooth_segment(
    points, times, size: float, cutoff: float, order: int
) -> np.ndarray:
    """Smooth (T, K, D) keypoints of one person without a gap."""
    if len(points) < 2:
        return points.copy()
    step = float(np.median(np.diff(times)))
    if step <= OFFLINE_GAP:
        half = max(2, int(round(OUTLIER_WINDOW / step)))
        wrong = hampel_outliers(
            points, half, OUTLIER_SIGMAS, LEAST_OUTLIER * size
        )
        points = np.where(wrong.any(axis=2, keepdims=True), np.nan, points)
    known = np.isfinite(points).all(axis=2)
    filled, reliable = fill(points, known, times, OFFLINE_GAP)
    if np.abs(np.diff(times) - step).max() <= EVEN * step:
        smooth = butterworth(filled, 1 / step, cutoff, order)
    else:
        from scipy.interpolate import CubicSpline

        count = max(int(round((times[-1] - times[0]) / step)), 1) + 1
        even = np.linspace(times[0], times[-1], count)
        rate = (count - 1) / (times[-1] - times[0])
        resampled = CubicSpline(times, filled)(even)
        smooth = butterworth(resampled, rate, cutoff, order)
        smooth = CubicSpline(even, smooth)(times)
    return np.where(reliable[..., None], smooth, np.nan)


def hampel_outliers(
    values: np.ndarray, half: int, num_sigmas: float = 3.0, least: float = 0.0
) -> np.ndarray:
    """Where values (T, ...), one series per column, are too far from the
    median of the ``half`` samples before and after, (T, ...) bool.

    ``|x - median| > max(num_sigmas 1.4826 MAD, least)`` over the window; at the
    ends the window is cut off. NaN is neither used nor an outlier. Hampel,
    The Influence Curve and Its Role in Robust Estimation, 1974; as a moving
    window, Pearson, 2002.
    """
    edge = [(half, half)] + [(0, 0)] * (values.ndim - 1)
    padded = np.pad(values, edge, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(
        padded, 2 * half + 1, axis=0
    )  # T, ..., W
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', 'All-NaN slice')
        median = np.nanmedian(windows, axis=-1)
        spread = np.nanmedian(np.abs(windows - median[..., None]), axis=-1)
    # A comparison with NaN is false.
    limit = np.maximum(num_sigmas * MAD_TO_SIGMA * spread, least)
    return np.abs(values - median) > limit


def fill(
    points: np.ndarray, known: np.ndarray, times: np.ndarray, max_gap: float
) -> Tuple[np.ndarray, np.ndarray]:
    """Points (T, K, D), those not ``known`` (T, K) on the line between the
    known ones around them; before the first and after the last known one its
    place is held. And (T, K) bool: False where the nearest known ones are
    further apart than ``max_gap`` seconds."""
    filled = np.where(known[..., None], points, 0.0)
    for k in np.flatnonzero(known.any(axis=0) & ~known.all(axis=0)):
        at = known[:, k]
        for axis in range(points.shape[2]):
            filled[:, k, axis] = np.interp(
                times, times[at], points[at, k, axis]
            )
    now = times[:, None]
    before = np.maximum.accumulate(np.where(known, now, -np.inf))
    after = np.minimum.accumulate(np.where(known, now, np.inf)[::-1])[::-1]
    after = np.where(np.isinf(after), now, after)
    before = np.where(np.isinf(before), now, before)
    return filled, known | (known.any(axis=0) & (after - before <= max_gap))


def butterworth(
    values: np.ndarray, rate: float, cutoff: float, order: int = Settings.order
) -> np.ndarray:
    """Zero-phase low pass, as gait laboratories use it: nothing is delayed.

    A filter of half the order runs forwards and backwards; its cutoff is raised
    by ``(sqrt(2) - 1)^(-1 / order)``, 1 / 0.802 for order 4, so that the
    result, not each pass, has lost 3 dB at ``cutoff``: Winter, Biomechanics and
    Motor Control of Human Movement, 4th edition, section 3.4.4. It is raised
    before the bilinear transform, so that this holds at any rate.

    Args:
        values (np.ndarray): (T, ...), one series per column, evenly sampled,
            no NaN.
        rate (float): samples per second. Up to 2.5 times the cutoff the values
            come back unchanged: so slow a series holds nothing above it.
        cutoff, order: see :func:`smooth_tracks`.
    """
    if len(values) < 2 or rate <= LEAST_RATE * cutoff:
        return values.copy()
    from scipy.signal import butter, sosfiltfilt

    analog = np.tan(np.pi * cutoff / rate) / (np.sqrt(2) - 1) ** (1 / order)
    raised = rate / np.pi * np.arctan(analog)
    sections = butter(order // 2, raised, fs=rate, output='sos')
    # As long as the filter rings; a short series has only its own length.
    padding = min(int(np.ceil(rate / cutoff)), len(values) - 1)
    return sosfiltfilt(sections, values, axis=0, padlen=padding)
