"""What people wear: garments grown from the body, hair and skin."""

from functools import lru_cache

import numba
import numpy as np
from scipy import sparse

from .body import Body, anatomy, skin
from .render import (
    ACROSS,
    ALONG,
    BLOTCHES,
    CHECKS,
    CLOTH,
    DOTS,
    GRAIN,
    HAIR,
    OBJECT,
    PLAIN,
    SHOE,
    SKIN,
    TILES,
    Mesh,
    corner_range,
    grid,
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
GREY = 5  # the last of them
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
CLOTHS = {PLAIN: (0.5, 1), ACROSS: (0.1, 18), ALONG: (0.08, 24),
          CHECKS: (0.1, 14), BLOTCHES: (0.14, 12),
          DOTS: (0.08, 28)}  # fmt: skip
SURFACES = {PLAIN: (0.2, 1), ACROSS: (0.07, 2), CHECKS: (0.08, 1.5),
            BLOTCHES: (0.15, 2), GRAIN: (0.35, 6),
            TILES: (0.15, 1.6)}  # fmt: skip


@lru_cache(maxsize=1)
def zones():
    """Coordinates on the template that hems are defined in, each (V,).

    ``z`` height; ``arm``, ``leg``: 0 at the root of the limb, 1 at elbow or
    knee, 2 at wrist or ankle, less than 0 on the trunk; ``head``, ``foot``,
    ``hand``: share of their bones in the skinning.
    """
    data = anatomy()
    heads = data.model.template_bone_heads.numpy()

    def share(*names):
        return data.dense[:, [b.startswith(names) for b in data.names]].sum(1)

    out = dict(z=data.template[:, 2], head=share('head', 'eye'),
               foot=share('foot', 'toe'), hand=share('finger', 'metacarpal'),
               arm=np.full(len(data.template), -1.0, np.float32))  # fmt: skip
    out['leg'] = out['arm']
    arm = share('upperarm', 'lowerarm', 'wrist', 'finger', 'metacarpal')
    leg = share('upperleg', 'lowerleg', 'foot', 'toe')
    for limb, own, bones in (
        ('arm', arm, ('upperarm01', 'lowerarm01', 'wrist')),
        ('leg', leg, ('upperleg01', 'lowerleg01', 'foot')),
    ):
        for end, sign in (('L', 1), ('R', -1)):
            joints = heads[[data.bone[f'{name}.{end}'] for name in bones]]
            for i, least, low in ((0, 0.02, -0.5), (1, 0.5, 0.0)):
                axis = joints[i + 1] - joints[i]
                t = (data.template - joints[i]) @ axis / (axis @ axis)
                use = (data.template[:, 0] * sign > 0) & (t >= low)
                use &= (own > least) & (i + t > out[limb])
                out[limb] = np.where(use, i + t, out[limb])
    return out


def sample_look(rng, shape: dict, years: float) -> dict:
    """Colours and garments of one person, as a plain dictionary."""

    def choose(table):
        odds = [pair[int(shape['gender'] > 0.5)] for pair in table.values()]
        return str(rng.choice(list(table), p=odds))

    hair = int(rng.choice(6, p=(0.35, 0.25, 0.17, 0.1, 0.05, 0.08)))
    if rng.random() < (years - 40) / 35:
        hair = GREY
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
        seed=int(rng.integers(1 << 20)),
    )


def _patterned(rng, table, kind, first, second, *gloss_and_bumps):
    pattern = rng.choice(list(table), p=[odds for odds, _ in table.values()])
    scale = table[pattern][1] * rng.uniform(0.5, 1.8)
    seed = rng.integers(1 << 20)
    return material(kind, first, second, pattern, scale, seed, *gloss_and_bumps)


def cloth(rng) -> np.ndarray:
    """A material of fabric: plain, striped, checked, printed or dotted."""
    return _patterned(rng, CLOTHS, CLOTH, colour(rng), colour(rng),
                      rng.choice([0.02, 0.05, 0.25]), rng.uniform(0.1, 0.35),
                      rng.uniform(14, 30))  # fmt: skip


def surface(rng, muted=0.7) -> np.ndarray:
    """A material of walls, floors and furniture."""
    tint = colour(rng)
    tint = tint + muted * (tint.mean() - tint + 0.04)
    return _patterned(rng, SURFACES, OBJECT, tint, tint * rng.uniform(0.4, 1.5),
                      rng.choice([0.02, 0.1, 0.4]))  # fmt: skip


def colour(rng) -> np.ndarray:
    """Linear RGB: greys, muted and strong colours."""
    value = rng.beta(1.0, 2.2) * 0.7 + 0.012
    tint = rng.random(3) ** rng.choice([0.15, 0.5, 1.5], p=(0.5, 0.35, 0.15))
    return value * tint / tint.max()


