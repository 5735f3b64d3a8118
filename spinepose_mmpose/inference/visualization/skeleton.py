"""One person: limbs, points and the curve of the spine."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Optional, Tuple

from spinepose_mmpose.metainfo import SKELETON, SPINE_CHAIN

import numpy as np

from ..results import Person
from .canvas import Canvas
from .curve import catmull_rom, runs
from .palette import CENTRE, OUTLINE, SPINE, class_color
from .style import DrawStyle

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


@lru_cache(maxsize=None)
def _look(*names: str) -> tuple:
    """(share of the width, colour) of a point, or of the link between two."""
    small = any(part in name for name in names for part in SMALL_PARTS)
    return SMALL if small else 1.0, class_color(*names)


@dataclass(frozen=True)
class Figure:
    """What of a person is drawn.

    Attributes:
        points: keypoint name -> (2,) pixels, those that are shown.
        chain: (9, 2) the spine from top to bottom; NaN is not shown.
        bounds: (4,) [x1, y1, x2, y2] of the points; of the box without.
        size: longer side of the bounds in pixels.
    """

    points: dict
    chain: np.ndarray
    bounds: np.ndarray
    size: float


def figure_of(
    person: Person, style: DrawStyle, spine_only: bool, size: Tuple[int, int]
) -> Optional[Figure]:
    """None where there is nothing to be drawn in an image of (w, h)."""
    limit = np.array(size, dtype=np.float64)
    keypoints = np.asarray(person.keypoints, dtype=np.float64)
    with np.errstate(invalid='ignore'):
        # Far outside they are wrong, and cv2's integers are finite.
        near = (keypoints > -limit) & (keypoints < 2 * limit)
        shown = near.all(axis=1) & (
            np.asarray(person.scores) >= style.score_threshold
        )
    points = {
        name: keypoints[i]
        for i, name in enumerate(person.names)
        if shown[i] and (not spine_only or name in SPINE_CHAIN)
    }
    box = np.asarray(person.bbox, dtype=np.float64)
    good_box = np.isfinite(box).all() and (box[2:] > box[:2]).all()
    if points:
        all_shown = keypoints[shown]
        bounds = np.concatenate([all_shown.min(0), all_shown.max(0)])
    elif good_box:
        bounds = box
    else:
        return None
    # The box as well: of a spine seen from above little is left.
    sizes = [(bounds[2:] - bounds[:2]).max()]
    if good_box:
        sizes.append(0.6 * (box[2:] - box[:2]).max())
    missing = np.full(2, np.nan)
    chain = np.stack([points.get(name, missing) for name in SPINE_CHAIN])
    # A box may be far too large.
    largest = float(np.clip(max(sizes), 1.0, 2 * limit.max()))
    return Figure(points, chain, bounds, largest)


def draw_figure(canvas: Canvas, figure: Figure, style: DrawStyle) -> None:
    """Dark rims first, so that all parts are seen on any background."""
    width = style.line_width(figure.size, max(canvas.width, canvas.height))
    rim = max(RIM * width, 0.7)
    _draw_limbs(canvas, figure, width, rim)
    _draw_dots(canvas, figure, width, rim)
    _draw_spine(canvas, figure, width, rim)


def _draw_limbs(canvas, figure, width, rim) -> None:
    points = figure.points
    groups = _grouped(
        (_look(a, b), (points[a], points[b]))
        for a, b in LIMBS
        if a in points and b in points
    )
    for (share, _), lines in groups.items():
        canvas.lines(lines, share * width + 2 * rim, OUTLINE)
    for (share, color), lines in groups.items():
        canvas.lines(lines, share * width, color)


def _draw_dots(canvas, figure, width, rim) -> None:
    groups = _grouped(
        (_look(name), point)
        for name, point in figure.points.items()
        if name not in SPINE_CHAIN
    )
    for (share, _), points in groups.items():
        canvas.dots(points, share * width * DOT + rim, OUTLINE)
    for (share, color), points in groups.items():
        canvas.dots(points, share * width * DOT, color)


def _grouped(pairs) -> dict:
    """What looks alike is drawn in one go."""
    groups: dict = {}
    for look, part in pairs:
        groups.setdefault(look, []).append(part)
    return groups


def _draw_spine(canvas, figure, width, rim) -> None:
    shown = np.isfinite(figure.chain).all(axis=1)
    # A bend over so few pixels is not seen.
    pieces = figure.size * canvas.factor / len(SPINE_CHAIN) / CURVE_STEP
    samples = int(np.clip(np.ceil(pieces), 2, 12))
    curves = [catmull_rom(figure.chain[part], samples) for part in runs(shown)]
    canvas.lines(curves, SPINE_LINE * width + 2 * rim, OUTLINE)
    canvas.lines(curves, SPINE_LINE * width, SPINE)
    points = figure.chain[shown]
    canvas.dots(points, SPINE_DOT * width + rim, OUTLINE)
    canvas.dots(points, SPINE_DOT * width, SPINE)
    canvas.dots(points, 0.55 * width, CENTRE)
