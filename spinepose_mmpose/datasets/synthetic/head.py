"""The skin of the head: skull, face, ears and hair."""

import numpy as np

from .mesh import FEATURE_IDS, Skin, circle, limb, surface
from .parts import PART_IDS
from .skeleton import SIDES

# Head outline in C1's frame: height, half width, face, back of the skull.
_HEAD = np.array(
    [
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
        (0.158, 0.002, -0.004, -0.008),
    ]
)
HAIR_LINE = 0.098
HAIR_STYLES = ('short', 'bald', 'cap', 'long', 'bob', 'bun', 'ponytail')


def _head_points(rows, body, grow=0.0, sides=16):
    c, s = circle(sides)
    height, width, face, back = rows.T
    middle = (face + back) / 2
    half = (face - back) / 2 + grow
    power = 0.88
    x = (width[:, None] + grow) * np.sign(c) * np.abs(c) ** power
    z = middle[:, None] + half[:, None] * np.sign(s) * np.abs(s) ** power
    y = np.repeat(height[:, None], sides, 1) + grow * 0.6
    return np.stack([x, y, z], 2) * body.scale * body.head_scale, c, s


def head_skins(figure, body):
    """Skull, face and ears."""
    points, c, s = _head_points(_HEAD[::-1], body)
    skin = surface(points, figure.frames['head'], 'head', _HEAD[::-1, 0], c, s)
    return [skin, _face(figure, body)] + [
        _ear(figure, body, sign) for _, sign in SIDES
    ]


def _patch(centre, half_x, half_y, paint):
    """A flat patch that looks forward, with the winding of the rings."""
    x, y, z = centre
    return (
        [
            (x + half_x, y + half_y, z),
            (x - half_x, y + half_y, z),
            (x - half_x, y - half_y, z),
            (x + half_x, y - half_y, z),
        ],
        FEATURE_IDS[paint],
    )


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
    base = [
        (0.019, 0.008, 0.096),
        tip,
        (-0.019, 0.008, 0.096),
        (-0.019, 0.008, 0.096),
    ]
    rows.append((base, FEATURE_IDS['nose']))
    rotation, origin = figure.frames['head']
    quads = np.array([row[0] for row in rows]) * body.scale * body.head_scale
    count = len(rows)
    height = quads[..., 1].mean(1)
    return Skin(
        quads @ rotation.T + origin,
        np.full(count, PART_IDS['head']),
        height,
        np.zeros(count),
        np.ones(count),
        np.array([row[1] for row in rows]),
    )


def _ear(figure, body, sign):
    rotation, origin = figure.frames['head']
    size = body.scale * body.head_scale
    centre = np.array([0.074 * sign, 0.062, 0.006]) * size
    frame = rotation, origin + rotation @ centre
    return limb(
        frame,
        'head',
        0.055 * size,
        np.array([0.012, 0.018, 0.012]) * size,
        6,
        1.0,
    )


def hair_skins(figure, body, style):
    """Skins of the hair; ``style`` is one of ``HAIR_STYLES``."""
    if style not in HAIR_STYLES:
        raise ValueError(f'hair style {style!r} is none of {HAIR_STYLES}')
    if style == 'bald':
        return []
    rotation, origin = figure.frames['head']
    size = body.scale * body.head_scale
    grow = {'short': 0.007, 'cap': 0.010}.get(style, 0.013)
    points, c, s = _head_points(_HEAD[:2:-1], body, grow)
    cap = surface(points, figure.frames['head'], 'hair', _HEAD[:2:-1, 0], c, s)
    # The face and the ears stay free.
    line = np.interp(
        cap.front, [-0.6, -0.1, 0.25, 0.7], [-0.02, 0.015, 0.075, HAIR_LINE]
    )
    keep = cap.along > line
    skins = [Skin(*(getattr(cap, n)[keep] for n in Skin.__dataclass_fields__))]

    def hang(centre, length, radii, flat):
        frame = rotation, origin + rotation @ (np.array(centre) * size)
        skins.append(
            limb(frame, 'hair', length * size, np.array(radii) * size, 10, flat)
        )

    if style == 'long':
        hang((0, 0.08, -0.066), 0.22, (0.072, 0.078, 0.075, 0.06), 0.5)
    elif style == 'bob':
        hang((0, 0.06, -0.050), 0.10, (0.080, 0.082, 0.072), 0.65)
    elif style == 'bun':
        hang((0, 0.125, -0.105), 0.03, (0.036, 0.036), 1.0)
    elif style == 'ponytail':
        hang((0, 0.10, -0.115), 0.22, (0.026, 0.03, 0.024, 0.012), 1.0)
    return skins
