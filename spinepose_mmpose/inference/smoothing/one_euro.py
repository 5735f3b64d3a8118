"""Live smoothing: Casiez, Roussel, Vogel, 1 Euro Filter, CHI 2012."""

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Dict, List, Sequence, Tuple

from spinepose_mmpose.metainfo import SPINE_CHAIN

import numpy as np

from ..results import Person

STATE_VERSION = 1
# Seconds over which the size of a person is averaged.
SIZE_MEMORY = 1.0
# The body as a whole is measured by all keypoints, with little noise: its
# speed counts so many times, and a walking person or a moving camera leaves
# the picture no step behind.
BODY_FACTOR = 10.0


@dataclass
class _Filter:
    """Of one person, in pixels (a second): (K + 1, 2), the keypoints relative
    to the body and, last, the body."""

    time: float
    size: float  # square root of the box area in pixels
    raw: np.ndarray
    smooth: np.ndarray
    velocity: np.ndarray


class OneEuroSmoother:
    """One-Euro over time for each identity; each result is final at once.

    ``cutoff = min_cutoff + beta * speed``: still points are held calm, fast
    ones followed closely. Speed is in body sizes a second (square root of the
    person's box), so that the settings mean the same at any resolution.

    A keypoint with a low score moves with the others instead of following
    its measurement. The nine points of the spine share one cutoff, that of
    the fastest: they are delayed alike, and the shape of the chain is kept.

    Args:
        min_cutoff: Hz, of a still point; lower is calmer and lags more.
        beta: Hz a body size a second; higher lags less in motion.
        d_cutoff: Hz, for the speed.
        trust_score: keypoint scores from here on are trusted in full, lower
            ones in proportion.
        max_gap: seconds; after a longer absence a person starts anew.

    Raises:
        ValueError: a setting is out of its range.
    """

    def __init__(
        self,
        min_cutoff: float = 1.5,
        beta: float = 8.0,
        d_cutoff: float = 2.0,
        trust_score: float = 0.3,
        max_gap: float = 0.5,
    ):
        for name, value, least in (
            ('min_cutoff', min_cutoff, 0),
            ('d_cutoff', d_cutoff, 0),
            ('trust_score', trust_score, 0),
            ('max_gap', max_gap, 0),
        ):
            if not least < value < math.inf:
                raise ValueError(f'{name} should be above 0, but is {value}')
        if not 0 <= beta < math.inf:
            raise ValueError(f'beta should be 0 or more, but is {beta}')
        self.min_cutoff = min_cutoff
        self.beta = beta
        self.d_cutoff = d_cutoff
        self.trust_score = trust_score
        self.max_gap = max_gap
        self.reset()

    def reset(self) -> None:
        """Forget everybody."""
        self._filters: Dict[int, _Filter] = {}

    def __call__(
        self, people: Sequence[Person], time: float
    ) -> Tuple[Person, ...]:
        """The people of the next frame, smoothed; without identity unchanged.

        Args:
            people: of one frame, with ``track_id``.
            time: seconds. Back by less than ``max_gap`` counts as no time
                passed: the frame before is repeated; by more starts anew.

        Raises:
            ValueError: time is not finite.
        """
        if time is None or not math.isfinite(time):
            raise ValueError(
                f'time should be a number of seconds, but is {time}'
            )
        result = tuple(
            person
            if person.track_id is None
            else replace(person, keypoints=self._smooth(person, float(time)))
            for person in people
        )
        self._filters = {
            identity: one
            for identity, one in self._filters.items()
            if abs(time - one.time) <= self.max_gap
        }
        return result

    def state(self) -> Dict[str, Any]:
        """Everything that the next frame depends on, ready for JSON."""
        return dict(
            version=STATE_VERSION,
            filters=[
                dict(
                    id=identity,
                    time=one.time,
                    size=one.size,
                    raw=_to_lists(one.raw),
                    smooth=_to_lists(one.smooth),
                    velocity=one.velocity.tolist(),
                )
                for identity, one in self._filters.items()
            ],
        )

    def load_state(self, state: Dict[str, Any]) -> None:
        """Go on where another smoother with the same settings was.

        Raises:
            ValueError: it is no state of this version.
        """
        if state.get('version') != STATE_VERSION:
            raise ValueError(
                f"the smoother's state should be of version {STATE_VERSION}, "
                f'but is of version {state.get("version")!r}'
            )
        self._filters = {
            one['id']: _Filter(
                one['time'],
                one['size'],
                *(
                    np.array(one[name], dtype=np.float64).reshape(-1, 2)
                    for name in ('raw', 'smooth', 'velocity')
                ),
            )
            for one in state['filters']
        }

    def _smooth(self, person: Person, time: float) -> np.ndarray:
        points = np.asarray(person.keypoints, dtype=np.float64)
        size = _size_of(person)
        one = self._filters.get(person.track_id)
        if (
            one is None
            or len(one.smooth) != len(points) + 1
            or abs(time - one.time) > self.max_gap
        ):
            rows = np.vstack([points, np.zeros(2)])
            self._filters[person.track_id] = _Filter(
                time, size, rows, rows.copy(), np.zeros_like(rows)
            )
            return np.array(person.keypoints)
        dt = time - one.time
        if dt > 0:
            one.size += _gain(SIZE_MEMORY, dt) * (size - one.size)
            scores = np.nan_to_num(np.asarray(person.scores, np.float64))
            self._step(
                one,
                points,
                np.clip(scores / self.trust_score, 0, 1),
                _chain_of(person.names),
                dt,
            )
            one.time = time
        return (one.smooth[:-1] + one.smooth[-1]).astype(np.float32)

    def _step(self, one, points, trust, chain, dt) -> None:
        # A keypoint that was NaN until now starts here.
        fresh = np.flatnonzero(~np.isfinite(one.smooth[:-1]).all(axis=1))
        one.smooth[fresh] = one.raw[fresh] = points[fresh] - one.smooth[-1]
        innovation = points - one.smooth[:-1] - one.smooth[-1]
        known = np.isfinite(innovation).all(axis=1)
        raw = one.smooth + measured_steps(
            np.where(known[:, None], innovation, 0.0),
            np.where(known, trust, 0.0),
            chain,
        )
        slope = np.nan_to_num((raw - one.raw) / dt)
        one.velocity += alpha(self.d_cutoff, dt) * (slope - one.velocity)
        speed = np.linalg.norm(one.velocity, axis=1) / one.size
        speed[chain] = speed[chain].max(initial=0)
        speed[-1] *= BODY_FACTOR
        gain = alpha(self.min_cutoff + self.beta * speed, dt)
        one.smooth = one.smooth + gain[:, None] * (raw - one.smooth)
        one.raw = raw


