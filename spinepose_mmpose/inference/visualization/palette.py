"""Colours that differ for colour-blind people too.

The classes are Okabe and Ito's (Color Universal Design, 2008), with white for
the middle of the body: left and right differ by blue and orange, and all four
by lightness or by blue and yellow as well.
"""

import colorsys
from typing import Tuple

Color = Tuple[int, int, int]

# (R, G, B)
LEFT: Color = (86, 180, 233)  # sky blue
RIGHT: Color = (213, 94, 0)  # vermillion
CENTRE: Color = (255, 255, 255)
SPINE: Color = (240, 228, 66)  # yellow
OUTLINE: Color = (20, 20, 20)

CLASSES = dict(left=LEFT, right=RIGHT, centre=CENTRE, spine=SPINE)
# Hues of successive identities are this far apart: no two of them are close.
GOLDEN = (5**0.5 - 1) / 2


def class_color(*names: str) -> Color:
    """Of a keypoint, or of the link between two: its side, or the middle."""
    for side in ('left', 'right'):
        if any(name.startswith(side) for name in names):
            return CLASSES[side]
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


def bgr(color: Color) -> Color:
    return color[::-1]
