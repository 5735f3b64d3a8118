"""The people of a frame as arrays that are safe to compute with."""

from dataclasses import dataclass
from typing import Sequence, Tuple

import numpy as np

from ..results import Person
from .assignment import (
    LEAST_COMMON_POINTS,
    pose_bounds,
    sigmas_of,
    unique_people,
)


@dataclass(frozen=True)
class Observation:
    """N people with K keypoints, no NaN among them.

    Attributes:
        index: (N,) which of the people given.
        points: (N, K, 2) float64, [x, y] in pixels.
        seen: (N, K) bool: scored high enough.
        boxes: (N, 4), [x1, y1, x2, y2] in pixels.
        box_scores: (N,).
        confidences: (N,) of box and pose together.
        names: (K,).
    """

    index: np.ndarray
    points: np.ndarray
    seen: np.ndarray
    boxes: np.ndarray
    box_scores: np.ndarray
    confidences: np.ndarray
    names: Tuple[str, ...]

    def __len__(self) -> int:
        return len(self.index)

    @property
    def has_pose(self) -> np.ndarray:
        """(N,) bool."""
        return self.seen.sum(axis=1) >= LEAST_COMMON_POINTS

    def take(self, rows) -> 'Observation':
        return Observation(
            *(
                getattr(self, name)[rows]
                for name in (
                    'index',
                    'points',
                    'seen',
                    'boxes',
                    'box_scores',
                    'confidences',
                )
            ),
            names=self.names,
        )

    def without_doubles(self, threshold: float) -> 'Observation':
        """One pose a person, see :func:`unique_people`."""
        return self.take(
            unique_people(
                self.points,
                self.seen,
                self.boxes,
                self.confidences,
                sigmas_of(self.names),
                threshold,
            )
        )


def observe(people: Sequence[Person], keypoint_score: float) -> Observation:
    """Leave out people without a finite box and without a pose.

    Raises:
        ValueError: people have different keypoints.
    """
    names = people[0].names if people else ()
    if any(person.names != names for person in people):
        raise ValueError(
            'all people should have the same keypoints, but have '
            f'{sorted({len(person.names) for person in people})} of them or '
            'differ in their names'
        )
    shape = (len(people), len(names))
    points = _stack([p.keypoints for p in people], (*shape, 2))
    scores = _stack([p.scores for p in people], shape)
    boxes = _stack([p.bbox for p in people], (len(people), 4))

    finite = np.isfinite(points).all(axis=2)
    seen = finite & (scores >= keypoint_score)
    good_box = np.isfinite(boxes).all(axis=1) & (
        boxes[:, 2:] > boxes[:, :2]
    ).all(axis=1)
    boxes = np.where(good_box[:, None], boxes, 0.0)
    bounds = pose_bounds(np.where(finite[..., None], points, 0.0), seen, boxes)
    boxes = np.where(good_box[:, None], boxes, bounds)
    centres = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2
    points = np.where(finite[..., None], points, centres)
    scores = np.where(np.isfinite(scores), scores, 0.0)
    box_scores = np.array([float(p.bbox_score) for p in people])
    usable = good_box | (seen.sum(axis=1) >= LEAST_COMMON_POINTS)
    return Observation(
        index=np.arange(len(people)),
        points=points,
        seen=seen,
        boxes=boxes,
        box_scores=box_scores,
        confidences=box_scores * scores.mean(axis=1)
        if names
        else np.zeros(len(people)),
        names=names,
    ).take(np.flatnonzero(usable))


def _stack(arrays, shape) -> np.ndarray:
    if not arrays:
        return np.zeros(shape)
    return np.stack([np.asarray(a, dtype=np.float64) for a in arrays]).reshape(
        shape
    )
