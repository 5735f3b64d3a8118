"""The people of a file as arrays.

Letters: N people, K keypoints.
"""

from dataclasses import dataclass
from typing import Tuple

from spinepose_mmpose.metainfo import NUM_KEYPOINTS

import numpy as np

from .sets import Content


@dataclass(frozen=True)
class People:
    """Those whose box and keypoints are numbers, in the right count.

    Attributes:
        rows: (N,) places in the file's list.
        keypoints: (N, K, 3) float64, [x, y] in pixels and visibility as
            labelled, NaN included.
        boxes: (N, 4) x, y, w, h.
        areas: (N,), NaN where there is none.
        image_rows: (N,) places in the list of images, -1 for none.
        image_sizes: (N, 2) w, h, NaN where unknown.
    """

    rows: np.ndarray
    keypoints: np.ndarray
    boxes: np.ndarray
    areas: np.ndarray
    image_rows: np.ndarray
    image_sizes: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def labelled(self) -> np.ndarray:
        """(N, K) bool."""
        return self.keypoints[..., 2] > 0

    @property
    def scales(self) -> np.ndarray:
        """(N,) root of the box's area, at least one pixel."""
        return np.sqrt(np.clip(self.boxes[:, 2] * self.boxes[:, 3], 1, None))

    def take(self, which: np.ndarray) -> 'People':
        return People(*(getattr(self, f)[which] for f in self.__annotations__))


def pack(content: Content) -> Tuple[People, np.ndarray]:
    """The arrays, and the rows that do not fit into them."""
    annotations = content.annotations
    keypoints, good = _rows(
        [a.get('keypoints') for a in annotations], 3 * NUM_KEYPOINTS
    )
    boxes, good_boxes = _rows([a.get('bbox') for a in annotations], 4)
    good &= good_boxes
    image_rows = np.array(
        [-1 if row is None else row for row in content.rows_of_people], int
    )
    sizes = np.array(
        [
            (_number(e.get('width')), _number(e.get('height')))
            for e in content.images
        ]
        + [(np.nan, np.nan)],  # of row -1
        float,
    )
    rows = np.flatnonzero(good)
    people = People(
        rows,
        keypoints.reshape(-1, NUM_KEYPOINTS, 3)[rows],
        boxes[rows],
        np.array([_number(annotations[i].get('area')) for i in rows], float),
        image_rows[rows],
        sizes[image_rows[rows]],
    )
    return people, np.flatnonzero(~good)


def _number(value) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number else np.nan


def _rows(values: list, width: int):
    """(N, width) float64, and (N,) which of them are such rows."""
    good = np.ones(len(values), bool)
    try:
        array = np.asarray(values)
        if array.shape == (len(values), width) and array.dtype.kind in 'iuf':
            return array.astype(float), good
    except (ValueError, TypeError, OverflowError):
        pass
    array = np.zeros((len(values), width))
    for i, value in enumerate(values):
        try:
            row = np.asarray(value)
        except (ValueError, TypeError, OverflowError):
            row = np.empty(0)
        good[i] = row.shape == (width,) and row.dtype.kind in 'iuf'
        if good[i]:
            array[i] = row
    return array, good
