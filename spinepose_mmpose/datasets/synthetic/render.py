"""A z-buffer for triangles, and the light on what it shows.

Letters: V vertices, F triangles, H x W pixels, each of ``SAMPLES`` samples
each way. Camera axes are right, down, ahead. Within the compiled functions
vectors are tuples of three.
"""

from collections import namedtuple
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numba
import numpy as np
from scipy.ndimage import gaussian_filter

OPTIONS = dict(cache=True, fastmath=True, error_model='numpy')
jit, inline = numba.njit(**OPTIONS), numba.njit(forceinline=True, **OPTIONS)
# How much of its second colour a material has at a point. A painted one takes
# the texture for its colour, a shadowed one lets through what lies behind.
PATTERNS = ('plain', 'across', 'along', 'checks', 'blotches', 'dots', 'grain',
            'tiles', 'painted', 'shadowed')  # fmt: skip
(PLAIN, ACROSS, ALONG, CHECKS, BLOTCHES, DOTS, GRAIN, TILES, PAINTED,
 SHADOWED) = range(len(PATTERNS))  # fmt: skip
NEAR = 0.05  # metres; what comes closer to the camera is not drawn
FAR = np.float32(1e9)  # depth where nothing is drawn
SAMPLES = 2
EDGE = 0.03  # metres between samples of a pixel that show two surfaces
ONE, HALF, ZERO = np.float32(1), np.float32(0.5), np.float32(0)
NOISE_SIDE, NOISE_STEPS = 128, 16  # voxels; voxels of one unit
MATERIAL = np.dtype(
    [('pattern', 'i4'), ('scale', 'f4'), ('gloss', 'f4'),
     ('first', 'f4', 3), ('second', 'f4', 3), ('owner', 'i4')]
)  # fmt: skip


def material(first, second=(0, 0, 0), pattern='plain', scale=1.0, gloss=0.1):
    """How a surface looks; colours are linear RGB, 0 to 1."""
    kind = PATTERNS.index(pattern)
    return np.array((kind, scale, gloss, first, second, 0), MATERIAL)


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


@lru_cache
def grid(rows: int, columns: int, closed: bool = False):
    """(F, 3) triangles of a net of vertices, joined at its sides if closed."""
    index = np.arange(rows * columns).reshape(rows, columns)
    if closed:
        index = np.c_[index, index[:, :1]]
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    return np.stack([a, c, b, b, c, d], -1).reshape(-1, 3)


# Several meshes as one. surface: (V, 9) place, normal and texture; cut: (V,);
# faces: (F, 3); part, mesh: (F,); things: of each mesh, a row of MATERIAL.
Joined = namedtuple('Joined', 'surface cut faces part mesh things')
# Vectors: sun, the direction towards it; rays, sky, ground, the colours of its
# light and of that from above and from below; eye, the camera's place in the
# world. shadow: (S, S) depth as the sun sees it, at rows of a (3, 4) matrix.
Light = namedtuple('Light', 'sun rays sky ground eye matrix shadow noise')


def join(meshes: list) -> Joined:
    sizes = [len(m.vertices) for m in meshes]
    counts = [len(m.faces) for m in meshes]
    starts = np.cumsum([0, *sizes[:-1]])

    def stack(arrays, lengths, kind):
        pairs = zip(arrays, lengths)
        return np.concatenate(
            [np.broadcast_to(a, (n, *np.shape(a)[1:])) for a, n in pairs],
            dtype=kind, casting='unsafe',
        )  # fmt: skip

    vertices = stack([m.vertices for m in meshes], sizes, np.float32)
    faces = [m.faces + start for m, start in zip(meshes, starts)]
    faces = stack(faces, counts, np.int32)
    texture = [m.vertices if m.texture is None else m.texture for m in meshes]
    texture = stack(texture, sizes, np.float32)
    things = np.stack([m.material for m in meshes])
    things['owner'] = [m.owner for m in meshes]
    return Joined(
        np.hstack([vertices, vertex_normals(vertices, faces), texture]),
        stack([m.cut for m in meshes], sizes, np.float32),
        faces,
        stack([m.part for m in meshes], counts, np.int8),
        np.repeat(np.arange(len(meshes), dtype=np.int32), counts),
        things,
    )


