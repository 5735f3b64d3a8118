"""Surfaces of quadrilaterals, the stuff of which people are drawn.

A surface is a grid of rings; each ring has the same number of sides, in the
order x = cos, z = sin of a growing angle, so that with rings running down
(-y) all quadrilaterals are wound alike and back faces can be dropped by the
sign of their area.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .parts import PART_IDS


@dataclass
class Skin:
    """Quadrilaterals of one person (F faces).

    Attributes:
        quads: (F, 4, 3) metres.
        part: (F,) ids of ``PARTS``.
        along: (F,) place along the part: 0 to 1 on a limb from its root;
            station number on the torso (0 sacrum, 6 C7, below 0 pelvis);
            height above C1 in metres at natural size on the head.
        across: (F,) -1 to 1 from the person's right to left on the torso;
            likewise x on other parts.
        front: (F,) -1 (back) to 1 (front).
        paint: (F,) number of a fixed colour, 0 for none (``FEATURES``).
    """

    quads: np.ndarray
    part: np.ndarray
    along: np.ndarray
    across: np.ndarray
    front: np.ndarray
    paint: np.ndarray

    @staticmethod
    def join(skins):
        return Skin(
            *(
                np.concatenate([getattr(s, name) for s in skins])
                for name in Skin.__dataclass_fields__
            )
        )

    def moved(self, shift):
        return Skin(
            self.quads + np.asarray(shift),
            self.part,
            self.along,
            self.across,
            self.front,
            self.paint,
        )


FEATURES = (
    '',
    'eye_white',
    'iris',
    'brow',
    'mouth',
    'nose',
    'spine',
    'button',
    'sole',
)
FEATURE_IDS = {name: i for i, name in enumerate(FEATURES)}


@lru_cache(maxsize=None)
def circle(sides):
    angle = np.arange(sides) * 2 * np.pi / sides
    return np.cos(angle), np.sin(angle)


@lru_cache(maxsize=None)
def _grid_index(rings, sides):
    """((rings-1) * sides, 4) corners of the faces between closed rings."""
    point = np.arange(rings * sides).reshape(rings, sides)
    after = np.roll(point, -1, axis=1)
    return np.stack([point[:-1], after[:-1], after[1:], point[1:]], 2).reshape(
        -1, 4
    )


@lru_cache(maxsize=None)
def _labels(part, along, across, front):
    """Face labels of a ring grid; they do not change with pose or build."""
    along, across, front = map(np.array, (along, across, front))
    sides = len(across)
    mid = (along[:-1] + along[1:]) / 2
    across = (across + np.roll(across, -1)) / 2
    front = (front + np.roll(front, -1)) / 2
    count = len(mid) * sides
    return (
        np.full(count, PART_IDS[part]),
        np.repeat(mid, sides),
        np.tile(across, len(mid)),
        np.tile(front, len(mid)),
    )


def surface(points, frame, part, along, across, front):
    """A ring grid (N, M, 3) in ``frame`` (None: the world) as Skin.

    ``along`` is (N,), ``across`` and ``front`` are (M,).
    """
    rings, sides = points.shape[:2]
    points = points.reshape(-1, 3)
    if frame is not None:
        points = points @ frame[0].T + frame[1]
    labels = _labels(part, tuple(along), tuple(across), tuple(front))
    return Skin(
        points[_grid_index(rings, sides)],
        *labels,
        np.zeros(len(labels[0]), int),
    )


def limb(
    frame, part, length, radii, sides=10, flat=1.0, bulge=0.0, ends=(0.9, 0.9)
):
    """A tapered tube along -y with round ends.

    Args:
        radii: Radii at even steps from root to tip.
        flat: Thickness over width.
        bulge: Backward offset of the belly of the muscle, in radii.
        ends: How far the round ends reach out, in radii.
    """
    radii = np.asarray(radii, float)
    t = np.linspace(0, 1, len(radii))
    first, last = radii[0], radii[-1]
    cap = np.array([1.0, 0.85, 0.5])  # reach of the end rings
    level = np.concatenate(
        [
            -cap * ends[0] * first,
            t * length,
            length + cap[::-1] * ends[1] * last,
        ]
    )
    closing = np.sqrt(np.maximum(1 - cap**2, 1e-4))
    radius = np.concatenate([closing * first, radii, closing[::-1] * last])
    along = np.concatenate([[0, 0, 0], t, [1, 1, 1]])
    c, s = circle(sides)
    back = bulge * radius * np.sin(np.pi * np.minimum(along * 1.4, 1))
    points = np.stack(
        [
            radius[:, None] * c,
            np.repeat(-level[:, None], sides, 1),
            radius[:, None] * s * flat - back[:, None],
        ],
        2,
    )
    return surface(points, frame, part, along, c, s)


def box(centre, axes, size, pieces=4):
    """A box as an object: (F, 4, 3) with faces cut into pieces**2."""
    grid = np.linspace(-0.5, 0.5, pieces + 1)
    a, b = np.meshgrid(grid, grid, indexing='ij')
    quads = []
    for axis in range(3):
        for sign in (0.5, -0.5):
            local = np.zeros(a.shape + (3,))
            local[..., axis] = sign
            local[..., (axis + 1) % 3] = a * np.sign(sign)
            local[..., (axis + 2) % 3] = b
            local = local * size @ np.asarray(axes) + centre
            quads.append(
                np.stack(
                    [
                        local[:-1, :-1],
                        local[1:, :-1],
                        local[1:, 1:],
                        local[:-1, 1:],
                    ],
                    2,
                ).reshape(-1, 4, 3)
            )
    return np.concatenate(quads)
