"""Bodies: anny's parametric mesh, posed, with the 37 keypoints.

World axes are anny's, in metres: x to the left of a person who stands in
rest, y backwards, z up. Letters: V vertices, B bones, K keypoints (37).
"""

from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace

from spinepose_mmpose.metainfo import KEYPOINT_NAMES, MARKERS, SPINE_CHAIN

import numba
import numpy as np

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
SURFACE = ('nose', 'eye', 'ear', 'hip', 'big_toe', 'small_toe', 'heel')
TRUNK = ('root', 'spine', 'neck', 'pelvis', 'head')
# Part of a bone, by the beginning of its name; see ``render`` for visibility.
PARTS = (
    'torso', 'head', 'neck', 'left_upper_arm', 'left_forearm', 'left_hand',
    'right_upper_arm', 'right_forearm', 'right_hand', 'left_thigh',
    'left_shank', 'left_foot', 'right_thigh', 'right_shank', 'right_foot',
)  # fmt: skip
_PART_OF = (
    ('upperarm', 'upper_arm'), ('lowerarm', 'forearm'), ('wrist', 'hand'),
    ('finger', 'hand'), ('metacarpal', 'hand'), ('upperleg', 'thigh'),
    ('lowerleg', 'shank'), ('foot', 'foot'), ('toe', 'foot'),
    ('head', 'head'), ('eye', 'head'), ('neck', 'neck'),
)  # fmt: skip


@lru_cache(maxsize=1)
def anatomy() -> SimpleNamespace:
    """anny's mesh and rig as numpy arrays, and what follows from them.

    Raises:
        ImportError: anny is not installed.
    """
    try:
        import anny
        import torch
        from anny.face_segmentation import get_face_segmentation_mask
        from anny.keypoints import KeypointsRegressor
        from anny.shape_distribution import SimpleShapeDistribution
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
    names = list(model.bone_labels)
    data = SimpleNamespace(
        model=model,
        shapes=SimpleShapeDistribution(model),
        names=names,
        bone={name: i for i, name in enumerate(names)},
        parents=np.array(model.bone_parents, np.int32),
        faces=model.faces.numpy().astype(np.int32)[~inside],
        template=model.template_vertices.numpy(),
        index=model.vertex_bone_indices.numpy().astype(np.int32),
        weight=model.vertex_bone_weights.numpy(),
        regressor=dict(
            zip(regressor.labels, regressor.regression_weights.numpy())
        ),
    )
    data.dense = np.zeros((len(data.template), len(names)), np.float32)
    np.put_along_axis(data.dense, data.index, data.weight, 1)
    parts = np.array([_part(name) for name in names])
    data.part = parts[data.dense.argmax(1)]
    data.keypoint_weights = _keypoint_weights(data)
    return data


def _part(bone: str) -> int:
    for start, part in _PART_OF:
        if bone.startswith(start):
            side = {'L': 'left_', 'R': 'right_'}.get(bone[-1], '')
            name = part if part in ('head', 'neck') else side + part
            return PARTS.index(name)
    return 0


def _shape_arrays(model, shape: dict):
    """(V, 3) vertices and (B, 3) bone heads of a shape in rest."""
    import torch

    with torch.no_grad():
        values = {
            k: torch.tensor([v], dtype=model.dtype) for k, v in shape.items()
        }
        amounts = model.get_phenotype_blendshape_coefficients(**values)[0]
    return tuple(
        (start + torch.einsum('s,sij->ij', amounts, change)).numpy()
        for start, change in (
            (model.template_vertices, model.blendshapes),
            (model.template_bone_heads, model.bone_heads_blendshapes),
        )
    )


def sample_shape(rng, youngest: float = 12.0, oldest: float = 85.0) -> tuple:
    """Draw anny's shape parameters: height, weight and muscle follow from age
    and sex by its own distributions.

    Args:
        rng (numpy.random.Generator): Source of randomness.
        youngest, oldest (float): Years; the young are more frequent.

    Returns:
        tuple: Parameters by name, and the age in years.
    """
    import torch

    shapes = anatomy().shapes
    years = youngest + rng.beta(1.3, 2.4) * (oldest - youngest)
    age = shapes.morphological_age_mapping.morphological_to_anny_age(
        torch.tensor([years])
    )
    shape = dict(age=float(age[0]), gender=float(rng.random()))
    sex = 'boys' if shape['gender'] <= 0.5 else 'girls'
    for name in ('height', 'weight', 'muscle', 'proportions'):
        law = getattr(shapes, f'{sex}_conditional_{name}_distribution')
        alpha, beta = law.get_distribution_params(age)
        shape[name] = float(rng.beta(float(alpha[0]), float(beta[0])))
    return shape, years


MEAN_ADULT = dict(
    gender=0.5, age=0.67, muscle=0.5, weight=0.5, height=0.5, proportions=0.5
)


@dataclass
class Body:
    """One person's shape in rest.

    Attributes:
        vertices: (V, 3) metres.
        heads: (B, 3) metres, where bones begin.
        keypoints: (K, 3) metres.
        scale: Distance from hips to shoulders over that of the marker model.
    """

    vertices: np.ndarray
    heads: np.ndarray
    keypoints: np.ndarray
    scale: float


