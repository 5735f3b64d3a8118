"""What people wear: garments grown from the body, hair and skin."""

from functools import lru_cache

import numba
import numpy as np
from scipy import sparse

from .body import PARTS, Body, anatomy, skin
from .render import (
    CLOTH,
    HAIR,
    SHOE,
    SKIN,
    Mesh,
    material,
    noise,
    vertex_normals,
)

SKIN_TONES = (
    (0.80, 0.56, 0.44), (0.71, 0.47, 0.35), (0.58, 0.36, 0.24),
    (0.42, 0.24, 0.15), (0.28, 0.15, 0.09), (0.16, 0.085, 0.055),
)  # fmt: skip
HAIR_COLOURS = (
    (0.012, 0.010, 0.009), (0.04, 0.022, 0.013), (0.12, 0.06, 0.03),
    (0.35, 0.22, 0.09), (0.25, 0.08, 0.03), (0.45, 0.43, 0.41),
)  # fmt: skip
IRISES = ((0.05, 0.025, 0.012), (0.1, 0.18, 0.3), (0.08, 0.13, 0.06))


@lru_cache(maxsize=1)
def zones():
    """Coordinates on the template that hems are defined in, each (V,).

    ``z`` height; ``arm``, ``leg``: 0 at the root of the limb, 1 at elbow or
    knee, 2 at wrist or ankle, less than 0 on the trunk; ``head``: share of the
    head's bones in the skinning; ``foot`` likewise.
    """
    data = anatomy()
    heads = data.model.template_bone_heads.numpy()
    out = {'z': data.template[:, 2]}
    for limb, bones in (
        ('arm', ('upperarm01', 'lowerarm01', 'wrist')),
        ('leg', ('upperleg01', 'lowerleg01', 'foot')),
    ):
        value = np.full(len(data.template), -1.0, np.float32)
        for end in 'LR':
            sign = 1 if end == 'L' else -1
            a, b, c = (heads[data.bone[f'{n}.{end}']] for n in bones)
            for number, (start, stop) in enumerate(((a, b), (b, c))):
                axis = stop - start
                t = (data.template - start) @ axis / (axis @ axis)
                side = data.template[:, 0] * sign > 0
                low = -0.5 if number == 0 else 0.0
                use = (
                    side
                    & (t >= low)
                    & (_limb(data, limb) > (0.02 if number == 0 else 0.5))
                )
                value = np.where(use & (number + t > value), number + t, value)
        out[limb] = value
    share = {
        name: data.dense[:, [b.startswith(name) for b in data.names]].sum(1)
        for name in ('head', 'foot', 'toe', 'eye', 'finger', 'metacarpal')
    }
    out['head'] = share['head'] + share['eye']
    out['foot'] = share['foot'] + share['toe']
    out['hand'] = share['finger'] + share['metacarpal']
    return out


def _limb(data, limb):
    names = {
        'arm': ('upperarm', 'lowerarm', 'wrist', 'finger', 'metacarpal'),
        'leg': ('upperleg', 'lowerleg', 'foot', 'toe'),
    }[limb]
    return data.dense[:, [b.startswith(names) for b in data.names]].sum(1)


def sample_look(rng, shape: dict, years: float) -> dict:
    """Colours and garments of one person, as a plain dictionary."""
    female = shape['gender'] > 0.5
    tone = np.array(SKIN_TONES[rng.integers(len(SKIN_TONES))])
    hair = int(rng.choice(6, p=(0.35, 0.25, 0.17, 0.1, 0.05, 0.08)))
    if rng.random() < (years - 40) / 35:
        hair = 5
    lower = rng.choice(
        ['trousers', 'shorts', 'tights', 'skirt', 'dress', 'briefs'],
        p=(0.4, 0.2, 0.14, 0.1, 0.1, 0.06) if female
        else (0.55, 0.3, 0.06, 0, 0, 0.09),
    )  # fmt: skip
    upper = rng.choice(
        ['shirt', 'top', 'leotard', 'bare'],
        p=(0.62, 0.24, 0.14, 0.0) if female else (0.8, 0.1, 0.02, 0.08),
    )
    return dict(
        skin=tone * rng.uniform(0.85, 1.12),
        hair=np.array(HAIR_COLOURS[hair]) * rng.uniform(0.7, 1.3),
        iris=IRISES[rng.integers(len(IRISES))],
        style=str(
            rng.choice(
                ['short', 'bob', 'long', 'tail', 'bald'],
                p=(0.2, 0.2, 0.32, 0.28, 0) if female
                else (0.72, 0.06, 0.04, 0.04, 0.14),
            )
        ),
        upper=str(upper),
        lower=str(lower),
        sleeve=float(rng.choice([0.3, 0.55, 1.0, 1.85])),
        neckline=float(rng.uniform(0.52, 0.60)),
        waist=float(rng.uniform(-0.06, 0.12)),
        hem=float(
            {'shorts': rng.uniform(0.3, 0.95), 'skirt': rng.uniform(0.4, 1.6),
             'dress': rng.uniform(0.4, 1.7)}.get(
                str(lower), rng.uniform(1.6, 1.93))
        ),
        loose=float(rng.uniform(0.2, 1.0)),
        shoes=bool(rng.random() < 0.75),
        materials={
            name: cloth(rng) for name in ('upper', 'lower', 'shoes')
        },
        seed=int(rng.integers(1 << 20)),
    )  # fmt: skip


