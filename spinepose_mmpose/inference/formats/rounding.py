"""One rounding for all files: they agree, and a result that was written and
read again is the same."""

from dataclasses import replace
from typing import List

import numpy as np

from ..results import FrameResult, Person

PIXEL_DIGITS = 3
SCORE_DIGITS = 4


def rounded(values: np.ndarray, digits: int) -> np.ndarray:
    """float64, of which ``repr`` is short; zeros are not negative."""
    return np.round(np.asarray(values, np.float64), digits) + 0.0


def rounded_person(person: Person) -> Person:
    return replace(
        person,
        keypoints=rounded(person.keypoints, PIXEL_DIGITS).astype(np.float32),
        scores=rounded(person.scores, SCORE_DIGITS).astype(np.float32),
        bbox=rounded(person.bbox, PIXEL_DIGITS).astype(np.float32),
        bbox_score=float(rounded(person.bbox_score, SCORE_DIGITS)),
    )


def rounded_result(result: FrameResult) -> FrameResult:
    """The result that a reader of any of the files gets."""
    return replace(
        result, people=tuple(rounded_person(p) for p in result.people)
    )


def triplets(person: Person) -> List[List[float]]:
    """(K, 3) [x, y, score], rounded."""
    table = np.empty((len(person.names), 3))
    table[:, :2] = rounded(person.keypoints, PIXEL_DIGITS)
    table[:, 2] = rounded(person.scores, SCORE_DIGITS)
    return table.tolist()


def box_values(person: Person) -> List[float]:
    return rounded(person.bbox, PIXEL_DIGITS).tolist()


def score_value(score: float) -> float:
    return float(rounded(score, SCORE_DIGITS))


def person_of(points, box, box_score: float, track_id, names) -> Person:
    """A person from plain values.

    Args:
        points: (K, 3) or flat [x, y, score].
    """
    table = np.asarray(points, np.float32).reshape(-1, 3)
    return Person(
        keypoints=table[:, :2].copy(),
        scores=table[:, 2].copy(),
        bbox=np.asarray(box, np.float32),
        bbox_score=box_score,
        track_id=track_id,
        names=tuple(names),
    )
