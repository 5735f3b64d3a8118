"""MMPose's augmentations with less work for the same result."""

from typing import Optional, Tuple

import cv2
import mmcv
import numpy as np
from mmpose.datasets.transforms import (
    PhotometricDistortion,
    RandomBBoxTransform,
    RandomFlip,
)
from mmpose.registry import TRANSFORMS
from scipy.special import ndtr, ndtri

LEVELS = np.arange(256, dtype=np.uint8)


@TRANSFORMS.register_module()
class FastRandomFlip(RandomFlip):
    """MMPose's, with its random numbers, without building arrays of choices
    for each sample."""

    def _choose_direction(self) -> Optional[str]:
        if isinstance(self.direction, list) or isinstance(self.prob, list):
            return super()._choose_direction()
        flips = np.random.random_sample() < self.prob
        return self.direction if flips else None


@TRANSFORMS.register_module()
class FastRandomBBoxTransform(RandomBBoxTransform):
    """MMPose's, with its random numbers, without building a distribution
    object for each sample."""

    @staticmethod
    def _truncnorm(
        low: float = -1.0, high: float = 1.0, size: Tuple[int, ...] = ()
    ) -> np.ndarray:
        """Standard normal between low and high, by the inverse of its
        distribution function."""
        uniform = np.random.uniform(size=size)
        start, end = ndtr(low), ndtr(high)
        return ndtri(start + uniform * (end - start)).astype(np.float32)


@TRANSFORMS.register_module()
class FastPhotometricDistortion(PhotometricDistortion):
    """MMPose's, with its random numbers and its pixels.

    What maps each level to another is done to the 256 levels instead of the
    pixels, and the table applied.
    """

    def transform(self, results: dict) -> dict:
        (
            contrast_mode,
            brightness,
            contrast,
            hsv_mode,
            swap,
            beta,
            alpha,
            saturation,
            hue,
            order,
        ) = self._random_flags()
        # As MMPose does it: contrast is applied twice or not at all.
        contrast = contrast and contrast_mode
        img = results['img']
        table = LEVELS
        if brightness:
            table = self._convert(table, beta=beta)
        if contrast:
            table = self._convert(table, alpha=alpha)
        if table is not LEVELS:
            img = cv2.LUT(img, table)
        if hsv_mode:
            tables = np.stack([LEVELS] * 3, axis=-1)
            if hsv_mode in (1, 3):
                tables[:, 1] = self._convert(LEVELS, alpha=saturation)
            if hsv_mode in (2, 3):
                tables[:, 0] = LEVELS.astype(int) + hue
            img = cv2.LUT(mmcv.bgr2hsv(img), tables[None])
            img = mmcv.hsv2bgr(img)
        if contrast:
            img = cv2.LUT(img, self._convert(LEVELS, alpha=alpha))
        if swap:
            img = cv2.merge([cv2.extractChannel(img, i) for i in order])
        results['img'] = img
        return results