def cloth(rng) -> np.ndarray:
    """A material of fabric: plain, striped, checked, printed or dotted."""
    first, second = colour(rng), colour(rng)
    kind = int(
        rng.choice([0, 1, 2, 3, 4, 5], p=(0.5, 0.1, 0.08, 0.1, 0.14, 0.08))
    )
    scale = {1: 18, 2: 24, 3: 14, 4: 12, 5: 28}.get(kind, 1)
    return material(
        CLOTH, first, second, kind, scale * rng.uniform(0.6, 1.6),
        rng.integers(1 << 20), rng.choice([0.02, 0.05, 0.25]),
        rng.uniform(0.1, 0.35), rng.uniform(14, 30),
    )  # fmt: skip


def colour(rng) -> np.ndarray:
    """Linear RGB: greys, muted and strong colours."""
    value = rng.beta(1.0, 2.2) * 0.7 + 0.012
    tint = rng.random(3) ** rng.choice([0.15, 0.5, 1.5], p=(0.5, 0.35, 0.15))
    return value * tint / tint.max()


def garments(look: dict) -> list:
    """(name, cut (V,), ease (V,) in metres) of each garment on the template.

    ``cut`` is positive where the garment is.
    """
    zone = zones()
    z, arm, leg = zone['z'], zone['arm'], zone['leg']
    loose = look['loose']
    out = []
    off_limbs = np.minimum(-zone['head'] + 0.4, -zone['hand'] + 0.4)
    if look['lower'] in ('trousers', 'shorts', 'tights', 'briefs'):
        hem = 0.12 if look['lower'] == 'briefs' else look['hem']
        cut = np.minimum(look['waist'] + 0.06 - z, (hem - leg) * 0.35)
        cut = np.where(arm > -0.9, -1, cut)
        tight = look['lower'] in ('tights', 'briefs')
        ease = (
            0.004 if tight else 0.007 + 0.014 * loose * np.clip(leg, 0.2, 1.5)
        )
        out.append(('lower', np.minimum(cut, off_limbs), ease))
    sleeve = {'top': 0.02, 'leotard': look['sleeve'], 'bare': 0}.get(
        look['upper'], look['sleeve']
    )
    if look['upper'] != 'bare' or look['lower'] == 'dress':
        bottom = look['waist'] - 0.06
        if look['lower'] == 'skirt':
            bottom = 0.1
        if look['upper'] == 'leotard' and look['lower'] != 'dress':
            bottom = -0.2
        cut = np.minimum(z - bottom, (sleeve - arm) * 0.3)
        cut = np.minimum(cut, look['neckline'] + 0.035 - _neck(z))
        if look['upper'] == 'leotard':
            cut = np.minimum(cut, (0.05 - leg) * 0.35)
        else:
            cut = np.where((leg > 0.35) & (arm < -0.9), -1, cut)
        tight = look['upper'] in ('leotard', 'top')
        ease = 0.0045 if tight else 0.009 + 0.016 * loose
        out.append(('upper', np.minimum(cut, off_limbs), ease))
    if look['shoes']:
        cut = zone['foot'] - 0.5
        out.append(('shoes', cut, 0.009))
    return out


def _neck(z):
    """Height, so that the neckline lies across the front and higher behind."""
    y = anatomy().template[:, 1]
    return z - 0.35 * np.clip(y + 0.02, -0.1, 0.1)


