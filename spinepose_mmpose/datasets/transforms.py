"""MMPose's transforms with less work for the same result."""

from typing import Optional, Tuple

import cv2
import mmcv
import numpy as np
from mmpose.codecs import SimCCLabel
from mmpose.datasets.transforms import (
    GenerateTarget,
    PhotometricDistortion,
    RandomBBoxTransform,
    RandomFlip,
    TopdownAffine,
)
from mmpose.registry import TRANSFORMS
from mmpose.structures.bbox import get_udp_warp_matrix, get_warp_matrix
from numpy.lib.stride_tricks import sliding_window_view
from scipy.special import ndtr, ndtri

from .loading import UNDECODED

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
        contrast_mode, brightness, contrast, *others = self._random_flags()
        hsv_mode, swap, beta, alpha, saturation, hue, order = others
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


@TRANSFORMS.register_module()
class FastGenerateTarget(GenerateTarget):
    """MMPose's, with SimCC's labels looked up instead of computed.

    The labels are bit for bit MMPose's. Other codecs are MMPose's own.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if (
            type(self.encoder) is SimCCLabel
            and self.encoder.smoothing_type == 'gaussian'
        ):
            settings = {
                k: v for k, v in self.encoder_cfg.items() if k != 'type'
            }
            self.encoder = SimCCTables(**settings)


class SimCCTables(SimCCLabel):
    """``SimCCLabel`` with Gaussian labels out of a table.

    Keypoints are rounded to bins, so that a label is a stretch of one and the
    same curve: a row of a sliding window.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        # Bins on each axis, as the parent counts them.
        self._bins = [
            int(np.around(side * self.simcc_split_ratio))
            for side in self.input_size
        ]
        self._tables = [
            _windows(bins, sigma, self.normalize)
            for bins, sigma in zip(self._bins, self.sigma)
        ]

    def _generate_gaussian(
        self, keypoints: np.ndarray, keypoints_visible: np.ndarray = None
    ) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Labels (N, K, Wx) and (N, K, Wy), and weights (N, K)."""
        mu, weights = self._map_coordinates(keypoints, keypoints_visible)
        radius = self.sigma * 3
        inside = (mu - radius < self._bins) & (mu + radius + 1 >= 0)
        inside = inside.all(axis=-1)  # N, K
        labelled = keypoints_visible >= 0.5
        weights[labelled & ~inside] = 0
        shown = labelled & inside
        labels = []
        for axis, (centre, windows) in enumerate(self._tables):
            start = np.where(shown, centre - mu[..., axis], 0)
            label = windows[start]  # N, K, W
            label[~shown] = 0
            labels.append(label)
        return labels[0], labels[1], weights


def _windows(
    bins: int, sigma: float, normalize: bool
) -> Tuple[int, np.ndarray]:
    """The Gaussian's curve seen from every centre that reaches one of W bins:
    the number of the row for centre 0, and (rows, W) float32, of which row
    ``number - mu`` is the label of centre mu."""
    margin = int(np.ceil(3 * sigma)) + 1
    first = bins + margin
    # The parent's dtypes, so that the values are its own.
    distance = np.arange(-first, bins + margin + 1, dtype=np.float32)
    curve = np.exp(-((distance - np.int64(0)) ** 2) / (2 * sigma**2))
    curve = curve.astype(np.float32)
    if normalize:
        curve /= sigma * np.sqrt(np.pi * 2)
    return first, sliding_window_view(curve, bins)


@TRANSFORMS.register_module()
class FastTopdownAffine(TopdownAffine):
    """MMPose's, which also takes images that ``LoadPoseImage(lazy=True)`` has
    left undecoded.

    They are decoded at 1/2, 1/4 or 1/8 of their size where the crop is
    smaller still, which smooths the crop where MMPose's aliases. Keypoints
    are exactly MMPose's.
    """

    def transform(self, results: dict) -> Optional[dict]:
        undecoded = results.pop(UNDECODED, None)
        if undecoded is None:
            if isinstance(results['img'], np.ndarray):
                results['img'] = _laid_out(results['img'])
            return super().transform(results)
        (stand_in,) = results['img']
        # Without an image: box and keypoints alone.
        results['img'] = []
        results = super().transform(results)
        warp = get_udp_warp_matrix if self.use_udp else get_warp_matrix
        size = tuple(int(side) for side in self.input_size)
        matrix = warp(
            results['input_center'],
            results['input_scale'],
            results['bbox_rotation'][0] if 'bbox_rotation' in results else 0.0,
            output_size=size,
        )
        try:
            results['img'] = undecoded.crop(matrix, size, stand_in)
        except ValueError as error:
            return undecoded.refuse(results, error)
        return results


def _laid_out(img: np.ndarray) -> np.ndarray:
    """The same pixels without a mirrored view.

    ``RandomFlip`` makes one; NumPy takes ten times as long as OpenCV to copy
    it, which the warp would have to.
    """
    mirrored = img.ndim > 1 and img.strides[0] > 0 > img.strides[1]
    return cv2.flip(img[:, ::-1], 1) if mirrored else img
