"""Pictures to a video file, with their own times."""

import os
from fractions import Fraction
from typing import Optional, Tuple

import cv2
import numpy as np

from .containers import import_av

# extension -> encoders, the best first; the first that exists is taken.
ENCODERS = {
    '.mp4': ('libx264', 'libopenh264', 'mpeg4'),
    '.m4v': ('libx264', 'libopenh264', 'mpeg4'),
    '.mov': ('libx264', 'libopenh264', 'mpeg4'),
    '.mkv': ('libx264', 'libopenh264', 'mpeg4'),
    '.avi': ('mpeg4',),
    '.webm': ('libvpx-vp9', 'libvpx'),
}
# No B-frames: a file then starts at its first picture, so that files can be
# joined. A fixed number of threads: the bytes do not depend on the machine.
# x264 without look-ahead: with its macroblock tree the same pictures come out
# in other bytes now and then, depending on what was encoded before.
OPTIONS = {
    'libx264': {
        'preset': 'veryfast',
        'crf': '21',
        'bf': '0',
        'rc-lookahead': '0',
        'threads': '4',
    },
    'libopenh264': {'b': '8000000'},
    'mpeg4': {'qscale': '3', 'flags': '+qscale', 'bf': '0', 'threads': '1'},
    'libvpx-vp9': {
        'crf': '30',
        'b': '0',
        'cpu-used': '5',
        'lag-in-frames': '0',
        'threads': '4',
    },
    'libvpx': {'crf': '12', 'b': '4000000', 'lag-in-frames': '0'},
}
DEFAULT_RATE = Fraction(30)


def video_extensions() -> Tuple[str, ...]:
    """Extensions of the video files that can be written."""
    return tuple(ENCODERS)


def find_encoder(extension: str) -> str:
    """Name of the encoder for a file.

    Raises:
        ValueError: no such file can be written.
    """
    av = import_av()
    if extension.lower() not in ENCODERS:
        raise ValueError(
            f'no video is written as {extension!r}: choose from '
            f'{", ".join(ENCODERS)}'
        )
    for name in ENCODERS[extension.lower()]:
        if name in av.codecs_available:
            return name
    raise ValueError(
        f'this FFmpeg has no encoder for {extension} files '
        f'(looked for {", ".join(ENCODERS[extension.lower()])})'
    )


class VideoWriter:
    """One video file.

    Pictures of an odd width or height get their last column or row twice,
    since H.264 wants even ones; others than the first's size are scaled.

    Args:
        path: the file; its extension decides the container.
        size: (w, h) in pixels.
        rate: nominal frames a second.
        time_base: unit of the times in seconds.
        start: time that the file starts at.
    """

    def __init__(
        self,
        path: str,
        size: Tuple[int, int],
        rate: Optional[Fraction],
        time_base: Fraction,
        start: float = 0.0,
    ):
        self.av = import_av()
        self.size = size
        rate = Fraction(rate or DEFAULT_RATE)
        extension = os.path.splitext(path)[1].lower()
        # AVI has a clock that ticks once a frame.
        self.time_base = 1 / rate if extension == '.avi' else time_base
        self.base = to_ticks(start, self.time_base)
        self.duration = max(1, round(1 / rate / self.time_base))
        self.last = -1
        encoder = find_encoder(extension)
        self.container = self.av.open(path, 'w')
        self.stream = self.container.add_stream(
            encoder, rate=rate, options=OPTIONS[encoder]
        )
        self.stream.width, self.stream.height = (n + n % 2 for n in size)
        self.stream.pix_fmt = 'yuv420p'
        self.stream.time_base = self.time_base
        self.stream.codec_context.time_base = self.time_base

    def write(self, image: np.ndarray, time: float) -> None:
        """Append a picture.

        Args:
            image: (H, W, 3) uint8 BGR.
            time: seconds, later than the one before.
        """
        if image.shape[1::-1] != self.size:
            image = cv2.resize(image, self.size)
        w, h = self.size
        if w % 2 or h % 2:
            image = cv2.copyMakeBorder(
                image, 0, h % 2, 0, w % 2, cv2.BORDER_REPLICATE
            )
        frame = self.av.VideoFrame.from_ndarray(
            np.ascontiguousarray(image), format='bgr24'
        )
        ticks = to_ticks(time, self.time_base) - self.base
        self.last = max(ticks, self.last + 1)
        frame.pts, frame.time_base = self.last, self.time_base
        self._mux(self.stream.encode(frame))

    def close(self) -> None:
        """Finish the file."""
        try:
            self._mux(self.stream.encode())
        finally:
            self.container.close()

    def abort(self) -> None:
        """Let go of the file, which stays incomplete."""
        self.container.close()

    def _mux(self, packets) -> None:
        for packet in packets:
            if not packet.duration:
                packet.duration = self.duration
            self.container.mux(packet)


def to_ticks(time: float, time_base: Fraction) -> int:
    """A time in seconds in units of a time base."""
    return round(Fraction(time) / time_base)
