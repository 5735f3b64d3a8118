"""Walking people, filmed by an imperfect detector and pose model.

People from the synthetic generator walk in front of a camera, in metres. The
detector misses, jitters, duplicates and invents boxes. The pose model returns
the noisy pose of the person who fills a box best and is unreliable on hidden
points: if one person is in front of another, their two boxes give two poses of
the one in front, as with a real network.
"""

from dataclasses import dataclass, field
from typing import Callable, List, Sequence, Tuple

from spinepose_mmpose.datasets.synthetic import body
from spinepose_mmpose.datasets.synthetic.motion import gait
from spinepose_mmpose.datasets.synthetic.poses import local_rotations, turn
from spinepose_mmpose.datasets.synthetic.scene import Camera
from spinepose_mmpose.metainfo import NUM_KEYPOINTS

import numpy as np

PHASES = 24  # of a stored gait cycle
STRIDE = 1.4  # metres per gait cycle
HIDDEN = 0.6  # share of hidden keypoints from which nobody is found
SIZE = (1280, 720)
FOCAL = 1000.0
CAMERA_HEIGHT = 1.5
# World (x to the right, y ahead, z up) to camera (right, down, ahead).
AHEAD = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


@dataclass
class Actor:
    """``path(t)`` gives [x, z] in metres at t seconds (z is the distance), or
    None while the actor is away: then the next visit is another person."""

    path: Callable[[float], object]
    cycle: np.ndarray = None  # PHASES, K, 3: a gait cycle walking along -y


@dataclass
class Seen:
    """One person in one frame, pixels."""

    identity: int
    points: np.ndarray  # K, 2
    hidden: np.ndarray  # K, bool
    box: np.ndarray  # 4
    depth: float

    @property
    def visible(self) -> bool:
        return self.hidden.mean() < HIDDEN


@dataclass
class Clip:
    """Attributes:
    frames: who is where.
    detections: (D, 4) boxes and (D,) scores of each frame.
    """

    name: str
    fps: float
    frames: List[List[Seen]] = field(default_factory=list)
    detections: List[Tuple[np.ndarray, np.ndarray]] = field(
        default_factory=list
    )
    seed: int = 0
    size: Tuple[int, int] = SIZE

    def poses(self, frame: int, boxes: Sequence) -> Tuple:
        """(N, K, 2) keypoints and (N, K) scores for boxes in a frame."""
        boxes = np.asarray(boxes, dtype=float).reshape(-1, boxes_width(boxes))
        points = np.zeros((len(boxes), NUM_KEYPOINTS, 2))
        scores = np.zeros((len(boxes), NUM_KEYPOINTS))
        for i, box in enumerate(boxes[:, :4]):
            points[i], scores[i] = self._pose(frame, box)
        return points.astype(np.float32), scores.astype(np.float32)

    def _pose(self, frame: int, box: np.ndarray):
        people = self.frames[frame]
        fit = [
            iou(box, person.box) * (1 - 0.7 * person.hidden.mean())
            for person in people
        ]
        if not people or max(fit) < 0.15:
            rng = np.random.default_rng([self.seed, frame, 9999])
            low, high = box[:2], np.maximum(box[2:], box[:2] + 1)
            return (
                rng.uniform(low, high, (NUM_KEYPOINTS, 2)),
                rng.uniform(0.02, 0.2, NUM_KEYPOINTS),
            )
        best = int(np.argmax(fit))
        person = people[best]
        # The noise of a person in a frame is that of the image, for the
        # greater part; a shifted crop changes it a little.
        rng = np.random.default_rng([self.seed, frame, best])
        size = np.sqrt(np.prod(person.box[2:] - person.box[:2]))
        sigma = np.where(person.hidden, 0.06, 0.012) * size
        noise = rng.normal(size=(NUM_KEYPOINTS, 2)) * sigma[:, None]
        wild = rng.random(NUM_KEYPOINTS) < 0.01
        noise[wild] += rng.normal(0, 0.2 * size, (wild.sum(), 2))
        scores = np.where(
            person.hidden,
            rng.uniform(0.1, 0.45, NUM_KEYPOINTS),
            rng.uniform(0.55, 0.95, NUM_KEYPOINTS),
        )
        crop = np.random.default_rng(
            np.abs(np.round(box)).astype(np.uint32).tolist()
        )
        noise += crop.normal(0, 0.003 * size, noise.shape)
        return person.points + noise, scores


def boxes_width(boxes) -> int:
    return len(boxes[0]) if len(boxes) else 4


def iou(a, b) -> float:
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    common = np.prod(np.maximum(sides, 0))
    areas = np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2])
    return float(common / max(areas - common, 1e-9))


