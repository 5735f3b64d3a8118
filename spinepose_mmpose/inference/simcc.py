"""SimCC: a keypoint as two distributions, over columns and over rows.

SimCC (arXiv 2107.03332). The meaning is that of MMPose's ``SimCCLabel``
without DARK: the highest bin of each axis, divided by the split ratio.
"""

from typing import NamedTuple, Sequence

import numpy as np


class Simcc(NamedTuple):
    """What a network gives for B crops and K keypoints.

    Attributes:
        x: (B, K, Wx) float32, Wx = w * split ratio.
        y: (B, K, Wy) float32.
    """

    x: np.ndarray
    y: np.ndarray


class Points(NamedTuple):
    """Decoded keypoints, of a network that decodes by itself as well.

    Attributes:
        xy: (B, K, 2) float32, [x, y] in pixels of the input.
        scores: (B, K) float32, the smaller of the two maxima.
    """

    xy: np.ndarray
    scores: np.ndarray


def decode(simcc: Simcc, split_ratio: float) -> Points:
    """The highest bin of each axis, the first one where several are.

    A keypoint whose smaller maximum is not positive is nowhere: both bins are
    -1, as in MMPose.

    Args:
        simcc: x (B, K, Wx) and y (B, K, Wy).
        split_ratio: bins a pixel of the input.
    """
    bins = [axis.argmax(axis=-1) for axis in simcc]  # B, K
    scores = np.minimum(
        *(
            np.take_along_axis(axis, best[..., None], axis=-1)[..., 0]
            for axis, best in zip(simcc, bins)
        )
    )
    xy = np.stack(bins, axis=-1).astype(np.float32)  # B, K, 2
    xy[scores <= 0] = -1
    return Points(xy / np.float32(split_ratio), scores)


def merge_flipped(
    simcc: Simcc, flipped: Simcc, flip_indices: Sequence[int]
) -> Simcc:
    """The mean of the predictions for crops and for their mirror images.

    Args:
        simcc: of the crops.
        flipped: of the crops mirrored left to right.
        flip_indices: (K,) each keypoint's counterpart on the other side.
    """
    index = list(flip_indices)
    half = np.float32(0.5)
    return Simcc(
        (simcc.x + flipped.x[:, index, ::-1]) * half,
        (simcc.y + flipped.y[:, index]) * half,
    )