def alpha(cutoff, dt: float):
    """Gain of a first-order low pass with a cutoff in Hz after dt seconds."""
    return _gain(1 / (2 * np.pi * np.asarray(cutoff)), dt)


def _gain(memory, dt: float):
    return dt / (dt + memory)


@lru_cache(maxsize=16)
def _chain_of(names: Tuple[str, ...]) -> List[int]:
    """Indices of the spine's points."""
    return [names.index(name) for name in SPINE_CHAIN if name in names]


def measured_steps(
    innovation: np.ndarray, trust: np.ndarray, chain: Sequence[int]
) -> np.ndarray:
    """Split measured minus filtered places into points and body.

    The body's step is the mean over the keypoints; what remains is theirs. A
    keypoint without trust makes none of its own; on the spine it goes with
    the rest of the chain.

    Args:
        innovation: (K, 2) pixels.
        trust: (K,) 0 to 1.
        chain: indices of the spine's points.

    Returns:
        (K + 1, 2) pixels; the last row is the body's.
    """
    body = _mean(innovation, trust)
    own = innovation - body
    group = np.zeros_like(own)
    group[chain] = _mean(own[chain], trust[chain])
    own = trust[:, None] * own + (1 - trust[:, None]) * group
    return np.vstack([own, body])


def _mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return (weights[:, None] * values).sum(axis=0) / max(weights.sum(), 1e-12)


def _size_of(person: Person) -> float:
    x1, y1, x2, y2 = (float(v) for v in person.bbox)
    area = max(x2 - x1, 0.0) * max(y2 - y1, 0.0)
    return math.sqrt(area) if math.isfinite(area) and area > 1 else 1.0


def _to_lists(points: np.ndarray) -> list:
    """NaN as None, which JSON knows."""
    return [
        [None if math.isnan(v) else v for v in row] for row in points.tolist()
    ]
