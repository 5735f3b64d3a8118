"""Random poses: families of everyday, yoga and free movements.

Trunk and neck movements are given as fractions of the range of motion, so
that every vertebral level takes its anatomical share.
"""

import math

import numpy as np

from . import anatomy
from .skeleton import Pose

LIMITS = np.array(anatomy.SPINE_LIMITS)


def bend_spine(pose, rng, joints, flexion=0.0, bend=0.0, twist=0.0):
    """Add a movement over ``joints``; 1 is the full range of each."""
    limits = LIMITS[joints]
    jitter = rng.uniform(0.7, 1.2, (len(limits), 3))
    reach = limits[:, 1] if flexion > 0 else limits[:, 0]
    pose.spine[joints] += jitter * np.stack(
        [flexion * reach, bend * limits[:, 2], twist * limits[:, 3]], 1
    )


def _trunk(pose, rng, flexion=0.0, bend=0.0, twist=0.0):
    bend_spine(pose, rng, anatomy.TRUNK_JOINTS, flexion, bend, twist)


def _neck(pose, rng, flexion=0.0, bend=0.0, twist=0.0):
    bend_spine(pose, rng, anatomy.NECK_JOINTS, flexion, bend, twist)


def _look_around(pose, rng):
    _neck(
        pose,
        rng,
        rng.normal(0.05, 0.3),
        rng.normal(0, 0.2),
        rng.normal(0, 0.35),
    )


def _set(pose, side, **angles):
    for name, value in angles.items():
        pose.limbs[f'{side}_{name}'] = value


def _arm(pose, rng, side, style):
    """Put one arm in a named style."""
    u = rng.uniform
    plane, elevation, rotation, elbow = {
        'hang': lambda: (u(0, 60), u(4, 20), u(-10, 20), u(2, 30)),
        'bent': lambda: (u(20, 70), u(8, 30), u(-20, 25), u(50, 125)),
        'akimbo': lambda: (u(-35, -10), u(32, 45), u(45, 60), u(85, 105)),
        'up': lambda: (u(20, 90), u(130, 176), u(-30, 30), u(0, 45)),
        'side': lambda: (u(-15, 25), u(55, 105), u(-80, 20), u(0, 80)),
        'forward': lambda: (u(70, 95), u(45, 115), u(-20, 30), u(0, 60)),
        'back': lambda: (u(-75, -50), u(15, 40), u(-10, 20), u(0, 40)),
        'head': lambda: (u(10, 40), u(105, 130), u(-60, -40), u(115, 140)),
    }[style]()
    _set(
        pose,
        side,
        shoulder_plane=plane,
        shoulder_elevation=elevation,
        shoulder_rotation=rotation,
        elbow_flexion=elbow,
        wrist_flexion=rng.normal(0, 12),
    )


def _free_arms(pose, rng):
    styles = ('hang', 'bent', 'akimbo', 'up', 'side', 'forward', 'back', 'head')
    odds = (0.36, 0.18, 0.07, 0.11, 0.11, 0.10, 0.04, 0.03)
    left = str(rng.choice(styles, p=odds))
    right = left if rng.random() < 0.5 else str(rng.choice(styles, p=odds))
    _arm(pose, rng, 'left', left)
    _arm(pose, rng, 'right', right)


def _both_arms(pose, rng, style):
    for side in ('left', 'right'):
        _arm(pose, rng, side, style)


def _leg(pose, side, thigh, knee, abduction=5.0, rotation=0.0, flat=True):
    """``thigh`` leans forward from the vertical of the world."""
    hip = thigh + pose.pitch
    # The sole is level when pitch - hip + knee - dorsiflexion is zero.
    level = pose.pitch - hip + knee if flat else -20.0
    _set(
        pose,
        side,
        hip_flexion=hip,
        hip_abduction=abduction,
        hip_rotation=rotation,
        knee_flexion=knee,
        ankle_dorsiflexion=level,
    )


def _both_legs(pose, rng, thigh, knee, abduction=6.0, rotation=-8.0, **kwargs):
    for side in ('left', 'right'):
        _leg(
            pose,
            side,
            thigh + rng.normal(0, 2),
            knee + abs(rng.normal(0, 2)),
            abduction,
            rotation,
            **kwargs,
        )


def _sides(rng):
    return ('left', 'right') if rng.random() < 0.5 else ('right', 'left')