def dress(body: Body, look: dict, rotation, shift, owner: int) -> list:
    """The meshes of one posed person: skin, garments, hair.

    Args:
        body (Body): Shape in rest.
        look (dict): From :func:`sample_look`.
        rotation, shift: Bone transforms, see ``body.chain``.
        owner (int): Number of the person in the scene, from 1.
    """
    data = anatomy()
    faces, rest = data.faces, body.vertices
    moved = rotation.astype(np.float32), shift.astype(np.float32)

    def move(points):
        return skin(points.astype(np.float32), data.index, data.weight, *moved)

    normals = vertex_normals(rest, faces)
    part = data.part[faces[:, 0]]
    whole = np.ones(len(rest), np.float32)
    brow = look['hair'] * 0.8 + 0.01
    worn = garments(look)
    # Skin that lies well beneath a garment is left out: it is never seen, and
    # does not show through where the mesh folds.
    seen = ~np.any([(cut[faces] > 0.025).all(1) for _, cut, _ in worn], axis=0)
    meshes = [
        Mesh(
            move(rest), faces[seen], data.template, whole,
            material(SKIN, look['skin'], brow, 0, 1, look['seed'], 0.18),
            owner, part[seen],
        )
    ]  # fmt: skip
    for number, (name, cut, ease) in enumerate(worn):
        wear = np.asarray(ease) * np.ones(len(rest), np.float32)
        folds = _folds(data.template * 9, look['seed'] + number) - 0.35
        lifted = rest + normals * (wear * (1 + 0.9 * folds) + 0.0015 * number)[
            :, None
        ].astype(np.float32)
        keep = (cut[faces] > -0.02).all(1) | (cut[faces] > 0).any(1)
        kind = look['materials'][name]
        if name == 'shoes':
            lifted = np.where(
                (cut > -0.2)[:, None], _smoother() @ lifted, lifted
            )
            kind = kind.copy()
            kind[[0, 7, 11]] = SHOE, 0, 0
        meshes.append(
            Mesh(move(lifted), faces[keep], data.template,
                 cut.astype(np.float32), kind, owner, part[keep])
        )  # fmt: skip
    if look['lower'] in ('skirt', 'dress'):
        meshes.append(_skirt(look, rotation[0], meshes[0].vertices, owner))
    return meshes + _hair(body, look, normals, move, moved, owner)


@numba.njit(cache=True)
def _folds(points, seed):
    """(V,) noise from 0 to 1, drawn out along z."""
    out = np.empty(len(points), np.float32)
    for i in range(len(points)):
        out[i] = noise(points[i, 0], points[i, 1], 0.5 * points[i, 2], seed)
    return out


@lru_cache(maxsize=1)
def _smoother():
    """(V, V) sparse: Laplacian smoothing that makes one form of the toes."""
    data = anatomy()
    i, j = np.concatenate(
        [data.faces[:, [0, 1]], data.faces[:, [1, 2]], data.faces[:, [2, 0]]]
    ).T
    count = len(data.template)
    near = sparse.coo_matrix((np.ones(len(i)), (i, j)), (count, count)).tocsr()
    near = near + near.T + sparse.identity(count)
    step = sparse.diags(1 / np.asarray(near.sum(1)).ravel()) @ near
    feet = sparse.diags((zones()['foot'] > 0.3).astype(float))
    step = feet @ step + sparse.identity(count) - feet
    return (step @ step @ step @ step @ step @ step @ step @ step).astype(
        np.float32
    )


def _hair(body, look, normals, move, moved, owner):
    """A shell over the scalp, with length behind as the style has it."""
    if look['style'] == 'bald':
        return []
    data = anatomy()
    x, y, z = data.template.T
    # The hairline: high over the forehead, low behind the ears.
    line = 0.775 - np.clip((y + 0.075) / 0.06, 0, 1) * 0.10
    cut = np.minimum(z - line, zones()['head'] - 0.6)
    thick = {'short': 0.012, 'tail': 0.009, 'bob': 0.02, 'long': 0.02}
    amount = thick[look['style']] * np.clip(cut / 0.03, 0.15, 1)
    lump = _folds(data.template * 28, look['seed'] + 7)
    lifted = body.vertices + normals * (amount * (0.6 + 0.8 * lump) + 0.002)[
        :, None
    ].astype(np.float32)
    faces = data.faces[(cut[data.faces] > -0.01).all(1)]
    kind = material(HAIR, look['hair'], seed=look['seed'], gloss=0.35,
                    bumps=0.25, bump_scale=90)  # fmt: skip
    meshes = [
        Mesh(move(lifted), faces, data.template, cut.astype(np.float32), kind,
             owner, np.full(len(faces), PARTS.index('head')))
    ]  # fmt: skip
    if look['style'] != 'short':
        meshes.append(_strands(body, look, moved, kind, owner))
    return meshes


