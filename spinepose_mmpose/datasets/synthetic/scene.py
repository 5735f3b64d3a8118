"""Scenes: people, surroundings, light and cameras, to images and labels."""

from dataclasses import dataclass

from spinepose_mmpose.metainfo import KEYPOINT_IDS

import cv2
import numpy as np

from .body import (
    Body,
    chain,
    make_body,
    posed_keypoints,
    sample_shape,
)
from .looks import dress, sample_look, surface
from .poses import local_rotations, sample_pose, turn
from .render import (
    BLOTCHES,
    GRAIN,
    NEAR,
    OBJECT,
    SUPERSAMPLE,
    Light,
    Mesh,
    develop,
    extent,
    grid,
    join,
    material,
    project,
    raster,
    shade,
    shade_finely,
)

SHADOW = 512  # side of the shadow map in pixels
SIZES = ((640, 480), (480, 640), (512, 512), (640, 426), (426, 640))


@dataclass
class Camera:
    """A pinhole camera.

    Attributes:
        rotation: (3, 3) world to camera (right, down, ahead).
        position: (3,) metres in the world.
        focal: Pixels.
        size: (width, height) pixels; the principal point is the middle.
    """

    rotation: np.ndarray
    position: np.ndarray
    focal: float
    size: tuple

    def local(self, points):
        """(..., 3) metres in the world to metres in the camera's axes."""
        return (np.asarray(points) - self.position) @ self.rotation.T

    def project(self, points, samples=1, origin=(0, 0)):
        """(N, 3) metres to (N, 3): pixels x, y and metres of depth; or
        samples, of which a pixel has that many each way, from an origin."""
        centre = (np.array(self.size) / 2 - origin) * samples - 0.5
        return project(np.ascontiguousarray(points), self.rotation,
                       self.position, self.focal * samples,
                       *centre)  # fmt: skip

    def intrinsics(self):
        """(3, 3) matrix K."""
        x, y = (np.array(self.size) - 1) / 2
        return np.array([[self.focal, 0, x], [0, self.focal, y], [0, 0, 1.0]])


def look_at(points, size, azimuth, elevation, roll=0.0, fov=45.0, fill=0.8,
            shift=(0.0, 0.0)) -> Camera:  # fmt: skip
    """The camera in which ``points`` fill a share of the image.

    Args:
        points: (N, 3) metres.
        size: (width, height) pixels.
        azimuth, elevation, roll (float): Degrees; at 0, 0 it stands before
            the scene (towards -y) at the height of the points.
        fov (float): Vertical field of view in degrees.
        fill (float): Share of width or height.
        shift: Of the middle, in shares of the image [x, y].
    """
    upright = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    rotation = (
        turn('z', roll) @ upright @ turn('x', elevation) @ turn('z', -azimuth)
    )
    local = np.asarray(points) @ rotation.T
    middle, half = (local.min(0) + local.max(0)) / 2, np.ptp(local, axis=0) / 2
    focal = size[1] / 2 / np.tan(np.radians(fov / 2))
    wanted = 2 * focal * half[:2] / (np.array(size) * fill)
    distance = half[2] + max(*wanted, 0.5)
    middle[:2] -= np.asarray(shift) * size * distance / focal
    position = (middle - [0, 0, distance]) @ rotation
    position[2] = max(position[2], 0.08)
    return Camera(rotation, position, float(focal), tuple(size))


def sample_camera(rng, people, size, kind: str) -> Camera:
    """A view of the people, or of the first of them, in varied framing."""
    target = people if rng.random() < 0.65 else people[:1]
    points = np.concatenate([p.meshes[0].vertices[::7] for p in target])
    wild = kind == 'varied'
    elevation = float(np.clip(rng.normal(8, 17 if wild else 9), -12, 70))
    cut = rng.random() < 0.25
    fill = rng.uniform(1.0, 1.8) if cut else rng.uniform(0.45, 0.97)
    shift = rng.uniform(-1, 1, 2) * (0.3 if cut else max(0.48 - fill / 2, 0))
    roll = rng.normal(0, 7 if wild else 3)
    fov = rng.uniform(24, 68)
    return look_at(points, size, 0.0, elevation, roll, fov, fill, shift)


