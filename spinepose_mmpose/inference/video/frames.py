"""What a source of pictures gives, and which part of it is wanted."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Iterator, NamedTuple, Optional, Protocol, Tuple

import numpy as np


class Frame(NamedTuple):
    """One picture of a source.

    Attributes:
        image: (H, W, 3) uint8 BGR as it is to be looked at, None if it could
            not be read.
        index: position in the source in order of display, from 0.
        time: seconds since the start of the source.
        error: why there is no image.
    """

    image: Optional[np.ndarray]
    index: int
    time: float
    error: str = ''


@dataclass(frozen=True)
class SourceInfo:
    """What is known of a source before it is read.

    Attributes:
        name: to be shown and to name outputs after, without extension.
        size: (w, h) of the pictures in pixels.
        rate: frames a second, exact (30000/1001); None if the source has
            none. Of a variable rate, the nominal one.
        frames: number of frames of the whole source; None if unknown.
        time_base: the unit of its times in seconds.
        live: it goes on while nobody looks, so that it cannot be read twice
            and frames that come too fast are dropped.
    """

    name: str
    size: Tuple[int, int]
    rate: Optional[Fraction] = None
    frames: Optional[int] = None
    time_base: Fraction = Fraction(1, 90000)
    live: bool = False


class Position(NamedTuple):
    """A place in a source: a time in seconds, or the index of a frame."""

    time: Optional[float] = None
    index: Optional[int] = None

    def is_after(self, index: int, time: float) -> bool:
        """Whether a frame lies before this place."""
        if self.index is not None:
            return index < self.index
        return self.time is not None and time < self.time


class Span(NamedTuple):
    """The part of a source that is wanted.

    Attributes:
        start: the first frame.
        end: the first frame that is not wanted any more; None: all.
        stride: every so manyth frame from the first.
    """

    start: Position = Position(index=0)
    end: Optional[Position] = None
    stride: int = 1

    @property
    def whole(self) -> bool:
        return not (self.start.index or self.start.time)

    def ends_before(self, index: int, time: float) -> bool:
        return self.end is not None and not self.end.is_after(index, time)

    def count(self, info: SourceInfo) -> Optional[int]:
        """How many frames that will be, about; None if unknown."""
        if info.frames is None:
            return None
        first = self._index(self.start, info)
        last = self._index(self.end, info) if self.end else info.frames
        wanted = max(0, min(last, info.frames) - first)
        return -(-wanted // self.stride)

    @staticmethod
    def _index(place: Position, info: SourceInfo) -> int:
        if place.index is not None:
            return place.index
        return round((place.time or 0) * (info.rate or 0))


WHOLE = Span()


class Source(Protocol):
    """Anything that gives frames one after the other."""

    info: SourceInfo

    def frames(
        self, span: Span = WHOLE, after: Optional[Tuple[int, float]] = None
    ) -> Iterator[Frame]:
        """The frames of a span.

        Args:
            span: which frames.
            after: (index, time) of a frame that was read before: go on with
                the one behind it. The span stays that of the first run.
        """
        ...


def parse_position(text: str) -> Position:
    """``12.5``, ``1:30`` and ``0:01:30.5`` are times, ``250f`` is a frame.

    Raises:
        ValueError: it is something else.
    """
    try:
        if text.endswith('f'):
            place = Position(index=int(text[:-1]))
        else:
            seconds = 0.0
            for part in text.split(':'):
                seconds = 60 * seconds + float(part)
            place = Position(time=seconds)
    except ValueError:
        place = None
    value = None if place is None else (place.index or place.time or 0)
    if value is None or not 0 <= value < float('inf'):
        raise ValueError(
            f'{text!r} is no place in a video: seconds (12.5), a time '
            '(0:01:30) or a frame (250f) expected'
        )
    return place
