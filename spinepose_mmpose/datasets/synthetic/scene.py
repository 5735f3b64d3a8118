"""Scenes: people, surroundings, light and cameras, to images and labels."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from .body import Body, anatomy, chain, make_body, posed_keypoints, sample_shape
from .looks import colour, dress, sample_look
from .poses import Pose, local_rotations, sample_pose, turn
from .render import (
    OBJECT,
    Mesh,
    extent,
    join,
    material,
    raster,
    shade,
    vertex_normals,
)

SUPERSAMPLE = 2  # people; what lies behind them is drawn once per pixel
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

    @property
    def centre(self):
        return (np.array(self.size) - 1) / 2

    def local(self, points):
        """(..., 3) metres in the world to metres in the camera's axes."""
        return (np.asarray(points) - self.position) @ self.rotation.T

    def project(self, points):
        """(N, 3) metres to (N, 3): pixels x, y and metres of depth."""
        local = self.local(points)
        depth = np.maximum(local[:, 2:], 1e-3)
        pixels = local[:, :2] / depth * self.focal + self.centre
        return np.concatenate([pixels, local[:, 2:]], 1).astype(np.float32)

    def intrinsics(self):
        """(3, 3) matrix K."""
        x, y = self.centre
        return np.array([[self.focal, 0, x], [0, self.focal, y], [0, 0, 1.0]])


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


@dataclass
class Scene:
    """Everything that an image shows.

    Attributes:
        people: Of :class:`PosedPerson`.
        objects: Meshes of owner 0.
        light: sun direction and colours, see ``render.shade``.
        backdrop: (H, W, 3) linear RGB that stands for what no mesh covers;
            None: sky.
    """

    people: list
    objects: list
    light: dict
    backdrop: np.ndarray | None = None
    floor_is_photo: bool = field(default=False)


def make_person(body: Body, pose, look: dict, place, owner: int = 1):
    """Pose and dress a person whose lowest point stands on the floor.

    Args:
        pose: A ``Pose``, or (B, 3, 3) local rotations.
        place: (x, y) metres of the pelvis in the world.
        owner (int): Number in the scene, from 1.
    """
    local = local_rotations(body, pose) if isinstance(pose, Pose) else pose
    rotation, shift = chain(anatomy().parents, body.heads.astype(float), local)
    keypoints = posed_keypoints(body, rotation, shift)
    meshes = dress(body, look, rotation, shift, owner)
    pelvis = rotation[0] @ body.heads[0] + shift[0]
    low = min(float(extent(m.vertices)[0, 2]) for m in meshes)
    move = np.array([place[0], place[1], 0.0]) - [pelvis[0], pelvis[1], low]
    for mesh in meshes:
        mesh.vertices = (mesh.vertices + move).astype(np.float32)
    return PosedPerson(body, local, look, keypoints + move, meshes)


def box(centre, size, kind, yaw=0.0):
    """A box standing on its given centre of the base."""
    corners = np.array(
        [[x, y, z] for z in (0, 1) for y in (-0.5, 0.5) for x in (-0.5, 0.5)]
    ) * np.asarray(size)
    sides = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3),
             (0, 4, 6, 2), (1, 3, 7, 5)]  # fmt: skip
    vertices = np.concatenate([corners[list(s)] for s in sides])
    faces = np.concatenate(
        [[[4 * i, 4 * i + 1, 4 * i + 2], [4 * i, 4 * i + 2, 4 * i + 3]]
         for i in range(6)]
    )  # fmt: skip
    vertices = (vertices @ turn('z', yaw).T + centre).astype(np.float32)
    return Mesh(vertices, faces.astype(np.int32), vertices,
                np.ones(len(vertices), np.float32), kind)  # fmt: skip


