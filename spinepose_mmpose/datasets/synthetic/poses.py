"""Poses: anatomical joint angles, their distributions, and what they turn.

A pose is a dictionary. ``root``: degrees of the pelvis's pitch forwards, lean
and turn to the left; ``lumbar``, ``thoracic`` and ``cervical``: [flexion, bend
to the left, twist to the left] of the spine; ``left_elbow_flexion`` and so on,
of each side and each of ``LIMITS``; ``fingers``: 0 straight to 1 a fist.
"""

import itertools
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import yaml
from scipy.spatial.transform import Rotation

from .body import Body, anatomy

SIDES = (('left', 'L', 1.0), ('right', 'R', -1.0))
# Joints of the spine from below, each turning what lies above it: the bone,
# and its share of the flexion, lateral bend and twist of lumbar, thoracic and
# cervical spine (White and Panjabi, Clinical Biomechanics of the Spine,
# 1990: lumbar segments flex, thoracic ones twist, C1/C2 does half of the
# neck's rotation).
LEVELS = (
    ('spine04', 'lumbar', 0.40, 0.30, 0.25),
    ('spine03', 'lumbar', 0.35, 0.35, 0.35),
    ('spine02', 'lumbar', 0.25, 0.35, 0.40),
    ('spine02', 'thoracic', 0.45, 0.45, 0.45),
    ('spine01', 'thoracic', 0.55, 0.55, 0.55),
    ('neck01', 'cervical', 0.30, 0.35, 0.15),
    ('neck02', 'cervical', 0.25, 0.25, 0.15),
    ('neck03', 'cervical', 0.25, 0.25, 0.30),
    ('head', 'cervical', 0.20, 0.15, 0.40),
)
# Degrees: lowest and highest [flexion, bend to the left, twist to the left].
SPINE_LIMITS = {
    'lumbar': ((-30, -25, -12), (60, 25, 12)),
    'thoracic': ((-20, -25, -35), (40, 25, 35)),
    'cervical': ((-55, -40, -75), (45, 40, 75)),
}
# Degrees of both sides; zero is standing with hanging arms, palms inwards.
LIMITS = {
    'shoulder_plane': (-60, 130),  # 0 sideways, 90 forwards
    'shoulder_elevation': (0, 175),
    'shoulder_rotation': (-80, 80),
    'elbow_flexion': (0, 145),
    'forearm_pronation': (-80, 80),
    'wrist_flexion': (-60, 60),
    'hip_flexion': (-25, 130),
    'hip_abduction': (-25, 70),
    'hip_rotation': (-45, 50),
    'knee_flexion': (0, 150),
    'ankle_dorsiflexion': (-50, 25),
    'ankle_inversion': (-20, 25),
}
ALL_LIMITS = {name: np.array(pair) for name, pair in SPINE_LIMITS.items()} | {
    f'{side}_{name}': pair
    for side, _, _ in SIDES
    for name, pair in LIMITS.items()
}
# Of the disturbance of a pose, in degrees.
SPINE_DEVIATION = dict(
    lumbar=[10, 6, 5], thoracic=[8, 6, 9], cervical=[12, 9, 22]
)
# What the angles are called in ``key_poses.yml``.
_SHORT = {
    'plane': 'shoulder_plane', 'raise': 'shoulder_elevation',
    'turn': 'shoulder_rotation', 'elbow': 'elbow_flexion',
    'hip': 'hip_flexion', 'open': 'hip_abduction', 'out': 'hip_rotation',
    'knee': 'knee_flexion', 'ankle': 'ankle_dorsiflexion',
}  # fmt: skip


def standing() -> dict:
    pose = {name: 0.0 * low for name, (low, _) in ALL_LIMITS.items()}
    return dict(pose, root=np.zeros(3), fingers=0.3)


def clamped(pose: dict) -> dict:
    """The pose with every joint inside its limits."""
    return pose | {
        name: np.clip(pose[name], *limits)
        for name, limits in ALL_LIMITS.items()
    }


def blend(first: dict, second: dict, share: float) -> dict:
    """The pose at ``share`` of the way from ``first`` to ``second``."""
    return {k: v + share * (second[k] - v) for k, v in first.items()}


def mirror(pose: dict) -> dict:
    """The pose seen in a mirror: left becomes right."""
    other, flipped = {'left': 'right', 'right': 'left'}, {}
    for name, value in pose.items():
        side, line, angle = name.partition('_')
        sign = [1, -1, -1] if np.ndim(value) else 1
        flipped[other.get(side, side) + line + angle] = value * sign
    return flipped


