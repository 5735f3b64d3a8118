"""The skin: a posed figure becomes quadrilaterals in space.

A surface is a grid of rings; each ring has the same number of sides, in the
order x = cos, z = sin of a growing angle, so that with rings running down
(-y) all quadrilaterals are wound alike and back faces can be dropped by the
sign of their area.
"""
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from . import anatomy
from .parts import PART_IDS
from .rotation import rot_y
from .skeleton import SIDES


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
        return Skin(*(np.concatenate([getattr(s, name) for s in skins])
                      for name in Skin.__dataclass_fields__))

    def moved(self, shift):
        return Skin(self.quads + np.asarray(shift), self.part, self.along,
                    self.across, self.front, self.paint)


FEATURES = ('', 'eye_white', 'iris', 'brow', 'mouth', 'nose', 'spine',
            'button', 'sole')
FEATURE_IDS = {name: i for i, name in enumerate(FEATURES)}


@lru_cache(maxsize=None)
def _circle(sides):
    angle = np.arange(sides) * 2 * np.pi / sides
    return np.cos(angle), np.sin(angle)


@lru_cache(maxsize=None)
def _grid_index(rings, sides):
    """((rings-1) * sides, 4) corners of the faces between closed rings."""
    point = np.arange(rings * sides).reshape(rings, sides)
    after = np.roll(point, -1, axis=1)
    return np.stack([point[:-1], after[:-1], after[1:], point[1:]],
                    2).reshape(-1, 4)


@lru_cache(maxsize=None)
def _labels(part, along, across, front):
    """Face labels of a ring grid; they do not change with pose or build."""
    along, across, front = map(np.array, (along, across, front))
    sides = len(across)
    mid = (along[:-1] + along[1:]) / 2
    across = (across + np.roll(across, -1)) / 2
    front = (front + np.roll(front, -1)) / 2
    count = len(mid) * sides
    return (np.full(count, PART_IDS[part]), np.repeat(mid, sides),
            np.tile(across, len(mid)), np.tile(front, len(mid)))


def _surface(points, frame, part, along, across, front):
    """A ring grid (N, M, 3) in ``frame`` (None: the world) as Skin.

    ``along`` is (N,), ``across`` and ``front`` are (M,).
    """
    rings, sides = points.shape[:2]
    points = points.reshape(-1, 3)
    if frame is not None:
        points = points @ frame[0].T + frame[1]
    labels = _labels(part, tuple(along), tuple(across), tuple(front))
    return Skin(points[_grid_index(rings, sides)], *labels,
                np.zeros(len(labels[0]), int))


def _limb(frame, part, length, radii, sides=10, flat=1., bulge=0.,
          ends=(0.9, 0.9)):
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
    cap = np.array([1., 0.85, 0.5])  # reach of the end rings
    level = np.concatenate([-cap * ends[0] * first, t * length,
                            length + cap[::-1] * ends[1] * last])
    closing = np.sqrt(np.maximum(1 - cap**2, 1e-4))
    radius = np.concatenate([closing * first, radii, closing[::-1] * last])
    along = np.concatenate([[0, 0, 0], t, [1, 1, 1]])
    c, s = _circle(sides)
    back = bulge * radius * np.sin(np.pi * np.minimum(along * 1.4, 1))
    points = np.stack([
        radius[:, None] * c,
        np.repeat(-level[:, None], sides, 1),
        radius[:, None] * s * flat - back[:, None]
    ], 2)
    return _surface(points, frame, part, along, c, s)


# Torso outline at stations (below 0: pelvis). Half width, depth in front of
# and behind the centroid of the vertebral body, metres.
_OUTLINE = np.array([
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
])
_PELVIS_DROP = 0.047  # metres of height to one unit of u below the sacrum
_TORSO_U = np.array([-3.7, -3.4, -3.1, -2.8, -2.4, -2, -1.5, -1, -.5, 0, .35, .7, 1, 1.33,
                     1.67, 2, 2.25, 2.5, 2.75, 3, 3.2, 3.4, 3.6, 3.8, 4, 4.2,
                     4.4, 4.6, 4.8, 5, 5.2, 5.4, 5.7, 6, 6.3])  # yapf: disable
