"""Which side of a person the camera sees, and points in the body's planes.

Letters: T frames, K keypoints (37), D dimensions. Images have [x, y] in
pixels, y downwards; 3D points are metres in any axes.
"""

from typing import Dict, NamedTuple

import numpy as np

from ..metainfo import KEYPOINT_IDS, SPINE_CHAIN

# Distance between the points of a pair over the length of the spine from S1 to
# C7, of the synthetic adults (benchmarks/posture.py --proportions).
WIDTHS = {'shoulder': 0.76, 'hip': 0.43}
# From where a view counts as seen from the side or from the front: degrees
# between the camera's direction and the one that the view is named after.
VIEW_LIMIT = 30.0
# A front so much wider than the spine is long belongs to a trunk that leans
# towards the camera, or away from it, by 35 degrees or more.
MOST_FRONT = 1.25
# Horizontal share of the lines of hips and shoulders, at least, in 3D.
LEAST_LEVEL = 0.3
# Feet tell the direction where so much of their length lies along x.
LEAST_FOOT = 0.5
SAGITTAL, FRONTAL = 'sagittal', 'frontal'
LIMB, TRANSVERSE = 'limb', 'transverse'


class Planes(NamedTuple):
    """A person in the planes of the body."""

    # Plane -> T, K, 2: ``sagittal`` [forwards, up], ``frontal`` [to the
    # person's left, up], ``transverse`` [forwards, to the left], which NaN
    # fills in 2D; ``limb`` is the sagittal plane in 2D and T, K, 3 in 3D: a
    # knee or an elbow bends in the plane of its own limb.
    points: Dict[str, np.ndarray]
    # T: degrees by which the trunk is turned: 0 faces the camera, 90 the right
    # border of the image, -90 the left one, 180 away from the camera. NaN where
    # it is unknown and in 3D.
    yaw: np.ndarray
    front: np.ndarray  # T: see :func:`frontness`; NaN in 3D
    is_3d: bool  # every view holds

    def off(self, plane: str) -> np.ndarray:
        """(T,) degrees, 0 to 90, by which the camera misses the view of a
        plane; 0 in 3D."""
        if self.is_3d:
            return np.zeros(len(self.yaw))
        off_front = np.degrees(np.arccos(np.minimum(np.abs(self.front), 1)))
        return off_front if plane == FRONTAL else 90 - off_front


def planes_of(points: np.ndarray, up=(0, -1, 0)) -> Planes:
    """Points in the planes of the body.

    In 2D the body's plane is taken for that of the image. In 3D the frontal
    plane holds ``up`` and the horizontal part of the mean of the lines of hips
    and shoulders.

    Args:
        points (np.ndarray): (T, K, 2) pixels or (T, K, 3) metres, NaN for what
            is missing.
        up (Sequence): of 3D points, where up is; the default is that of a
            camera's axes (right, down, ahead).
    """
    points = np.asarray(points, float)
    if points.shape[2] == 2:
        return _planes_2d(points)
    up = np.asarray(up, float) / np.linalg.norm(up)
    hips, shoulders = (
        _line(points, f'right_{name}', f'left_{name}')
        for name in ('hip', 'shoulder')
    )
    left = np.nansum([_unit(hips), _unit(shoulders)], 0) / 2
    left = left - np.outer(left @ up, up)
    # Of who lies on a side, nobody can tell where forwards is on the ground.
    flat = np.linalg.norm(left, axis=1) < LEAST_LEVEL
    left = _unit(np.where(flat[:, None], np.nan, left))
    forward = np.cross(left, up)
    up = np.broadcast_to(up, left.shape)

    def along(*axes):
        return np.stack([np.einsum('tki,ti->tk', points, a) for a in axes], -1)

    planes = {
        SAGITTAL: along(forward, up),
        FRONTAL: along(left, up),
        TRANSVERSE: along(forward, left),
        LIMB: points,
    }
    unknown = np.full(len(points), np.nan)
    return Planes(planes, unknown, unknown, True)


def _planes_2d(points: np.ndarray) -> Planes:
    upright = points * [1, -1]
    forwards, front = facing(upright), frontness(upright)
    left = np.where(front < 0, -1.0, 1.0) + 0 * front  # NaN where unknown
    sagittal, frontal = upright.copy(), upright.copy()
    sagittal[..., 0] *= forwards[:, None]
    frontal[..., 0] *= left[:, None]
    planes = {
        SAGITTAL: sagittal,
        FRONTAL: frontal,
        LIMB: sagittal,
        TRANSVERSE: np.full_like(upright, np.nan),
    }
    share = np.clip(front, -1, 1)
    yaw = np.degrees(np.arctan2(forwards * np.sqrt(1 - share**2), share))
    return Planes(planes, yaw, front, False)


def facing(points: np.ndarray) -> np.ndarray:
    """(T,) 1 where a person (T, K, 2), y upwards, goes to the right, -1 to the
    left, NaN unknown.

    As Sports2D has it, toes lie before heels; where no foot is seen, or feet
    point up or at the camera, the nose lies before C1, seen along the trunk.
    """
    feet = np.array(
        [_line(points, f'{s}_heel', f'{s}_big_toe') for s in ('left', 'right')]
    )
    steps = np.nansum(feet[..., 0], 0)
    lengths = np.nansum(np.linalg.norm(feet, axis=-1), 0)
    trunk = _line(points, 'hip', 'neck')
    face = _line(points, 'neck_03', 'nose')
    by_head = np.sign(-cross(trunk, face))
    is_clear = np.abs(steps) > LEAST_FOOT * lengths
    side = np.where(is_clear, np.sign(steps), by_head)
    return np.where(side == 0, np.nan, side)


def frontness(points: np.ndarray) -> np.ndarray:
    """(T,) cosine of the trunk's yaw of a person (T, K, 2), y upwards: 1 faces
    the camera, 0 is seen from the side, -1 from behind; noise may carry it
    beyond. From the widths of shoulders and hips across the trunk, over those
    that the length of the spine tells (:data:`WIDTHS`)."""
    trunk, length = _unit(_line(points, 'hip', 'neck')), trunk_length(points)
    shares = []
    for name, width in WIDTHS.items():
        across = _line(points, f'right_{name}', f'left_{name}')
        shares.append(-cross(trunk, across) / (width * length))
    seen = np.isfinite(shares)
    total = np.where(seen, shares, 0).sum(0)
    return total / np.where(seen.any(0), seen.sum(0), np.nan)


def trunk_length(points: np.ndarray) -> np.ndarray:
    """(T,) length of the spine from S1 to C7; NaN where it is 0 or C7 or S1
    is missing; missing points between them are passed by."""
    chain = SPINE_CHAIN[SPINE_CHAIN.index('neck') :]
    path = points[:, [KEYPOINT_IDS[name] for name in chain]].copy()
    for i in range(1, len(chain) - 1):
        lost = np.isnan(path[:, i]).any(-1)
        path[lost, i] = path[lost, i - 1]
    length = np.linalg.norm(np.diff(path, axis=1), axis=-1).sum(1)
    return np.where(length > 0, length, np.nan)


def cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """(T,) of (T, 2) vectors; positive where v lies to the left of u, with the
    second axis upwards."""
    return u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]


def _line(points: np.ndarray, start: str, end: str) -> np.ndarray:
    return points[:, KEYPOINT_IDS[end]] - points[:, KEYPOINT_IDS[start]]


def _unit(vectors: np.ndarray) -> np.ndarray:
    size = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(size > 0, size, np.nan)