@lru_cache(maxsize=1)
def noise_volume():
    """(N, N, N) uint8: smooth noise that goes on at its opposite side."""
    white = np.random.default_rng(0).random((NOISE_SIDE,) * 3, np.float32)
    smooth = gaussian_filter(white, NOISE_STEPS / 3, mode='wrap')
    return cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


@inline
def _vector(a):
    return a[0], a[1], a[2]


@inline
def _row(array, i):
    return array[i, 0], array[i, 1], array[i, 2]


@inline
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@inline
def _cross(a, b):
    return (
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    )


@inline
def _scaled(a, factor):
    return a[0] * factor, a[1] * factor, a[2] * factor


@inline
def _plus(a, b):
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


@inline
def _times(a, b):
    return a[0] * b[0], a[1] * b[1], a[2] * b[2]


@inline
def _between(a, b, t):
    return _plus(_scaled(a, ONE - t), _scaled(b, t))


@inline
def _unit(a):
    return _scaled(a, ONE / np.sqrt(_dot(a, a) + np.float32(1e-20)))


@jit
def vertex_normals(vertices, faces):
    """(V, 3) unit normals, averaged over the triangles of a vertex."""
    out = np.zeros_like(vertices)
    for f in range(len(faces)):
        a, b, c = _row(faces, f)
        back = _scaled(_row(vertices, a), -ONE)
        normal = _cross(
            _plus(_row(vertices, b), back), _plus(_row(vertices, c), back)
        )
        for i in (a, b, c):
            for axis in range(3):
                out[i, axis] += normal[axis]
    for i in range(len(out)):
        out[i, 0], out[i, 1], out[i, 2] = _unit(_row(out, i))
    return out


@inline
def _sides(points, corners):
    """Three vectors s of a triangle: s . (x, y, 1) is, at a sample x, y, the
    weight of a corner over the depth; their sum is 1 over the depth.

    After Olano and Greer, Triangle Scan Conversion using 2D Homogeneous
    Coordinates, 1997: holds behind the camera, so that nothing is clipped.
    """
    a, b, c = corners
    p = _scaled(_row(points, a), np.float64(1))
    q = _scaled(_row(points, b), np.float64(1))
    r = _scaled(_row(points, c), np.float64(1))
    first = _cross(q, r)
    volume = _dot(p, first)
    size = 1 / volume if volume != 0 else np.float64(0)
    return (
        _scaled(first, size),
        _scaled(_cross(r, p), size),
        _scaled(_cross(p, q), size),
    )


@inline
def _at(side, x, y):
    return side[0] * x + side[1] * y + side[2]


@jit
def raster(points, faces, cut, width, height, out=None):
    """Nearest triangle of each sample.

    Args:
        points: (V, 3) samples x, y and 1, each times the depth in metres.
        faces: (F, 3) indices.
        cut: (V,) see :class:`Mesh`.
        out: Arrays for what is returned, float32 and int32.

    Returns:
        tuple: (height, width) depth, (height, width) triangle or -1.
    """
    if out is None:
        depth = np.empty((height, width), np.float32)
        index = np.empty((height, width), np.int32)
    else:
        depth, index = out
    depth[:], index[:] = FAR, -1
    for f in range(len(faces)):
        corners = a, b, c = _row(faces, f)
        xa, ya, za = _row(points, a)
        xb, yb, zb = _row(points, b)
        xc, yc, zc = _row(points, c)
        xa, xb, xc = xa / za, xb / zb, xc / zc
        ya, yb, yc = ya / za, yb / zb, yc / zc
        left, right = np.ceil(min(xa, xb, xc)), np.floor(max(xa, xb, xc))
        top, bottom = np.ceil(min(ya, yb, yc)), np.floor(max(ya, yb, yc))
        if min(za, zb, zc) < NEAR:  # it may appear anywhere
            left, right, top, bottom = ZERO, FAR, ZERO, FAR
        left, right = max(left, ZERO), min(right, np.float32(width - 1))
        top, bottom = max(top, ZERO), min(bottom, np.float32(height - 1))
        # Most triangles hold no sample.
        if left > right or top > bottom or max(za, zb, zc) < NEAR:
            continue
        if max(cut[a], cut[b], cut[c]) < 0:
            continue
        whole = min(cut[a], cut[b], cut[c]) >= 0
        sides = u, v, w = _sides(points, corners)
        total = _plus(_plus(u, v), w)
        for y in range(int(top), int(bottom) + 1):
            low, high = np.float64(left), np.float64(right)
            for side in sides:
                rest = side[1] * y + side[2]
                if side[0] > 0:
                    low = max(low, -rest / side[0])
                elif side[0] < 0:
                    high = min(high, -rest / side[0])
                elif rest < 0:
                    high = -1.0
            if low > high:
                continue
            for x in range(int(np.ceil(low)), int(np.floor(high)) + 1):
                near = _at(total, x, y)
                if near * depth[y, x] > 1 and near < 1 / NEAR:
                    if (
                        whole
                        or cut[a] * _at(u, x, y)
                        + cut[b] * _at(v, x, y)
                        + cut[c] * _at(w, x, y)
                        >= 0
                    ):
                        depth[y, x], index[y, x] = 1 / near, f
    return depth, index


