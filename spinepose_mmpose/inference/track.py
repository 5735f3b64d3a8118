"""Identities over time, from poses and boxes alone."""

from dataclasses import dataclass, replace
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from .matching import (
    LEAST_COMMON_POINTS,
    Track,
    assign,
    box_areas,
    box_iou,
    pose_bounds,
    pose_oks,
    sigmas_of,
    unique_people,
)
from .results import Person, check_time
from .settings import Settings

# Weight of the poses against the boxes, and the similarity below which two
# sightings are two people.
OKS_WEIGHT, MIN_SIMILARITY = 0.7, 0.2
# Detections from here on start an identity at once; keypoints are relied on.
HIGH_SCORE, KEYPOINT_SCORE = 0.5, 0.3
# Poses of one frame from this OKS on are one person.
DUPLICATE_OKS = 0.8
# Of predicted boxes on each side, in their own size.
BOX_PADDING = 0.1
# Of a predicted box with detected ones: less, and the detector missed somebody.
MISSED_IOU = 0.2
# How far a prediction may err, in body sizes (square root of the outline's
# area) per second: with a known velocity and, in addition, with a new one.
DRIFT, NEW_DRIFT = 0.5, 6.0
# What a pair with a person out of sight for max_gap is worth: visible people
# choose first.
LOST_WORTH = 0.5
# A weakly detected person continues a track only if it fits well.
LOW_SCORE_SIMILARITY = 0.4
# Sightings after which a weakly detected person gets an identity.
CONFIRM = 3
# A clip may be so slow that max_gap is less than a frame or two: then so many
# frame intervals count, one missed frame and half of one to spare. The interval
# is the median of so many of the last ones, so that one pause does not count.
LEAST_GAP_FRAMES, LATEST_STEPS = 2.5, 9
# With a smaller share of its keypoints seen, or on a smaller share of the area
# of the box before, a pose shows a part of somebody.
WHOLE, WHOLE_AREA = 0.5, 1 / 3