@dataclass
class PosedPerson:
    """A posed and dressed person in the world.

    Attributes:
        local: (B, 3, 3) rotations that pose the body.
        keypoints: (37, 3) metres.
        meshes: Skin first, then garments and hair.
    """

    body: Body
    local: np.ndarray
    look: dict
    keypoints: np.ndarray
    meshes: list


def make_person(body: Body, pose, look: dict, place, owner: int = 1):
    """Pose and dress a person whose lowest point stands on the floor.

    Args:
        pose: As in ``poses``, or (B, 3, 3) local rotations.
        place: (x, y) metres of the pelvis in the world.
        owner (int): Number in the scene, from 1.
    """
    local = local_rotations(body, pose) if isinstance(pose, dict) else pose
    bones = chain(body.heads, local)
    keypoints = posed_keypoints(body, local)
    meshes = dress(body, look, bones, owner)
    pelvis = bones[0, :, :3] @ body.heads[0] + bones[0, :, 3]
    low = min(extent(m.vertices)[0][2] for m in meshes)
    move = np.array([*(place - pelvis[:2]), -low])
    for mesh in meshes:
        mesh.vertices = (mesh.vertices + move).astype(np.float32)
    return PosedPerson(body, local, look, keypoints + move, meshes)


@dataclass
class Scene:
    """Everything that an image shows.

    Attributes:
        people: Of :class:`PosedPerson`.
        objects: Meshes of owner 0.
        light: Azimuth and elevation of the sun in degrees; colours of sun,
            sky, ground and haze; density of the fog per metre.
        backdrop: (H, W, 3) uint8 BGR, a photograph that stands for what no
            mesh but the first, the floor, covers; None: sky.
    """

    people: list
    objects: list
    light: dict
    backdrop: np.ndarray | None = None


def box(centre, size, kind, yaw=0.0):
    """A box standing on its given centre of the base."""
    ends = np.array(list(np.ndindex(2, 2, 2)))
    # The corners with an end of an axis make a side, the other two axes
    # its texture.
    sides = [
        (axis, ends[ends[:, axis] == end])
        for axis in range(3)
        for end in (0, 1)
    ]
    flat = [np.delete(side * size, axis, 1) for axis, side in sides]
    vertices = np.concatenate([side for _, side in sides]) - [0.5, 0.5, 0]
    vertices = vertices * size @ turn('z', yaw).T + centre
    faces = np.concatenate([grid(2, 2) + 4 * i for i in range(6)])
    return Mesh(vertices, faces, kind, np.insert(np.concatenate(flat), 1, 0, 1))


def plane(corner, u, v, kind, cells=14):
    """A parallelogram of cells x cells, so that near ones can be clipped."""
    s, t = np.meshgrid(*[np.linspace(0, 1, cells + 1)[:, None]] * 2)
    vertices = np.array(corner) + t[..., None] * v + s[..., None] * u
    flat = np.linalg.norm(u) * s, 0 * s, np.linalg.norm(v) * t
    return Mesh(vertices.reshape(-1, 3), grid(cells + 1, cells + 1), kind,
                np.stack(flat, -1).reshape(-1, 3))  # fmt: skip


