"""What formats with a file for every identity share."""

import glob
import os
import re
from dataclasses import dataclass
from typing import List, Sequence

import numpy as np

from ...metainfo import KEYPOINT_IDS, KEYPOINT_NAMES
from ..results import Person
from . import Format, Frames, Header

DEFAULT_RATE = 30
# Containers round times to so many seconds.
ROUNDING = 1e-3


class PerPerson(Format):
    """A file for every identity, ``NAME_person1``; clips alone."""

    for_photographs, needs_identities = False, True

    def file_of(self, path: str, track_id) -> str:
        """The file of a person."""
        stem = os.path.splitext(path)[0]
        return f'{stem}_person{track_id}{self.extension}'

    def existing(self, path, name):
        """See :class:`.Format`."""
        found = glob.glob(glob.escape(os.path.splitext(path)[0]) + '_person*')
        end = rf'_person\d+{re.escape(self.extension)}$'
        return [p for p in found if re.search(end, p)]

    def sample(self, path, name, is_clip):
        """See :class:`.Format`."""
        return self.file_of(path, 10000)


@dataclass(eq=False)
class PersonTrack:
    """One person from the first to the last frame, T frames.

    Attributes:
        track_id (int): the identity.
        frames (np.ndarray): (T,) indices in the source.
        times (np.ndarray): (T,) seconds.
        points (np.ndarray): (T, 37, 2) pixels, or (T, 37, 3) metres of who has
            points in 3D; NaN where there is none.
        scores (np.ndarray): (T, 37), 0 where there is no point.
        image (np.ndarray): (T, 37, 2) pixels, also of points in 3D.
    """

    track_id: int
    frames: np.ndarray
    times: np.ndarray
    points: np.ndarray
    scores: np.ndarray
    image: np.ndarray

    def rate(self, nominal: float) -> float:
        """Rows per second: the nominal rate, unless times say otherwise."""
        steps, seconds = len(self.times) - 1, self.times[-1] - self.times[0]
        if abs(seconds - steps / nominal) <= ROUNDING:
            return nominal
        return steps / seconds


def tracks_of(frames: Frames) -> List[PersonTrack]:
    """Everybody who has an identity."""
    seen, people = [], {}
    for position, result in enumerate(frames()):
        seen.append((result.frame_index, result.time))
        for person in result.people:
            if person.track_id is not None:
                people.setdefault(person.track_id, {})[position] = person
    return [
        _track(track_id, own, seen) for track_id, own in sorted(people.items())
    ]


def _track(track_id, own, seen) -> PersonTrack:
    first, last = min(own), max(own)
    rows = [position - first for position in own]
    parts = stacked(list(own.values())), stacked(list(own.values()), False)
    shape = last - first + 1, len(KEYPOINT_NAMES)
    points, image = (
        np.full((*shape, part.shape[2]), np.nan) for part, _ in parts
    )
    scores = np.zeros(shape)
    (points[rows], scores[rows]), (image[rows], _) = parts
    frames, times = zip(*seen[first : last + 1])
    return PersonTrack(
        track_id, np.array(frames), np.array(times), points, scores, image
    )


def stacked(people: Sequence[Person], in_3d: bool = True) -> tuple:
    """(N, 37, 2 or 3) points and (N, 37) scores of N people, by the names of
    :data:`metainfo.KEYPOINT_NAMES`; in 3D where somebody has such points."""
    spaces = [person.keypoints_3d for person in people]
    in_3d = in_3d and any(points is not None for points in spaces)
    shape = len(people), len(KEYPOINT_NAMES)
    points, scores = (
        np.full((*shape, 3 if in_3d else 2), np.nan),
        np.zeros(shape),
    )
    for i, (person, space) in enumerate(zip(people, spaces)):
        index = [KEYPOINT_IDS[n] for n in person.names if n in KEYPOINT_IDS]
        known = [n in KEYPOINT_IDS for n in person.names]
        own = space if in_3d else person.keypoints
        if own is None:
            continue
        points[i, index] = own[known]
        scores[i, index] = person.scores[known]
        points[i, ~np.isfinite(points[i]).all(-1) | (scores[i] <= 0)] = np.nan
    return points, scores


def up_of(header: Header) -> tuple:
    """Where up is, in the axes of the points."""
    return (0, 1, 0) if header.axes == 'world' else (0, -1, 0)


def number(value: float, digits: int) -> str:
    """A rounded number, short, without a negative zero."""
    return f'{round(float(value), digits) + 0.0:.{digits}f}'.rstrip('0').rstrip(
        '.'
    )
