"""Where the 37 keypoints lie on a standing figure seen from the front.

[x, y] in body heights, the head top at y = 0, x to the viewer's right, which
is the person's left.
"""

from spinepose_mmpose.metainfo import KEYPOINT_NAMES

_MIDLINE = dict(
    head=0.0,
    nose=0.083,
    neck_03=0.118,
    neck_02=0.148,
    neck=0.185,
    spine_05=0.235,
    spine_04=0.295,
    spine_03=0.36,
    spine_02=0.41,
    spine_01=0.45,
    hip=0.49,
)
_LEFT = dict(
    eye=(0.028, 0.055),
    ear=(0.06, 0.068),
    clavicle=(0.055, 0.2),
    shoulder=(0.13, 0.2),
    latissimus=(0.095, 0.315),
    elbow=(0.185, 0.35),
    wrist=(0.22, 0.485),
    hip=(0.075, 0.51),
    knee=(0.085, 0.72),
    ankle=(0.085, 0.92),
    heel=(0.065, 0.955),
    big_toe=(0.1, 0.985),
    small_toe=(0.14, 0.97),
)

STANDING = {name: (0.0, y) for name, y in _MIDLINE.items()}
for _name, (_x, _y) in _LEFT.items():
    STANDING[f'left_{_name}'] = (_x, _y)
    STANDING[f'right_{_name}'] = (-_x, _y)

# The spine from the side, facing the viewer's left: x as above, exaggerated.
PROFILE = dict(
    neck_03=(0.005, 0.118),
    neck_02=(-0.02, 0.148),
    neck=(0.005, 0.185),
    spine_05=(0.045, 0.235),
    spine_04=(0.065, 0.295),
    spine_03=(0.035, 0.36),
    spine_02=(-0.005, 0.41),
    spine_01=(0.0, 0.45),
    hip=(0.04, 0.49),
)

if set(STANDING) != set(KEYPOINT_NAMES):
    raise RuntimeError('layout.py and metainfo.py name different keypoints')
