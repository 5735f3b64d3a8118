from spinepose_mmpose.inference.pipeline import stream
from spinepose_mmpose.inference.pipeline.stream import (
    stream_frames,
    stream_steps,
)
from spinepose_mmpose.inference.track import Tracker
from spinepose_mmpose.inference.video import Frame, Position, SourceInfo, Span

import numpy as np
import pytest
from block_clips import RATE, BlockEstimator, block_image, make_clip


class FakeSource:
    """Frames of the block; those in ``bad`` cannot be read."""

    def __init__(self, count=20, bad=()):
        self.count, self.bad = count, bad
        self.info = SourceInfo('fake', (64, 48), RATE, count)

    def frames(self, span=None, after=None):
        for i in range(0 if after is None else after[0] + 1, self.count):
            image = None if i in self.bad else block_image(i)
            error = 'damaged' if i in self.bad else ''
            yield Frame(image, i, float(i / RATE), error)


def left_of(result):
    return float(result.people[0].keypoints[0, 0])


def test_every_frame_in_order(tmp_path):
    estimator = BlockEstimator()
    path = make_clip(tmp_path / 'a.mp4', 20)
    pairs = list(stream_frames(path, estimator))
    assert [result.frame_index for _, result in pairs] == list(range(20))
    assert [left_of(result) for _, result in pairs] == list(range(20))
    assert all(image.shape == (48, 64, 3) for image, _ in pairs)
    assert pairs[3][1].time == pytest.approx(3 * 1001 / 30000)
    assert pairs[0][1].size == (64, 48)
    assert estimator.detected == 20


def test_boxes_between_detections_keep_the_detectors_score():
    steps = stream_frames(
        FakeSource(6), BlockEstimator(), tracker=Tracker(), det_interval=5
    )
    scores = [result.people[0].bbox_score for _, result in steps]
    assert scores == pytest.approx([0.9] * 6)


def test_a_span_of_a_video(tmp_path):
    path = make_clip(tmp_path / 'a.mp4', 20)
    span = Span(Position(index=4), Position(index=15), 3)
    results = [r for _, r in stream_frames(path, BlockEstimator(), span=span)]
    assert [r.frame_index for r in results] == [4, 7, 10, 13]


def test_the_detector_runs_on_every_nth_frame():
    estimator = BlockEstimator()
    results = [
        result
        for _, result in stream_frames(
            FakeSource(), estimator, tracker=Tracker(), det_interval=5
        )
    ]
    assert estimator.detected == 4
    # Boxes in between are the tracker's; nobody is lost or renamed.
    assert [len(r.people) for r in results] == [1] * 20
    assert {r.people[0].track_id for r in results} == {1}


def test_a_detector_that_is_due_on_a_bad_frame_runs_on_the_next():
    estimator = BlockEstimator()
    results = [
        result
        for _, result in stream_frames(
            FakeSource(bad={0, 5, 6}),
            estimator,
            tracker=Tracker(),
            det_interval=5,
        )
    ]
    assert estimator.detected == 4  # frames 1, 7, 10, 15
    assert [r.error for r in results if r.error] == ['damaged'] * 3
    assert all(len(r.people) == (not r.error) for r in results)


def test_frames_form_a_batch_where_boxes_are_known():
    estimator = BlockEstimator()
    results = list(
        stream_frames(FakeSource(bad={2}), estimator, batch_frames=8)
    )
    assert len(results) == 20
    # 8 frames of which one is bad, 8, 4.
    assert estimator.batches == [7, 8, 4]


def test_boxes_from_outside():
    boxes = np.float32([[0, 0, 10, 10], [20, 20, 30, 30]])
    estimator = BlockEstimator()
    results = [
        result
        for _, result in stream_frames(
            FakeSource(3),
            estimator,
            boxes_of=lambda index: (boxes[:index], np.ones(index)),
        )
    ]
    assert [len(r.people) for r in results] == [0, 1, 2]
    assert estimator.detected == 0


@pytest.mark.parametrize('batch_frames', [1, 3])
@pytest.mark.parametrize('det_interval', [1, 4])
def test_going_on_from_any_state(monkeypatch, batch_frames, det_interval):
    """Behind every state the rest is the same, to the last bit."""
    monkeypatch.setattr(stream, 'STATE_PERIOD', 0)
    options = dict(det_interval=det_interval, batch_frames=batch_frames)
    source = FakeSource(bad={4, 9})
    steps = list(
        stream_steps(source, BlockEstimator(), tracker=Tracker(), **options)
    )
    states = [i for i, step in enumerate(steps) if step.state is not None]
    assert len(states) == -(-20 // batch_frames)
    for i in states:
        rest = stream_steps(
            source,
            BlockEstimator(),
            tracker=Tracker(),
            after=(steps[i].result.frame_index, steps[i].result.time),
            state=steps[i].state,
            **options,
        )
        for a, b in zip(rest, steps[i + 1 :], strict=True):
            assert a.result.frame_index == b.result.frame_index
            assert np.array_equal(a.result.keypoints, b.result.keypoints)
            assert [p.track_id for p in a.result.people] == [
                p.track_id for p in b.result.people
            ]
            assert [p.bbox.tolist() for p in a.result.people] == [
                p.bbox.tolist() for p in b.result.people
            ]


def test_settings_that_cannot_work():
    with pytest.raises(ValueError, match='needs a tracker'):
        stream_frames_now(det_interval=2)
    with pytest.raises(ValueError, match='1 or more'):
        stream_frames_now(batch_frames=0)


def stream_frames_now(**options):
    return list(stream_frames(FakeSource(), BlockEstimator(), **options))


def test_an_error_of_the_estimator_ends_the_stream():
    class Broken(BlockEstimator):
        def predict_batch(self, images, boxes, scores):
            raise ValueError('the network is broken')

    with pytest.raises(ValueError, match='the network is broken'):
        list(stream_frames(FakeSource(), Broken()))