_NECK_U = np.array([5.5, 5.8, 6.2, 6.6, 7.0, 7.4, 7.8, 8.0])
# Angles are denser at the middle of the back, where the spine shows.
_BACK_X = np.array([-.88, -.72, -.54, -.36, -.2, -.085, .085, .2, .36, .54,
                    .72, .88])  # yapf: disable
_TORSO_ANGLES = np.concatenate([
    np.radians([0, 20, 38, 55, 72, 84, 96, 108, 125, 142, 160, 180]),
    2 * np.pi - np.arccos(_BACK_X)
])


def _spline_weights(u, count):
    """Catmull-Rom weights (len(u), count) over stations 0..count-1."""
    weights = np.zeros((len(u), count))
    for row, value in enumerate(np.clip(u, 0, count - 1)):
        i = min(int(value), count - 2)
        t = value - i
        terms = ((-t + 2 * t**2 - t**3) / 2, (2 - 5 * t**2 + 3 * t**3) / 2,
                 (t + 4 * t**2 - 3 * t**3) / 2, (t**3 - t**2) / 2)
        for k, term in enumerate(terms):
            weights[row, min(max(i - 1 + k, 0), count - 1)] += term
    return weights


_TORSO_W = _spline_weights(_TORSO_U, 9)
_NECK_W = _spline_weights(_NECK_U, 9)


def _axis_rings(figure, weights):
    """Ring centres and their x and z axes along the spine."""
    stations = np.array([figure.joints[s] for s in anatomy.STATIONS])
    turns = np.array([figure.frames['pelvis'][0]] + [
        figure.frames[f'segment_{i}'][0] for i in range(9)])
    axes = (turns[:-1] + turns[1:]) / 2
    x_axis, z_axis = weights @ axes[:, :, 0], weights @ axes[:, :, 2]
    x_axis /= np.linalg.norm(x_axis, axis=1, keepdims=True)
    z_axis /= np.linalg.norm(z_axis, axis=1, keepdims=True)
    return weights @ stations, x_axis, z_axis


def _bump(values, centre, width):
    return np.exp(-((values - centre) / width)**2)


def _torso(figure, body, slack):
    u = _TORSO_U
    width, ahead, behind = (np.interp(u, _OUTLINE[:, 0], column)
                            for column in _OUTLINE[:, 1:].T)
    shape = np.interp(u, [-1, 1, 2, 4, 5, 6.3],
                      [body.hips, (body.hips + body.girth) / 2, body.girth,
                       body.shoulders * (1 + body.girth) / 2,
                       body.shoulders, 1])
    thick = np.interp(u, [4.5, 6], [body.girth, 1.])
    room = slack * np.interp(u, [4.8, 5.8], [1, 0.2])
    width = width * shape * body.scale + room
    ahead = (ahead * thick * body.scale + room
             + body.belly * _bump(u, 1.6, 1.4))
    # The spine keeps its distance to the skin of the back in heavy people.
    behind = behind * (1 + (thick - 1) * 0.4) * body.scale + room

    c, s = np.cos(_TORSO_ANGLES), np.sin(_TORSO_ANGLES)
    power = 2 / 2.4
    x_unit = np.sign(c) * np.abs(c)**power
    z_unit = np.sign(s) * np.abs(s)**power
    x = width[:, None] * x_unit
    z = np.where(z_unit > 0, ahead[:, None], behind[:, None]) * z_unit

    # Relief: groove over the spine, shoulder blades, buttocks, chest.
    level = u[:, None]
    back = np.clip(-z_unit * 1.5, 0, 1)
    chest = np.clip(z_unit * 1.5, 0, 1)
    depth = x / body.scale
    z += back * body.scale * (
        0.016 * _bump(depth, 0, 0.022) * _bump(level, 3.0, 2.6)
        - 0.014 * (_bump(depth, 0.085, 0.035) + _bump(depth, -0.085, 0.035))
        * _bump(level, 4.5, 0.45)
        - 0.020 * (_bump(depth, 0.08, 0.055) + _bump(depth, -0.08, 0.055))
        * _bump(level, -1.6, 1.0))
    z += chest * (body.bust + 0.012 * body.scale) * (
        _bump(depth, 0.075, 0.05) + _bump(depth, -0.075, 0.05)) * _bump(
            level, 4.1, 0.42)

    centre, x_axis, z_axis = _axis_rings(figure, _TORSO_W)
    drop = np.minimum(u, 0) * _PELVIS_DROP * body.scale
    pelvis = figure.frames['pelvis'][0]
    centre = centre + drop[:, None] * pelvis[:, 1]
    points = (centre[:, None] + x[..., None] * x_axis[:, None]
              + z[..., None] * z_axis[:, None])
    skin = _surface(points[::-1], None, 'torso', u[::-1], c, s)
    spine = len(_TORSO_ANGLES) - len(_BACK_X) + len(_BACK_X) // 2 - 1
    column = np.arange(len(skin.part)) % len(_TORSO_ANGLES)
    skin.paint[(column == spine) & (skin.along > 0)
               & (skin.along < 6)] = FEATURE_IDS['spine']
    middle = (column == 5) & (skin.along > 0) & (skin.along < 5.3)
    skin.paint[middle] = FEATURE_IDS['button']
    return skin


