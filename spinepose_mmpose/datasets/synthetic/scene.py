"""One image with its annotations, from (seed, split, index) alone."""

from dataclasses import dataclass

import cv2
import numpy as np

from .appearance import Look, colour_skin, sample_look
from .background import draw_background
from .body import Body, sample_body
from .camera import Camera, look_at
from .effects import add_effects
from .mesh import FEATURE_IDS, Skin, box
from .occluders import draw_occluders, sample_occluders
from .parts import OBJECT, PART_IDS
from .poses import sample_pose
from .render import (
    OBJECT_OWNER,
    SUPERSAMPLE,
    draw_faces,
    project_faces,
    shadow_mask,
)
from .rotation import rot_y
from .skeleton import Figure, Pose, pose_body
from .skin import build_skin, stand_on_ground
from .visibility import keypoint_visibility

# Kind of people in each split; 'mixed' draws one of the three per image.
SPLITS = {
    'train-real-coco': 'everyday',
    'train-real-yoga': 'yoga',
    'train-unreal': 'varied',
    'val2017': 'mixed',
}
SHARES = {'everyday': 0.35, 'yoga': 0.15, 'varied': 0.50}
SIZES = ((320, 256), (256, 320), (288, 288), (360, 240), (240, 320))
MIN_INSIDE = 14  # keypoints of the main person inside the image
MIN_SIDE = 4  # pixels; narrower ones at the border are not labelled


@dataclass
class Person:
    """One person in the world (metres, y up)."""

    body: Body
    pose: Pose
    figure: Figure
    skin: Skin
    look: Look

    def moved(self, shift):
        return Person(
            self.body,
            self.pose,
            self.figure.moved(shift=shift),
            self.skin.moved(shift),
            self.look,
        )


@dataclass
class Scene:
    """Everything that an image shows, before it is drawn.

    Attributes:
        occluders: Convex polygons (V, 2) in pixels, in front of all.
        seats: (F, 4, 3) faces of stools in metres.
        light: (3,) unit vector towards the light.
    """

    people: list
    camera: Camera
    size: tuple
    occluders: list
    seats: np.ndarray
    light: np.ndarray
    contrast: float = 0.6


def image_rng(seed, split, index):
    """A generator that depends on nothing but these three."""
    return np.random.default_rng([seed, list(SPLITS).index(split), index])


def make_person(body, pose, look):
    """Pose, dress and stand a person on the floor at the origin."""
    figure = pose_body(body, pose)
    skin = build_skin(figure, body, look)
    figure, skin = stand_on_ground(figure, skin)
    return Person(body, pose, figure, skin, look)


def sample_person(rng, kind):
    body = sample_body(rng)
    return make_person(
        body, sample_pose(rng, kind), sample_look(rng, body, kind)
    )


def _sample_camera(rng, points, size, kind, loose):
    """A view; ``loose`` may cut the person off at the border."""
    elevation = rng.normal(9, 11) if kind != 'varied' else rng.normal(14, 18)
    roll = rng.normal(0, 4 if kind != 'varied' else 9)
    cut = loose and rng.random() < 0.22
    fill = rng.uniform(1.0, 1.55) if cut else rng.uniform(0.5, 0.95)
    reach = 0.25 if cut else max(0.48 - fill / 2, 0.0)
    shift = rng.uniform(-reach, reach, 2)
    camera = look_at(
        points,
        size,
        float(np.clip(elevation, -14, 60)),
        roll,
        rng.uniform(25, 62),
        fill,
        shift,
    )
    if camera.position[1] < 0.1:  # not from below the floor
        camera = look_at(
            points, size, max(float(elevation), 3.0), roll, 40.0, fill, shift
        )
    return camera