@inline
def _noise(volume, place):
    x, y, z = _scaled(place, np.float32(NOISE_STEPS))
    x, y, z = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    last = NOISE_SIDE - 1
    return volume[x & last, y & last, z & last] * np.float32(1 / 255)


@jit
def noise(volume, points):
    """(N,) smooth noise from 0 to 1 at (N, 3) points, features one unit
    wide."""
    out = np.empty(len(points), np.float32)
    for i in range(len(points)):
        out[i] = _noise(volume, _row(points, i))
    return out


@inline
def _colour(material, place, light):
    """Linear RGB of a material at a place of its texture."""
    pattern, first = material.pattern, _vector(material.first)
    if pattern == PLAIN or pattern == SHADOWED:
        return first
    if pattern == PAINTED:
        return place
    x, y, z = _scaled(place, material.scale)
    fx, fz = x - np.floor(x), z - np.floor(z)
    share = ZERO
    if pattern == ACROSS:
        share = ONE * (fz < HALF)
    elif pattern == ALONG:
        x += np.float32(0.3) * y
        share = ONE * (x - np.floor(x) < np.float32(0.4))
    elif pattern == CHECKS:
        share = HALF * (fx < HALF) + HALF * (fz < HALF)
    elif pattern == BLOTCHES:
        share = _noise(light.noise, (x, y, z)) * np.float32(8) - np.float32(3.6)
        share = min(max(share, ZERO), ONE)
    elif pattern == DOTS:
        fx, fz = fx - HALF, fz - HALF
        share = ONE * (fx * fx + fz * fz < np.float32(0.06))
    elif pattern == GRAIN:  # as of wood, grass or plaster
        five = np.float32(5.3)
        share = HALF * _noise(light.noise, (x, y, z))
        share += HALF * _noise(light.noise, (five * x, five * y, five * z))
    elif pattern == TILES:
        share = np.float32(0.15) * _noise(light.noise, (x - fx, ZERO, z - fz))
        if min(fx, fz) < np.float32(0.05):
            share = ONE
    return _between(first, _vector(material.second), share)


@inline
def _unshadowed(light, point):
    """Share of the four nearest pixels of the shadow map that see a point."""
    matrix, shadow = light.matrix, light.shadow
    z = _dot(matrix[2], point) + matrix[2][3]
    x = (_dot(matrix[0], point) + matrix[0][3]) / z
    y = (_dot(matrix[1], point) + matrix[1][3]) / z
    z -= np.float32(0.02)
    ix, iy = int(np.floor(x)), int(np.floor(y))
    if not (0 <= ix < shadow.shape[1] - 1 and 0 <= iy < shadow.shape[0] - 1):
        return ONE
    fx, fy = np.float32(x - ix), np.float32(y - iy)
    top = (shadow[iy, ix] > z) * (ONE - fx) + (shadow[iy, ix + 1] > z) * fx
    iy += 1
    low = (shadow[iy, ix] > z) * (ONE - fx) + (shadow[iy, ix + 1] > z) * fx
    return top * (ONE - fy) + low * fy


@inline
def _inside(surface, first, corners, weights):
    """Three columns of (V, 9) at a point of a triangle."""
    a, b, c = corners
    u, v, w = weights
    return (
        u * surface[a, first] + v * surface[b, first] + w * surface[c, first],
        u * surface[a, first + 1]
        + v * surface[b, first + 1]
        + w * surface[c, first + 1],
        u * surface[a, first + 2]
        + v * surface[b, first + 2]
        + w * surface[c, first + 2],
    )


