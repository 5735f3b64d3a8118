"""Small clips of a white block that moves to the right, one pixel a frame,
and an estimator that finds it."""

from fractions import Fraction
from types import SimpleNamespace

from spinepose_mmpose.inference.results import Person
from spinepose_mmpose.inference.video_writer import VideoWriter
from spinepose_mmpose.metainfo import KEYPOINT_NAMES

import numpy as np

SIZE = (64, 48)
RATE = Fraction(30000, 1001)
BOX = (8, 30)  # y of the block


def block_image(position: int, size=SIZE) -> np.ndarray:
    image = np.zeros((size[1], size[0], 3), np.uint8)
    image[BOX[0] : BOX[1], position % 48 : position % 48 + 12] = 255
    return image


def block_position(image: np.ndarray) -> int:
    """Where the block is, read back from a decoded frame."""
    return int(np.flatnonzero(image[20, :, 0] > 128)[0])


def make_clip(
    path, frames=30, size=SIZE, rate=RATE, times=None, time_base=None
) -> str:
    """Write a clip; without times those of the constant rate."""
    writer = VideoWriter(str(path), size, rate, time_base or 1 / rate)
    for i in range(frames):
        time = float(i / rate) if times is None else times[i]
        writer.write(block_image(i, size), time)
    writer.close()
    return str(path)


class BlockEstimator:
    """37 points on the diagonal of the block; exact and quick."""

    names = KEYPOINT_NAMES
    model_name, licence = 'blocks', 'none'
    files = SimpleNamespace(path=None)

    def __init__(self, *_, detector='auto', **__):
        self.detector = detector
        self.detected, self.batches = 0, []

    def detect(self, image):
        self.detected += 1
        columns = np.flatnonzero(image[20, :, 0] > 128)
        if not len(columns):
            return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
        box = [columns[0], BOX[0], columns[-1] + 1, BOX[1]]
        return np.float32([box]), np.float32([0.9])

    def predict_batch(self, images, boxes, scores):
        self.batches.append(sum(len(of_image) for of_image in boxes))
        return [
            tuple(
                self._person(image, box, score)
                for box, score in zip(of_image, confidence)
            )
            for image, of_image, confidence in zip(images, boxes, scores)
        ]

    @staticmethod
    def _person(image, box, score):
        columns = np.flatnonzero(image[20, :, 0] > 128)
        left = float(columns[0]) if len(columns) else 0.0
        t = np.linspace(0, 1, len(KEYPOINT_NAMES))
        points = np.stack(
            [left + 11 * t, BOX[0] + (BOX[1] - BOX[0]) * t], axis=1
        )
        return Person(
            points.astype(np.float32),
            np.full(len(t), 0.8, np.float32),
            np.float32(box),
            float(score),
        )
