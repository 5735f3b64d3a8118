"""Drawing in fractions of a pixel: colours, lines, dots, letters, curves."""

import colorsys
from itertools import product
from typing import List, Optional, Sequence, Tuple

import cv2
import numpy as np

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


def is_light(color: Color) -> bool:
    """Whether black is easier to read on it than white (Rec. 709 luma)."""
    red, green, blue = color
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 115


class Canvas:
    """A copy of an image to draw on; :meth:`result` gives it back.

    Coordinates and sizes are pixels of the image; (0, 0) is the middle of
    its first pixel. What is not drawn on stays as it was, to the last bit.

    Args:
        image (np.ndarray): (H, W, 3) uint8 BGR.
    """

    def __init__(self, image: np.ndarray) -> None:
        self.height, self.width = image.shape[:2]
        self.size = (self.width, self.height)
        self.factor = next((f for n, f in ENLARGED if max(self.size) <= n), 1)
        # Repeating pixels and averaging them again changes none.
        enlarged = (self.width * self.factor, self.height * self.factor)
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

    def box(self, box: Box, width: float, color: Color) -> None:
        """The edges of [x1, y1, x2, y2]."""
        corners = _corners(box)
        self.lines([corners + corners[:1]], width, color)

    def filled(self, box: Box, color: Color) -> None:
        """The whole of [x1, y1, x2, y2]."""
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


def catmull_rom(points: np.ndarray, samples: int = 12) -> np.ndarray:
    """Centripetal Catmull-Rom spline through all points, without loops.

    Yuksel, Schaefer, Keyser, Parameterization and Applications of Catmull-Rom
    Curves, 2011; evaluated by Barry and Goldman's pyramid. Beyond the ends
    the first and last step are repeated.

    Args:
        points (np.ndarray): (N, 2).
        samples (int): per piece between two points.

    Returns:
        np.ndarray: ((N - 1) * samples + 1, 2); the points themselves where
        N < 3. Points that coincide with the one before are left out.
    """
    points = np.asarray(points, dtype=np.float64)
    if len(points) > 1:
        moved = np.linalg.norm(np.diff(points, axis=0), axis=1) > 1e-6
        points = points[np.concatenate([[True], moved])]
    if len(points) < 3:
        return points
    p = np.vstack(
        [2 * points[0] - points[1], points, 2 * points[-1] - points[-2]]
    )
    steps = np.linalg.norm(np.diff(p, axis=0), axis=1) ** 0.5
    knots = np.concatenate([[0], np.cumsum(steps)])
    n = len(points) - 1
    share = np.arange(samples) / samples
    at = knots[1 : n + 1, None] + share * np.diff(knots)[1 : n + 1, None]

    def between(a, b, first, last):
        """Of all pieces: on the line from a at knot first to b at last."""
        start, end = (knots[i : i + n, None] for i in (first, last))
        part = ((at - start) / (end - start))[..., None]
        return (1 - part) * a + part * b

    corners = [p[i : i + n, None] for i in range(4)]
    a = [between(corners[i], corners[i + 1], i, i + 1) for i in range(3)]
    b = [between(a[i], a[i + 1], i, i + 2) for i in range(2)]
    curve = between(b[0], b[1], 1, 2)
    return np.vstack([curve.reshape(-1, 2), points[-1:]])


def first_free(
    places: Sequence[Box], taken: Sequence[Box], size: Tuple[int, int]
) -> Optional[Box]:
    """The first place inside an image of (w, h) that covers nothing taken."""
    for place in places:
        x1, y1, x2, y2 = place
        is_inside = min(x1, y1) >= 0 and x2 <= size[0] and y2 <= size[1]
        if is_inside and not any(
            x1 < b[2] and x2 > b[0] and y1 < b[3] and y2 > b[1] for b in taken
        ):
            return place
    return None


def places_beside(
    point: np.ndarray,
    normal: np.ndarray,
    size: Tuple[float, float],
    distance: float,
) -> List[Box]:
    """Places for a label beside a curve, the best first.

    On the side of ``normal`` before the other, near before far, straight
    before slanted; far away only where both sides are full.

    Args:
        point (np.ndarray): (2,) on the curve.
        normal (np.ndarray): (2,) of length 1, across the curve.
        size (tuple): (w, h) of the label.
        distance (float): from the point to the near edge of the label.
    """
    half = np.array(size) / 2
    near, far = (1.0, 2.0, 3.5), (5.0, 7.0)
    places = []
    for reaches, side in product((near, far), (1.0, -1.0)):
        for reach, slant in product(reaches, (0, 25, -25, 50, -50)):
            c, s = np.cos(np.radians(slant)), np.sin(np.radians(slant))
            x, y = side * normal
            way = np.array([c * x - s * y, s * x + c * y])
            # From the middle of the label to its edge along the way.
            edge = min(half / np.maximum(np.abs(way), 1e-9))
            centre = point + way * (reach * distance + edge)
            places.append((*(centre - half), *(centre + half)))
    return places


def places_above(
    middle: Tuple[float, float],
    size: Tuple[float, float],
    step: float,
    image: Tuple[int, int],
) -> List[Box]:
    """Places for a tag over a person, inside the image, the best first.

    Args:
        middle (tuple): [x, y] of the middle of the tag's lower edge.
        size (tuple): (w, h) of the tag.
        step (float): between two rows of places.
        image (tuple): (w, h).
    """
    w, h = size
    places = []
    for up, aside in product(range(4), (0.0, 0.6, -0.6, 1.2, -1.2)):
        x, y = middle[0] + aside * w, middle[1] - up * (h + step)
        places.append(moved_inside((x - w / 2, y - h, x + w / 2, y), image))
    return places


def moved_inside(box: Box, size: Tuple[int, int]) -> Box:
    """Shifted into an image of (w, h) as far as it goes."""
    x1, y1, x2, y2 = box
    dx = max(0.0, -x1) or min(0.0, size[0] - x2)
    dy = max(0.0, -y1) or min(0.0, size[1] - y2)
    return x1 + dx, y1 + dy, x2 + dx, y2 + dy
