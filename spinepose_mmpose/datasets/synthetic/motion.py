"""Movement: gait, transitions between poses, and BVH files."""

import re

import numpy as np
from scipy.spatial.transform import Rotation

from .body import Body, anatomy
from .poses import (
    blend,
    clamped,
    key_pose,
    sample_pose,
    standing,
    turn,
)

# Joints of common BVH skeletons (CMU, Mixamo) by the bone of ours that takes
# their rotation, and the bone at which the limb that they turn ends. Others
# name the joint instead of the limb: see ``OTHER_NAMES``.
BVH_JOINTS = {
    'hips': ('root', None),
    'spine|lowerback|spine0': ('spine04', None),
    'spine1|chest': ('spine02', None),
    'spine2|spine3|upperchest': ('spine01', None),
    'neck': ('neck01', None),
    'neck1': ('neck02', None),
    'head': ('head', None),
    '(l|r)shoulder|(l|r)collar': ('clavicle', None),
    '(l|r)arm|(l|r)uparm': ('upperarm01', 'lowerarm01'),
    '(l|r)forearm|(l|r)lowarm': ('lowerarm01', 'wrist'),
    '(l|r)hand': ('wrist', None),
    '(l|r)upleg|(l|r)thigh': ('upperleg01', 'lowerleg01'),
    '(l|r)leg|(l|r)shin': ('lowerleg01', 'foot'),
    '(l|r)foot': ('foot', 'toe2-1'),
}
OTHER_NAMES = {
    'collar': 'shoulder', 'shoulder': 'arm', 'elbow': 'forearm',
    'wrist': 'hand', 'hip': 'upleg', 'knee': 'leg', 'ankle': 'foot',
    'chest2': 'spine2',
}  # fmt: skip
NEEDED = {'root'} | {
    f'{bone}.{side}'
    for bone in ('upperleg01', 'lowerleg01', 'upperarm01', 'lowerarm01')
    for side in 'LR'
}
# BVH has y up and z ahead; ours has z up and -y ahead.
TO_OURS = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])


def gait(phase: float, speed: float, style: dict) -> dict:
    """A pose of a slow walk (speed 0.6), a walk (1) or a run (2) of adults.

    ``phase`` of the cycle is 0 to 1, 0 being left heel contact; ``style``: the
    person's deviations by 'lean', 'arms' and 'spine'.
    """
    pose = standing()
    pose['root'][0] = 2 + 5 * (speed - 1) + style['lean']
    run, t = np.clip(speed - 1, 0, 1), 2 * np.pi * (phase + np.array([0, 0.5]))
    pose |= {
        'hip_flexion': 8 + 8 * run + (20 + 14 * run) * speed**0.3 * np.cos(t),
        'knee_flexion': 18 + 22 * run
        + (16 + 18 * run) * np.cos(2 * t + 1.6)
        - (18 + 22 * run) * np.sin(t - 0.4),
        'ankle_dorsiflexion': -4 + 10 * np.sin(t - 0.7),
        'shoulder_plane': np.where(np.cos(t) < 0, 90.0, -60),
        'shoulder_elevation': 8
        + style['arms'] * (14 + 20 * run) * abs(np.cos(t)),
        'elbow_flexion': 18 + 60 * run - 12 * np.cos(t),
    }  # fmt: skip
    swing, sway = np.cos(2 * np.pi * phase), np.sin(4 * np.pi * phase)
    pose['lumbar'] = np.array([style['spine'], 2 * sway, -3 * swing])
    pose['thoracic'][2] = 6 * swing * (1 + run)
    return clamped(pose)


def sample_motion(rng, body: Body, kind: str, bvh=()):
    """A gait, a round of poses, or a part of one of the BVH files given: a
    function from seconds to the pose (as in ``poses`` or (B, 3, 3) local
    rotations) and the (2,) metres that the person has gone."""
    heading = rng.uniform(-180, 180)
    facing = turn('z', heading)
    if bvh and rng.random() < 0.7:
        recording = bvh[rng.integers(len(bvh))]
        start = rng.uniform(0, max(recording.seconds - 1, 0))

        def at(seconds):
            local, place = recording.local(body, start + seconds)
            local[0] = facing @ local[0]
            return local, facing[:2, :2] @ place

    elif rng.random() < 0.4:
        speed, rate = rng.uniform(0.6, 2.2), rng.uniform(0.75, 1.1)
        style = dict(lean=rng.normal(0, 4), arms=rng.uniform(0.2, 1.4),
                     spine=rng.normal(-3, 8))  # fmt: skip
        start = rng.random()
        step = 1.35 * body.scale * speed**0.7 * (0.9 + 0.35 * (speed > 1.3))

        def at(seconds):
            phase = start + rate * seconds * (0.8 + 0.2 * speed)
            pose = gait(phase, speed, style)
            pose['root'][2] = heading
            return pose, -facing[:2, 1] * step * rate * seconds

    else:
        stops = [sample_pose(rng, kind) for _ in range(4)]
        if rng.random() < 0.5:
            stops[0] = key_pose('stand')
        for stop in stops:
            stop['root'][2] = heading + rng.normal(0, 10)
        pace = rng.uniform(0.7, 1.8)

        def at(seconds):
            step, share = divmod(seconds / pace, 1)
            ease = share * share * (3 - 2 * share)
            pose = blend(stops[int(step) % 4], stops[int(step + 1) % 4], ease)
            return pose, np.zeros(2)

    return at


