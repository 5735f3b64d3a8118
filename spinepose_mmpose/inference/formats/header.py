"""What a file of results tells about itself."""

from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Optional, Tuple

from ...metainfo import KEYPOINT_NAMES


@dataclass(frozen=True)
class Header:
    """Of one clip.

    Attributes:
        source: name of the clip.
        keypoints: names in their order.
        rate: frames a second, None if unknown.
        size: (w, h) of the frames in pixels.
        model: name of the model or of its file.
        licence: of the weights; '' if unknown.
    """

    source: str = ''
    keypoints: Tuple[str, ...] = field(default=KEYPOINT_NAMES)
    rate: Optional[Fraction] = None
    size: Tuple[int, int] = (0, 0)
    model: str = ''
    licence: str = ''

    def to_json(self) -> dict:
        """As plain values; the exact rate as ``"30000/1001"``."""
        values = asdict(self)
        values['rate'] = None if self.rate is None else str(self.rate)
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
