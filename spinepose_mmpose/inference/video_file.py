"""Video files of any kind that FFmpeg reads.

A frame's number and time are looked up in what was decoded. Where each packet
of a file is one frame and says when it is shown (:data:`INDEXED`), decoding
begins at the key frame before the first one that is wanted; elsewhere at the
beginning of the file.
"""

import heapq
import os
from contextlib import closing
from fractions import Fraction
from typing import Iterator, List, Optional, Tuple

from .settings import Span
from .video import (
    WHOLE,
    Frame,
    SourceInfo,
    Upright,
    import_av,
    selected,
)

INDEXED = {'mov,mp4,m4a,3gp,3g2,mj2', 'matroska,webm'}
INDEXED_CODECS = {'h264', 'hevc', 'av1', 'vp9', 'mjpeg', 'prores'}
# Frames are stored at most so many places away from where they are shown.
REORDER = 32
# A file is given up after so many failed reads without a frame in between.
MAX_FAILURES = 100
LOST = 'it cannot be decoded'


class VideoFile:
    """A video file of any kind that FFmpeg reads, or one on a web server.

    Turned and mirrored as the file says, with square pixels; times are those
    of the file. A frame that cannot be decoded is given without image and
    with the reason.

    Raises:
        ValueError: it is empty, no video, or nothing of it can be decoded.
    """

    def __init__(self, path: str):
        self.path, self.av = path, import_av()
        self.shortfall = ''
        self.is_local = os.path.exists(path)
        if self.is_local and os.path.getsize(path) == 0:
            raise ValueError(f'{path} is empty (0 bytes)')
        self.discarded: set = set()
        container, stream = self._open()
        with container:
            self.is_indexed = (
                container.format.name in INDEXED
                and stream.codec_context.codec.canonical_name in INDEXED_CODECS
            )
            self.promised = stream.frames
            self.seconds, self.margin = promised_seconds(container, stream)
            self.upright = Upright(stream)
            pictures = (p for p, _, _ in self._decoded(container, stream) if p)
            first = next(pictures, None)
            if first is None:
                raise ValueError(f'{path}: no frame can be decoded')
            rate = stream.guessed_rate or stream.average_rate
            estimate = round((self.seconds or 0) * (rate or 0))
            self.info = SourceInfo(
                size=self.upright(first).shape[1::-1],
                rate=rate,
                frames=self.promised or estimate or None,
                time_base=stream.time_base,
            )

    def frames(self, span: Span = WHOLE, after: int = -1) -> Iterator[Frame]:
        """See :class:`Source`."""
        self.shortfall = ''
        first, entry = self._entry(span, after)
        with closing(self._numbered(entry)) as frames:
            for frame in selected(span, frames, after, first):
                yield self._converted(frame)

    def _open(self):
        # Else a name with a colon would be taken for a protocol.
        address = f'file:{self.path}' if self.is_local else self.path
        try:
            container = self.av.open(address)
        except (self.av.error.FFmpegError, OSError, ValueError) as error:
            raise ValueError(
                f'{self.path} is neither a video nor an image that can be '
                f'read ({getattr(error, "strerror", None) or error})'
            ) from error
        if not container.streams.video:
            container.close()
            raise ValueError(f'{self.path} has no video in it')
        stream = container.streams.video[0]
        stream.thread_type = 'AUTO'
        return container, stream

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
        frame = None
        container, stream = self._open()
        with container:
            origin = _origin(container, stream)
            index = 0
            if entry is not None:
                begin, entry_pts, key = entry
                container.seek(key, stream=stream)
                index = None
            for picture, pts, error in self._decoded(container, stream):
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
            except self.av.error.FFmpegError:
                failures += 1

    def _converted(self, frame: Frame) -> Frame:
        if frame.image is None:
            return frame
        try:
            return frame._replace(image=self.upright(frame.image))
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


def promised_seconds(container, stream) -> Tuple[Optional[float], float]:
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
