"""Video files of any kind that FFmpeg reads, through PyAV."""

import heapq
import os
from fractions import Fraction
from typing import Iterator, List, Optional, Tuple

import numpy as np

from .frames import WHOLE, Frame, SourceInfo, Span

# Frames may be stored up to so many places away from where they are shown.
REORDER = 32
# A file is given up after so many failed reads without a frame in between.
MAX_FAILURES = 100


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


class ContainerSource:
    """A video file, or one that a web server has.

    Rotation flags are applied; times are those of the file. A frame that
    cannot be decoded is given without image and with the reason.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is empty, no video, or nothing of it can be decoded.
    """

    def __init__(self, path: str):
        self.path = os.fspath(path)
        self.av = import_av()
        if '://' not in self.path:
            self._check_file()
        self.info = self._probe()

    def _check_file(self) -> None:
        if not os.path.isfile(self.path):
            raise FileNotFoundError(f'no such file: {self.path}')
        if os.path.getsize(self.path) == 0:
            raise ValueError(f'{self.path} is empty (0 bytes)')

    def frames(
        self, span: Span = WHOLE, after: Optional[Tuple[int, float]] = None
    ) -> Iterator[Frame]:
        """See :class:`.Source`."""
        first, behind = self._entry(span)
        index = first
        if after is not None:
            index, behind = after[0] + 1, after[1]
        for frame in self._decoded(index, behind):
            if span.ends_before(frame.index, frame.time):
                return
            if (frame.index - first) % span.stride:
                continue
            if frame.image is not None:
                frame = _converted(frame)
            yield frame

    def _open(self):
        try:
            container = self.av.open(self.path)
        except (self.av.error.FFmpegError, OSError) as error:
            raise ValueError(
                f'{self.path} is neither a video nor a picture that can be '
                f'read ({getattr(error, "strerror", error)})'
            ) from error
        if not container.streams.video:
            container.close()
            raise ValueError(f'{self.path} has no video in it')
        stream = container.streams.video[0]
        stream.thread_type = 'AUTO'
        return container, stream

    def _probe(self) -> SourceInfo:
        container, stream = self._open()
        with container:
            rate = stream.guessed_rate or stream.average_rate
            frames = stream.frames or _count(container, stream, rate)
            picture = next(
                (f for f in self._packets(container, stream) if f.image), None
            )
            if picture is None:
                raise ValueError(f'{self.path}: no frame can be decoded')
            h, w = _turned(picture.image).shape[:2]
            return SourceInfo(
                name=os.path.splitext(os.path.basename(self.path))[0],
                size=(w, h),
                rate=rate,
                frames=frames or None,
                time_base=stream.time_base,
            )

    def _entry(self, span: Span) -> Tuple[int, float]:
        """Index of the first wanted frame, and the time of the one before.

        Packets are counted, not decoded: the index is that of a run from the
        start also where the frame rate varies.
        """
        if span.whole:
            return 0, -np.inf
        container, stream = self._open()
        with container:
            start = _start_of(container, stream)
            times, late = [], 0
            for packet in _demux(self.av, container, stream):
                if packet.pts is None or packet.is_discard:
                    continue
                time = float((packet.pts - start) * stream.time_base)
                times.append(time)
                late += not span.start.is_after(len(times) - 1, time)
                if late > REORDER:
                    break
        times.sort()
        before = [
            time
            for index, time in enumerate(times)
            if span.start.is_after(index, time)
        ]
        return len(before), before[-1] if before else -np.inf

    def _decoded(self, index: int, behind: float) -> Iterator[Frame]:
        """Frames shown after a time, numbered from an index; the image is
        still PyAV's."""
        container, stream = self._open()
        with container:
            start = _start_of(container, stream)
            if behind > 0:
                _seek(self.av, container, stream, start, behind)
            step = 1 / stream.time_base / (self.info.rate or 30)
            last = None
            for frame in self._packets(container, stream):
                pts = frame.time
                if pts is None or (last is not None and pts <= last):
                    pts = start if last is None else last + round(step)
                last = pts
                time = float((pts - start) * stream.time_base)
                if time > behind:
                    yield frame._replace(index=index, time=time)
                    index += 1

    def _packets(self, container, stream) -> Iterator[Frame]:
        """Decoded frames in order of display, ``time`` in the stream's units.

        Where decoding failed, a packet without its frame is a lost frame;
        elsewhere it is one that is not meant to be shown.
        """
        pending: List[int] = []
        failure = ''
        for packet in _demux(self.av, container, stream):
            if packet.pts is not None and not packet.is_discard:
                heapq.heappush(pending, packet.pts)
            try:
                pictures = packet.decode()
            except self.av.error.FFmpegError as error:
                failure = f'damaged data ({error.strerror})'
                continue
            for picture in pictures:
                while pending and (
                    picture.pts is not None and pending[0] <= picture.pts
                ):
                    pts = heapq.heappop(pending)
                    if failure and pts < picture.pts:
                        yield Frame(None, 0, pts, failure)
                failure = ''
                if picture.is_corrupt:
                    yield Frame(None, 0, picture.pts, 'damaged picture')
                else:
                    yield Frame(picture, 0, picture.pts)
        while failure and pending:
            yield Frame(None, 0, heapq.heappop(pending), failure)


def _demux(av, container, stream):
    """Packets of a stream and the flushing one; damaged parts are passed."""
    failures = 0
    while failures < MAX_FAILURES:
        try:
            for packet in container.demux(stream):
                failures = 0
                yield packet
            return
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            failures += 1


def _start_of(container, stream) -> int:
    """Time of the stream's first frame in its units."""
    if stream.start_time is not None:
        return stream.start_time
    if container.start_time is not None:
        return round(Fraction(container.start_time, 10**6) / stream.time_base)
    return 0


def _count(container, stream, rate) -> int:
    """Frames of a stream whose header does not tell, from its duration."""
    if stream.duration is not None:
        seconds = stream.duration * stream.time_base
    elif container.duration is not None:
        seconds = Fraction(container.duration, 10**6)
    else:
        return 0
    return round(seconds * (rate or 0))


def _seek(av, container, stream, start: int, time: float) -> None:
    """To the key frame before a time; where the container cannot, nowhere:
    the frames before it are decoded and passed over."""
    target = start + int(time / stream.time_base)
    try:
        container.seek(target, stream=stream, backward=True)
    except av.error.FFmpegError:
        container.seek(start, stream=stream, backward=True)


def _turned(picture) -> np.ndarray:
    """(H, W, 3) uint8 BGR, turned as the file's rotation flag says."""
    image = picture.to_ndarray(format='bgr24')
    turns = round((picture.rotation or 0) / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def _converted(frame: Frame) -> Frame:
    try:
        return frame._replace(image=_turned(frame.image))
    except (ValueError, MemoryError, OSError) as error:
        return frame._replace(image=None, error=f'no picture ({error})')
