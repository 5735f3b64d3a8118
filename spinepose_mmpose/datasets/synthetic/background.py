"""Walls, floors, skies and things far behind the people."""

import cv2
import numpy as np


def _colour(rng, low=30, high=235):
    value = rng.uniform(low, high)
    return value * (1 - rng.uniform(0, 0.45) * rng.random(3))


def _texture(rng, size, strength):
    """(H, W, 1) factors around 1 from noise of two scales."""
    width, height = size
    total = np.zeros((height, width), np.float32)
    for cells in (5, int(rng.integers(12, 48))):
        grid = rng.normal(0, 1, (cells, cells)).astype(np.float32)
        total += cv2.resize(grid, size, interpolation=cv2.INTER_LINEAR)
    return (1 + strength * total)[..., None]


def _gradient(rng, size, first, second):
    angle = rng.uniform(-0.6, 0.6)
    ramp = np.array([[0.0, 0.0], [1.0, 1.0]]) * np.cos(angle) + np.array(
        [[0.0, 1.0], [0.0, 1.0]]
    ) * np.sin(angle)
    # Corner colours of a picture of 2 x 2, grown by interpolation.
    corners = first + (second - first) * ramp[..., None]
    return cv2.resize(corners.astype(np.float32), size)


def _clutter(rng, image, base_line):
    """Windows, pictures, furniture or trees behind the people."""
    height, width = image.shape[:2]
    for _ in range(int(rng.integers(0, 7))):
        colour = _colour(rng).tolist()
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        a, b = rng.uniform(0.04, 0.3, 2) * (width, height)
        kind = rng.integers(4)
        if kind == 0:
            corner = (int(x + a), int(y + b))
            cv2.rectangle(image, (int(x), int(y)), corner, colour, -1)
            cv2.rectangle(
                image,
                (int(x), int(y)),
                corner,
                _colour(rng).tolist(),
                int(rng.integers(1, 4)),
            )
        elif kind == 1:
            cv2.ellipse(
                image,
                (int(x), int(y)),
                (int(a), int(b)),
                rng.uniform(0, 180),
                0,
                360,
                colour,
                -1,
                cv2.LINE_AA,
            )
        elif kind == 2:  # something tall that stands on the floor
            cv2.rectangle(
                image,
                (int(x), int(base_line - 2 * b)),
                (int(x + a * 0.5), int(base_line)),
                colour,
                -1,
            )
        else:
            end = (int(x + rng.normal(0, a)), int(y + rng.normal(0, b)))
            cv2.line(
                image,
                (int(x), int(y)),
                end,
                colour,
                int(rng.integers(1, 9)),
                cv2.LINE_AA,
            )


def _floor(rng, image, camera, behind):
    """Fill the floor up to a wall ``behind`` metres from the origin."""
    height, width = image.shape[:2]
    far = np.array([[-60.0, 0, -behind], [60.0, 0, -behind]])
    near = np.array(
        [
            [60.0, 0, camera.position[2] - 0.4],
            [-60.0, 0, camera.position[2] - 0.4],
        ]
    )
    points, depth = camera.project(np.concatenate([far, near]))
    if depth[:2].min() < 0.2:
        return
    # Below the wall's foot all is floor.
    direction = points[1] - points[0]
    normal = np.array([-direction[1], direction[0]])
    normal /= max(np.linalg.norm(normal), 1e-9)
    if normal[1] < 0:
        normal = -normal
    reach = 4 * (width + height)
    polygon = np.array(
        [
            points[0],
            points[1],
            points[1] + normal * reach,
            points[0] + normal * reach,
        ]
    )
    polygon = np.clip(polygon, -20000, 20000).round().astype(np.int32)
    cv2.fillConvexPoly(image, polygon, _colour(rng).tolist(), cv2.LINE_AA)
    if rng.random() < 0.6:
        _floor_lines(rng, image, camera, behind)


def _floor_lines(rng, image, camera, behind):
    """Planks or tiles in perspective."""
    step = rng.uniform(0.25, 0.9)
    front = camera.position[2] - 0.8
    xs = np.arange(-6, 6, step)
    lines = [((x, 0, -behind), (x, 0, front)) for x in xs]
    if rng.random() < 0.5:
        lines += [
            ((-12, 0, z), (12, 0, z)) for z in np.arange(-behind, front, step)
        ]
    points, depth = camera.project(np.array(lines))
    colour = _colour(rng).tolist()
    for (a, b), (near, far) in zip(points, depth):
        if min(near, far) > 0.3 and np.abs([a, b]).max() < 15000:
            cv2.line(
                image,
                a.round().astype(int).tolist(),
                b.round().astype(int).tolist(),
                colour,
                1,
                cv2.LINE_AA,
            )


def draw_background(rng, camera, size):
    """(H, W, 3) float32 BGR: a wall or sky, clutter, a floor, texture."""
    image = _gradient(rng, size, _colour(rng), _colour(rng))
    behind = rng.uniform(1.2, 9)
    foot, _ = camera.project([[0.0, 0.0, -behind]])
    _clutter(rng, image, foot[0, 1].clip(-5000, 5000))
    _floor(rng, image, camera, behind)
    image *= _texture(rng, size, rng.uniform(0.01, 0.09))
    return image
