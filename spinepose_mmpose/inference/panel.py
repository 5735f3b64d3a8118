"""People in 3D beside an image: from the camera and from the side."""

from dataclasses import replace
from typing import Sequence

import cv2
import numpy as np

from .draw import FONT, SMOOTH, draw_people
from .results import Person

GROUND, GRID, PAPER, INK = (200, 200, 200), (232, 232, 232), 250, (90, 90, 90)
REACH = 2.4  # metres from bottom to top of each view
BELOW = 0.2  # of them below the ground
# Name and the horizontal axis of each view, with its sign.
VIEWS = (('from the camera', 0, 1.0), ('from the side', 2, -1.0))


def beside_panel(
    image: np.ndarray, people: Sequence[Person], in_world: bool = True
) -> np.ndarray:
    """An image (H, W, 3) uint8 BGR, and to its right two views of people in
    3D, a line per half metre.

    Args:
        people (Sequence): with ``keypoints_3d``; others are left out.
        in_world (bool): their axes are those of the world; the camera's
            otherwise, whose views are around the first person's sacrum.
    """
    height = len(image)
    width = max(160, height // 2) // 2 * 2  # even, for video encoders
    panel = np.full((height, width, 3), PAPER, np.uint8)
    shown = [
        person
        for person in people
        if person.keypoints_3d is not None
        and np.isfinite(person.keypoints_3d).all()
    ]
    half = height // 2
    for row, (name, axis, sign) in enumerate(VIEWS):
        view = panel[row * half : row * half + half]
        view[:] = _view(view, shown, axis, sign, in_world)
        cv2.putText(view, name, (8, 18), FONT, 0.45, INK, 1, SMOOTH)
    cv2.line(panel, (0, half), (width, half), INK, 1)
    return np.hstack([image, panel])


def _view(view, people, axis: int, sign: float, in_world: bool) -> np.ndarray:
    height, width = view.shape[:2]
    scale = height / REACH
    middle, bottom = 0.0, -BELOW
    if people:
        root = people[0].keypoints_3d[people[0].names.index('hip')]
        middle = root[axis]
        if not in_world:
            bottom = -root[1] - REACH / 2
    for metres in np.arange(np.ceil(bottom * 2) / 2, bottom + REACH, 0.5):
        y = round(height - (metres - bottom) * scale)
        color, line = (GROUND, 2) if in_world and metres == 0 else (GRID, 1)
        cv2.line(view, (0, y), (width, y), color, line)
    drawn = []
    for person in people:
        points = np.float64(person.keypoints_3d)
        up = points[:, 1] if in_world else -points[:, 1]
        flat = np.stack([sign * (points[:, axis] - middle), bottom - up], 1)
        flat = flat * scale + (width / 2, height)
        drawn.append(replace(person, keypoints=flat, bbox=np.full(4, np.nan)))
    return draw_people(view, drawn, ids=False, score_threshold=-np.inf)
