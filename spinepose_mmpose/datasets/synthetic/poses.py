"""Poses: anatomical joint angles, their distributions, and motion capture."""

import itertools
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

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
    'lumbar': ((-30, 60), (-25, 25), (-12, 12)),
    'thoracic': ((-20, 40), (-25, 25), (-35, 35)),
    'cervical': ((-55, 45), (-40, 40), (-75, 75)),
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
ANGLES = tuple(f'{side}_{name}' for side, _, _ in SIDES for name in LIMITS)


@dataclass
class Pose:
    """Joint angles in degrees.

    Attributes:
        root: Pelvis: pitch forwards, lean to the left, turn to the left.
        spine: Region to [flexion, bend to the left, twist to the left].
        limbs: ``left_elbow_flexion`` and so on, one of each of ``ANGLES``.
        fingers: 0 straight to 1 a fist.
    """

    root: np.ndarray = field(default_factory=lambda: np.zeros(3))
    spine: dict = field(
        default_factory=lambda: {name: np.zeros(3) for name in SPINE_LIMITS}
    )
    limbs: dict = field(default_factory=lambda: dict.fromkeys(ANGLES, 0.0))
    fingers: float = 0.3

    def clamped(self) -> 'Pose':
        """This pose with every joint inside its limits."""
        for name, limits in SPINE_LIMITS.items():
            low, high = np.array(limits).T
            self.spine[name] = np.clip(self.spine[name], low, high)
        for name, value in self.limbs.items():
            self.limbs[name] = float(
                np.clip(value, *LIMITS[name.partition('_')[2]])
            )
        return self


def blend(first: Pose, second: Pose, share: float) -> Pose:
    """The pose at ``share`` of the way from ``first`` to ``second``."""

    def mix(a, b):
        return a + share * (b - a)

    return Pose(
        mix(first.root, second.root),
        {k: mix(first.spine[k], second.spine[k]) for k in first.spine},
        {k: mix(first.limbs[k], second.limbs[k]) for k in first.limbs},
        mix(first.fingers, second.fingers),
    )


def turn(axis, degrees: float) -> np.ndarray:
    """(3, 3) rotation about 'x', 'y', 'z' or a unit vector."""
    if isinstance(axis, str):
        axis = np.eye(3)['xyz'.index(axis)]
    return Rotation.from_rotvec(axis * np.radians(degrees)).as_matrix()


def bend(flexion, lateral, twist) -> np.ndarray:
    """Rotation of an upright segment: forwards is -y, up is z."""
    return Rotation.from_euler(
        'YXZ', [lateral, flexion, twist], degrees=True
    ).as_matrix()


def _frame(along, hinge):
    """Columns: along the limb, its hinge made perpendicular, the third."""
    along = along / np.linalg.norm(along)
    hinge = hinge - along * (along @ hinge)
    hinge = hinge / np.linalg.norm(hinge)
    return np.stack([along, hinge, np.cross(along, hinge)], 1)


def local_rotations(body: Body, pose: Pose) -> np.ndarray:
    """(B, 3, 3) rotations for :func:`body.chain`, from anatomical angles."""
    data = anatomy()
    local = np.tile(np.eye(3), (len(data.names), 1, 1))
    local[0] = turn('z', pose.root[2]) @ bend(pose.root[0], pose.root[1], 0)
    for bone, region, *shares in LEVELS:
        angles = pose.spine[region] * shares
        local[data.bone[bone]] = local[data.bone[bone]] @ bend(*angles)
    for side, end, sign in SIDES:
        angle = {k: pose.limbs[f'{side}_{k}'] for k in LIMITS}
        _arm(local, body.heads, data.bone, end, sign, angle)
        _leg(local, body.heads, data.bone, end, sign, angle)
        _hand(local, body.heads, data.bone, end, sign, pose.fingers)
    return local


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


def _arm(local, heads, bone, end, sign, angle):
    bones = [bone[f'{n}.{end}'] for n in ('upperarm01', 'lowerarm01', 'wrist')]
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
    local[bone[f'clavicle.{end}']] = girdle
    local[bones[0]] = girdle.T @ local[bones[0]]
    axis = heads[bones[2]] - heads[bones[1]]
    twist = turn(
        axis / np.linalg.norm(axis), -sign * angle['forearm_pronation'] / 2
    )
    local[bone[f'lowerarm02.{end}']] = twist
    local[bones[2]] = twist @ turn(hinge, angle['wrist_flexion'])


