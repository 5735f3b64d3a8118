"""Pinhole cameras and people before them: view, rays, height, place, ground.

numpy alone: the dataset, MMPose's lifters and the light ONNX path share it.
Camera axes are x right, y down, z ahead. K keypoints, 37 of SpineTrack.
"""

import numpy as np

from .metainfo import KEYPOINT_IDS, SKELETON, SUBSETS

# Degrees from corner to corner that the spinepose client assumes.
FIELD_OF_VIEW = 84.0
ROOT = KEYPOINT_IDS['hip']
# A point with a lower score is missing to the lifter.
SEEN = 0.5
# Two equations each; fewer points do not tell where somebody stands.
LEAST_POINTS = 4
# What the height is measured along.
_HEIGHT_LINES = [
    [KEYPOINT_IDS[name] for name in line.split()]
    for line in (
        'hip neck head',
        'hip left_knee left_ankle left_heel',
        'hip right_knee right_ankle right_heel',
    )
]
HEIGHT_POINTS = sorted(set(sum(_HEIGHT_LINES, [])))
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
PARENTS, CHILDREN = (list(ends) for ends in zip(*BONE_TREE))
LENGTH_ROUNDS = 10  # of bringing bones to their lengths
FEET = list(SUBSETS['feet'])
# Metres that the foot keypoints lie above the ground, and by which a foot may
# be above the lowest one of a person and still stand.
CLEARANCE, STANDING = 0.02, 0.06
# Metres of spread of the feet at which the plane through them is trusted as
# much as the direction of the bodies.
TRUSTED_SPREAD = 0.3
# Largest angle between trunk and legs of somebody who stands upright.
UPRIGHT = np.cos(np.radians(35))
ROUNDS = 3  # of choosing standing feet and fitting the plane


def intrinsics_of_view(size, degrees: float = FIELD_OF_VIEW) -> np.ndarray:
    """(3, 3) intrinsic matrix for images of (w, h) pixels and a field of view
    of so many degrees from corner to corner; ValueError if no camera sees so
    much."""
    if not 0 < degrees < 180:
        raise ValueError(
            f'a field of view is above 0 and below 180 degrees, not {degrees}'
        )
    w, h = size
    focal = np.hypot(w, h) / 2 / np.tan(np.radians(degrees) / 2)
    return np.array([[focal, 0, w / 2], [0, focal, h / 2], [0, 0, 1.0]])


def to_rays(keypoints, intrinsics, seen=None) -> np.ndarray:
    """(..., K, 2) pixels to x / z and y / z by (3, 3) intrinsics, 0 where a
    point is not ``seen``, (..., K) bool."""
    intrinsics = np.asarray(intrinsics)
    rays = (keypoints - intrinsics[:2, 2]) / np.diag(intrinsics)[:2]
    return rays if seen is None else np.where(seen[..., None], rays, 0.0)


def body_height(points) -> np.ndarray:
    """(...,) length of hip-neck-head of (..., 37, 3) points plus the mean of
    both legs (hip-knee-ankle-heel), as the spinepose client takes it for the
    height."""
    trunk, *legs = (
        np.linalg.norm(np.diff(points[..., line, :], axis=-2), axis=-1).sum(-1)
        for line in _HEIGHT_LINES
    )
    return trunk + sum(legs) / 2


def place_in_camera(points, rays, weights) -> np.ndarray:
    """(3,) translation of relative points (K, 3) so that they are seen where
    their rays (K, 2) are: least squares with weights (K,), 0 for a missing
    point, on x (Z + tz) = X + tx, the same in y. NaN where fewer than 4 points
    are seen, or where the answer lies behind the camera."""
    if np.count_nonzero(weights) < LEAST_POINTS:
        return np.full(3, np.nan)
    rows = np.zeros((len(points), 2, 3))
    rows[:, 0, 0] = rows[:, 1, 1] = 1
    rows[..., 2] = -rays
    values = rays * points[:, 2:] - points[:, :2]
    root = np.sqrt(weights)[:, None]
    rows = (rows * root[..., None]).reshape(-1, 3)
    found, *_ = np.linalg.lstsq(rows, (values * root).ravel(), rcond=None)
    return found if found[2] > 0 else np.full(3, np.nan)


