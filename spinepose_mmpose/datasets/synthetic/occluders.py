"""Things between the camera and the people, as convex polygons."""

import cv2
import numpy as np

from .render import OBJECT_OWNER, SHIFT, SUPERSAMPLE


def sample_occluders(rng, size, box):
    """Convex polygons (V, 2) in pixels that overlap ``box`` (x, y, w, h)."""
    x, y, w, h = box
    polygons = []
    for _ in range(int(rng.integers(1, 3))):
        kind = rng.integers(4)
        u, v = x + rng.uniform(0.05, 0.95) * w, y + rng.uniform(0.1, 1) * h
        if kind == 0:  # a counter or a wall that hides what is below
            top, tilt = y + rng.uniform(0.5, 0.9) * h, rng.normal(0, 0.03)
            polygons.append(
                [
                    (-4, top),
                    (size[0] + 4, top + tilt * size[0]),
                    (size[0] + 4, size[1] + 60),
                    (-4, size[1] + 60),
                ]
            )
        elif kind == 1:  # a post
            half = rng.uniform(0.02, 0.07) * size[0]
            lean = rng.normal(0, 0.05) * size[1]
            polygons.append(
                [
                    (u - half, -4),
                    (u + half, -4),
                    (u + half + lean, size[1] + 4),
                    (u - half + lean, size[1] + 4),
                ]
            )
        elif kind == 2:  # a box
            a, b = rng.uniform(0.08, 0.22, 2) * h
            angle = rng.uniform(-0.4, 0.4)
            turn = np.array(
                [
                    [np.cos(angle), np.sin(angle)],
                    [-np.sin(angle), np.cos(angle)],
                ]
            )
            corners = np.array([(-a, -b), (a, -b), (a, b), (-a, b)])
            polygons.append(corners @ turn + (u, v))
        else:  # leaves, a ball
            angle = np.arange(12) * np.pi / 6
            a, b = rng.uniform(0.05, 0.15, 2) * h
            polygons.append(
                np.stack([u + a * np.cos(angle), v + b * np.sin(angle)], 1)
            )
    return [np.asarray(p, float) for p in polygons]


def draw_occluders(rng, canvas, polygons):
    """Paint the polygons on a canvas of ``render.draw_faces``."""
    scale = SUPERSAMPLE << SHIFT
    offset = (SUPERSAMPLE - 1) / 2 * (1 << SHIFT)
    for polygon in polygons:
        points = (polygon * scale + offset).round().astype(np.int32)
        colour = rng.uniform(30, 225) * (1 - 0.5 * rng.random(3))
        cv2.fillConvexPoly(
            canvas, points, colour.tolist() + [OBJECT_OWNER], cv2.LINE_8, SHIFT
        )
        inner = polygon.mean(0) + (polygon - polygon.mean(0)) * 0.82
        points = (inner * scale + offset).round().astype(np.int32)
        shade = (colour * rng.uniform(0.8, 1.2)).clip(0, 255)
        cv2.fillConvexPoly(
            canvas, points, shade.tolist() + [OBJECT_OWNER], cv2.LINE_8, SHIFT
        )
