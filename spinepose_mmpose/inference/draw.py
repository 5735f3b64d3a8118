"""Draw people into images. Needs numpy and cv2, for the spine's curve SciPy."""

import colorsys
from collections import defaultdict
from dataclasses import replace
from functools import lru_cache
from typing import Any, Callable, List, NamedTuple, Optional, Sequence, Tuple

import cv2
import numpy as np

from ..metainfo import SKELETON, SPINE_CHAIN, VERTEBRAE
from .images import as_image
from .results import Person

Color = Tuple[int, int, int]
Box = Tuple[float, float, float, float]

# (R, G, B). Okabe and Ito's (Color Universal Design, 2008), which differ for
# colour-blind people too, with white for the middle of the body: left and
# right differ by blue and orange, and all four by lightness or by blue and
# yellow as well.
LEFT: Color = (86, 180, 233)  # sky blue
RIGHT: Color = (213, 94, 0)  # vermillion
CENTRE: Color = (255, 255, 255)
SPINE: Color = (240, 228, 66)  # yellow
OUTLINE: Color = (20, 20, 20)
# Hues of successive identities are this far apart: no two of them are close.
GOLDEN = (5**0.5 - 1) / 2

FONT, SMOOTH = cv2.FONT_HERSHEY_SIMPLEX, cv2.LINE_AA
# Fractional bits of coordinates.
SHIFT = 4
# cv2 draws whole pixels wide: small images are drawn enlarged by a factor and
# reduced again, up to this side length in pixels.
ENLARGED = ((320, 4), (1100, 2))

PLAIN = dict(black=0, white=255)
BACKGROUNDS = ('image', *PLAIN)

# Sizes: shares of the person (longer side of the pose), at least of the
# image's longer side, so that they are seen when a large image is shown small,
# at most of the person, so that limbs stay apart, and at least pixels: of a
# line, and of letters, which nobody reads below 7.
LINE = (0.011, 1 / 900, 0.03, 0.8)
TEXT = (0.032, 1 / 85, 0.1, 7.0)
# Height of an identity in letters of a vertebra; the space around letters in
# their height.
TAG, PAD = 1.4, 0.22
# More than 65 % of the keypoints on one side of the spine.
CLEARLY = 0.15

CHAIN_LINKS = set(zip(SPINE_CHAIN, SPINE_CHAIN[1:]))
LIMBS = tuple(link for link, _ in SKELETON if link not in CHAIN_LINKS)
# Their points lie close together.
SMALL_PARTS = ('eye', 'ear', 'nose', 'toe', 'heel')
# Widths in lines of a limb.
SMALL, SPINE_LINE, DOT, SPINE_DOT, RIM = 0.65, 1.35, 2.5, 2.4, 0.55
# Straight pieces of the spine's curve between two points.
PIECES = 8

# Of the panel: colours, and metres from bottom to top of each view, and of them
# below the ground; name and horizontal axis of each view, with its sign.
GROUND, GRID, PAPER, INK = (200, 200, 200), (232, 232, 232), 250, (90, 90, 90)
REACH, BELOW = 2.4, 0.2
VIEWS = (('from the camera', 0, 1.0), ('from the side', 2, -1.0))


def class_color(*names: str) -> Color:
    """Of a keypoint, or of the link between two: its side, or the middle."""
    for side, color in (('left', LEFT), ('right', RIGHT)):
        if any(name.startswith(side) for name in names):
            return color
    return CENTRE


def identity_color(track_id: int) -> Color:
    """(R, G, B), the same in every frame and every run."""
    lightness = (0.6, 0.78, 0.45)[track_id % 3]
    rgb = colorsys.hls_to_rgb((track_id * GOLDEN) % 1.0, lightness, 0.85)
    return tuple(int(round(255 * value)) for value in rgb)


def spine_curve(points: np.ndarray) -> np.ndarray:
    """A smooth curve through (N, 2) points, (8 N - 7, 2) of it.

    A natural cubic spline over the square root of the chord length, which
    keeps it from swinging out (Lee, Choosing nodes in parametric curve
    interpolation, 1989). Of fewer than three points the points themselves;
    one that coincides with the one before is left out.
    """
    points = np.asarray(points, dtype=np.float64)
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    points = points[np.concatenate([[True], steps > 1e-6])[: len(points)]]
    if len(points) < 3:
        return points
    from scipy.interpolate import CubicSpline

    knots = np.concatenate([[0], np.cumsum(steps[steps > 1e-6] ** 0.5)])
    at = np.arange(PIECES * (len(points) - 1) + 1) / PIECES
    places = np.interp(at, np.arange(len(points)), knots)
    return CubicSpline(knots, points, bc_type='natural')(places)


