"""Who is who in the next frame: how people move and how alike they are."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from ..metainfo import KEYPOINT_IDS, SIGMAS

# OKS sigma of keypoints that are not SpineTrack's: a typical one.
OTHER_SIGMA = 0.08
# COCO measures OKS by the area of the outline, about this share of the box.
OUTLINE_SHARE = 0.53
# With fewer common keypoints a pose says too little and boxes alone decide.
LEAST_COMMON_POINTS = 3
# Seconds over which the velocities of a keypoint and of the body are averaged.
POINT_MEMORY, BODY_MEMORY = 0.1, 0.3
# Seconds after which a keypoint's own motion has fallen to 1 / e.
POINT_FADE = 0.1


@dataclass
class Track:
    """One person over time, with K keypoints.

    Positions are predicted with constant velocity in seconds. The body keeps
    its velocity. What a keypoint does beyond that, such as an arm that swings,
    fades within a tenth of a second, because it comes back sooner or later.
    """

    points: np.ndarray  # K, 2: [x, y] in pixels, as measured last
    box: np.ndarray  # 4: [x1, y1, x2, y2] in pixels, as measured last
    seen: np.ndarray  # K, bool: keypoints to rely on
    time: float  # seconds, of the last measurement
    score: float  # of the box when a detector saw the person last
    id: Optional[int] = None  # None until it is certain that somebody is there
    hits: int = 1  # detections and sure poses so far
    misses: int = 0  # frames since the last measurement
    detected: Optional[float] = None  # seconds, when a detector saw the person
    # K + 1, 2 pixels per second of the keypoints and, last, the body; and how
    # much of their memory is filled, 0 to 1.
    velocity: Optional[np.ndarray] = None
    weight: Optional[np.ndarray] = None

    def __post_init__(self):
        if self.detected is None:  # somebody new, at rest
            self.detected = self.time
            self.velocity = np.zeros((len(self.points) + 1, 2))
            self.weight = np.zeros(len(self.points) + 1)

    @property
    def current(self) -> bool:
        """Whether the last frame showed the person."""
        return self.misses == 0

    @property
    def has_pose(self) -> bool:
        return self.seen.sum() >= LEAST_COMMON_POINTS

    def predict_points(self, time: float) -> np.ndarray:
        """(K, 2) at a later time."""
        dt, body = max(time - self.time, 0.0), self.velocity[-1]
        own = np.where(
            self.weight[:-1, None] > 0, self.velocity[:-1] - body, 0.0
        )
        fade = POINT_FADE * -np.expm1(-dt / POINT_FADE)
        return self.points + body * dt + own * fade

    def predict_box(self, time: float) -> np.ndarray:
        """(4,) at a later time."""
        dt = max(time - self.time, 0.0)
        return self.box + np.tile(self.velocity[-1], 2) * dt

    def measure(self, new: 'Track', detected: bool) -> None:
        """Go on where somebody new turned out to be this person, ``detected``
        or not; keypoints that are not seen are predicted."""
        dt = new.time - self.time
        expected = self.predict_points(new.time)
        both = new.seen & self.seen  # a velocity needs two positions
        if dt > 0:
            moved = (new.points - self.points) / dt
            if both.any():
                body = np.median(moved[both], axis=0)
            else:
                corners = new.box - self.box
                body = (corners[:2] + corners[2:]) / 2 / dt
            known = np.append(both, True)
            step = np.vstack([moved, body]) - self.velocity
            memory = np.append(np.full(len(moved), POINT_MEMORY), BODY_MEMORY)
            gain, weight = _gain(self.weight, dt, memory)
            self.velocity = self.velocity + np.where(
                known[:, None], step * gain[:, None], 0.0
            )
            # A keypoint out of sight forgets how it moved.
            faded = self.weight * np.exp(-dt / POINT_MEMORY)
            self.weight = np.where(known, weight, faded)
        self.points = np.where(new.seen[:, None], new.points, expected)
        self.box = new.box
        self.seen = new.seen if new.seen.any() else self.seen
        self.time = max(new.time, self.time)
        self.misses = 0
        if detected:
            self.detected, self.score = new.time, new.score
        if detected or new.has_pose:
            self.hits += 1

    def body_step(self, new: 'Track', common: np.ndarray):
        """How the ``common`` keypoints, (K,) bool, differ from the motion of
        the body so far: (2,) pixels, measured minus expected, and (2,) pixels
        per second by which the body's velocity is going to change."""
        dt = new.time - self.time
        moved = np.median((new.points - self.points)[common], axis=0)
        error = moved - self.velocity[-1] * dt
        gain, _ = _gain(self.weight[-1], dt, BODY_MEMORY)
        return error, gain * error / dt

    def carry(self, shift, change, time: float) -> None:
        """Move the prediction for a time by (2,) pixels, and change the
        velocity by (2,) pixels per second."""
        shift = shift - change * (time - self.time)
        self.velocity = self.velocity + change
        self.points = self.points + shift
        self.box = self.box + np.tile(shift, 2)

    def state(self) -> Dict[str, Any]:
        """Lists and numbers; JSON keeps floats to the last bit."""
        return {k: np.asarray(v).tolist() for k, v in vars(self).items()}


