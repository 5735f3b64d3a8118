"""What a camera adds: light, colour cast, blur and noise."""

from functools import lru_cache

import cv2
import numpy as np


@lru_cache(maxsize=1)
def _noise():
    # Drawing fresh noise for every image would take longer than its drawing.
    rng = np.random.default_rng(20250411)
    return rng.normal(0, 1, (1024, 1024, 3)).astype(np.float32)


def add_effects(rng, image):
    """(H, W, 3) uint8 to the same, mildly altered; geometry stays."""
    height, width = image.shape[:2]
    if rng.random() < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.1))
    gain = rng.uniform(0.75, 1.2) * (1 + rng.normal(0, 0.04, 3))
    table = np.arange(256)[:, None] * gain + rng.normal(0, 8)
    table = table.clip(0, 255).round().astype(np.uint8)
    image = cv2.LUT(image, table[None])
    strength = rng.uniform(0, 7)
    noise = _noise()
    y = int(rng.integers(0, max(noise.shape[0] - height, 0) + 1))
    x = int(rng.integers(0, max(noise.shape[1] - width, 0) + 1))
    patch = noise[y : y + height, x : x + width]
    if patch.shape[:2] != (height, width):  # larger than the stored noise
        patch = cv2.resize(patch, (width, height))
    return (
        cv2.addWeighted(image.astype(np.float32), 1, patch, strength, 0)
        .clip(0, 255)
        .round()
        .astype(np.uint8)
    )
