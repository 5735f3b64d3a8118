"""The skin of torso and neck, built over the stations of the spine."""

import numpy as np

from . import anatomy
from .mesh import FEATURE_IDS, circle, surface

# Torso outline at stations (below 0: pelvis). Half width, depth in front of
# and behind the centroid of the vertebral body, metres.
_OUTLINE = np.array(
    [
        # u, width, front, back
        (-3.7, 0.010, 0.070, -0.050),
        (-3.4, 0.060, 0.105, -0.010),
        (-2.8, 0.116, 0.132, 0.048),
        (-2.0, 0.154, 0.148, 0.076),
        (-1.0, 0.166, 0.158, 0.084),
        (0.0, 0.164, 0.163, 0.074),
        (1.0, 0.150, 0.124, 0.078),
        (2.0, 0.138, 0.108, 0.076),
        (3.0, 0.143, 0.130, 0.070),
        (3.5, 0.152, 0.153, 0.067),
        (4.0, 0.160, 0.166, 0.064),
        (4.5, 0.164, 0.160, 0.066),
        (5.0, 0.146, 0.118, 0.066),
        (5.4, 0.112, 0.088, 0.064),
        (6.0, 0.066, 0.060, 0.056),
        (6.3, 0.050, 0.050, 0.046),
    ]
)
_PELVIS_DROP = 0.047  # metres of height to one unit of u below the sacrum
_TORSO_U = np.array([-3.7, -3.4, -3.1, -2.8, -2.4, -2, -1.5, -1, -.5, 0, .35,
                     .7, 1, 1.33,
                     1.67, 2, 2.25, 2.5, 2.75, 3, 3.2, 3.4, 3.6, 3.8, 4, 4.2,
                     4.4, 4.6, 4.8, 5, 5.2, 5.4, 5.7, 6, 6.3])  # fmt: skip
_NECK_U = np.array([5.5, 5.8, 6.2, 6.6, 7.0, 7.4, 7.8, 8.0])
# Angles are denser at the middle of the back, where the spine shows.
_BACK_X = np.array([-.88, -.72, -.54, -.36, -.2, -.085, .085, .2, .36, .54,
                    .72, .88])  # fmt: skip
_TORSO_ANGLES = np.concatenate(
    [
        np.radians([0, 20, 38, 55, 72, 84, 96, 108, 125, 142, 160, 180]),
        2 * np.pi - np.arccos(_BACK_X),
    ]
)


def _spline_weights(u, count):
    """Catmull-Rom weights (len(u), count) over stations 0..count-1."""
    weights = np.zeros((len(u), count))
    for row, value in enumerate(np.clip(u, 0, count - 1)):
        i = min(int(value), count - 2)
        t = value - i
        terms = (
            (-t + 2 * t**2 - t**3) / 2,
            (2 - 5 * t**2 + 3 * t**3) / 2,
            (t + 4 * t**2 - 3 * t**3) / 2,
            (t**3 - t**2) / 2,
        )
        for k, term in enumerate(terms):
            weights[row, min(max(i - 1 + k, 0), count - 1)] += term
    return weights


_TORSO_W = _spline_weights(_TORSO_U, 9)
_NECK_W = _spline_weights(_NECK_U, 9)


def _axis_rings(figure, weights):
    """Ring centres and their x and z axes along the spine."""
    stations = np.array([figure.joints[s] for s in anatomy.STATIONS])
    turns = np.array(
        [figure.frames['pelvis'][0]]
        + [figure.frames[f'segment_{i}'][0] for i in range(9)]
    )
    axes = (turns[:-1] + turns[1:]) / 2
    x_axis, z_axis = weights @ axes[:, :, 0], weights @ axes[:, :, 2]
    x_axis /= np.linalg.norm(x_axis, axis=1, keepdims=True)
    z_axis /= np.linalg.norm(z_axis, axis=1, keepdims=True)
    return weights @ stations, x_axis, z_axis


def _bump(values, centre, width):
    return np.exp(-(((values - centre) / width) ** 2))


