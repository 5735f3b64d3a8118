"""A sequence of still images that is one clip."""

import os
from fractions import Fraction
from typing import Iterator, Optional, Sequence, Tuple

from ..images import read_image
from .frames import WHOLE, Frame, SourceInfo, Span


class StillsSource:
    """Stills as frames of a clip, in the order given.

    One that cannot be read is given without image and with the reason.

    Args:
        paths: image files.
        rate: frames a second.
        name: of the clip; default: the name of their folder.

    Raises:
        ValueError: there are none, or the first that can be read is missing.
    """

    def __init__(self, paths: Sequence[str], rate: Fraction, name: str = ''):
        if not paths:
            raise ValueError(f'no images in {name or "the sequence"}')
        if rate <= 0:
            raise ValueError(f'a frame rate is positive, but {rate} was given')
        self.paths = [os.fspath(path) for path in paths]
        folder = os.path.dirname(os.path.abspath(self.paths[0]))
        first = next((f for f in self._read(range(len(paths))) if not f[2]), 0)
        if not first:
            raise ValueError(f'none of the images in {folder} can be read')
        h, w = first[1].shape[:2]
        self.info = SourceInfo(
            name=name or os.path.basename(folder),
            size=(w, h),
            rate=Fraction(rate),
            frames=len(self.paths),
            time_base=1 / Fraction(rate),
        )

    def frames(
        self, span: Span = WHOLE, after: Optional[Tuple[int, float]] = None
    ) -> Iterator[Frame]:
        """See :class:`.Source`."""
        times = [float(i * self.info.time_base) for i in range(len(self.paths))]
        wanted = [
            i
            for i, time in enumerate(times)
            if not span.start.is_after(i, time)
            and not span.ends_before(i, time)
        ][:: span.stride]
        behind = -1 if after is None else after[0]
        for i, image, error in self._read([i for i in wanted if i > behind]):
            yield Frame(image, i, times[i], error)

    def _read(self, indices) -> Iterator[tuple]:
        for index in indices:
            try:
                yield index, read_image(self.paths[index]), ''
            except (OSError, ValueError) as error:
                yield index, None, str(error)
