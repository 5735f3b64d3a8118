"""Draw people into images. Needs numpy and cv2, for the spine's curve SciPy."""

import colorsys
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import Any, Callable, List, Optional, Sequence, Tuple

import cv2
import numpy as np

from ..metainfo import SKELETON, SPINE_CHAIN, VERTEBRAE
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
NEAREST, AREA = cv2.INTER_NEAREST, cv2.INTER_AREA
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
# Straight pieces of the spine's curve between two points.
PIECES = 8


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


class Canvas:
    """A copy of an image (H, W, 3) uint8 BGR to draw on; :meth:`result` gives
    it back. What is not drawn on stays as it was, to the last bit.

    Coordinates and sizes are pixels of the image; (0, 0) is the middle of its
    first pixel.
    """

    def __init__(self, image: np.ndarray) -> None:
        self.size = image.shape[1::-1]
        self.factor = next((f for n, f in ENLARGED if max(self.size) <= n), 1)
        # Repeating pixels and averaging them again changes none.
        enlarged = [side * self.factor for side in self.size]
        self._image = cv2.resize(image, enlarged, interpolation=NEAREST)

    def result(self) -> np.ndarray:
        if self.factor == 1:
            return self._image
        return cv2.resize(self._image, self.size, interpolation=AREA)

    def lines(self, lines: Sequence, width: float, color: Color) -> None:
        """Open lines, each through (N, 2) points; faster than one by one."""
        lines = [points for points in lines if len(points) > 1]
        if lines:
            ends = np.cumsum([len(points) for points in lines])
            lines = np.split(self._fixed(np.concatenate(lines)), ends[:-1])
            width = max(1, int(round(width * self.factor)))
            cv2.polylines(
                self._image, lines, False, color[::-1], width, SMOOTH, SHIFT
            )

    def dots(self, points: Sequence, radius: float, color: Color) -> None:
        """Full circles around (N, 2) points."""
        radius = max(round(radius * self.factor * (1 << SHIFT)), 1 << SHIFT - 1)
        color = color[::-1]
        for point in self._fixed(points).tolist():
            cv2.circle(self._image, point, radius, color, -1, SMOOTH, SHIFT)

    def filled(self, box: Box, color: Color) -> None:
        corners = self._fixed(_corners(box))
        cv2.fillPoly(self._image, [corners], color[::-1], SMOOTH, SHIFT)

    def text_size(self, text: str, height: float) -> Tuple[float, float]:
        """(width, height) in pixels of letters ``height`` tall."""
        (width, tall), _ = cv2.getTextSize(text, FONT, *self._font(height))
        return width / self.factor, tall / self.factor

    def text(self, text, corner, height: float, color, rim=None) -> None:
        """Letters ``height`` tall, in a colour and with a rim of another one,
        whose lower left corner is ``corner``."""
        scale, width = self._font(height)
        at = [int(round(v * self.factor)) for v in corner]
        strokes = [(color, width)]
        if rim is not None:
            halo = width + 2 * max(1, round(0.1 * height * self.factor))
            strokes.insert(0, (rim, halo))
        for color, width in strokes:
            cv2.putText(
                self._image, text, at, FONT, scale, color[::-1], width, SMOOTH
            )

    def _font(self, height: float) -> Tuple[float, int]:
        """Scale and line width."""
        pixels = max(height * self.factor, 1.0)
        # A capital letter of this font is 21 of its units tall.
        return pixels / 21.0, max(1, round(pixels * 0.11))

    def _fixed(self, points: Sequence) -> np.ndarray:
        enlarged = (np.asarray(points, np.float64) + 0.5) * self.factor - 0.5
        return np.round(enlarged * (1 << SHIFT)).astype(np.int32)


def _corners(box: Box) -> list:
    x1, y1, x2, y2 = box
    return [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]


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


def first_free(
    places: Sequence[Box], taken: Sequence[Box], size: Tuple[int, int]
) -> Optional[Box]:
    """The first place inside an image of (w, h) that covers nothing taken."""
    for place in places:
        x1, y1, x2, y2 = place
        is_inside = place == moved_inside(place, size)
        if is_inside and not any(
            x1 < b[2] and x2 > b[0] and y1 < b[3] and y2 > b[1] for b in taken
        ):
            return place
    return None