def stand(pose, rng):
    pose.pitch = rng.normal(0, 3)
    _trunk(
        pose,
        rng,
        rng.normal(0.03, 0.2),
        rng.normal(0, 0.12),
        rng.normal(0, 0.15),
    )
    _both_legs(
        pose, rng, rng.uniform(-2, 4), rng.uniform(0, 8), rng.uniform(0, 12)
    )
    if rng.random() < 0.4:  # the weight on one leg
        side = _sides(rng)[0]
        pose.roll = rng.normal(0, 3)
        _leg(
            pose,
            side,
            rng.uniform(8, 20),
            rng.uniform(15, 35),
            rng.uniform(5, 12),
            -12,
        )
    _free_arms(pose, rng)


def walk(pose, rng):
    front, back = _sides(rng)
    stride = rng.uniform(10, 28)
    pose.pitch = rng.uniform(0, 6)
    _trunk(
        pose, rng, rng.normal(0, 0.12), 0, (0.12 if front == 'right' else -0.12)
    )
    _leg(pose, front, stride, rng.uniform(2, 14), 2)
    _leg(pose, back, -stride * 0.8, rng.uniform(8, 40), 2, flat=False)
    swing = rng.uniform(0.7, 1.3) * stride
    _arm(pose, rng, front, 'hang')
    _arm(pose, rng, back, 'hang')
    _set(pose, front, shoulder_plane=-80, shoulder_elevation=swing)
    _set(pose, back, shoulder_plane=80, shoulder_elevation=swing)


def run(pose, rng):
    front, back = _sides(rng)
    pose.pitch = rng.uniform(5, 18)
    twist = rng.uniform(0.1, 0.4)
    _trunk(
        pose,
        rng,
        rng.normal(0.05, 0.12),
        0,
        twist if front == 'right' else -twist,
    )
    _leg(pose, front, rng.uniform(30, 75), rng.uniform(40, 105), 2, flat=False)
    _leg(pose, back, rng.uniform(-25, -8), rng.uniform(5, 70), 2, flat=False)
    _set(
        pose,
        front,
        shoulder_plane=-75,
        shoulder_elevation=rng.uniform(25, 50),
        elbow_flexion=rng.uniform(70, 105),
    )
    _set(
        pose,
        back,
        shoulder_plane=80,
        shoulder_elevation=rng.uniform(20, 55),
        shoulder_rotation=20,
        elbow_flexion=rng.uniform(80, 110),
    )


def squat(pose, rng):
    thigh, shin = rng.uniform(50, 105), rng.uniform(14, 30)
    pose.pitch = rng.uniform(12, 40)
    _trunk(pose, rng, rng.uniform(-0.3, 0.5), 0, rng.normal(0, 0.1))
    _both_legs(pose, rng, thigh, thigh + shin, rng.uniform(5, 25), -20)
    _both_arms(pose, rng, str(rng.choice(['forward', 'bent', 'up'])))


def sit(pose, rng):
    pose.seat = True
    pose.pitch = rng.uniform(-14, 10)
    _trunk(
        pose,
        rng,
        rng.uniform(-0.2, 0.75),
        rng.normal(0, 0.15),
        rng.normal(0, 0.2),
    )
    _both_legs(
        pose, rng, rng.uniform(80, 92), rng.uniform(75, 105), rng.uniform(2, 18)
    )
    for side in ('left', 'right'):
        _arm(pose, rng, side, str(rng.choice(['hang', 'bent', 'forward'])))


def lift(pose, rng):
    """Bend to the floor, with a flat or a round back."""
    round_back = rng.random() < 0.5
    pose.pitch = rng.uniform(20, 50) if round_back else rng.uniform(40, 80)
    _trunk(
        pose,
        rng,
        rng.uniform(0.5, 1) if round_back else rng.uniform(-0.3, 0.15),
        rng.normal(0, 0.15),
        rng.normal(0, 0.15),
    )
    thigh = rng.uniform(5, 45)
    _both_legs(
        pose, rng, thigh, thigh * rng.uniform(1.0, 1.4), rng.uniform(3, 15)
    )
    _both_arms(pose, rng, 'forward')
    for side in ('left', 'right'):
        _set(pose, side, shoulder_elevation=rng.uniform(55, 95))


