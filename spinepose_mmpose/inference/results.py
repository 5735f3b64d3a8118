"""What inference gives: people, frame by frame. Imports numpy only."""

import math
from dataclasses import dataclass, field, replace
from typing import Optional, Sequence, Tuple

import numpy as np

from ..metainfo import KEYPOINT_NAMES, SPINE_CHAIN

# What ``spine_only`` leaves, in the order of the spinepose client: from the
# sacrum up (ids 19, 26-30, 18, 35, 36).
SPINE_ONLY = tuple(reversed(SPINE_CHAIN))


@dataclass(frozen=True, eq=False)
class Person:
    """One person in one frame. K keypoints, 37 for SpinePose.

    Attributes:
        keypoints (np.ndarray): (K, 2) float32, [x, y] in pixels of the frame.
        scores (np.ndarray): (K,) float32, 0 to about 1.
        bbox (np.ndarray): (4,) float32, [x1, y1, x2, y2] in pixels of the
            frame.
        bbox_score (float): of the detector; 1 for a box that was given.
        track_id (int, optional): the identity over time, from 1; None without
            tracking.
        names (tuple): (K,) keypoint names.
        keypoints_3d (np.ndarray, optional): (K, 3) float32, [x, y, z] in
            metres, see :mod:`.lifting`; NaN where somebody has no place, None
            without lifting.
    """

    keypoints: np.ndarray
    scores: np.ndarray
    bbox: np.ndarray
    bbox_score: float = 1.0
    track_id: Optional[int] = None
    names: Tuple[str, ...] = KEYPOINT_NAMES
    keypoints_3d: Optional[np.ndarray] = None

    def __getitem__(self, name: str) -> np.ndarray:
        """(3,) x, y, score of a keypoint; KeyError without it."""
        index = self._index(name)
        return np.append(self.keypoints[index], self.scores[index])

    def select(self, names: Sequence[str]) -> 'Person':
        """The same person with these keypoints alone, in this order; KeyError
        without one."""
        index = [self._index(name) for name in names]
        points = self.keypoints_3d
        return replace(
            self,
            keypoints_3d=None if points is None else points[index],
            keypoints=self.keypoints[index],
            scores=self.scores[index],
            names=tuple(names),
        )

    def _index(self, name: str) -> int:
        try:
            return self.names.index(name)
        except ValueError:
            raise KeyError(
                f'no keypoint {name!r}: choose from {", ".join(self.names)}'
            ) from None


@dataclass(frozen=True, eq=False)
class FrameResult:
    """Everybody in one frame.

    Attributes:
        people (tuple): N people.
        frame_index (int): position in the source, from 0.
        time (float, optional): seconds since the start of the source; None
            for a photograph.
        size (tuple): (w, h) of the frame in pixels.
        error (str): why the frame could not be read; then there are no people.
    """

    people: Tuple[Person, ...] = field(default=())
    frame_index: int = 0
    time: Optional[float] = None
    size: Tuple[int, int] = (0, 0)
    error: str = ''

    @property
    def keypoints(self) -> np.ndarray:
        """(N, K, 2) float32, pixels of the frame; (0, 37, 2) for nobody."""
        return stack_people(self.people)[0]

    @property
    def scores(self) -> np.ndarray:
        """(N, K) float32; (0, 37) for nobody."""
        return stack_people(self.people)[1]

    @property
    def keypoints_3d(self) -> np.ndarray:
        """(N, K, 3) float32 metres of people who were lifted; (0, 37, 3) for
        nobody."""
        points = [person.keypoints_3d for person in self.people]
        return np.stack(points) if points else np.zeros((0, 37, 3), np.float32)


def spine_of(result: FrameResult) -> FrameResult:
    """The nine points of the spine alone, from the sacrum up."""
    people = tuple(person.select(SPINE_ONLY) for person in result.people)
    return replace(result, people=people)


def by_identity(result: FrameResult) -> FrameResult:
    """The people of a frame in the order of their identities."""
    people = sorted(
        result.people, key=lambda p: (p.track_id is None, p.track_id or 0)
    )
    return replace(result, people=tuple(people))


def stack_people(
    people: Sequence[Person], num_keypoints: int = len(KEYPOINT_NAMES)
) -> Tuple[np.ndarray, np.ndarray]:
    """Keypoints (N, K, 2) and scores (N, K) of N people with the same K
    keypoints, float32; ``num_keypoints`` is K where there is nobody to tell."""
    k = len(people[0].names) if people else num_keypoints
    keypoints = [person.keypoints for person in people]
    scores = [person.scores for person in people]
    return (
        np.reshape(np.float32(keypoints), (-1, k, 2)),
        np.reshape(np.float32(scores), (-1, k)),
    )


def check_time(time) -> None:
    if time is None or not math.isfinite(time):
        raise ValueError(f'time should be a number of seconds, but is {time}')
