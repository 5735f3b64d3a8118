"""A z-buffer for triangles, and the light on what it shows.

Letters: V vertices, F triangles, H x W pixels, each of ``SAMPLES`` samples
each way. ``near`` is 1 over the depth in metres, 0 where nothing is. In
compiled functions vectors are tuples of three.
"""

from collections import namedtuple
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import cv2
import numba
import numpy as np
from scipy.ndimage import gaussian_filter

OPTIONS = dict(cache=True, fastmath=True, error_model='numpy')
jit, inline = numba.njit(**OPTIONS), numba.njit(forceinline=True, **OPTIONS)
# How much of its second colour a material has at a point. A painted one takes
# the texture for its colour, a shadowed one lets through what lies behind.
Pattern = IntEnum(
    'Pattern',
    'plain across along checks blotches dots grain tiles painted shadowed',
)
NEAREST = 0.05  # metres; what comes closer to the camera is not drawn
SAMPLES = 2
EDGE = 0.03  # metres between samples of a pixel that show two surfaces
ONE, HALF, ZERO = np.float32(1), np.float32(0.5), np.float32(0)
FAR = np.float32(1e9)  # samples
NOISE_SIDE, NOISE_STEPS = 128, 16  # voxels; voxels of one unit


def material(first, second=(0, 0, 0), pattern='plain', scale=1.0, gloss=0.1):
    """(9,) how a surface looks: pattern, scale, gloss and two colours, in
    linear RGB, 0 to 1."""
    return np.float32([Pattern[pattern], scale, gloss, *first, *second])


@dataclass
class Mesh:
    """Triangles of one surface."""

    vertices: np.ndarray  # (V, 3) metres in the world
    faces: np.ndarray  # (F, 3) indices
    material: np.ndarray
    # (V, 3) where patterns are looked up, those of tiles, dots and stripes by
    # x and z alone.
    texture: np.ndarray
    # (V,) the surface ends where this, interpolated, is below 0.
    cut: np.ndarray | float = 1.0
    owner: int = 0  # number of the person, 0 for objects
    # (F,) index in ``body.PARTS``; -1 for objects and what hangs from people.
    part: np.ndarray | int = -1


@lru_cache
def grid(rows: int, columns: int, closed: bool = False):
    """(F, 3) triangles of a net of vertices, joined at its sides if closed."""
    index = np.arange(rows * columns).reshape(rows, columns)
    if closed:
        index = np.c_[index, index[:, :1]]
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    return np.stack([a, c, b, b, c, d], -1).reshape(-1, 3)


# Several meshes as one. surface: (V, 10) place, normal, texture and cut;
# faces: (F, 3); part, mesh: (F,); owner, material: of each mesh.
Joined = namedtuple('Joined', 'surface faces part mesh owner material')
# Vectors: sun, the direction towards it; rays, sky, ground, the colours of its
# light and of that from above and from below; eye, the camera's place in the
# world. shadow: (S, S) ``near`` as the sun sees it, at rows of a (3, 4) matrix.
Light = namedtuple('Light', 'sun rays sky ground eye matrix shadow noise')


def join(meshes: list) -> Joined:
    sizes = np.array([(len(m.vertices), len(m.faces)) for m in meshes])
    ends = sizes.cumsum(0)
    surface = np.empty((ends[-1, 0], 10), np.float32)
    faces = np.empty((ends[-1, 1], 3), np.int32)
    part = np.empty(len(faces), np.int8)
    for m, (v, f), (old_v, old_f) in zip(meshes, ends, ends - sizes):
        own = surface[old_v:v]
        own[:, :3], own[:, 6:9], own[:, 9] = m.vertices, m.texture, m.cut
        faces[old_f:f], part[old_f:f] = m.faces + old_v, m.part
    surface[:, 3:6] = vertex_normals(surface, faces)
    index = np.arange(len(meshes), dtype=np.int16).repeat(sizes[:, 1])
    owner = np.array([m.owner for m in meshes])
    looks = np.stack([m.material for m in meshes])
    return Joined(surface, faces, part, index, owner, looks)


@lru_cache(maxsize=1)
def noise_volume():
    """(N, N, N) uint8: smooth noise that goes on at its opposite side."""
    white = np.random.default_rng(0).random((NOISE_SIDE,) * 3, np.float32)
    smooth = gaussian_filter(white, NOISE_STEPS / 3, mode='wrap')
    return cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


