"""A detector's view of an image: shrunk or enlarged, padded right and below."""

from typing import Tuple

import cv2
import numpy as np

PAD_VALUE = 114


def letterbox(
    image: np.ndarray, size: Tuple[int, int]
) -> Tuple[np.ndarray, np.ndarray]:
    """An image fitted into a frame, as RTMDet and YOLOX are tested.

    Args:
        image: (H, W, 3) uint8.
        size: (w, h) of the frame in pixels.

    Returns:
        tuple: (h, w, 3) uint8; (4,) float32 factors from the image to the
        frame for x, y, x, y, which differ a little by rounding.
    """
    height, width = image.shape[:2]
    factor = min(size[0] / width, size[1] / height)
    # A strip thinner than half a pixel still is one pixel.
    w = max(int(width * factor + 0.5), 1)
    h = max(int(height * factor + 0.5), 1)
    frame = np.full((size[1], size[0], 3), PAD_VALUE, np.uint8)
    frame[:h, :w] = cv2.resize(image, (w, h), interpolation=cv2.INTER_LINEAR)
    factors = np.float32([w / width, h / height] * 2)
    return frame, factors
