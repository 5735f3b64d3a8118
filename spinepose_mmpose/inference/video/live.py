"""Cameras and network streams: they go on while nobody looks."""

import os
import sys
import time
from fractions import Fraction
from itertools import chain
from typing import Iterator, Optional, Tuple

import cv2
import numpy as np

from .containers import import_av
from .frames import WHOLE, Frame, SourceInfo, Span

SCHEMES = ('rtsp', 'rtsps', 'rtmp', 'http', 'https', 'udp', 'tcp', 'rtp', 'srt')
# Seconds to wait for a stream to open, and for its next data.
TIMEOUT = 10.0


def is_address(text: str) -> bool:
    """Whether a text is the address of a stream."""
    scheme, found, _ = str(text).partition('://')
    return bool(found) and scheme.lower() in SCHEMES


def camera_index(text: str) -> Optional[int]:
    """Number of a camera: digits alone, or ``webcam`` for the first one."""
    if str(text).lower() == 'webcam':
        return 0
    return int(text) if str(text).isdigit() else None


class CameraSource:
    """A camera of this machine by its number; times are those of arrival.

    Raises:
        ValueError: there is no such camera, or it gives no picture.
    """

    def __init__(self, index: int):
        self.index = index
        with _silent_opencv():
            self.capture = cv2.VideoCapture(index)
            works, image = self.capture.read()
        if not works:
            self.capture.release()
            raise ValueError(
                f'camera {index} cannot be opened: it does not exist, is in '
                f'use, or this user may not read it'
            )
        rate = self.capture.get(cv2.CAP_PROP_FPS)
        h, w = image.shape[:2]
        self.info = SourceInfo(
            name=f'camera{index}',
            size=(w, h),
            rate=Fraction(rate).limit_denominator(1001) if rate > 0 else None,
            live=True,
        )

    def frames(
        self, span: Span = WHOLE, after: Optional[Tuple[int, float]] = None
    ) -> Iterator[Frame]:
        """See :class:`.Source`; ``after`` has no meaning here."""
        try:
            yield from _within(span, self._pictures())
        finally:
            self.capture.release()

    def _pictures(self):
        while True:
            works, image = self.capture.read()
            if not works:
                return
            yield image, None


class AddressSource:
    """A network stream that FFmpeg reads (rtsp, http, udp, ...).

    Raises:
        ValueError: it cannot be opened, or holds no video.
    """

    def __init__(self, address: str):
        self.av = import_av()
        self.address = str(address)
        options = (
            {'rtsp_transport': 'tcp'} if self.address.startswith('rtsp') else {}
        )
        try:
            self.container = self.av.open(
                self.address, options=options, timeout=(TIMEOUT, TIMEOUT)
            )
        except (self.av.error.FFmpegError, OSError) as error:
            raise ValueError(
                f'{self.address} cannot be opened '
                f'({getattr(error, "strerror", None) or error})'
            ) from error
        if not self.container.streams.video:
            self.container.close()
            raise ValueError(f'{self.address} has no video in it')
        self.stream = self.container.streams.video[0]
        self.pictures = self._pictures()
        # Only a picture tells its size, rotation included.
        self.first = next(
            (pair for pair in self.pictures if pair[0] is not None), None
        )
        if self.first is None:
            raise ValueError(f'{self.address}: no frame can be decoded')
        self.info = SourceInfo(
            name=_name_of(self.address),
            size=self.first[0].shape[1::-1],
            rate=self.stream.guessed_rate or self.stream.average_rate,
            time_base=self.stream.time_base or Fraction(1, 90000),
            live=True,
        )

    @property
    def is_file(self) -> bool:
        """A web server has it whole: it can be read again and at leisure."""
        scheme = self.address.partition('://')[0].lower()
        return scheme in ('http', 'https') and bool(self.container.duration)

    def frames(
        self, span: Span = WHOLE, after: Optional[Tuple[int, float]] = None
    ) -> Iterator[Frame]:
        """See :class:`.Source`; ``after`` has no meaning here."""
        with self.container:
            yield from _within(span, chain([self.first], self.pictures))

    def _pictures(self):
        start, time_base = None, self.stream.time_base or Fraction(1, 90000)
        packets = self.container.demux(self.stream)
        while True:
            try:
                for picture in next(packets).decode():
                    if start is None:
                        start = picture.pts or 0
                    seconds = ((picture.pts or 0) - start) * time_base
                    image = picture.to_ndarray(format='bgr24')
                    turns = round((picture.rotation or 0) / 90) % 4
                    if turns:
                        image = np.ascontiguousarray(np.rot90(image, turns))
                    yield image, float(seconds)
            except (StopIteration, self.av.error.EOFError):
                return
            except self.av.error.InvalidDataError as error:
                yield None, f'damaged data ({error.strerror})'
            except (self.av.error.FFmpegError, OSError) as error:
                raise OSError(
                    f'{self.address} stopped '
                    f'({getattr(error, "strerror", None) or error})'
                ) from error


def _within(span: Span, pictures) -> Iterator[Frame]:
    """Frames of a span with their times, which never stand still."""
    began, last, first = time.monotonic(), -1.0, None
    for index, (image, told) in enumerate(pictures):
        error = told if image is None else ''
        told = told if isinstance(told, float) else time.monotonic() - began
        seconds = told if told > last else last + 1e-3
        last = seconds
        if span.ends_before(index, seconds):
            return
        if span.start.is_after(index, seconds):
            continue
        first = index if first is None else first
        if (index - first) % span.stride == 0:
            yield Frame(image, index, seconds, error)


def _name_of(address: str) -> str:
    tail = address.split('?')[0].rstrip('/').rpartition('/')[2]
    plain = ''.join(c if c.isalnum() or c in '-_' else '_' for c in tail)
    return os.path.splitext(plain)[0] or 'stream'


class _silent_opencv:
    """OpenCV writes pages to stderr about a camera that is missing."""

    def __enter__(self):
        log = cv2.utils.logging
        self.level = log.setLogLevel(log.LOG_LEVEL_SILENT)
        sys.stderr.flush()

    def __exit__(self, *_):
        cv2.utils.logging.setLogLevel(self.level)
