"""Made-up people for the tests of time and pictures."""

import sys
from pathlib import Path

from spinepose_mmpose.inference.results import FrameResult, Person
from spinepose_mmpose.metainfo import (
    KEYPOINT_IDS,
    KEYPOINT_NAMES,
    SPINE_CHAIN,
)

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / 'benchmarks'))

FPS = 30.0
CHAIN = [KEYPOINT_IDS[name] for name in SPINE_CHAIN]


def figure(seed=0, height=200.0):
    """(37, 2) pixels: a fixed pose about (0, 0), ``height`` tall."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(-0.5, 0.5, (37, 2)) * (0.4, 1.0)
    points[CHAIN] = s_curve()
    return points * height


def s_curve():
    """(9, 2) of a spine seen from the side, 0.5 long, both curves bent."""
    y = np.linspace(-0.3, 0.2, 9)
    return np.stack([0.04 * np.sin((y + 0.3) / 0.5 * 2 * np.pi), y], axis=1)


def person(points, score=0.9, scores=0.9, track_id=None, box=None):
    points = np.asarray(points, np.float32)
    if box is None:
        box = np.concatenate([points.min(0), points.max(0)])
    return Person(
        points,
        np.broadcast_to(np.float32(scores), (len(points),)).copy(),
        np.asarray(box, np.float32),
        score,
        track_id,
        KEYPOINT_NAMES[: len(points)],
    )


def turns(chain):
    """(..., 7) signed angles in degrees between the segments of (..., 9, 2)."""
    d = np.diff(chain, axis=-2)
    a, b = d[..., :-1, :], d[..., 1:, :]
    cross = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return np.degrees(np.arctan2(cross, (a * b).sum(-1)))


def frames_of(points, times, **kwargs):
    """(T, 37, 2) of one person as frames; kwargs of person()."""
    kwargs.setdefault('track_id', 1)
    return [
        FrameResult((person(p, **kwargs),), i, float(t), (640, 480))
        for i, (p, t) in enumerate(zip(points, times))
    ]


def points_of(frames):
    return np.stack([frame.people[0].keypoints for frame in frames])


def roughness(points):
    """Of (T, ...): root mean square of the second difference over time."""
    return np.sqrt((np.diff(points, 2, axis=0) ** 2).mean())


def bending(seconds=6.0, fps=FPS):
    """(T, 37, 2): somebody walks by and sways; 200 pixels tall."""
    t = np.arange(int(seconds * fps)) / fps
    pose = figure(0, 200.0)
    points = np.repeat(pose[None], len(t), 0)
    points[..., 0] += 80 * t[:, None]
    sway = np.sin(2 * np.pi * 0.5 * t)[:, None]
    points[..., 0] += 6 * sway * (pose[:, 1] / 100) ** 2
    return points, t
