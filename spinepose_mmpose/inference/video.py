"""What gives frames: video files, sequences of images, cameras, streams."""

import glob
import os
import re
import sys
import time
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from typing import (
    Iterator,
    List,
    NamedTuple,
    Optional,
    Protocol,
    Sequence,
    Tuple,
)

import cv2
import numpy as np

from .images import is_image, read_image
from .settings import Span

WHOLE = Span()
SCHEMES = ('rtsp', 'rtsps', 'rtmp', 'http', 'https', 'udp', 'tcp', 'rtp', 'srt')


class Frame(NamedTuple):
    """One image of a source."""

    # (H, W, 3) uint8 BGR as it is to be looked at, None if it cannot be read.
    image: Optional[np.ndarray]
    index: int  # position in the source in order of display, from 0
    time: Optional[float]  # seconds since the start; None for a photograph
    error: str = ''  # why there is no image


@dataclass(frozen=True)
class SourceInfo:
    """What is known of a source before it is read."""

    size: Tuple[int, int]  # w, h in pixels
    # Frames per second, exact (30000/1001); the nominal one if it varies.
    rate: Optional[Fraction] = None
    frames: Optional[int] = None  # of the whole source; may be an estimate
    time_base: Fraction = Fraction(1, 90000)  # unit of its times in seconds
    # It goes on while nobody looks: it cannot be read twice, and frames that
    # come too fast are dropped.
    live: bool = False


class Source(Protocol):
    """Anything that gives frames one after the other."""

    info: SourceInfo
    # After the last frame: what is missing of what the source promised.
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
        ValueError: it is not a video.
    """
    from .video_file import Video

    text = str(spec) if isinstance(spec, int) else os.fspath(spec)
    is_new = not os.path.exists(text)
    if os.path.isfile(text) or (is_new and is_address(text)):
        return Video(text)
    if is_new and camera_index(text) is not None:
        return CameraSource(camera_index(text))
    if not (os.path.isdir(text) or glob.has_magic(text)):
        raise FileNotFoundError(f'no such file: {text}')
    paths = [path for path in files_of(text) if is_image(path)]
    if not paths:
        raise ValueError(f'{text} contains no images')
    if rate is None:
        raise ValueError(
            f'{text} contains images: they become a clip when a frame rate '
            'is given'
        )
    return ImageSequence(paths, Fraction(rate))


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
    """Files of a folder or a pattern, by name, numbers in them by value;
    FileNotFoundError if there are none."""
    is_folder = os.path.isdir(text)
    pattern = os.path.join(glob.escape(text), '*') if is_folder else text
    found = [path for path in glob.glob(pattern) if os.path.isfile(path)]
    if not found:
        raise FileNotFoundError(
            f'{text} contains no files'
            if is_folder
            else f'no file matches {text}'
        )
    return sorted(found, key=_by_numbers)


def _by_numbers(path: str):
    """img_2 comes before img_10."""
    parts = re.split('([0-9]+)', os.path.basename(path).lower())
    return [int(p) if i % 2 else p for i, p in enumerate(parts)], path


def selected(span: Span, frames, after: int = -1, first=None):
    """Those of a source's frames that a span means, but for those up to
    ``after``; ``first`` is the number of the span's first one, if known."""
    for frame in frames:
        if span.ends_before(frame.index, frame.time):
            return
        if span.start.is_after(frame.index, frame.time):
            continue
        first = frame.index if first is None else first
        if frame.index > after and (frame.index - first) % span.stride == 0:
            yield frame


class ImageSequence:
    """Image files as frames in this order: with a rate those of a clip, else
    photographs, whose times are None. One that cannot be read is given without
    image and with the reason; ValueError if that is so of all in a clip."""

    shortfall = ''

    def __init__(self, paths: Sequence[str], rate: Optional[Fraction] = None):
        self.paths, self.rate = paths, rate
        self.info = SourceInfo((0, 0), rate, len(paths))
        if rate is None:
            return
        images = (frame.image for frame in self.frames())
        first = next((image for image in images if image is not None), None)
        if first is None:
            folder = os.path.dirname(paths[0]) or '.'
            raise ValueError(f'none of the images in {folder} can be read')
        self.info = SourceInfo(
            first.shape[1::-1], rate, len(paths), time_base=1 / rate
        )

    def frames(self, span: Span = WHOLE, after: int = -1) -> Iterator[Frame]:
        """See :class:`Source`."""
        rate = self.rate
        places = (
            Frame(None, i, None if rate is None else float(i / rate))
            for i in range(len(self.paths))
        )
        for frame in selected(span, places, after):
            try:
                yield frame._replace(image=read_image(self.paths[frame.index]))
            except (OSError, ValueError) as error:
                yield frame._replace(error=str(error))


class CameraSource:
    """A camera of this machine by its number; times are those of arrival.
    ValueError if there is no such camera, or it gives no image."""

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
        """See :class:`Source`; ``after`` has no meaning here."""
        try:
            yield from selected(span, self._frames())
        finally:
            self.capture.release()

    def _frames(self) -> Iterator[Frame]:
        began, last = time.monotonic(), -1.0
        for index in count():
            works, image = self.capture.read()
            if not works:
                return
            last = max(time.monotonic() - began, last + 1e-3)
            yield Frame(image, index, last)
