"""Frames to people: decode, detect and estimate at the same time.

Frames are counted from the first one that is wanted. The detector runs on
every ``det_interval``-th of them (on the next one that can be read, if that
one cannot); between, the boxes are those that the tracker expects. Poses of
up to ``batch_frames`` frames are one batch of the network where their boxes
do not depend on one another. Which frames those are follows from the count
alone, so that a run that was resumed gives the same numbers.
"""

import time
from contextlib import closing
from typing import Callable, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np

from ..results import FrameResult, Person
from ..video import WHOLE, Frame, Source, Span, open_source
from .overlap import ahead, batches

# Seconds between two states from which a run can go on.
STATE_PERIOD = 0.5
BoxesOf = Callable[[int], Tuple[np.ndarray, np.ndarray]]


class Step(NamedTuple):
    """What the stream gives for a frame.

    Attributes:
        image: (H, W, 3) uint8 BGR, None if the frame could not be read.
        result: everybody in it.
        state: where to go on after this frame, or None where a run cannot.
    """

    image: Optional[np.ndarray]
    result: FrameResult
    state: Optional[dict]


class _Item(NamedTuple):
    """A frame and (boxes (N, 4), scores (N,)), None where the tracker is to
    say where people are."""

    frame: Frame
    boxes: Optional[tuple]
    detected: bool = True


def stream_frames(
    source, estimator, **options
) -> Iterator[Tuple[Optional[np.ndarray], FrameResult]]:
    """(image, result) of every frame, in constant memory.

    Args:
        source: a :class:`.Source` or what :func:`.open_source` takes.
        estimator: with ``detect`` and ``predict_batch``.
        options: those of :func:`stream_steps`.
    """
    with closing(stream_steps(source, estimator, **options)) as steps:
        for image, result, _ in steps:
            yield image, result


def stream_steps(
    source,
    estimator,
    *,
    tracker=None,
    smoother=None,
    det_interval: int = 1,
    batch_frames: int = 1,
    span: Span = WHOLE,
    after: Optional[Tuple[int, float]] = None,
    state: Optional[dict] = None,
    boxes_of: Optional[BoxesOf] = None,
) -> Iterator[Step]:
    """As :func:`stream_frames`, with the states to resume from.

    Args:
        source: a :class:`.Source` or what :func:`.open_source` takes.
        estimator: with ``detect(image) -> boxes, scores`` and
            ``predict_batch(images, boxes) -> people of each image``.
        tracker: gives people their identity; with ``det_interval`` above 1 it
            is needed.
        smoother: called with the people of a frame and its time.
        det_interval: the detector runs on every so manyth frame.
        batch_frames: frames in one batch; more is faster on a GPU and later.
        span: which part of the source.
        after, state: frame (index, time) and state to go on from.
        boxes_of: boxes and scores of a frame by its index, instead of the
            detector's.

    Raises:
        ValueError: settings that cannot work together.
    """
    if det_interval < 1 or batch_frames < 1:
        raise ValueError(
            'det_interval and batch_frames are 1 or more, but '
            f'{det_interval} and {batch_frames} were given'
        )
    if det_interval > 1 and tracker is None:
        raise ValueError(
            f'a detector on every {det_interval} frames needs a tracker for '
            'the boxes in between'
        )
    if not hasattr(source, 'frames'):
        source = open_source(source)
    if state is not None:
        _load(tracker, state.get('tracker'))
        _load(smoother, state.get('smoother'))
    return _steps(
        source,
        estimator,
        tracker,
        smoother,
        _Detector(
            estimator.detect if boxes_of is None else None,
            boxes_of,
            det_interval,
            (state or {}).get('detector'),
        ),
        batch_frames,
        span,
        after,
    )


class _Detector:
    """Decides which frames are searched; its count is part of the state."""

    def __init__(self, detect, boxes_of, interval: int, state: Optional[dict]):
        self.detect, self.boxes_of = detect, boxes_of
        self.interval = interval
        self.count = state['count'] if state else 0
        self.due = state['due'] if state else True

    def __call__(self, frame: Frame) -> _Item:
        self.due |= self.count % self.interval == 0
        self.count += 1
        if frame.image is None or not self.due:
            return _Item(frame, None, False)
        self.due = False
        if self.boxes_of is not None:
            return _Item(frame, self.boxes_of(frame.index))
        return _Item(frame, self.detect(frame.image))

    def state(self) -> dict:
        return {'count': self.count, 'due': self.due}


def _steps(
    source, estimator, tracker, smoother, detector, size, span, after
) -> Iterator[Step]:
    def detected():
        with closing(_frames(source, span, after, size)) as frames:
            for batch in batches(frames, size):
                yield [detector(frame) for frame in batch], detector.state()

    def estimated():
        saved = time.monotonic()
        with closing(ahead(detected(), 1)) as found:
            for batch, detector_state in found:
                steps = list(_poses(batch, estimator, tracker, smoother))
                if time.monotonic() - saved >= STATE_PERIOD:
                    saved = time.monotonic()
                    state = {
                        'detector': detector_state,
                        'tracker': _state(tracker),
                        'smoother': _state(smoother),
                    }
                    steps[-1] = steps[-1]._replace(state=state)
                yield from steps

    return ahead(estimated(), 2 * size)


def _frames(source: Source, span, after, size) -> Iterator[Frame]:
    return ahead(source.frames(span, after), 2 * size, source.info.live)


def _poses(batch: List[_Item], estimator, tracker, smoother) -> Iterator[Step]:
    """Steps of a batch; frames whose boxes are known go together."""
    known: List[_Item] = []
    for item in batch:
        if item.boxes is None and item.frame.image is not None:
            yield from _finished(known, estimator, tracker, smoother)
            known = []
            item = item._replace(boxes=tracker.predict(item.frame.time))
        known.append(item)
    yield from _finished(known, estimator, tracker, smoother)


def _finished(
    items: List[_Item], estimator, tracker, smoother
) -> Iterator[Step]:
    seen = [item for item in items if item.frame.image is not None]
    people = iter(())
    if seen:
        people = iter(
            estimator.predict_batch(
                [item.frame.image for item in seen],
                [item.boxes[0] for item in seen],
                [item.boxes[1] for item in seen],
            )
        )
    for frame, _, detected in items:
        found: Tuple[Person, ...] = ()
        size = (0, 0)
        if frame.image is not None:
            found, size = tuple(next(people)), frame.image.shape[1::-1]
            if tracker is not None:
                found = tracker.update(found, frame.time, detected=detected)
            if smoother is not None:
                found = smoother(found, frame.time)
        result = FrameResult(
            people=tuple(found),
            frame_index=frame.index,
            time=frame.time,
            size=size,
            error=frame.error,
        )
        yield Step(frame.image, result, None)


def _state(part) -> Optional[dict]:
    return None if part is None else part.state()


def _load(part, state: Optional[dict]) -> None:
    if part is not None and state is not None:
        part.load_state(state)