def _neck(figure, body):
    u = _NECK_U
    centre, x_axis, z_axis = _axis_rings(figure, _NECK_W)
    slim = body.scale * (0.55 + 0.25 * body.girth + 0.2 * body.shoulders)
    width = np.interp(u, [5.5, 6, 7, 8], [.085, .064, .057, .055]) * slim
    ahead = np.interp(u, [5.5, 6, 7, 8], [.060, .058, .060, .055]) * slim
    behind = np.interp(u, [5.5, 6, 7, 8], [.058, .056, .052, .055]) * slim
    c, s = _circle(12)
    z = np.where(s > 0, ahead[:, None], behind[:, None]) * s
    points = (centre[:, None] + (width[:, None] * c)[..., None]
              * x_axis[:, None] + z[..., None] * z_axis[:, None])
    return _surface(points[::-1], None, 'neck', u[::-1], c, s)


# Head outline in C1's frame: height, half width, face, back of the skull.
_HEAD = np.array([
    (-0.066, 0.012, 0.070, 0.050),
    (-0.062, 0.028, 0.088, 0.020),
    (-0.045, 0.046, 0.096, -0.020),
    (-0.015, 0.060, 0.098, -0.062),
    (0.010, 0.067, 0.099, -0.080),
    (0.035, 0.072, 0.097, -0.090),
    (0.055, 0.075, 0.097, -0.096),
    (0.080, 0.077, 0.097, -0.098),
    (0.105, 0.074, 0.088, -0.093),
    (0.128, 0.062, 0.066, -0.076),
    (0.146, 0.042, 0.036, -0.048),
    (0.156, 0.014, 0.006, -0.018),
])
HAIR_LINE = 0.098


def _head_points(rows, body, grow=0., sides=16):
    c, s = _circle(sides)
    height, width, face, back = rows.T
    middle = (face + back) / 2
    half = (face - back) / 2 + grow
    power = 0.88
    x = (width[:, None] + grow) * np.sign(c) * np.abs(c)**power
    z = middle[:, None] + half[:, None] * np.sign(s) * np.abs(s)**power
    y = np.repeat(height[:, None], sides, 1) + grow * 0.6
    return np.stack([x, y, z], 2) * body.scale * body.head_scale, c, s