def torso_skin(figure, body, slack):
    """From the crotch to C7; ``slack`` is how far the cloth stands off."""
    u = _TORSO_U
    width, ahead, behind = (
        np.interp(u, _OUTLINE[:, 0], column) for column in _OUTLINE[:, 1:].T
    )
    shape = np.interp(
        u,
        [-1, 1, 2, 4, 5, 6.3],
        [
            body.hips,
            (body.hips + body.girth) / 2,
            body.girth,
            body.shoulders * (1 + body.girth) / 2,
            body.shoulders,
            1,
        ],
    )
    thick = np.interp(u, [4.5, 6], [body.girth, 1.0])
    room = slack * np.interp(u, [4.8, 5.8], [1, 0.2])
    width = width * shape * body.scale + room
    ahead = ahead * thick * body.scale + room + body.belly * _bump(u, 1.6, 1.4)
    # The spine keeps its distance to the skin of the back in heavy people.
    behind = behind * (1 + (thick - 1) * 0.4) * body.scale + room

    c, s = np.cos(_TORSO_ANGLES), np.sin(_TORSO_ANGLES)
    power = 2 / 2.4
    x_unit = np.sign(c) * np.abs(c) ** power
    z_unit = np.sign(s) * np.abs(s) ** power
    x = width[:, None] * x_unit
    z = np.where(z_unit > 0, ahead[:, None], behind[:, None]) * z_unit

    # Relief: groove over the spine, shoulder blades, buttocks, chest.
    level = u[:, None]
    back = np.clip(-z_unit * 1.5, 0, 1)
    chest = np.clip(z_unit * 1.5, 0, 1)
    depth = x / body.scale
    z += (
        back
        * body.scale
        * (
            0.016 * _bump(depth, 0, 0.022) * _bump(level, 3.0, 2.6)
            - 0.014
            * (_bump(depth, 0.085, 0.035) + _bump(depth, -0.085, 0.035))
            * _bump(level, 4.5, 0.45)
            - 0.020
            * (_bump(depth, 0.08, 0.055) + _bump(depth, -0.08, 0.055))
            * _bump(level, -1.6, 1.0)
        )
    )
    z += (
        chest
        * (body.bust + 0.012 * body.scale)
        * (_bump(depth, 0.075, 0.05) + _bump(depth, -0.075, 0.05))
        * _bump(level, 4.1, 0.42)
    )

    centre, x_axis, z_axis = _axis_rings(figure, _TORSO_W)
    drop = np.minimum(u, 0) * _PELVIS_DROP * body.scale
    pelvis = figure.frames['pelvis'][0]
    centre = centre + drop[:, None] * pelvis[:, 1]
    points = (
        centre[:, None]
        + x[..., None] * x_axis[:, None]
        + z[..., None] * z_axis[:, None]
    )
    skin = surface(points[::-1], None, 'torso', u[::-1], c, s)
    spine = len(_TORSO_ANGLES) - len(_BACK_X) + len(_BACK_X) // 2 - 1
    column = np.arange(len(skin.part)) % len(_TORSO_ANGLES)
    skin.paint[(column == spine) & (skin.along > 0) & (skin.along < 6)] = (
        FEATURE_IDS['spine']
    )
    middle = (column == 5) & (skin.along > 0) & (skin.along < 5.3)
    skin.paint[middle] = FEATURE_IDS['button']
    return skin


def neck_skin(figure, body):
    u = _NECK_U
    centre, x_axis, z_axis = _axis_rings(figure, _NECK_W)
    slim = body.scale * (0.55 + 0.25 * body.girth + 0.2 * body.shoulders)
    width = np.interp(u, [5.5, 6, 7, 8], [0.085, 0.064, 0.057, 0.055]) * slim
    ahead = np.interp(u, [5.5, 6, 7, 8], [0.060, 0.058, 0.060, 0.055]) * slim
    behind = np.interp(u, [5.5, 6, 7, 8], [0.058, 0.056, 0.052, 0.055]) * slim
    c, s = circle(12)
    z = np.where(s > 0, ahead[:, None], behind[:, None]) * s
    points = (
        centre[:, None]
        + (width[:, None] * c)[..., None] * x_axis[:, None]
        + z[..., None] * z_axis[:, None]
    )
    return surface(points[::-1], None, 'neck', u[::-1], c, s)
