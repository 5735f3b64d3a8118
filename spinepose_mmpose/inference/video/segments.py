"""A video that is written in short files and joined at the end.

A process that is killed loses the file that it was writing and no other.
"""

import json
import os
import shutil
from fractions import Fraction
from typing import List, Optional, Tuple

import numpy as np

from ...utils import replaced
from .containers import import_av
from .writer import VideoWriter

# Pictures in one file.
LENGTH = 250
INDEX = 'segments.jsonl'


class SegmentedWriter:
    """Write pictures; what was written before in the same folder is kept.

    Args:
        target: the video file that :meth:`finish` makes.
        folder: where the short files lie until then.
        rate: nominal frames a second.
        time_base: unit of the times in seconds.
        length: pictures in one file. The bytes of the result depend on it,
            not on where a run was interrupted.
    """

    def __init__(
        self,
        target: str,
        folder: str,
        rate: Optional[Fraction],
        time_base: Fraction,
        length: int = LENGTH,
    ):
        self.target, self.folder = os.fspath(target), os.fspath(folder)
        self.extension = os.path.splitext(self.target)[1].lower()
        self.rate, self.time_base, self.length = rate, time_base, length
        os.makedirs(self.folder, exist_ok=True)
        self.done = self._read_index()
        self.writer: Optional[VideoWriter] = None

    @property
    def resume_point(self) -> Optional[Tuple[int, float]]:
        """(index, time) of the last picture that is safe, or None."""
        if not self.done:
            return None
        return self.done[-1]['index'], self.done[-1]['time']

    def write(self, image: np.ndarray, index: int, time: float) -> None:
        """Append a picture; one that is safe already is left out.

        Args:
            image: (H, W, 3) uint8 BGR.
            index: of its frame.
            time: of its frame in seconds.
        """
        if self.done and index <= self.done[-1]['index']:
            return
        if self.writer is None:
            self._begin(image, time)
        self.writer.write(image, time)
        self.current.update(index=index, time=time)
        self.count += 1
        if self.count == self.length:
            self._end()

    def finish(self) -> bool:
        """Join the files into the target, which appears complete; False if
        there was no picture."""
        if self.writer is not None:
            self._end()
        if not self.done:
            return False
        with replaced(self.target) as temporary:
            join(
                [(self._path(s['file']), s['start']) for s in self.done],
                temporary,
            )
        shutil.rmtree(self.folder)
        return True

    def abort(self) -> None:
        """Stop in the middle; complete files stay."""
        if self.writer is not None:
            self.writer.abort()
            self.writer = None

    def _begin(self, image: np.ndarray, time: float) -> None:
        size = image.shape[1::-1]
        if self.done:
            size = tuple(self.done[0]['size'])
        self.current = dict(
            file=f'{len(self.done):06d}{self.extension}',
            start=time,
            size=list(size),
        )
        self.count = 0
        self.writer = VideoWriter(
            self._path(f'part{self.extension}'),
            size,
            self.rate,
            self.time_base,
            start=time,
        )

    def _end(self) -> None:
        self.writer.close()
        self.writer = None
        os.replace(
            self._path(f'part{self.extension}'),
            self._path(self.current['file']),
        )
        with open(self._path(INDEX), 'a', encoding='utf-8') as file:
            file.write(json.dumps(self.current) + '\n')
        self.done.append(self.current)

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def _read_index(self) -> List[dict]:
        """Complete files; the line of one may be cut off."""
        done = []
        try:
            with open(self._path(INDEX), encoding='utf-8') as file:
                lines = file.readlines()
        except FileNotFoundError:
            return done
        for line in lines:
            if not line.endswith('\n'):
                break
            entry = json.loads(line)
            if not os.path.isfile(self._path(entry['file'])):
                break
            done.append(entry)
        with open(self._path(INDEX), 'w', encoding='utf-8') as file:
            file.writelines(json.dumps(entry) + '\n' for entry in done)
        return done


def join(segments: List[Tuple[str, float]], target: str) -> None:
    """Put video files of one encoder behind each other; nothing is encoded.

    Args:
        segments: (file, time in seconds of its first picture).
        target: the file to write.
    """
    av = import_av()
    origin = segments[0][1]
    with av.open(target, 'w') as output:
        stream = None
        for path, start in segments:
            with av.open(path) as part:
                source = part.streams.video[0]
                if stream is None:
                    stream = output.add_stream_from_template(source)
                    stream.time_base = source.time_base
                begin = source.start_time or 0
                offset = (
                    round(Fraction(start - origin) / source.time_base) - begin
                )
                for packet in part.demux(source):
                    if packet.pts is None:
                        continue
                    packet.pts += offset
                    packet.dts = packet.pts
                    packet.stream = stream
                    output.mux(packet)
