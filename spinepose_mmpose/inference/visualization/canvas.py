"""Lines, dots and letters in fractions of a pixel, smooth in small pictures."""

from itertools import accumulate
from typing import Sequence, Tuple

import cv2
import numpy as np

from .palette import OUTLINE, Color, bgr

FONT = cv2.FONT_HERSHEY_SIMPLEX
# Fractional bits of coordinates.
SHIFT = 4
# cv2 draws whole pixels wide: small pictures are drawn enlarged by a factor
# and reduced again, up to this side length in pixels.
ENLARGED = ((320, 4), (1100, 2))


class Canvas:
    """A copy of an image to draw on; :meth:`result` gives it back.

    Coordinates and sizes are pixels of the image; (0, 0) is the middle of
    its first pixel. What is not drawn on stays as it was, to the last bit.
    """

    def __init__(self, image: np.ndarray):
        self.height, self.width = image.shape[:2]
        side = max(self.width, self.height)
        self.factor = next((f for limit, f in ENLARGED if side <= limit), 1)
        if self.factor == 1:
            self._image = image.copy()
        else:
            # Repeating pixels and averaging them again changes none.
            self._image = cv2.resize(
                image,
                (self.width * self.factor, self.height * self.factor),
                interpolation=cv2.INTER_NEAREST,
            )

    def result(self) -> np.ndarray:
        if self.factor == 1:
            return self._image
        return cv2.resize(
            self._image,
            (self.width, self.height),
            interpolation=cv2.INTER_AREA,
        )

    def line(self, points: np.ndarray, width: float, color: Color) -> None:
        """An open line through (N, 2) points."""
        self.lines([points], width, color)

    def lines(
        self, lines: Sequence[np.ndarray], width: float, color: Color
    ) -> None:
        """Open lines, each through (N, 2) points; faster than one by one."""
        lines = [points for points in lines if len(points) > 1]
        if lines:
            points = self._fixed(np.concatenate(lines))
            ends = list(accumulate(map(len, lines)))
            cv2.polylines(
                self._image,
                [points[i:j] for i, j in zip([0, *ends], ends)],
                False,
                bgr(color),
                self._whole(width),
                cv2.LINE_AA,
                SHIFT,
            )

    def dots(
        self, points: Sequence[np.ndarray], radius: float, color: Color
    ) -> None:
        """Full circles around (N, 2) points."""
        radius = max(round(radius * self.factor * (1 << SHIFT)), 1 << SHIFT - 1)
        for x, y in self._fixed(points).tolist():
            cv2.circle(
                self._image,
                (x, y),
                radius,
                bgr(color),
                -1,
                cv2.LINE_AA,
                SHIFT,
            )

    def box(self, box: Sequence[float], width: float, color: Color) -> None:
        """[x1, y1, x2, y2]."""
        x1, y1, x2, y2 = box
        corners = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2], [x1, y1]])
        self.line(corners, width, color)

    def filled(self, box: Sequence[float], color: Color) -> None:
        """[x1, y1, x2, y2]."""
        x1, y1, x2, y2 = box
        corners = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]])
        cv2.fillPoly(
            self._image,
            [self._fixed(corners)],
            bgr(color),
            cv2.LINE_AA,
            SHIFT,
        )

    def text_size(self, text: str, height: float) -> Tuple[float, float]:
        """(width, height) in pixels of letters ``height`` tall."""
        scale, thick = self._font(height)
        (width, tall), _ = cv2.getTextSize(text, FONT, scale, thick)
        return width / self.factor, tall / self.factor

    def text(
        self,
        text: str,
        corner: Tuple[float, float],
        height: float,
        color: Color,
        outlined: bool = True,
    ) -> None:
        """Letters whose lower left corner is ``corner``."""
        scale, thick = self._font(height)
        x, y = (int(round(v * self.factor)) for v in corner)
        strokes = [(color, thick)]
        if outlined:
            halo = thick + 2 * max(1, round(0.1 * height * self.factor))
            strokes.insert(0, (OUTLINE, halo))
        for stroke, width in strokes:
            cv2.putText(
                self._image,
                text,
                (x, y),
                FONT,
                scale,
                bgr(stroke),
                width,
                cv2.LINE_AA,
            )

    def _font(self, height: float) -> Tuple[float, int]:
        pixels = max(height * self.factor, 1.0)
        # A capital letter of this font is 21 of its units tall.
        return pixels / 21.0, max(1, round(pixels * 0.11))

    def _whole(self, width: float) -> int:
        return max(1, int(round(width * self.factor)))

    def _fixed(self, points: np.ndarray) -> np.ndarray:
        enlarged = (np.asarray(points, np.float64) + 0.5) * self.factor - 0.5
        return np.round(enlarged * (1 << SHIFT)).astype(np.int32)