@inline
def _lit(f, x, y, points, mesh, light):
    """Linear RGB of a triangle at a sample."""
    corners, material = _row(mesh.faces, f), mesh.things[mesh.mesh[f]]
    u, v, w = _sides(points, corners)
    weights = _at(u, x, y), _at(v, x, y), _at(w, x, y)
    depth = 1 / (weights[0] + weights[1] + weights[2])
    weights = (
        np.float32(weights[0] * depth),
        np.float32(weights[1] * depth),
        np.float32(weights[2] * depth),
    )
    point = _inside(mesh.surface, 0, corners, weights)
    normal = _unit(_inside(mesh.surface, 3, corners, weights))
    place = _inside(mesh.surface, 6, corners, weights)
    colour = _colour(material, place, light)
    view = _unit(_plus(light.eye, _scaled(point, -ONE)))
    facing = _dot(normal, view)
    if facing < 0:  # the far side of a shell
        normal, facing = _scaled(normal, -ONE), -facing
    up = HALF + HALF * normal[2]
    ambient = _between(light.ground, light.sky, up)
    ambient = _scaled(ambient, np.float32(0.75) + np.float32(0.25) * facing)
    rays, sun = light.rays, _dot(normal, light.sun)
    if sun > 0:
        sun *= _unshadowed(light, point)
    if sun <= 0:
        return _times(colour, ambient)
    lit = _times(colour, _plus(ambient, _scaled(rays, sun)))
    if material.gloss < np.float32(0.03):
        return lit
    half = _unit(_plus(light.sun, view))
    power = np.float32(8) + np.float32(60) * material.gloss
    shine = max(_dot(normal, half), ZERO) ** power
    return _plus(
        lit, _scaled(rays, np.float32(0.6) * material.gloss * sun * shine)
    )


@jit
def _shade(index, depth, step, points, mesh, light, done, image):
    """Pixels that are not done, by samples ``step`` apart; a surface that
    several of them show is computed once."""
    s = SAMPLES
    for y, x in np.ndindex(done.shape):
        if done[y, x]:
            continue
        f0, total = index[y * s, x * s], (ZERO, ZERO, ZERO)
        first = behind = _row(image[y], x)
        for k in range(s * s):
            row, column = y * s + k // s, x * s + k % s
            f, colour = index[row, column], first
            same = k > 0 and f == f0
            if f < 0:
                colour = behind
            elif not same:
                thing = mesh.things[mesh.mesh[f]]
                if k > 0 and f0 >= 0 and mesh.mesh[f] == mesh.mesh[f0]:
                    apart = abs(depth[row, column] - depth[y * s, x * s])
                    same = thing.owner == 0 or apart < EDGE
                if not same:
                    colour = _lit(
                        f, column * step, row * step, points, mesh, light
                    )
                    if thing.pattern == SHADOWED:
                        colour = _times(colour, behind)
            if k == 0:
                first = colour
            total = _plus(total, colour)
        colour = _scaled(total, np.float32(1 / (s * s)))
        image[y, x, 0], image[y, x, 1], image[y, x, 2] = colour


def shade(index, depth, points, mesh: Joined, light: Light, image):
    """Colour the pixels of an image.

    Each surface that a pixel shows counts by its samples. Within an object
    half the resolution does.

    Args:
        index, depth: (H S, W S) of :func:`raster`.
        points, mesh: What it was given.
        light (Light): The light.
        image: (H, W, 3) linear RGB of what is seen where there is nothing;
            written in place.

    Returns:
        numpy.ndarray: (H, W) int16, the mesh at each pixel or -1.
    """
    first = index[::SAMPLES, ::SAMPLES]
    shown = np.where(first < 0, -1, mesh.mesh[first]).astype(np.int16)
    square = np.ones((5, 5), np.uint8)
    within = cv2.erode(shown, square) == cv2.dilate(shown, square)
    simple = (mesh.things['owner'] == 0) & (mesh.things['pattern'] != SHADOWED)
    simple = np.append(simple, False)[shown]
    coarse = image[:-1:2, :-1:2].copy()
    _shade(index[::2, ::2], depth[::2, ::2], 2, points, mesh, light,
           ~simple[:-1:2, :-1:2], coarse)  # fmt: skip
    coarse = cv2.resize(coarse, image.shape[1::-1])
    simple &= within
    cv2.copyTo(coarse, simple.astype(np.uint8), image)
    done = simple | (within & (shown < 0))
    _shade(index, depth, 1, points, mesh, light, done, image)
    return shown