def places_beside(point, normal, size, distance: float) -> List[Box]:
    """Places for a label of (w, h) beside a curve, the best first: on the side
    of ``normal`` (of length 1, across the curve) before the other, near before
    far. ``distance`` goes from the point to the near edge of the label."""
    half = np.array(size) / 2
    # From the middle of the label to its edge along the normal.
    edge = min(half / np.maximum(np.abs(normal), 1e-9))
    centres = [
        point + side * normal * (reach * distance + edge)
        for side, reach in product((1.0, -1.0), (1.0, 2.0, 3.5, 5.0))
    ]
    return [(*(centre - half), *(centre + half)) for centre in centres]


def moved_inside(box: Box, size: Tuple[int, int]) -> Box:
    """Shifted into an image of (w, h) as far as it goes."""
    x1, y1, x2, y2 = box
    dx = max(0.0, -x1) or min(0.0, size[0] - x2)
    dy = max(0.0, -y1) or min(0.0, size[1] - y2)
    return x1 + dx, y1 + dy, x2 + dx, y2 + dy


@dataclass(frozen=True)
class DrawStyle:
    """What is drawn; ValueError for an unknown background."""

    labels: bool = False  # names of the vertebrae beside the spine, if they fit
    ids: bool = True  # the track id above each person
    boxes: bool = False  # the box of each person
    score_threshold: float = 0.3  # keypoints below it are left out
    background: str = 'image'  # or black or white instead of it

    def __post_init__(self):
        if self.background not in BACKGROUNDS:
            raise ValueError(
                f'background should be one of {list(BACKGROUNDS)}, but is '
                f'{self.background!r}'
            )


def _sized(limits: tuple, person: float, image: float) -> float:
    """Pixels, for the longer sides of a person and of the image."""
    share, least, most, pixels = limits
    return max(min(max(share * person, least * image), most * person), pixels)


@dataclass(frozen=True)
class Figure:
    """What is drawn of a person."""

    person: Person
    points: dict  # keypoint name -> (2,) pixels, those that are shown
    bounds: np.ndarray  # x1, y1, x2, y2 of the points; of the box without
    spine: List[int]  # which of the 9 points from C1 to S1 are shown, S
    chain: np.ndarray  # S, 2: their pixels
    line: float  # width of a limb in pixels
    letter: float  # height of a capital letter in pixels


