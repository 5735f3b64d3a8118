"""A pinhole camera in a world whose y axis points up (metres)."""

from dataclasses import dataclass

import numpy as np

from .rotation import rot_x, rot_z


@dataclass(frozen=True)
class Camera:
    """It looks along -z of the world at elevation 0.

    Attributes:
        rotation: (3, 3) world to camera; camera axes are right, down, ahead.
        position: (3,) metres in the world.
        focal: Pixels.
        centre: (cx, cy) pixels.
    """

    rotation: np.ndarray
    position: np.ndarray
    focal: float
    centre: tuple

    def project(self, points):
        """(..., 3) metres to (..., 2) pixels and (...) depth in metres."""
        points = np.asarray(points, float)
        # One flat product: numpy multiplies stacks of small ones slowly.
        local = (points.reshape(-1, 3) - self.position) @ self.rotation.T
        local = local.reshape(points.shape)
        depth = local[..., 2]
        ahead = np.maximum(depth, 0.05)[..., None]
        return local[..., :2] / ahead * self.focal + self.centre, depth


def camera_rotation(elevation, roll=0.0):
    """World to camera; a positive elevation (degrees) looks down."""
    flip = np.diag([1.0, -1.0, -1.0])
    return rot_z(roll) @ flip @ rot_x(elevation)


def look_at(
    points, size, elevation=10.0, roll=0.0, fov=45.0, fill=0.8, shift=(0.0, 0.0)
):
    """A camera from which ``points`` fill ``fill`` of the image.

    Args:
        points: (N, 3) metres; the middle of their extent is looked at.
        size: (width, height) of the image in pixels.
        fov: Vertical field of view in degrees.
        shift: Of the middle, in fractions of the image [x, y].
    """
    rotation = camera_rotation(elevation, roll)
    local = points @ rotation.T
    low, high = local.min(0), local.max(0)
    middle = (low + high) / 2
    half = (high - low) / 2
    width, height = size
    focal = height / 2 / np.tan(np.radians(fov / 2))
    distance = (
        max(
            half[0] * focal / (width / 2 * fill),
            half[1] * focal / (height / 2 * fill),
        )
        + half[2] * 0.5
    )
    distance = max(distance, half[2] + 0.7)
    position = (middle - [0, 0, distance]) @ rotation
    centre = (width * (0.5 + shift[0]), height * (0.5 + shift[1]))
    return Camera(rotation, position, float(focal), centre)
