"""Places for texts so that they cover neither each other nor the points."""

from typing import List, Optional, Sequence, Tuple

import numpy as np

Box = Tuple[float, float, float, float]


class Occupied:
    """Rectangles [x1, y1, x2, y2] that are taken, within an image."""

    def __init__(self, width: int, height: int):
        self.width, self.height = width, height
        self._boxes: List[Box] = []

    def add(self, box: Box) -> None:
        self._boxes.append(box)

    def is_free(self, box: Box) -> bool:
        """Inside the image and clear of everything."""
        x1, y1, x2, y2 = box
        inside = x1 >= 0 and y1 >= 0 and x2 <= self.width and y2 <= self.height
        return inside and not any(
            x1 < b[2] and x2 > b[0] and y1 < b[3] and y2 > b[1]
            for b in self._boxes
        )

    def first_free(self, boxes: Sequence[Box]) -> Optional[Box]:
        """The first free one, taken at once; None if there is none."""
        for box in boxes:
            if self.is_free(box):
                self.add(box)
                return box
        return None


def beside(
    point: np.ndarray,
    normal: np.ndarray,
    size: Tuple[float, float],
    distance: float,
) -> List[Box]:
    """Places for a label beside a curve, the best first.

    On the side of ``normal`` before the other, near before far, straight
    before slanted; far away only where both sides are full.

    Args:
        point: (2,) on the curve.
        normal: (2,) of length 1, across the curve.
        size: (w, h) of the label.
        distance: from the point to the near edge of the label.
    """
    half = np.array(size) / 2
    places = []
    for reaches in ((1.0, 2.0, 3.5), (5.0, 7.0)):
        for side in (1.0, -1.0):
            for reach in reaches:
                for slant in (0.0, 25.0, -25.0, 50.0, -50.0):
                    way = _turned(side * normal, slant)
                    # From the middle of the label to its edge along the way.
                    edge = min(half / np.maximum(np.abs(way), 1e-9))
                    centre = point + way * (reach * distance + edge)
                    places.append((*(centre - half), *(centre + half)))
    return places


def _turned(way: np.ndarray, degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([c * way[0] - s * way[1], s * way[0] + c * way[1]])


def above(anchor: np.ndarray, size: Tuple[float, float], step: float):
    """Places for a tag over a person, the best first.

    Args:
        anchor: (2,) middle of the top.
        size: (w, h) of the tag.
        step: between tries.
    """
    width, height = size
    places = []
    for up in range(4):
        for aside in (0.0, 0.6, -0.6, 1.2, -1.2):
            x = anchor[0] + aside * width
            y = anchor[1] - up * (height + step)
            places.append((x - width / 2, y - height, x + width / 2, y))
    return places


def moved_inside(box: Box, width: int, height: int) -> Box:
    """Shifted into the image as far as it goes."""
    x1, y1, x2, y2 = box
    dx = max(0.0, -x1) or min(0.0, width - x2)
    dy = max(0.0, -y1) or min(0.0, height - y2)
    return x1 + dx, y1 + dy, x2 + dx, y2 + dy