def draw_people(
    image: np.ndarray,
    people: Sequence[Person],
    *,
    spine_only: bool = False,
    style: Optional[DrawStyle] = None,
    **changes: Any,
) -> np.ndarray:
    """A new image (H, W, 3) uint8 BGR with the people drawn.

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
    for figure in figures if style.boxes else ():
        _draw_box(canvas, figure.person, 0.8 * figure.line)
    for figure in figures:
        draw_figure(canvas, figure)
    _draw_texts(canvas, figures, style)
    return canvas.result()


def _as_bgr(image: np.ndarray) -> np.ndarray:
    image = np.asarray(image)
    channels = image.shape[2] if image.ndim == 3 else 1
    is_image = image.ndim in (2, 3) and channels in (1, 3, 4) and image.size
    if image.dtype != np.uint8 or not is_image:
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
        name: point
        for name, point, is_shown in zip(person.names, keypoints, shown)
        if is_shown and (not spine_only or name in SPINE_CHAIN)
    }
    box = np.asarray(person.bbox, dtype=np.float64)
    has_box = np.isfinite(box).all() and (box[2:] > box[:2]).all()
    if not points and not has_box:
        return None
    bounds = box
    if points:
        bounds = np.hstack([keypoints[shown].min(0), keypoints[shown].max(0)])
    # The box as well: of a spine seen from above little is left.
    size = (bounds[2:] - bounds[:2]).max()
    if has_box:
        size = max(size, 0.6 * (box[2:] - box[:2]).max())
    # A box may be far too large.
    size = float(np.clip(size, 1.0, 2 * limit.max()))
    spine = [i for i, name in enumerate(SPINE_CHAIN) if name in points]
    chain = np.reshape([points[SPINE_CHAIN[i]] for i in spine], (-1, 2))
    line, letter = (_sized(kind, size, limit.max()) for kind in (LINE, TEXT))
    return Figure(person, points, bounds, spine, chain, line, letter)


@lru_cache(maxsize=None)
def _look(*names: str) -> tuple:
    """(share of the width, colour) of a point, or of the link between two."""
    small = any(part in name for name in names for part in SMALL_PARTS)
    return SMALL if small else 1.0, class_color(*names)


def draw_figure(canvas: Canvas, figure: Figure) -> None:
    """Dark rims first, so that all parts are seen on any background."""
    points, chain, width = figure.points, figure.chain, figure.line
    rim = max(RIM * width, 0.7)
    # What looks alike is drawn in one go.
    lines, dots = defaultdict(list), defaultdict(list)
    for a, b in LIMBS:
        if a in points and b in points:
            lines[_look(a, b)].append((points[a], points[b]))
    for name, point in points.items():
        if name not in SPINE_CHAIN:
            dots[_look(name)].append(point)
    gaps = np.flatnonzero(np.diff(figure.spine) > 1) + 1
    curves = [spine_curve(part) for part in np.split(chain, gaps)]
    _rimmed(
        canvas.lines,
        [(p, share * width, color) for (share, color), p in lines.items()],
        2 * rim,
    )
    _rimmed(
        canvas.dots,
        [(p, share * width * DOT, color) for (share, color), p in dots.items()],
        rim,
    )
    _rimmed(canvas.lines, [(curves, SPINE_LINE * width, SPINE)], 2 * rim)
    _rimmed(canvas.dots, [(chain, SPINE_DOT * width, SPINE)], rim)
    canvas.dots(chain, 0.55 * width, CENTRE)


def _rimmed(stroke: Callable, groups: Sequence, rim: float) -> None:
    """Draw groups of (places, size, colour), first all of them larger."""
    for places, size, _ in groups:
        stroke(places, size + rim, OUTLINE)
    for places, size, color in groups:
        stroke(places, size, color)


def _draw_box(canvas: Canvas, person: Person, width: float) -> None:
    box = np.asarray(person.bbox, dtype=np.float64)
    if not np.isfinite(box).all():
        return
    # Edges beyond the image would not be seen as a box.
    corners = _corners(np.clip(box, 0, np.tile(canvas.size, 2) - 1))
    color = CENTRE
    if person.track_id is not None:
        color = identity_color(person.track_id)
    edges = [corners + corners[:1]]
    _rimmed(canvas.lines, [(edges, width, color)], max(0.8 * width, 1.2))


def _draw_texts(canvas: Canvas, figures, style: DrawStyle) -> None:
    taken: List[Box] = []
    for figure in figures:
        reach = 1.5 * figure.line
        for x, y in figure.chain:
            taken.append((x - reach, y - reach, x + reach, y + reach))
    for figure in figures if style.ids else ():
        if figure.person.track_id is not None:
            _draw_tag(canvas, figure, style, taken)
    for figure in figures if style.labels else ():
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
    x, y, w, h = (x1 + x2) / 2, y1 - gap, width + 2 * pad, tall + 2 * pad
    places = [
        moved_inside((x - w / 2, y - h - up, x + w / 2, y - up), canvas.size)
        for up in np.arange(4) * (h + 0.2 * tall)
    ]
    box = first_free(places, taken, canvas.size) or places[0]
    taken.append(box)
    color = identity_color(person.track_id)
    rim = max(0.12 * height, 0.7)
    x1, y1, x2, y2 = box
    canvas.filled((x1 - rim, y1 - rim, x2 + rim, y2 + rim), OUTLINE)
    canvas.filled(box, color)
    # Whether black is easier to read on it than white (Rec. 709 luma).
    is_light = np.dot(color, [0.2126, 0.7152, 0.0722]) > 115
    letters = OUTLINE if is_light else CENTRE
    canvas.text(text, (x1 + pad, y2 - pad), height, letters)


def _draw_vertebrae(canvas: Canvas, figure: Figure, taken: List[Box]) -> None:
    line, height = figure.line, figure.letter
    pad, distance = 0.22 * height, 2.2 * line + 0.3 * height
    for i, point, normal in zip(figure.spine, figure.chain, _normals(figure)):
        text = VERTEBRAE[SPINE_CHAIN[i]]
        width, tall = canvas.text_size(text, height)
        size = (width + 2 * pad, tall + 2 * pad)
        places = places_beside(point, normal, size, distance)
        box = first_free(places, taken, canvas.size)
        if box is None:
            continue
        taken.append(box)
        corner = box[0] + pad, box[3] - pad
        canvas.text(text, corner, height, SPINE, rim=OUTLINE)


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
    if abs(crowd - 0.5) > CLEARLY:
        return normals if crowd < 0.5 else -normals
    flip = mean[0] < 0 if abs(mean[0]) >= abs(mean[1]) else mean[1] < 0
    return -normals if flip else normals
