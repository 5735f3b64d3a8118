"""Draw people into images."""

from dataclasses import replace
from typing import Any, Optional, Sequence, Tuple

from spinepose_mmpose.metainfo import SPINE_CHAIN, VERTEBRAE

import cv2
import numpy as np

from ..results import Person
from .canvas import Canvas
from .labels import Occupied, above, beside, moved_inside
from .palette import CENTRE, OUTLINE, SPINE, identity_color, is_light
from .skeleton import Figure, draw_figure, figure_of
from .style import DrawStyle

PLAIN = dict(black=0, white=255)
# Height of an identity in letters of a vertebra.
TAG = 1.4
# More than 65 % of the keypoints on one side of the spine.
CLEARLY = 0.15


def draw_people(
    image: np.ndarray,
    people: Sequence[Person],
    *,
    spine_only: bool = False,
    style: Optional[DrawStyle] = None,
    **changes: Any,
) -> np.ndarray:
    """A new image with the people drawn; the given one stays as it is.

    Left is blue, right orange, the middle white, the spine a yellow curve
    that breaks at points with a low score. Sizes follow the person's and the
    image's.

    Args:
        image: (H, W, 3) uint8 BGR; grey (H, W) and BGRA work as well.
        people: with keypoints in pixels of the image.
        spine_only: leave out the rest of the body.
        style: see :class:`DrawStyle`.
        changes: settings of the style by name.

    Returns:
        (H, W, 3) uint8 BGR.

    Raises:
        ValueError: the image is no uint8 picture, or a setting is wrong.
    """
    style = replace(style or DrawStyle(), **changes)
    image = _as_bgr(image)
    if style.background in PLAIN:
        image = np.full_like(image, PLAIN[style.background])
    canvas = Canvas(image)
    size = (canvas.width, canvas.height)
    figures = [
        (person, figure)
        for person in people
        if (figure := figure_of(person, style, spine_only, size))
    ]
    for person, figure in figures:
        if style.boxes:
            _draw_box(canvas, person, figure, style)
    for _, figure in figures:
        draw_figure(canvas, figure, style)
    _draw_texts(canvas, figures, style)
    return canvas.result()