@lru_cache(maxsize=1)
def key_poses() -> dict:
    """``key_poses.yml``: group to name to differences from standing."""
    text = (Path(__file__).parent / 'key_poses.yml').read_text('utf-8')
    return yaml.safe_load(text)


def key_pose(name: str, mirrored: bool = False) -> dict:
    """A pose of ``key_poses.yml`` by its name."""
    groups = key_poses()
    spec = dict({**groups['everyday'], **groups['sport']}[name])
    pose = standing()
    pose['root'][:2] = spec.pop('pelvis', (0, 0))
    for axis, key in enumerate(('spine', 'lateral', 'twist')):
        for region, value in zip(SPINE_LIMITS, spec.pop(key, (0, 0, 0))):
            pose[region][axis] = value
    for key, value in {'raise': 7, **spec}.items():
        pair = value if isinstance(value, list) else (value, value)
        for (side, _, _), degrees in zip(SIDES, pair):
            pose[f'{side}_{_SHORT[key]}'] = degrees
    return mirror(pose) if mirrored else pose


def sample_pose(rng, kind: str) -> dict:
    """A pose: two key poses blended and disturbed, or drawn joint by joint.

    Args:
        rng (numpy.random.Generator): Source of randomness.
        kind (str): ``'everyday'``, ``'yoga'`` or ``'varied'``, as the parts of
            SpineTrack are called.
    """
    if kind == 'varied' and rng.random() < 0.35:
        return _random_pose(rng)
    group = 'everyday' if kind == 'everyday' else 'sport'
    if kind == 'varied' and rng.random() < 0.4:
        group = 'everyday'
    names = list(key_poses()[group])
    mirrored = bool(rng.random() < 0.5)
    pose = key_pose(str(rng.choice(names)), mirrored)
    if rng.random() < 0.35:
        other = key_pose(str(rng.choice(names)), mirrored)
        if abs(other['root'] - pose['root']).max() < 60:
            pose = blend(pose, other, rng.uniform(0.15, 0.85))
    size = rng.uniform(0.3, 1.0) * (1.5 if kind == 'varied' else 1.0)
    pose['root'] += rng.normal(0, [5, 4, 0]) * size
    pose['root'][2] = rng.uniform(-180, 180)
    for name in [name for name in pose if name in ALL_LIMITS]:
        deviation = SPINE_DEVIATION.get(name) or 0.07 * np.ptp(ALL_LIMITS[name])
        pose[name] = pose[name] + rng.normal(0, deviation) * size
    pose['fingers'] = rng.uniform(0, 1)
    return clamped(pose)


def _random_pose(rng) -> dict:
    """Every joint within its limits, most of them near the middle."""
    pose = dict(fingers=rng.uniform(0, 1))
    root = rng.normal(0, 35), rng.normal(0, 25), rng.uniform(-180, 180)
    pose['root'] = np.array(root)
    if rng.random() < 0.2:
        pose['root'][:2] = rng.uniform(-180, 180), rng.uniform(-90, 90)
    for name, (low, high) in ALL_LIMITS.items():
        law, size = ((2, 2), 3) if name in SPINE_LIMITS else ((1.3, 1.6), None)
        pose[name] = low + rng.beta(*law, size) * np.subtract(high, low)
    return pose


def turn(axis, degrees: float) -> np.ndarray:
    """(3, 3) rotation about 'x', 'y', 'z' or a unit vector."""
    if isinstance(axis, str):
        axis = np.eye(3)['xyz'.index(axis)]
    return cv2.Rodrigues(np.radians(degrees) * axis)[0]


def bend(angles) -> np.ndarray:
    """(..., 3, 3) rotations of upright segments (forwards is -y, up is z) by
    (..., 3) degrees of flexion, bend and twist to the left."""
    angles = np.asarray(angles)[..., [1, 0, 2]]
    return Rotation.from_euler('YXZ', angles, degrees=True).as_matrix()


def bend_angles(rotations) -> np.ndarray:
    """(..., 3) degrees that :func:`bend` makes these of."""
    angles = Rotation.from_matrix(rotations).as_euler('YXZ', degrees=True)
    return angles[..., [1, 0, 2]]