def _gain(weight, dt: float, memory):
    """Gain and new weight of an exponential mean that starts without a value:
    the first measurement is taken whole; later ones count as if the mean had
    run for ever."""
    fresh = -np.expm1(-dt / memory)
    total = weight * (1 - fresh) + fresh
    return fresh / total, total


@lru_cache(maxsize=16)
def sigmas_of(names: Tuple[str, ...]) -> np.ndarray:
    """(K,) OKS sigmas by keypoint name."""
    known = dict(zip(KEYPOINT_IDS, SIGMAS))
    return np.array([known.get(name, OTHER_SIGMA) for name in names])


def box_areas(boxes: np.ndarray) -> np.ndarray:
    """(N,) square pixels of (N, 4) boxes [x1, y1, x2, y2]; never below 1."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return np.maximum(sides.prod(axis=1), 1.0)


def box_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(A, B) intersection over union of (A, 4) and (B, 4) [x1, y1, x2, y2]."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = np.maximum(high - low, 0).prod(axis=2)
    return common / (box_areas(a)[:, None] + box_areas(b)[None] - common)


def pose_oks(
    a: np.ndarray,
    b: np.ndarray,
    common: np.ndarray,
    areas: np.ndarray,
    sigmas: np.ndarray,
    drift: np.ndarray = 0.0,
) -> np.ndarray:
    """OKS (A, B) of (A, K, 2) with (B, K, 2) poses over their ``common``
    keypoints (A, B, K); 0 without any.

    ``exp(-d^2 / (2 s^2 ((2 sigma)^2 + drift^2)))``, averaged: with drift 0 the
    OKS of COCO, s^2 the area of the outline, from ``areas`` (A, B) of the
    boxes. ``drift`` (A, 1), in roots of that area, widens it for a pose that
    was predicted from long ago.
    """
    distance = ((a[:, None] - b[None]) ** 2).sum(axis=3)  # A, B, K
    width = (2 * sigmas) ** 2 + np.square(drift)[..., None]
    terms = np.exp(-distance / (2 * OUTLINE_SHARE * areas[..., None] * width))
    return np.where(common, terms, 0).sum(axis=2) / np.maximum(
        common.sum(axis=2), 1
    )


def pose_bounds(
    poses: np.ndarray, seen: np.ndarray, boxes: np.ndarray
) -> np.ndarray:
    """(N, 4) bounds of the seen keypoints; the box where they are too few."""
    low = np.where(seen[..., None], poses, np.inf).min(1, initial=np.inf)
    high = np.where(seen[..., None], poses, -np.inf).max(1, initial=-np.inf)
    enough = seen.sum(axis=1) >= LEAST_COMMON_POINTS
    return np.where(enough[:, None], np.concatenate([low, high], 1), boxes)


def assign(similarities: np.ndarray, threshold: float) -> List[Tuple[int, int]]:
    """Pairs (row, column) with the greatest sum of similarities, none of them
    below the threshold."""
    allowed = similarities >= threshold
    if not allowed.any():
        return []
    if 1 in similarities.shape:  # SciPy takes 0.4 s to import
        best = int(np.where(allowed, similarities, -1).argmax())
        row, column = np.unravel_index(best, similarities.shape)
        return [(int(row), int(column))]
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(
        np.where(allowed, similarities, 0.0), maximize=True
    )
    return [(int(i), int(j)) for i, j in zip(rows, columns) if allowed[i, j]]


def unique_people(
    poses: np.ndarray,
    seen: np.ndarray,
    boxes: np.ndarray,
    confidences: Sequence[float],
    sigmas: np.ndarray,
    threshold: float,
) -> List[int]:
    """Rows of (N, K, 2) poses without second ones of a person, ascending.

    Two poses are of one person if the OKS over their common keypoints, taken
    with the smaller area, reaches the threshold. The more confident one
    stays; of equals the earlier.
    """
    common = seen[:, None] & seen[None]
    areas = box_areas(pose_bounds(poses, seen, boxes))
    areas = np.minimum(areas, box_areas(boxes))
    oks = pose_oks(
        poses, poses, common, np.minimum(areas[:, None], areas[None]), sigmas
    )
    # Few common points must not remove a person half hidden by another one.
    fewer = np.minimum(seen.sum(axis=1)[:, None], seen.sum(axis=1)[None])
    same = (oks >= threshold) & (
        common.sum(axis=2) >= np.maximum(LEAST_COMMON_POINTS, 0.5 * fewer)
    )
    kept: List[int] = []
    for i in np.argsort(-np.asarray(confidences), kind='stable'):
        if not same[i, kept].any():
            kept.append(int(i))
    return sorted(kept)
