"""Scenes: people, surroundings, light and cameras, to images and labels."""

from collections import namedtuple
from dataclasses import dataclass
from functools import lru_cache

from spinepose_mmpose.metainfo import KEYPOINT_IDS

import cv2
import numpy as np

from .body import Body, anatomy, blend, chain, make_body, move, sample_shape
from .looks import dress, sample_look, surface
from .poses import local_rotations, sample_pose, turn
from .render import (
    SAMPLES,
    Light,
    Mesh,
    grid,
    join,
    material,
    noise_volume,
    raster,
    shade,
)

SHADOW = 512  # side of the shadow map in pixels
OVERHEAD = 2.3  # metres
SIZES = ((640, 480), (480, 640), (512, 512), (640, 426), (426, 640))
UPRIGHT = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])


@dataclass
class Camera:
    """A pinhole camera, whose principal point is the middle."""

    rotation: np.ndarray  # (3, 3) world to camera (right, down, ahead)
    position: np.ndarray  # (3,) metres in the world
    focal: float  # pixels
    size: tuple  # (width, height) pixels

    def local(self, points):
        """(..., 3) metres in the world to metres in the camera's axes."""
        return (points - self.position) @ self.rotation.T

    def project(self, points):
        """(N, 3) metres to (N, 3): pixels x, y and metres of depth."""
        points = transform(self.matrix(), points)
        points[:, :2] /= points[:, 2:]
        return points

    def intrinsics(self, samples=1):
        """(3, 3) matrix K of pixels, or of so many samples each way."""
        focal = self.focal * samples
        x, y = (np.array(self.size) * samples - 1) / 2
        return np.array([[focal, 0, x], [0, focal, y], [0, 0, 1.0]])

    def matrix(self, samples=1):
        """(3, 4) matrix P that takes points in the world to x, y and 1, each
        times the depth."""
        place = np.c_[self.rotation, -self.rotation @ self.position]
        return self.intrinsics(samples) @ place


def transform(matrix, points):
    """(N, 3) points by a (3, 4) matrix."""
    matrix = matrix.astype(points.dtype)
    return points @ matrix[:, :3].T + matrix[:, 3]


def extent(points):
    """(2, 3): the least and the greatest of each column of (N, 3)."""
    return np.array([[c.min(), c.max()] for c in points.T]).T


def look_at(points, size, azimuth, elevation, roll=0.0, fov=45.0, fill=0.8,
            shift=(0.0, 0.0)) -> Camera:  # fmt: skip
    """The camera in which (N, 3) points fill a share of width or height.

    At azimuth and elevation 0 it stands before the scene (towards -y) at the
    height of the points; ``fov``: vertical, in degrees; ``shift``: of the
    middle, in shares of the image [x, y].
    """
    tilt = UPRIGHT @ turn('x', elevation) @ turn('z', -azimuth)
    rotation = turn('z', roll) @ tilt
    low, high = extent(points @ rotation.T)
    middle, half = (low + high) / 2, (high - low) / 2
    focal = size[1] / 2 / np.tan(np.radians(fov / 2))
    wanted = 2 * focal * half[:2] / (np.array(size) * fill)
    distance = half[2] + max(*wanted, 0.5)
    middle -= [*np.multiply(shift, size) * distance / focal, distance]
    position = middle @ rotation
    position[2] = max(position[2], 0.08)
    return Camera(rotation, position, float(focal), tuple(size))


def sample_camera(rng, people, size, kind: str) -> Camera:
    """A view of the people, or of the first of them, in varied framing."""
    points = outline(people if rng.random() < 0.65 else people[:1])
    wild = kind == 'varied'
    elevation = np.clip(rng.normal(8, 17 if wild else 9), -12, 70)
    cut = rng.random() < 0.25
    fill = rng.uniform(1.0, 1.8) if cut else rng.uniform(0.45, 0.97)
    shift = rng.uniform(-1, 1, 2) * (0.3 if cut else max(0.48 - fill / 2, 0))
    roll = rng.normal(0, 7 if wild else 3)
    fov = rng.uniform(24, 68)
    return look_at(points, size, 0.0, elevation, roll, fov, fill, shift)


@dataclass
class PosedPerson:
    """A posed and dressed person in the world."""

    body: Body
    local: np.ndarray  # (B, 3, 3) rotations that pose the body
    look: dict
    keypoints: np.ndarray  # (37, 3) metres
    meshes: list  # skin first, then garments and hair


