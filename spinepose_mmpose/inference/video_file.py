"""Videos of any kind that FFmpeg reads: files and network streams.

A frame's number and time are looked up in what was decoded. Where each packet
of a file is one frame and says when it is shown (:data:`INDEXED`), decoding
begins at the key frame before the first one that is wanted; elsewhere at the
beginning of the file.
"""

import heapq
import os
import struct
from contextlib import closing
from fractions import Fraction
from itertools import chain
from typing import Iterator, List, Optional, Tuple

import cv2
import numpy as np

from ..utils import need
from .settings import Span
from .video import WHOLE, Frame, SourceInfo, selected

INDEXED = {'mov,mp4,m4a,3gp,3g2,mj2', 'matroska,webm'}
INDEXED_CODECS = {'h264', 'hevc', 'av1', 'vp9', 'mjpeg', 'prores'}
# Frames are stored at most so many places away from where they are shown.
REORDER = 32
# A file is given up after so many failed reads without a frame in between.
MAX_FAILURES = 100
LOST = 'it cannot be decoded'
# Seconds to wait for a stream to open, and for its next data.
TIMEOUT = 10.0
# Pixels of another aspect ratio are taken for an error of the file.
WIDEST_PIXEL = 4


def import_av():
    """PyAV, which brings FFmpeg."""
    return need('av', 'video', 'pip install av')


def upright(picture, pixel: Optional[Fraction]) -> np.ndarray:
    """A decoded picture as (H, W, 3) uint8 BGR, as it is to be looked at: with
    square pixels, turned and mirrored; ``pixel`` is width by height of one."""
    image = picture.to_ndarray(format='bgr24')
    is_sane = pixel and 1 / WIDEST_PIXEL <= pixel <= WIDEST_PIXEL
    if is_sane and pixel != 1:
        h, w = image.shape[:2]
        image = cv2.resize(image, (max(1, round(w * pixel)), h))
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


