"""Images to a video file, with their own times, and the sound of another."""

import logging
import os
from contextlib import ExitStack, closing, contextmanager
from fractions import Fraction
from typing import Iterator, Optional, Tuple

import cv2
import numpy as np

from ..utils import replaced
from .video import SourceInfo
from .video_file import import_av

logger = logging.getLogger(__name__)

# A fixed number of threads: the bytes do not depend on the machine. x264
# without look-ahead: with its macroblock tree the same images come out in
# other bytes now and then, depending on what was encoded before.
H264 = 'libx264', 'preset=veryfast crf=21 bf=0 rc-lookahead=0 threads=4'
MPEG4 = 'mpeg4', 'qscale=3 flags=+qscale bf=0 threads=1'
VP9 = 'libvpx-vp9', 'crf=30 b=0 cpu-used=5 lag-in-frames=0 threads=4'
# extension -> encoder and its options
ENCODERS = dict.fromkeys(('.mp4', '.m4v', '.mov', '.mkv'), H264)
ENCODERS |= {'.avi': MPEG4, '.webm': VP9}
DEFAULT_RATE = Fraction(30)


def find_encoder(path: str) -> Tuple[str, dict]:
    """Encoder of a file, by its extension, and its options; ValueError if no
    such file can be written."""
    extension = os.path.splitext(path)[1].lower()
    if extension not in ENCODERS:
        raise ValueError(
            f'{path} cannot be written: no video is written as {extension!r}, '
            f'choose from {", ".join(ENCODERS)}'
        )
    name, options = ENCODERS[extension]
    if name not in import_av().codecs_available:
        raise ValueError(f'this FFmpeg has no {name}, for {extension} files')
    return name, dict(option.split('=') for option in options.split())


class VideoWriter:
    """One video file, whose times start at its first image.

    Images of an odd width or height get their last column or row twice,
    since H.264 wants even ones; others than the first one's size are scaled.

    Args:
        path (str): the file; its extension decides the container.
        size (tuple): (w, h) in pixels.
        rate (Fraction, optional): nominal frames per second.
        time_base (Fraction): unit of the times in seconds.
        sound (str): a file whose sound is copied, at the times of the images;
            ValueError if the container cannot hold it; '' for none.
    """

    def __init__(
        self,
        path: str,
        size: Tuple[int, int],
        rate: Optional[Fraction],
        time_base: Fraction,
        sound: str = '',
    ):
        self.av, self.path, self.size = import_av(), path, size
        rate = Fraction(rate or DEFAULT_RATE)
        is_avi = path.lower().endswith('.avi')
        # AVI has a clock that ticks once per frame.
        self.time_base = 1 / rate if is_avi else time_base
        self.duration = max(1, round(1 / rate / self.time_base))
        self.begin: Optional[float] = None
        self.last = -1
        encoder, options = find_encoder(path)
        # Without file: a name with a colon would be taken for a protocol,
        # without bitexact Matroska draws a number by lot.
        self.container = self.av.open(
            f'file:{path}', 'w', options={'fflags': 'bitexact'}
        )
        self.stream = self.container.add_stream(
            encoder, rate=rate, options=options
        )
        self.stream.width, self.stream.height = (n + n % 2 for n in size)
        self.stream.pix_fmt = 'yuv420p'
        self.stream.time_base = self.time_base
        self.stream.codec_context.time_base = self.time_base
        self.sound = self._copied(sound)
        self.waiting = next(self.sound, None)

    def write(self, image: np.ndarray, time: float) -> None:
        """Append an image (H, W, 3) uint8 BGR, later than the one before."""
        if image.shape[1::-1] != self.size:
            image = cv2.resize(image, self.size)
        w, h = self.size
        image = cv2.copyMakeBorder(
            image, 0, h % 2, 0, w % 2, cv2.BORDER_REPLICATE
        )
        frame = self.av.VideoFrame.from_ndarray(
            np.ascontiguousarray(image), format='bgr24'
        )
        if self.begin is None:
            self.begin = time
        ticks = [
            round(Fraction(t) / self.time_base) for t in (time, self.begin)
        ]
        self.last = max(ticks[0] - ticks[1], self.last + 1)
        frame.pts, frame.time_base = self.last, self.time_base
        self._mux(self.stream.encode(frame))
        self._mux_sound(time)

    def close(self) -> None:
        """Finish the file."""
        try:
            self._mux(self.stream.encode())
        finally:
            self.sound.close()
            self.container.close()

    def _copied(self, path: str) -> Iterator[tuple]:
        """(seconds since the first frame of a video, packet) of its sound."""
        if not path:
            return
        with self.av.open(f'file:{path}') as source:
            if not source.streams.audio:
                logger.warning(f'{path} has no sound')
                return
            ours, video = source.streams.audio[0], source.streams.video[0]
            kind = ours.codec_context.name
            if kind not in self.container.supported_codecs:
                raise ValueError(
                    f'the sound of {path} ({kind}) does not go into a file of '
                    'this kind: name one that ends in .mkv, or leave out '
                    '--audio'
                )
            stream = self.container.add_stream_from_template(ours)
            origin = (video.start_time or 0) * video.time_base
            for packet in source.demux(ours):
                if packet.pts is not None:
                    seconds = packet.pts * packet.time_base - origin
                    packet.stream = stream
                    yield seconds, packet

    def _mux_sound(self, until: float) -> None:
        """Write the sound up to a time of the source in seconds."""
        while self.waiting and self.waiting[0] <= until:
            seconds, packet = self.waiting
            ticks = round((seconds - Fraction(self.begin)) / packet.time_base)
            if ticks >= 0:
                packet.pts = packet.dts = ticks
                self.container.mux(packet)
            self.waiting = next(self.sound, None)

    def _mux(self, packets) -> None:
        for packet in packets:
            if not packet.duration:
                packet.duration = self.duration
            self.container.mux(packet)


@contextmanager
def written_video(path, info: SourceInfo, sound: str = '') -> Iterator:
    """Yields a function from an image and its time that appends it to a file.

    The file is begun with the first image, and appears complete when the block
    ends. ``info`` is of the source whose times the images have; ``sound`` as in
    :class:`VideoWriter`.
    """
    with ExitStack() as stack:
        writer = None

        def write(image: np.ndarray, time: float) -> None:
            nonlocal writer
            if writer is None:
                file = stack.enter_context(replaced(os.fspath(path)))
                size = image.shape[1::-1]
                writer = VideoWriter(
                    file, size, info.rate, info.time_base, sound
                )
                stack.enter_context(closing(writer))
            writer.write(image, time)

        yield write
