"""Frames to people: detect, estimate, track and smooth, one loop for all.

Decoding, detection and estimation work at the same time, each in a thread of
its own. Poses of up to ``batch_frames`` frames are one batch of the network
where their boxes do not depend on one another. Which frames those are follows
from the frames alone, so that a run that was resumed gives the same numbers.
"""

import queue
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Iterable, Iterator, List, NamedTuple, Optional, TypeVar

import numpy as np

from .boxes import NOBODY
from .results import FrameResult
from .settings import Settings, Span
from .smooth import OneEuroSmoother
from .track import Tracker
from .video import WHOLE, Frame, Source

Item = TypeVar('Item')
_END = object()
# Seconds between two states from which a run can go on.
STATE_PERIOD = 0.5
STATE_VERSION = 4  # of what tracker and smoother keep
# Between two frames the nearer one is searched, on a tie the later one.
NEARER = 0.4


def ahead(
    items: Iterable[Item], size: int = 2, newest: bool = False
) -> Iterator[Item]:
    """The items, made in another thread before they are asked for.

    An error there is raised here. When this generator is closed, the thread
    closes ``items`` and ends. OpenCV, PyAV and ONNX Runtime let other threads
    run while they work, so that a chain of such stages overlaps.

    Args:
        size (int): how many of them may wait.
        newest (bool): drop the oldest waiting one instead of making ``items``
            wait, as a camera needs it.
    """
    waiting: queue.Queue = queue.Queue(maxsize=size)
    stop = threading.Event()

    def work() -> None:
        last = (_END, None)
        try:
            for item in items:
                if stop.is_set():
                    return
                while newest and waiting.full():
                    with suppress(queue.Empty):
                        waiting.get_nowait()
                waiting.put((item, None))
        except BaseException as error:  # whatever it is, the caller gets it
            last = (_END, error)
        finally:
            if hasattr(items, 'close'):
                items.close()
            waiting.put(last)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    try:
        while True:
            item, error = waiting.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
    finally:
        stop.set()
        # The thread may be waiting for room in the queue.
        while worker.is_alive():
            with suppress(queue.Empty):
                while True:
                    waiting.get_nowait()
            worker.join(0.02)


def batches(items: Iterable[Item], size: int) -> Iterator[List[Item]]:
    """Lists of ``size`` items; the last one may be shorter."""
    items = iter(items)
    while batch := list(islice(items, size)):
        yield batch


class Found(NamedTuple):
    """A frame after detection."""

    frame: Frame
    # (N, 4) and scores (N,); None where the tracker is to say where people are.
    boxes: Optional[tuple]
    detected: bool = True  # the boxes are not the tracker's
    predicted: int = 0  # but so many of the last ones are


class Step(NamedTuple):
    """What the stream gives for a frame."""

    image: Optional[np.ndarray]  # (H, W, 3) uint8 BGR, None if unreadable
    result: FrameResult
    state: Optional[dict] = None  # to go on from; None where nobody can


class Schedule(NamedTuple):
    """When the detector is due."""

    count: int = 0  # frames since the last detection
    detected: Optional[float] = None  # time of the last detection
    previous: Optional[float] = None  # time of the frame before


