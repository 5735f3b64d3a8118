import json
import threading
import time
from fractions import Fraction

from spinepose_mmpose.inference import stream as module
from spinepose_mmpose.inference.settings import Position, Settings, Span
from spinepose_mmpose.inference.stream import (
    FrameLoop,
    ahead,
    batches,
    stream,
)
from spinepose_mmpose.inference.track import Tracker
from spinepose_mmpose.inference.video import Frame, SourceInfo, open_source

import numpy as np
import pytest
from block_clips import RATE, BlockEstimator, block_image, make_clip


class FakeSource:
    """Frames of the block; those in ``bad`` cannot be read."""

    def __init__(self, count=20, bad=(), rate=RATE):
        self.count, self.bad = count, bad
        self.info = SourceInfo((64, 48), rate, count)
        self.rate = rate

    def frames(self, span=None, after=-1):
        for i in range(after + 1, self.count):
            image = None if i in self.bad else block_image(i)
            error = 'damaged' if i in self.bad else ''
            yield Frame(image, i, float(i / self.rate), error)


def left_of(result):
    return float(result.people[0].keypoints[0, 0])


def run(source=None, estimator=None, tracker=None, interval=1, **options):
    """Steps of a stream."""
    loop = FrameLoop(
        estimator or BlockEstimator(),
        tracker,
        None,
        interval,
        options.pop('boxes_of', None),
    )
    return list(stream(source or FakeSource(), loop, **options))


def test_every_frame_in_order(tmp_path):
    estimator = BlockEstimator()
    steps = run(open_source(make_clip(tmp_path / 'a.mp4', 20)), estimator)
    assert [step.result.frame_index for step in steps] == list(range(20))
    assert [left_of(step.result) for step in steps] == list(range(20))
    assert all(step.image.shape == (48, 64, 3) for step in steps)
    assert steps[3].result.time == pytest.approx(3 * 1001 / 30000)
    assert steps[0].result.size == (64, 48)
    assert estimator.detected == 20


def test_boxes_between_detections_keep_the_detectors_score():
    steps = run(FakeSource(6), tracker=Tracker(), interval=5)
    scores = [step.result.people[0].bbox_score for step in steps]
    assert scores == pytest.approx([0.9] * 6)


def test_whom_the_detector_misses_the_tracker_finds():
    class Misses(BlockEstimator):
        def detect(self, image):
            boxes, scores = super().detect(image)
            found = len(boxes) * (self.detected != 2)
            return boxes[:found], scores[:found]

    for interval, frames in ((5, 12), (1, 11)):
        estimator = Misses()
        steps = run(FakeSource(12), estimator, Tracker(), interval)
        people = [p for step in steps for p in step.result.people]
        assert {p.track_id for p in people} == {1}
        # A detector that runs on every frame is believed.
        assert len(people) == frames


def test_a_span_of_a_video(tmp_path):
    source = open_source(make_clip(tmp_path / 'a.mp4', 20))
    span = Span(Position(index=4), Position(index=15), 3)
    steps = run(source, span=span)
    assert [step.result.frame_index for step in steps] == [4, 7, 10, 13]


def searched(source, interval, tracker=None):
    """Times of the frames that the detector saw."""
    seen = []

    class Estimator(BlockEstimator):
        def detect(self, image):
            seen.append(image)
            return super().detect(image)

    tracker = tracker or Tracker()
    steps = run(source, Estimator(), tracker, interval)
    by_image = {id(step.image): step.result for step in steps}
    return [by_image[id(image)].frame_index for image in seen], steps


@pytest.mark.parametrize(
    'rate, interval, expected',
    [
        (RATE, 5, [0, 5, 10, 15]),
        (RATE, 1 / 6, [0, 5, 10, 15]),
        (25, 1 / 6, [0, 4, 8, 12, 16]),
        (60, 1 / 6, [0, 10]),
        (15, 1 / 6, [0, 3, 6, 9, 12, 15, 18]),
        (RATE, 0.5, [0, 15]),
        (RATE, 1, list(range(20))),
        # Slower than the interval, or than the tracker's gap: in every frame.
        (5, 1 / 6, list(range(20))),
        (Fraction(1, 2), 1 / 6, list(range(20))),
        (Fraction(1, 2), 5, list(range(20))),
    ],
)
def test_the_interval_of_the_detector(rate, interval, expected):
    found, steps = searched(FakeSource(rate=Fraction(rate)), interval)
    assert found == expected
    # Boxes in between are the tracker's; nobody is lost or renamed.
    people = [step.result.people for step in steps]
    assert [[p.track_id for p in of_frame] for of_frame in people] == [[1]] * 20


def test_a_stride_makes_a_clip_slow(tmp_path):
    source = open_source(make_clip(tmp_path / 'a.mp4', 480))
    for interval in (1, 5, 1 / 6):
        steps = run(source, None, Tracker(), interval, span=Span(stride=48))
        ids = [[p.track_id for p in step.result.people] for step in steps]
        assert ids == [[1]] * 10