def gait_cycle(rng) -> np.ndarray:
    """(PHASES, K, 3) metres: a person walking towards -y, feet near z = 0."""
    person = body.make_body(body.sample_shape(rng)[0])
    style = dict(lean=rng.uniform(-2, 4), arms=rng.uniform(0.6, 1.3), spine=0)
    cycle = []
    for phase in range(PHASES):
        local = local_rotations(person, gait(phase / PHASES, 1.0, style))
        points = body.posed_keypoints(person, local)
        points[:, 2] -= points[:, 2].min()
        cycle.append(points)
    return np.array(cycle)


def build(
    name: str,
    actors: Sequence[Actor],
    seconds: float,
    fps: float = 30.0,
    pan: Callable[[float], float] = lambda t: 0.0,
    pillars: Sequence[Tuple[float, float, float]] = (),
    misses: float = 0.03,
    doubles: float = 0.03,
    inventions: float = 0.01,
    seed: int = 0,
) -> Clip:
    """Film the actors.

    Args:
        pan: degrees that the camera is turned to the right at a time.
        pillars: (left, right, distance) in metres, hiding what is behind.
        misses, doubles: share of people.
        inventions: share of frames with a box where nobody is.
    """
    rng = np.random.default_rng(seed)
    for actor in actors:
        actor.cycle = gait_cycle(rng)
    clip = Clip(name, fps, seed=seed)
    walked = np.zeros(len(actors))
    away = [True] * len(actors)
    identities = [0] * len(actors)
    last = 0
    for frame in range(int(seconds * fps)):
        t = frame / fps
        camera = Camera(
            AHEAD @ turn('x', 4.0) @ turn('z', pan(t)),
            np.array([0.0, 0.0, CAMERA_HEIGHT]),
            FOCAL,
            SIZE,
        )
        people = []
        for i, actor in enumerate(actors):
            place = actor.path(t)
            if place is None:
                away[i] = True
                continue
            if away[i]:
                last += 1
                identities[i], away[i] = last, False
            person, step = _film(actor, walked[i], t, 1 / fps, camera)
            walked[i] += step
            person.identity = identities[i]
            people.append(person)
        _hide(people, pillars, camera)
        clip.frames.append(people)
        clip.detections.append(
            _detect(rng, people, misses, doubles, inventions)
        )
    return clip


def _film(actor, walked, t, dt, camera):
    x, z = actor.path(t)
    ahead = actor.path(t + dt)
    velocity = np.subtract(ahead, (x, z)) if ahead is not None else (0, 1e-3)
    phase = walked / STRIDE * PHASES
    low, part = int(phase) % PHASES, phase % 1
    points = (1 - part) * actor.cycle[low] + part * actor.cycle[
        (low + 1) % PHASES
    ]
    heading = np.degrees(np.arctan2(velocity[0], -velocity[1]))
    points = points @ turn('z', heading).T + [x, z, 0.0]
    *pixels, depth = camera.project(points).astype(float).T
    pixels = np.stack(pixels, 1)
    low, high = pixels.min(0), pixels.max(0)
    pad = 0.06 * (high - low)
    box = np.concatenate([low - pad, high + pad])
    box = np.clip(box, 0, np.tile(SIZE, 2))
    outside = ((pixels < 0) | (pixels > SIZE)).any(axis=1)
    person = Seen(0, pixels, outside, box, float(depth.mean()))
    return person, float(np.hypot(*velocity))


def _hide(people, pillars, camera) -> None:
    for person in people:
        for other in people:
            if other.depth < person.depth:
                low, high = other.box[:2], other.box[2:]
                inset = [0.2 * (high - low)[0], 0.04 * (high - low)[1]]
                person.hidden |= (
                    (person.points > low + inset)
                    & (person.points < high - inset)
                ).all(axis=1)
        for left, right, distance in pillars:
            if distance < person.depth:
                ends = [[left, distance, 1.0], [right, distance, 1.0]]
                edges = camera.project(np.array(ends))[:, 0]
                person.hidden |= (person.points[:, 0] > edges[0]) & (
                    person.points[:, 0] < edges[1]
                )


def _detect(rng, people, misses, doubles, inventions):
    boxes, scores = [], []

    def add(person, jitter, score):
        size = np.tile(person.box[2:] - person.box[:2], 2)
        boxes.append(person.box + rng.normal(0, jitter, 4) * size)
        scores.append(score)

    for person in people:
        # One draw for each, so that settings do not shift the others.
        missed, doubled = rng.random(2)
        score = 0.92 - 0.7 * person.hidden.mean() + rng.normal(0, 0.03)
        if missed < misses or not person.visible:
            continue
        add(person, 0.015, float(np.clip(score, 0.1, 0.99)))
        if doubled < doubles:
            add(person, 0.08, float(rng.uniform(0.35, 0.75)))
    if rng.random() < inventions:
        corner = rng.uniform(0, (SIZE[0] - 120, SIZE[1] - 300))
        boxes.append(np.concatenate([corner, corner + (100, 260)]))
        scores.append(float(rng.uniform(0.3, 0.6)))
    order = rng.permutation(len(boxes))
    return (
        np.array(boxes).reshape(-1, 4)[order],
        np.array(scores).reshape(-1)[order],
    )