def _head(figure, body):
    points, c, s = _head_points(_HEAD[::-1], body)
    skin = _surface(points, figure.frames['head'], 'head', _HEAD[::-1, 0], c,
                    s)
    return [skin, _face(figure, body)] + [
        _ear(figure, body, sign) for _, sign in SIDES]


def _patch(centre, half_x, half_y, paint):
    """A flat patch that looks forward, with the winding of the rings."""
    x, y, z = centre
    return ([(x + half_x, y + half_y, z), (x - half_x, y + half_y, z),
             (x - half_x, y - half_y, z), (x + half_x, y - half_y, z)],
            FEATURE_IDS[paint])


def _face(figure, body):
    rows = [_patch((0, -0.022, 0.101), 0.021, 0.005, 'mouth')]
    for sign in (1, -1):
        x = 0.032 * sign
        rows += [
            _patch((x, 0.051, 0.0945), 0.014, 0.0065, 'eye_white'),
            _patch((x, 0.051, 0.0955), 0.0062, 0.0068, 'iris'),
            _patch((x, 0.069, 0.0955), 0.017, 0.0035, 'brow'),
        ]
    tip, root = (0, 0.014, 0.124), (0, 0.056, 0.096)
    for sign in (1, -1):
        wing = (0.019 * sign, 0.008, 0.096)
        side = [root, tip, wing, wing] if sign < 0 else [root, wing, tip, tip]
        rows.append((side[::-1], FEATURE_IDS['nose']))
    base = [(0.019, 0.008, 0.096), tip, (-0.019, 0.008, 0.096),
            (-0.019, 0.008, 0.096)]
    rows.append((base, FEATURE_IDS['nose']))
    rotation, origin = figure.frames['head']
    quads = np.array([row[0] for row in rows]) * body.scale * body.head_scale
    count = len(rows)
    height = quads[..., 1].mean(1)
    return Skin(quads @ rotation.T + origin,
                np.full(count, PART_IDS['head']), height, np.zeros(count),
                np.ones(count), np.array([row[1] for row in rows]))


def _ear(figure, body, sign):
    rotation, origin = figure.frames['head']
    size = body.scale * body.head_scale
    centre = np.array([0.074 * sign, 0.062, 0.006]) * size
    frame = rotation, origin + rotation @ centre
    return _limb(frame, 'head', 0.055 * size,
                 np.array([0.012, 0.018, 0.012]) * size, 6, 1.0)


def _hair(figure, body, style):
    """Skins of the hair; ``style`` is one of ``HAIR_STYLES``."""
    if style == 'bald':
        return []
    rotation, origin = figure.frames['head']
    size = body.scale * body.head_scale
    grow = {'short': 0.007, 'cap': 0.010}.get(style, 0.013)
    points, c, s = _head_points(_HEAD[:2:-1], body, grow)
    cap = _surface(points, figure.frames['head'], 'hair', _HEAD[:2:-1, 0], c,
                   s)
    # The face and the ears stay free.
    line = np.interp(cap.front, [-0.6, -0.1, 0.25, 0.7],
                     [-0.02, 0.015, 0.075, HAIR_LINE])
    keep = cap.along > line
    skins = [Skin(*(getattr(cap, n)[keep]
                    for n in Skin.__dataclass_fields__))]

    def hang(centre, length, radii, flat):
        frame = rotation, origin + rotation @ (np.array(centre) * size)
        skins.append(_limb(frame, 'hair', length * size,
                           np.array(radii) * size, 10, flat))

    if style == 'long':
        hang((0, 0.08, -0.066), 0.22, (.072, .078, .075, .06), 0.5)
    elif style == 'bob':
        hang((0, 0.06, -0.050), 0.10, (.080, .082, .072), 0.65)
    elif style == 'bun':
        hang((0, 0.125, -0.105), 0.03, (.036, .036), 1.)
    elif style == 'ponytail':
        hang((0, 0.10, -0.115), 0.22, (.026, .03, .024, .012), 1.)
    return skins


HAIR_STYLES = ('short', 'bald', 'cap', 'long', 'bob', 'bun', 'ponytail')


