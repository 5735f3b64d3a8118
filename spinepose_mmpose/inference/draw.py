"""Draw people into images. Needs numpy and cv2 only."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, List, Optional, Sequence, Tuple

import cv2
import numpy as np

from ..metainfo import SKELETON, SPINE_CHAIN, VERTEBRAE
from .canvas import (
    CENTRE,
    OUTLINE,
    SPINE,
    Box,
    Canvas,
    catmull_rom,
    class_color,
    first_free,
    identity_color,
    is_light,
    places_above,
    places_beside,
)
from .results import Person

BACKGROUNDS = ('image', 'black', 'white')
PLAIN = dict(black=0, white=255)

# Line width in body sizes (longer side of the pose).
LINE = 0.011
# So that lines stay visible when a large image is shown small; in the longer
# side of the image.
LEAST_LINE = 1 / 900
# No line is wider than this share of the person: limbs stay apart.
WIDEST_LINE = 0.03
# The same of letters, and the height in pixels below which nobody can read.
TEXT = 0.032
LEAST_TEXT = 1 / 85
WIDEST_TEXT = 0.1
READABLE = 7.0
# Height of an identity in letters of a vertebra.
TAG = 1.4
# More than 65 % of the keypoints on one side of the spine.
CLEARLY = 0.15

CHAIN_LINKS = set(zip(SPINE_CHAIN, SPINE_CHAIN[1:]))
LIMBS = tuple(link for link, _ in SKELETON if link not in CHAIN_LINKS)
# Their points lie close together.
SMALL_PARTS = ('eye', 'ear', 'nose', 'toe', 'heel')
# Widths in lines of a limb.
SMALL = 0.65
SPINE_LINE = 1.35
DOT = 1.25
SPINE_DOT = 1.2
RIM = 0.55
# Pixels that are drawn of the spine's curve in one straight piece.
CURVE_STEP = 4


@dataclass(frozen=True)
class DrawStyle:
    """What is drawn, and how large.

    Attributes:
        labels (bool): names of the vertebrae beside the spine, where they fit.
        ids (bool): the track id above each person.
        boxes (bool): the box of each person.
        score_threshold (float): keypoints below it are left out.
        background (str): ``image``, or ``black`` or ``white`` instead of it.
        scale (float): factor of all line widths and letters.

    Raises:
        ValueError: a setting is out of its range.
    """

    labels: bool = False
    ids: bool = True
    boxes: bool = False
    score_threshold: float = 0.3
    background: str = 'image'
    scale: float = 1.0

    def __post_init__(self):
        if self.background not in BACKGROUNDS:
            raise ValueError(
                f'background should be one of {list(BACKGROUNDS)}, but is '
                f'{self.background!r}'
            )
        if not 0 < self.scale <= 20:
            raise ValueError(
                f'scale should be above 0 and at most 20, but is {self.scale}'
            )

    def line_width(self, person: float, image: float) -> float:
        """Pixels, for the longer sides of a person and of the image."""
        width = max(LINE * person, LEAST_LINE * image)
        return self.scale * max(min(width, WIDEST_LINE * person), 0.8)

    def text_height(self, person: float, image: float) -> float:
        """Pixels of a capital letter."""
        height = max(TEXT * person, LEAST_TEXT * image)
        return self.scale * max(min(height, WIDEST_TEXT * person), READABLE)


@dataclass(frozen=True)
class Figure:
    """What is drawn of a person.

    Attributes:
        person (Person): who it is.
        points (dict): keypoint name -> (2,) pixels, those that are shown.
        chain (np.ndarray): (9, 2) the spine from top to bottom; NaN is not
            shown.
        bounds (np.ndarray): (4,) [x1, y1, x2, y2] of the points; of the box
            without.
        line (float): width of a limb in pixels.
        letter (float): height of a capital letter in pixels.
        samples (int): of the spine's curve between two points.
    """

    person: Person
    points: dict
    chain: np.ndarray
    bounds: np.ndarray
    line: float
    letter: float
    samples: int


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
        image (np.ndarray): (H, W, 3) uint8 BGR; grey (H, W) and BGRA work as
            well.
        people (Sequence): with keypoints in pixels of the image.
        spine_only (bool): leave out the rest of the body.
        style (DrawStyle, optional): settings.
        changes: settings of the style by name.

    Returns:
        np.ndarray: (H, W, 3) uint8 BGR.

    Raises:
        ValueError: the image is not of uint8, or a setting is wrong.
    """
    style = replace(style or DrawStyle(), **changes)
    image = _as_bgr(image)
    if style.background in PLAIN:
        image = np.full_like(image, PLAIN[style.background])
    canvas = Canvas(image)
    figures = [figure_of(canvas, one, style, spine_only) for one in people]
    figures = [figure for figure in figures if figure]
    if style.boxes:
        for figure in figures:
            _draw_box(canvas, figure)
    for figure in figures:
        draw_figure(canvas, figure)
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
        size (tuple): (w, h) in pixels.
        people, spine_only, style, changes: as of :func:`draw_people`.

    Returns:
        np.ndarray: (H, W, 3) uint8 BGR.
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