def test_a_detector_that_is_due_on_a_bad_frame_runs_on_the_next():
    for interval in (5, 1 / 6):
        found, steps = searched(FakeSource(bad={0, 5, 6}), interval)
        assert found == [1, 7, 12, 17]
        results = [step.result for step in steps]
        assert [r.error for r in results if r.error] == ['damaged'] * 3
        assert all(len(r.people) == (not r.error) for r in results)


def test_frames_form_a_batch_where_boxes_are_known():
    estimator = BlockEstimator()
    steps = run(FakeSource(bad={2}), estimator, batch_frames=8)
    assert len(steps) == 20
    # 8 frames of which one is bad, 8, 4.
    assert estimator.batches == [7, 8, 4]


def test_boxes_from_outside():
    boxes = np.float32([[0, 0, 10, 10], [20, 20, 30, 30]])
    estimator = BlockEstimator()
    steps = run(
        FakeSource(3),
        estimator,
        boxes_of=lambda index: (boxes[:index], np.ones(index)),
    )
    assert [len(step.result.people) for step in steps] == [0, 1, 2]
    assert estimator.detected == 0


@pytest.mark.parametrize('batch_frames', [1, 3])
@pytest.mark.parametrize('interval', [1, 4, 1 / 6])
def test_going_on_from_any_state(monkeypatch, batch_frames, interval):
    """Behind every state the rest is the same, to the last bit."""
    monkeypatch.setattr(module, 'STATE_PERIOD', 0)
    source = FakeSource(bad={4, 9})
    options = dict(batch_frames=batch_frames)
    steps = run(source, None, Tracker(), interval, **options)
    states = [i for i, step in enumerate(steps) if step.state is not None]
    assert len(states) == -(-20 // batch_frames)
    for i in states:
        loop = FrameLoop(BlockEstimator(), Tracker(), None, interval)
        loop.load_state(json.loads(json.dumps(steps[i].state)))
        rest = stream(source, loop, after=i, **options)
        for a, b in zip(rest, steps[i + 1 :], strict=True):
            assert a.result.frame_index == b.result.frame_index
            assert np.array_equal(a.result.keypoints, b.result.keypoints)
            for one, other in zip(
                a.result.people, b.result.people, strict=True
            ):
                assert one.track_id == other.track_id
                assert np.array_equal(one.bbox, other.bbox)
    with pytest.raises(ValueError, match='state of version 3'):
        loop.load_state(dict(version=3))


@pytest.mark.parametrize('interval', [0, -1, float('nan'), 10**7])
def test_an_interval_that_cannot_be(interval):
    with pytest.raises(ValueError, match='det_interval'):
        Settings(det_interval=interval)


def test_an_error_of_the_estimator_ends_the_stream():
    class Broken(BlockEstimator):
        def predict_batch(self, images, boxes, scores):
            raise ValueError('the network is broken')

    with pytest.raises(ValueError, match='the network is broken'):
        run(estimator=Broken())


# --- threads ------------------------------------------------------------------


def test_the_same_items_in_order():
    assert list(ahead(iter(range(100)), 3)) == list(range(100))


def test_stages_work_at_the_same_time():
    """Each stage waits for the other: alone, neither would go on."""
    barrier = threading.Barrier(2, timeout=5)

    def made():
        for i in range(3):
            barrier.wait()
            yield i

    items = ahead(made(), 1)
    for _ in range(3):
        # The first item is being made in the other thread meanwhile.
        threading.Thread(target=barrier.wait, daemon=True).start()
        next(items)
    items.close()


def test_not_more_than_its_size_waits():
    made = []

    def source():
        for i in range(50):
            made.append(i)
            yield i

    items = ahead(source(), 2)
    next(items)
    time.sleep(0.2)
    # One was taken, two wait, one is held by the thread.
    assert len(made) <= 4
    items.close()


def test_an_error_reaches_the_caller():
    def source():
        yield 1
        raise OSError('the disk is full')

    items = ahead(ahead(source(), 1), 1)
    assert next(items) == 1
    with pytest.raises(OSError, match='the disk is full'):
        next(items)


def test_closing_ends_the_threads_of_a_chain():
    closed = []

    def source():
        try:
            while True:
                yield 0
        finally:
            closed.append(threading.current_thread())

    before = threading.active_count()
    items = ahead((item for item in ahead(source(), 1)), 1)
    next(items)
    items.close()
    assert len(closed) == 1
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before


def test_the_newest_item_of_a_camera():
    go = threading.Event()

    def source():
        for i in range(100):
            yield i
        go.set()
        yield 100

    items = ahead(source(), 2, newest=True)
    next(items)
    assert go.wait(5)  # the camera did not have to wait
    assert list(items)[-1] == 100


def test_batches():
    assert list(batches(iter('abcde'), 2)) == [['a', 'b'], ['c', 'd'], ['e']]
