"""The 37 SpineTrack keypoints as plain data; the module imports nothing.

The order is fixed: published checkpoints, annotations and clients depend on
it. Keypoints 0-25 are Halpe26 in Halpe26 order; 26-36 are new. ``neck`` (18)
and ``hip`` (19) are C7 and the midpoint of the sacrum here, which differ from
the Halpe points of the same names.

Source: SpinePose, CVPR Workshops 2025 (arXiv 2504.08110).
"""

# Colours are (R, G, B), 0-255.
BODY_COLOR = (204, 51, 51)
NECK_COLOR = (36, 93, 48)
SACRUM_COLOR = (35, 161, 210)
LUMBAR_COLOR = (248, 144, 171)
THORACIC_COLOR = (194, 134, 91)

CENTRE_LINK = (51, 153, 255)
LEFT_LINK = (0, 255, 0)
RIGHT_LINK = (255, 128, 0)

# name, part ('upper' or 'lower' body), joint weight, OKS sigma, colour
_KEYPOINTS = (
    ('nose', 'upper', 1.0, 0.026, BODY_COLOR),
    ('left_eye', 'upper', 1.0, 0.025, BODY_COLOR),
    ('right_eye', 'upper', 1.0, 0.025, BODY_COLOR),
    ('left_ear', 'upper', 1.0, 0.035, BODY_COLOR),
    ('right_ear', 'upper', 1.0, 0.035, BODY_COLOR),
    ('left_shoulder', 'upper', 1.0, 0.079, BODY_COLOR),
    ('right_shoulder', 'upper', 1.0, 0.079, BODY_COLOR),
    ('left_elbow', 'upper', 1.2, 0.072, BODY_COLOR),
    ('right_elbow', 'upper', 1.2, 0.072, BODY_COLOR),
    ('left_wrist', 'upper', 1.5, 0.062, BODY_COLOR),
    ('right_wrist', 'upper', 1.5, 0.062, BODY_COLOR),
    ('left_hip', 'lower', 1.0, 0.107, BODY_COLOR),
    ('right_hip', 'lower', 1.0, 0.107, BODY_COLOR),
    ('left_knee', 'lower', 1.2, 0.087, BODY_COLOR),
    ('right_knee', 'lower', 1.2, 0.087, BODY_COLOR),
    ('left_ankle', 'lower', 1.5, 0.089, BODY_COLOR),
    ('right_ankle', 'lower', 1.5, 0.089, BODY_COLOR),
    ('head', 'upper', 1.0, 0.026, BODY_COLOR),
    ('neck', 'upper', 1.5, 0.04, NECK_COLOR),
    ('hip', 'lower', 1.5, 0.07, SACRUM_COLOR),
    ('left_big_toe', 'lower', 1.2, 0.079, BODY_COLOR),
    ('right_big_toe', 'lower', 1.2, 0.079, BODY_COLOR),
    ('left_small_toe', 'lower', 1.2, 0.079, BODY_COLOR),
    ('right_small_toe', 'lower', 1.2, 0.079, BODY_COLOR),
    ('left_heel', 'lower', 1.2, 0.079, BODY_COLOR),
    ('right_heel', 'lower', 1.2, 0.079, BODY_COLOR),
    ('spine_01', 'upper', 1.2, 0.10, LUMBAR_COLOR),
    ('spine_02', 'upper', 1.2, 0.10, LUMBAR_COLOR),
    ('spine_03', 'upper', 1.2, 0.10, LUMBAR_COLOR),
    ('spine_04', 'upper', 1.2, 0.08, THORACIC_COLOR),
    ('spine_05', 'upper', 1.2, 0.08, THORACIC_COLOR),
    ('left_latissimus', 'upper', 1.0, 0.12, BODY_COLOR),
    ('right_latissimus', 'upper', 1.0, 0.12, BODY_COLOR),
    ('left_clavicle', 'upper', 1.2, 0.07, BODY_COLOR),
    ('right_clavicle', 'upper', 1.2, 0.07, BODY_COLOR),
    ('neck_02', 'upper', 1.5, 0.07, NECK_COLOR),
    ('neck_03', 'upper', 1.5, 0.06, NECK_COLOR),
)

NUM_KEYPOINTS = len(_KEYPOINTS)
KEYPOINT_NAMES = tuple(row[0] for row in _KEYPOINTS)
KEYPOINT_IDS = {name: i for i, name in enumerate(KEYPOINT_NAMES)}
JOINT_WEIGHTS = tuple(row[2] for row in _KEYPOINTS)
SIGMAS = tuple(row[3] for row in _KEYPOINTS)
KEYPOINT_COLORS = tuple(row[4] for row in _KEYPOINTS)


def swap_name(name):
    """Name of the mirrored keypoint; ``''`` for a point on the midline."""
    side, _, rest = name.partition('_')
    other = {'left': 'right', 'right': 'left'}.get(side)
    return f'{other}_{rest}' if other else ''


FLIP_INDICES = tuple(
    KEYPOINT_IDS[swap_name(name) or name] for name in KEYPOINT_NAMES
)

# The spine from top to bottom, and the vertebra that each point marks. The
# points are centroids of vertebral bodies, not the spinous processes.
SPINE_CHAIN = (
    'neck_03',
    'neck_02',
    'neck',
    'spine_05',
    'spine_04',
    'spine_03',
    'spine_02',
    'spine_01',
    'hip',
)
VERTEBRAE = {
    'neck_03': 'C1',
    'neck_02': 'C3/C4',
    'neck': 'C7',
    'spine_05': 'T3',
    'spine_04': 'T8',
    'spine_03': 'T12/L1',
    'spine_02': 'L3',
    'spine_01': 'L5',
    'hip': 'S1',
}