def draw_people(
    image: Any,
    people: Sequence[Person],
    *,
    spine_only: bool = False,
    labels: bool = False,
    ids: bool = True,
    boxes: bool = False,
    score_threshold: float = 0.3,
    background: str = 'image',
) -> np.ndarray:
    """A new image (H, W, 3) uint8 BGR with the people drawn.

    Left is blue, right orange, the middle white, the spine a yellow curve
    that breaks at points with a low score. Sizes follow the person's and the
    image's. What is not drawn on stays as it was, to the last bit.

    Args:
        image: see :func:`.as_image`.
        people (Sequence): with keypoints in pixels of the image; (0, 0) is the
            middle of its first pixel.
        spine_only (bool): leave out the rest of the body.
        labels (bool): names of the vertebrae beside the spine, if they fit.
        ids (bool): the track id above each person.
        boxes (bool): the box of each person.
        score_threshold (float): keypoints below it are left out.
        background (str): ``image``, or ``black`` or ``white`` instead of it.

    Raises:
        ValueError: it is not an image, or the background is unknown.
    """
    if background not in BACKGROUNDS:
        raise ValueError(
            f'background should be one of {list(BACKGROUNDS)}, but is '
            f'{background!r}'
        )
    image = as_image(image)
    if background in PLAIN:
        image = np.full_like(image, PLAIN[background])
    size = image.shape[1::-1]
    factor = next((f for side, f in ENLARGED if max(size) <= side), 1)
    # Repeating pixels and averaging them again changes none.
    canvas = cv2.resize(
        image, [factor * side for side in size], interpolation=cv2.INTER_NEAREST
    )
    figures = [
        figure
        for person in people
        if (
            figure := _figure(person, size, factor, score_threshold, spine_only)
        )
    ]
    for figure in figures:
        if boxes and figure.box is not None:
            _draw_box(canvas, figure)
    for figure in figures:
        _draw_figure(canvas, figure)
    taken: List[Box] = []
    for figure in figures:
        reach = 1.5 * figure.line
        taken += [(*(p - reach), *(p + reach)) for p in figure.chain]
    for figure in figures if ids else ():
        if figure.track_id is not None:
            _draw_id(canvas, figure, boxes, taken)
    for figure in figures if labels else ():
        _draw_vertebrae(canvas, figure, taken)
    if factor == 1:
        return canvas
    return cv2.resize(canvas, size, interpolation=cv2.INTER_AREA)


class Figure(NamedTuple):
    """What is drawn of a person, in pixels of the enlarged image."""

    track_id: Optional[int]
    points: dict  # keypoint name -> (2,), those that are shown
    box: Optional[np.ndarray]  # x1, y1, x2, y2
    bounds: np.ndarray  # x1, y1, x2, y2 of all that is seen; the box without
    spine: List[int]  # which of the 9 points from C1 to S1 are shown, S
    chain: np.ndarray  # S, 2
    line: float  # width of a limb
    letter: float  # height of a capital letter