def _place_others(rng, people):
    """Move the second and later people beside, behind or before the first."""
    placed = people[:1]
    for person in people[1:]:
        side = rng.choice([-1, 1])
        shift = [side * rng.uniform(0.35, 1.3), 0, rng.uniform(-1.6, 0.5)]
        if abs(shift[2]) < 0.5:  # bodies do not pass through each other
            shift[0] = side * rng.uniform(0.7, 1.4)
        placed.append(person.moved(shift))
    return placed


def _seats(people):
    """Stools under those who sit on one."""
    stools = []
    for person in people:
        if not person.pose.seat:
            continue
        joints = person.figure.joints
        middle = (joints['left_hip'] + joints['right_hip']) / 2
        top = middle[1] - 0.085 * person.body.scale
        size = np.array([0.42, top, 0.40]) * [person.body.scale, 1, 1]
        centre = np.array([middle[0], top / 2, middle[2]])
        turn = rot_y(person.pose.yaw)
        centre = centre - turn[:, 2] * 0.02
        stools.append(box(centre, turn.T, size))
    return np.concatenate(stools) if stools else np.zeros((0, 4, 3))


def sample_scene(rng, kind, size):
    """Draw people, camera, light and occluders of one image."""
    odds = {
        'everyday': (0.68, 0.22, 0.10),
        'yoga': (0.9, 0.1, 0.0),
        'varied': (0.78, 0.16, 0.06),
    }[kind]
    count = 1 + int(rng.choice(3, p=odds))
    people = _place_others(
        rng, [sample_person(rng, kind) for _ in range(count)]
    )
    everyone = np.concatenate([p.skin.quads[::3, 0] for p in people])
    main = people[0].skin.quads[:, 0]
    target = everyone if rng.random() < 0.6 else main
    for attempt in range(8):
        camera = _sample_camera(rng, target, size, kind, attempt < 7)
        points, _ = camera.project(people[0].figure.keypoints)
        if ((points >= 0) & (points < size)).all(1).sum() >= MIN_INSIDE:
            break
    occluders = []
    if rng.random() < 0.2:
        points, _ = camera.project(main)
        low = np.clip(points.min(0), 0, size)
        high = np.clip(points.max(0), 0, size)
        occluders = sample_occluders(rng, size, (*low, *(high - low)))
    light = np.array(
        [rng.normal(0, 0.7), rng.uniform(0.5, 1.3), rng.uniform(-0.2, 1.2)]
    )
    return Scene(
        people,
        camera,
        tuple(size),
        occluders,
        _seats(people),
        light / np.linalg.norm(light),
        float(rng.uniform(0.45, 0.8)),
    )


def scene_faces(scene, rng):
    """All faces of the scene (``render.Faces``), far to near."""
    quads, part, owner, colour, bias = [], [], [], [], []
    for number, person in enumerate(scene.people, 1):
        skin = person.skin
        quads.append(skin.quads)
        part.append(skin.part)
        owner.append(np.full(len(skin.part), number))
        colour.append(colour_skin(skin, person.look, rng))
        # Features and hair lie on the head; they are painted after it.
        drawn = (skin.paint >= FEATURE_IDS['eye_white']) & (
            skin.paint <= FEATURE_IDS['nose']
        )
        bias.append(
            drawn * (0.02 + 0.001 * skin.paint)
            + (skin.part == PART_IDS['hair']) * 0.014
        )
    count = len(scene.seats)
    quads.append(scene.seats)
    part.append(np.full(count, OBJECT))
    owner.append(np.full(count, OBJECT_OWNER))
    colour.append(np.tile(rng.uniform(40, 220, 3), (count, 1)))
    bias.append(np.zeros(count))
    return project_faces(
        scene.camera,
        np.concatenate(quads),
        np.concatenate(part),
        np.concatenate(owner),
        np.concatenate(colour),
        scene.light,
        scene.contrast,
        np.concatenate(bias),
    )


