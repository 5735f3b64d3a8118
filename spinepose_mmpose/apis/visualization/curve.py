"""A smooth line through points."""

from typing import List

import numpy as np


def catmull_rom(points: np.ndarray, samples: int = 12) -> np.ndarray:
    """Centripetal Catmull-Rom spline through all points, without loops.

    Yuksel, Schaefer, Keyser, Parameterization and Applications of Catmull-Rom
    Curves, 2011; evaluated by Barry and Goldman's pyramid. Beyond the ends
    the first and last step are repeated.

    Args:
        points: (N, 2).
        samples: of each piece.

    Returns:
        ((N - 1) * samples + 1, 2); the points themselves where N < 3. Points
        that coincide with the one before are left out.
    """
    points = np.asarray(points, dtype=np.float64)
    if len(points) > 1:
        moved = np.linalg.norm(np.diff(points, axis=0), axis=1) > 1e-6
        points = points[np.concatenate([[True], moved])]
    if len(points) < 3:
        return points
    padded = np.vstack(
        [2 * points[0] - points[1], points, 2 * points[-1] - points[-2]]
    )
    knots = np.concatenate(
        [[0], np.cumsum(np.linalg.norm(np.diff(padded, axis=0), axis=1) ** 0.5)]
    )
    pieces = [
        _piece(padded[i : i + 4], knots[i : i + 4], samples)
        for i in range(len(points) - 1)
    ]
    return np.vstack([*pieces, points[-1:]])


def _piece(p: np.ndarray, t: np.ndarray, samples: int) -> np.ndarray:
    """Between the second and the third of four points, without its end."""
    at = np.linspace(t[1], t[2], samples, endpoint=False)[:, None]

    def between(a, b, start, end):
        return (end - at) / (end - start) * a + (at - start) / (end - start) * b

    a = [between(p[i], p[i + 1], t[i], t[i + 1]) for i in range(3)]
    b = [between(a[i], a[i + 1], t[i], t[i + 2]) for i in range(2)]
    return between(b[0], b[1], t[1], t[2])


def runs(shown: np.ndarray) -> List[np.ndarray]:
    """Indices of the stretches of True in (N,) bool."""
    at = np.flatnonzero(shown)
    return [
        part
        for part in np.split(at, np.flatnonzero(np.diff(at) > 1) + 1)
        if len(part)
    ]