def local_rotations(body: Body, pose: dict) -> np.ndarray:
    """(B, 3, 3) rotations for :func:`body.chain`, from anatomical angles."""
    bone, heads = anatomy().bone, body.heads
    local = np.tile(np.eye(3), (len(bone), 1, 1))
    spine = [pose[region] * shares for _, region, *shares in LEVELS]
    root, *turns = bend([[*pose['root'][:2], 0], *spine])
    local[0] = turn('z', pose['root'][2]) @ root
    for (name, *_), turned in zip(LEVELS, turns):
        local[bone[name]] = local[bone[name]] @ turned
    for side, end, sign in SIDES:
        own = {name.removesuffix(f'.{end}'): i for name, i in bone.items()}
        angle = {name: pose[f'{side}_{name}'] for name in LIMITS}
        _arm(local, heads, own, sign, angle)
        _leg(local, heads, own, sign, angle)
        across = heads[own['finger2-1']] - heads[own['finger5-1']]
        curl = sign * 70 * pose['fingers']
        curled = turn(across / np.linalg.norm(across), curl)
        for finger, joint in itertools.product('2345', '123'):
            local[own[f'finger{finger}-{joint}']] = curled
    return local


def _frame(along, hinge):
    """Columns: along the limb, its hinge made perpendicular, the third."""
    along = along / np.linalg.norm(along)
    hinge = hinge - along * (along @ hinge)
    hinge = hinge / np.linalg.norm(hinge)
    return np.stack([along, hinge, np.cross(along, hinge)], 1)


def _limb(local, heads, bones, target, flexion, hinge=None):
    """Set the upper bone of a limb along the frame ``target`` and the lower
    one bent about its hinge (in rest; default: perpendicular to both bones).

    Returns:
        tuple: World rotation of the lower bone, its frame, and the hinge.
    """
    first, second, end = bones
    upper, lower = heads[second] - heads[first], heads[end] - heads[second]
    if hinge is None:
        hinge = np.cross(upper, lower)
    bent = turn(target[:, 1], flexion) @ target
    local[first] = target @ _frame(upper, hinge).T
    below = bent @ _frame(lower, hinge).T
    local[second] = local[first].T @ below
    return below, bent, hinge / np.linalg.norm(hinge)


def _arm(local, heads, bone, sign, angle):
    bones = upper, lower, wrist = [
        bone[name] for name in ('upperarm01', 'lowerarm01', 'wrist')
    ]
    plane = turn('z', -sign * angle['shoulder_plane'])
    target = (
        plane
        @ turn('y', -sign * angle['shoulder_elevation'])
        @ plane.T
        @ turn('z', -sign * angle['shoulder_rotation'])
        @ np.array([[0, -1, 0], [0, 0, 1], [-1, 0, 0]])  # hanging
    )
    _, _, hinge = _limb(local, heads, bones, target, angle['elbow_flexion'])
    # The shoulder blade follows a third of the elevation beyond 30 degrees.
    girdle = turn('y', -sign * max(angle['shoulder_elevation'] - 30, 0) * 0.28)
    local[bone['clavicle']] = girdle
    local[upper] = girdle.T @ local[upper]
    axis = heads[wrist] - heads[lower]
    twist = turn(
        axis / np.linalg.norm(axis), -sign * angle['forearm_pronation'] / 2
    )
    local[bone['lowerarm02']] = twist
    local[wrist] = twist @ turn(hinge, angle['wrist_flexion'])


def _leg(local, heads, bone, sign, angle):
    bones = [bone[name] for name in ('upperleg01', 'lowerleg01', 'foot')]
    rest = np.array([[0, 1, 0], [0, 0, -1], [-1, 0, 0]])
    target = (
        turn('x', -angle['hip_flexion'])
        @ turn('y', -sign * angle['hip_abduction'])
        @ turn('z', sign * angle['hip_rotation'])
        @ rest
    )
    below, bent, _ = _limb(
        local, heads, bones, target, angle['knee_flexion'], np.eye(3)[0]
    )
    # In rest feet point outwards; bring them forwards first.
    toes = heads[bone['toe2-1']] - heads[bone['foot']]
    yaw = np.degrees(np.arctan2(toes[0], -toes[1]))
    local[bone['foot']] = (
        below.T
        @ (bent @ rest.T)
        @ turn('x', -angle['ankle_dorsiflexion'])
        @ turn('y', sign * angle['ankle_inversion'])
        @ turn('z', sign * 7 - yaw)
    )