def figure_of(
    canvas: Canvas, person: Person, style: DrawStyle, spine_only: bool
) -> Optional[Figure]:
    """What to draw of a person; None where there is nothing."""
    limit = np.array(canvas.size, dtype=np.float64)
    keypoints = np.asarray(person.keypoints, dtype=np.float64)
    with np.errstate(invalid='ignore'):
        # Far outside they are wrong, and cv2's integers are finite.
        near = (keypoints > -limit) & (keypoints < 2 * limit)
        sure = np.asarray(person.scores) >= style.score_threshold
    shown = near.all(axis=1) & sure
    points = {
        name: keypoints[i]
        for i, name in enumerate(person.names)
        if shown[i] and (not spine_only or name in SPINE_CHAIN)
    }
    box = np.asarray(person.bbox, dtype=np.float64)
    has_box = np.isfinite(box).all() and (box[2:] > box[:2]).all()
    if not points and not has_box:
        return None
    bounds = box
    if points:
        seen = keypoints[shown]
        bounds = np.concatenate([seen.min(0), seen.max(0)])
    # The box as well: of a spine seen from above little is left.
    size = (bounds[2:] - bounds[:2]).max()
    if has_box:
        size = max(size, 0.6 * (box[2:] - box[:2]).max())
    # A box may be far too large.
    size = float(np.clip(size, 1.0, 2 * limit.max()))
    missing = np.full(2, np.nan)
    # A bend over fewer pixels than a piece of the curve is not seen.
    pieces = size * canvas.factor / len(SPINE_CHAIN) / CURVE_STEP
    return Figure(
        person,
        points,
        np.stack([points.get(name, missing) for name in SPINE_CHAIN]),
        bounds,
        style.line_width(size, limit.max()),
        style.text_height(size, limit.max()),
        int(np.clip(np.ceil(pieces), 2, 12)),
    )


@lru_cache(maxsize=None)
def _look(*names: str) -> tuple:
    """(share of the width, colour) of a point, or of the link between two."""
    small = any(part in name for name in names for part in SMALL_PARTS)
    return SMALL if small else 1.0, class_color(*names)


def draw_figure(canvas: Canvas, figure: Figure) -> None:
    """Dark rims first, so that all parts are seen on any background."""
    points, width = figure.points, figure.line
    rim = max(RIM * width, 0.7)
    limbs: dict = {}  # what looks alike is drawn in one go
    for a, b in LIMBS:
        if a in points and b in points:
            limbs.setdefault(_look(a, b), []).append((points[a], points[b]))
    for (share, _), lines in limbs.items():
        canvas.lines(lines, share * width + 2 * rim, OUTLINE)
    for (share, color), lines in limbs.items():
        canvas.lines(lines, share * width, color)
    dots: dict = {}
    for name, point in points.items():
        if name not in SPINE_CHAIN:
            dots.setdefault(_look(name), []).append(point)
    for (share, _), places in dots.items():
        canvas.dots(places, share * width * DOT + rim, OUTLINE)
    for (share, color), places in dots.items():
        canvas.dots(places, share * width * DOT, color)
    shown = np.isfinite(figure.chain).all(axis=1)
    curves = [
        catmull_rom(figure.chain[part], figure.samples) for part in runs(shown)
    ]
    canvas.lines(curves, SPINE_LINE * width + 2 * rim, OUTLINE)
    canvas.lines(curves, SPINE_LINE * width, SPINE)
    chain = figure.chain[shown]
    canvas.dots(chain, SPINE_DOT * width + rim, OUTLINE)
    canvas.dots(chain, SPINE_DOT * width, SPINE)
    canvas.dots(chain, 0.55 * width, CENTRE)


