"""A smooth curve through the nine points of the spine.

The curve's parameter u runs from 0 at S1 to 1 at C7 and on to C1, and each
point has a fixed place on it, that of the marker model: so the curve, its
tangents and its curvature are linear in the points, and a matrix serves all
frames in which the same points are seen.
"""

from functools import lru_cache
from typing import Dict, Tuple

import numpy as np

from ..metainfo import KEYPOINT_IDS, MARKERS, SPINE_CHAIN
from .planes import cross

LEVELS = tuple(reversed(SPINE_CHAIN))  # S1 to C1
IDS = [KEYPOINT_IDS[name] for name in LEVELS]
_STEPS = np.linalg.norm(np.diff([MARKERS[n] for n in LEVELS], axis=0), axis=1)
_PLACES = np.append(0, np.cumsum(_STEPS))
_PLACES /= _PLACES[LEVELS.index('neck')]
PLACE: Dict[str, float] = dict(zip(LEVELS, _PLACES))  # point -> u
S1, T12, T3, C7, C1 = (
    PLACE[name] for name in ('hip', 'spine_03', 'spine_05', 'neck', 'neck_03')
)
# Fewer points make no curve.
LEAST_POINTS = 6
# Weight of the squared second derivative beside the squared distance from the
# points: so much that a bend as long as a vertebra is dampened.
SMOOTHING = 2e-5
SAMPLES = np.linspace(0, C1, 73)
# Less curvature is rounding: at its ends the curve is straight by construction.
STRAIGHT = 1e-9


@lru_cache(maxsize=600)
def _matrix(seen: Tuple[bool, ...], at: Tuple[float, ...], order: int):
    """(M, 9): from the points to the curve (order 0) or its derivative in u, a
    natural cubic smoothing spline (Reinsch, Smoothing by spline functions,
    1967)."""
    from scipy.interpolate import CubicSpline

    index = np.flatnonzero(seen)
    knots = _PLACES[index]
    basis = CubicSpline(knots, np.eye(len(index)), bc_type='natural')
    bend = basis(knots, 2)
    h = np.diff(knots)
    mass = np.zeros((len(index), len(index)))  # of the linear second derivative
    for i, step in enumerate(h):
        mass[i : i + 2, i : i + 2] += step / 6 * np.array([[2, 1], [1, 2]])
    smooth = np.linalg.inv(
        np.eye(len(index)) + SMOOTHING * bend.T @ mass @ bend
    )
    matrix = np.zeros((len(at), len(seen)))
    matrix[:, index] = basis(np.array(at), order) @ smooth
    return matrix


def spine_curve(points: np.ndarray, at=SAMPLES, order: int = 0) -> np.ndarray:
    """The curve through (T, 9, D) points from S1 to C1, or its derivative of an
    order, at M places u: (T, M, D).

    NaN where fewer than :data:`LEAST_POINTS` points are seen, and beyond the
    outermost that are.
    """
    at = np.atleast_1d(at)
    seen = np.isfinite(points).all(-1)
    out = np.full((len(points), len(at), points.shape[2]), np.nan)
    filled = np.where(seen[..., None], points, 0)
    for mask in np.unique(seen, axis=0):
        if mask.sum() < LEAST_POINTS:
            continue
        frames = (seen == mask).all(1)
        matrix = _matrix(tuple(mask.tolist()), tuple(at.tolist()), order)
        out[frames] = matrix @ filled[frames]
        low, *_, high = _PLACES[mask]
        out[np.ix_(frames, (at < low) | (at > high))] = np.nan
    return out


def tangent_angles(points: np.ndarray, at=SAMPLES) -> np.ndarray:
    """(T, M) degrees between the curve through (T, 9, 2) points and the
    vertical, the second axis, positive towards the first one, continuous along
    the curve."""
    slope = spine_curve(points, at, 1)
    angles = np.arctan2(slope[..., 0], slope[..., 1])
    moving = np.linalg.norm(slope, axis=-1) > 0
    return np.degrees(np.unwrap(np.where(moving, angles, np.nan), axis=1))


def curvature(points: np.ndarray, at=SAMPLES) -> np.ndarray:
    """(T, M) curvature of the curve through (T, 9, 2) points [forwards, up],
    times its length from S1 to C7, so that neither distance nor body height
    counts; positive where the spine bends forwards, as in kyphosis."""
    first, second = (spine_curve(points, at, order) for order in (1, 2))
    turn = -cross(first, second)
    speed = np.linalg.norm(first, axis=-1)
    whole = spine_curve(points, np.linspace(S1, C7, 41))
    length = np.linalg.norm(np.diff(whole, axis=1), axis=-1).sum(1)
    return turn / np.where(speed > 0, speed, np.nan) ** 3 * length[:, None]


def bend_between_inflections(points: np.ndarray, sign: int) -> np.ndarray:
    """(T,) degrees by which the tangent of the curve through (T, 9, 2) points
    [forwards, up] turns between the two inflections around the sharpest bend of
    one sign: 1 for kyphosis, looked for from T12/L1 to C7; -1 for lordosis,
    from S1 to T12/L1. NaN where it does not bend that way."""
    bends = curvature(points) * sign
    angles = tangent_angles(points) * sign
    low, high = (T12, C7) if sign > 0 else (S1, T12)
    inside = (SAMPLES >= low) & (SAMPLES <= high)
    rows = np.arange(len(points))
    apex = np.argmax(np.where(inside, bends, -np.inf), 1)
    known = np.isfinite(bends[:, inside]).all(1) & (
        bends[rows, apex] > STRAIGHT
    )
    # Beyond its ends, too, the spine does not bend that way.
    away = np.pad(~(bends > STRAIGHT), ((0, 0), (1, 1)), constant_values=True)
    index = np.arange(-1, len(SAMPLES) + 1)
    before, after = index < apex[:, None], index > apex[:, None]
    first = np.where(away & before, index, -1).max(1) + 1
    last = np.where(away & after, index, len(SAMPLES)).min(1) - 1
    turn = angles[rows, last] - angles[rows, first]
    return np.where(known, turn, np.nan)