def plane(corner, u, v, kind, cells=14):
    """A parallelogram of cells x cells, so that near ones can be clipped."""
    s = np.linspace(0, 1, cells + 1)
    a, b = np.meshgrid(s, s)
    vertices = (
        np.asarray(corner)
        + a.reshape(-1, 1) * np.asarray(u)
        + b.reshape(-1, 1) * np.asarray(v)
    ).astype(np.float32)
    grid = np.arange((cells + 1) ** 2).reshape(cells + 1, -1)
    p, q, r, t = grid[:-1, :-1], grid[:-1, 1:], grid[1:, :-1], grid[1:, 1:]
    faces = np.concatenate(
        [np.stack([p, q, r], -1), np.stack([q, t, r], -1)]
    ).reshape(-1, 3)
    return Mesh(vertices, faces.astype(np.int32), vertices,
                np.ones(len(vertices), np.float32), kind)  # fmt: skip


def _surface(rng, muted=True):
    tint = colour(rng)
    if muted:
        tint = 0.3 * tint + 0.7 * tint.mean() + 0.03
    kind = int(
        rng.choice([0, 1, 3, 4, 6, 7], p=(0.2, 0.07, 0.08, 0.15, 0.35, 0.15))
    )
    scale = {1: 2, 3: 1.5, 4: 2, 6: 6, 7: 1.6}.get(kind, 1) * rng.uniform(
        0.5, 2
    )
    second = tint * rng.uniform(0.35, 1.5)
    gloss = rng.choice([0.02, 0.1, 0.4])
    return material(
        OBJECT, tint, second, kind, scale, rng.integers(1 << 20), gloss
    )


def _room(rng, reach):
    """Floor, walls, ceiling, furniture and what hangs on the walls."""
    near, far = reach + rng.uniform(3, 6), reach + rng.uniform(0.8, 4)
    side, high = reach + rng.uniform(1.0, 4), rng.uniform(2.4, 4.5)
    wall = _surface(rng)
    floor, ceiling = _surface(rng), material(OBJECT, [0.75] * 3)
    wide, deep = 2 * side, near + far
    parts = [
        plane([-side, -near, 0], [wide, 0, 0], [0, deep, 0], floor, 28),
        plane([-side, far, 0], [wide, 0, 0], [0, 0, high], wall),
        plane([-side, -near, 0], [0, deep, 0], [0, 0, high], wall, 20),
        plane([side, -near, 0], [0, deep, 0], [0, 0, high], _surface(rng), 20),
        plane([-side, -near, high], [wide, 0, 0], [0, deep, 0], ceiling, 20),
    ]
    for _ in range(rng.integers(0, 5)):
        w, h = rng.uniform(0.3, 1.8, 2)
        centre = [
            rng.uniform(-side, side),
            far - 0.02,
            rng.uniform(0.6, high - 1),
        ]
        parts.append(box(centre, (w, 0.05, h), _surface(rng, False)))
    for _ in range(rng.integers(0, 6)):
        size = rng.uniform(0.3, 1.6, 3) * [1, 0.7, 0.8]
        x = rng.choice([-1, 1]) * rng.uniform(reach + 0.2, side)
        y = rng.uniform(-0.5, far)
        parts.append(box([x, y, 0], size, _surface(rng), rng.uniform(0, 90)))
    return parts


def _outdoors(rng, reach):
    """Ground, buildings, fences, trunks and crowns."""
    wide = 60
    level, dry = rng.uniform(0.04, 0.25), rng.uniform(0.5, 1.3)
    green = level * np.array([dry, 1.0, 0.35 + 0.2 * dry])
    dark = green * rng.uniform(0.4, 0.8)
    grass = material(
        OBJECT, green, dark, 6, rng.uniform(3, 15), rng.integers(1 << 20), 0.02
    )
    ground = grass if rng.random() < 0.6 else _surface(rng)
    parts = [plane([-wide / 2, -12, 0], [wide, 0, 0], [0, wide, 0], ground, 48)]
    for _ in range(rng.integers(0, 6)):
        size = rng.uniform([2, 2, 2], [14, 8, 14])
        centre = [rng.uniform(-22, 22), reach + rng.uniform(5, 35), 0]
        parts.append(box(centre, size, _surface(rng), rng.uniform(-30, 30)))
    for _ in range(rng.integers(0, 8)):
        x, y = rng.uniform(-14, 14), reach + rng.uniform(1.5, 25)
        trunk = material(OBJECT, [0.12, 0.08, 0.05], [0.05, 0.03, 0.02], 6, 9)
        high = rng.uniform(1.5, 4)
        parts.append(box([x, y, 0], (0.25, 0.25, high), trunk))
        parts.append(_blob(rng, [x, y, high + 0.7], rng.uniform(0.8, 2.4)))
    if rng.random() < 0.3:
        y = reach + rng.uniform(1, 6)
        parts.append(
            box([0, y, 0], (40, 0.08, rng.uniform(0.8, 2)), _surface(rng))
        )
    return parts


