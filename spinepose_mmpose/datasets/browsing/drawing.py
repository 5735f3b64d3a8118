"""Labels drawn on images. OpenCV; images are (H, W, 3) uint8 BGR.

Letters: K keypoints.
"""

from typing import Optional, Sequence, Tuple

from spinepose_mmpose.metainfo import (
    KEYPOINT_COLORS,
    KEYPOINT_IDS,
    SKELETON,
    SPINE_CHAIN,
)

import cv2
import numpy as np

SPINE = {KEYPOINT_IDS[name] for name in SPINE_CHAIN}
# BGR
BOX_COLOR, MARK_COLOR, EMPTY = (255, 255, 255), (0, 0, 255), (205, 205, 205)
FONT = cv2.FONT_HERSHEY_SIMPLEX
# Around a box, in box sizes.
MARGIN = 0.2


def draw_person(
    image: np.ndarray,
    keypoints: np.ndarray,
    box: Optional[Sequence[float]] = None,
    marked: Sequence[int] = (),
    size: float = 1.0,
) -> None:
    """Draw one person's labels into ``image``.

    Points that are labelled as hidden (1) are rings, visible ones (2) discs.

    Args:
        keypoints: (K, 3), [x, y] in pixels and visibility; 0 is not drawn.
        box: x, y, w, h.
        marked: keypoints to circle in red, without a label too.
        size: factor of line widths and radii.
    """
    if box is not None:
        x, y, w, h = box
        cv2.rectangle(
            image, _pixel((x, y)), _pixel((x + w, y + h)), BOX_COLOR, 1
        )
    good = np.isfinite(keypoints).all(axis=1)
    shown = good & (keypoints[:, 2] > 0)
    width = max(1, round(size))
    for (start, end), color in SKELETON:
        a, b = KEYPOINT_IDS[start], KEYPOINT_IDS[end]
        if shown[a] and shown[b]:
            cv2.line(
                image,
                _pixel(keypoints[a]),
                _pixel(keypoints[b]),
                color[::-1],
                width + (a in SPINE and b in SPINE),
                cv2.LINE_AA,
            )
    radius = max(2, round(2.2 * size))
    for k in np.flatnonzero(shown):
        hidden = keypoints[k, 2] == 1
        color = KEYPOINT_COLORS[k][::-1]
        place = _pixel(keypoints[k])
        cv2.circle(
            image,
            place,
            radius,
            BOX_COLOR if hidden else color,
            -1,
            cv2.LINE_AA,
        )
        cv2.circle(image, place, radius, color, 1, cv2.LINE_AA)
    for k in marked:
        if good[k]:
            cv2.circle(
                image,
                _pixel(keypoints[k]),
                3 * radius - 1,
                MARK_COLOR,
                1,
                cv2.LINE_AA,
            )


def _pixel(point) -> Tuple[int, int]:
    # Far outside, OpenCV's fixed-point coordinates would wrap around.
    return tuple(int(v) for v in np.clip(np.round(point[:2]), -30000, 30000))


def crop_transform(
    box: Sequence[float], size: Tuple[int, int], margin: float = MARGIN
) -> np.ndarray:
    """(2, 3) affine from the image to a view of ``size`` (w, h) that shows the
    box with a margin."""
    x, y, w, h = box
    scale = min(size[0] / max(w, 1), size[1] / max(h, 1)) / (1 + 2 * margin)
    centre = np.array([x + w / 2, y + h / 2])
    offset = np.array(size) / 2 - scale * centre
    return np.array([[scale, 0, offset[0]], [0, scale, offset[1]]])


def person_view(
    image: Optional[np.ndarray],
    keypoints: np.ndarray,
    box: Sequence[float],
    size: Tuple[int, int],
    marked: Sequence[int] = (),
) -> np.ndarray:
    """A person's surroundings with the labels, ``size`` (w, h) pixels.

    Args:
        image: None gives a grey ground.
    """
    box = np.asarray(box, float)
    if not (np.isfinite(box).all() and (box[2:] > 0).all()):
        box = box_of_points(keypoints)
    matrix = crop_transform(box, size)
    if image is None:
        view = np.full((size[1], size[0], 3), EMPTY, np.uint8)
    else:
        shrinks = matrix[0, 0] < 0.5
        view = (
            _shrunk(image, matrix, size)
            if shrinks
            else _warp(image, matrix, size)
        )
    points = transform_points(keypoints, matrix)
    corner = matrix[:, :2] @ box[:2] + matrix[:, 2]
    draw_person(view, points, (*corner, *box[2:] * matrix[0, 0]), marked)
    return view


def _warp(image, matrix, size):
    return cv2.warpAffine(
        image, matrix, size, flags=cv2.INTER_LINEAR, borderValue=EMPTY
    )


def _shrunk(image, matrix, size):
    """Without the aliasing of a warp that leaves pixels out."""
    scale = matrix[0, 0]
    small = cv2.resize(
        image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA
    )
    shift = np.array([[1, 0, matrix[0, 2]], [0, 1, matrix[1, 2]]])
    return _warp(small, shift, size)


def transform_points(keypoints: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """(K, 3) after a (2, 3) affine; visibility stays."""
    points = np.array(keypoints, float)
    points[:, :2] = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    return points


def box_of_points(keypoints: np.ndarray) -> np.ndarray:
    """x, y, w, h of the labelled points; of nothing, a box of 100 pixels."""
    shown = np.isfinite(keypoints).all(axis=1) & (keypoints[:, 2] > 0)
    if not shown.any():
        return np.array([0.0, 0.0, 100.0, 100.0])
    low, high = (f(keypoints[shown, :2], axis=0) for f in (np.min, np.max))
    return np.concatenate([low, np.maximum(high - low, 1)])


def fitted(image: np.ndarray, longest: int) -> Tuple[np.ndarray, float]:
    """An image shrunk so that its longer side has at most so many pixels, and
    the factor."""
    factor = min(1.0, longest / max(image.shape[:2]))
    if factor == 1.0:
        return image.copy(), factor
    size = [max(1, round(side * factor)) for side in image.shape[1::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), factor


def write_image(path: str, image: np.ndarray) -> None:
    """
    Raises:
        OSError: if it cannot be written.
    """
    done = False
    try:
        done = cv2.imwrite(path, image)
    except cv2.error as error:
        raise OSError(f'cannot write the image {path}: {error.err}') from None
    if not done:
        raise OSError(f'cannot write the image {path}')
