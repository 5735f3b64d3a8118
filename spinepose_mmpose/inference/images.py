"""Any still image as (H, W, 3) uint8, BGR, upright.

Pillow tells what a file is and decodes most kinds; JPEG goes through
simplejpeg, which gives OpenCV's pixels and says what is damaged, and 16 bits
per channel through OpenCV. Transparent parts become white, as a viewer shows
them, and not the hidden colour that is stored there. Of several pages or
frames the first one is used; the large image of an MPO file is its first one.
"""

import io
import logging
import os
import struct
import warnings
from typing import Tuple

import cv2
import numpy as np
import simplejpeg
from PIL import Image, JpegImagePlugin, UnidentifiedImageError

from ..utils import one_line, replaced

logger = logging.getLogger(__name__)

# Without GIF, which is a clip.
EXTENSIONS = frozenset(
    '.avif .bmp .dib .heic .heif .jfif .jp2 .jpe .jpeg .jpg .mpo .pbm .pgm '
    '.png .pnm .ppm .tif .tiff .webp'.split()
)
JPEG_START = b'\xff\xd8'
# Brands of the container that HEIC and AVIF share with MP4.
HEIF_BRANDS = {b'heic', b'heix', b'heim', b'heis', b'mif1', b'msf1', b'avif'}
ORIENTATION = 0x0112  # of EXIF
LARGEST_SIDE = 32766  # OpenCV cuts crops out of no larger image


def is_image(path) -> bool:
    """Whether a file is a still image, by the end of its name."""
    return os.path.splitext(os.fspath(path))[1].lower() in EXTENSIONS


def read_image(path) -> np.ndarray:
    """The image in a file; what is remarkable about it is logged.

    Args:
        path (str | Path): any image that Pillow reads, or HEIC where
            pillow-heif is installed.

    Returns:
        np.ndarray: (H, W, 3) uint8, BGR, EXIF orientation applied.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is empty, cut off or no image.
    """
    image, remark = load_image(path)
    if remark:
        logger.warning(remark)
    return image


def load_image(path) -> Tuple[np.ndarray, str]:
    """As :func:`read_image`, with the remark instead of a log entry: one
    sentence on what is damaged, left out or guessed, '' if nothing is."""
    path = os.fspath(path)
    if os.path.isdir(path):
        raise ValueError(f'{path} is a folder, an image file expected')
    if not os.path.exists(path):
        raise FileNotFoundError(f'no such image: {path}')
    with open(path, 'rb') as file:
        return decode_image(file.read(), path)


def decode_image(content: bytes, name: str) -> Tuple[np.ndarray, str]:
    """As :func:`load_image`, from the content of a whole file; ``name`` is what
    errors and remarks call it."""
    if not content:
        raise ValueError(f'{name} is empty')
    try:
        with _open(content, name) as image:
            is_deep = ';16' in str(image.tile)  # before anything is loaded
            turn = _orientation(image)
            if image.format == 'JPEG' and image.mode in ('L', 'RGB'):
                pixels, remark = _decode_jpeg(content, image, name)
            elif is_deep:  # of which Pillow keeps 8 bits
                image.load()  # Pillow says what is cut off, OpenCV does not
                code = np.frombuffer(content, np.uint8)
                pixels = cv2.imdecode(code, cv2.IMREAD_UNCHANGED)
                if pixels is None:
                    raise ValueError(
                        'OpenCV does not read this kind of 16 bits'
                    )
                pixels, remark = _reduce(pixels, name)
            else:
                pixels, remark = _pixels_of(image, name)
                turn = _orientation(image)  # a TIFF has been turned by now
            pages = getattr(image, 'n_frames', 1)
            if pages > 1:
                remark = (
                    remark or f'{name} contains {pages} images, one is used'
                )
            pixels = _upright(as_image(pixels), turn)
    except UnidentifiedImageError as error:
        raise ValueError(
            f'{name} is not a usable image: not a format that Pillow reads'
        ) from error
    except _Refused:
        raise
    except Exception as error:  # decoders raise all kinds of errors
        raise ValueError(
            f'{name} is not a usable image: {one_line(error)}'
        ) from error
    return pixels, remark


def write_image(path, image: np.ndarray) -> None:
    """Write an image (H, W, 3) uint8 BGR so that the file is complete or
    absent; OSError if it cannot be written."""
    # By imwrite no letters outside of ASCII may be in a path on Windows.
    path = os.fspath(path)
    done, content = cv2.imencode(os.path.splitext(path)[1].lower(), image)
    if not done:
        raise OSError(f'{path} cannot be encoded')
    with replaced(path) as temporary, open(temporary, 'wb') as file:
        file.write(content.tobytes())


