from spinepose_mmpose.inference import PoseTracker, SpinePoseEstimator

import numpy as np
import pytest
from moving_people import figure, person


class Estimator:
    """Two people; remembers what it was asked."""

    def __init__(self, mode='medium'):
        self.mode, self.calls = mode, []
        self.people = [person(figure(i) + (400 * i, 0)) for i in range(2)]

    def predict(self, image, bboxes=None, bbox_scores=None):
        self.calls.append(bboxes)
        if bboxes is not None:
            np.testing.assert_allclose(bbox_scores, [0.9] * len(bboxes))
        return tuple(self.people)


def test_facade_detects_every_nth_frame_and_orders_rows():
    tracker = PoseTracker(Estimator, det_frequency=3, mode='small')
    estimator = tracker.estimator
    assert estimator.mode == 'small'
    for _ in range(7):
        keypoints, scores = tracker(np.zeros((4, 4, 3), np.uint8))
        estimator.people.reverse()
        assert keypoints.shape == (2, 37, 2) and scores.shape == (2, 37)
        assert tracker.track_ids == (1, 2)
        np.testing.assert_array_equal(keypoints[1], tracker.people[1].keypoints)
        assert keypoints[1, :, 0].mean() > 300
    detected = [boxes is None for boxes in estimator.calls]
    assert detected == [True, False, False] * 2 + [True]
    assert estimator.calls[1].shape == (2, 4)


def test_facade_without_tracking_and_with_nobody():
    tracker = PoseTracker(Estimator(), tracking=False)
    tracker(None)
    assert tracker.track_ids == (None, None)
    tracker.estimator.people = []
    keypoints, scores = tracker(None)
    assert keypoints.shape == (0, 37, 2) and scores.shape == (0, 37)


def test_facade_smooths_and_starts_anew():
    tracker = PoseTracker(Estimator(), smoothing=True)
    tracker(None)
    estimator = tracker.estimator
    estimator.people = [person(p.keypoints + (3, 0)) for p in estimator.people]
    smooth, _ = tracker(None)
    moved = smooth - (estimator.people[0].keypoints - (3, 0))[None]
    assert 0 < moved[0, 0, 0] < 3
    tracker.reset()
    fresh, _ = tracker(None)
    np.testing.assert_array_equal(fresh[0], estimator.people[0].keypoints)
    assert tracker.track_ids == (1, 2)


def test_facade_errors():
    with pytest.raises(ValueError, match='det_frequency.*0'):
        PoseTracker(Estimator(), det_frequency=0)
    with pytest.raises(ValueError, match='tracking should be True'):
        PoseTracker(Estimator(), tracking=False, smoothing=True)
    with pytest.raises(ValueError, match='mode should go to the estimator'):
        PoseTracker(Estimator(), mode='small')
    with pytest.raises(ValueError, match='fps'):
        PoseTracker(Estimator(), fps=0)


@pytest.mark.slow
def test_with_the_estimator_itself(tiny_onnx, people_image):
    tracker = PoseTracker(
        SpinePoseEstimator,
        det_frequency=2,
        smoothing=True,
        model=tiny_onnx,
        detector=None,
    )
    for _ in range(3):
        keypoints, scores = tracker(people_image)
    assert keypoints.shape[1:] == (37, 2) and scores.shape[1:] == (37,)
    drawn = tracker.visualize(people_image, keypoints, scores)
    assert drawn.shape == people_image.shape