def _strands(body, look, bones_moved, kind, owner):
    """Hair that hangs behind: a curtain from ear to ear, or a tail."""
    data = anatomy()
    tail = look['style'] == 'tail'
    length = {'bob': 0.16, 'long': 0.34, 'tail': 0.30}[look['style']]
    heads = body.heads
    skull = heads[data.bone['head']]
    height = body.vertices[:, 2].max() - skull[2]
    rows, columns = 12, 15
    angle = np.linspace(np.radians(-15), np.radians(195), columns)
    t = np.linspace(0, 1, rows)[:, None]
    if tail:
        angle = np.linspace(0, 2 * np.pi, columns)
        radius = 0.028 * (1 - 0.6 * t**2) * np.ones_like(angle)
        centre_y = skull[1] + 0.105 + 0.03 * t
        start = skull[2] + 0.62 * height
    else:
        radius = (0.092 + 0.012 * np.sin(np.pi * t)) * np.ones_like(angle)
        centre_y = skull[1] + 0.012 + 0.045 * np.clip(t - 0.35, 0, 1)
        start = skull[2] + 0.55 * height
    points = (
        np.stack(
            np.broadcast_arrays(
                radius * np.cos(angle),
                centre_y + radius * np.sin(angle) * 1.1,
                start - t * length,
            ),
            -1,
        )
        .reshape(-1, 3)
        .astype(np.float32)
    )
    grid = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = (
        grid[:-1, :-1], grid[:-1, 1:], grid[1:, :-1], grid[1:, 1:]
    )  # fmt: skip
    faces = np.concatenate(
        [np.stack([a, b, c], -1), np.stack([b, d, c], -1)]
    ).reshape(-1, 3)
    # The upper end moves with the head, the lower one with the upper back.
    bones = ('head', 'neck01', 'spine01')
    index = np.array([[data.bone[b] for b in bones]] * len(points), np.int32)
    down = np.clip((skull[2] + 0.02 - points[:, 2]) / 0.22, 0, 1)
    weight = np.stack([1 - down, down * (1 - down), down**2], 1)
    weight = (weight / weight.sum(1, keepdims=True)).astype(np.float32)
    return Mesh(
        skin(points, index, weight, *bones_moved), faces.astype(np.int32),
        points, np.ones(len(points), np.float32), kind, owner,
    )  # fmt: skip


def _skirt(look, pelvis, skinned, owner):
    """A tube around both thighs: the hull of the posed legs, eased."""
    zone = zones()
    rows, columns = 14, 36
    leg = np.where(zone['leg'] > -0.9, zone['leg'], -0.2)
    height = np.where(zone['leg'] > -0.5, zone['leg'], -(zone['z'] - 0.05) * 2)
    lower = (zone['arm'] < -0.9) & (height > -0.4) & (leg < look['hem'] + 0.1)
    points, height = skinned[lower], height[lower]
    angle = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    levels = np.linspace(-0.22, look['hem'], rows)
    ring = np.zeros((rows, columns, 3))
    for i, level in enumerate(levels):
        near = points[np.abs(height - level) < 0.09]
        centre = near.mean(0)
        # The tube's axis goes along the mean of the legs.
        ahead = points[np.abs(height - min(level + 0.25, look['hem'])) < 0.09]
        axis = ahead.mean(0) - centre
        if np.linalg.norm(axis) < 0.03 or i == 0:
            axis = -pelvis[:, 2]
        axis /= np.linalg.norm(axis)
        u = pelvis[:, 0] - axis * (pelvis[:, 0] @ axis)
        u /= np.linalg.norm(u)
        v = np.cross(axis, u)
        direction = np.cos(angle)[:, None] * u + np.sin(angle)[:, None] * v
        reach = ((near - centre) @ direction.T).max(0)
        flare = 0.014 + (0.02 + 0.05 * look['loose']) * i / rows
        wave = 1 + 0.10 * i / rows * np.sin(angle * 9 + look['seed'])
        ring[i] = centre + direction * ((reach + flare) * wave)[:, None]
    for _ in range(2):
        ring[1:-1] = (ring[:-2] + 2 * ring[1:-1] + ring[2:]) / 4
    grid = np.arange(rows * columns).reshape(rows, columns)
    a, c = grid[:-1], grid[1:]
    b, d = np.roll(a, -1, 1), np.roll(c, -1, 1)
    faces = np.concatenate(
        [np.stack([a, c, b], -1), np.stack([b, c, d], -1)]
    ).reshape(-1, 3)
    around = np.broadcast_to(angle, (rows, columns)) / (2 * np.pi)
    texture = np.stack(
        [
            around,
            np.zeros_like(around),
            np.repeat(-levels[:, None] * 0.4, columns, 1),
        ],
        -1,
    ).reshape(-1, 3)
    name = 'upper' if look['lower'] == 'dress' else 'lower'
    return Mesh(
        ring.reshape(-1, 3).astype(np.float32), faces.astype(np.int32),
        texture.astype(np.float32), np.ones(rows * columns, np.float32),
        look['materials'][name], owner,
    )  # fmt: skip