def _blob(rng, centre, radius):
    """A lumpy ball: leaves."""
    u, v = np.meshgrid(np.linspace(0, 2 * np.pi, 17), np.linspace(0, np.pi, 10))
    r = radius * (0.8 + 0.4 * rng.random(u.shape))
    r[:, -1] = r[:, 0]
    vertices = np.stack(
        [r * np.cos(u) * np.sin(v), r * np.sin(u) * np.sin(v), r * np.cos(v)],
        -1,
    ).reshape(-1, 3).astype(np.float32) + np.asarray(centre, np.float32)
    grid = np.arange(170).reshape(10, 17)
    p, q, s, t = grid[:-1, :-1], grid[:-1, 1:], grid[1:, :-1], grid[1:, 1:]
    faces = np.concatenate([np.stack([p, s, q], -1), np.stack([q, s, t], -1)])
    green = rng.uniform(0.03, 0.2) * np.array([rng.uniform(0.4, 1.1), 1, 0.3])
    kind = material(OBJECT, green, green * 0.25, 4, rng.uniform(5, 12),
                    rng.integers(1 << 20), 0.02)  # fmt: skip
    return Mesh(vertices, faces.reshape(-1, 3).astype(np.int32), vertices,
                np.ones(170, np.float32), kind)  # fmt: skip


def _light(rng, inside):
    """Direction and colours of sun or lamp and of the light around."""
    azimuth, height = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(20, 75))
    direction = np.array(
        [np.cos(azimuth) * np.cos(height), np.sin(azimuth) * np.cos(height),
         np.sin(height)]
    )  # fmt: skip
    if direction[1] > 0.3 and rng.random() < 0.6:  # mostly not against it
        direction[1] *= -1
    warm = np.array([1.0, rng.uniform(0.82, 1.0), rng.uniform(0.6, 1.0)])
    strength = rng.uniform(0.15, 1.3) if inside else rng.uniform(0.3, 2.2)
    sky = np.array([rng.uniform(0.7, 1.0), rng.uniform(0.85, 1), 1.0])
    level = rng.uniform(0.45, 0.8) if inside else rng.uniform(0.3, 0.75)
    return dict(
        direction=direction.astype(np.float32),
        sun=(warm * strength).astype(np.float32),
        sky=(sky * level).astype(np.float32),
        ground=(warm * level * rng.uniform(0.35, 0.7)).astype(np.float32),
        fog=np.float32(0 if inside else rng.choice([0, 0.004, 0.015])),
        haze=(rng.uniform(0.5, 0.9) * rng.uniform(0.85, 1, 3)).astype(
            np.float32
        ),
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
        body = make_body(shape)
        pose = sample_pose(rng, kind)
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
        float(np.abs(extent(p.meshes[0].vertices)[:, :2]).max()) for p in people
    )
    inside = bool(rng.random() < 0.5) and not around
    light = _light(rng, inside)
    backdrop = None
    if backgrounds and rng.random() < 0.8:
        backdrop = backgrounds[rng.integers(len(backgrounds))]
        objects = [plane([-15, -10, 0], [30, 0, 0], [0, 30, 0],
                         material(OBJECT, [1.0] * 3), 30)]  # fmt: skip
    else:
        objects = (_room if inside else _outdoors)(rng, reach)
    if not moves:
        for person in people:
            objects += _support(rng, person)
        if rng.random() < 0.3 and not around:
            objects += _occluders(rng, people[0])
    return Scene(people, objects, light, backdrop, backdrop is not None)