def make_person(body: Body, pose, look: dict, place, owner: int = 1):
    """Pose (as in ``poses``, or (B, 3, 3) local rotations) and dress a person
    whose lowest point is on the floor and whose pelvis is above ``place``;
    ``owner``: the number in the scene, from 1."""
    local = local_rotations(body, pose) if isinstance(pose, dict) else pose
    bones = chain(body.heads, local)
    keypoints = move(body.keypoints, blend(anatomy().keypoint_weights, bones))
    meshes = dress(body, look, bones, owner)
    pelvis = bones[0, :, :3] @ body.heads[0] + bones[0, :, 3]
    low = min(m.vertices[:, 2].min() for m in meshes)
    shift = np.array([*(place - pelvis[:2]), -low])
    for mesh in meshes:
        mesh.vertices = (mesh.vertices + shift).astype(np.float32)
    return PosedPerson(body, local, look, keypoints + shift, meshes)


def outline(people):
    """(N, 3) metres: some points of the people's skin."""
    return np.concatenate([p.meshes[0].vertices[::7] for p in people])


@dataclass
class Scene:
    """Everything that an image shows."""

    people: list  # of PosedPerson
    objects: list  # meshes of owner 0
    light: dict  # see _sample_light
    # A photograph, (H, W, 3) uint8 BGR, that stands for what no mesh but the
    # first, the floor, covers; None: sky.
    backdrop: np.ndarray | None = None


_CORNERS = np.array(list(np.ndindex(2, 2, 2)))
# (24, 3) corners of the sides of a cube, and the axes along each side.
_SIDES = np.concatenate(
    [_CORNERS[_CORNERS[:, i] == end] for i in range(3) for end in (0, 1)]
)
_ALONG = np.repeat([[1, 2], [0, 2], [0, 1]], 8, 0)
_BOX_FACES = np.concatenate([grid(2, 2) + 4 * side for side in range(6)])


def box(centre, size, kind, yaw=0.0):
    """A box standing on its given centre of the base."""
    vertices = (_SIDES - [0.5, 0.5, 0]) * size @ turn('z', yaw).T + centre
    texture = np.take_along_axis(_SIDES * size, _ALONG, 1)
    return Mesh(vertices, _BOX_FACES, kind, np.insert(texture, 1, 0, 1))


def _room(rng, reach):
    """Floor, walls, ceiling, furniture and what hangs on the walls."""
    near, far = reach + rng.uniform(3, 6), reach + rng.uniform(0.8, 4)
    side, high = reach + rng.uniform(1.0, 4), rng.uniform(2.4, 4.5)
    middle, wall = (far - near) / 2, surface(rng)
    across, along = (2 * side, near + far, 0.1), (0.1, near + far, high)
    parts = [
        box([0, middle, -0.1], across, surface(rng)),
        box([0, middle, high], across, material([0.75] * 3)),
        box([0, far + 0.05, 0], (2 * side, 0.1, high), wall),
        box([-side, middle, 0], along, wall),
        box([side, middle, 0], along, surface(rng)),
    ]
    for i in range(rng.integers(0, 5)):
        width, height = rng.uniform(0.3, 1.8, 2)
        x, z = rng.uniform(-side, side), rng.uniform(0.6, high - 1)
        # Each of its own depth: surfaces in one plane would speckle.
        size = width, 0.05 + 0.02 * i, height
        parts.append(box([x, far - 0.02, z], size, surface(rng, 0)))
    for _ in range(rng.integers(0, 6)):
        size = rng.uniform(0.3, 1.6, 3) * [1, 0.7, 0.8]
        x = rng.choice([-1, 1]) * rng.uniform(reach + 0.2, side)
        y = rng.uniform(-0.5, far)
        parts.append(box([x, y, 0], size, surface(rng), rng.uniform(0, 90)))
    return parts


@lru_cache(maxsize=1)
def _ball():
    from trimesh.creation import icosphere

    return icosphere(2)


def _green(rng):
    """Colour of leaves and grass."""
    return rng.uniform(0.03, 0.22) * np.array([rng.uniform(0.4, 1.2), 1, 0.4])


