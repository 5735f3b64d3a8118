"""Forward kinematics: a build and a pose give joints in metres."""

from dataclasses import dataclass, field

from spinepose_mmpose.metainfo import KEYPOINT_NAMES

import numpy as np

from . import anatomy
from .rotation import rot_x, rot_y, rot_z

SIDES = (('left', 1.0), ('right', -1.0))
LIMB_DOFS = tuple(
    f'{side}_{dof}' for side, _ in SIDES for dof in anatomy.LIMB_LIMITS
)


@dataclass
class Pose:
    """Joint angles in degrees; zero everywhere is relaxed standing.

    Attributes:
        pitch, roll, yaw: Pelvis: lean forward, lean left, turn left.
        spine: (9, 3) flexion, bend to the left, twist to the left at each of
            ``anatomy.STATIONS``.
        limbs: ``left_elbow_flexion`` and so on, every one of ``LIMB_DOFS``.
        contacts: Two joint names without side that both rest on the ground;
            the body is tipped until they do. Empty: no tipping.
        seat: A stool belongs under the pelvis.
    """

    pitch: float = 0.0
    roll: float = 0.0
    yaw: float = 0.0
    spine: np.ndarray = field(default_factory=lambda: np.zeros((9, 3)))
    limbs: dict = field(default_factory=lambda: dict.fromkeys(LIMB_DOFS, 0.0))
    contacts: tuple = ()
    seat: bool = False

    def clamp(self):
        """Bring every joint inside its limits; returns self."""
        limits = np.array(anatomy.SPINE_LIMITS)
        low = -limits[:, [0, 2, 3]]
        self.spine = np.clip(self.spine, low, limits[:, 1:])
        for name, value in self.limbs.items():
            low, high = anatomy.LIMB_LIMITS[name.partition('_')[2]]
            self.limbs[name] = float(min(max(value, low), high))
        return self


def mirror_pose(pose):
    """The pose seen in a mirror: left becomes right."""
    swap = {'left': 'right', 'right': 'left'}
    limbs = {}
    for name, value in pose.limbs.items():
        side, _, dof = name.partition('_')
        limbs[f'{swap[side]}_{dof}'] = value
    return Pose(
        pose.pitch,
        -pose.roll,
        -pose.yaw,
        pose.spine * [1.0, -1.0, -1.0],
        limbs,
        pose.contacts,
        pose.seat,
    )


@dataclass
class Figure:
    """A posed skeleton.

    Attributes:
        joints: Name to (3,) metres: the 37 keypoints.
        frames: Bone name to (R (3, 3), origin (3,)).
    """

    joints: dict
    frames: dict

    @property
    def keypoints(self):
        """(37, 3) metres, in the order of ``KEYPOINT_NAMES``."""
        return np.array([self.joints[name] for name in KEYPOINT_NAMES])

    def moved(self, rotation=None, shift=(0.0, 0.0, 0.0)):
        """The figure rotated about the world's origin, then shifted."""
        rotation = np.eye(3) if rotation is None else rotation
        shift = np.asarray(shift)
        return Figure(
            {k: rotation @ v + shift for k, v in self.joints.items()},
            {
                k: (rotation @ r, rotation @ p + shift)
                for k, (r, p) in self.frames.items()
            },
        )


def _spine(body, pose, joints, frames):
    rotation, origin = frames['pelvis']
    joints['hip'] = origin
    for i, (flexion, bend, twist) in enumerate(pose.spine):
        rotation = rotation @ rot_z(-bend) @ rot_x(flexion) @ rot_y(twist)
        frames[f'segment_{i}'] = rotation, origin
        if i < len(body.spine):
            origin = origin + rotation @ body.spine[i]
            joints[anatomy.STATIONS[i + 1]] = origin
    frames['head'] = rotation, origin
    scale = body.scale * body.head_scale
    for name, offset in anatomy.HEAD.items():
        offset = np.array(offset) * scale
        joints[name] = origin + rotation @ offset
        if name.startswith('left'):
            offset[0] *= -1
            joints[name.replace('left', 'right')] = origin + rotation @ offset