def _figure(person, image_size, factor, least, spine_only) -> Optional[Figure]:
    """What to draw of a person; None where there is nothing."""
    limit = np.array(image_size, dtype=np.float64)
    keypoints = np.asarray(person.keypoints, dtype=np.float64)
    with np.errstate(invalid='ignore'):
        # Far outside they are wrong, and cv2's integers are finite.
        near = (keypoints > -limit) & (keypoints < 2 * limit)
        shown = near.all(axis=1) & (np.asarray(person.scores) >= least)
    keypoints = (keypoints + 0.5) * factor - 0.5
    points = {
        name: point
        for name, point, is_shown in zip(person.names, keypoints, shown)
        if is_shown and (not spine_only or name in SPINE_CHAIN)
    }
    box = (np.asarray(person.bbox, dtype=np.float64) + 0.5) * factor - 0.5
    if not np.isfinite(box).all() or (box[2:] <= box[:2]).any():
        box = None
    if not points and box is None:
        return None
    bounds, size = box, 0.0
    if points:
        shown = keypoints[shown]
        bounds = np.hstack([shown.min(0), shown.max(0)])
        size = np.ptp(shown, 0).max() / factor
    if box is not None:  # of a spine seen from above little is left
        size = max(size, 0.6 * (box[2:] - box[:2]).max() / factor)
    # A box may be far too large.
    size = float(np.clip(size, 1.0, 2 * limit.max()))
    spine = [i for i, name in enumerate(SPINE_CHAIN) if name in points]
    chain = np.reshape([points[SPINE_CHAIN[i]] for i in spine], (-1, 2))
    sizes = (factor * _sized(k, size, limit.max()) for k in (LINE, TEXT))
    return Figure(person.track_id, points, box, bounds, spine, chain, *sizes)


def _sized(limits: tuple, person: float, image: float) -> float:
    """Pixels, for the longer sides of a person and of the image."""
    share, least, most, pixels = limits
    return max(min(max(share * person, least * image), most * person), pixels)


def _draw_figure(canvas: np.ndarray, figure: Figure) -> None:
    points, chain = figure.points, figure.chain
    # What looks alike is drawn in one go: (width in lines, colour) -> places.
    lines, dots = defaultdict(list), defaultdict(list)
    for a, b in LIMBS:
        if a in points and b in points:
            lines[_look(a, b)].append((points[a], points[b]))
    for name, point in points.items():
        if name not in SPINE_CHAIN:
            share, color = _look(name)
            dots[DOT * share, color].append(point)
    gaps = np.flatnonzero(np.diff(figure.spine) > 1) + 1
    curves = [spine_curve(part) for part in np.split(chain, gaps)]
    _rimmed(_lines, canvas, lines, figure.line)
    _rimmed(_dots, canvas, dots, figure.line)
    _rimmed(_lines, canvas, {(SPINE_LINE, SPINE): curves}, figure.line)
    _rimmed(_dots, canvas, {(SPINE_DOT, SPINE): chain}, figure.line)
    _dots(canvas, chain, 1.1 * figure.line, CENTRE)


@lru_cache(maxsize=None)
def _look(*names: str) -> tuple:
    """(share of the width, colour) of a point, or of the link between two."""
    small = any(part in name for name in names for part in SMALL_PARTS)
    return SMALL if small else 1.0, class_color(*names)


def _draw_box(canvas: np.ndarray, figure: Figure) -> None:
    # Edges beyond the image would not be seen as a box.
    x1, y1, x2, y2 = np.clip(figure.box, 0, np.tile(canvas.shape[1::-1], 2) - 1)
    color = CENTRE
    if figure.track_id is not None:
        color = identity_color(figure.track_id)
    edges = [[(x1, y1), (x2, y1), (x2, y2), (x1, y2), (x1, y1)]]
    _rimmed(_lines, canvas, {(0.7, color): edges}, figure.line)


def _rimmed(draw: Callable, canvas, groups: dict, line: float) -> None:
    """Dark rims first, so that all parts are seen on any background."""
    for (share, _), places in groups.items():
        draw(canvas, places, (share + 2 * RIM) * line, OUTLINE)
    for (share, color), places in groups.items():
        draw(canvas, places, share * line, color)


def _lines(canvas, lines: Sequence, width: float, color: Color) -> None:
    """Open lines, each through (N, 2) points; faster than one by one."""
    lines = [_fixed(p) for p in lines if len(p) > 1]
    width = max(1, round(width))
    if lines:
        cv2.polylines(canvas, lines, False, color[::-1], width, SMOOTH, SHIFT)


def _dots(canvas, points: Sequence, width: float, color: Color) -> None:
    """Full circles around (N, 2) points."""
    radius = round(width / 2 * (1 << SHIFT))
    for point in _fixed(points).tolist():
        cv2.circle(canvas, point, radius, color[::-1], -1, SMOOTH, SHIFT)


def _fixed(points: Sequence) -> np.ndarray:
    return np.round(np.asarray(points) * (1 << SHIFT)).astype(np.int32)


