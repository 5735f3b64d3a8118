"""Poses: anatomical joint angles, their distributions, and what they turn.

A pose is a dictionary. ``root``: degrees of the pelvis's pitch forwards, lean
and turn to the left; ``lumbar``, ``thoracic`` and ``cervical``: [flexion, bend
to the left, twist to the left] of the spine; ``elbow_flexion`` and the others
of ``LIMB_LIMITS``: [left, right].
"""

import itertools
from functools import lru_cache
from pathlib import Path

import numpy as np
import yaml
from scipy.spatial.transform import Rotation

from .body import Body, anatomy

# The axes (in columns) of a hanging arm, and of a leg: along it, the hinge of
# elbow or knee, the third.
HANGING = np.array([[0, -1, 0], [0, 0, 1], [-1, 0, 0]])
DOWN = np.array([[0, 1, 0], [0, 0, -1], [-1, 0, 0]])
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
# Degrees of each side; zero is standing with hanging arms, palms inwards.
LIMB_LIMITS = {
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
    'fingers': (0, 1),  # straight, a fist
}
LIMITS = SPINE_LIMITS | LIMB_LIMITS
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
    pose = {name: np.zeros(3) for name in ('root', *SPINE_LIMITS)}
    limbs = {name: np.zeros(2) for name in LIMB_LIMITS}
    return pose | limbs | dict(fingers=np.full(2, 0.3))


def clamped(pose: dict) -> dict:
    """The pose with every joint inside its limits."""
    return pose | {k: np.clip(pose[k], *pair) for k, pair in LIMITS.items()}


def blend(first: dict, second: dict, share: float) -> dict:
    """The pose at ``share`` of the way from ``first`` to ``second``."""
    return {k: v + share * (second[k] - v) for k, v in first.items()}


def mirror(pose: dict) -> dict:
    """The pose seen in a mirror: left becomes right."""
    return {
        name: value[::-1] if name in LIMB_LIMITS else value * [1, -1, -1]
        for name, value in pose.items()
    }


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
        pose[_SHORT[key]][:] = value
    return mirror(pose) if mirrored else pose


