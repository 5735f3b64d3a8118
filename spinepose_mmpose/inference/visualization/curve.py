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
    curve = _pieces(padded, knots, samples)
    return np.vstack([curve.reshape(-1, 2), points[-1:]])


def _pieces(p: np.ndarray, t: np.ndarray, samples: int) -> np.ndarray:
    """(N - 1, samples, 2): each between its two points, without the second.

    Args:
        p: (N + 2, 2) points.
        t: (N + 2,) their knots.
    """
    n = len(p) - 3
    share = np.arange(samples) / samples
    at = t[1 : n + 1, None] + share * np.diff(t)[1 : n + 1, None]

    def between(a, b, first, last):
        """Of pieces: on the line from a at knot first to b at knot last."""
        start, end = t[first : first + n, None], t[last : last + n, None]
        part = ((at - start) / (end - start))[..., None]
        return (1 - part) * a + part * b

    corners = [p[i : i + n, None] for i in range(4)]
    a = [between(corners[i], corners[i + 1], i, i + 1) for i in range(3)]
    b = [between(a[i], a[i + 1], i, i + 2) for i in range(2)]
    return between(b[0], b[1], 1, 2)


def runs(shown: np.ndarray) -> List[np.ndarray]:
    """Indices of the stretches of True in (N,) bool."""
    at = np.flatnonzero(shown)
    return [
        part
        for part in np.split(at, np.flatnonzero(np.diff(at) > 1) + 1)
        if len(part)
    ]
