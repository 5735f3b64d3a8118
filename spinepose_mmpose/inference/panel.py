"""People in 3D beside an image: from the camera and from the side."""

from typing import Sequence

import cv2
import numpy as np

from ..metainfo import SKELETON, SPINE_CHAIN
from .draw import SPINE
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
        (person, np.float64(person.keypoints_3d))
        for person in people
        if person.keypoints_3d is not None
        and np.isfinite(person.keypoints_3d).all()
    ]
    half = height // 2
    for row, (name, axis, sign) in enumerate(VIEWS):
        view = panel[row * half : row * half + half]
        _draw_view(view, shown, axis, sign, in_world)
        cv2.putText(
            view, name, (8, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.45, INK, 1,
            cv2.LINE_AA,
        )  # fmt: skip
    cv2.line(panel, (0, half), (width, half), INK, 1)
    return np.hstack([image, panel])


def _draw_view(view, shown, axis, sign, in_world) -> None:
    height, width = view.shape[:2]
    scale = height / REACH
    middle, bottom = 0.0, -BELOW
    if shown:
        person, points = shown[0]
        root = points[person.names.index('hip')]
        middle = root[axis]
        if not in_world:
            bottom = -root[1] - REACH / 2

    def pixels(points):
        across = sign * (points[..., axis] - middle) * scale + width / 2
        up = points[..., 1] if in_world else -points[..., 1]
        return np.stack([across, height - (up - bottom) * scale], -1)

    for metres in np.arange(np.ceil(bottom * 2) / 2, bottom + REACH, 0.5):
        y = round(height - (metres - bottom) * scale)
        is_ground = in_world and metres == 0
        cv2.line(view, (0, y), (width, y), GROUND if is_ground else GRID,
                 2 if is_ground else 1)  # fmt: skip
    line = max(1, round(height / 220))
    for person, points in shown:
        flat = np.clip(np.round(pixels(points)), -9999, 9999).astype(int)
        at = dict(zip(person.names, flat))
        for (a, b), rgb in SKELETON:
            if a in at and b in at:
                cv2.line(view, at[a], at[b], rgb[::-1], line, cv2.LINE_AA)
        spine = np.array([at[name] for name in SPINE_CHAIN])
        for color, width in ((INK, 4 * line), (SPINE[::-1], 2 * line)):
            cv2.polylines(view, [spine], False, color, width, cv2.LINE_AA)