def skeleton_only(
    size: Tuple[int, int],
    people: Sequence[Person],
    *,
    spine_only: bool = False,
    style: Optional[DrawStyle] = None,
    **changes: Any,
) -> np.ndarray:
    """People on a plain background, black unless the style says white.

    Args:
        size: (w, h) in pixels.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    width, height = size
    style = replace(style or DrawStyle(), **changes)
    if style.background == 'image':
        style = replace(style, background='black')
    image = np.zeros((height, width, 3), np.uint8)
    return draw_people(image, people, spine_only=spine_only, style=style)


def side_by_side(image: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """(H, 2 W, 3): the image on the left, the drawing on the right.

    Raises:
        ValueError: the sizes differ.
    """
    image, drawn = _as_bgr(image), _as_bgr(drawn)
    if image.shape != drawn.shape:
        raise ValueError(
            'image and drawing should be of one size, but are '
            f'{image.shape[1]}x{image.shape[0]} and '
            f'{drawn.shape[1]}x{drawn.shape[0]}'
        )
    return np.hstack([image, drawn])


def _as_bgr(image: np.ndarray) -> np.ndarray:
    image = np.asarray(image)
    channels = image.shape[2] if image.ndim == 3 else 1
    if (
        image.dtype != np.uint8
        or image.ndim not in (2, 3)
        or channels not in (1, 3, 4)
        or not image.size
    ):
        raise ValueError(
            'the image should be uint8 of shape (H, W, 3), but is '
            f'{image.dtype} of shape {image.shape}'
        )
    if channels == 1:
        return cv2.cvtColor(image.reshape(image.shape[:2]), cv2.COLOR_GRAY2BGR)
    return np.ascontiguousarray(image[..., :3])


def _sizes(canvas: Canvas, figure: Figure, style: DrawStyle):
    """(line width, letter height) in pixels."""
    side = max(canvas.width, canvas.height)
    return (
        style.line_width(figure.size, side),
        style.text_height(figure.size, side),
    )


def _draw_box(canvas, person, figure, style) -> None:
    box = np.asarray(person.bbox, dtype=np.float64)
    if not np.isfinite(box).all():
        return
    # Edges beyond the picture would not be seen as a box.
    limit = [canvas.width - 1, canvas.height - 1] * 2
    box = np.clip(box, 0, limit)
    width = _sizes(canvas, figure, style)[0] * 0.8
    color = CENTRE
    if person.track_id is not None:
        color = identity_color(person.track_id)
    canvas.box(box, width + max(0.8 * width, 1.2), OUTLINE)
    canvas.box(box, width, color)


def _draw_texts(canvas, figures, style) -> None:
    taken = Occupied(canvas.width, canvas.height)
    for _, figure in figures:
        reach = 1.5 * _sizes(canvas, figure, style)[0]
        for x, y in figure.chain[np.isfinite(figure.chain).all(axis=1)]:
            taken.add((x - reach, y - reach, x + reach, y + reach))
    for person, figure in figures:
        if style.ids and person.track_id is not None:
            _draw_tag(canvas, person, figure, style, taken)
    for _, figure in figures:
        if style.labels:
            _draw_vertebrae(canvas, figure, style, taken)


def _draw_tag(canvas, person, figure, style, taken) -> None:
    line, height = _sizes(canvas, figure, style)
    height *= TAG
    text = str(person.track_id)
    width, tall = canvas.text_size(text, height)
    pad = 0.35 * height
    size = (width + 2 * pad, tall + 2 * pad)
    x1, y1, x2, y2 = figure.bounds
    gap = 3 * line
    if style.boxes and np.isfinite(person.bbox).all():
        y1, gap = float(person.bbox[1]), line
    anchor = np.array([(x1 + x2) / 2, y1 - gap])
    places = [
        moved_inside(place, canvas.width, canvas.height)
        for place in above(anchor, size, 0.2 * tall)
    ]
    box = taken.first_free(places) or places[0]
    color = identity_color(person.track_id)
    rim = max(0.12 * height, 0.7)
    x1, y1, x2, y2 = box
    canvas.filled((x1 - rim, y1 - rim, x2 + rim, y2 + rim), OUTLINE)
    canvas.filled(box, color)
    letters = OUTLINE if is_light(color) else CENTRE
    corner = (x1 + pad, y2 - pad)
    canvas.text(text, corner, height, letters, outlined=False)


def _draw_vertebrae(canvas, figure, style, taken) -> None:
    line, height = _sizes(canvas, figure, style)
    shown = np.isfinite(figure.chain).all(axis=1)
    if not shown.any():
        return
    normals = _normals(figure, shown)
    for i in np.flatnonzero(shown):
        text = VERTEBRAE[SPINE_CHAIN[i]]
        width, tall = canvas.text_size(text, height)
        pad = 0.22 * height
        point = figure.chain[i]
        box = taken.first_free(
            beside(
                point,
                normals[i],
                (width + 2 * pad, tall + 2 * pad),
                2.2 * line + 0.3 * height,
            )
        )
        if box is None:
            continue
        x1, y1, x2, y2 = box
        nearest = np.clip(point, (x1 + pad, y1 + pad), (x2 - pad, y2 - pad))
        leader = np.stack([point + 0.25 * (nearest - point), nearest])
        if np.linalg.norm(nearest - point) > 3.5 * line + height:
            width = max(0.3 * line, 0.6)
            canvas.line(leader, 2.5 * width, OUTLINE)
            canvas.line(leader, width, SPINE)
        canvas.text(text, (x1 + pad, y2 - pad), height, SPINE)


def _normals(figure: Figure, shown: np.ndarray) -> np.ndarray:
    """(9, 2) across the chain, all to one side.

    The side with clearly fewer keypoints, which is the back of a person seen
    from the side; else the right of the picture, below a person who lies.
    """
    at = np.flatnonzero(shown)
    chain = figure.chain
    normals = np.tile([1.0, 0.0], (len(chain), 1))
    for n, i in enumerate(at):
        before, after = at[max(n - 1, 0)], at[min(n + 1, len(at) - 1)]
        along = chain[after] - chain[before]
        length = np.linalg.norm(along)
        if length > 1e-6:
            normals[i] = np.array([along[1], -along[0]]) / length
    mean = normals[at].mean(axis=0)
    others = np.array(list(figure.points.values())) - chain[at].mean(axis=0)
    crowd = (others @ mean > 0).mean()
    if abs(crowd - 0.5) > CLEARLY:
        return normals if crowd < 0.5 else -normals
    flip = mean[0] < 0 if abs(mean[0]) >= abs(mean[1]) else mean[1] < 0
    return -normals if flip else normals
