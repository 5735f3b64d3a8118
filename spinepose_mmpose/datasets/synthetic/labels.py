"""Labels of a rendered image: boxes, visibility by the z-buffer, 3D."""

from spinepose_mmpose.metainfo import KEYPOINT_NAMES

import numpy as np

from .body import PARTS, anatomy
from .poses import bend_angles
from .render import NEAREST, SAMPLES
from .scene import Camera, PosedPerson, Seen, extent

# The parts that a keypoint belongs to, if not the torso: they do not hide it.
_OWN = dict(
    nose='head', eye='head', ear='head', head='head',
    neck_03='head neck torso', neck_02='head neck torso', neck='neck torso',
    spine_05='neck torso', shoulder='upper_arm torso',
    elbow='upper_arm forearm', wrist='forearm hand',
    hip='torso left_thigh right_thigh', knee='thigh shank',
    ankle='shank foot', big_toe='foot', small_toe='foot', heel='foot shank',
    clavicle='torso neck',
)  # fmt: skip
# Metres that a surface of an own part may lie in front of a point on the skin.
_ON_SKIN = {'nose': 0.03, 'eye': 0.03, 'ear': 0.035, 'toe': 0.05, 'heel': 0.05}
OTHER_MARGIN = 0.02
MIN_SIDE = 4  # pixels; narrower people at the border are not labelled


def _tables():
    own = np.zeros((len(KEYPOINT_NAMES), len(PARTS)), bool)
    margin = np.full(len(KEYPOINT_NAMES), np.inf)
    for i, name in enumerate(KEYPOINT_NAMES):
        side, _, rest = name.partition('_')
        if side not in ('left', 'right'):
            side, rest = '', name
        for part in _OWN.get(rest, 'torso').split():
            whole = part if part in PARTS else f'{side}_{part}'
            own[i, PARTS.index(whole)] = True
        for ending, metres in _ON_SKIN.items():
            if rest.endswith(ending):
                margin[i] = metres
    return own, margin


OWN, MARGIN = _tables()


def inside(points, size):
    """(37,) whether points (x, y, depth) lie within the image."""
    last = np.array(size) - 1
    within = ((points[:, :2] >= 0) & (points[:, :2] <= last)).all(1)
    return within & (points[:, 2] > 0)


def visibility(points, owner: int, seen: Seen) -> np.ndarray:
    """(37,) flags of points (x, y, depth): 0 outside, 1 hidden, 2 visible.

    A keypoint is hidden where the sample that it falls on shows an object or
    another person in front of it, or a part of its own body that it does not
    belong to; for points on the skin (face, toes, heels) also where its own
    part lies clearly in front of it, as the back of the head before the nose.
    So the spine, within the torso, is visible where the torso is.
    """
    size = np.array(seen.index.shape[::-1])
    within = inside(points, size // SAMPLES)
    at = points[:, :2] * SAMPLES + (SAMPLES - 1) / 2
    x, y = np.where(within, at.T, 0).round().astype(int)
    triangle, mesh = seen.index[y, x], seen.mesh
    part = mesh.part[triangle]
    belongs = (triangle >= 0) & (mesh.owner[mesh.mesh[triangle]] == owner)
    belongs &= (part < 0) | OWN[np.arange(len(points)), part]
    margin = np.where(belongs, MARGIN, OTHER_MARGIN)
    hidden = seen.near[y, x] * (points[:, 2] - margin) > 1
    return np.where(within, 2 - hidden, 0)


def annotate(person: PosedPerson, owner: int, camera: Camera, seen: Seen):
    """The COCO annotation of a person without ids, or None if unseen: ``bbox``
    is the outline within the image, also where something hides it; ``area``
    counts the pixels that show the person."""
    area = seen.areas[seen.mesh.owner == owner].sum()
    if area == 0:
        return None
    skin = np.concatenate([m.vertices for m in person.meshes])
    skin = camera.project(skin)
    low, high = extent(skin[skin[:, 2] > NEAREST])[:, :2]
    low, high = np.clip([low + 0.5, high + 0.5], 0, camera.size)
    if (high - low < MIN_SIDE).any():
        return None
    points = camera.project(person.keypoints)
    flags = visibility(points, owner, seen)
    table = np.c_[points[:, :2].round(2), flags]
    table[flags == 0] = 0
    return dict(
        category_id=1,
        bbox=[round(float(v), 2) for v in (*low, *(high - low))],
        area=float(area),
        iscrowd=0,
        num_keypoints=int((flags > 0).sum()),
        keypoints=[
            v for x, y, flag in table.tolist() for v in (x, y, int(flag))
        ],
    )


LEVEL_BONES = ('spine04', 'spine03', 'spine02', 'spine01', 'neck01', 'neck02',
               'neck03', 'head')  # fmt: skip


def spine_angles(local) -> np.ndarray:
    """(8, 3) degrees of flexion, bend to the left and twist to the left at
    each of ``LEVEL_BONES``, of the rotations that posed the body."""
    return bend_angles(local[[anatomy().bone[name] for name in LEVEL_BONES]])
