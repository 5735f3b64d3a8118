"""What finds people."""

from typing import Protocol, Tuple

import numpy as np


class Detector(Protocol):
    """Finds people in an image."""

    def __call__(self, image: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """People in an image, the surest first.

        Args:
            image: (H, W, 3) uint8, BGR.

        Returns:
            tuple: boxes (N, 4) float32, [x1, y1, x2, y2] in pixels of the
            image and within it; scores (N,) float32, 0 to 1.
        """
        ...


def no_people() -> Tuple[np.ndarray, np.ndarray]:
    """What a detector gives where nobody is."""
    return np.zeros((0, 4), np.float32), np.zeros((0,), np.float32)
