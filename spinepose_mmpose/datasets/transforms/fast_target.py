from copy import deepcopy
from typing import Tuple

import numpy as np
from mmpose.codecs import SimCCLabel
from mmpose.datasets.transforms import GenerateTarget
from mmpose.registry import TRANSFORMS
from numpy.lib.stride_tricks import sliding_window_view


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
            settings = deepcopy(dict(self.encoder_cfg))
            settings.pop('type')
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
        inside = ((mu - radius < self._bins) & (mu + radius + 1 >= 0)).all(
            -1
        )  # N, K
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
    """The Gaussian's curve seen from every centre that reaches a bin.

    Args:
        bins: On the axis, W.
        sigma: In bins.
        normalize: Whether the curve's integral is 1 instead of its peak.

    Returns:
        The number of the row for centre 0, and (rows, W) float32; row
        ``number - mu`` is the label of centre mu.
    """
    margin = int(np.ceil(3 * sigma)) + 1
    first = bins + margin
    # The parent's dtypes, so that the values are its own.
    distance = np.arange(-first, bins + margin + 1, dtype=np.float32)
    curve = np.exp(-((distance - np.int64(0)) ** 2) / (2 * sigma**2))
    curve = curve.astype(np.float32)
    if normalize:
        curve /= sigma * np.sqrt(np.pi * 2)
    return first, sliding_window_view(curve, bins)
