"""What gives frames: video files, sequences of images, cameras, streams."""

import glob
import os
import re
import struct
import sys
import time
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import Iterator, List, NamedTuple, Optional, Protocol, Tuple

import cv2
import numpy as np

from .images import is_image, read_image
from .settings import Span

WHOLE = Span()
SCHEMES = ('rtsp', 'rtsps', 'rtmp', 'http', 'https', 'udp', 'tcp', 'rtp', 'srt')
# Seconds to wait for a stream to open, and for its next data.
TIMEOUT = 10.0
# Pixels of another aspect ratio are taken for an error of the file.
WIDEST_PIXEL = 4


class Frame(NamedTuple):
    """One image of a source.

    Attributes:
        image (np.ndarray, optional): (H, W, 3) uint8 BGR as it is to be
            looked at, None if it could not be read.
        index (int): position in the source in order of display, from 0.
        time (float): seconds since the start of the source.
        error (str): why there is no image.
    """

    image: Optional[np.ndarray]
    index: int
    time: float
    error: str = ''


@dataclass(frozen=True)
class SourceInfo:
    """What is known of a source before it is read.

    Attributes:
        size (tuple): (w, h) of the images in pixels.
        rate (Fraction, optional): frames per second, exact (30000/1001); of a
            variable rate the nominal one.
        frames (int, optional): number of frames of the whole source, which
            may be an estimate.
        time_base (Fraction): the unit of its times in seconds.
        live (bool): it goes on while nobody looks, so that it cannot be read
            twice and frames that come too fast are dropped.
    """

    size: Tuple[int, int]
    rate: Optional[Fraction] = None
    frames: Optional[int] = None
    time_base: Fraction = Fraction(1, 90000)
    live: bool = False


class Source(Protocol):
    """Anything that gives frames one after the other.

    Attributes:
        info (SourceInfo): what is known of it.
        shortfall (str): after its last frame, what is missing of what the
            source promised; '' if nothing is.
    """

    info: SourceInfo
    shortfall: str

    def frames(self, span: Span = WHOLE, after: int = -1) -> Iterator[Frame]:
        """The frames of a span, but for those up to ``after``."""
        ...


def open_source(spec, rate: Optional[Fraction] = None) -> Source:
    """The source of frames that a text means.

    Args:
        spec (str | Path | int): a video file; the number of a camera or
            ``webcam``; the address of a stream; with ``rate`` a folder or a
            pattern of images.
        rate (Fraction, optional): frames per second of images.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no video.
    """
    from .video_file import VideoFile

    text = str(spec) if isinstance(spec, int) else os.fspath(spec)
    if os.path.isfile(text):
        return VideoFile(text)
    if not os.path.exists(text) and is_address(text):
        stream = AddressSource(text)
        is_web = text.lower().startswith('http')
        if not (is_web and stream.container.duration):
            return stream
        stream.container.close()  # a web server has the whole file
        return VideoFile(text)
    if not os.path.exists(text) and camera_index(text) is not None:
        return CameraSource(camera_index(text))
    if os.path.isdir(text) or glob.has_magic(text):
        return ImageSequence(text, rate)
    raise FileNotFoundError(f'no such file: {text}')


def is_address(text: str) -> bool:
    """Whether a text is the address of a stream."""
    scheme, found, _ = text.partition('://')
    return bool(found) and scheme.lower() in SCHEMES


def camera_index(text: str) -> Optional[int]:
    """Number of a camera: digits alone, or ``webcam`` for the first one."""
    if text.lower() == 'webcam':
        return 0
    return int(text) if text.isdigit() and len(text) < 4 else None


def files_of(text: str) -> List[str]:
    """Files of a folder or a pattern, by name, numbers in them by value.

    Raises:
        FileNotFoundError: there are none.
    """
    is_folder = os.path.isdir(text)
    pattern = os.path.join(glob.escape(text), '*') if is_folder else text
    found = [path for path in glob.glob(pattern) if os.path.isfile(path)]
    if not found:
        raise FileNotFoundError(
            f'{text} holds no files' if is_folder else f'no file matches {text}'
        )
    return sorted(found, key=_by_numbers)