# Keypoint ids of the evaluation subsets, in evaluation order.
SUBSETS = {
    'body': tuple(range(17)),
    'feet': tuple(range(20, 26)),
    'spine': tuple(KEYPOINT_IDS[name] for name in SPINE_CHAIN),
    'all': tuple(range(NUM_KEYPOINTS)),
}


def _both_sides(*links):
    """``{side}`` templates to (left link, right link) pairs in order."""
    return tuple(
        (tuple(end.format(side=side) for end in link), color)
        for link in links
        for side, color in (('left', LEFT_LINK), ('right', RIGHT_LINK))
    )


# ((from, to), colour) by keypoint name, in drawing order.
SKELETON = (
    *_both_sides(
        ('{side}_ankle', '{side}_knee'),
        ('{side}_knee', '{side}_hip'),
        ('{side}_hip', 'hip'),
    ),
    *((link, CENTRE_LINK) for link in zip(('head', *SPINE_CHAIN), SPINE_CHAIN)),
    *_both_sides(
        ('{side}_shoulder', '{side}_elbow'), ('{side}_elbow', '{side}_wrist')
    ),
    (('left_eye', 'right_eye'), CENTRE_LINK),
    (('head', 'nose'), CENTRE_LINK),
    *_both_sides(
        ('nose', '{side}_eye'),
        ('{side}_eye', '{side}_ear'),
        ('{side}_ear', '{side}_shoulder'),
        ('{side}_ankle', '{side}_big_toe'),
        ('{side}_ankle', '{side}_small_toe'),
        ('{side}_ankle', '{side}_heel'),
        ('spine_05', '{side}_clavicle'),
        ('{side}_clavicle', '{side}_shoulder'),
        ('spine_04', '{side}_latissimus'),
    ),
)

# Bones whose orientation the structure loss regularises: every skeleton link.
BONES = tuple(link for link, _ in SKELETON)

# MMPose's metainfo dictionary, ready for ``BaseDataset.METAINFO``.
METAINFO = dict(
    dataset_name='spinetrack',
    paper_info=dict(
        author='Khan, Muhammad Saif Ullah and Krauss, Stephan and '
        'Stricker, Didier',
        title='Towards Unconstrained 2D Pose Estimation of the Human Spine',
        container='CVPR Workshops',
        year='2025',
        homepage='https://huggingface.co/datasets/saifkhichi96/spinetrack',
    ),
    keypoint_info={
        i: dict(
            name=name, id=i, color=list(color), type=part, swap=swap_name(name)
        )
        for i, (name, part, _, _, color) in enumerate(_KEYPOINTS)
    },
    skeleton_info={
        i: dict(link=link, id=i, color=list(color))
        for i, (link, color) in enumerate(SKELETON)
    },
    joint_weights=list(JOINT_WEIGHTS),
    sigmas=list(SIGMAS),
)

# Where the points sit on the skeleton: markers of the published OpenSim model
# in neutral standing, in the frame of its pelvis (metres: x forward, y up, z
# right, generic size). The markers' offsets from their bodies
# (dfki-av/simspine, assets/OpenSim_Setup) are added to the places of those
# bodies in the flexible-spine model.
MARKERS = {
    'hip': (-0.156, 0.004, 0.0),
    'spine_01': (-0.125, 0.068, 0.0),
    'spine_02': (-0.1264, 0.1153, 0.0),
    'spine_03': (-0.1405, 0.1742, 0.0),
    'spine_04': (-0.175, 0.3113, 0.0),
    'spine_05': (-0.169, 0.4343, 0.0),
    'neck': (-0.137, 0.5083, 0.0),
    'neck_02': (-0.109, 0.5553, 0.0),
    'neck_03': (-0.099, 0.5953, 0.0),
    'nose': (0.022, 0.6198, 0.0),
    'head': (-0.078, 0.7708, 0.0),
    'left_shoulder': (-0.107, 0.4613, -0.202),
    'right_shoulder': (-0.107, 0.4613, 0.202),
    'left_clavicle': (-0.064, 0.4663, -0.025),
    'right_clavicle': (-0.064, 0.4663, 0.025),
    'left_latissimus': (-0.169, 0.3723, -0.095),
    'right_latissimus': (-0.169, 0.3723, 0.095),
    'left_hip': (-0.064, -0.081, -0.105),
    'right_hip': (-0.064, -0.081, 0.105),
}

# Where the keypoints lie on a standing figure seen from the front: [x, y] in
# body heights, the head top at y = 0, x to the viewer's right, which is the
# person's left.
# fmt: off
_MIDLINE = dict(
    head=0.0, nose=0.083, neck_03=0.118, neck_02=0.148, neck=0.185,
    spine_05=0.235, spine_04=0.295, spine_03=0.36, spine_02=0.41,
    spine_01=0.45, hip=0.49,
)
_LEFT = dict(
    eye=(0.028, 0.055), ear=(0.06, 0.068), clavicle=(0.055, 0.2),
    shoulder=(0.13, 0.2), latissimus=(0.095, 0.315), elbow=(0.185, 0.35),
    wrist=(0.22, 0.485), hip=(0.075, 0.51), knee=(0.085, 0.72),
    ankle=(0.085, 0.92), heel=(0.065, 0.955), big_toe=(0.1, 0.985),
    small_toe=(0.14, 0.97),
)
# fmt: on
STANDING = {
    **{name: (0.0, y) for name, y in _MIDLINE.items()},
    **{f'left_{name}': (x, y) for name, (x, y) in _LEFT.items()},
    **{f'right_{name}': (-x, y) for name, (x, y) in _LEFT.items()},
}