def _support(rng, person):
    """A stool or block beneath who sits in the air."""
    low = person.meshes[0].vertices
    hips = person.keypoints[[11, 12]].mean(0)
    thighs = np.abs(person.keypoints[[13, 14], 2] - hips[2])
    if not (0.3 < hips[2] < 0.75 and thighs.max() < 0.2):
        return []
    near = low[np.linalg.norm(low[:, :2] - hips[:2], axis=1) < 0.18]
    top = float(near[:, 2].min()) + 0.01
    if top < 0.12:
        return []
    size = (rng.uniform(0.35, 0.6), rng.uniform(0.35, 0.5), top)
    return [box([hips[0], hips[1], 0], size, _surface(rng), rng.uniform(0, 90))]


def _occluders(rng, person):
    """Boxes and poles between the camera and a person."""
    points = person.meshes[0].vertices
    low, high = points.min(0), points.max(0)
    parts = []
    for _ in range(rng.integers(1, 3)):
        at = rng.uniform(low, high)
        wide = rng.uniform(0.05, 0.5)
        tall = rng.uniform(0.15, 0.6) * (high[2] - low[2])
        base = 0.0 if rng.random() < 0.6 else max(at[2] - tall / 2, 0)
        parts.append(
            box([at[0], low[1] - rng.uniform(0.1, 0.5), base],
                (wide, wide * 0.5, tall), _surface(rng, False),
                rng.uniform(0, 90))
        )  # fmt: skip
    return parts


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
    rotation = (
        turn('z', roll)
        @ np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
        @ turn('x', elevation)
        @ turn('z', -azimuth)
    )
    local = np.asarray(points) @ rotation.T
    low, high = local.min(0), local.max(0)
    middle, half = (low + high) / 2, (high - low) / 2
    focal = size[1] / 2 / np.tan(np.radians(fov / 2))
    distance = half[2] + max(
        half[0] * 2 * focal / (size[0] * fill),
        half[1] * 2 * focal / (size[1] * fill),
        0.5,
    )
    middle[:2] -= np.asarray(shift) * size * distance / focal
    position = (middle - [0, 0, distance]) @ rotation
    if position[2] < 0.08:
        position[2] = 0.08
    return Camera(rotation, position, float(focal), tuple(size))


def _shadow_map(vertices, faces, cut, direction, people):
    """Depth as the sun sees the people, and the matrix that looks it up."""
    ahead = -direction.astype(float)
    right = np.cross([0, 0, 1.0], ahead)
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(ahead, right), ahead])
    near = np.concatenate([p.meshes[0].vertices[::5] for p in people]) @ axes.T
    low, high = near.min(0) - 0.15, near.max(0) + 0.15
    scale = SHADOW / max(high[0] - low[0], high[1] - low[1])
    matrix = np.zeros((3, 4), np.float32)
    matrix[:2, :3], matrix[2, :3] = axes[:2] * scale, axes[2]
    matrix[:2, 3] = -low[:2] * scale
    points = (vertices @ matrix[:, :3].T + matrix[:, 3]).astype(np.float32)
    return raster(points, faces, cut, SHADOW, SHADOW, False)[0], matrix


def _sky(rng, camera, light):
    """(H, W, 3): from the horizon's haze to the zenith, with clouds."""
    width, height = camera.size
    x, y = np.meshgrid(np.arange(0, width, 8), np.arange(0, height, 8))
    rays = np.stack([x, y, np.full_like(x, 1)], -1).astype(np.float32)
    rays[..., :2] = (rays[..., :2] - camera.centre) / camera.focal
    up = (rays @ camera.rotation)[..., 2] / np.linalg.norm(rays, axis=-1)
    t = np.clip(up * 2.2, 0, 1)[..., None] ** 0.7
    zenith = np.array([0.12, 0.28, 0.65]) * rng.uniform(0.5, 1.6)
    if rng.random() < 0.4:
        zenith = np.full(3, rng.uniform(0.4, 0.9))
    clouds = cv2.resize(rng.random((9, 12)).astype(np.float32), x.shape[::-1],
                        interpolation=cv2.INTER_CUBIC)[..., None]  # fmt: skip
    sky = light['haze'] * (1 - t) + zenith * t
    sky = (sky + (1 - sky) * np.clip(clouds - 0.6, 0, 1) * t).astype(np.float32)
    return cv2.resize(sky, (width, height), interpolation=cv2.INTER_LINEAR)