def as_image(image) -> np.ndarray:
    """A file, an array or a Pillow image as (H, W, 3) uint8, BGR.

    Args:
        image (str | Path | np.ndarray | PIL.Image.Image): a file, see
            :func:`read_image`; an array (H, W), (H, W, 1), (H, W, 3) BGR or
            (H, W, 4) BGRA, as cv2.imread gives it, uint8, or uint16 with 10,
            12, 14 or 16 used bits; or a Pillow image of any mode, which is
            turned upright as its EXIF data says.

    Returns:
        np.ndarray: the image; an array of that kind itself, not a copy.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is none of these.
    """
    if isinstance(image, (str, os.PathLike)):
        return read_image(image)
    if isinstance(image, Image.Image):
        pixels, remark = _pixels_of(image, 'a Pillow image')
        if remark:
            warnings.warn(remark, stacklevel=2)
        return _upright(as_image(pixels), _orientation(image))
    array = np.asarray(image)
    channels = array.shape[2] if array.ndim == 3 else 1
    if (
        array.ndim not in (2, 3)
        or channels not in (1, 3, 4)
        or array.dtype not in (np.uint8, np.uint16)
    ):
        raise ValueError(
            'an image is an array (H, W, 3) of uint8 in the order blue, '
            'green, red (as cv2.imread gives it), a grey one (H, W), or a '
            f'Pillow image, but this one is {array.shape} of {array.dtype}'
        )
    if not 0 < array.size or max(array.shape[:2]) > LARGEST_SIDE:
        raise ValueError(
            f'an image has 1 to {LARGEST_SIDE} pixels per side, but the shape '
            f'of this one is {array.shape}'
        )
    if array.dtype == np.uint16:
        array, remark = _reduce(array, 'a uint16 image')
        if remark:
            warnings.warn(remark, stacklevel=2)  # once, not for every frame
    if channels == 4:
        alpha = array[..., 3:].astype(np.uint16)
        on_white = array[..., :3] * alpha + 255 * (255 - alpha)
        return ((on_white + 127) // 255).astype(np.uint8)
    if channels == 1:
        return np.repeat(array.reshape(*array.shape[:2], 1), 3, axis=2)
    return array


class _Refused(ValueError):
    """An error whose sentence is complete."""


def _open(content: bytes, name: str) -> Image.Image:
    """What Pillow makes of a file, before it decodes pixels."""
    file = io.BytesIO(content)
    if content.startswith(JPEG_START):
        # Image.open refuses the largest photographs.
        return JpegImagePlugin.JpegImageFile(file)
    try:
        return Image.open(file)
    except UnidentifiedImageError:
        if content[4:8] != b'ftyp' or content[8:12] not in HEIF_BRANDS:
            raise
    try:
        import pillow_heif
    except ImportError as error:
        raise _Refused(
            f'{name} is a HEIC or AVIF image, which needs pillow-heif (or for '
            'AVIF a newer Pillow): pip install pillow-heif'
        ) from error
    pillow_heif.register_heif_opener()
    return Image.open(file)


def _decode_jpeg(
    content: bytes, image: Image.Image, name: str
) -> Tuple[np.ndarray, str]:
    """The pixels, and what libjpeg says of those that are lost."""
    remark = ''
    for strict in (True, False):
        try:
            pixels = simplejpeg.decode_jpeg(content, 'BGR', strict=strict)
            return pixels, remark
        except ValueError as error:
            if str(error).startswith('Premature end'):
                raise _Refused(
                    f'{name} is cut off: the JPEG ends before its end marker'
                ) from error
            remark = f'{name} is damaged, parts of it may be wrong: {error}'
    return _pixels_of(image, name)


def _pixels_of(image: Image.Image, name: str) -> Tuple[np.ndarray, str]:
    """Of a Pillow image: (H, W), (H, W, 3) BGR or (H, W, 4) BGRA."""
    mode = image.mode
    if mode.startswith('I;16'):
        return _reduce(np.asarray(image).astype(np.uint16), name)
    if mode in ('I', 'F'):
        raise _Refused(
            f'{name} has {np.asarray(image).dtype} pixels, whose range is '
            'unknown: save it with 8 or 16 bits per channel'
        )
    if 'A' in mode or 'a' in mode or 'transparency' in image.info:
        pixels = np.asarray(image.convert('RGBA'))
        return cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA), ''
    pixels = np.asarray(image.convert('RGB'))
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), ''


def _reduce(array: np.ndarray, name: str) -> Tuple[np.ndarray, str]:
    """The upper 8 of the bits that are used, and which ones were guessed."""
    if array.dtype != np.uint16:
        return array, ''
    bits = next(b for b in (8, 10, 12, 14, 16) if array.max() < 1 << b)
    remark = ''
    if bits < 16:
        remark = (
            f'{name} has no value above {(1 << bits) - 1}: it is taken for '
            f'{bits} bits per channel, not 16'
        )
    return (array >> (bits - 8)).astype(np.uint8), remark


def _orientation(image: Image.Image) -> int:
    """Of EXIF, 1 to 8; 1 where the file says nothing that can be read."""
    try:
        return image.getexif().get(ORIENTATION, 1)
    except (SyntaxError, ValueError, KeyError, TypeError, struct.error):
        return 1


def _upright(array: np.ndarray, orientation: int) -> np.ndarray:
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return np.ascontiguousarray(array)
