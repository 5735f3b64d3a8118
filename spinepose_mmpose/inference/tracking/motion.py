"""Where a person will be: constant velocity in seconds, not in frames.

The body keeps the velocity of the whole. What a keypoint moves beyond that,
an arm that swings, fades within a tenth of a second: it comes back sooner or
later, while the body goes on.
"""

from dataclasses import dataclass, fields
from typing import Any, Dict

import numpy as np

# Seconds over which velocities are averaged, of a keypoint and of the body.
POINT_MEMORY = 0.1
BODY_MEMORY = 0.3
# Seconds after which a keypoint's own motion has fallen to 1 / e.
POINT_FADE = 0.1


@dataclass
class Motion:
    """K keypoints and the box of one person, and how they move.

    Attributes:
        points: (K, 2), [x, y] in pixels, as measured last.
        velocity: (K, 2) pixels a second.
        weight: (K,) 0 to 1: how much of the memory has been filled.
        box: (4,), [x1, y1, x2, y2] in pixels, as measured last.
        body_velocity: (2,) pixels a second.
        body_weight: 0 to 1.
        time: seconds, of the last measurement.
    """

    points: np.ndarray
    velocity: np.ndarray
    weight: np.ndarray
    box: np.ndarray
    body_velocity: np.ndarray
    body_weight: float
    time: float

    @classmethod
    def start(cls, points: np.ndarray, box: np.ndarray, time: float):
        """At rest."""
        return cls(
            points=points.copy(),
            velocity=np.zeros_like(points),
            weight=np.zeros(len(points)),
            box=box.copy(),
            body_velocity=np.zeros(2),
            body_weight=0.0,
            time=time,
        )

    def predict_points(self, time: float) -> np.ndarray:
        """(K, 2) at another time."""
        dt = max(time - self.time, 0.0)
        own = np.where(
            self.weight[:, None] > 0, self.velocity - self.body_velocity, 0.0
        )
        fade = POINT_FADE * -np.expm1(-dt / POINT_FADE)
        return self.points + self.body_velocity * dt + own * fade

    def predict_box(self, time: float) -> np.ndarray:
        """(4,) at another time."""
        dt = max(time - self.time, 0.0)
        return self.box + np.tile(self.body_velocity, 2) * dt

    def update(
        self,
        points: np.ndarray,
        seen: np.ndarray,
        before: np.ndarray,
        box: np.ndarray,
        time: float,
    ) -> None:
        """Take a measurement.

        Args:
            points: (K, 2), [x, y] in pixels.
            seen: (K,) bool: the keypoints to rely on; others are predicted.
            before: (K,) bool: the same of the last measurement; a velocity
                needs both.
            box: (4,), [x1, y1, x2, y2] in pixels.
            time: seconds.
        """
        dt = time - self.time
        expected = self.predict_points(time)
        both = seen & before
        if dt > 0:
            moved = (points - self.points) / dt
            if both.any():
                body = np.median(moved[both], axis=0)
            else:
                body = (
                    (box[:2] + box[2:] - self.box[:2] - self.box[2:]) / 2 / dt
                )
            gain, self.body_weight = _gain(self.body_weight, dt, BODY_MEMORY)
            self.body_velocity = (
                self.body_velocity + (body - self.body_velocity) * gain
            )
            gain, weight = _gain(self.weight, dt, POINT_MEMORY)
            self.velocity = np.where(
                both[:, None],
                self.velocity + (moved - self.velocity) * gain[:, None],
                self.velocity,
            )
            # A keypoint out of sight forgets how it moved.
            self.weight = np.where(
                both, weight, self.weight * np.exp(-dt / POINT_MEMORY)
            )
        self.points = np.where(seen[:, None], points, expected)
        self.box = box.copy()
        self.time = max(time, self.time)

    def body_step(self, points: np.ndarray, common: np.ndarray, time: float):
        """How a measurement differs from the body's motion so far.

        Returns:
            (2,) pixels, measured minus expected, and (2,) pixels a second by
            which it will change the body's velocity.
        """
        dt = time - self.time
        moved = np.median((points - self.points)[common], axis=0)
        error = moved - self.body_velocity * dt
        gain, _ = _gain(self.body_weight, dt, BODY_MEMORY)
        return error, gain * error / dt

    def carry(self, shift: np.ndarray, change: np.ndarray, time: float) -> None:
        """Correct the prediction at ``time`` by (2,) pixels and the velocity
        by (2,) pixels a second."""
        shift = shift - change * (time - self.time)
        self.body_velocity = self.body_velocity + change
        self.velocity = self.velocity + change
        self.points = self.points + shift
        self.box = self.box + np.tile(shift, 2)

    def state(self) -> Dict[str, Any]:
        """Lists and numbers; floats survive JSON to the last bit."""
        return {
            f.name: np.asarray(getattr(self, f.name)).tolist()
            for f in fields(self)
        }

    @classmethod
    def from_state(cls, state: Dict[str, Any]) -> 'Motion':
        scalars = ('body_weight', 'time')
        return cls(
            **{
                f.name: float(state[f.name])
                if f.name in scalars
                else np.array(state[f.name], dtype=np.float64)
                for f in fields(cls)
            }
        )


def _gain(weight, dt: float, memory: float):
    """(gain, new weight) of an exponential mean that starts without a value.

    The first measurement is taken whole; later ones count as if the mean had
    run for ever.
    """
    fresh = -np.expm1(-dt / memory)
    total = weight * (1 - fresh) + fresh
    return fresh / total, total
