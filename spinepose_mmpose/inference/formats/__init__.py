"""Files of results: one class per format, in :mod:`.tables` those of frames,
in :mod:`.movements` those of movements.

All formats round alike, so that they agree and a result that was written and
read again is the same.
"""

import importlib.util
import os
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import Callable, Dict, Iterable, List, Optional, Tuple, Type

import numpy as np

from ...metainfo import KEYPOINT_NAMES
from ..results import FrameResult, Person
from ..settings import Settings

PIXEL_DIGITS = 3
SCORE_DIGITS = 4
METRE_DIGITS = 4
Frames = Callable[[], Iterable[FrameResult]]


@dataclass(frozen=True)
class Header:
    """What a file of results tells about itself."""

    source: str = ''  # name of the clip or photograph
    keypoints: Tuple[str, ...] = KEYPOINT_NAMES
    rate: Optional[Fraction] = None  # frames per second, None if unknown
    size: Tuple[int, int] = (0, 0)  # w, h of the frames in pixels
    model: str = ''  # name of the model or of its file
    licence: str = ''  # of the weights; '' if unknown
    axes: str = ''  # of points in 3D: world or camera; '' without them

    def to_json(self) -> dict:
        """As plain values; the exact rate as ``"30000/1001"``."""
        values = asdict(self)
        values['rate'] = self.rate and str(self.rate)
        if not self.axes:
            del values['axes']
        return values

    @classmethod
    def from_json(cls, values: dict) -> 'Header':
        known = {k: v for k, v in values.items() if k in cls.__annotations__}
        if known.get('rate') is not None:
            known['rate'] = Fraction(known['rate'])
        for name in ('keypoints', 'size'):
            if name in known:
                known[name] = tuple(known[name])
        return cls(**known)


class Format:
    """A kind of file, made for the settings of a run and the name of an
    input. A subclass says what follows, and how it is written."""

    name = ''  # what --save-format calls it
    extension = ''
    for_photographs = True  # a single image makes sense
    in_one_file = True  # a clip fits into one file
    needs_identities = False  # it is one file per person
    measures = False  # it holds measures, and so needs all points
    packages: Tuple[str, ...] = ()  # that it is written with beside others
    extra = ''  # of ours that installs them

    def __init_subclass__(cls):
        if cls.name:
            FORMATS[cls.name] = cls

    def __init__(self, settings: Settings, source: str = ''):
        self.settings, self.source = settings, source

    def check(self) -> None:
        """ValueError where identities or a package are missing."""
        if self.needs_identities and not self.settings.tracking:
            raise ValueError(
                f'{self.name} tells people apart, which needs identities: '
                'leave out --no-tracking'
            )
        for package in self.packages:
            if importlib.util.find_spec(package) is None:
                raise ValueError(
                    f'{self.name} needs the package {package}, which is '
                    f'missing: pip install "spinepose-mmpose[{self.extra}]"'
                )

    def target(self, folder: str, name: str, is_clip: bool, alone: bool) -> str:
        """Where the results of an input called ``name`` go within the folder
        that the user named; ``alone``: it is the only input."""
        return os.path.join(folder, name + self.extension)

    def existing(self, path: str, name: str) -> List[str]:
        """Files that are there already where results of an input go: a path
        from :meth:`target`, or a file that the user named."""
        return [path] if os.path.exists(path) else []

    def sample(self, path: str, name: str, is_clip: bool) -> str:
        """A file like those that will be written."""
        return path

    def write(self, path: str, header: Header, frames: Frames) -> List[str]:
        """Write the results of an input, whose ``frames`` are given anew each
        time, to a path as for :meth:`existing`; each file appears complete.
        Returns the files."""
        raise NotImplementedError


FORMATS: Dict[str, Type[Format]] = {}


def rounded(values, digits: int) -> np.ndarray:
    """float64, of which ``repr`` is short; zeros are not negative."""
    return np.round(np.asarray(values, np.float64), digits) + 0.0


def rounded_result(result: FrameResult) -> FrameResult:
    """The result that a reader of any of the files gets."""
    people = tuple(
        replace(
            person,
            keypoints=np.float32(rounded(person.keypoints, PIXEL_DIGITS)),
            scores=np.float32(rounded(person.scores, SCORE_DIGITS)),
            bbox=np.float32(rounded(person.bbox, PIXEL_DIGITS)),
            bbox_score=score_value(person.bbox_score),
        )
        for person in result.people
    )
    return replace(result, people=people)


def table_of(person: Person, in_3d: bool = False) -> List[List[float]]:
    """(K, 3) [x, y, score] or (K, 4) [x, y, z, score], rounded; empty for
    somebody without a place in 3D."""
    points, digits = person.keypoints, PIXEL_DIGITS
    if in_3d:
        points, digits = person.keypoints_3d, METRE_DIGITS
        if points is None or np.isnan(points).any():
            return []
    scores = rounded(person.scores, SCORE_DIGITS)
    return np.column_stack([rounded(points, digits), scores]).tolist()


def box_values(person: Person) -> List[float]:
    return rounded(person.bbox, PIXEL_DIGITS).tolist()


def score_value(score: float) -> float:
    return float(rounded(score, SCORE_DIGITS))


# At the end: they need what is above, and put themselves into ``FORMATS``.
from . import movements, tables  # noqa: E402, F401