def _foot(frame, body, side, sign):
    # Toe to heel: z, centre x (outwards), half width, top, bottom.
    rows = np.array([
        (0.206, -0.014, 0.003, -0.056, -0.062),
        (0.203, -0.012, 0.020, -0.051, -0.067),
        (0.190, -0.008, 0.034, -0.046, -0.068),
        (0.140, 0.006, 0.048, -0.034, -0.068),
        (0.080, 0.006, 0.042, -0.006, -0.068),
        (0.035, 0.002, 0.038, 0.018, -0.068),
        (-0.010, 0., 0.037, 0.030, -0.068),
        (-0.045, 0., 0.034, 0.022, -0.066),
        (-0.060, 0., 0.022, 0.000, -0.062),
        (-0.066, 0., 0.003, -0.025, -0.040),
    ])
    z, x, half, top, bottom = rows.T
    c, s = _circle(8)
    points = np.stack([
        x[:, None] * sign + half[:, None] * c,
        (top + bottom)[:, None] / 2 + (top - bottom)[:, None] / 2 * s,
        np.repeat(z[:, None], 8, 1)
    ], 2) * body.scale
    skin = _surface(points, frame, f'{side}_foot',
                    np.linspace(1, 0, len(rows)), c, s)
    skin.paint[skin.front < -0.6] = FEATURE_IDS['sole']
    # Rings run along z here, which mirrors the winding of the tubes.
    skin.quads = skin.quads[:, ::-1]
    return skin


def _limbs(figure, body, slack):
    skins = []
    thick = body.scale * (0.4 + 0.6 * body.girth)
    for side, sign in SIDES:
        frames = {name.partition('_')[2]: frame
                  for name, frame in figure.frames.items()
                  if name.startswith(side)}
        girdle, clavicle = frames['girdle']
        shoulder = figure.joints[f'{side}_shoulder']
        # Trapezius and deltoid bridge the rib cage and the arm.
        line = shoulder - clavicle
        out = line / np.linalg.norm(line)
        ahead = np.cross(girdle[:, 2], out)
        ahead /= np.linalg.norm(ahead)
        bridge = np.stack([ahead, -out, np.cross(ahead, -out)], 1)
        start = clavicle + 0.25 * line - girdle[:, 2] * 0.03 * body.scale
        skins.append(_limb((bridge, start), 'torso', np.linalg.norm(
            shoulder - start) * 0.95, np.array([.05, .056, .058]) * thick
            + slack * 0.6, 10))
        bare = np.zeros(len(skins[-1].part))
        skins[-1] = Skin(skins[-1].quads, skins[-1].part, bare + 5.,
                         bare + sign, bare, skins[-1].paint)
        arm = body.scale * body.arm
        leg = body.scale * body.leg
        skins += [
            _limb(frames['upper_arm'], f'{side}_upper_arm',
                  anatomy.UPPER_ARM * arm,
                  np.array([.058, .057, .052, .049, .046, .042, .041]) * thick
                  + slack * 0.3),
            _limb(frames['forearm'], f'{side}_forearm', anatomy.FOREARM * arm,
                  np.array([.041, .044, .043, .038, .032, .028]) * thick, 10),
            # Palms face inwards: the hand is flat in x.
            _limb((frames['hand'][0] @ rot_y(90), frames['hand'][1]),
                  f'{side}_hand', anatomy.HAND * arm * 0.86,
                  np.array([.026, .038, .043, .042, .036, .026])
                  * body.scale, 8, 0.5),
            _thumb(frames['hand'], side, sign, body),
            _limb(frames['thigh'], f'{side}_thigh', anatomy.THIGH * leg,
                  np.array([.090, .092, .088, .082, .075, .067, .060, .057])
                  * thick * (0.5 + 0.5 * body.hips) + slack * 0.4, 12, bulge=0.14),
            _limb(frames['shank'], f'{side}_shank', anatomy.SHANK * leg,
                  np.array([.054, .057, .061, .058, .050, .043, .037, .036])
                  * thick + slack * 0.4, 10, bulge=0.25, ends=(0.9, 0.4)),
            _foot(frames['foot'], body, side, sign),
        ]
    return skins