def _room(rng, reach):
    """Floor, walls, ceiling, furniture and what hangs on the walls."""
    near, far = reach + rng.uniform(3, 6), reach + rng.uniform(0.8, 4)
    side, high = reach + rng.uniform(1.0, 4), rng.uniform(2.4, 4.5)
    wall, ceiling = surface(rng), material(OBJECT, [0.75] * 3)
    wide, deep, tall = [2 * side, 0, 0], [0, near + far, 0], [0, 0, high]
    parts = [
        plane([-side, -near, 0], wide, deep, surface(rng), 28),
        plane([-side, far, 0], wide, tall, wall),
        plane([-side, -near, 0], deep, tall, wall, 20),
        plane([side, -near, 0], deep, tall, surface(rng), 20),
        plane([-side, -near, high], wide, deep, ceiling, 20),
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


def _outdoors(rng, reach):
    """Ground, buildings, fences, trunks and crowns."""
    dry = rng.uniform(0.5, 1.3)
    green = rng.uniform(0.04, 0.25) * np.array([dry, 1.0, 0.35 + 0.2 * dry])
    grass = material(OBJECT, green, green * rng.uniform(0.4, 0.8), GRAIN,
                     rng.uniform(3, 15), rng.integers(1 << 20),
                     0.02)  # fmt: skip
    ground = grass if rng.random() < 0.6 else surface(rng)
    parts = [plane([-30, -12, 0], [60, 0, 0], [0, 60, 0], ground, 48)]
    for _ in range(rng.integers(0, 6)):
        centre = [rng.uniform(-22, 22), reach + rng.uniform(5, 35), 0]
        size = rng.uniform([2, 2, 2], [14, 8, 14])
        parts.append(box(centre, size, surface(rng), rng.uniform(-30, 30)))
    trunk = material(OBJECT, [0.12, 0.08, 0.05], [0.05, 0.03, 0.02], GRAIN, 9)
    for _ in range(rng.integers(0, 8)):
        x, y = rng.uniform(-14, 14), reach + rng.uniform(1.5, 25)
        high = rng.uniform(1.5, 4)
        parts.append(box([x, y, 0], (0.25, 0.25, high), trunk))
        parts.append(_leaves(rng, [x, y, high + 0.7], rng.uniform(0.8, 2.4)))
    if rng.random() < 0.3:
        fence = (40, 0.08, rng.uniform(0.8, 2))
        parts.append(
            box([0, reach + rng.uniform(1, 6), 0], fence, surface(rng))
        )
    return parts


def _leaves(rng, centre, radius):
    """A lumpy ball."""
    u, v = np.meshgrid(np.linspace(0, 2 * np.pi, 17), np.linspace(0, np.pi, 10))
    lumps = radius * (0.8 + 0.4 * rng.random((*u.shape, 1)))
    lumps[:, -1] = lumps[:, 0]
    ball = np.stack([np.cos(u) * np.sin(v), np.sin(u) * np.sin(v), np.cos(v)])
    vertices = np.moveaxis(ball, 0, -1) * lumps + centre
    green = rng.uniform(0.03, 0.2) * np.array([rng.uniform(0.4, 1.1), 1, 0.3])
    kind = material(OBJECT, green, green * 0.25, BLOTCHES, rng.uniform(5, 12),
                    rng.integers(1 << 20), 0.02)  # fmt: skip
    return Mesh(vertices.reshape(-1, 3), grid(10, 17), kind)


def _light(rng, inside):
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
        fog=0.0 if inside else rng.choice([0, 0.004, 0.015]),
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
    """People in a room, outdoors or before a photograph.

    Args:
        rng (numpy.random.Generator): Source of randomness.
        kind (str): See ``poses.sample_pose``.
        backgrounds: Photographs, (H, W, 3) uint8 BGR.
        moves (bool): Whether the people will move: nothing stands below or
            before them then.
        around (bool): Whether cameras stand on all sides: outdoors then.
    """
    odds = {'everyday': (0.6, 0.25, 0.15), 'yoga': (0.9, 0.1, 0.0),
            'varied': (0.7, 0.2, 0.1)}[kind]  # fmt: skip
    people = sample_people(rng, kind, 1 + int(rng.choice(3, p=odds)))
    reach = 0.2 + max(
        np.abs(extent(p.meshes[0].vertices))[:, :2].max() for p in people
    )
    inside = bool(rng.random() < 0.5) and not around
    light, backdrop = _light(rng, inside), None
    if backgrounds and rng.random() < 0.8:
        backdrop = backgrounds[rng.integers(len(backgrounds))]
        white = material(OBJECT, [1.0] * 3)
        objects = [plane([-15, -10, 0], [30, 0, 0], [0, 30, 0], white, 30)]
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
    top = float(skin[near, 2].min()) + 0.01
    level = np.abs(knees[:, 2] - hips[2]).max() < 0.2
    if not level or not 0.3 < hips[2] < 0.75 or top < 0.12:
        return []
    size = (rng.uniform(0.35, 0.6), rng.uniform(0.35, 0.5), top)
    return [box([*hips[:2], 0], size, surface(rng), rng.uniform(0, 90))]


def _occluders(rng, points):
    """Boxes and poles between the camera and a person of these vertices."""
    low, high = points.min(0), points.max(0)
    parts = []
    for _ in range(rng.integers(1, 3)):
        x, _, z = rng.uniform(low, high)
        wide = rng.uniform(0.05, 0.5)
        tall = rng.uniform(0.15, 0.6) * (high[2] - low[2])
        base = 0.0 if rng.random() < 0.6 else max(z - tall / 2, 0)
        place = [x, low[1] - rng.uniform(0.1, 0.5), base]
        parts.append(box(place, (wide, wide * 0.5, tall), surface(rng, 0),
                         rng.uniform(0, 90)))  # fmt: skip
    return parts


def _lighting(scene, camera, people) -> Light:
    """Of the scene's sun, with the shadows of the joined people's meshes."""
    light = scene.light
    points = np.concatenate([p.meshes[0].vertices[::5] for p in scene.people])
    sun = look_at(points, (SHADOW, SHADOW), light['azimuth'],
                  light['elevation'], 0, 3, 0.88)  # fmt: skip
    shadow, _, _ = raster(
        sun.project(people.vertices), people.faces, people.cut, SHADOW, SHADOW
    )
    matrix = sun.intrinsics() @ np.c_[sun.rotation, sun.local(np.zeros(3))]
    rows = np.stack([-sun.rotation[2], light['sun'], light['sky'],
                     light['ground'], light['haze'],
                     camera.position])  # fmt: skip
    return Light(rows.astype(np.float32), np.float32(light['fog']), shadow,
                 matrix.astype(np.float32))  # fmt: skip


def draw(scene: Scene, camera: Camera, rng) -> tuple:
    """Render a scene.

    Returns:
        tuple: (H, W, 3) linear RGB float32, (H, W) metres of depth, and of
        the people's surroundings at ``SUPERSAMPLE`` times the resolution:
        depth, owner, part and the offset [x, y] of their first pixel.
    """
    people = join([m for p in scene.people for m in p.meshes])
    objects, light = join(scene.objects), _lighting(scene, camera, people)
    depth, index, weights = raster(
        camera.project(objects.vertices), objects.faces, objects.cut,
        *camera.size,
    )  # fmt: skip
    low, high = extent(camera.project(people.vertices), NEAR)[:, :2]
    low = np.clip(np.floor(low) - 1, 0, camera.size).astype(int)
    high = np.clip(np.ceil(high) + 2, low, camera.size).astype(int)
    s, within = SUPERSAMPLE, tuple(map(slice, low[::-1], high[::-1]))
    fine = raster(
        camera.project(people.vertices, s, low), people.faces, people.cut,
        *(high - low) * s, depth[within].repeat(s, 0).repeat(s, 1),
    )  # fmt: skip
    near, which, _ = fine
    # What people cover is not shaded.
    index[within][np.bitwise_or.reduce(
        [which[i::s, j::s] for i in range(s) for j in range(s)]
    ) >= 0] = -1  # fmt: skip
    image = _shade_objects(scene, camera, rng, objects, depth, index, weights,
                           light)  # fmt: skip
    owners, parts = shade_finely(*fine, people, light, image, *low)
    depth[within] = near[::s, ::s]
    return image, depth, (near, owners, parts, low)


def _shade_objects(scene, camera, rng, mesh, depth, index, weights, light):
    """(H, W, 3) colours of all but the people; the floor before a photograph
    loses its depth."""
    if scene.backdrop is None:
        image = _sky(rng, camera, scene.light)
        shade(index, weights, mesh, light, image)
        return image
    photo = _crop(rng, scene.backdrop, camera.size)
    image = np.ones_like(photo)
    shade(index, weights, mesh, light, image)
    # The white floor shows shadows alone; the photograph takes them.
    floor = (index >= 0) & (mesh.mesh_of[index] == 0)
    rows = light.rows
    image[floor] = np.clip(image[floor] / (rows[2] + rows[1] * rows[0, 2]),
                           0, 1)  # fmt: skip
    shown = floor | (index < 0)
    image[shown] *= photo[shown]
    depth[floor] = 1e9
    return image


def _sky(rng, camera, light):
    """(H, W, 3): from the horizon's haze to the zenith, with clouds."""
    width, height = camera.size
    x, y = np.meshgrid(np.arange(0, width, 8), np.arange(0, height, 8))
    rays = np.stack([x, y, np.ones_like(x)], -1)
    rays = rays @ np.linalg.inv(camera.intrinsics()).T @ camera.rotation
    up = rays[..., 2] / np.linalg.norm(rays, axis=-1)
    t = np.clip(up * 2.2, 0, 1)[..., None] ** 0.7
    zenith = np.array([0.12, 0.28, 0.65]) * rng.uniform(0.5, 1.6)
    if rng.random() < 0.4:
        zenith = np.full(3, rng.uniform(0.4, 0.9))
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


def finish(rng, image, depth, subject: float) -> np.ndarray:
    """What a camera adds: depth of field, motion blur, exposure, noise.

    Args:
        image: (H, W, 3) linear RGB.
        depth: (H, W) metres.
        subject (float): Distance that is in focus.

    Returns:
        numpy.ndarray: (H, W, 3) uint8 BGR.
    """
    if rng.random() < 0.35:
        # At half the resolution: what is blurred has no finer detail.
        half = cv2.resize(image, None, fx=0.5, fy=0.5,
                          interpolation=cv2.INTER_AREA)  # fmt: skip
        half = cv2.GaussianBlur(half, (0, 0), rng.uniform(1, 4) / 2)
        off = np.abs(1 / depth[::2, ::2] - 1 / subject) * subject * 3 - 0.6
        off = cv2.GaussianBlur(np.clip(off, 0, 1), (0, 0), 0.75)
        blurred, off = (cv2.resize(a, image.shape[1::-1]) for a in (half, off))
        image = cv2.blendLinear(image, blurred, 1 - off, off)
    if rng.random() < 0.12:
        length = int(rng.integers(3, 9))
        kernel = np.zeros((length, length), np.float32)
        kernel[length // 2] = 1 / length
        middle = ((length - 1) / 2,) * 2
        spin = cv2.getRotationMatrix2D(middle, rng.uniform(0, 180), 1)
        kernel = cv2.warpAffine(kernel, spin, (length, length))
        image = cv2.filter2D(image, -1, kernel / kernel.sum())
    elif rng.random() < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.0))
    level = max(np.percentile(image[::8, ::8], rng.uniform(80, 97)), 0.02)
    gain = rng.uniform(0.3, 0.7) / level * (1 + rng.normal(0, 0.04, 3))
    # Exposure, highlights that roll off, and sRGB's curve, by a table.
    value = np.arange(4096)[:, None] / 1024 * gain
    value = np.clip(1.45 * value * (1 + 0.25 * value) / (1 + value), 0, 1)
    table = (255 * value ** (1 / 2.2) + 0.5).astype(np.uint8)
    grain = rng.normal(128, rng.uniform(0.5, 7), (96, 128, 3)).clip(0, 255)
    return develop(image, table, grain.astype(np.uint8))