def kneel(pose, rng):
    pose.pitch = rng.normal(0, 6)
    _trunk(
        pose,
        rng,
        rng.uniform(-0.4, 0.4),
        rng.normal(0, 0.2),
        rng.normal(0, 0.2),
    )
    front, back = _sides(rng)
    _leg(pose, back, 2, 92, 4)
    _set(pose, back, ankle_dorsiflexion=-48)
    if rng.random() < 0.5:
        _leg(pose, front, rng.uniform(80, 90), rng.uniform(80, 98), 8)
    else:
        _leg(pose, front, 2, 92, 4)
        _set(pose, front, ankle_dorsiflexion=-48)
    _free_arms(pose, rng)


def reach(pose, rng):
    stand(pose, rng)
    _both_arms(pose, rng, 'up')
    _trunk(pose, rng, rng.uniform(-0.5, 0.1), rng.normal(0, 0.25))


def turn(pose, rng):
    stand(pose, rng)
    way = rng.choice([-1, 1]) * rng.uniform(0.4, 1)
    _trunk(pose, rng, 0, 0, way)
    _neck(pose, rng, 0, 0, way * 0.6)


def forward_fold(pose, rng):
    pose.pitch = rng.uniform(50, 100)
    _trunk(pose, rng, rng.uniform(0.4, 1))
    _neck(pose, rng, rng.uniform(-0.2, 0.5))
    _both_legs(pose, rng, rng.uniform(0, 8), rng.uniform(0, 10))
    _both_arms(pose, rng, 'forward')
    for side in ('left', 'right'):
        _set(pose, side, shoulder_elevation=rng.uniform(95, 150))


def back_bend(pose, rng):
    pose.pitch = rng.uniform(-18, 0)
    _trunk(pose, rng, rng.uniform(-1, -0.5))
    _neck(pose, rng, rng.uniform(-0.8, 0))
    _both_legs(pose, rng, rng.uniform(-6, 4), rng.uniform(0, 15))
    _both_arms(pose, rng, str(rng.choice(['up', 'akimbo', 'up', 'back'])))


def side_bend(pose, rng):
    way = rng.choice([-1, 1])
    pose.roll = way * rng.uniform(-4, 8)
    _trunk(pose, rng, rng.normal(0, 0.1), way * rng.uniform(0.4, 1))
    _neck(pose, rng, 0, way * rng.uniform(0, 0.8))
    _both_legs(
        pose, rng, rng.uniform(0, 4), rng.uniform(0, 6), rng.uniform(2, 22)
    )
    low, high = ('left', 'right') if way > 0 else ('right', 'left')
    _arm(pose, rng, high, 'up')
    _arm(pose, rng, low, str(rng.choice(['hang', 'up', 'akimbo'])))


def triangle(pose, rng):
    way = rng.choice([-1, 1])
    pose.roll = way * rng.uniform(20, 38)
    _trunk(
        pose,
        rng,
        rng.normal(0, 0.1),
        way * rng.uniform(0.2, 0.8),
        -way * rng.uniform(0, 0.4),
    )
    spread = rng.uniform(20, 32)
    for side, sign in (('left', 1), ('right', -1)):
        # The legs stay where they are while the pelvis rolls.
        _leg(pose, side, 0, 3, spread + sign * pose.roll * 0.6, -15)
        _set(
            pose,
            side,
            shoulder_plane=rng.normal(0, 6),
            shoulder_elevation=rng.uniform(80, 100),
            elbow_flexion=4,
        )


def lunge(pose, rng):
    front, back = _sides(rng)
    pose.pitch = rng.uniform(-5, 12)
    thigh, shin = rng.uniform(45, 85), rng.uniform(-5, 8)
    height = math.cos(math.radians(thigh)) + math.cos(math.radians(shin))
    behind = -math.degrees(math.acos(height / 2))
    _leg(pose, front, thigh, thigh + shin, 4)
    _leg(pose, back, behind, 4, 4)
    if behind + pose.pitch < -25:  # the hip joint stops here: tip the pelvis
        pose.pitch = -25 - behind
        _leg(pose, front, thigh, thigh + shin, 4)
        _leg(pose, back, behind, 4, 4)
    _set(pose, back, ankle_dorsiflexion=5)
    _trunk(
        pose,
        rng,
        -min(pose.pitch / 60, 0.8),
        rng.normal(0, 0.15),
        rng.normal(0, 0.3),
    )
    _both_arms(pose, rng, str(rng.choice(['up', 'side', 'akimbo'])))