class Video:
    """A video file, one on a web server, or a stream (rtsp, http, udp, ...).

    Turned and mirrored as it says, with square pixels; times are its own. A
    frame that cannot be decoded is given without image and with the reason.

    Raises:
        ValueError: it is empty, no video, or nothing of it can be decoded.
    """

    def __init__(self, path: str):
        self.path, self.av, self.shortfall = path, import_av(), ''
        self.is_local = os.path.exists(path)
        if self.is_local and os.path.getsize(path) == 0:
            raise ValueError(f'{path} is empty (0 bytes)')
        self.discarded: set = set()
        container, stream = self._open()
        # A web server has the whole file; other addresses send it once.
        is_web = path.lower().startswith('http') and container.duration
        self.is_live = not (self.is_local or is_web)
        self.is_indexed = (
            not self.is_live
            and container.format.name in INDEXED
            and stream.codec_context.codec.canonical_name in INDEXED_CODECS
        )
        self.pixel = stream.sample_aspect_ratio
        self.promised = stream.frames
        self.seconds, self.margin = None, 0.0
        if not self.is_live:
            self.seconds, self.margin = _promised_seconds(container, stream)
        decoded = self._decoded(container, stream)
        # Only an image tells its size, rotation included.
        first = next((found for found in decoded if found[0]), None)
        if first is None:
            raise ValueError(f'{path}: no frame can be decoded')
        rate = stream.guessed_rate or stream.average_rate
        count = self.promised or round((self.seconds or 0) * (rate or 0))
        self.info = SourceInfo(
            size=upright(first[0], self.pixel).shape[1::-1],
            rate=rate,
            frames=None if self.is_live else count or None,
            time_base=stream.time_base,
            live=self.is_live,
        )
        self.opened = None  # what is live, until its frames are asked for
        if self.is_live:
            self.opened = container, stream, chain([first], decoded)
        else:
            container.close()

    def frames(self, span: Span = WHOLE, after: int = -1) -> Iterator[Frame]:
        """See :class:`Source`."""
        self.shortfall = ''
        first, entry = self._entry(span, after)
        with closing(self._numbered(entry)) as frames:
            for frame in selected(span, frames, after, first):
                yield self._converted(frame)

    def _open(self) -> tuple:
        # Else a name with a colon would be taken for a protocol.
        address, how = f'file:{self.path}', {}
        if not self.is_local:
            address, how = self.path, {'timeout': (TIMEOUT, TIMEOUT)}
            if address.startswith('rtsp'):
                how['options'] = {'rtsp_transport': 'tcp'}
        try:
            container = self.av.open(address, **how)
        except (self.av.error.FFmpegError, OSError, ValueError) as error:
            trouble = 'cannot be opened'
            if self.is_local:
                trouble = 'is neither a video nor an image that can be read'
            raise ValueError(
                f'{self.path} {trouble} ({_reason(error)})'
            ) from error
        if not container.streams.video:
            container.close()
            raise ValueError(f'{self.path} has no video in it')
        return container, container.streams.video[0]

    def _entry(self, span: Span, after: int) -> tuple:
        """Number of the span's first frame, and the frame at which decoding may
        begin: its number and time, and the time of the key frame before it, in
        units of the stream; None where only decoding tells."""
        if not self.is_indexed or (span.start == WHOLE.start and after < 0):
            return None, None
        times, keys, late = [], [], 0
        container, stream = self._open()
        with container:
            origin = _origin(container, stream) or 0
            for packet in self._demuxed(container, stream):
                if packet.pts is None or packet.is_discard:
                    continue
                time = float((packet.pts - origin) * stream.time_base)
                late += len(times) > after and not span.start.is_after(
                    len(times), time
                )
                times.append(packet.pts)
                if packet.is_keyframe:
                    keys.append(packet.pts)
                if late > REORDER:
                    break
            times.sort()
            first = sum(
                span.start.is_after(i, float((pts - origin) * stream.time_base))
                for i, pts in enumerate(times)
            )
        begin = max(first, after + 1)
        if begin >= len(times) or len(set(times)) < len(times):
            return None, None
        key = max((k for k in keys if k <= times[begin]), default=None)
        if key is None:
            return first, None
        return first, (begin, times[begin], key)

    def _numbered(self, entry: Optional[tuple] = None) -> Iterator[Frame]:
        """Frames from an entry, if it is found there, or from the beginning;
        the image is still PyAV's. At the end it is known what is missing."""
        frame = origin = decoded = None
        if self.is_live:
            container, stream, decoded = self.opened
        else:
            container, stream = self._open()
            origin = _origin(container, stream)
        with container:
            index = 0
            if entry is not None:
                begin, entry_pts, key = entry
                container.seek(key, stream=stream)
                index = None
            decoded = decoded or self._decoded(container, stream)
            for picture, pts, error in decoded:
                if index is None:
                    if pts < entry_pts:
                        continue
                    if pts > entry_pts:
                        break
                    index = begin
                origin = pts if origin is None else origin
                time = float((pts - origin) * stream.time_base)
                frame = Frame(picture, index, time, error)
                yield frame
                index += 1
        if index is None:
            yield from self._numbered()
        else:
            self.shortfall = self._missing(frame)

    def _decoded(self, container, stream) -> Iterator[tuple]:
        """(picture or None, time in units of the stream, error) in order.

        Where decoding failed, a packet without its frame is a lost frame; of
        a file that is not indexed it may be one that is not shown otherwise.
        """
        if not self.is_live:  # where threads would delay the frames
            stream.thread_type = 'AUTO'
        rate = stream.guessed_rate or stream.average_rate or 30
        step = max(1, round(1 / stream.time_base / rate))
        pending: List[int] = []
        failure, last = '', None
        for packet in self._demuxed(container, stream):
            if packet.pts is not None and packet.is_discard:
                self.discarded.add(packet.pts)
            elif packet.pts is not None:
                heapq.heappush(pending, packet.pts)
            try:
                pictures = packet.decode()
            except self.av.error.FFmpegError as error:
                failure = f'damaged data ({error.strerror})'
                continue
            for picture in pictures:
                pts = picture.pts
                while pending and pts is not None and pending[0] <= pts:
                    lost = heapq.heappop(pending)
                    if lost < pts and (failure or self.is_indexed):
                        yield None, lost, failure or LOST
                        last = lost
                failure = ''
                if pts is None or (last is not None and pts <= last):
                    pts = 0 if last is None else last + step
                last = pts
                if picture.is_corrupt:
                    yield None, pts, 'damaged image'
                else:
                    yield picture, pts, ''
        while pending and (failure or self.is_indexed):
            yield None, heapq.heappop(pending), failure or LOST

    def _demuxed(self, container, stream):
        """Packets of a stream and the flushing one; damage is passed over."""
        failures = 0
        while failures < MAX_FAILURES:
            try:
                for packet in container.demux(stream):
                    failures = 0
                    yield packet
                return
            except self.av.error.EOFError:
                return
            except (self.av.error.FFmpegError, OSError) as error:
                is_damage = isinstance(error, self.av.error.InvalidDataError)
                if self.is_live and not is_damage:
                    raise OSError(
                        f'{self.path} stopped ({_reason(error)})'
                    ) from error
                failures += 1

    def _converted(self, frame: Frame) -> Frame:
        if frame.image is None:
            return frame
        try:
            return frame._replace(image=upright(frame.image, self.pixel))
        except (ValueError, MemoryError, OSError) as error:
            return frame._replace(image=None, error=f'no image ({error})')

    def _missing(self, last: Optional[Frame]) -> str:
        """What the file promised beyond its last frame."""
        count, end = (0, 0.0) if last is None else (last.index + 1, last.time)
        if self.is_indexed and self.promised:
            promised = self.promised - len(self.discarded)
            if count < promised:
                return f'{count} of {promised} frames are there'
        elif self.seconds and self.seconds - end > self.margin:
            return f'{end:.1f} of {self.seconds:.1f} seconds are there'
        return ''


def _reason(error) -> str:
    return getattr(error, 'strerror', None) or str(error)


def _promised_seconds(container, stream) -> Tuple[Optional[float], float]:
    """Length by the header of a file, None if unknown, and how much shorter
    it may be."""
    if stream.duration is not None:
        seconds = float(stream.duration * stream.time_base)
        return seconds, max(0.5, 0.05 * seconds)
    if container.duration is not None:
        seconds = container.duration / 1e6
        # The sound may be the longer one.
        share = 0.05 if len(container.streams) == 1 else 0.25
        return seconds, max(1.0, share * seconds)
    return None, 0.0


def _origin(container, stream) -> Optional[int]:
    """Time of a stream's first frame in its units."""
    if stream.start_time is not None:
        return stream.start_time
    if container.start_time is not None:
        return round(Fraction(container.start_time, 10**6) / stream.time_base)
    return None