def garments(look: dict) -> list:
    """(name, cut (V,), ease (V,) or one, in metres) of each garment on the
    template. ``cut`` is positive where the garment is."""
    zone, loose = zones(), look['loose']
    z, arm, leg = zone['z'], zone['arm'], zone['leg']
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
        height = z - 0.35 * np.clip(anatomy().template[:, 1] + 0.02, -0.1, 0.1)
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
    """The meshes of one posed person: skin, garments, hair.

    Args:
        body (Body): Shape in rest.
        look (dict): From :func:`sample_look`.
        bones: From ``body.chain``.
        owner (int): Number of the person in the scene, from 1.
    """
    data, rest = anatomy(), body.vertices
    normals = vertex_normals(rest, data.faces)
    part = data.part[data.faces[:, 0]]

    def shell(thickness, keep, kind, cut=1.0, smoother=None):
        points = rest + normals * np.float32(thickness).reshape(-1, 1)
        if smoother is not None:
            points = smoother @ points
        return Mesh(skin(points, data.skinning, bones),
                    data.faces[keep], kind, data.template, cut, owner,
                    part[keep])  # fmt: skip

    worn = garments(look)
    ends = [corner_range(cut, data.faces) for _, cut, _ in worn]
    # Skin that lies well beneath a garment is left out: it is never seen, and
    # does not show through where the mesh folds.
    bare = ~np.any([least > 0.025 for least, _ in ends], axis=0)
    kind = material(SKIN, look['skin'], look['hair'] * 0.8 + 0.01,
                    seed=look['seed'], gloss=0.18,
                    iris=look['iris'])  # fmt: skip
    meshes = [shell(0, bare, kind)]
    for number, (name, cut, ease) in enumerate(worn):
        least, most = ends[number]
        folds = _folds(data.template * 9, look['seed'] + number) - 0.35
        kind = look['materials'][name].copy()
        if name == 'shoes':
            kind[[0, 7, 11]] = SHOE, 0, 0
        meshes.append(
            shell(ease * (1 + 0.9 * folds) + 0.0015 * number,
                  (least > -0.02) | (most > 0), kind, cut,
                  _smoother() if name == 'shoes' else None)
        )  # fmt: skip
    if look['lower'] in ('skirt', 'dress'):
        meshes.append(_skirt(look, bones[0, :, :3], meshes[0].vertices, owner))
    if look['style'] == 'bald':
        return meshes
    # Hair: a shell from the hairline, which is high over the forehead and low
    # behind the ears, and what hangs from it.
    _, y, z = data.template.T
    cut = z - 0.775 + np.clip((y + 0.075) / 0.06, 0, 1) * 0.10
    cut = np.minimum(cut, zones()['head'] - 0.6)
    thick = {'short': 0.012, 'tail': 0.009}.get(look['style'], 0.02)
    lumps = 0.6 + 0.8 * _folds(data.template * 28, look['seed'] + 7)
    kind = material(HAIR, look['hair'], seed=look['seed'], gloss=0.35,
                    bumps=0.25, bump_scale=90)  # fmt: skip
    meshes.append(
        shell(thick * np.clip(cut / 0.03, 0.15, 1) * lumps + 0.002,
              corner_range(cut, data.faces)[0] > -0.01, kind, cut)
    )  # fmt: skip
    if look['style'] != 'short':
        meshes.append(_strands(body, look['style'], bones, kind, owner))
    return meshes


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
    count = len(data.template)
    pairs = data.faces[:, [0, 1, 1, 2, 2, 0, 1, 0, 2, 1, 0, 2]].reshape(-1, 2)
    near = sparse.csr_array((np.ones(len(pairs)), pairs.T), (count, count))
    same = sparse.eye_array(count)
    step = sparse.diags_array(1 / (near.sum(1) + 1)) @ (near + same)
    feet = sparse.diags_array((zones()['foot'] > 0.3).astype(float))
    step = (feet @ step + same - feet).astype(np.float32)
    return sparse.csr_array(sparse.linalg.matrix_power(step, 8))


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
    points = np.float32(np.stack([x, y + skull[1], z + skull[2]], -1))
    points = points.reshape(-1, 3)
    # The upper end moves with the head, the lower one with the upper back.
    index = [anatomy().bone[b] for b in ('head', 'neck01', 'spine01')]
    down = np.clip((skull[2] + 0.02 - points[:, 2]) / 0.22, 0, 1)
    weight = np.stack([1 - down, down * (1 - down), down**2], 1)
    weight /= weight.sum(1, keepdims=True)
    moved = skin(points, weight, bones[index])
    return Mesh(moved, grid(12, 15), kind, points, owner=owner)


def _skirt(look, pelvis, skinned, owner):
    """A tube around both thighs: the hull of the posed legs, eased."""
    zone, hem, rows, columns = zones(), look['hem'], 14, 36
    leg = zone['leg']
    height = np.where(leg > -0.5, leg, -(zone['z'] - 0.05) * 2)
    lower = (zone['arm'] < -0.9) & (height > -0.4) & (leg < hem + 0.1)
    points, height = skinned[lower], height[lower]
    angle = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    levels = np.linspace(-0.22, hem, rows)
    ring = np.zeros((rows, columns, 3))
    for i, level in enumerate(levels):
        near = points[np.abs(height - level) < 0.09]
        centre = near.mean(0)
        # The tube's axis goes along the mean of the legs.
        ahead = points[np.abs(height - min(level + 0.25, hem)) < 0.09]
        axis = ahead.mean(0) - centre
        if np.linalg.norm(axis) < 0.03 or i == 0:
            axis = -pelvis[:, 2]
        axis /= np.linalg.norm(axis)
        u = pelvis[:, 0] - axis * (pelvis[:, 0] @ axis)
        u /= np.linalg.norm(u)
        across = np.stack([u, np.cross(axis, u)])
        direction = np.stack([np.cos(angle), np.sin(angle)], 1) @ across
        reach = ((near - centre) @ direction.T).max(0)
        reach += 0.014 + (0.02 + 0.05 * look['loose']) * i / rows
        reach *= 1 + 0.10 * i / rows * np.sin(angle * 9 + look['seed'])
        ring[i] = centre + direction * reach[:, None]
    for _ in range(2):
        ring[1:-1] = (ring[:-2] + 2 * ring[1:-1] + ring[2:]) / 4
    around, down = np.meshgrid(angle / (2 * np.pi), -0.4 * levels)
    texture = np.stack([around, np.zeros_like(around), down], -1)
    name = 'upper' if look['lower'] == 'dress' else 'lower'
    return Mesh(ring.reshape(-1, 3), grid(rows, columns, True),
                look['materials'][name], texture.reshape(-1, 3),
                owner=owner)  # fmt: skip