def tree(pose, rng):
    stands, lifted = _sides(rng)
    pose.roll = rng.normal(0, 2)
    _trunk(pose, rng, rng.normal(-0.1, 0.15), rng.normal(0, 0.1))
    _leg(pose, stands, 0, 2, 2)
    _leg(
        pose,
        lifted,
        rng.uniform(45, 80),
        rng.uniform(110, 135),
        rng.uniform(30, 44),
        -40,
        flat=False,
    )
    _both_arms(pose, rng, str(rng.choice(['up', 'side', 'bent'])))


def cobra(pose, rng):
    pose.pitch = rng.uniform(66, 84)
    _trunk(pose, rng, rng.uniform(-1, -0.6))
    _neck(pose, rng, rng.uniform(-0.9, -0.2))
    for side in ('left', 'right'):
        _set(
            pose,
            side,
            hip_flexion=pose.pitch - 92,
            hip_abduction=5,
            knee_flexion=2,
            ankle_dorsiflexion=-50,
            shoulder_plane=85,
            shoulder_elevation=rng.uniform(25, 55),
            elbow_flexion=rng.uniform(5, 35),
            wrist_flexion=0,
        )


def all_fours(pose, rng):
    """Cat, cow and in between."""
    pose.pitch = rng.uniform(68, 84)
    flexion = rng.uniform(-0.9, 0.9)
    _trunk(pose, rng, flexion)
    _neck(
        pose, rng, flexion * 0.8 - 0.2, rng.normal(0, 0.2), rng.normal(0, 0.2)
    )
    thorax = pose.pitch + pose.spine[:5, 0].sum()
    for side in ('left', 'right'):
        _set(
            pose,
            side,
            hip_flexion=pose.pitch + rng.normal(0, 5),
            hip_abduction=4,
            knee_flexion=90,
            ankle_dorsiflexion=-45,
            shoulder_plane=88,
            shoulder_elevation=thorax + rng.normal(0, 4),
            elbow_flexion=rng.uniform(2, 12),
        )
    pose.contacts = ('knee', 'wrist')


def down_dog(pose, rng):
    pose.pitch = rng.uniform(115, 138)
    _trunk(pose, rng, rng.uniform(-0.2, 0.4))
    _neck(pose, rng, rng.uniform(-0.3, 0.4))
    for side in ('left', 'right'):
        _set(
            pose,
            side,
            hip_flexion=pose.pitch - rng.uniform(25, 38),
            hip_abduction=4,
            knee_flexion=rng.uniform(0, 12),
            ankle_dorsiflexion=15,
            shoulder_plane=85,
            shoulder_elevation=rng.uniform(150, 176),
            elbow_flexion=rng.uniform(0, 8),
        )
    pose.contacts = ('ankle', 'wrist')


def plank(pose, rng):
    pose.pitch = 78
    _trunk(pose, rng, rng.uniform(-0.3, 0.4))
    _neck(pose, rng, rng.uniform(-0.4, 0.3))
    for side in ('left', 'right'):
        _set(
            pose,
            side,
            hip_flexion=rng.uniform(-6, 10),
            hip_abduction=4,
            knee_flexion=2,
            ankle_dorsiflexion=10,
            shoulder_plane=88,
            shoulder_elevation=rng.uniform(68, 84),
            elbow_flexion=rng.uniform(0, 15),
        )
    pose.contacts = ('ankle', 'wrist')


def child(pose, rng):
    """Sit on the heels and fold over the knees."""
    pose.pitch = rng.uniform(50, 62)
    _trunk(pose, rng, rng.uniform(0.6, 1))
    _neck(pose, rng, rng.uniform(-0.3, 0.5))
    _both_legs(pose, rng, 62, 148, 10, 0, flat=False)
    _both_arms(pose, rng, 'up')
    for side in ('left', 'right'):
        _set(pose, side, ankle_dorsiflexion=-50)