@inline
def _row(array, i, first=0):
    return array[i, first], array[i, first + 1], array[i, first + 2]


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
def _mixed(vectors, shares):
    """The sum of three vectors, each times its share."""
    a, b = _scaled(vectors[0], shares[0]), _scaled(vectors[1], shares[1])
    return _plus(_plus(a, b), _scaled(vectors[2], shares[2]))


@inline
def _between(a, b, t):
    return _plus(_scaled(a, ONE - t), _scaled(b, t))


@inline
def _unit(a):
    return _scaled(a, ONE / np.sqrt(_dot(a, a) + np.float32(1e-20)))


@jit
def vertex_normals(vertices, faces):
    """(V, 3) unit normals, averaged over the triangles of a vertex; of the
    first three columns."""
    out = np.zeros((len(vertices), 3), np.float32)
    for f in range(len(faces)):
        corners = a, b, c = _row(faces, f)
        back = _scaled(_row(vertices, a), -ONE)
        normal = _cross(
            _plus(_row(vertices, b), back), _plus(_row(vertices, c), back)
        )
        for i in corners:
            out[i, 0], out[i, 1], out[i, 2] = _plus(_row(out, i), normal)
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
    one = np.float64(1)
    p = _scaled(_row(points, corners[0]), one)
    q = _scaled(_row(points, corners[1]), one)
    r = _scaled(_row(points, corners[2]), one)
    first = _cross(q, r)
    volume = _dot(p, first)
    size = 1 / volume if volume != 0 else np.float64(0)
    second, third = _cross(r, p), _cross(p, q)
    return _scaled(first, size), _scaled(second, size), _scaled(third, size)


@jit
def trim(faces, cut):
    """(F',) triangles that ``cut`` leaves something of, (V',) their vertices,
    and (F', 3) their corners among these."""
    kept = np.empty(len(faces), np.int32)
    used, number = np.empty(len(cut), np.int32), np.full(len(cut), -1, np.int32)
    corners, count, vertices = np.empty_like(faces), 0, 0
    for f in range(len(faces)):
        a, b, c = _row(faces, f)
        if max(cut[a], cut[b], cut[c]) < 0:
            continue
        for k in range(3):
            i = faces[f, k]
            if number[i] < 0:
                number[i], used[vertices] = vertices, i
                vertices += 1
            corners[count, k] = number[i]
        kept[count] = f
        count += 1
    return kept[:count], used[:vertices], corners[:count]


@inline
def _weights(sides, x, y):
    """Of the corners, at a sample."""
    at = x, y, 1
    u, v, w = _dot(sides[0], at), _dot(sides[1], at), _dot(sides[2], at)
    depth = 1 / (u + v + w)
    return np.float32(u * depth), np.float32(v * depth), np.float32(w * depth)


@inline
def _span(side, y, low, high):
    """From where to where a row of samples lies on one side of a line."""
    rest = side[1] * y + side[2]
    if side[0] > 0:
        low = max(low, -rest / side[0])
    elif side[0] < 0:
        high = min(high, -rest / side[0])
    elif rest < 0:
        high = low - 1
    return low, high


@lru_cache(maxsize=2)
def _buffers(width, height):
    """Kept, since the system is slow to hand out as much anew."""
    shape = height, width
    return np.empty(shape, np.float32), np.empty(shape, np.int32)


def raster(points, faces, cut, width, height):
    """(height, width) ``near`` and nearest triangle or -1 of each sample; both
    hold until the next call for an image of that size. ``points``: (V, 3)
    samples x, y and 1, each times the depth in metres."""
    out = _buffers(width, height)
    _raster(points, faces, cut, *out)
    return out