def _by_numbers(path: str):
    """img_2 comes before img_10."""
    parts = re.split('([0-9]+)', os.path.basename(path).lower())
    return [int(p) if i % 2 else p for i, p in enumerate(parts)], path


def selected(span: Span, frames, after: int = -1, first=None):
    """Those of a source's frames that a span means, but for those up to
    ``after``.

    Args:
        frames (Iterable): all of them, or those from the span's first one on.
        first (int, optional): number of the span's first one, if known.
    """
    for frame in frames:
        if span.ends_before(frame.index, frame.time):
            return
        if span.start.is_after(frame.index, frame.time):
            continue
        first = frame.index if first is None else first
        if frame.index > after and (frame.index - first) % span.stride == 0:
            yield frame


class ImageSequence:
    """Image files, in a folder or of a pattern, as frames of a clip in the
    order of their names.

    One that cannot be read is given without image and with the reason.

    Raises:
        FileNotFoundError, ValueError: there are none, or none can be read.
    """

    shortfall = ''

    def __init__(self, text: str, rate: Optional[Fraction]):
        self.paths = [path for path in files_of(text) if is_image(path)]
        if not self.paths:
            raise ValueError(f'{text} holds no still images')
        if rate is None:
            raise ValueError(
                f'{text} holds still images: they become a clip when a frame '
                'rate is given'
            )
        self.step = 1 / Fraction(rate)
        images = (frame.image for frame in self.frames())
        first = next((image for image in images if image is not None), None)
        if first is None:
            raise ValueError(f'none of the images in {text} can be read')
        self.info = SourceInfo(
            size=first.shape[1::-1],
            rate=Fraction(rate),
            frames=len(self.paths),
            time_base=self.step,
        )

    def frames(self, span: Span = WHOLE, after: int = -1) -> Iterator[Frame]:
        """See :class:`Source`."""
        places = (
            Frame(None, i, float(i * self.step)) for i in range(len(self.paths))
        )
        for frame in selected(span, places, after):
            try:
                yield frame._replace(image=read_image(self.paths[frame.index]))
            except (OSError, ValueError) as error:
                yield frame._replace(error=str(error))


def import_av():
    """PyAV.

    Raises:
        ValueError: it is not installed; the message names the command.
    """
    try:
        import av
    except ImportError as error:
        raise ValueError(
            f'video needs PyAV, which brings FFmpeg, and it cannot be imported '
            f'({error}): pip install av'
        ) from error
    return av


class Upright:
    """Decoded pictures of an ``av.VideoStream`` as (H, W, 3) uint8 BGR, as they
    are to be looked at: with square pixels, turned and mirrored."""

    def __init__(self, stream):
        ratio = stream.sample_aspect_ratio or 1
        is_sane = 1 / WIDEST_PIXEL <= ratio <= WIDEST_PIXEL
        self.pixel = Fraction(ratio) if is_sane else Fraction(1)

    def __call__(self, picture) -> np.ndarray:
        image = picture.to_ndarray(format='bgr24')
        if self.pixel != 1:
            h, w = image.shape[:2]
            image = cv2.resize(image, (max(1, round(w * self.pixel)), h))
        matrix = picture.side_data.get('DISPLAYMATRIX')
        if matrix is None:
            return image
        # x' = a x + c y, y' = b x + d y, rounded to a right angle.
        a, b, _, c, d = struct.unpack_from('<5i', bytes(matrix))
        if abs(b) + abs(c) > abs(a) + abs(d):
            image, a, d = image.swapaxes(0, 1), c, b
        return np.ascontiguousarray(
            image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]
        )


