"""What people wear: garments grown from the body, hair and skin."""

from functools import lru_cache

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from .body import Body, anatomy, blend, move
from .render import (
    Mesh,
    grid,
    material,
    noise,
    noise_volume,
    trim,
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
# What is worn, with the odds of men and of women.
LOWER = dict(trousers=(0.55, 0.4), shorts=(0.3, 0.2), tights=(0.06, 0.14),
             briefs=(0.09, 0.06), skirt=(0, 0.1), dress=(0, 0.1))  # fmt: skip
UPPER = dict(shirt=(0.8, 0.62), top=(0.1, 0.24), leotard=(0.02, 0.14),
             bare=(0.08, 0))  # fmt: skip
STYLES = dict(short=(0.72, 0.2), bob=(0.06, 0.2), long=(0.04, 0.32),
              tail=(0.04, 0.28), bald=(0.14, 0))  # fmt: skip
# Where the legs of these end: 0 hip, 1 knee, 2 ankle.
HEMS = dict(
    briefs=(0.12, 0.12), shorts=(0.3, 0.95), skirt=(0.4, 1.6),
    dress=(0.4, 1.7), trousers=(1.6, 1.93), tights=(1.6, 1.93),
)  # fmt: skip
# Patterns of cloth and of surroundings: the odds, and how fine they are.
CLOTHS = dict(plain=(0.5, 1), across=(0.1, 18), along=(0.08, 24),
              checks=(0.1, 14), blotches=(0.14, 12),
              dots=(0.08, 28))  # fmt: skip
SURFACES = dict(plain=(0.2, 1), across=(0.07, 2), checks=(0.08, 1.5),
                blotches=(0.15, 2), grain=(0.35, 6),
                tiles=(0.15, 1.6))  # fmt: skip
STRANDS = (260, 260, 22)  # per metre: how fine hair is


@lru_cache(maxsize=1)
def zones():
    """Coordinates on the template that hems are defined in, each (V,).

    ``arm``, ``leg``: 0 at the root of the limb, 1 at elbow or knee, 2 at wrist
    or ankle, less than 0 on the trunk; ``head``, ``foot``, ``hand``: share of
    their bones in the skinning.
    """
    data = anatomy()
    x, heads = data.template[:, 0], data.model.template_bone_heads.numpy()

    def share(*names):
        return data.dense[:, [b.startswith(names) for b in data.names]].sum(1)

    out = dict(head=share('head', 'eye'), foot=share('foot', 'toe'),
               hand=share('finger', 'metacarpal'))  # fmt: skip
    for limb, names, rest in (
        ('arm', ('upperarm', 'lowerarm', 'wrist'), ('finger', 'metacarpal')),
        ('leg', ('upperleg', 'lowerleg', 'foot'), ('toe',)),
    ):
        below, own = share(*names[1:], *rest), share(*names, *rest)
        out[limb] = np.full(len(x), -1, np.float32)
        for end, sign in (('L', 1), ('R', -1)):
            joints = [
                heads[data.names.index(f'{bone}.{end}')]
                for bone in (f'{names[0]}01', f'{names[1]}01', names[2])
            ]
            upper, lower = (
                (data.template - start) @ axis / (axis @ axis)
                for start, axis in zip(joints, np.diff(joints, axis=0))
            )
            along = np.where(below > 0.5, 1 + lower, upper)
            use = (x * sign > 0) & (own > 0.02) & (along > -0.5)
            out[limb] = np.where(use, along, out[limb])
    return out


def sample_look(rng, shape: dict, years: float) -> dict:
    """Colours and garments of one person, as a plain dictionary."""

    def choose(table):
        odds = [pair[int(shape['gender'] > 0.5)] for pair in table.values()]
        return str(rng.choice(list(table), p=odds))

    hair = int(rng.choice(6, p=(0.35, 0.25, 0.17, 0.1, 0.05, 0.08)))
    if rng.random() < (years - 40) / 35:
        hair = -1  # grey
    lower = choose(LOWER)
    return dict(
        skin=np.array(rng.choice(SKIN_TONES)) * rng.uniform(0.85, 1.12),
        hair=np.array(HAIR_COLOURS[hair]) * rng.uniform(0.7, 1.3),
        iris=rng.choice(IRISES),
        style=choose(STYLES),
        upper=choose(UPPER),
        lower=lower,
        sleeve=float(rng.choice([0.3, 0.55, 1.0, 1.85])),
        neckline=rng.uniform(0.52, 0.60),
        waist=rng.uniform(-0.06, 0.12),
        hem=rng.uniform(*HEMS[lower]),
        loose=rng.uniform(0.2, 1.0),
        shoes=bool(rng.random() < 0.75),
        materials={name: cloth(rng) for name in ('upper', 'lower', 'shoes')},
        creases=rng.uniform(0, 8, 3),  # where the noise of folds begins
    )


def _patterned(rng, table, first, second, gloss):
    odds = [share for share, _ in table.values()]
    pattern = str(rng.choice(list(table), p=odds))
    scale = table[pattern][1] * rng.uniform(0.5, 1.8)
    return material(first, second, pattern, scale, rng.choice(gloss))


def cloth(rng) -> np.ndarray:
    """A material of fabric: plain, striped, checked, printed or dotted."""
    return _patterned(rng, CLOTHS, colour(rng), colour(rng), [0.02, 0.05, 0.25])


def surface(rng, muted=0.7) -> np.ndarray:
    """A material of walls, floors and furniture."""
    tint = colour(rng)
    tint = tint + muted * (tint.mean() - tint + 0.04)
    return _patterned(
        rng, SURFACES, tint, tint * rng.uniform(0.4, 1.5), [0.02, 0.1, 0.4]
    )


def colour(rng) -> np.ndarray:
    """Linear RGB: greys, muted and strong colours."""
    value = rng.beta(1.0, 2.2) * 0.7 + 0.012
    tint = rng.random(3) ** rng.choice([0.15, 0.5, 1.5], p=(0.5, 0.35, 0.15))
    return value * tint / tint.max()


@lru_cache(maxsize=1)
def _features():
    """(V, 1) how light the skin is; indices of the vertices of the face, by
    anny's template; and what is painted there: its share at each, by name."""
    x, y, z = anatomy().template.T
    tone = 0.9 + 0.2 * noise(noise_volume(), anatomy().template * 30)
    face = np.flatnonzero((y < -0.11) & (z > 0.6))
    x, y, z = abs(x[face]), y[face], z[face]

    def spot(u, v, width, height):
        return 1 - ((x - u) / width) ** 2 - ((z - v) / height) ** 2

    lash = 1.2 - 4 * abs(spot(0.031, 0.729, 0.0165, 0.0085))
    brow = 1 - abs(z - 0.7475 + 21 * (x - 0.03) ** 2) / 0.004
    pupil = np.hypot(x - 0.0308, z - 0.7284)
    eye = np.hypot(pupil, y + 0.1245) < 0.0149
    shares = dict(
        cheek=spot(0.045, 0.69, 0.03, 0.03),
        lips=3 * spot(0, 0.6625, 0.026, 0.0085),
        mouth=3 * spot(0, 0.6625, 0.026, 0.0015),
        lash=lash * (z > 0.729),
        brow=brow * ((x > 0.012) & (x < 0.05)),
        eye=eye,
        iris=eye & (pupil < 0.0068),
    )
    shares = {k: np.clip(v, 0, 1)[:, None] for k, v in shares.items()}
    return tone[:, None], face, shares


def complexion(look: dict) -> np.ndarray:
    """(V, 3) linear RGB of the skin."""
    (tone, face, shares), skin = _features(), np.float32(look['skin'])
    colours = dict(
        cheek=skin * [1, 0.86, 0.86], lips=skin * [0.85, 0.55, 0.6],
        mouth=skin * 0.3, lash=skin * 0.3, brow=look['hair'] * 0.8 + 0.01,
        eye=[0.72] * 3, iris=look['iris'],
    )  # fmt: skip
    paint = tone * skin
    own = paint[face]
    for name, share in shares.items():
        own += share * (colours[name] - own)
    paint[face] = own
    return paint


def garments(look: dict) -> list:
    """(name, cut (V,), ease (V,) or one, in metres) of each garment on the
    template. ``cut`` is positive where the garment is."""
    zone, loose = zones(), look['loose']
    _, y, z = anatomy().template.T
    arm, leg = zone['arm'], zone['leg']
    upper, lower = look['upper'], look['lower']
    on_limbs = 0.4 - np.maximum(zone['head'], zone['hand'])
    out = []
    if lower not in ('skirt', 'dress'):
        cut = np.minimum(look['waist'] + 0.06 - z, (look['hem'] - leg) * 0.35)
        cut = np.where(arm > -0.9, -1, np.minimum(cut, on_limbs))
        ease = 0.007 + 0.014 * loose * np.clip(leg, 0.2, 1.5)
        out.append(
            ('lower', cut, 0.004 if lower in ('tights', 'briefs') else ease)
        )
    if upper != 'bare' or lower == 'dress':
        sleeve = {'top': 0.02, 'bare': 0}.get(upper, look['sleeve'])
        bottom = 0.1 if lower == 'skirt' else look['waist'] - 0.06
        if upper == 'leotard' and lower != 'dress':
            bottom = -0.2
        # The neckline lies lower in front than behind.
        height = z - 0.35 * np.clip(y + 0.02, -0.1, 0.1)
        cut = np.minimum.reduce([
            z - bottom, (sleeve - arm) * 0.3, look['neckline'] + 0.035 - height,
            on_limbs,
        ])  # fmt: skip
        if upper == 'leotard':
            cut = np.minimum(cut, (0.05 - leg) * 0.35)
        else:
            cut = np.where((leg > 0.35) & (arm < -0.9), -1, cut)
        tight = upper in ('leotard', 'top')
        out.append(('upper', cut, 0.0045 if tight else 0.009 + 0.016 * loose))
    if look['shoes']:
        out.append(('shoes', zone['foot'] - 0.5, 0.009))
    return out


def dress(body: Body, look: dict, bones, owner: int) -> list:
    """The meshes of a person posed by ``body.chain``: skin, garments, hair."""
    data, bones = anatomy(), bones.astype(np.float32)
    skin = move(body.vertices, blend(data.skinning, bones))
    normals = vertex_normals(skin, data.faces)

    def shell(kind, texture, cut, thickness, step=None):
        kept, used, faces = trim(data.faces, cut)
        points = skin[used] + normals[used] * thickness[used, None]
        for _ in range(0 if step is None else 16):
            points = step @ points
        part = data.part[data.faces[kept, 0]]
        return Mesh(points, faces, kind, texture[used], cut[used], owner, part)

    # Folds: noise from 0 to 1, drawn out along z.
    places = data.template * [9, 9, 4.5] + look['creases']
    coarse = noise(noise_volume(), places)
    fine = noise(noise_volume(), places * 2.8)
    folds, worn = 0.7 * coarse + 0.3 * fine, garments(look)
    # Skin that lies well beneath a garment is left out: it is never seen, and
    # does not show through where the mesh folds.
    bare = 0.025 - np.max([cut for _, cut, _ in worn], 0, initial=-1)
    painted = material([1] * 3, pattern='painted', gloss=0.18)
    meshes = [
        shell(painted, complexion(look), bare, np.zeros(len(skin), np.float32))
    ]
    for number, (name, cut, ease) in enumerate(worn):
        kind, texture, step = look['materials'][name], data.template, None
        if name == 'shoes':
            upper, sole = kind[3:6], 0.62 - min(0.5, kind[3])
            texture = np.where(texture[:, 2:] < -0.803, sole, upper)
            kind, step = material(upper, pattern='painted'), _smoother()
        ease = ease * (0.7 + 0.9 * folds) + 0.0015 * number
        meshes.append(shell(kind, texture, cut, ease, step))
    if look['lower'] in ('skirt', 'dress'):
        meshes.append(_skirt(body, look, bones, owner))
    if look['style'] == 'bald':
        return meshes
    # Hair: a shell from the hairline, which is high over the forehead and low
    # behind the ears, and what hangs from it.
    _, y, z = data.template.T
    cut = z - 0.775 + np.clip((y + 0.075) / 0.06, 0, 1) * 0.10
    cut = np.minimum(cut, zones()['head'] - 0.6)
    thick = {'short': 0.012, 'tail': 0.009}.get(look['style'], 0.02)
    thick = thick * np.clip(cut / 0.03, 0.15, 1) * (0.6 + 0.8 * fine) + 0.002
    kind = material(look['hair'] * 0.5, look['hair'] * 1.4, 'grain', 1, 0.35)
    meshes.append(shell(kind, data.template * STRANDS, cut, thick))
    if look['style'] != 'short':
        meshes.append(_strands(body, look['style'], bones, kind, owner))
    return meshes


@lru_cache(maxsize=1)
def _smoother():
    """(N, N) sparse matrix that takes vertices of shoes, but for their brims,
    to the mean of their neighbours: done often, it makes one form of the
    toes."""
    from trimesh import Trimesh

    data, cut = anatomy(), zones()['foot'] - 0.5
    _, used, faces = trim(data.faces, cut)
    near = Trimesh(data.template[used], faces, process=False).edges_sparse
    same = sparse.eye_array(len(used))
    near = sparse.csr_array(near) + same
    step = sparse.diags_array(1 / near.sum(1)) @ near - same
    free = sparse.diags_array((cut[used] > 0.1).astype(float))
    return (same + free @ step).astype(np.float32)


def _net(body, bones, points, closed, material, texture, owner):
    """A mesh of (rows, columns, 3) points in rest, which move as the skin that
    is near them."""
    (rows, columns, _), some = points.shape, slice(None, None, 5)
    points, texture = points.reshape(-1, 3), texture.reshape(-1, 3)
    _, near = cKDTree(body.vertices[some]).query(points, 12)
    weights = anatomy().dense[some][near].mean(1)
    moved, faces = (
        move(points, blend(weights, bones)),
        grid(rows, columns, closed),
    )
    return Mesh(moved, faces, material, texture, owner=owner)


def _strands(body, style, bones, kind, owner):
    """Hair that hangs behind: a curtain from ear to ear, or a tail."""
    skull = body.heads[anatomy().bone['head']]
    height = body.vertices[:, 2].max() - skull[2]
    length = {'bob': 0.16, 'long': 0.34, 'tail': 0.30}[style]
    t = np.linspace(0, 1, 12)[:, None]
    if style == 'tail':
        angle = np.linspace(0, 2 * np.pi, 15)
        radius, back, start = 0.028 * (1 - 0.6 * t**2), 0.105 + 0.03 * t, 0.62
    else:
        angle = np.radians(np.linspace(-15, 195, 15))
        radius = 0.092 + 0.012 * np.sin(np.pi * t)
        back, start = 0.012 + 0.045 * np.clip(t - 0.35, 0, 1), 0.55
    x, y = radius * np.cos(angle), radius * np.sin(angle) * 1.1 + back
    z = np.broadcast_to(start * height - t * length, x.shape)
    points = np.stack([x, y, z], -1) + [0, *skull[1:]]
    return _net(body, bones, points, False, kind, points * STRANDS, owner)


def _skirt(body, look, bones, owner):
    """A tube around the thighs, that follows both legs."""
    zone, rows, columns = zones(), 14, 36
    hip, knee, ankle = (
        body.heads[anatomy().bone[f'{name}.L']]
        for name in ('upperleg01', 'lowerleg01', 'foot')
    )
    legs = np.interp(look['hem'], [0, 1, 2], [hip[2], knee[2], ankle[2]])
    levels = np.linspace(hip[2] + 0.1 * body.scale, legs, rows)
    angle = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    directions = np.stack([np.cos(angle), np.sin(angle)])
    lower = body.vertices[zone['arm'] < -0.9]
    points = np.empty((rows, columns, 3))
    for i, level in enumerate(levels):
        near = lower[abs(lower[:, 2] - level) < 0.03, :2]
        centre = (near.min(0) + near.max(0)) / 2
        reach = ((near - centre) @ directions).max(0)
        reach += 0.014 + (0.02 + 0.05 * look['loose']) * i / rows
        reach *= 1 + 0.10 * i / rows * np.sin(angle * 9)
        points[i, :, :2] = centre + (directions * reach).T
        points[i, :, 2] = level
    texture = np.stack(np.broadcast_arrays(angle / 6, 0, points[..., 2]), -1)
    kind = look['materials']['upper' if look['lower'] == 'dress' else 'lower']
    return _net(body, bones, points, True, kind, texture, owner)
