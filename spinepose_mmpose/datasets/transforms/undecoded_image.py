"""An image that is read when it is known which part is wanted, and how big."""

import math
from typing import Callable, Optional, Sequence, Tuple

import cv2
import numpy as np

from .jpeg_decoding import SCALES, decode_jpeg
from .jpeg_header import JpegHeader

# The key of a sample's results that holds its image.
UNDECODED = 'undecoded_image'
# Stands for the image in results['img']: MMPose's transforms treat a list as
# several images, and flipping this one tells how the image is to be flipped.
STAND_IN = np.array([[0, 1], [2, 3]], np.uint8)
# OpenCV's, of (horizontal, vertical).
FLIP_CODES = {(True, False): 1, (False, True): 0, (True, True): -1}


class UndecodedImage:
    """A JPEG in memory, and how to take a crop of it.

    Args:
        content: The file.
        header: Of the file.
        refuse: Called with a sample's results and the error where the file
            proves to be no image; what the transform returns then.
        cache: An :class:`ImageCache`, or None.
        path: Of the file, which the cache goes by.
    """

    def __init__(
        self,
        content: bytes,
        header: JpegHeader,
        refuse: Callable[[dict, Exception], Optional[dict]],
        cache=None,
        path: str = '',
    ) -> None:
        self.content = content
        self.header = header
        self.refuse = refuse
        self.cache = cache
        self.path = path

    def crop(
        self, matrix: np.ndarray, size: Tuple[int, int], stand_in: np.ndarray
    ) -> np.ndarray:
        """What ``cv2.warpAffine`` makes of the (flipped) image, from an image
        that is decoded no larger than needed.

        Args:
            matrix: 2x3, from [x, y] of the flipped image to the crop's.
            size: [w, h] of the crop.
            stand_in: :data:`STAND_IN`, flipped like the image.

        Returns:
            The crop, (h, w, 3) uint8, BGR. The pixels are those of the whole
            image where it is not shrunk to a half or less.

        Raises:
            ValueError: when the file is no image that OpenCV can read.
        """
        scale = reduction(matrix)
        first = int(stand_in[0, 0])
        horizontal, vertical = bool(first & 1), bool(first & 2)
        rows = None if vertical else lowest_row(matrix, size)
        image = self._decode(scale, rows)
        if scale > 1:
            matrix = matrix @ flipping(
                self.header.width, self.header.height, horizontal, vertical
            )
            matrix = matrix @ enlarging(scale)
        elif horizontal or vertical:
            # Folded into the matrix it would change how OpenCV rounds.
            image = cv2.flip(image, FLIP_CODES[horizontal, vertical])
        return cv2.warpAffine(image, matrix[:2], size, flags=cv2.INTER_LINEAR)

    def _decode(self, scale: int, rows: Optional[int]) -> np.ndarray:
        if self.cache is None:
            return decode_jpeg(self.content, self.header, scale, rows)
        key = self.cache.key(self.path, self.content, scale)
        image = self.cache.load(key)
        if image is None:
            image = decode_jpeg(self.content, self.header, scale)
            self.cache.store(key, image)
        return image


def reduction(matrix: np.ndarray) -> int:
    """The largest of 1, 2, 4, 8 by which the image may be shrunk so that no
    axis of the crop has to be enlarged afterwards."""
    shrink = 1 / np.linalg.norm(matrix[:2, :2], 2)
    # Boxes that are shrunk to exactly a half are, but for rounding.
    return max((s for s in SCALES if s <= shrink * (1 + 1e-6)), default=1)


def lowest_row(matrix: np.ndarray, size: Sequence[int]) -> int:
    """Number of the last image row, counted from the top, that a crop needs.

    Args:
        matrix: As for :meth:`UndecodedImage.crop`.
        size: [w, h] of the crop.
    """
    w, h = size
    corners = np.array(
        [[-1, w, -1, w], [-1, -1, h, h], [1, 1, 1, 1]], np.float64
    )
    rows = cv2.invertAffineTransform(matrix)[1] @ corners
    return math.ceil(rows.max()) + 1


def flipping(
    width: int, height: int, horizontal: bool, vertical: bool
) -> np.ndarray:
    """3x3, from an image's [x, y] to those of the flipped one."""
    matrix = np.eye(3)
    if horizontal:
        matrix[0] = -1, 0, width - 1
    if vertical:
        matrix[1] = 0, -1, height - 1
    return matrix


def enlarging(scale: int) -> np.ndarray:
    """3x3, from [x, y] of a reduced image to those of the whole one.

    A pixel of it stands for scale x scale pixels: their centre counts.
    """
    centre = (scale - 1) / 2
    return np.array([[scale, 0, centre], [0, scale, centre], [0, 0, 1]])
