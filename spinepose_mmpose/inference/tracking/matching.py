"""What tracks and the people of a frame have to do with one another."""

from typing import List, Sequence, Tuple

import numpy as np

from .assignment import (
    LEAST_COMMON_POINTS,
    box_areas,
    box_iou,
    common_shift,
    pose_oks,
    sigmas_of,
    similarity,
)
from .observation import Observation
from .track import Track

# How far a prediction may err, in body sizes (square root of the outline's
# area) a second: of a known and, in addition, of a new person's velocity.
DRIFT = 0.5
NEW_DRIFT = 6.0
# What a pair with a person out of sight for max_gap is worth: visible people
# choose first.
LOST_WORTH = 0.5


def track_similarities(
    tracks: Sequence[Track],
    observation: Observation,
    time: float,
    detected: bool,
    *,
    oks_weight: float,
    max_gap: float,
) -> np.ndarray:
    """(tracks, people) 0 to 1, with the poses and boxes predicted for now.

    Tracks out of sight are marked down. Boxes count only if a detector made
    them: agreement with predicted ones proves nothing. But a person of whom
    there was no sure pose a frame ago either is taken on trust.
    """
    points = np.stack([t.motion.predict_points(time) for t in tracks])
    boxes = np.stack([t.motion.predict_box(time) for t in tracks])
    seen = np.stack([t.seen for t in tracks])
    gaps = np.array([time - t.motion.time for t in tracks])
    hits = np.array([t.hits for t in tracks])
    common = seen[:, None] & observation.seen[None]
    areas = np.sqrt(
        box_areas(boxes)[:, None] * box_areas(observation.boxes)[None]
    )
    drift = gaps * (DRIFT + NEW_DRIFT / hits**2)
    oks = pose_oks(
        points,
        observation.points,
        common,
        areas,
        sigmas_of(observation.names),
        drift[:, None],
    )
    iou = box_iou(boxes, observation.boxes)
    if not detected:
        trusted = np.array([t.current and not t.has_pose for t in tracks])
        posed = common.sum(axis=2) >= LEAST_COMMON_POINTS
        iou = np.where(posed | trusted[:, None], iou, 0.0)
    lost = np.array([not t.current for t in tracks])
    fading = 1 - (1 - LOST_WORTH) * np.minimum(gaps / max(max_gap, 1e-9), 1)
    worth = similarity(oks, iou, common, oks_weight)
    return worth * np.where(lost, fading, 1.0)[:, None]


def follow_camera(
    tracks: Sequence[Track],
    observation: Observation,
    pairs: List[Tuple[int, int]],
    time: float,
) -> None:
    """Move people out of sight by what all visible ones moved too far."""
    errors, changes = [np.zeros((0, 2))], [np.zeros((0, 2))]
    for i, j in pairs:
        track = tracks[i]
        common = track.seen & observation.seen[j]
        if (
            track.current
            and common.sum() >= LEAST_COMMON_POINTS
            and time > track.motion.time
        ):
            error, change = track.motion.body_step(
                observation.points[j], common, time
            )
            errors.append(error[None])
            changes.append(change[None])
    shift = common_shift(np.concatenate(errors))
    if not shift.any():
        return
    change = np.median(np.concatenate(changes), axis=0)
    visible = {i for i, _ in pairs}
    for i, track in enumerate(tracks):
        if i not in visible:
            track.motion.carry(shift, change, time)