def _eyes(person):
    """(2, 8) for ``render.shade``; the gaze (3:5) is straight ahead."""
    data = anatomy()
    out = np.zeros((2, 8), np.float32)
    for i, end in enumerate('LR'):
        own = data.dense[:, data.bone[f'eye.{end}']] > 0.5
        centre = data.template[own].mean(0)
        out[i, :3] = centre
        out[i, 5:] = person.look['iris']
    return out


def draw(scene: Scene, camera: Camera, rng) -> tuple:
    """Render a scene.

    Returns:
        tuple: (H, W, 3) linear RGB float32, (H, W) metres of depth, and of
        the people's surroundings at ``SUPERSAMPLE`` times the resolution:
        depth, owner, part and the offset [x, y] of their first pixel.
    """
    light = scene.light
    body_meshes = [m for p in scene.people for m in p.meshes]
    front = join(body_meshes)
    shadow, matrix = _shadow_map(
        front[0], front[1], front[3], light['direction'], scene.people
    )
    common = dict(
        eyes=_eyes(scene.people[0]),
        camera=camera.position.astype(np.float32),
        light=light['direction'], sun=light['sun'], sky=light['sky'],
        ground=light['ground'], shadow=shadow, shadow_matrix=matrix,
        fog=light['fog'], fog_colour=light['haze'],
    )  # fmt: skip
    image, depth = _draw_objects(scene, camera, rng, common)
    vertices, faces, texture, cut, mesh_of, materials, owner, part = front
    points = camera.project(vertices)
    window = _window(points, camera)
    if window is None:
        empty = np.zeros((0, 0), np.int32)
        return image, depth, (empty, empty, empty, np.zeros(2, int))
    (x0, y0), (x1, y1) = window
    s = SUPERSAMPLE
    # The centre of sample i of a pixel row lies at (i - (s - 1) / 2) / s.
    points[:, :2] = (points[:, :2] - [x0, y0]) * s + (s - 1) / 2
    fine_depth, index, weights = raster(
        points, faces, cut, (x1 - x0) * s, (y1 - y0) * s, True
    )
    large = ((x1 - x0) * s, (y1 - y0) * s)
    behind, fine = (
        cv2.resize(part, large, interpolation=cv2.INTER_NEAREST)
        for part in (depth[y0:y1, x0:x1], image[y0:y1, x0:x1])
    )
    index[fine_depth > behind] = -1
    fine_depth = np.minimum(fine_depth, behind)
    shade(
        index, weights, faces, vertices, vertex_normals(vertices, faces),
        texture, mesh_of, materials, *common.values(), fine,
    )  # fmt: skip
    image[y0:y1, x0:x1] = cv2.resize(
        fine, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA
    )
    hit = index >= 0
    owners = np.where(hit, owner[index], 0).astype(np.int16)
    parts = np.where(hit, part[index], -1).astype(np.int8)
    depth[y0:y1, x0:x1] = fine_depth[::s, ::s]
    return image, depth, (fine_depth, owners, parts, np.array([x0, y0]))


