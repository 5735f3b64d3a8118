"""From boxes to the network's input, and from its output to keypoints.

The same crops to the last bit as MMPose's ``GetBBoxCenterScale`` and
``TopdownAffine`` without rotation: a box is padded by 1.25, one side is
lengthened to the input's aspect ratio, and OpenCV samples it bilinearly; what
lies outside the image is black.

SimCC (arXiv 2107.03332) gives a keypoint as two distributions, over columns
and over rows. It is decoded as by MMPose's ``SimCCLabel`` without DARK: the
highest bin of each axis, divided by the split ratio.
"""

from typing import NamedTuple, Optional, Sequence, Tuple

import cv2
import numpy as np

PADDING = 1.25


class Simcc(NamedTuple):
    """What a network gives for B crops and K keypoints."""

    x: np.ndarray  # (B, K, Wx) float32, Wx = w * split ratio
    y: np.ndarray  # (B, K, Wy) float32


class Points(NamedTuple):
    """Decoded keypoints, of a network that decodes by itself as well."""

    xy: np.ndarray  # (B, K, 2) float32, [x, y] in pixels of the input
    scores: np.ndarray  # (B, K) float32, the smaller of the two maxima


class Regions(NamedTuple):
    """Where N people are looked for."""

    centers: np.ndarray  # (N, 2) float32, [x, y] in pixels of the image
    scales: np.ndarray  # (N, 2) float32, [w, h] in pixels of the image


def check_boxes(boxes, scores=None) -> Tuple[np.ndarray, np.ndarray]:
    """N rows [x1, y1, x2, y2] that somebody gave as (N, 4) float32, and their
    scores (N,), 1 if not given; ValueError for another shape, a value that is
    not finite, or a box without area."""
    try:
        boxes = np.asarray(boxes, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f'boxes are N rows of numbers x1, y1, x2, y2: {error}'
        ) from error
    if boxes.size == 0 and boxes.ndim <= 2:
        boxes = boxes.reshape(0, 4)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        hint = '; one box is [[x1, y1, x2, y2]]' if boxes.shape == (4,) else ''
        raise ValueError(
            f'boxes have shape {boxes.shape}, expected (N, 4): x1, y1, x2, y2 '
            f'in pixels{hint}'
        )
    finite = np.isfinite(boxes).all(axis=1)
    bad = ~finite | ~(boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        trouble = 'has no area' if finite[row] else 'is not finite'
        raise ValueError(
            f'box {row} {trouble}: {boxes[row].tolist()}, expected x1, y1, '
            'x2, y2 in pixels with x1 < x2 and y1 < y2'
        )
    if scores is None:
        return boxes, np.ones(len(boxes), np.float32)
    scores = np.asarray(scores, np.float32)
    if scores.shape != (len(boxes),):
        raise ValueError(
            f'{len(boxes)} boxes have scores of shape {scores.shape}, one per '
            'box expected'
        )
    return boxes, scores


def regions_of(
    boxes: np.ndarray, input_size: Tuple[int, int], padding: float = PADDING
) -> Regions:
    """The region of each box (N, 4) float32 [x1, y1, x2, y2], with the aspect
    ratio of the input (w, h); ``padding``: sizes of the box in its longer
    side."""
    w, h = input_size
    ratio = w / h
    centers = (boxes[:, :2] + boxes[:, 2:]) * 0.5
    scales = (boxes[:, 2:] - boxes[:, :2]) * padding
    wide = scales[:, 0] > scales[:, 1] * ratio
    scales[wide, 1] = scales[wide, 0] / ratio
    scales[~wide, 0] = scales[~wide, 1] * ratio
    return Regions(centers, scales)


def warp_matrix(
    center: np.ndarray, scale: np.ndarray, input_size: Tuple[int, int]
) -> np.ndarray:
    """(2, 3) float64, from pixels of the image to those of the input.

    Three points define it: the region's centre, the middle of its left side,
    and the one a quarter turn away. Rounded to float32 as in training.
    """
    w, h = input_size
    half = scale[0] * -0.5
    source = np.float32([center, [center[0] + half, center[1]], [0, 0]])
    target = np.float32([[w * 0.5, h * 0.5], [0, h * 0.5], [0, 0]])
    for points in (source, target):
        dx, dy = points[0] - points[1]
        points[2] = points[1] + (-dy, dx)
    return cv2.getAffineTransform(source, target)


def crop_people(
    image: np.ndarray,
    regions: Regions,
    input_size: Tuple[int, int],
    out: Optional[np.ndarray] = None,
) -> np.ndarray:
    """The network's view of each region of an image (H, W, 3) uint8: (N, h, w,
    3) uint8, in ``out`` if given."""
    w, h = input_size
    if out is None:
        out = np.empty((len(regions.centers), h, w, 3), np.uint8)
    for crop, center, scale in zip(out, *regions):
        matrix = warp_matrix(center, scale, input_size)
        cv2.warpAffine(image, matrix, (w, h), dst=crop, flags=cv2.INTER_LINEAR)
    return out


def to_image(
    points: np.ndarray, regions: Regions, input_size: Tuple[int, int]
) -> np.ndarray:
    """Points in pixels of the input, (N, K, 2), to pixels of the image."""
    scales = regions.scales[:, None]
    corners = regions.centers[:, None] - 0.5 * scales
    return (points / np.asarray(input_size) * scales + corners).astype(
        np.float32
    )


class Normalizer:
    """Crops (N, h, w, 3) uint8 BGR to (N, 3, h, w) float32, normalised with
    the mean and the deviation of the network's channels, red first or last.

    ``(value - mean) / std`` has 256 results per channel: each value is looked
    up and written to its place in one pass, without a float copy between.
    """

    def __init__(
        self, mean: Sequence[float], std: Sequence[float], to_rgb: bool = True
    ) -> None:
        values = np.arange(256, dtype=np.float32)
        self.tables = [
            ((values - np.float32(m)) / np.float32(s)).reshape(1, 256)
            for m, s in zip(mean, std)
        ]
        self.channels = (2, 1, 0) if to_rgb else (0, 1, 2)

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        n, h, w = crops.shape[:3]
        out = np.empty((n, 3, h, w), np.float32)
        plane = np.empty((h, w), np.uint8)
        for crop, planes in zip(crops, out):
            for channel, table, target in zip(
                self.channels, self.tables, planes
            ):
                cv2.extractChannel(crop, channel, dst=plane)
                cv2.LUT(plane, table, dst=target)
        return out


def decode(simcc: Simcc, split_ratio: float) -> Points:
    """The highest bin of each axis, the first one where several are.

    A keypoint whose smaller maximum is not positive is nowhere: both bins are
    -1, as in MMPose. ``split_ratio``: bins per pixel of the input.
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
    """The mean of the predictions for crops and for their mirror images, whose
    keypoints are each other's counterparts as ``flip_indices`` (K,) says."""
    index = list(flip_indices)
    half = np.float32(0.5)
    return Simcc(
        (simcc.x + flipped.x[:, index, ::-1]) * half,
        (simcc.y + flipped.y[:, index]) * half,
    )