def _outdoors(rng, reach):
    """Ground, buildings, a fence, and trees with lumpy crowns."""
    green = _green(rng)
    ground = material(green, green * rng.uniform(0.4, 0.8), 'grain',
                      rng.uniform(3, 15), 0.02)  # fmt: skip
    if rng.random() < 0.4:
        ground = surface(rng)
    parts = [box([0, 20, -0.1], (80, 80, 0.1), ground)]
    for _ in range(rng.integers(0, 6)):
        centre = [rng.uniform(-22, 22), reach + rng.uniform(5, 35), 0]
        size = rng.uniform([2, 2, 2], [14, 8, 14])
        parts.append(box(centre, size, surface(rng), rng.uniform(-30, 30)))
    if rng.random() < 0.3:
        fence = [0, reach + rng.uniform(1, 6), 0]
        size = (40, 0.08, rng.uniform(0.8, 2))
        parts.append(box(fence, size, surface(rng)))
    trunk = material([0.12, 0.08, 0.05], [0.05, 0.03, 0.02], 'grain', 9)
    for _ in range(rng.integers(0, 8)):
        place = np.array([rng.uniform(-14, 14), rng.uniform(1.5, 25), 0])
        place[1] += reach
        high, green = rng.uniform(1.5, 4), _green(rng)
        parts.append(box(place, (0.25, 0.25, high), trunk))
        leaves = material(green, green * 0.25, 'blotches', rng.uniform(5, 12))
        crown = _ball().vertices * rng.uniform(0.8, 2.4)
        crown = crown * rng.uniform(0.8, 1.2, (len(crown), 1))
        crown += place + [0, 0, high + 0.7]
        parts.append(Mesh(crown, _ball().faces, leaves, crown))
    return parts


def _sample_light(rng, inside):
    """Direction and colours of sun or lamp and of the light around."""
    warm = np.array([1.0, rng.uniform(0.82, 1.0), rng.uniform(0.6, 1.0)])
    level = rng.uniform(0.45, 0.8) if inside else rng.uniform(0.3, 0.75)
    strength = rng.uniform(0.15, 1.3) if inside else rng.uniform(0.3, 2.2)
    behind = rng.random() < 0.2  # seldom against the sun
    return dict(
        azimuth=rng.uniform(-90, 90) + 180 * behind,
        elevation=rng.uniform(20, 75),
        sun=warm * strength,
        sky=np.array([rng.uniform(0.7, 1), rng.uniform(0.85, 1), 1]) * level,
        ground=warm * level * rng.uniform(0.35, 0.7),
        haze=rng.uniform(0.5, 0.9) * rng.uniform(0.85, 1, 3),
    )


def sample_people(rng, kind: str, count: int) -> list:
    """People at some distance from one another, the first at the origin."""
    people, places = [], [np.zeros(2)]
    while len(places) < count:
        place = rng.uniform([-1.9, -0.9], [1.9, 2.2])
        if min(np.linalg.norm(place - p) for p in places) > 0.55:
            places.append(place)
    for owner, place in enumerate(places, 1):
        shape, years = sample_shape(rng)
        body, pose = make_body(shape), sample_pose(rng, kind)
        look = sample_look(rng, shape, years)
        people.append(make_person(body, pose, look, place, owner))
    return people


def sample_scene(
    rng, kind: str, backgrounds=(), moves=False, around=False
) -> Scene:
    """People in a room, outdoors or before one of the photographs; of a kind
    as in ``poses.sample_pose``. Nothing stands below or before people who will
    move, and cameras on all sides (``around``) are outdoors."""
    odds = {'everyday': (0.6, 0.25, 0.15), 'yoga': (0.9, 0.1, 0.0),
            'varied': (0.7, 0.2, 0.1)}[kind]  # fmt: skip
    people = sample_people(rng, kind, 1 + int(rng.choice(3, p=odds)))
    reach = 0.2 + np.abs(extent(outline(people))[:, :2]).max()
    inside = rng.random() < 0.5 and not around
    light, backdrop = _sample_light(rng, inside), None
    if backgrounds and rng.random() < 0.8:
        backdrop = backgrounds[rng.integers(len(backgrounds))]
        # The floor takes shadows alone: it shows the photograph, times its
        # light over that of a floor in the sun.
        slope = np.sin(np.radians(light['elevation']))
        full = light['sky'] + light['sun'] * slope
        floor = material(1 / full, pattern='shadowed', gloss=0)
        objects = [box([0, 5, -0.1], (30, 30, 0.1), floor)]
    else:
        objects = (_room if inside else _outdoors)(rng, reach)
    if not moves:
        for person in people:
            objects += _support(rng, person)
        if rng.random() < 0.3 and not around:
            objects += _occluders(rng, people[0].meshes[0].vertices)
    return Scene(people, objects, light, backdrop)


