"""Which keypoints can be seen.

The rule. A keypoint outside the image is not labelled (0). Inside it, the
keypoint is occluded (1) when, on the ray from the camera, a face lies in
front of it that is

- of an object or of another person,
- of another part of the same body than those the keypoint belongs to
  (``OWN_PARTS``), or
- for a point on the skin (``SKIN_MARGIN``: face and foot tips), of its own
  part too, when that lies nearer by more than the margin: the back of the
  head hides the nose.

Everything else is visible (2). So the spine, which lies inside the torso, is
visible wherever the torso itself is what one sees there, from any side, and
own clothes and hair hide nothing.
"""

from spinepose_mmpose.metainfo import KEYPOINT_NAMES, NUM_KEYPOINTS

import numpy as np

from .parts import PART_IDS, PARTS

_HEAD = ('head', 'hair')
_OWN = {
    'nose': _HEAD, 'eye': _HEAD, 'ear': _HEAD, 'head': _HEAD,
    'neck_03': _HEAD + ('neck', ), 'neck_02': _HEAD + ('neck', ),
    'neck': ('neck', 'torso', 'hair'),
    'shoulder': ('upper_arm', 'torso', 'hair'),
    'elbow': ('upper_arm', 'forearm'), 'wrist': ('forearm', 'hand'),
    'hip': ('torso', 'thigh', 'skirt'), 'knee': ('thigh', 'shank', 'skirt'),
    'ankle': ('shank', 'foot'), 'big_toe': ('foot', ),
    'small_toe': ('foot', ), 'heel': ('foot', 'shank'),
    'latissimus': ('torso', 'hair'), 'clavicle': ('torso', 'neck', 'hair')
}  # fmt: skip
_SPINE = ('torso', 'hair', 'skirt')


def own_parts(name):
    """Ids of the body parts that a keypoint belongs to."""
    side, _, rest = name.partition('_')
    sided = side in ('left', 'right')
    if name == 'spine_05':  # T3 lies behind the root of the neck
        parts = _SPINE + ('neck',)
    elif name == 'hip' or name.startswith('spine'):
        parts = _SPINE
    else:
        parts = _OWN[rest if sided else name]
    return {PART_IDS[p if p in PARTS else f'{side}_{p}'] for p in parts}


OWN_PARTS = np.zeros((NUM_KEYPOINTS, len(PARTS)), bool)
for _i, _name in enumerate(KEYPOINT_NAMES):
    OWN_PARTS[_i, list(own_parts(_name))] = True

# Metres; infinite for points inside the body.
SKIN_MARGIN = np.full(NUM_KEYPOINTS, np.inf)
for _i, _name in enumerate(KEYPOINT_NAMES):
    if _name == 'nose' or _name.endswith(('_eye', '_ear')):
        SKIN_MARGIN[_i] = 0.04
    elif _name.endswith(('toe', 'heel')):
        SKIN_MARGIN[_i] = 0.06

# A face of another part must be this much nearer, metres: joints touch.
OTHER_MARGIN = 0.01


def _cover(points, polygons):
    """(N,): does convex polygon n (N, V, 2) cover point n (N, 2)?"""
    left = right = True
    for i in range(polygons.shape[1]):
        edge = polygons[:, i] - polygons[:, i - 1]
        away = points - polygons[:, i - 1]
        side = edge[:, 0] * away[:, 1] - edge[:, 1] * away[:, 0]
        left, right = left & (side >= 0), right & (side <= 0)
    return left | right


def keypoint_visibility(points, depth, owner, faces, size, occluders=()):
    """(37,) flags 0, 1 or 2 of one person.

    Args:
        points: (37, 2) pixels.
        depth: (37,) metres in front of the camera.
        owner: The person's number in ``faces.owner``.
        faces: ``render.Faces`` of the whole scene.
        size: (width, height) of the image.
        occluders: Convex polygons (V, 2) in front of everything.
    """
    inside = ((points >= 0) & (points <= np.array(size) - 1)).all(1) & (
        depth > 0
    )
    flags = np.where(inside, 2, 0)
    # Only faces whose box holds the point are tested exactly.
    x, y = points[:, :1], points[:, 1:]
    near = (
        (x >= faces.low[:, 0])
        & (x <= faces.high[:, 0])
        & (y >= faces.low[:, 1])
        & (y <= faces.high[:, 1])
    )
    rows, columns = np.nonzero(near & inside[:, None])
    if len(rows):
        hit = _cover(points[rows], faces.points[columns])
        rows, columns = rows[hit], columns[hit]
        own = (faces.owner[columns] == owner) & OWN_PARTS[
            rows, faces.part[columns]
        ]
        margin = np.where(own, SKIN_MARGIN[rows], OTHER_MARGIN)
        hidden = faces.depth[columns] < depth[rows] - margin
        flags[rows[hidden]] = 1
    for polygon in occluders:
        polygon = np.broadcast_to(polygon, (len(points),) + polygon.shape)
        hit = _cover(points, polygon)
        flags[hit & inside] = 1
    return flags
