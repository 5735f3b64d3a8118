"""Draws faces from far to near; every pixel also remembers its owner."""

from dataclasses import dataclass

import cv2
import numpy as np

SUPERSAMPLE = 2
SHIFT = 4  # fractional bits of cv2's polygon coordinates
NEAR = 0.15  # metres; faces nearer to the camera are not drawn


@dataclass
class Faces:
    """Projected faces, from far to near (F faces).

    Attributes:
        points: (F, 4, 2) pixels.
        depth: (F,) metres in front of the camera.
        part: (F,) ids of ``PARTS``.
        owner: (F,) number of the person from 1, or ``OBJECT_OWNER``.
        colour: (F, 3) lit BGR.
        low, high: (F, 2) box of the points.
    """

    points: np.ndarray
    depth: np.ndarray
    part: np.ndarray
    owner: np.ndarray
    colour: np.ndarray

    def __post_init__(self):
        # Chained over four slices: reducing a short axis is slow in numpy.
        self.low, self.high = (
            _over_corners(f, self.points) for f in (np.minimum, np.maximum)
        )

    def inside(self, size):
        """(F,) whether a face's box meets an image of (width, height)."""
        return (
            (self.high[:, 0] > 0)
            & (self.high[:, 1] > 0)
            & (self.low[:, 0] < size[0])
            & (self.low[:, 1] < size[1])
        )


def _over_corners(function, values):
    """Reduce (F, 4, ...) over the corners."""
    return function(
        function(values[:, 0], values[:, 1]),
        function(values[:, 2], values[:, 3]),
    )


OBJECT_OWNER = 255


def face_normals(quads):
    """(F, 3) unit normals; outwards for surfaces wound as ``mesh`` does."""
    a, b = quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1]
    # np.cross is several times slower on small arrays.
    normal = np.stack(
        [
            a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1],
            a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2],
            a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0],
        ],
        1,
    )
    length = np.sqrt((normal**2).sum(1, keepdims=True))
    return normal / np.maximum(length, 1e-12)


def project_faces(
    camera, quads, part, owner, colour, light, contrast=0.6, bias=None
):
    """Cull, light and sort faces.

    Args:
        light: (3,) unit vector to the light in the world.
        contrast: 0 flat to 1 hard shadows.
        bias: (F,) metres that a face is brought forward in the order only.
    """
    points, depths = camera.project(quads)
    a, b = points[:, 2] - points[:, 0], points[:, 3] - points[:, 1]
    area = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    keep = (area < 0) & (_over_corners(np.minimum, depths) > NEAR)
    depth = _over_corners(np.add, depths) / 4
    order = depth if bias is None else depth - bias
    keep = np.flatnonzero(keep)
    keep = keep[np.argsort(-order[keep], kind='stable')]

    toward = face_normals(quads[keep]) @ light
    lit = (1 - contrast) + contrast * (0.5 + 0.5 * toward) ** 1.3 * 1.25
    colour = np.clip(colour[keep] * lit[:, None], 0, 255)
    return Faces(points[keep], depth[keep], part[keep], owner[keep], colour)


def draw_faces(canvas, faces):
    """Paint faces on a (sH, sW, 4) canvas: BGR and the owner."""
    height, width = canvas.shape[:2]
    seen = faces.inside((width / SUPERSAMPLE, height / SUPERSAMPLE))
    scale = SUPERSAMPLE << SHIFT
    # Pixel centres: x of the image lies at s * x + (s - 1) / 2 here.
    offset = (SUPERSAMPLE - 1) / 2 * (1 << SHIFT)
    points = (
        np.clip(faces.points[seen] * scale + offset, -(2**24), 2**24)
        .round()
        .astype(np.int32)
    )
    colour = np.concatenate(
        [faces.colour[seen], faces.owner[seen, None]], 1
    ).tolist()
    fill = cv2.fillConvexPoly
    for polygon, value in zip(points, colour):
        fill(canvas, polygon, value, cv2.LINE_8, SHIFT)


def shadow_mask(camera, skin, light, size):
    """(H, W) 0..1 soft shadow that a skin throws on the floor."""
    mask = np.zeros(size[::-1], np.uint8)
    drop = light * np.array([1, 0, 1]) / max(light[1], 0.3)
    vertices = skin.quads[:, 0]
    ground = vertices - vertices[:, 1:2] * drop
    ground[:, 1] = 0
    points, depth = camera.project(ground)
    points = np.clip(points, -4096, 4096).round().astype(np.int32)
    points[depth < NEAR] = -4096
    for part in np.unique(skin.part):
        group = points[(skin.part == part) & (depth > NEAR)]
        if len(group) > 2:
            cv2.fillConvexPoly(mask, cv2.convexHull(group), 255)
    return cv2.blur(mask, (7, 5))