def _arm(body, pose, side, sign, joints, frames):
    dof = {d: pose.limbs[f'{side}_{d}'] for d in anatomy.LIMB_LIMITS}
    scale = body.scale
    side_scale = np.array([sign * body.shoulders, 1.0, 1.0]) * scale

    # The rib cage, which carries clavicle and latissimus, is segment T8-T3.
    ribs = frames['segment_4'][0]
    joints[f'{side}_latissimus'] = joints['spine_04'] + ribs @ (
        anatomy.T8_TO_LATISSIMUS * side_scale
    )
    clavicle = joints['spine_05'] + ribs @ (anatomy.T3_TO_CLAVICLE * side_scale)
    joints[f'{side}_clavicle'] = clavicle
    girdle = (
        ribs
        @ rot_z(sign * dof['clavicle_elevation'])
        @ rot_y(-sign * dof['clavicle_protraction'])
    )
    shoulder = clavicle + girdle @ (anatomy.CLAVICLE_TO_SHOULDER * side_scale)
    joints[f'{side}_shoulder'] = shoulder
    frames[f'{side}_girdle'] = girdle, clavicle

    plane = rot_y(-sign * dof['shoulder_plane'])
    upper = (
        ribs
        @ plane
        @ rot_z(sign * dof['shoulder_elevation'])
        @ plane.T
        @ rot_y(-sign * dof['shoulder_rotation'])
    )
    lower = upper @ rot_x(-dof['elbow_flexion'])
    # Palms face inwards when the arm hangs.
    hand = lower @ rot_z(-sign * dof['wrist_flexion'])
    down = np.array([0.0, -1.0, 0.0]) * scale * body.arm
    elbow = shoulder + upper @ down * anatomy.UPPER_ARM
    wrist = elbow + lower @ down * anatomy.FOREARM
    joints[f'{side}_elbow'], joints[f'{side}_wrist'] = elbow, wrist
    frames[f'{side}_upper_arm'] = upper, shoulder
    frames[f'{side}_forearm'] = lower, elbow
    frames[f'{side}_hand'] = hand, wrist


def _leg(body, pose, side, sign, joints, frames):
    dof = {d: pose.limbs[f'{side}_{d}'] for d in anatomy.LIMB_LIMITS}
    scale = body.scale
    pelvis, sacrum = frames['pelvis']
    offset = np.array(anatomy.PELVIS_TO_HIP) * scale
    offset[0] *= sign * body.hips
    hip = sacrum + pelvis @ offset
    thigh = (
        pelvis
        @ rot_x(-dof['hip_flexion'])
        @ rot_z(sign * dof['hip_abduction'])
        @ rot_y(-sign * dof['hip_rotation'])
    )
    shank = thigh @ rot_x(dof['knee_flexion'])
    foot = shank @ rot_x(-dof['ankle_dorsiflexion'])
    down = np.array([0.0, -1.0, 0.0]) * scale * body.leg
    knee = hip + thigh @ down * anatomy.THIGH
    ankle = knee + shank @ down * anatomy.SHANK
    joints[f'{side}_hip'] = hip
    joints[f'{side}_knee'], joints[f'{side}_ankle'] = knee, ankle
    for name, offset in anatomy.FOOT.items():
        joints[f'{side}_{name}'] = ankle + foot @ (
            np.array(offset) * [sign, 1.0, 1.0] * scale
        )
    frames[f'{side}_thigh'] = thigh, hip
    frames[f'{side}_shank'] = shank, knee
    frames[f'{side}_foot'] = foot, ankle


def _tip(figure, contacts):
    """Rotate about the body's left-right axis until both contacts level."""
    ends = []
    for name in contacts:
        ends.append(
            (figure.joints[f'left_{name}'] + figure.joints[f'right_{name}']) / 2
        )
    _, up, forward = ends[1] - ends[0]
    angle = np.degrees(np.arctan2(up, forward))
    # Feet may lie before or behind the hands.
    if abs(angle) > 90:
        angle -= np.copysign(180, angle)
    return figure.moved(rot_x(angle))


def pose_body(body, pose):
    """Joints and bone frames of ``body`` in ``pose``.

    The sacrum is near the world's origin; ``skin.stand_on_ground`` moves the
    figure to the floor.
    """
    joints, frames = {}, {}
    frames['pelvis'] = (rot_z(-pose.roll) @ rot_x(pose.pitch), np.zeros(3))
    _spine(body, pose, joints, frames)
    for side, sign in SIDES:
        _arm(body, pose, side, sign, joints, frames)
        _leg(body, pose, side, sign, joints, frames)
    figure = Figure(joints, frames)
    if pose.contacts:
        figure = _tip(figure, pose.contacts)
    return figure.moved(rot_y(pose.yaw))