def bone_lengths(points: np.ndarray) -> np.ndarray:
    """(..., 36) lengths of the bones of ``BONE_TREE``."""
    return np.linalg.norm(
        points[..., CHILDREN, :] - points[..., PARENTS, :], axis=-1
    )


def rebuild(points: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Points (..., 37, 3) near the given ones whose bones, those of
    ``BONE_TREE``, have given lengths (36,): each round moves both ends of each
    bone by half of what it is too long or too short; in the end bones grow from
    the sacrum, so that it is exact."""
    near, out = points.copy(), np.zeros_like(points)
    for turn in range(LENGTH_ROUNDS + 1):
        for (a, b), length in zip(BONE_TREE, lengths):
            bone = near[..., b, :] - near[..., a, :]
            now = np.linalg.norm(bone, axis=-1, keepdims=True)
            bone = bone * (length / np.maximum(now, 1e-9))
            if turn == LENGTH_ROUNDS:
                out[..., b, :] = out[..., a, :] + bone
                continue
            middle = (near[..., a, :] + near[..., b, :]) / 2
            near[..., a, :] = middle - bone / 2
            near[..., b, :] = middle + bone / 2
    return out


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def body_axis(points: np.ndarray) -> np.ndarray:
    """(3,) unit vector from feet to head of those among (M, 37, 3) who stand
    upright; upwards in the image where nobody does."""
    at = KEYPOINT_IDS
    hip, neck = points[:, at['hip']], points[:, at['neck']]
    ankles = points[:, [at['left_ankle'], at['right_ankle']]].mean(1)
    upright = (unit(neck - hip) * unit(hip - ankles)).sum(1) >= UPRIGHT
    axes = unit(neck - ankles)[upright]
    return unit(axes.sum(0)) if len(axes) else np.array([0, -1.0, 0])


def fit_ground(points: np.ndarray, seen: np.ndarray):
    """The ground below people in frames, (M, 37, 3) metres in the camera's axes
    of which ``seen`` (M, 37) ones count: the direction upwards (3,) and a point
    of it (3,), None where fewer than three points of feet are seen.

    The plane through the standing feet, drawn to the axis of the bodies where
    the feet are too close together to tell its slope.
    """
    seen = seen & np.isfinite(points).all(-1)
    if seen[:, FEET].sum() < 3:
        return None
    whole = np.isfinite(points).all((1, 2))
    start = up = body_axis(points[whole])
    feet, seen = points[:, FEET], seen[:, FEET]
    for _ in range(ROUNDS):
        heights = np.where(seen, feet @ up, np.inf)
        standing = heights <= heights.min(1, keepdims=True) + STANDING
        ground = feet[standing & seen]
        centre = np.median(ground, axis=0)
        # Of those who jump the feet are no ground either.
        above = (ground - centre) @ up
        ground = ground[above <= np.median(above) + STANDING]
        centre = ground.mean(0)
        # Least squares for the slopes a, b of start + a e1 + b e2.
        e1 = unit(np.cross(start, [0.0, 0, 1]))
        e2 = np.cross(start, e1)
        across = (ground - centre) @ np.stack([e1, e2], 1)
        along = (ground - centre) @ start
        square = across.T @ across / len(ground) + TRUSTED_SPREAD**2 * np.eye(2)
        a, b = -np.linalg.solve(square, across.T @ along / len(ground))
        up = unit(start + a * e1 + b * e2)
    return up, centre - CLEARANCE * up


def world_rotation(up: np.ndarray) -> np.ndarray:
    """(3, 3) from the camera's axes to x right, y up, z to the camera."""
    right = unit(np.array([1.0, 0, 0]) - up[0] * up)
    return np.stack([right, up, np.cross(right, up)])