class Bvh:
    """A BVH file of a person whose joints are named as by CMU or Mixamo;
    ValueError if it is none, or lacks hips, legs or arms."""

    def __init__(self, path: str):
        with open(path, encoding='utf-8', errors='replace') as file:
            words = file.read().split()
        try:
            self._read(words)
        except (IndexError, ValueError, KeyError) as error:
            raise ValueError(
                f'{path} is not a readable BVH file ({error or "cut off"}): '
                'expected HIERARCHY, joints with channels, MOTION and frames'
            ) from None
        # Joint, the bone that it turns, and the bone where that limb ends.
        self.pairs = list(_pairs(self.joints))
        missing = NEEDED - {bone for _, bone, _ in self.pairs}
        if missing:
            raise ValueError(
                f'{path} has no joint for {", ".join(sorted(missing))}'
                f'; its joints are {", ".join(filter(None, self.joints))}'
            )

    def _read(self, words):
        if not words or words[0].upper() != 'HIERARCHY':
            raise ValueError('it does not begin with HIERARCHY')
        self.joints, self.parents, self.offsets, self.channels = [], [], [], []
        stack, i = [-1], 1
        while words[i].upper() != 'MOTION':
            word = words[i].upper()
            i += 1
            if word in ('ROOT', 'JOINT', 'END'):
                self.joints.append('' if word == 'END' else words[i])
                self.parents.append(stack[-1])
                self.offsets.append(np.zeros(3))
                self.channels.append([])
                stack.append(len(self.joints) - 1)
                i += 1
            elif word == 'OFFSET':
                self.offsets[stack[-1]] = np.array(words[i : i + 3], float)
            elif word == 'CHANNELS':
                own = words[i + 1 : i + 1 + int(words[i])]
                self.channels[stack[-1]] = [name.lower() for name in own]
            elif word == '}':
                stack.pop()
        frames, self.step = int(words[i + 2]), float(words[i + 5])
        width = sum(map(len, self.channels))
        values = np.array(words[i + 6 : i + 6 + frames * width], float)
        self.frames = values.reshape(frames, width)
        if frames < 1 or not self.step > 0 or not np.isfinite(values).all():
            raise ValueError('no frames, or numbers that are not finite')
        self.seconds = frames * self.step

    def local(self, body: Body, seconds: float):
        """Local rotations of ``body``, and metres gone since the start."""
        row = self.frames[min(int(seconds / self.step), len(self.frames) - 1)]
        spin, values = [], iter(row)
        for channels, parent in zip(self.channels, self.parents):
            own = np.eye(3) if parent < 0 else spin[parent]
            for name, value in zip(channels, values):
                if 'rot' in name:
                    own = own @ turn(name[0], value)
            spin.append(own)
        bone, world = anatomy().bone, {}
        for joint, name, end in self.pairs:
            world[bone[name]] = TO_OURS @ spin[joint] @ TO_OURS.T
            tips = zip(self.offsets, self.parents)
            theirs = next((tip for tip, above in tips if above == joint), 0)
            if end and np.any(theirs):  # our limb points elsewhere in rest
                ours = body.heads[bone[end]] - body.heads[bone[name]]
                way, _ = Rotation.align_vectors(TO_OURS @ theirs, ours)
                world[bone[name]] = world[bone[name]] @ way.as_matrix()
        local = np.tile(np.eye(3), (len(bone), 1, 1))
        for i, parent in enumerate(anatomy().model.bone_parents):
            above = np.eye(3) if parent < 0 else world[parent]
            local[i] = above.T @ world.setdefault(i, above)
        gone = np.zeros(2)
        if 'xposition' in self.channels[0]:
            first = self.frames[0, :3]
            size = max(abs(first[1]), 1e-3)  # height of the hips
            x, _, z = (row[:3] - first) / size * 0.9 * body.scale
            gone[:] = x, -z
        return local, gone


def _pairs(joints):
    """(joint, bone, where its limb ends) of joints by their names."""
    plains = []
    for name in joints:
        plain = re.sub(r'.*:|[\s_]', '', name).lower()
        plain = plain.replace('left', 'l', 1).replace('right', 'r', 1)
        plains.append(plain)
    for joint, plain in enumerate(plains):
        if 'lelbow' in plains:
            side = plain[:1] if plain[1:] in OTHER_NAMES else ''
            name = plain[len(side) :]
            plain = side + OTHER_NAMES.get(name, name)
        for pattern, (bone, end) in BVH_JOINTS.items():
            found = re.fullmatch(pattern, plain)
            if found:
                side = ''.join(f'.{g.upper()}' for g in found.groups() if g)
                yield joint, bone + side, end and end + side