def _draw_objects(scene, camera, rng, common):
    """(H, W, 3) colours and (H, W) depth of all but the people."""
    width, height = camera.size
    vertices, faces, texture, cut, mesh_of, materials, _, _ = join(
        scene.objects
    )
    # Flat objects: every triangle has its own normal.
    depth, index, weights = raster(
        camera.project(vertices), faces, cut, width, height, True
    )
    image = (
        _sky(rng, camera, scene.light)
        if scene.backdrop is None
        else _fit(rng, scene.backdrop, camera.size)
    )
    target = image
    if scene.floor_is_photo:
        target = np.ones_like(image)
    shade(index, weights, faces, vertices, vertex_normals(vertices, faces),
          texture, mesh_of, materials, *common.values(), target)  # fmt: skip
    if scene.floor_is_photo:
        # The white floor shows shadows alone; the photograph takes them.
        light = scene.light
        full = light['sky'] + light['sun'] * light['direction'][2]
        floor = (mesh_of[np.maximum(index, 0)] == 0) & (index >= 0)
        share = np.where(floor[..., None], np.clip(target / full, 0, 1), 1.0)
        image = np.where((index >= 0)[..., None] & ~floor[..., None], target,
                         image * share).astype(np.float32)  # fmt: skip
        depth[floor] = 1e9
    return image, depth


def _fit(rng, photo, size):
    """A crop of a photograph (uint8 BGR) at the image's size, linear RGB."""
    height, width = photo.shape[:2]
    scale = max(size[0] / width, size[1] / height) * rng.uniform(1.0, 1.5)
    photo = cv2.resize(photo, None, fx=scale, fy=scale,
                       interpolation=cv2.INTER_AREA)  # fmt: skip
    photo = cv2.copyMakeBorder(
        photo, 0, max(size[1] - photo.shape[0], 0), 0,
        max(size[0] - photo.shape[1], 0), cv2.BORDER_REFLECT,
    )  # fmt: skip
    x = rng.integers(photo.shape[1] - size[0] + 1)
    y = rng.integers(photo.shape[0] - size[1] + 1)
    crop = photo[y : y + size[1], x : x + size[0], ::-1]
    return (crop.astype(np.float32) / 255) ** 2.2


def _window(points, camera):
    """[[x0, y0], [x1, y1]] pixels around the people, or None."""
    points = points[points[:, 2] > 0.05]
    if not len(points):
        return None
    low, high = extent(points[:, :2])
    low = np.clip(np.floor(low) - 1, 0, camera.size)
    high = np.clip(np.ceil(high) + 2, 0, camera.size)
    if (high - low < 2).any():
        return None
    return low.astype(int), high.astype(int)


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
        blurred = cv2.GaussianBlur(image, (0, 0), rng.uniform(1, 4))
        off = np.clip(np.abs(1 / depth - 1 / subject) * subject * 3 - 0.6, 0, 1)
        off = cv2.GaussianBlur(off.astype(np.float32), (0, 0), 1.5)[..., None]
        image = image * (1 - off) + blurred * off
    if rng.random() < 0.12:
        length = int(rng.integers(3, 9))
        kernel = np.zeros((length, length), np.float32)
        kernel[length // 2] = 1 / length
        spin = cv2.getRotationMatrix2D(
            ((length - 1) / 2,) * 2, rng.uniform(0, 180), 1
        )
        kernel = cv2.warpAffine(kernel, spin, (length, length))
        image = cv2.filter2D(image, -1, kernel / max(kernel.sum(), 1e-3))
    elif rng.random() < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.0))
    level = max(np.percentile(image[::8, ::8], rng.uniform(80, 97)), 0.02)
    gain = rng.uniform(0.3, 0.7) / level * (1 + rng.normal(0, 0.04, 3))
    # Exposure, highlights that roll off, and sRGB's curve, by a table.
    value = np.arange(4096)[:, None] / 1024 * gain
    value = np.clip(1.45 * value * (1 + 0.25 * value) / (1 + value), 0, 1)
    table = (255 * value ** (1 / 2.2) + 0.5).astype(np.uint8)
    index = np.clip(image * 1024, 0, 4095).astype(np.uint16)
    out = np.stack([table[index[..., c], c] for c in (2, 1, 0)], -1)
    strength = rng.uniform(0.5, 7)
    height, width = out.shape[:2]
    grain = np.clip(rng.normal(128, strength, (96, 128, 3)), 0, 255)
    tiles = np.tile(
        grain.astype(np.uint8), (height // 96 + 1, width // 128 + 1, 1)
    )
    return cv2.addWeighted(out, 1, tiles[:height, :width], 1, -128)