@jit
def _raster(points, faces, cut, near, index):
    near[:], index[:] = 0, -1
    last = np.array(near.shape, np.float32) - ONE
    pixels = points[:, :2] / points[:, 2:]
    for f in range(len(faces)):
        corners = a, b, c = _row(faces, f)
        xa, xb, xc = pixels[a, 0], pixels[b, 0], pixels[c, 0]
        ya, yb, yc = pixels[a, 1], pixels[b, 1], pixels[c, 1]
        za, zb, zc = points[a, 2], points[b, 2], points[c, 2]
        left, right = np.ceil(min(xa, xb, xc)), np.floor(max(xa, xb, xc))
        top, bottom = np.ceil(min(ya, yb, yc)), np.floor(max(ya, yb, yc))
        if min(za, zb, zc) < NEAREST:  # it may appear anywhere
            left, right, top, bottom = ZERO, FAR, ZERO, FAR
        left, right = max(left, ZERO), min(right, last[1])
        top, bottom = max(top, ZERO), min(bottom, last[0])
        # Most triangles hold no sample.
        if left > right or top > bottom or max(za, zb, zc) < NEAREST:
            continue
        ends = cut[a], cut[b], cut[c]
        if max(ends) < 0:
            continue
        sides = _sides(points, corners)
        total, line = _mixed(sides, (ONE, ONE, ONE)), _mixed(sides, ends)
        for y in range(int(top), int(bottom) + 1):
            low, high = np.float64(left), np.float64(right)
            for side in sides:
                low, high = _span(side, y, low, high)
            if min(ends) < 0:
                low, high = _span(line, y, low, high)
            if low > high:
                continue
            low, high = np.ceil(low), np.floor(high)
            base = np.float32(total[0] * low + total[1] * y + total[2])
            step = np.float32(total[0])
            # Unsigned, so that it is compiled for several samples at once.
            row, first = np.uint64(y), np.uint64(low)
            for i in range(np.uint64(max(high - low + 1, 0))):
                here, x = step * np.float32(i) + base, first + i
                if near[row, x] < here < np.float32(1 / NEAREST):
                    near[row, x], index[row, x] = here, f


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
def _colour(looks, i, place, volume):
    """Linear RGB of a material at a place of its texture."""
    first, pattern = _row(looks, i, 3), int(looks[i, 0])
    if pattern == Pattern.plain or pattern == Pattern.shadowed:
        return first
    if pattern == Pattern.painted:
        return place
    place = x, y, z = _scaled(place, looks[i, 1])
    fx, fz = x - np.floor(x), z - np.floor(z)
    share = ZERO
    if pattern == Pattern.across:
        share = ONE * (fz < HALF)
    elif pattern == Pattern.along:
        x += np.float32(0.3) * y
        share = ONE * (x - np.floor(x) < np.float32(0.4))
    elif pattern == Pattern.checks:
        share = HALF * (fx < HALF) + HALF * (fz < HALF)
    elif pattern == Pattern.blotches:
        share = _noise(volume, place) * np.float32(8) - np.float32(3.6)
        share = min(max(share, ZERO), ONE)
    elif pattern == Pattern.dots:
        fx, fz = fx - HALF, fz - HALF
        share = ONE * (fx * fx + fz * fz < np.float32(0.06))
    elif pattern == Pattern.grain:  # as of wood, grass or plaster
        share = _noise(volume, place)
        share += _noise(volume, _scaled(place, np.float32(5.3)))
        share *= HALF
    elif pattern == Pattern.tiles:
        share = np.float32(0.15) * _noise(volume, (x - fx, ZERO, z - fz))
        if min(fx, fz) < np.float32(0.05):
            share = ONE
    return _between(first, _row(looks, i, 6), share)


@inline
def _unshadowed(light, point):
    """Share of the four nearest pixels of the shadow map that see a point."""
    matrix, shadow = light.matrix, light.shadow
    z = _dot(matrix[2], point) + matrix[2][3]
    x = (_dot(matrix[0], point) + matrix[0][3]) / z
    y = (_dot(matrix[1], point) + matrix[1][3]) / z
    near = ONE / (z - np.float32(0.02))
    ix, iy = int(np.floor(x)), int(np.floor(y))
    if not (0 <= ix < shadow.shape[1] - 1 and 0 <= iy < shadow.shape[0] - 1):
        return ONE
    fx, fy = x - np.floor(x), y - np.floor(y)
    top = (shadow[iy, ix] < near) * (ONE - fx) + (
        shadow[iy, ix + 1] < near
    ) * fx
    iy += 1
    low = (shadow[iy, ix] < near) * (ONE - fx) + (
        shadow[iy, ix + 1] < near
    ) * fx
    return top * (ONE - fy) + low * fy


