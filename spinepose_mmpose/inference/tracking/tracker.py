"""Identities over time, from poses and boxes alone."""

import math
from dataclasses import replace
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from ..results import Person
from .assignment import assign, pose_bounds
from .matching import follow_camera, track_similarities
from .motion import Motion
from .observation import Observation, observe
from .track import Track

STATE_VERSION = 2
# A weakly detected person goes on with a track only if it fits well.
LOW_SCORE_SIMILARITY = 0.4
# Sightings after which a weakly detected person becomes somebody.
CONFIRM = 3
# With a smaller share of its keypoints seen, a pose shows a part of somebody.
WHOLE = 0.5


class Tracker:
    """Gives people identities: from 1, never used twice.

    People are matched with the predicted poses and boxes of known ones (OKS
    and box IoU, best sum), in two rounds as ByteTrack does (Zhang et al.,
    ECCV 2022): a weak detection continues a track but starts none before its
    third frame in a row. A person out of sight keeps the identity for
    ``max_gap`` where the motion before explains the place of the return.

    Args:
        max_gap: seconds a person may be out of sight.
        oks_weight: 0 to 1, of the poses against the boxes.
        min_similarity: 0 to 1, below it two sightings are two people.
        high_score: detections from here on start an identity at once.
        keypoint_score: keypoints from here on are relied on.
        duplicate_oks: poses of one frame from here on are one person; above
            1 keeps all.
        box_padding: of predicted boxes on each side, in their own size.

    Raises:
        ValueError: a setting is out of its range.
    """

    def __init__(
        self,
        max_gap: float = 2.0,
        oks_weight: float = 0.7,
        min_similarity: float = 0.2,
        high_score: float = 0.5,
        keypoint_score: float = 0.3,
        duplicate_oks: float = 0.8,
        box_padding: float = 0.1,
    ):
        settings = dict(
            oks_weight=oks_weight,
            min_similarity=min_similarity,
            high_score=high_score,
            keypoint_score=keypoint_score,
        )
        for name, value in settings.items():
            if not 0 <= value <= 1:
                raise ValueError(f'{name} should be 0 to 1, but is {value}')
        for name, value in dict(
            max_gap=max_gap,
            duplicate_oks=duplicate_oks,
            box_padding=box_padding,
        ).items():
            if not 0 <= value < math.inf:
                raise ValueError(f'{name} should be 0 or more, but is {value}')
        self.max_gap = max_gap
        self.oks_weight = oks_weight
        self.min_similarity = min_similarity
        self.high_score = high_score
        self.keypoint_score = keypoint_score
        self.duplicate_oks = duplicate_oks
        self.box_padding = box_padding
        self.reset()

    def reset(self) -> None:
        """Forget everybody; identities start at 1 again."""
        self._tracks: List[Track] = []
        self._next_id = 1
        self._time: Optional[float] = None
        self._names: Tuple[str, ...] = ()

    def update(
        self, people: Sequence[Person], time: float, detected: bool = True
    ) -> Tuple[Person, ...]:
        """The people of the next frame with ``track_id``, in their order.

        A second pose of one person is left out. ``track_id`` is None for a
        weak detection that has not lasted yet.

        Args:
            people: of one frame.
            time: seconds. Back by less than ``max_gap`` counts as no time
                passed; by more it ends all tracks, as in a new recording.
            detected: a detector made the boxes. False: they came from
                :meth:`predict`; then nobody new can appear, and whoever
                matches no track is left out.

        Raises:
            ValueError: time is not finite, or the keypoints changed.
        """
        time = self._advance(time)
        observation = observe(people, self.keypoint_score)
        self._check_names(observation.names)
        observation = observation.without_doubles(self.duplicate_oks)
        pairs = self._match(observation, time, detected)
        ids: Dict[int, Optional[int]] = {}
        matched = {column: row for row, column in pairs}
        follow_camera(self._tracks, observation, pairs, time)
        for track in self._tracks:
            track.misses += 1
        known = list(self._tracks)
        for j in range(len(observation)):
            if j in matched:
                track = known[matched[j]]
                self._measure(track, observation, j, time, detected)
            elif detected:
                track = self._start(observation, j, time)
            else:
                continue
            if track.id is None and self._is_sure(track, observation, j):
                track.id = self._next_id
                self._next_id += 1
            ids[int(observation.index[j])] = track.id
        self._tracks = [
            track
            for track in self._tracks
            if track.current or track.id is not None or not detected
        ]
        return tuple(replace(people[i], track_id=ids[i]) for i in sorted(ids))

    def predict(self, time: float) -> Tuple[np.ndarray, np.ndarray]:
        """Where people should be, for a frame without a detector.

        The bounds of each predicted pose, padded; with them the detected box,
        moved along, where the pose shows but a part of the person. Somebody
        missed in one frame gets one more chance. People out of sight are not
        among them, nor those whom no detector has seen for ``max_gap``.

        Returns:
            tuple: (M, 4) float32 boxes [x1, y1, x2, y2] in pixels, and (M,)
            float32 scores, those of the last detection.
        """
        tracks = [
            track
            for track in self._tracks
            if time - track.detected <= self.max_gap
            and track.misses <= int(track.has_pose)
        ]
        boxes = [self._predicted_box(track, time) for track in tracks]
        return (
            np.array(boxes, dtype=np.float32).reshape(-1, 4),
            np.array([track.score for track in tracks], dtype=np.float32),
        )

    def predict_boxes(self, time: float) -> np.ndarray:
        """The boxes of :meth:`predict` alone."""
        return self.predict(time)[0]

    def state(self) -> Dict[str, Any]:
        """Everything that the next update depends on, ready for JSON."""
        return dict(
            version=STATE_VERSION,
            next_id=self._next_id,
            time=self._time,
            names=list(self._names),
            tracks=[track.state() for track in self._tracks],
        )

    def load_state(self, state: Dict[str, Any]) -> None:
        """Go on where another tracker with the same settings was.

        Raises:
            ValueError: it is no state of this version.
        """
        if state.get('version') != STATE_VERSION:
            raise ValueError(
                f"the tracker's state should be of version {STATE_VERSION}, "
                f'but is of version {state.get("version")!r}'
            )
        self._next_id = int(state['next_id'])
        self._time = state['time']
        self._names = tuple(state['names'])
        self._tracks = [Track.from_state(track) for track in state['tracks']]

    def _advance(self, time: float) -> float:
        if time is None or not math.isfinite(time):
            raise ValueError(
                f'time should be a number of seconds, but is {time}'
            )
        if self._time is not None and time < self._time:
            if self._time - time > self.max_gap:
                self._tracks = []
            else:
                time = self._time
        self._time = float(time)
        self._tracks = [
            track
            for track in self._tracks
            if self._time - track.motion.time <= self.max_gap
        ]
        return self._time

    def _check_names(self, names: Tuple[str, ...]) -> None:
        if not names:
            return
        if self._tracks and names != self._names:
            raise ValueError(
                f'the keypoints should stay the same {len(self._names)}, but '
                f'are now {len(names)}: {", ".join(names)}'
            )
        self._names = names

    def _match(
        self, observation: Observation, time: float, detected: bool
    ) -> List[Tuple[int, int]]:
        """(track, person) pairs."""
        if not self._tracks or not len(observation):
            return []
        worth = track_similarities(
            self._tracks,
            observation,
            time,
            detected,
            oks_weight=self.oks_weight,
            max_gap=self.max_gap,
        )
        high = observation.box_scores >= self.high_score
        pairs = assign(np.where(high, worth, -1.0), self.min_similarity)
        taken = {row for row, _ in pairs}
        second = worth.copy()
        for i, track in enumerate(self._tracks):
            if i in taken or not track.current:
                second[i] = -1.0
        second[:, high] = -1.0
        threshold = max(self.min_similarity, LOW_SCORE_SIMILARITY)
        return pairs + assign(second, threshold)

    def _measure(self, track, observation, j, time, detected) -> None:
        seen = observation.seen[j]
        track.motion.update(
            observation.points[j],
            seen,
            track.seen,
            observation.boxes[j],
            time,
        )
        track.seen = seen.copy() if seen.any() else track.seen
        track.misses = 0
        if detected:
            track.detected = time
            track.score = float(observation.box_scores[j])
        if detected or observation.has_pose[j]:
            track.hits += 1

    def _start(self, observation, j, time) -> Track:
        track = Track(
            id=None,
            motion=Motion.start(
                observation.points[j], observation.boxes[j], time
            ),
            seen=observation.seen[j].copy(),
            hits=1,
            detected=time,
            score=float(observation.box_scores[j]),
        )
        self._tracks.append(track)
        return track

    def _is_sure(self, track, observation, j) -> bool:
        return (
            observation.box_scores[j] >= self.high_score
            or track.hits >= CONFIRM
        )

    def _predicted_box(self, track: Track, time: float) -> np.ndarray:
        held = track.motion.predict_box(time)
        if not track.has_pose:
            return held
        points = track.motion.predict_points(time)
        (box,) = pose_bounds(points[None], track.seen[None], held[None])
        pad = self.box_padding * (box[2:] - box[:2])
        low, high = box[:2] - pad, box[2:] + pad
        if track.seen.mean() < WHOLE:
            low, high = np.minimum(low, held[:2]), np.maximum(high, held[2:])
        return np.concatenate([low, high])