class CameraSource:
    """A camera of this machine by its number; times are those of arrival.

    Raises:
        ValueError: there is no such camera, or it gives no image.
    """

    shortfall = ''

    def __init__(self, index: int):
        # OpenCV writes pages to stderr about a camera that is missing.
        log = cv2.utils.logging
        level = log.setLogLevel(log.LOG_LEVEL_SILENT)
        sys.stderr.flush()
        try:
            self.capture = cv2.VideoCapture(index)
            works, image = self.capture.read()
        finally:
            log.setLogLevel(level)
        if not works:
            self.capture.release()
            raise ValueError(
                f'camera {index} cannot be opened: it does not exist, is in '
                'use, or this user may not read it'
            )
        rate = self.capture.get(cv2.CAP_PROP_FPS)
        self.info = SourceInfo(
            size=image.shape[1::-1],
            rate=Fraction(rate).limit_denominator(1001) if rate > 0 else None,
            live=True,
        )

    def frames(self, span: Span = WHOLE, after: int = -1) -> Iterator[Frame]:
        """See :class:`.Source`; ``after`` has no meaning here."""
        try:
            yield from selected(span, _timed(self._images()))
        finally:
            self.capture.release()

    def _images(self):
        while True:
            works, image = self.capture.read()
            if not works:
                return
            yield image, None, ''


class AddressSource:
    """A network stream that FFmpeg reads (rtsp, http, udp, ...).

    Raises:
        ValueError: it cannot be opened, or holds no video.
    """

    shortfall = ''

    def __init__(self, address: str):
        self.av, self.address = import_av(), address
        options = (
            {'rtsp_transport': 'tcp'} if address.startswith('rtsp') else {}
        )
        try:
            self.container = self.av.open(
                address, options=options, timeout=(TIMEOUT, TIMEOUT)
            )
        except (self.av.error.FFmpegError, OSError) as error:
            raise ValueError(
                f'{address} cannot be opened '
                f'({getattr(error, "strerror", None) or error})'
            ) from error
        if not self.container.streams.video:
            self.container.close()
            raise ValueError(f'{address} has no video in it')
        stream = self.stream = self.container.streams.video[0]
        self.images = self._images()
        # Only an image tells its size, rotation included.
        self.first = next((i for i in self.images if i[0] is not None), None)
        if self.first is None:
            raise ValueError(f'{address}: no frame can be decoded')
        self.info = SourceInfo(
            size=self.first[0].shape[1::-1],
            rate=stream.guessed_rate or stream.average_rate,
            time_base=stream.time_base or SourceInfo.time_base,
            live=True,
        )

    def frames(self, span: Span = WHOLE, after: int = -1) -> Iterator[Frame]:
        """See :class:`.Source`; ``after`` has no meaning here."""
        with self.container:
            images = chain([self.first], self.images)
            yield from selected(span, _timed(images))

    def _images(self):
        start, upright = None, Upright(self.stream)
        time_base = self.stream.time_base or SourceInfo.time_base
        packets = self.container.demux(self.stream)
        while True:
            try:
                for picture in next(packets).decode():
                    if start is None:
                        start = picture.pts or 0
                    seconds = ((picture.pts or 0) - start) * time_base
                    yield upright(picture), float(seconds), ''
            except (StopIteration, self.av.error.EOFError):
                return
            except self.av.error.InvalidDataError as error:
                yield None, None, f'damaged data ({error.strerror})'
            except (self.av.error.FFmpegError, OSError) as error:
                raise OSError(
                    f'{self.address} stopped '
                    f'({getattr(error, "strerror", None) or error})'
                ) from error


def _timed(images) -> Iterator[Frame]:
    """Frames with their times, which never stand still.

    Args:
        images (Iterable): (image or None, seconds or None, error).
    """
    began, last = time.monotonic(), -1.0
    for index, (image, seconds, error) in enumerate(images):
        if seconds is None:
            seconds = time.monotonic() - began
        last = seconds if seconds > last else last + 1e-3
        yield Frame(image, index, last, error)