@inline
def _lit(number, corners, weights, mesh, light):
    """Linear RGB of a point of a triangle of a mesh."""
    point = normal = place = ZERO, ZERO, ZERO
    for k in range(3):
        i, weight = corners[k], weights[k]
        point = _plus(point, _scaled(_row(mesh.surface, i), weight))
        normal = _plus(normal, _scaled(_row(mesh.surface, i, 3), weight))
        place = _plus(place, _scaled(_row(mesh.surface, i, 6), weight))
    normal, gloss = _unit(normal), mesh.material[number, 2]
    colour = _colour(mesh.material, number, place, light.noise)
    view = _unit(_plus(light.eye, _scaled(point, -ONE)))
    facing = _dot(normal, view)
    if facing < 0:  # the far side of a shell
        normal, facing = _scaled(normal, -ONE), -facing
    up = HALF + HALF * normal[2]
    ambient = _between(light.ground, light.sky, up)
    ambient = _scaled(ambient, np.float32(0.75) + np.float32(0.25) * facing)
    sun = _dot(normal, light.sun)
    if sun > 0:
        sun *= _unshadowed(light, point)
    if sun <= 0:
        return _times(colour, ambient)
    lit = _times(colour, _plus(ambient, _scaled(light.rays, sun)))
    if gloss < np.float32(0.03):
        return lit
    half = _unit(_plus(light.sun, view))
    power = np.float32(8) + np.float32(60) * gloss
    shine = max(_dot(normal, half), ZERO) ** power
    shine *= np.float32(0.6) * gloss * sun
    return _plus(lit, _scaled(light.rays, shine))


@jit
def _shade(index, near, step, points, mesh, light, done, image):
    """Pixels that are not done, by samples ``step`` apart; a surface that
    several of them show is computed once."""
    s, last = SAMPLES, -1
    corners = _row(mesh.faces, 0)
    sides = _sides(points, corners)
    for y, x in np.ndindex(done.shape):
        if done[y, x]:
            continue
        behind = image[y, x, 0], image[y, x, 1], image[y, x, 2]
        first = total = behind
        f0, near0 = index[y * s, x * s], near[y * s, x * s]
        for k in range(s * s):
            row, column = y * s + k // s, x * s + k % s
            f, colour = index[row, column], first
            same = k > 0 and f == f0
            if f < 0:
                colour = behind
            elif not same:
                number = mesh.mesh[f]
                if k > 0 and f0 >= 0 and number == mesh.mesh[f0]:
                    here = near[row, column]
                    apart = abs(near0 - here) / (near0 * here)
                    same = mesh.owner[number] == 0 or apart < EDGE
                if not same:
                    if f != last:
                        last, corners = f, _row(mesh.faces, f)
                        sides = _sides(points, corners)
                    weights = _weights(sides, column * step, row * step)
                    colour = _lit(number, corners, weights, mesh, light)
                    if int(mesh.material[number, 0]) == Pattern.shadowed:
                        colour = _times(colour, behind)
            if k == 0:
                first = total = colour
            else:
                total = _plus(total, colour)
        colour = _scaled(total, np.float32(1 / (s * s)))
        image[y, x, 0], image[y, x, 1], image[y, x, 2] = colour


def shade(index, near, points, mesh: Joined, light: Light, image):
    """Colour the pixels of an image, (H, W, 3) linear RGB of what is seen where
    there is nothing, in place; returns the mesh at each pixel or -1.

    Each surface that a pixel shows counts by its samples. Within an object
    half the resolution does.
    """
    first = index[::SAMPLES, ::SAMPLES]
    shown = np.append(mesh.mesh, np.int16(-1))[first]
    square = np.ones((5, 5), np.uint8)
    within = cv2.erode(shown, square) == cv2.dilate(shown, square)
    shadowed = mesh.material[:, 0] == Pattern.shadowed
    # People come first, a shadowed floor next.
    simple = shown >= np.count_nonzero(shadowed | (mesh.owner > 0))
    coarse = np.zeros_like(image[:-1:2, :-1:2])
    _shade(index[::2, ::2], near[::2, ::2], 2, points, mesh, light,
           ~simple[:-1:2, :-1:2], coarse)  # fmt: skip
    coarse = cv2.resize(coarse, image.shape[1::-1])
    simple &= within
    cv2.copyTo(coarse, simple.view(np.uint8), image)
    done = simple | (within & (shown < 0))
    _shade(index, near, 1, points, mesh, light, done, image)
    return shown