def _support(rng, person):
    """A stool or block beneath who sits in the air."""
    hips, knees = (
        person.keypoints[[KEYPOINT_IDS[f'{s}_{n}'] for s in ('left', 'right')]]
        for n in ('hip', 'knee')
    )
    hips, skin = hips.mean(0), person.meshes[0].vertices
    near = np.linalg.norm(skin[:, :2] - hips[:2], axis=1) < 0.18
    top = skin[near, 2].min(initial=hips[2]) + 0.01
    level = np.abs(knees[:, 2] - hips[2]).max() < 0.2
    if not level or not 0.3 < hips[2] < 0.75 or top < 0.12:
        return []
    size = (rng.uniform(0.35, 0.6), rng.uniform(0.35, 0.5), top)
    return [box([*hips[:2], 0], size, surface(rng), rng.uniform(0, 90))]


def _occluders(rng, points):
    """Boxes and poles between the camera and a person of these vertices."""
    (low, high), parts = extent(points), []
    for _ in range(rng.integers(1, 3)):
        x, _, z = rng.uniform(low, high)
        wide = rng.uniform(0.05, 0.5)
        tall = rng.uniform(0.15, 0.6) * (high[2] - low[2])
        base = 0.0 if rng.random() < 0.6 else max(z - tall / 2, 0)
        place = [x, low[1] - rng.uniform(0.1, 0.5), base]
        size = wide, wide / 2, tall
        parts.append(box(place, size, surface(rng, 0), rng.uniform(0, 90)))
    return parts


# What :func:`draw` saw: (H S, W S) ``near`` and triangle of each sample, the
# triangles, and the pixels that each mesh takes.
Seen = namedtuple('Seen', 'near index mesh areas')


def draw(scene: Scene, camera: Camera, rng) -> tuple:
    """Render a scene: (H, W, 3) linear RGB, (H, W) 1 over metres of depth, 0
    in a photograph, and :class:`Seen`; both depths hold until the next call."""
    parts = [m for p in scene.people for m in p.meshes]
    # No ceiling or crown of a tree comes between people and a high camera.
    objects = [
        m
        for m in scene.objects
        if not OVERHEAD < m.vertices[:, 2].min() < camera.position[2]
    ]
    mesh = join([*parts, *objects])
    light = _light(scene, camera, mesh, sum(len(m.faces) for m in parts))
    points = transform(camera.matrix(SAMPLES), mesh.surface[:, :3])
    width, height = np.array(camera.size) * SAMPLES
    near, index = raster(points, mesh.faces, mesh.surface[:, 9], width, height)
    if scene.backdrop is None:
        image = _sky(rng, camera, scene.light)
    else:
        image = _crop(rng, scene.backdrop, camera.size)
    shown = shade(index, near, points, mesh, light, image)
    close = near[::SAMPLES, ::SAMPLES]
    if scene.backdrop is not None:
        close = np.where(shown == len(parts), 0, close)
    areas = np.bincount(shown.ravel() + 1, minlength=len(mesh.owner) + 1)[1:]
    return image, close, Seen(near, index, mesh, areas)


def _light(scene, camera, mesh, count) -> Light:
    """Of the scene's sun, with the shadows of the first triangles."""
    light, faces, cut = scene.light, mesh.faces[:count], mesh.surface[:, 9]
    sun = look_at(outline(scene.people), (SHADOW, SHADOW), light['azimuth'],
                  light['elevation'], 0, 3, 0.88)  # fmt: skip
    points = transform(sun.matrix(), mesh.surface[:, :3])
    # A copy: an image of 256 x 256 has as many samples, and the same buffers.
    shadow = raster(points, faces, cut, SHADOW, SHADOW)[0].copy()
    vectors = np.array([-sun.rotation[2], light['sun'], light['sky'],
                        light['ground'], camera.position], 'f4')  # fmt: skip
    rows = tuple(map(tuple, sun.matrix().astype(np.float32)))
    return Light(*map(tuple, vectors), rows, shadow, noise_volume())