def make_body(shape: dict) -> Body:
    """The body of a shape, with its keypoints by these rules.

    Limb joints are the heads of their bones. Face, hips, toes and heels are
    anny's regressions from the mesh; the head's top is its highest vertex.
    Vertebral bodies, clavicles (sternal end) and latissimi (lower tip of the
    shoulder blade) stand where :data:`metainfo.MARKERS` has them once that
    table is scaled and moved onto the body's shoulders and hips, its part
    above C7 by the height of the nose, but at least :data:`SKIN_DEPTH` inside
    the skin.
    """
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
    points = {}
    for name in PLACED:
        forward, up, right = MARKERS[name]
        if up > NECK:
            up = NECK + (up - NECK) * neck
        y, z = scale * np.array([-forward, up]) + shift
        points[name] = np.array([-right * scale, y, z])
    for name, point in points.items():
        depth = SKIN_DEPTH * scale
        low, high = _skin_around(vertices, *point[::2], scale)
        low, high = low + depth, high - depth
        if 'clavicle' in name:
            low -= 0.6 * depth  # it lies under the skin
        if 'latissimus' in name:
            high += 0.4 * depth
        point[1] = min(max(point[1], low), high)
    for side, end in (('left', 'L'), ('right', 'R')):
        for name, bone in JOINTS.items():
            points[f'{side}_{name}'] = heads[data.bone[f'{bone}.{end}']]
        for name in SURFACE[1:]:
            key = f'{side}_{name}'
            points[key] = data.regressor[key] @ vertices
    points['nose'] = nose
    points['head'] = vertices[data.template[:, 2].argmax()]
    return np.array([points[name] for name in KEYPOINT_NAMES]), scale


@numba.njit(cache=True)
def _skin_around(vertices, x, z, scale):
    """The least and the greatest y of the vertices near x, z."""
    low, high = np.inf, -np.inf
    for i in range(len(vertices)):
        if (
            abs(vertices[i, 0] - x) < 0.03 * scale
            and abs(vertices[i, 2] - z) < 0.02 * scale
        ):
            low = min(low, vertices[i, 1])
            high = max(high, vertices[i, 1])
    return low, high


def _keypoint_weights(data):
    """(K, B): the skinning of each keypoint.

    Joints go with their bone. Points on the surface go as their vertices, and
    points within the trunk as the ring of trunk vertices around them.
    """
    dense, names = data.dense, data.names
    shape = dict.fromkeys(data.model.phenotype_labels, 0.5)
    vertices, heads = _shape_arrays(data.model, shape)
    points, _ = _rest_keypoints(data, vertices, heads)
    trunk = np.array([name.startswith(TRUNK) for name in names])
    weights = np.zeros((len(KEYPOINT_NAMES), len(names)), np.float32)
    for i, name in enumerate(KEYPOINT_NAMES):
        side, _, rest = name.partition('_')
        if rest in JOINTS:
            weights[i, names.index(f'{JOINTS[rest]}.{side[0].upper()}')] = 1
        elif rest == 'hip':
            weights[i, names.index('root')] = 1
        elif name in data.regressor:
            weights[i] = data.regressor[name] @ dense
        elif name == 'head':
            weights[i] = dense[data.template[:, 2].argmax()]
        else:
            distance = np.linalg.norm(
                (vertices - points[i]) * [1, 1, 2.5], axis=1
            )
            near = np.argsort(distance + 9 * (dense[:, trunk].sum(1) < 0.7))
            ring = dense[near[:60]].mean(0)
            weights[i, trunk] = ring[trunk]
    return weights / weights.sum(1, keepdims=True)


def chain(parents, heads, local):
    """Forward kinematics.

    Args:
        parents: (B,) index of each bone's parent, -1 for the root.
        heads: (B, 3) metres, in rest.
        local: (B, 3, 3) rotation of each bone against its parent, in the
            axes of the world in rest.

    Returns:
        tuple: (B, 3, 3) rotations R and (B, 3) shifts t, so that a point x of
        a bone moves to R x + t.
    """
    rotation, shift = np.empty_like(local), np.empty_like(heads)
    for i, parent in enumerate(parents):
        if parent < 0:
            rotation[i], place = local[i], heads[i]
        else:
            rotation[i] = rotation[parent] @ local[i]
            place = rotation[parent] @ heads[i] + shift[parent]
        shift[i] = place - rotation[i] @ heads[i]
    return rotation, shift


@numba.njit(cache=True)
def skin(vertices, index, weight, rotation, shift):
    """Linear blend skinning: (V, 3) moved by the bones of each vertex."""
    out = np.zeros_like(vertices)
    for v in range(len(vertices)):
        for j in range(index.shape[1]):
            w = weight[v, j]
            if w == 0.0:
                continue
            b = index[v, j]
            for i in range(3):
                out[v, i] += w * (
                    rotation[b, i, 0] * vertices[v, 0]
                    + rotation[b, i, 1] * vertices[v, 1]
                    + rotation[b, i, 2] * vertices[v, 2]
                    + shift[b, i]
                )
    return out


def posed_keypoints(body: Body, rotation, shift):
    """(K, 3) metres."""
    weights = anatomy().keypoint_weights
    turned = np.einsum('bij,kj->kbi', rotation, body.keypoints) + shift
    return np.einsum('kb,kbi->ki', weights, turned)