def floor_sit(pose, rng):
    """Legs out: upright, slumped, or folded forward."""
    fold = rng.uniform(0, 1)
    pose.pitch = -15 + 45 * fold
    _trunk(
        pose,
        rng,
        rng.uniform(-0.2, 0.6) + 0.4 * fold,
        rng.normal(0, 0.1),
        rng.normal(0, 0.3),
    )
    for side in ('left', 'right'):
        _leg(
            pose,
            side,
            rng.uniform(86, 92),
            rng.uniform(0, 8),
            rng.uniform(2, 25),
            flat=False,
        )
    _both_arms(pose, rng, 'forward')
    for side in ('left', 'right'):
        _set(pose, side, shoulder_elevation=45 + 65 * fold)


def cross_legs(pose, rng):
    pose.pitch = rng.uniform(-10, 8)
    _trunk(
        pose,
        rng,
        rng.uniform(-0.3, 0.6),
        rng.normal(0, 0.3),
        rng.normal(0, 0.4),
    )
    for side in ('left', 'right'):
        _leg(
            pose,
            side,
            rng.uniform(66, 74),
            rng.uniform(116, 126),
            44,
            -44,
            flat=False,
        )
    _both_arms(pose, rng, str(rng.choice(['bent', 'forward', 'up'])))


def lie(pose, rng):
    face_up = rng.random() < 0.5
    pose.pitch = -90 if face_up else 88
    pose.roll = rng.normal(0, 8)
    _trunk(
        pose,
        rng,
        rng.uniform(-0.3, 0.3),
        rng.normal(0, 0.3),
        rng.normal(0, 0.1),
    )
    for side in ('left', 'right'):
        raised = face_up and rng.random() < 0.5
        hip = rng.uniform(35, 55) if raised else 0
        _set(
            pose,
            side,
            hip_flexion=hip,
            hip_abduction=rng.uniform(2, 20),
            knee_flexion=hip * 2 if raised else rng.uniform(0, 5),
            ankle_dorsiflexion=-35,
        )
        _arm(pose, rng, side, str(rng.choice(['hang', 'side', 'up'])))
        _set(pose, side, shoulder_plane=0)


def anything(pose, rng):
    """Every joint at random over most of its range, standing or not."""
    pose.pitch, pose.roll = rng.normal(10, 25), rng.normal(0, 12)
    _trunk(
        pose,
        rng,
        rng.uniform(-0.9, 0.9),
        rng.uniform(-0.8, 0.8),
        rng.uniform(-0.8, 0.8),
    )
    for side in ('left', 'right'):
        thigh = rng.uniform(-10, 80)
        _leg(
            pose,
            side,
            thigh,
            max(rng.uniform(-10, 30) + thigh, 0),
            rng.uniform(-2, 35),
            rng.uniform(-30, 10),
        )
    _free_arms(pose, rng)


EVERYDAY = {
    stand: 5, walk: 4, run: 2, squat: 1, sit: 3, lift: 1.5, kneel: 1,
    reach: 1.5, turn: 1.5, floor_sit: 0.5
}  # fmt: skip
YOGA = {
    forward_fold: 2, back_bend: 2, side_bend: 2.5, triangle: 1.5, lunge: 1.5,
    tree: 1, cobra: 1.5, all_fours: 2, down_dog: 1.5, plank: 1, child: 1,
    floor_sit: 1.5, cross_legs: 1.5, squat: 0.5, turn: 1
}  # fmt: skip
VARIED = {**EVERYDAY, **YOGA, lie: 1.5, anything: 6}
MIXTURES = {'everyday': EVERYDAY, 'yoga': YOGA, 'varied': VARIED}


def sample_pose(rng, kind):
    """A pose of the mixture ``kind`` inside all joint limits, any yaw."""
    families = MIXTURES[kind]
    odds = np.array(list(families.values()), float)
    family = list(families)[rng.choice(len(odds), p=odds / odds.sum())]
    return finish_pose(family, rng)


def finish_pose(family, rng):
    """Run one family, then couple the shoulder girdle, turn and clamp."""
    pose = Pose()
    _look_around(pose, rng)
    family(pose, rng)
    for side in ('left', 'right'):
        lifted = pose.limbs[f'{side}_shoulder_elevation']
        # Scapulohumeral rhythm: above 60 degrees the girdle rises as well.
        pose.limbs[f'{side}_clavicle_elevation'] += max(
            lifted - 60, 0
        ) * 0.22 + rng.normal(0, 2)
        pose.limbs[f'{side}_clavicle_protraction'] += rng.normal(0, 4)
    pose.yaw = rng.uniform(-180, 180)
    return pose.clamp()
