"""Images read when needed, at the size that is needed, with a cache."""

import hashlib
import logging
import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional, Sequence, Tuple

from spinepose_mmpose.utils import replaced

import cv2
import mmcv
import numpy as np
import simplejpeg
from mmengine.fileio import get
from mmengine.logging import print_log
from mmpose.datasets.transforms import LoadImage
from mmpose.registry import TRANSFORMS
from PIL import Image

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None

# What a key is made of: the start of the file, where cameras write the time.
HEAD = 4096


class ImageCache:
    """Decoded images in a folder, up to a size, for any number of processes.

    What is in stays in: every epoch wants every image once, so that replacing
    old ones by new ones would never serve a single hit. Nothing is unpickled.
    Delete the folder to empty the cache.

    Args:
        folder (str): Where; ``/dev/shm/...`` is shared memory. Made if absent.
        max_gib (float): The files take no more than this, over all
            processes.
    """

    def __init__(self, folder: str, max_gib: float) -> None:
        if not max_gib > 0:
            raise ValueError(f'max_gib is {max_gib}, expected more than 0')
        if fcntl is None:
            raise ValueError(
                'the cache needs file locks, which this system lacks: leave '
                'cache=None'
            )
        self.folder = Path(folder).expanduser()
        self.max_bytes = int(max_gib * 2**30)
        self.full = False
        self.folder.mkdir(parents=True, exist_ok=True)

    @staticmethod
    def key(path: str, content: bytes, scale: int) -> str:
        """Of a file, as it is now, decoded at 1/scale."""
        text = f'{path}\0{len(content)}\0{scale}\0'.encode()
        digest = hashlib.blake2b(text, digest_size=16)
        digest.update(content[:HEAD])
        digest.update(content[-HEAD:])
        return digest.hexdigest()

    def load(self, key: str) -> Optional[np.ndarray]:
        """The image, mapped into memory, or None."""
        try:
            image = np.load(self._path(key), mmap_mode='r', allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            return None
        return image

    def store(self, key: str, image: np.ndarray) -> None:
        """Keep it if there is room; a full disk is no error."""
        size = image.nbytes + 128  # the header of NumPy's format
        if self.full or not self._reserve(size):
            self.full = True
            return
        try:
            path = self._path(key)
            path.parent.mkdir(exist_ok=True)
            with replaced(str(path)) as temporary:
                np.save(temporary, image, allow_pickle=False)
                if path.exists():  # another process was faster
                    self._reserve(-size)
        except OSError:
            self.full = True
            self._reserve(-size)

    def _path(self, key: str) -> Path:
        # Folders of some hundred files each.
        return self.folder / key[:2] / f'{key[2:]}.npy'

    def _reserve(self, size: int) -> bool:
        """Enter a size into the ledger, unless that exceeds the limit."""
        ledger = self.folder / 'bytes_used'
        with open(ledger, 'a+') as file:
            # It blocks; a lock that polls costs as much as the image's work.
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            used = int(file.read() or 0)
            if used + size > self.max_bytes:
                return False
            file.truncate(0)
            file.write(str(max(used + size, 0)))
        return True


START, SCAN, END = b'\xff\xd8', b'\xff\xda', b'\xff\xd9'
# Frames that OpenCV decodes: baseline, extended sequential, progressive.
SEQUENTIAL, PROGRESSIVE = (b'\xff\xc0', b'\xff\xc1'), b'\xff\xc2'
EXIF = b'Exif\0\0'
ORIENTATION, UPRIGHT = 0x0112, 1


@dataclass(frozen=True)
class JpegHeader:
    """What a JPEG says of itself."""

    height: int
    width: int
    # Where the description of the frame is: 8 bits, two bytes of the height.
    # Negative for other than 8 bits.
    frame: int
    # Grey or YCbCr, not turned by EXIF: nothing that OpenCV treats in a way of
    # its own.
    is_plain: bool
    # All rows follow one another in a single sequential scan.
    one_scan: bool


def read_header(content: bytes) -> Optional[JpegHeader]:
    """None for what is no JPEG, or is cut off in its header."""
    try:
        size = simplejpeg.decode_jpeg_header(content, strict=False)
    except (ValueError, KeyError):  # KeyError: colours that it does not know
        return None
    height, width, colors, _ = size
    # A thumbnail of the same size would be taken for the frame: then more
    # rows are decoded than are needed, and that is all.
    size = height.to_bytes(2, 'big') + width.to_bytes(2, 'big')
    frame = content.find(b'\x08' + size)
    marker = content[frame - 4 : frame - 2]
    scan = content.find(SCAN, frame)
    is_plain = (
        frame > 0
        and marker in (*SEQUENTIAL, PROGRESSIVE)
        and colors in ('YCbCr', 'Gray')
        and _orientation(content[:frame]) == UPRIGHT
    )
    one_scan = (
        marker in SEQUENTIAL
        and content[scan + 4 : scan + 5] == content[frame + 5 : frame + 6]
    )
    return JpegHeader(height, width, frame, is_plain, one_scan)


def _orientation(head: bytes) -> Optional[int]:
    """EXIF's; 1 where it says none, None where it cannot be read."""
    start = head.find(EXIF)
    if start < 0:
        return UPRIGHT
    exif = Image.Exif()
    try:
        exif.load(head[start:])
        return exif.get(ORIENTATION, UPRIGHT)
    except (SyntaxError, ValueError, KeyError, TypeError, struct.error):
        return None


def is_truncated_jpeg(content: bytes, header: Optional[JpegHeader]) -> bool:
    """Whether a JPEG lacks its end marker. Cameras append images and maker
    notes to it; a thumbnail in the header has one of its own."""
    start = 0 if header is None else max(header.frame, 0)
    # From the end, where it is: from the start takes as long as reading.
    return content.startswith(START) and content.rfind(END, start) < 0


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
    """(H, W, 3) uint8, BGR, at 1/scale of the size (one of :data:`SCALES`),
    rounded up. With ``rows`` the result may end below so many rows of the
    whole image. ValueError when neither simplejpeg nor OpenCV can read it."""
    shorter, height = content, header.height
    if rows is not None and header.one_scan:
        # One unit more: the colours of a row depend on those of the next.
        end = (max(rows, 0) // UNIT + 2) * UNIT
        if end < height:
            # The same JPEG, which ends earlier: data below is left unread.
            at, height = header.frame + 1, end
            parts = content[:at], end.to_bytes(2, 'big'), content[at + 2 :]
            shorter = b''.join(parts)
    try:
        return simplejpeg.decode_jpeg(
            shorter,
            'BGR',
            min_height=-(-height // scale),
            min_width=-(-header.width // scale),
            min_factor=scale,
            # OpenCV, too, takes what there is of a damaged file; and here
            # data is left over.
            strict=False,
        )
    except ValueError:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), FLAGS[scale])
    if image is None:
        raise ValueError('it is not an image that OpenCV can read')
    return image


# The key of a sample's results that holds its image.
UNDECODED = 'undecoded_image'
# Stands for the image in results['img']: MMPose's transforms treat a list as
# several images, and flipping this one tells how the image is to be flipped.
# OpenCV refuses its type: what needs pixels fails, as MMPose's TopdownAffine.
STAND_IN = np.array([[0, 1], [2, 3]], np.int64)
# OpenCV's, of (horizontal, vertical).
FLIP_CODES = {(True, False): 1, (False, True): 0, (True, True): -1}


@dataclass
class UndecodedImage:
    """A JPEG in memory, and how to take a crop of it.

    ``refuse`` is called with a sample's results and the error where the file
    proves to be no image, and gives what the transform returns then; the
    cache of decoded images goes by ``path``.
    """

    content: bytes
    header: JpegHeader
    refuse: Callable[[dict, Exception], Optional[dict]]
    cache: Optional[ImageCache] = None
    path: str = ''

    def crop(
        self, matrix: np.ndarray, size: Tuple[int, int], stand_in: np.ndarray
    ) -> np.ndarray:
        """What ``cv2.warpAffine`` makes of the (flipped) image, from an image
        that is decoded no larger than needed.

        ``matrix`` (2, 3) goes from [x, y] of the flipped image to the crop of
        ``size`` [w, h]; ``stand_in`` is :data:`STAND_IN`, flipped like the
        image. The crop (h, w, 3) has the pixels of the whole image where it is
        not shrunk to a half or less. ValueError when the file is no image that
        OpenCV can read.
        """
        scale = reduction(matrix)
        first = int(stand_in[0, 0])
        horizontal, vertical = bool(first & 1), bool(first & 2)
        rows = None if vertical else lowest_row(matrix, size)
        image = self._decode(scale, rows)
        if scale > 1:
            whole = self.header.width, self.header.height
            matrix = matrix @ enlarging(scale, whole, (horizontal, vertical))
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
    """Number of the last image row, from the top, that a crop needs."""
    w, h = size
    corners = np.array([[-1, w, -1, w], [-1, -1, h, h], [1] * 4], np.float64)
    rows = cv2.invertAffineTransform(matrix)[1] @ corners
    return math.ceil(rows.max()) + 1


def enlarging(scale: int, size: Sequence[int], flips: Sequence) -> np.ndarray:
    """3x3, from [x, y] of a reduced image to those of the whole one of ``size``
    [w, h], flipped. A pixel stands for the centre of scale x scale pixels."""
    matrix = np.eye(3)
    for axis in (0, 1):
        factor, start = (-1, size[axis] - 1) if flips[axis] else (1, 0)
        matrix[axis, axis] = factor * scale
        matrix[axis, 2] = start + factor * (scale - 1) / 2
    return matrix


CHOICES = ('error', 'skip')


@TRANSFORMS.register_module()
class LoadPoseImage(LoadImage):
    """Loads an image and notices when it is absent, cut off or unreadable.

    OpenCV returns a cut-off JPEG with grey where the data ended; training on
    it goes unnoticed otherwise.

    Args:
        on_bad_image (str): ``'error'`` raises a ValueError that names file
            and annotation id; ``'skip'`` warns and lets the dataset draw
            another sample (in training only). Defaults to ``'error'``.
        lazy (bool): Read a JPEG's header alone and leave it to
            :class:`.FastTopdownAffine` to decode as little as the person's box
            needs. The transforms between may flip the image, but not read
            its pixels. Other files, and JPEGs turned by EXIF, are decoded
            here as ever. Defaults to False.
        cache (dict, optional): Of decoded images, with ``lazy`` only: the
            arguments of :class:`ImageCache`. Defaults to None.
        *args, **kwargs: As :class:`mmpose.datasets.transforms.LoadImage`;
            those for decoding do not go with ``lazy``.
    """

    def __init__(
        self,
        *args,
        on_bad_image: str = 'error',
        lazy: bool = False,
        cache: Optional[dict] = None,
        **kwargs,
    ) -> None:
        if on_bad_image not in CHOICES:
            raise ValueError(
                f'on_bad_image is {on_bad_image!r}, expected one of {CHOICES}'
            )
        super().__init__(*args, **kwargs)
        decoding = (self.color_type, self.imdecode_backend, self.to_float32)
        if lazy and decoding != ('color', 'cv2', False):
            raise ValueError(
                "lazy=True decodes to 8-bit colours only: color_type='color', "
                "imdecode_backend='cv2', to_float32=False, not "
                f'{self.color_type!r}, {self.imdecode_backend!r}, '
                f'{self.to_float32}'
            )
        if cache and not lazy:
            raise ValueError('cache needs lazy=True')
        self.on_bad_image = on_bad_image
        self.lazy = lazy
        self.cache = ImageCache(**cache) if cache else None

    def transform(self, results: dict) -> Optional[dict]:
        if 'img' in results:
            return super().transform(results)
        path = results['img_path']
        try:
            content = get(path, backend_args=self.backend_args)
            if not content:
                raise ValueError('the file is empty')
            header = read_header(content)
            if is_truncated_jpeg(content, header):
                raise ValueError('the JPEG ends before its end marker')
            is_left = self.lazy and header is not None and header.is_plain
            img = [STAND_IN] if is_left else self._decode(content)
        except (OSError, ValueError) as error:
            return self._refuse(results, error)
        if is_left:
            shape = header.height, header.width
            results[UNDECODED] = UndecodedImage(
                content, header, self._refuse, self.cache, path
            )
        else:
            shape = img.shape[:2]
        results.update(img=img, img_shape=shape, ori_shape=shape)
        return results

    def _decode(self, content: bytes):
        """(H, W, 3) uint8, BGR."""
        img = mmcv.imfrombytes(
            content, flag=self.color_type, backend=self.imdecode_backend
        )
        if img is None:
            raise ValueError('it is not an image that OpenCV can read')
        return img.astype('float32') if self.to_float32 else img

    def _refuse(self, results: dict, error: Exception) -> None:
        reason = getattr(error, 'strerror', None) or error
        message = f'image {results["img_path"]} cannot be used: {reason}'
        if 'id' in results:
            message += f' (annotation {results["id"]})'
        if self.on_bad_image == 'error':
            raise ValueError(
                f"{message}. Replace it, or set on_bad_image='skip' in "
                'LoadPoseImage to train without it.'
            ) from None
        message += '; another sample takes its place'
        print_log(message, logger='current', level=logging.WARNING)