def _leg(local, heads, bone, end, sign, angle):
    bones = [bone[f'{n}.{end}'] for n in ('upperleg01', 'lowerleg01', 'foot')]
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
    toes = heads[bone[f'toe2-1.{end}']] - heads[bones[2]]
    yaw = np.degrees(np.arctan2(toes[0], -toes[1]))
    local[bones[2]] = (
        below.T
        @ (bent @ rest.T)
        @ turn('x', -angle['ankle_dorsiflexion'])
        @ turn('y', sign * angle['ankle_inversion'])
        @ turn('z', sign * 7 - yaw)
    )


def _hand(local, heads, bone, end, sign, curl):
    across = heads[bone[f'finger2-1.{end}']] - heads[bone[f'finger5-1.{end}']]
    curled = turn(across / np.linalg.norm(across) * sign, 70 * curl)
    for name in itertools.product('2345', '123'):
        local[bone['finger{}-{}.'.format(*name) + end]] = curled


# What the angles are called in ``key_poses.yml``.
_SHORT = {
    'plane': 'shoulder_plane', 'raise': 'shoulder_elevation',
    'turn': 'shoulder_rotation', 'elbow': 'elbow_flexion',
    'hip': 'hip_flexion', 'open': 'hip_abduction', 'out': 'hip_rotation',
    'knee': 'knee_flexion', 'ankle': 'ankle_dorsiflexion',
}  # fmt: skip


@lru_cache(maxsize=1)
def key_poses() -> dict:
    """``key_poses.yml``: group to name to differences from standing."""
    text = (Path(__file__).parent / 'key_poses.yml').read_text('utf-8')
    return yaml.safe_load(text)


def key_pose(name: str, mirrored: bool = False) -> Pose:
    """A pose of ``key_poses.yml`` by its name."""
    groups = key_poses()
    spec = dict({**groups['everyday'], **groups['sport']}[name])
    pose = Pose()
    pose.root[:2] = spec.pop('pelvis', (0, 0))
    for axis, key in enumerate(('spine', 'lateral', 'twist')):
        for region, value in zip(SPINE_LIMITS, spec.pop(key, (0, 0, 0))):
            pose.spine[region][axis] = value
    pose.limbs.update(left_shoulder_elevation=7, right_shoulder_elevation=7)
    for key, value in spec.items():
        pair = value if isinstance(value, list) else (value, value)
        for (side, _, _), degrees in zip(SIDES, pair):
            pose.limbs[f'{side}_{_SHORT[key]}'] = float(degrees)
    return mirror(pose) if mirrored else pose


def mirror(pose: Pose) -> Pose:
    """The pose seen in a mirror: left becomes right."""
    other = {'left': 'right', 'right': 'left'}
    limbs = {}
    for name, value in pose.limbs.items():
        side, _, angle = name.partition('_')
        limbs[f'{other[side]}_{angle}'] = value
    flip = np.array([1.0, -1.0, -1.0])
    spine = {name: value * flip for name, value in pose.spine.items()}
    return Pose(pose.root * flip, spine, limbs, pose.fingers)


def sample_pose(rng, kind: str) -> Pose:
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
        if abs(other.root - pose.root).max() < 60:
            pose = blend(pose, other, rng.uniform(0.15, 0.85))
    size = rng.uniform(0.3, 1.0) * (1.5 if kind == 'varied' else 1.0)
    pose.root += rng.normal(0, [5, 4, 0]) * size
    pose.root[2] = rng.uniform(-180, 180)
    for region, deviation in zip(
        SPINE_LIMITS, ([10, 6, 5], [8, 6, 9], [12, 9, 22])
    ):
        pose.spine[region] += rng.normal(0, deviation) * size
    for name in pose.limbs:
        low, high = LIMITS[name.partition('_')[2]]
        pose.limbs[name] += rng.normal(0, 0.07 * (high - low)) * size
    pose.fingers = rng.uniform(0, 1)
    return pose.clamped()


def _random_pose(rng) -> Pose:
    """Every joint within its limits, most of them near the middle."""
    pose = Pose(fingers=rng.uniform(0, 1))
    pose.root[:] = rng.normal(0, 35), rng.normal(0, 25), rng.uniform(-180, 180)
    if rng.random() < 0.2:
        pose.root[:2] = rng.uniform(-180, 180), rng.uniform(-90, 90)
    for region, limits in SPINE_LIMITS.items():
        low, high = np.array(limits, float).T
        pose.spine[region] = low + rng.beta(2, 2, 3) * (high - low)
    for name in pose.limbs:
        low, high = LIMITS[name.partition('_')[2]]
        pose.limbs[name] = low + rng.beta(1.3, 1.6) * (high - low)
    return pose