@dataclass(eq=False)
class FrameLoop:
    """Detect, estimate, track and smooth, frame after frame."""

    estimator: Any  # with detect and predict_batch of SpinePoseEstimator
    # Gives people their identity. Without one the detector runs on every frame
    # and nothing is smoothed.
    tracker: Any = None
    smoother: Any = None  # called with the people of a frame and its time
    # How long the tracker's boxes stand in for the detector: an int counts
    # frames, a float is seconds. The detector also runs before the tracker
    # would lose sight of people.
    det_interval: float = Settings.det_interval
    # From the index of a frame to its boxes (N, 4) and scores (N,), instead of
    # a detector.
    boxes_of: Any = None
    schedule: Schedule = field(default=Schedule(), init=False)

    def __post_init__(self):
        if self.tracker is None or self.boxes_of:
            self.det_interval = 1

    @classmethod
    def create(
        cls, settings: Settings, estimator, boxes_of=None, tracker=None,
        smoother=None,
    ):  # fmt: skip
        """The loop of some settings; a tracker and a smoother may be given."""
        if not settings.tracking:
            return cls(estimator, boxes_of=boxes_of)
        if settings.smooth != 'live':
            smoother = None
        elif smoother is None:
            smoother = OneEuroSmoother(settings.min_cutoff, settings.beta)
        searches = getattr(estimator, 'detector', True) is not None
        interval = settings.det_interval if searches else 1
        tracker = tracker or Tracker(max_gap=settings.max_gap)
        return cls(estimator, tracker, smoother, interval, boxes_of)

    def reset(self) -> None:
        """Begin a new stream."""
        self.schedule = Schedule()
        for part in self._parts().values():
            part.reset()

    def _parts(self) -> dict:
        parts = dict(tracker=self.tracker, smoother=self.smoother)
        return {name: part for name, part in parts.items() if part is not None}

    def detect(self, frame: Frame) -> Found:
        """Where people are, by the detector if it is its turn."""
        count, detected, _ = self.schedule
        is_due = frame.image is not None and self._is_due(frame.time)
        if is_due:
            count, detected = 0, frame.time
        self.schedule = Schedule(count + 1, detected, frame.time)
        if not is_due:
            return Found(frame, None, False)
        if self.boxes_of is not None:
            return Found(frame, self.boxes_of(frame.index))
        return Found(frame, self.estimator.detect(frame.image))

    def finish(self, batch: Iterable[Found]) -> Iterator[FrameResult]:
        """Results of frames in order; those whose boxes are known go through
        the network together."""
        known: List[Found] = []
        for found in batch:
            # A detector that runs on every frame is not waited for.
            if found.frame.image is not None and self.det_interval != 1:
                yield from self._estimate(known)
                known = []
                found = self._with_predicted(found)
            known.append(found)
        yield from self._estimate(known)

    def _with_predicted(self, found: Found) -> Found:
        """With the tracker's boxes, as far as people fit into a frame."""
        own = found.boxes or NOBODY
        detected = own[0] if found.detected else None
        more = self.tracker.predict(found.frame.time, detected)
        most = getattr(self.estimator, 'max_people', None)
        boxes = [np.concatenate(parts)[:most] for parts in zip(own, more)]
        predicted = len(boxes[0]) - len(own[0]) if found.detected else 0
        return found._replace(boxes=tuple(boxes), predicted=predicted)

    def state(self, schedule: Schedule) -> dict:
        """Everything that the next frame depends on, ready for JSON; of the
        detector, which is ahead of the rest, what the caller has kept."""
        parts = {name: part.state() for name, part in self._parts().items()}
        schedule = schedule._asdict()
        return dict(parts, detector=schedule, version=STATE_VERSION)

    def load_state(self, state: dict) -> None:
        """Go on where a loop of the same settings was; ValueError if that was
        one of another version."""
        if state['version'] != STATE_VERSION:
            raise ValueError(f'this is a state of version {state["version"]}')
        self.schedule = Schedule(**state['detector'])
        for name, part in self._parts().items():
            part.load_state(state[name])

    def _is_due(self, time: float) -> bool:
        count, detected, previous = self.schedule
        if detected is None or self.tracker is None:
            return True
        waited, step = time - detected, time - previous
        if waited + step > self.tracker.max_gap:
            return True  # by the next frame they would be out of sight
        if isinstance(self.det_interval, int):
            return count >= self.det_interval
        return waited + NEARER * step >= self.det_interval

    def _estimate(self, batch: List[Found]) -> Iterator[FrameResult]:
        read = [found for found in batch if found.frame.image is not None]
        people = iter(())
        if read:
            images = [found.frame.image for found in read]
            boxes, scores = zip(*(found.boxes for found in read))
            people = iter(self.estimator.predict_batch(images, boxes, scores))
        for (image, index, seconds, error), _, detected, predicted in batch:
            seen, size = (), (0, 0)
            if image is not None:
                seen, size = tuple(next(people)), image.shape[1::-1]
                if self.tracker is not None:
                    seen = self.tracker.update(
                        seen, seconds, detected, predicted
                    )
                if self.smoother is not None:
                    seen = self.smoother(seen, seconds)
            yield FrameResult(tuple(seen), index, seconds, size, error)


def stream(
    source: Source,
    loop: FrameLoop,
    batch_frames: int = Settings.batch_frames,
    span: Span = WHOLE,
    after: int = -1,
) -> Iterator[Step]:
    """The people of every frame, in constant memory.

    Args:
        batch_frames (int): frames in one batch; more is faster on a GPU and
            later.
        span, after: which frames of the source, see :class:`.Source`.
    """
    ready = 2 * batch_frames

    def detected():
        frames = ahead(source.frames(span, after), ready, source.info.live)
        with closing(frames):
            for batch in batches(frames, batch_frames):
                yield [loop.detect(frame) for frame in batch], loop.schedule

    def finished():
        saved = time.monotonic()
        with closing(ahead(detected(), 1)) as found:
            for batch, schedule in found:
                steps = [
                    Step(one.frame.image, result)
                    for one, result in zip(batch, loop.finish(batch))
                ]
                if time.monotonic() - saved >= STATE_PERIOD:
                    saved = time.monotonic()
                    steps[-1] = steps[-1]._replace(state=loop.state(schedule))
                yield from steps

    return ahead(finished(), ready)