@dataclass(eq=False)
class Tracker:
    """Gives people identities: from 1, never used twice.

    People are matched with the predicted poses and boxes of known ones (OKS
    and box IoU, best sum), in two rounds as ByteTrack does (Zhang et al.,
    ECCV 2022): a weak detection continues a track but starts none before its
    third frame in a row. A person out of sight keeps the identity for
    ``max_gap`` where the motion before explains the place of the return.

    Args:
        max_gap (float): seconds a person may be out of sight; in a clip of few
            frames per second at least 2.5 frame intervals.

    Raises:
        ValueError: max_gap is out of its range.
    """

    max_gap: float = Settings.max_gap

    def __post_init__(self):
        Settings(max_gap=self.max_gap)  # raises what is out of range
        self.reset()

    def reset(self) -> None:
        """Forget everybody; identities start at 1 again."""
        self._tracks: List[Track] = []
        self._next_id = 1
        self._time: Optional[float] = None
        self._steps: List[float] = []  # seconds between the latest frames
        self._names: Tuple[str, ...] = ()

    def update(
        self,
        people: Sequence[Person],
        time: float,
        detected: bool = True,
        predicted: int = 0,
    ) -> Tuple[Person, ...]:
        """The people of the next frame with ``track_id``, in their order.

        A second pose of one person is left out. ``track_id`` is None for a
        weak detection that has not lasted yet.

        Args:
            people (Sequence): of one frame.
            time (float): seconds. Back by less than ``max_gap`` counts as no
                time passed; by more it ends all tracks, as in a new
                recording.
            detected (bool): a detector made the boxes. False: they came from
                :meth:`predict`; then nobody new can appear, and whoever
                matches no track is left out.
            predicted (int): in a frame with a detector, so many of the last
                people are in boxes of :meth:`predict` all the same.

        Raises:
            ValueError: time is not finite, or the keypoints changed.
        """
        time = self._advance(time)
        self._check_names(people)
        first = len(people) - predicted if detected else 0
        found = self._observe(people, time, first)
        by_detector = np.array([i < first for i in found], dtype=bool)
        pairs = self._match([*found.values()], time, by_detector)
        follow_camera(self._tracks, [*found.values()], pairs)
        track_of = {j: self._tracks[i] for i, j in pairs}
        for track in self._tracks:
            track.misses += 1
        ids: Dict[int, Optional[int]] = {}
        for j, (index, new) in enumerate(found.items()):
            track = track_of.get(j)
            if track is not None:
                track.measure(new, by_detector[j])
            elif by_detector[j]:
                track = new
                self._tracks.append(track)
            else:
                continue
            is_sure = new.score >= HIGH_SCORE or track.hits >= CONFIRM
            if track.id is None and is_sure:
                track.id = self._next_id
                self._next_id += 1
            ids[index] = track.id
        if detected:
            self._tracks = [
                t for t in self._tracks if t.current or t.id is not None
            ]
        return tuple(replace(people[i], track_id=ids[i]) for i in sorted(ids))

    def predict(
        self, time: float, found: Optional[np.ndarray] = None
    ) -> Tuple[np.ndarray, np.ndarray]:
        """Where people should be, for a frame without a detector.

        The bounds of each predicted pose, padded; with them the detected box,
        moved along, where the pose shows only a part of the person. Somebody
        missed in one frame gets one more chance, and comes last. People out of
        sight are not among them, nor those whom no detector has seen for
        ``max_gap``.

        Args:
            time (float): seconds.
            found (np.ndarray, optional): (N, 4) boxes of a detector in the same
                frame. Then only people with an identity and a pose whom it has
                missed: none of its boxes overlaps theirs.

        Returns:
            tuple: (M, 4) float32 boxes [x1, y1, x2, y2] in pixels, and (M,)
            float32 scores, those of the last detection.
        """
        gap = self._gap(time - self._time if self._tracks else 0.0)
        tracks = [
            t
            for t in self._tracks
            if time - t.detected <= gap
            and t.misses <= int(t.has_pose)
            and (found is None or t.id is not None and t.has_pose)
        ]
        tracks.sort(key=lambda track: track.misses)
        boxes = [self._predicted_box(track, time) for track in tracks]
        boxes = np.array(boxes, dtype=np.float32).reshape(-1, 4)
        scores = np.array([track.score for track in tracks], dtype=np.float32)
        if found is not None:
            overlap = box_iou(boxes, np.reshape(found, (-1, 4)))
            missed = overlap.max(axis=1, initial=0) < MISSED_IOU
            boxes, scores = boxes[missed], scores[missed]
        return boxes, scores

    def state(self) -> Dict[str, Any]:
        """Everything that the next update depends on, ready for JSON."""
        tracks = [track.state() for track in self._tracks]
        state = dict(next_id=self._next_id, time=self._time)
        return dict(
            state, steps=[*self._steps], names=[*self._names], tracks=tracks
        )

    def load_state(self, state: Dict[str, Any]) -> None:
        """Go on where another tracker with the same settings was."""
        self._next_id, self._time = state['next_id'], state['time']
        self._steps, self._names = [*state['steps']], tuple(state['names'])
        self._tracks = []
        for kept in state['tracks']:
            lists = {k: np.array(v) for k, v in kept.items() if type(v) is list}
            self._tracks.append(Track(**{**kept, **lists}))

    def _advance(self, time: float) -> float:
        """The time of the next frame; tracks that are too old end."""
        check_time(time)
        time = float(time)
        if self._time is not None and time < self._time:
            if self._time - time > self.max_gap:
                self._tracks, self._steps = [], []
            else:
                time = self._time
        if self._time is not None and time > self._time:
            self._steps.append(time - self._time)
            del self._steps[:-LATEST_STEPS]
        self._time = time
        gap = self._gap()
        self._tracks = [t for t in self._tracks if time - t.time <= gap]
        return time

    def _gap(self, step: float = 0.0) -> float:
        """Seconds a person may be out of sight, for a frame that comes
        ``step`` seconds after the latest one."""
        steps = [s for s in (*self._steps, step) if s > 0]
        if not steps:
            return self.max_gap
        return max(self.max_gap, LEAST_GAP_FRAMES * float(np.median(steps)))

    def _check_names(self, people: Sequence[Person]) -> None:
        if not people:
            return
        names = people[0].names
        if any(person.names != names for person in people):
            raise ValueError('all people should have the same keypoints')
        if self._tracks and names != self._names:
            raise ValueError(
                f'the keypoints should stay the same {len(self._names)}, but '
                f'are now {len(names)}: {", ".join(names)}'
            )
        self._names = names

    def _observe(
        self, people: Sequence[Person], time: float, first: int
    ) -> Dict[int, Track]:
        """Index -> somebody new, of those with a finite box or a pose.

        Nothing in them is NaN, and each person is there once; of the same
        person's poses the ``first`` ones, a detector's, come before others.
        """
        if not people:
            return {}
        points = np.array([p.keypoints for p in people], dtype=np.float64)
        scores = np.array([p.scores for p in people], dtype=np.float64)
        boxes = np.array([p.bbox for p in people], dtype=np.float64)
        box_scores = np.array([float(p.bbox_score) for p in people])
        finite = np.isfinite(points).all(axis=2)
        seen = finite & (scores >= KEYPOINT_SCORE)
        has_pose = seen.sum(axis=1) >= LEAST_COMMON_POINTS
        has_box = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        has_box &= np.isfinite(boxes).all(axis=1)
        boxes = np.where(has_box[:, None], boxes, 0.0)
        bounds = pose_bounds(
            np.where(finite[..., None], points, 0.0), seen, boxes
        )
        boxes = np.where(has_box[:, None], boxes, bounds)
        centres = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2
        points = np.where(finite[..., None], points, centres)
        scores = np.where(np.isfinite(scores), scores, 0.0)
        rows = np.flatnonzero(has_box | has_pose)
        sure = box_scores * scores.mean(axis=1) + (
            np.arange(len(people)) < first
        )
        own = (array[rows] for array in (points, seen, boxes, sure))
        unique = unique_people(*own, sigmas_of(self._names), DUPLICATE_OKS)
        return {
            int(i): Track(points[i], boxes[i], seen[i], time, box_scores[i])
            for i in rows[unique]
        }

    def _match(
        self, new: Sequence[Track], time: float, by_detector: np.ndarray
    ) -> List[Tuple[int, int]]:
        """(track, new) pairs.

        Those in boxes of a detector, (new,) bool, choose before others: a
        track that has drifted off a person finds itself again.
        """
        if not self._tracks or not new:
            return []
        worth = self._similarities(new, time, by_detector)
        high = np.array([n.score >= HIGH_SCORE for n in new])
        current = np.array([track.current for track in self._tracks])
        pairs: List[Tuple[int, int]] = []
        free = np.ones(len(self._tracks), dtype=bool)
        for group in (by_detector, ~by_detector):
            for columns, threshold, lost in (
                (group & high, MIN_SIMILARITY, True),
                (group & ~high, LOW_SCORE_SIMILARITY, False),
            ):
                allowed = (free & (current | lost))[:, None] & columns
                found = assign(np.where(allowed, worth, -1.0), threshold)
                free[[i for i, _ in found]] = False
                pairs += found
        return pairs

    def _similarities(
        self, new: Sequence[Track], time: float, by_detector: np.ndarray
    ) -> np.ndarray:
        """(tracks, new) 0 to 1, with the poses and boxes predicted for now.

        Tracks out of sight are marked down. Boxes count only if a detector
        made them: agreement with predicted ones proves nothing. But where no
        detector found anybody, a person of whom there was no sure pose a frame
        ago either is taken on trust.
        """
        tracks = self._tracks
        boxes = np.array([t.predict_box(time) for t in tracks])
        new_boxes = np.array([n.box for n in new])
        seen = np.array([t.seen for t in tracks])
        gaps = np.array([time - t.time for t in tracks])
        hits = np.array([t.hits for t in tracks])
        common = seen[:, None] & np.array([n.seen for n in new])
        has_common = common.sum(axis=2) >= LEAST_COMMON_POINTS
        oks = pose_oks(
            np.array([t.predict_points(time) for t in tracks]),
            np.array([n.points for n in new]),
            common,
            np.sqrt(box_areas(boxes)[:, None] * box_areas(new_boxes)),
            sigmas_of(self._names),
            gaps[:, None] * (DRIFT + NEW_DRIFT / hits**2)[:, None],
        )
        iou = box_iou(boxes, new_boxes)
        trusted = np.array([t.current and not t.has_pose for t in tracks])
        trusted &= not by_detector.any()
        counts = has_common | by_detector | trusted[:, None]
        iou = np.where(counts, iou, 0.0)
        mix = OKS_WEIGHT * oks + (1 - OKS_WEIGHT) * iou
        lost = np.array([not t.current for t in tracks])
        fading = np.minimum(gaps / max(self._gap(), 1e-9), 1)
        worth = np.where(lost, 1 - (1 - LOST_WORTH) * fading, 1.0)
        return np.where(has_common, mix, iou) * worth[:, None]

    def _predicted_box(self, track: Track, time: float) -> np.ndarray:
        held = track.predict_box(time)
        if not track.has_pose:
            return held
        points = track.predict_points(time)
        (box,) = pose_bounds(points[None], track.seen[None], held[None])
        pad = BOX_PADDING * (box[2:] - box[:2])
        low, high = box[:2] - pad, box[2:] + pad
        part = box_areas(box[None]) < WHOLE_AREA * box_areas(held[None])
        if part or track.seen.mean() < WHOLE:
            low, high = np.minimum(low, held[:2]), np.maximum(high, held[2:])
        return np.concatenate([low, high])


def follow_camera(
    tracks: Sequence[Track],
    new: Sequence[Track],
    pairs: Sequence[Tuple[int, int]],
) -> None:
    """Move people out of sight by what all visible ones moved too far."""
    steps = []
    for i, j in pairs:
        common = tracks[i].seen & new[j].seen
        if (
            tracks[i].current
            and common.sum() >= LEAST_COMMON_POINTS
            and new[j].time > tracks[i].time
        ):
            steps.append(tracks[i].body_step(new[j], common))
    if len(steps) < 2:
        return
    errors, changes = np.array(steps).transpose(1, 0, 2)
    shift, change = np.median(errors, axis=0), np.median(changes, axis=0)
    spread = np.median(np.linalg.norm(errors - shift, axis=1))
    if spread >= 0.5 * np.linalg.norm(shift):
        return  # people move apart: it is not the camera
    matched = {i for i, _ in pairs}
    for i, track in enumerate(tracks):
        if i not in matched:
            track.carry(shift, change, new[0].time)