def _sky(rng, camera, light):
    """(H, W, 3): from the horizon's haze to the zenith, with clouds."""
    y, x = np.mgrid[: camera.size[1] : 8, : camera.size[0] : 8]
    rays = np.stack([x, y, np.ones_like(x)], -1)
    rays = rays @ np.linalg.inv(camera.intrinsics()).T @ camera.rotation
    up = rays[..., 2] / np.linalg.norm(rays, axis=-1)
    t = np.clip(up * 2.2, 0, 1)[..., None] ** 0.7
    zenith = np.array([0.12, 0.28, 0.65]) * rng.uniform(0.5, 1.6)
    if rng.random() < 0.4:
        zenith = rng.uniform(0.4, 0.9)
    clouds = cv2.resize(rng.random((9, 12)), x.shape[::-1],
                        interpolation=cv2.INTER_CUBIC)[..., None]  # fmt: skip
    sky = light['haze'] * (1 - t) + zenith * t
    sky += (1 - sky) * np.clip(clouds - 0.6, 0, 1) * t
    return cv2.resize(sky.astype(np.float32), camera.size)


def _crop(rng, photo, size):
    """A part of a photograph (uint8 BGR) at the image's size, linear RGB."""
    sides = np.array(photo.shape[1::-1])
    part = np.array(size) * (sides / size).min() / rng.uniform(1.0, 1.5)
    part = np.maximum(part.astype(int), 1)
    x, y = rng.integers(sides - part + 1)
    crop = photo[y : y + part[1], x : x + part[0], ::-1]
    crop = cv2.resize(crop, size, interpolation=cv2.INTER_AREA)
    return (crop.astype(np.float32) / 255) ** 2.2


def finish(rng, image, near, subject: float) -> np.ndarray:
    """What a camera adds: depth of field, motion blur, exposure, noise. From
    what :func:`draw` returns and the metres to the subject, which is in focus,
    to (H, W, 3) uint8 BGR."""
    if rng.random() < 0.35:
        # At half the resolution: what is blurred has no finer detail.
        half = cv2.resize(image, None, fx=0.5, fy=0.5,
                          interpolation=cv2.INTER_AREA)  # fmt: skip
        half = cv2.GaussianBlur(half, (0, 0), rng.uniform(1, 4) / 2)
        off = np.abs(near[::2, ::2] - 1 / subject) * subject * 3 - 0.6
        off = cv2.GaussianBlur(np.clip(off, 0, 1), (0, 0), 0.75)
        blurred, off = (cv2.resize(a, image.shape[1::-1]) for a in (half, off))
        image = cv2.blendLinear(image, blurred, 1 - off, off)
    if rng.random() < 0.12:
        length = int(rng.integers(3, 9))
        kernel = np.zeros((length, length), np.float32)
        kernel[length // 2] = 1
        middle = ((length - 1) / 2,) * 2
        spin = cv2.getRotationMatrix2D(middle, rng.uniform(0, 180), 1)
        kernel = cv2.warpAffine(kernel, spin, (length, length))
        image = cv2.filter2D(image, -1, kernel / kernel.sum())
    elif rng.random() < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.0))
    level = max(np.percentile(image[::8, ::8], rng.uniform(80, 97)), 0.02)
    gain = rng.uniform(0.3, 0.7) / level * (1 + rng.normal(0, 0.04, 3))
    # Exposure and BGR; then, by a table over the root of the light up to 2,
    # highlights that roll off and sRGB's curve.
    image = cv2.transform(image, np.diag(gain)[::-1])
    cv2.sqrt(image, image)
    light = (np.arange(256) / 255) ** 2 * 2
    light = np.clip(1.45 * light * (1 + 0.25 * light) / (1 + light), 0, 1)
    curve = (255 * light ** (1 / 2.2) + 0.5).astype(np.uint8)
    image = cv2.LUT(cv2.convertScaleAbs(image, alpha=255 / 2**0.5), curve)
    grain = rng.normal(0, rng.uniform(0.5, 7), (96, 128, 3)).astype(np.int16)
    rows, columns = -(-np.array(image.shape[:2]) // grain.shape[:2])
    grain = np.tile(grain, (rows, columns, 1))
    grain = grain[: image.shape[0], : image.shape[1]]
    return cv2.add(image, grain, dtype=cv2.CV_8U)
