"""Decodes a JPEG no larger and no further down than needed."""

from typing import Optional

import cv2
import numpy as np

from .jpeg_header import JpegHeader, with_height

try:
    import simplejpeg
except ImportError:  # optional: a little faster, and stops at a row
    simplejpeg = None

# A JPEG's 8x8 blocks can be decoded as 8x8, 4x4, 2x2 or 1x1 pixels. The sizes
# between take longer than the whole: only these have vector instructions.
SCALES = (1, 2, 4, 8)
FLAGS = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
# Rows of two blocks: what a JPEG codes together, unless it is a rare one.
UNIT = 16


def decode_jpeg(
    content: bytes,
    header: JpegHeader,
    scale: int = 1,
    rows: Optional[int] = None,
) -> np.ndarray:
    """Decode to 1/scale of the size.

    Args:
        content: A JPEG.
        header: Of the same.
        scale: One of :data:`SCALES`.
        rows: Rows of the whole image that are needed, from the top; the
            result may end below them. All by default.

    Returns:
        (H, W, 3) uint8, BGR; H and W are rounded up.

    Raises:
        ValueError: when OpenCV cannot read it.
    """
    image = None
    if simplejpeg is not None:
        image = _decode_simplejpeg(content, header, scale, rows)
    if image is None:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), FLAGS[scale])
    if image is None:
        raise ValueError('it is no image that OpenCV can read')
    return image


def _decode_simplejpeg(
    content: bytes, header: JpegHeader, scale: int, rows: Optional[int]
) -> Optional[np.ndarray]:
    """None where it refuses."""
    height = header.height
    if rows is not None and header.one_scan:
        # One unit more: the colours of a row depend on those of the next.
        end = (max(rows, 0) // UNIT + 2) * UNIT
        if end < height:
            content, height = with_height(content, header, end), end
    try:
        return simplejpeg.decode_jpeg(
            content,
            'BGR',
            min_height=-(-height // scale),
            min_width=-(-header.width // scale),
            min_factor=scale,
            # OpenCV, too, takes what there is of a damaged file; and here
            # data is left over.
            strict=False,
        )
    except ValueError:
        return None