def sample_pose(rng, kind: str) -> dict:
    """A pose: two key poses blended and disturbed, or drawn joint by joint.

    The kind is 'everyday', 'yoga' or 'varied', as SpineTrack's parts are named.
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
    for name, limits in LIMITS.items():
        deviation = SPINE_DEVIATION.get(name) or [0.07 * np.ptp(limits)] * 2
        pose[name] = pose[name] + rng.normal(0, deviation) * size
    return clamped(dict(pose, fingers=rng.uniform(0, 1, 2)))


def _random_pose(rng) -> dict:
    """Every joint within its limits, most of them near the middle."""
    root = rng.normal(0, 35), rng.normal(0, 25), rng.uniform(-180, 180)
    if rng.random() < 0.2:
        root = rng.uniform([-180, -90, -180], [180, 90, 180])
    pose = dict(root=np.array(root))
    for name, (low, high) in LIMITS.items():
        law = (2, 2, 3) if name in SPINE_LIMITS else (1.3, 1.6, 2)
        pose[name] = low + rng.beta(*law) * np.subtract(high, low)
    return pose


def turn(axes: str, *degrees) -> np.ndarray:
    """(..., 3, 3) rotations about axes such as 'x' or 'zyz', the last of which
    turns first, by (...) degrees each."""
    angles = np.stack(degrees, -1).reshape(-1, len(axes))
    turns = Rotation.from_euler(axes.upper(), angles, degrees=True)
    return turns.as_matrix().reshape(*np.shape(degrees[0]), 3, 3)


def _about(axes, degrees) -> np.ndarray:
    """(N, 3, 3) rotations about (N, 3) vectors."""
    vectors = _unit(axes) * degrees[:, None]
    return Rotation.from_rotvec(vectors, degrees=True).as_matrix()


def _unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def bend(angles) -> np.ndarray:
    """(..., 3, 3) rotations of upright segments (forwards is -y, up is z) by
    (..., 3) degrees of flexion, bend and twist to the left."""
    flexion, lateral, twist = np.moveaxis(angles, -1, 0)
    return turn('yxz', lateral, flexion, twist)


def bend_angles(rotations) -> np.ndarray:
    """(..., 3) degrees that :func:`bend` makes these of."""
    angles = Rotation.from_matrix(rotations).as_euler('YXZ', degrees=True)
    return angles[..., [1, 0, 2]]


@lru_cache(maxsize=1)
def _pairs() -> dict:
    """Indices of the left and the right bone by name."""
    bone = anatomy().bone
    return {
        name.removesuffix('.L'): [i, bone[f'{name[:-1]}R']]
        for name, i in bone.items()
        if name.endswith('.L')
    }


def local_rotations(body: Body, pose: dict) -> np.ndarray:
    """(B, 3, 3) rotations for :func:`body.chain`, from anatomical angles."""
    bone, pairs, heads = anatomy().bone, _pairs(), body.heads
    local = np.tile(np.eye(3), (len(bone), 1, 1))
    spine = [pose[region] * shares for _, region, *shares in LEVELS]
    root, *turns = bend([[*pose['root'][:2], 0], *spine])
    local[0] = turn('z', pose['root'][2]) @ root
    for (name, *_), turned in zip(LEVELS, turns):
        local[bone[name]] = local[bone[name]] @ turned
    # From here on of both sides.
    sign, at = np.array([1.0, -1.0]), {n: heads[i] for n, i in pairs.items()}
    plane, raised = pose['shoulder_plane'], pose['shoulder_elevation']
    target = turn('zyz', -sign * plane, -sign * raised,
                  sign * (plane - pose['shoulder_rotation']))  # fmt: skip
    lower = at['wrist'] - at['lowerarm01']
    hinge = np.cross(at['lowerarm01'] - at['upperarm01'], lower)
    _limb(local, pairs, at, ('upperarm01', 'lowerarm01', 'wrist'),
          target @ HANGING, pose['elbow_flexion'], hinge)  # fmt: skip
    # The shoulder blade follows a third of the elevation beyond 30 degrees.
    girdle = turn('y', -sign * np.maximum(raised - 30, 0) * 0.28)
    local[pairs['clavicle']] = girdle
    upper = pairs['upperarm01']
    local[upper] = girdle.swapaxes(1, 2) @ local[upper]
    twist = _about(lower, -sign * pose['forearm_pronation'] / 2)
    local[pairs['lowerarm02']] = twist
    local[pairs['wrist']] = twist @ _about(hinge, pose['wrist_flexion'])
    curl = _about(
        at['finger2-1'] - at['finger5-1'], sign * 70 * pose['fingers']
    )
    for finger, joint in itertools.product('2345', '123'):
        local[pairs[f'finger{finger}-{joint}']] = curl
    target = turn('xyz', -pose['hip_flexion'], -sign * pose['hip_abduction'],
                  sign * pose['hip_rotation'])  # fmt: skip
    below, bent = _limb(local, pairs, at, ('upperleg01', 'lowerleg01', 'foot'),
                        target @ DOWN, pose['knee_flexion'],
                        np.eye(3)[:1])  # fmt: skip
    # In rest feet point outwards; bring them forwards first.
    toes = at['toe2-1'] - at['foot']
    yaw = np.degrees(np.arctan2(toes[:, 0], -toes[:, 1]))
    foot = turn('xyz', -pose['ankle_dorsiflexion'],
                sign * pose['ankle_inversion'], sign * 7 - yaw)  # fmt: skip
    local[pairs['foot']] = below.swapaxes(1, 2) @ bent @ DOWN.T @ foot
    return local


def _limb(local, pairs, at, bones, target, flexion, hinge):
    """Set the upper bone of both limbs along the frame ``target`` and the
    lower one bent about its hinge (in rest).

    Returns:
        tuple: World rotation of the lower bone, and its frame.
    """
    first, second, end = bones
    bent = target @ turn('y', flexion)
    upper = target @ _from_frame(at[second] - at[first], hinge)
    below = bent @ _from_frame(at[end] - at[second], hinge)
    local[pairs[first]] = upper
    local[pairs[second]] = upper.swapaxes(1, 2) @ below
    return below, bent


def _from_frame(along, hinge):
    """(N, 3, 3) to the axes of limbs: along them, their hinge made
    perpendicular, the third."""
    along, third = _unit(along), _unit(np.cross(along, hinge))
    return np.stack([along, np.cross(third, along), third], 1)
