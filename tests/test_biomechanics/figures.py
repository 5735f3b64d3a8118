"""Stick figures for the tests: points set by hand in a plane."""

from spinepose_mmpose.biomechanics import spine
from spinepose_mmpose.metainfo import KEYPOINT_IDS, NUM_KEYPOINTS

import numpy as np

# Who stands upright and faces +x, seen from the side: [forwards, up].
SIDE = {
    'nose': (12, 165), 'eye': (10, 168), 'ear': (0, 166), 'head': (2, 182),
    'neck_03': (0, 158), 'neck_02': (0, 152), 'neck': (0, 145),
    'spine_05': (0, 135), 'spine_04': (0, 122), 'spine_03': (0, 110),
    'spine_02': (0, 104), 'spine_01': (0, 99), 'hip': (0, 95),
    'shoulder': (0, 140), 'elbow': (0, 112), 'wrist': (0, 87),
    'latissimus': (0, 130), 'clavicle': (3, 141),
    'knee': (0, 50), 'ankle': (0, 8), 'heel': (-5, 2), 'big_toe': (15, 2),
    'small_toe': (13, 2),
}  # fmt: skip
HALF = {'shoulder': 19, 'hip': 10.75, 'eye': 3, 'ear': 7, 'knee': 10,
        'ankle': 10, 'heel': 10, 'big_toe': 12, 'small_toe': 16, 'elbow': 22,
        'wrist': 24, 'latissimus': 12, 'clavicle': 3}  # fmt: skip


def place(found, name, at):
    for key in (name, f'left_{name}', f'right_{name}'):
        if key in KEYPOINT_IDS and not (name == 'hip' and key == name):
            found[KEYPOINT_IDS[key]] = at
    if name == 'hip':
        found[KEYPOINT_IDS['hip']] = at


def from_side(**places):
    """(1, 37, 2) pixels; ``left_knee=(x, up)`` moves one point, in the plane
    [forwards, up]."""
    plane = np.full((NUM_KEYPOINTS, 2), np.nan)
    for name, at in SIDE.items():
        place(plane, name, at)
    return _image(plane, places)


def from_front(**places):
    """(1, 37, 2) pixels of who faces the camera; places are [left, up]."""
    plane = np.full((NUM_KEYPOINTS, 2), np.nan)
    for name, (_, up) in SIDE.items():
        place(plane, name, (0, up))
        for sign, side in ((1, 'left'), (-1, 'right')):
            if name in HALF:
                index = KEYPOINT_IDS[f'{side}_{name}']
                plane[index] = sign * HALF[name], up
    return _image(plane, places)


def in_space(**places):
    """(1, 37, 3) metres in a camera's axes, of who faces +x; places are
    [forwards, left, up] in hundredths."""
    space = np.full((NUM_KEYPOINTS, 3), np.nan)
    side, front = from_side()[0], from_front()[0]
    space[:, 0], space[:, 2] = side[:, 0], -side[:, 1]
    space[:, 1] = front[:, 0]
    for name, at in places.items():
        space[KEYPOINT_IDS[name]] = at
    # Forwards is to the right, so that the left side is farther away.
    return space[None][..., [0, 2, 1]] * [0.01, -0.01, 0.01]


def _image(plane, places):
    for name, at in places.items():
        plane[KEYPOINT_IDS[name]] = at
    return plane[None] * [1, -1]


def arc(degrees, centre=0.0):
    """Places of the nine points on a circle whose tangent turns forwards by so
    many degrees from S1 to C7 and is upright at the place ``centre``."""
    turn = np.radians(degrees)
    u = np.array(list(spine.PLACE.values())) - centre
    across, up = (
        50 * (1 - np.cos(turn * u)) / turn,
        50 * np.sin(turn * u) / turn,
    )
    return dict(zip(spine.LEVELS, zip(across, up + 95)))
