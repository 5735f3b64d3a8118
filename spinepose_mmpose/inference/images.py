"""Any still image as (H, W, 3) uint8, BGR, upright.

OpenCV decodes what it does right and fast; CMYK, transparency and animation
go through Pillow. Transparent parts become white, as a viewer shows them, and
not the hidden colour that is stored there. Of 16 bits the upper eight are
kept. Of several pages or frames the first one counts.
"""

import io
import os

import cv2
import numpy as np

JPEG_START, JPEG_END = b'\xff\xd8', b'\xff\xd9'
# Start-of-frame markers: C0 to CF without C4, C8 and CC, which are no frames.
JPEG_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
START_OF_SCAN = 0xDA
PNG_START = b'\x89PNG\r\n\x1a\n'
TIFF_STARTS = (b'II*\x00', b'MM\x00*')


def read_image(path) -> np.ndarray:
    """(H, W, 3) uint8, BGR, EXIF orientation applied.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is empty, cut off or no image.
    """
    path = os.fspath(path)
    if os.path.isdir(path):
        raise ValueError(f'{path} is a folder, an image file expected')
    if not os.path.exists(path):
        raise FileNotFoundError(f'no such image: {path}')
    with open(path, 'rb') as file:
        return decode_image(file.read(), path)


def decode_image(content: bytes, name: str = 'the image') -> np.ndarray:
    """(H, W, 3) uint8, BGR, from the bytes of a file.

    Args:
        content: the whole file.
        name: what an error calls it.

    Raises:
        ValueError: it is empty, cut off or no image.
    """
    if not content:
        raise ValueError(f'{name} is empty')
    if content.startswith(JPEG_START):
        components, whole = _scan_jpeg(content)
        if not whole:
            raise ValueError(
                f'{name} is cut off: the JPEG ends before its end marker'
            )
        by_opencv = components != 4
    elif content.startswith(PNG_START):
        if b'IEND' not in content:
            raise ValueError(
                f'{name} is cut off: the PNG ends before its end marker'
            )
        by_opencv = not _png_alpha(content)
    elif content.startswith(TIFF_STARTS):
        by_opencv = _is_plain_tiff(content, name)
    else:
        by_opencv = False
    if by_opencv:
        image = _by_opencv(content, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
        if image is not None:
            return as_image(image)
    return _by_pillow(content, name)


def as_image(array) -> np.ndarray:
    """An array as (H, W, 3) uint8, BGR; one that is so already is not copied.

    Args:
        array: (H, W), (H, W, 1), (H, W, 3) BGR or (H, W, 4) BGRA, uint8 or
            uint16, as cv2.imread gives it.

    Raises:
        ValueError: it is none of these.
    """
    array = np.asarray(array)
    is_image = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in _INTO)
    if not is_image or array.dtype not in (np.uint8, np.uint16):
        raise ValueError(
            f'an image is an array (H, W, 3) of uint8 in the order blue, '
            f'green, red (as cv2.imread gives it), or a grey one (H, W), but '
            f'this one is {array.shape} of {array.dtype}'
        )
    if array.size == 0:
        raise ValueError(f'the image has no pixels: its shape is {array.shape}')
    if array.dtype == np.uint16:
        array = (array >> 8).astype(np.uint8)
    if array.ndim == 2:
        array = array[..., None]
    return _INTO[array.shape[2]](array)


def _on_white(bgra: np.ndarray) -> np.ndarray:
    alpha = bgra[..., 3:].astype(np.uint16)
    mixed = bgra[..., :3] * alpha + 255 * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)


_INTO = {
    1: lambda grey: np.repeat(grey, 3, axis=2),
    3: lambda bgr: bgr,
    4: _on_white,
}


def _scan_jpeg(content: bytes) -> tuple:
    """(number of colour components, whether the end marker is there).

    Segments are skipped by their length: a thumbnail in one of them has
    markers of its own. Bytes after the end are allowed, cameras append some.
    """
    components, at = 0, len(JPEG_START)
    while content[at : at + 1] == b'\xff' and at + 4 <= len(content):
        marker = content[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker in JPEG_FRAMES and at + 9 < len(content):
            components = content[at + 9]
        if marker == START_OF_SCAN:
            break
        at += 2 + int.from_bytes(content[at + 2 : at + 4], 'big')
    return components, content.find(JPEG_END, at) >= 0


def _png_alpha(content: bytes) -> bool:
    """Whether a PNG has an alpha channel or a transparent colour."""
    colour_type = content[25] if len(content) > 25 else 0
    header = content[: max(content.find(b'IDAT'), 0)]
    return colour_type in (4, 6) or b'tRNS' in header


def _is_plain_tiff(content: bytes, name: str) -> bool:
    """Whether a TIFF has grey or three colours of 8 or 16 bits."""
    raw = _by_opencv(content, cv2.IMREAD_UNCHANGED)
    if raw is None:
        return False
    if raw.dtype not in (np.uint8, np.uint16):
        raise _unknown_range(name, raw.dtype)
    return raw.ndim == 2 or raw.shape[2] == 3


def _unknown_range(name: str, kind) -> ValueError:
    return ValueError(
        f'{name} has {kind} pixels, whose range is unknown: save it with 8 or '
        '16 bits a channel'
    )


def _by_opencv(content: bytes, flags: int):
    """The image, or None; without what OpenCV writes to stderr then."""
    log = cv2.utils.logging
    level = log.setLogLevel(log.LOG_LEVEL_SILENT)
    try:
        return cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error:  # more pixels than OpenCV allows
        return None
    finally:
        log.setLogLevel(level)


def _by_pillow(content: bytes, name: str) -> np.ndarray:
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise ValueError(
            f'{name} needs Pillow to be read: pip install pillow'
        ) from error
    try:
        with Image.open(io.BytesIO(content)) as image:
            image = ImageOps.exif_transpose(image)
            has_alpha = 'A' in image.mode or 'transparency' in image.info
            if image.mode in ('I', 'F'):
                mode = image.mode
            elif image.mode.startswith('I;16'):
                return as_image(np.asarray(image).astype(np.uint16))
            else:
                mode = 'RGBA' if has_alpha else 'RGB'
            pixels = np.asarray(image.convert(mode))
    except Exception as error:  # decoders raise all kinds of errors
        reason = str(error)
        if 'cannot identify' in reason:
            reason = 'not a format that OpenCV or Pillow reads'
        raise ValueError(f'{name} is no usable image: {reason}') from error
    if mode in ('I', 'F'):
        raise _unknown_range(name, pixels.dtype)
    code = cv2.COLOR_RGBA2BGRA if has_alpha else cv2.COLOR_RGB2BGR
    return as_image(cv2.cvtColor(pixels, code))