def runs(shown: np.ndarray) -> List[np.ndarray]:
    """Indices of the stretches of True in (N,) bool."""
    at = np.flatnonzero(shown)
    parts = np.split(at, np.flatnonzero(np.diff(at) > 1) + 1)
    return [part for part in parts if len(part)]


def _draw_box(canvas: Canvas, figure: Figure) -> None:
    person = figure.person
    box = np.asarray(person.bbox, dtype=np.float64)
    if not np.isfinite(box).all():
        return
    # Edges beyond the image would not be seen as a box.
    box = np.clip(box, 0, [canvas.width - 1, canvas.height - 1] * 2)
    width = figure.line * 0.8
    color = CENTRE
    if person.track_id is not None:
        color = identity_color(person.track_id)
    canvas.box(box, width + max(0.8 * width, 1.2), OUTLINE)
    canvas.box(box, width, color)


def _draw_texts(canvas: Canvas, figures, style: DrawStyle) -> None:
    taken: List[Box] = []
    for figure in figures:
        reach = 1.5 * figure.line
        for x, y in figure.chain[np.isfinite(figure.chain).all(axis=1)]:
            taken.append((x - reach, y - reach, x + reach, y + reach))
    if style.ids:
        for figure in figures:
            if figure.person.track_id is not None:
                _draw_tag(canvas, figure, style, taken)
    if style.labels:
        for figure in figures:
            _draw_vertebrae(canvas, figure, taken)


def _draw_tag(canvas: Canvas, figure: Figure, style, taken: List[Box]) -> None:
    person, height = figure.person, TAG * figure.letter
    text = str(person.track_id)
    width, tall = canvas.text_size(text, height)
    pad = 0.35 * height
    x1, y1, x2, _ = figure.bounds
    gap = 3 * figure.line
    if style.boxes and np.isfinite(person.bbox).all():
        y1, gap = float(person.bbox[1]), figure.line
    size = (width + 2 * pad, tall + 2 * pad)
    middle = ((x1 + x2) / 2, y1 - gap)
    places = places_above(middle, size, 0.2 * tall, canvas.size)
    box = first_free(places, taken, canvas.size) or places[0]
    taken.append(box)
    color = identity_color(person.track_id)
    rim = max(0.12 * height, 0.7)
    x1, y1, x2, y2 = box
    canvas.filled((x1 - rim, y1 - rim, x2 + rim, y2 + rim), OUTLINE)
    canvas.filled(box, color)
    letters = OUTLINE if is_light(color) else CENTRE
    canvas.text(text, (x1 + pad, y2 - pad), height, letters)


def _draw_vertebrae(canvas: Canvas, figure: Figure, taken: List[Box]) -> None:
    line, height = figure.line, figure.letter
    shown = np.isfinite(figure.chain).all(axis=1)
    if not shown.any():
        return
    normals = _normals(figure, shown)
    pad = 0.22 * height
    for i in np.flatnonzero(shown):
        text = VERTEBRAE[SPINE_CHAIN[i]]
        width, tall = canvas.text_size(text, height)
        point = figure.chain[i]
        size = (width + 2 * pad, tall + 2 * pad)
        distance = 2.2 * line + 0.3 * height
        places = places_beside(point, normals[i], size, distance)
        box = first_free(places, taken, canvas.size)
        if box is None:
            continue
        taken.append(box)
        x1, y1, x2, y2 = box
        nearest = np.clip(point, (x1 + pad, y1 + pad), (x2 - pad, y2 - pad))
        if np.linalg.norm(nearest - point) > 3.5 * line + height:
            leader = np.stack([point + 0.25 * (nearest - point), nearest])
            width = max(0.3 * line, 0.6)
            canvas.lines([leader], 2.5 * width, OUTLINE)
            canvas.lines([leader], width, SPINE)
        canvas.text(text, (x1 + pad, y2 - pad), height, SPINE, rim=OUTLINE)


def _normals(figure: Figure, shown: np.ndarray) -> np.ndarray:
    """(9, 2) across the chain, all to one side.

    The side with clearly fewer keypoints, which is the back of a person seen
    from the side; else the right of the image, below a person who lies.
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
