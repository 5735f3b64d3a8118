"""What a run is made with, and what those who watch it see."""

from dataclasses import dataclass, field
from typing import Callable, NamedTuple, Optional

import numpy as np

from ..formats import Header
from ..results import SPINE_ONLY, FrameResult
from ..video import WHOLE, Span

Draw = Callable[[np.ndarray, FrameResult], np.ndarray]


class Tools(NamedTuple):
    """What works on frames.

    Attributes:
        estimator: see :func:`.stream_steps`.
        make_tracker, make_smoother: give a new one for every clip, or None.
        smooth_all: smooths a whole clip's results, or None.
        draw: a picture of (image, result); the image may be drawn upon.
        boxes_of: boxes and scores of a frame by its index, or of a photograph
            by its file's name, instead of a detector's.
    """

    estimator: object
    make_tracker: Callable[[], object] = lambda: None
    make_smoother: Callable[[], object] = lambda: None
    smooth_all: Optional[Callable] = None
    draw: Optional[Draw] = None
    boxes_of: Optional[Callable] = None


@dataclass(frozen=True)
class ClipSettings:
    """What results depend on beside the tools.

    Attributes:
        span: which part of the source.
        det_interval, batch_frames: see :func:`.stream_steps`.
        layout: of OpenPose's files.
        spine_only: write the nine points of the spine alone.
        fingerprint: plain values that must be the same in a resumed run.
    """

    span: Span = WHOLE
    det_interval: int = 1
    batch_frames: int = 1
    layout: str = 'client'
    spine_only: bool = False
    fingerprint: dict = field(default_factory=dict)


class Seen(NamedTuple):
    """A frame that is done, for those who watch.

    Attributes:
        result: everybody in it.
        picture: drawn, None where nothing is drawn.
    """

    result: FrameResult
    picture: Optional[np.ndarray]


def spine_of(result: FrameResult) -> FrameResult:
    """The nine points of the spine alone, from the sacrum up."""
    people = tuple(person.select(SPINE_ONLY) for person in result.people)
    return FrameResult(
        people, result.frame_index, result.time, result.size, result.error
    )


def spine_header(header: Header) -> Header:
    return Header(**{**header.__dict__, 'keypoints': SPINE_ONLY})