def _thumb(frame, side, sign, body):
    rotation, origin = frame
    # The palm faces inwards: the thumb points forward.
    angle = 0.7
    tilt = np.array([[1, 0, 0], [0, np.cos(angle), np.sin(angle)],
                     [0, -np.sin(angle), np.cos(angle)]])
    start = origin + rotation @ (np.array([0, -.03, .02]) * body.scale)
    return _limb((rotation @ tilt, start), f'{side}_hand',
                 0.05 * body.scale, np.array([.014, .013, .011])
                 * body.scale, 6)


def _skirt(figure, body, length):
    """Rings around both thighs from the waist down to ``length`` of them."""
    rings = []
    pelvis, _ = figure.frames['pelvis']
    t = np.linspace(0, length, 6)
    radius = (0.104 + 0.05 * t) * body.scale * (0.4 + 0.6 * body.girth)
    ends = {}
    for side, _ in SIDES:
        start, end = (figure.joints[f'{side}_{j}'] for j in ('hip', 'knee'))
        ends[side] = start + t[:, None] * (end - start)
    c, s = _circle(18)
    turned = sum(figure.frames[f'{side}_thigh'][0][:, 2]
                 for side, _ in SIDES)
    for i in range(len(t)):
        left, right = ends['left'][i], ends['right'][i]
        apart = left - right
        x_axis = apart / np.linalg.norm(apart)
        z_axis = turned - (turned @ x_axis) * x_axis
        z_axis /= np.linalg.norm(z_axis)
        half = np.linalg.norm(apart) / 2 + radius[i]
        rings.append((left + right) / 2 + np.outer(c, x_axis) * half
                     + np.outer(s, z_axis) * radius[i] * 1.12)
    waist = figure.joints['spine_01']
    top = (waist + pelvis[:, 2] * 0.025 * body.scale
           + np.outer(c, pelvis[:, 0]) * 0.158 * body.scale
           * (body.hips + body.girth) / 2
           + np.outer(s, pelvis[:, 2]) * 0.112 * body.scale
           * (0.5 + 0.5 * body.girth))
    points = np.array([top] + rings)
    return _surface(points, None, 'skirt', np.concatenate([[-.3], t]), c, s)


def build_skin(figure, body, look):
    """The skin of a figure dressed as ``look`` (an ``appearance.Look``)."""
    skins = [_torso(figure, body, look.slack), _neck(figure, body)]
    skins += _head(figure, body) + _hair(figure, body, look.hair_style)
    skins += _limbs(figure, body, look.slack)
    if look.skirt:
        skins.append(_skirt(figure, body, look.skirt))
    return Skin.join(skins)


def stand_on_ground(figure, skin):
    """Figure and skin shifted so that the lowest point has height 0."""
    shift = [0., -skin.quads[..., 1].min(), 0.]
    return figure.moved(shift=shift), skin.moved(shift)


def box(centre, axes, size, pieces=4):
    """A box as an object: (F, 4, 3) with faces cut into pieces**2."""
    grid = np.linspace(-0.5, 0.5, pieces + 1)
    a, b = np.meshgrid(grid, grid, indexing='ij')
    quads = []
    for axis in range(3):
        for sign in (0.5, -0.5):
            local = np.zeros(a.shape + (3, ))
            local[..., axis] = sign
            local[..., (axis + 1) % 3] = a * np.sign(sign)
            local[..., (axis + 2) % 3] = b
            local = local * size @ np.asarray(axes) + centre
            quads.append(np.stack([local[:-1, :-1], local[1:, :-1],
                                   local[1:, 1:], local[:-1, 1:]],
                                  2).reshape(-1, 4, 3))
    return np.concatenate(quads)