def _draw_id(canvas, figure: Figure, has_box: bool, taken: List[Box]) -> None:
    text, height = str(figure.track_id), TAG * figure.letter
    (x1, y1, x2, _), gap = figure.bounds, 3 * figure.line
    if has_box and figure.box is not None:
        y1, gap = figure.box[1], 2 * figure.line
    size, limits = _text_size(text, height), np.array(canvas.shape[1::-1])
    bottom = y1 - gap - np.arange(4) * 1.6 * size[1]
    centres = np.stack([np.full(4, (x1 + x2) / 2), bottom - size[1] / 2], 1)
    boxes = boxes_around(np.clip(centres, size / 2, limits - size / 2), size)
    box = first_free(boxes, taken, limits) or boxes[0]
    _draw_text(canvas, text, box, height, identity_color(figure.track_id))
    taken.append(box)


def _draw_vertebrae(canvas, figure: Figure, taken: List[Box]) -> None:
    """On the side of the normal before the other, near before far."""
    height, distance = figure.letter, 2.2 * figure.line + 0.3 * figure.letter
    for i, point, normal in zip(figure.spine, figure.chain, _normals(figure)):
        text = VERTEBRAE[SPINE_CHAIN[i]]
        size = _text_size(text, height)
        # From the middle of the label to its edge along the normal.
        edge = min(size / 2 / np.maximum(np.abs(normal), 1e-9))
        away = edge + np.array([1.0, 2.0, 3.5, 5.0]) * distance
        centres = point + np.append(away, -away)[:, None] * normal
        boxes = boxes_around(centres, size)
        box = first_free(boxes, taken, canvas.shape[1::-1])
        if box is not None:
            _draw_text(canvas, text, box, height, SPINE)
            taken.append(box)


def _draw_text(canvas, text, place: Box, height: float, color: Color) -> None:
    """Letters ``height`` tall with a dark rim."""
    scale, width = _font(height)
    pad, rim = PAD * height, 2 * max(1, round(0.1 * height))
    corner = round(place[0] + pad), round(place[3] - pad)
    for paint, stroke in ((OUTLINE, width + rim), (color, width)):
        cv2.putText(
            canvas, text, corner, FONT, scale, paint[::-1], stroke, SMOOTH
        )


def _text_size(text: str, height: float) -> np.ndarray:
    """[width, height] of letters ``height`` tall and of the space around."""
    size, _ = cv2.getTextSize(text, FONT, *_font(height))
    return np.array(size) + 2 * PAD * height


def _font(height: float) -> Tuple[float, int]:
    """Scale and line width; a capital letter is 21 units of this font tall."""
    return height / 21, max(1, round(0.11 * height))


def boxes_around(centres: np.ndarray, size: np.ndarray) -> List[Box]:
    return [(*(centre - size / 2), *(centre + size / 2)) for centre in centres]


def first_free(boxes: Sequence[Box], taken, size) -> Optional[Box]:
    """The first box inside an image of (w, h) that covers nothing taken."""
    for x1, y1, x2, y2 in boxes:
        is_inside = 0 <= x1 and 0 <= y1 and x2 <= size[0] and y2 <= size[1]
        if is_inside and not any(
            x1 < b[2] and x2 > b[0] and y1 < b[3] and y2 > b[1] for b in taken
        ):
            return x1, y1, x2, y2
    return None


def _normals(figure: Figure) -> np.ndarray:
    """(S, 2) across the chain, all to one side.

    The side with clearly fewer keypoints, which is the back of a person seen
    from the side; else the right of the image, below a person who lies.
    """
    chain = figure.chain
    if not len(chain):
        return chain
    padded = np.vstack([chain[:1], chain, chain[-1:]])
    along = padded[2:] - padded[:-2]
    length = np.linalg.norm(along, axis=1, keepdims=True)
    across = along[:, ::-1] * [1, -1] / np.maximum(length, 1e-6)
    normals = np.where(length > 1e-6, across, [1.0, 0.0])
    mean = normals.mean(axis=0)
    others = np.array(list(figure.points.values())) - chain.mean(axis=0)
    crowd = (others @ mean > 0).mean()
    flip = mean[np.abs(mean).argmax()] < 0
    if abs(crowd - 0.5) > CLEARLY:
        flip = crowd > 0.5
    return -normals if flip else normals


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