def draw_scene(scene, faces, rng):
    """The image (H, W, 3) uint8 BGR and the owner of each sample.

    Owners are (sH, sW) uint8 at ``SUPERSAMPLE`` times the resolution: 0
    background, n the n-th person, ``OBJECT_OWNER``.
    """
    image = draw_background(rng, scene.camera, scene.size)
    shadow = np.zeros(scene.size[::-1], np.uint8)
    for person in scene.people:
        shadow = np.maximum(
            shadow,
            shadow_mask(scene.camera, person.skin, scene.light, scene.size),
        )
    image *= (1 - shadow.astype(np.float32) * (0.6 * scene.contrast / 255))[
        ..., None
    ]
    image = np.clip(image, 0, 255).astype(np.uint8)
    width, height = scene.size
    image = cv2.resize(
        image,
        (width * SUPERSAMPLE, height * SUPERSAMPLE),
        interpolation=cv2.INTER_NEAREST,
    )
    canvas = cv2.cvtColor(image, cv2.COLOR_BGR2BGRA)
    canvas[..., 3] = 0
    draw_faces(canvas, faces)
    draw_occluders(rng, canvas, scene.occluders)
    image = cv2.resize(canvas, scene.size, interpolation=cv2.INTER_AREA)
    return add_effects(rng, image[..., :3]), canvas[..., 3]


def _silhouette_box(faces, owner, size):
    """[x, y, w, h] of a person's whole outline inside the image."""
    own = (faces.owner == owner) & faces.inside(size)
    if not own.any():
        return None
    low = np.clip(faces.low[own].min(0), 0, size)
    high = np.clip(faces.high[own].max(0), 0, size)
    return [*low, *(high - low)]


def annotate(scene, faces, owners):
    """Annotation dicts of the people in the image, without ids.

    ``bbox`` holds the outline inside the image, also where something hides
    it; ``area`` counts the pixels in which the person is really seen.
    People of whom no pixel, or just a sliver at the border, is seen are left
    out.
    """
    annotations = []
    for number, person in enumerate(scene.people, 1):
        bbox = _silhouette_box(faces, number, scene.size)
        area = float((owners == number).sum()) / SUPERSAMPLE**2
        if bbox is None or min(bbox[2:]) < MIN_SIDE or area == 0:
            continue
        points, depth = scene.camera.project(person.figure.keypoints)
        flags = keypoint_visibility(
            points, depth, number, faces, scene.size, scene.occluders
        )
        keypoints = []
        for (x, y), v in zip(points, flags):
            keypoints += (
                [round(float(x), 2), round(float(y), 2), int(v)]
                if v
                else [0, 0, 0]
            )
        annotations.append(
            dict(
                category_id=1,
                bbox=[round(float(value), 2) for value in bbox],
                area=area,
                iscrowd=0,
                num_keypoints=int((flags > 0).sum()),
                keypoints=keypoints,
            )
        )
    return annotations


def build_scene(seed, split, index, size=None):
    """The scene of an image and the generator that goes on to draw it."""
    rng = image_rng(seed, split, index)
    kind = SPLITS[split]
    if kind == 'mixed':
        kind = str(rng.choice(list(SHARES), p=list(SHARES.values())))
    varied = SIZES[rng.integers(len(SIZES))]
    return sample_scene(rng, kind, tuple(size or varied)), rng


def generate_sample(seed, split, index, size=None):
    """One image and the annotations of its people.

    Args:
        seed: Non-negative integer.
        split: One of ``SPLITS``.
        index: Number of the image in the split, from 0.
        size: (width, height) in pixels; None varies it.

    Returns:
        (image, annotations): (H, W, 3) uint8 BGR, and COCO dicts without
        ``id`` and ``image_id``.
    """
    if split not in SPLITS:
        raise ValueError(f'split {split!r} is none of {list(SPLITS)}')
    scene, rng = build_scene(seed, split, index, size)
    faces = scene_faces(scene, rng)
    image, owners = draw_scene(scene, faces, rng)
    return image, annotate(scene, faces, owners)
