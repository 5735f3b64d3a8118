"""The skin of arms, legs, hands, feet and a skirt."""

import numpy as np

from . import anatomy
from .mesh import FEATURE_IDS, Skin, circle, limb, surface
from .rotation import rot_y
from .skeleton import SIDES


def _foot(frame, body, side, sign):
    # Toe to heel: z, centre x (outwards), half width, top, bottom.
    rows = np.array(
        [
            (0.206, -0.014, 0.003, -0.056, -0.062),
            (0.203, -0.012, 0.020, -0.051, -0.067),
            (0.190, -0.008, 0.034, -0.046, -0.068),
            (0.140, 0.006, 0.048, -0.034, -0.068),
            (0.080, 0.006, 0.042, -0.006, -0.068),
            (0.035, 0.002, 0.038, 0.018, -0.068),
            (-0.010, 0.0, 0.037, 0.030, -0.068),
            (-0.045, 0.0, 0.034, 0.022, -0.066),
            (-0.060, 0.0, 0.022, 0.000, -0.062),
            (-0.066, 0.0, 0.003, -0.025, -0.040),
        ]
    )
    z, x, half, top, bottom = rows.T
    c, s = circle(8)
    points = (
        np.stack(
            [
                x[:, None] * sign + half[:, None] * c,
                (top + bottom)[:, None] / 2 + (top - bottom)[:, None] / 2 * s,
                np.repeat(z[:, None], 8, 1),
            ],
            2,
        )
        * body.scale
    )
    skin = surface(
        points, frame, f'{side}_foot', np.linspace(1, 0, len(rows)), c, s
    )
    skin.paint[skin.front < -0.6] = FEATURE_IDS['sole']
    # Rings run along z here, which mirrors the winding of the tubes.
    skin.quads = skin.quads[:, ::-1]
    return skin


def limb_skins(figure, body, slack):
    """Both arms and legs with the bridges of the shoulders."""
    skins = []
    thick = body.scale * (0.4 + 0.6 * body.girth)
    for side, sign in SIDES:
        frames = {
            name.partition('_')[2]: frame
            for name, frame in figure.frames.items()
            if name.startswith(side)
        }
        girdle, clavicle = frames['girdle']
        shoulder = figure.joints[f'{side}_shoulder']
        # Trapezius and deltoid bridge the rib cage and the arm.
        line = shoulder - clavicle
        out = line / np.linalg.norm(line)
        ahead = np.cross(girdle[:, 2], out)
        ahead /= np.linalg.norm(ahead)
        bridge = np.stack([ahead, -out, np.cross(ahead, -out)], 1)
        start = clavicle + 0.25 * line - girdle[:, 2] * 0.03 * body.scale
        skins.append(
            limb(
                (bridge, start),
                'torso',
                np.linalg.norm(shoulder - start) * 0.95,
                np.array([0.05, 0.056, 0.058]) * thick + slack * 0.6,
                10,
            )
        )
        bare = np.zeros(len(skins[-1].part))
        skins[-1] = Skin(
            skins[-1].quads,
            skins[-1].part,
            bare + 5.0,
            bare + sign,
            bare,
            skins[-1].paint,
        )
        arm = body.scale * body.arm
        leg = body.scale * body.leg
        skins += [
            limb(
                frames['upper_arm'],
                f'{side}_upper_arm',
                anatomy.UPPER_ARM * arm,
                np.array([0.058, 0.057, 0.052, 0.049, 0.046, 0.042, 0.041])
                * thick
                + slack * 0.3,
            ),
            limb(
                frames['forearm'],
                f'{side}_forearm',
                anatomy.FOREARM * arm,
                np.array([0.041, 0.044, 0.043, 0.038, 0.032, 0.028]) * thick,
                10,
            ),
            # Palms face inwards: the hand is flat in x.
            limb(
                (frames['hand'][0] @ rot_y(90), frames['hand'][1]),
                f'{side}_hand',
                anatomy.HAND * arm * 0.86,
                np.array([0.026, 0.038, 0.043, 0.042, 0.036, 0.026])
                * body.scale,
                8,
                0.5,
            ),
            _thumb(frames['hand'], side, sign, body),
            limb(
                frames['thigh'],
                f'{side}_thigh',
                anatomy.THIGH * leg,
                np.array(
                    [0.090, 0.092, 0.088, 0.082, 0.075, 0.067, 0.060, 0.057]
                )
                * thick
                * (0.5 + 0.5 * body.hips)
                + slack * 0.4,
                12,
                bulge=0.14,
            ),
            limb(
                frames['shank'],
                f'{side}_shank',
                anatomy.SHANK * leg,
                np.array(
                    [0.054, 0.057, 0.061, 0.058, 0.050, 0.043, 0.037, 0.036]
                )
                * thick
                + slack * 0.4,
                10,
                bulge=0.25,
                ends=(0.9, 0.4),
            ),
            _foot(frames['foot'], body, side, sign),
        ]
    return skins


def _thumb(frame, side, sign, body):
    rotation, origin = frame
    # The palm faces inwards: the thumb points forward.
    angle = 0.7
    tilt = np.array(
        [
            [1, 0, 0],
            [0, np.cos(angle), np.sin(angle)],
            [0, -np.sin(angle), np.cos(angle)],
        ]
    )
    start = origin + rotation @ (np.array([0, -0.03, 0.02]) * body.scale)
    return limb(
        (rotation @ tilt, start),
        f'{side}_hand',
        0.05 * body.scale,
        np.array([0.014, 0.013, 0.011]) * body.scale,
        6,
    )


def skirt_skin(figure, body, length):
    """Rings around both thighs from the waist down to ``length`` of them."""
    rings = []
    pelvis, _ = figure.frames['pelvis']
    t = np.linspace(0, length, 6)
    radius = (0.104 + 0.05 * t) * body.scale * (0.4 + 0.6 * body.girth)
    ends = {}
    for side, _ in SIDES:
        start, end = (figure.joints[f'{side}_{j}'] for j in ('hip', 'knee'))
        ends[side] = start + t[:, None] * (end - start)
    c, s = circle(18)
    turned = sum(figure.frames[f'{side}_thigh'][0][:, 2] for side, _ in SIDES)
    for i in range(len(t)):
        left, right = ends['left'][i], ends['right'][i]
        apart = left - right
        x_axis = apart / np.linalg.norm(apart)
        z_axis = turned - (turned @ x_axis) * x_axis
        z_axis /= np.linalg.norm(z_axis)
        half = np.linalg.norm(apart) / 2 + radius[i]
        rings.append(
            (left + right) / 2
            + np.outer(c, x_axis) * half
            + np.outer(s, z_axis) * radius[i] * 1.12
        )
    waist = figure.joints['spine_01']
    top = (
        waist
        + pelvis[:, 2] * 0.025 * body.scale
        + np.outer(c, pelvis[:, 0])
        * 0.158
        * body.scale
        * (body.hips + body.girth)
        / 2
        + np.outer(s, pelvis[:, 2])
        * 0.112
        * body.scale
        * (0.5 + 0.5 * body.girth)
    )
    points = np.array([top] + rings)
    return surface(points, None, 'skirt', np.concatenate([[-0.3], t]), c, s)
