"""Pinhole cameras and people before them: view, rays, height, place, ground.

numpy alone: the dataset, MMPose's lifters and the light ONNX path share it.
Camera axes are x right, y down, z ahead. K keypoints, 37 of SpineTrack.
"""

import numpy as np

from .metainfo import KEYPOINT_IDS, SKELETON

# Degrees from corner to corner that the spinepose client assumes.
FIELD_OF_VIEW = 84.0
ROOT = KEYPOINT_IDS['hip']
# A point with a lower score is missing to the lifter.
SEEN = 0.5
# Two equations each; fewer points do not tell where somebody stands.
LEAST_POINTS = 4
_TRUNK = ('hip', 'neck', 'head')
_LEGS = tuple(
    ('hip', *(f'{side}_{joint}' for joint in ('knee', 'ankle', 'heel')))
    for side in ('left', 'right')
)
# What the height is measured along.
HEIGHT_POINTS = tuple(
    sorted({KEYPOINT_IDS[n] for line in (_TRUNK, *_LEGS) for n in line})
)
# Links that no bone keeps at one length.
_LOOSE = {
    ('left_eye', 'right_eye'),
    ('left_ear', 'left_shoulder'),
    ('right_ear', 'right_shoulder'),
}


def _tree() -> tuple:
    """(parent, child) ids from the sacrum outwards, parents first."""
    links = [
        tuple(KEYPOINT_IDS[end] for end in link)
        for link, _ in SKELETON
        if link not in _LOOSE
    ]
    reached, tree = [ROOT], []
    for parent in reached:  # grows while it is read
        for a, b in links:
            child = b if a == parent else a
            if parent in (a, b) and child not in reached:
                reached.append(child)
                tree.append((parent, child))
    return tuple(tree)


# Bones that keep their length, as a tree from the sacrum.
BONE_TREE = _tree()


def intrinsics_of_view(size, degrees: float = FIELD_OF_VIEW) -> np.ndarray:
    """(3, 3) intrinsic matrix of a diagonal field of view.

    Args:
        size (tuple): (w, h) of the image in pixels.
        degrees (float): from corner to corner.

    Raises:
        ValueError: no camera sees so much.
    """
    if not 0 < degrees < 180:
        raise ValueError(
            f'a field of view is above 0 and below 180 degrees, not {degrees}'
        )
    w, h = size
    focal = np.hypot(w, h) / 2 / np.tan(np.radians(degrees) / 2)
    return np.array([[focal, 0, w / 2], [0, focal, h / 2], [0, 0, 1.0]])


def to_rays(keypoints, intrinsics, seen=None) -> np.ndarray:
    """(..., K, 2) pixels to x / z and y / z, 0 where a point is missing.

    Args:
        intrinsics (np.ndarray): (3, 3).
        seen (np.ndarray, optional): (..., K) bool; all if None.
    """
    focal = np.array([intrinsics[0][0], intrinsics[1][1]])
    centre = np.array([intrinsics[0][2], intrinsics[1][2]])
    rays = (np.asarray(keypoints) - centre) / focal
    return rays if seen is None else np.where(seen[..., None], rays, 0.0)


def body_height(points) -> np.ndarray:
    """(...,) length of hip-neck-head plus the mean of both legs
    (hip-knee-ankle-heel), as the spinepose client takes it for the height.

    Args:
        points (np.ndarray): (..., 37, 3).
    """

    def length(names):
        line = np.asarray(points)[..., [KEYPOINT_IDS[n] for n in names], :]
        return np.linalg.norm(np.diff(line, axis=-2), axis=-1).sum(-1)

    return length(_TRUNK) + sum(map(length, _LEGS)) / 2


def place_in_camera(points, rays, weights) -> np.ndarray:
    """(3,) translation of relative points so that they are seen where their
    rays are: weighted least squares on x (Z + tz) = X + tx, the same in y.

    NaN where fewer than 4 points are seen, or where the answer lies behind
    the camera.

    Args:
        points (np.ndarray): (K, 3).
        rays (np.ndarray): (K, 2).
        weights (np.ndarray): (K,), 0 for a missing point.
    """
    if np.count_nonzero(weights) < LEAST_POINTS:
        return np.full(3, np.nan)
    rows = np.zeros((len(points), 2, 3))
    rows[:, 0, 0] = rows[:, 1, 1] = 1
    rows[..., 2] = -rays
    values = rays * points[:, 2:] - points[:, :2]
    root = np.sqrt(weights)[:, None]
    found, *_ = np.linalg.lstsq(
        (rows * root[..., None]).reshape(-1, 3),
        (values * root).ravel(),
        rcond=None,
    )
    return found if found[2] > 0 else np.full(3, np.nan)
