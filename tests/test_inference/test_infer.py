import inspect
from dataclasses import fields

from spinepose_mmpose.inference import (
    Lifter,
    OneEuroSmoother,
    PoseTracker,
    SpinePoseEstimator,
    Tracker,
    infer_image,
    infer_video,
    iter_video,
)
from spinepose_mmpose.inference.results import SPINE_ONLY
from spinepose_mmpose.inference.settings import Settings

import cv2
import numpy as np
import pytest
from moving_people import figure, person

BOXES = [[100, 50, 250, 400], [300, 80, 500, 460]]
IDS = [19, 26, 27, 28, 29, 30, 18, 35, 36]


@pytest.fixture(scope='module')
def estimator(tiny_onnx):
    """Finds the two boxes, further right by 5 pixels a grey level of the
    image's corner."""

    def detector(image):
        boxes = np.float32(BOXES)
        boxes[:, ::2] += 5 * int(image[0, 0, 0] > 128)
        return boxes, np.float32([0.9, 0.8])

    return SpinePoseEstimator(model=tiny_onnx, detector=detector)


@pytest.fixture(scope='module')
def photo(people_image, tmp_path_factory):
    path = tmp_path_factory.mktemp('photo') / 'people.png'
    cv2.imwrite(str(path), people_image)
    return str(path)


def test_infer_image(estimator, photo, people_image):
    poses = infer_image(photo, estimator=estimator)
    keypoints, scores = estimator(people_image)
    assert poses.shape == (2, 37, 3) and poses.dtype == np.float32
    np.testing.assert_array_equal(poses[..., :2], keypoints)
    np.testing.assert_array_equal(poses[..., 2], scores)
    given = infer_image(photo, estimator=estimator, bboxes=BOXES[:1])
    assert given.shape == (1, 37, 3)


def test_the_spine_in_the_clients_order(estimator, photo):
    everything = infer_image(photo, estimator=estimator)
    spine = infer_image(photo, spine_only=True, estimator=estimator)
    np.testing.assert_array_equal(spine, everything[:, IDS])
    assert len(SPINE_ONLY) == 9


def test_nobody(estimator, photo):
    none = infer_image(photo, estimator=estimator, bboxes=[])
    assert none.shape == (0, 37, 3)
    spine = infer_image(photo, spine_only=True, estimator=estimator, bboxes=[])
    assert spine.shape == (0, 9, 3)


def test_settings_reach_the_estimator(tiny_onnx, photo):
    poses = infer_image(photo, model=tiny_onnx, detector=None, flip_test=True)
    assert poses.shape == (1, 37, 3)
    with pytest.raises(ValueError, match="no backend 'x'"):
        infer_image(photo, model=tiny_onnx, backend='x')


def test_a_bad_image_is_said_before_the_model_is_made(tmp_path):
    with pytest.raises(FileNotFoundError, match='no such image'):
        infer_image(str(tmp_path / 'none.jpg'), model='none.onnx')


def test_a_drawing(estimator, photo, people_image, tmp_path):
    path = tmp_path / 'drawn.png'
    infer_image(photo, vis_path=str(path), estimator=estimator)
    drawn = cv2.imread(str(path))
    assert drawn.shape == people_image.shape
    assert (drawn != people_image).any()
    keypoints, scores = estimator(people_image)
    again = estimator.visualize(people_image, keypoints, scores)
    assert again.shape == people_image.shape
    assert (again != people_image).any()


@pytest.mark.parametrize(
    'name, sentence',
    [('drawn.xyz', 'drawn.xyz cannot be'), ('none/a.png', 'is no folder')],
)
def test_where_a_drawing_cannot_go(photo, tmp_path, name, sentence):
    """Said before the model is made."""
    with pytest.raises((ValueError, OSError), match=sentence):
        infer_image(photo, vis_path=str(tmp_path / name), model='none.onnx')


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    pytest.importorskip('av')
    from block_clips import make_clip

    path = tmp_path_factory.mktemp('clip') / 'blocks.mp4'
    return make_clip(path, frames=6, size=(128, 96))


def test_iter_video_is_the_estimator_frame_by_frame(estimator, clip):
    from spinepose_mmpose.inference.video import open_source

    images = [frame.image for frame in open_source(clip).frames()]
    frames = iter_video(
        clip, use_smoothing=False, estimator=estimator, det_interval=1
    )
    for i, (frame, image) in enumerate(zip(frames, images, strict=True)):
        assert (frame.frame_index, frame.size) == (i, (128, 96))
        assert frame.time == pytest.approx(i * 1001 / 30000)
        assert sorted(p.track_id for p in frame.people) == [1, 2]
        keypoints, scores = estimator(image)
        np.testing.assert_allclose(frame.keypoints, keypoints, atol=1e-3)
        np.testing.assert_allclose(frame.scores, scores, atol=1e-5)


def test_infer_video_orders_by_identity(estimator, clip):
    # The network is random: at the next detection it would find other people.
    settings = dict(use_smoothing=False, estimator=estimator, det_interval=6)
    poses = infer_video(clip, **settings)
    frames = iter_video(clip, **settings)
    assert [p.shape for p in poses] == [(2, 37, 3)] * 6
    for of_frame, frame in zip(poses, frames):
        people = sorted(frame.people, key=lambda p: p.track_id)
        for row, one in zip(of_frame, people):
            np.testing.assert_array_equal(row[:, :2], one.keypoints)
            np.testing.assert_array_equal(row[:, 2], one.scores)
    spine = infer_video(clip, spine_only=True, **settings)
    np.testing.assert_array_equal(spine[3], poses[3][:, IDS])


def test_the_surest_people_of_a_video(estimator, tiny_onnx, clip):
    poses = infer_video(
        clip,
        use_smoothing=False,
        max_detections=1,
        model=tiny_onnx,
        detector=estimator.detector,
    )
    frame = next(iter_video(clip, use_smoothing=False, estimator=estimator))
    assert [p.shape for p in poses] == [(1, 37, 3)] * 6
    surest = max(frame.people, key=lambda person: person.bbox_score)
    np.testing.assert_allclose(poses[0][0, :, :2], surest.keypoints, atol=1e-3)
    with pytest.raises(ValueError, match='max_people should go to the esti'):
        infer_video(clip, max_detections=1, estimator=estimator)


def test_a_video_without_people(tiny_onnx, clip):
    nobody = np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
    estimator = SpinePoseEstimator(
        model=tiny_onnx, detector=lambda image: nobody
    )
    poses = infer_video(clip, estimator=estimator)
    assert [p.shape for p in poses] == [(0, 37, 3)] * 6


def test_a_drawn_video(estimator, clip, tmp_path):
    from spinepose_mmpose.inference.video import open_source

    path = tmp_path / 'drawn.mp4'
    infer_video(clip, vis_path=str(path), estimator=estimator)
    assert len(list(open_source(str(path)).frames())) == 6
    # Who stops early keeps what was drawn until then.
    early = iter_video(clip, vis_path=str(path), estimator=estimator)
    next(early), next(early)
    early.close()
    assert len(list(open_source(str(path)).frames())) == 2
    assert [file.name for file in tmp_path.iterdir()] == ['drawn.mp4']
    for name, sentence in (('a.xyz', 'xyz'), ('none/a.mp4', 'is no folder')):
        with pytest.raises((ValueError, OSError), match=sentence):
            iter_video(clip, vis_path=str(tmp_path / name), model='none.onnx')


def test_settings_of_a_video_are_checked_at_once(tiny_onnx, clip):
    with pytest.raises(ValueError, match="no backend 'x'"):
        iter_video(clip, model=tiny_onnx, backend='x')
    with pytest.raises(OSError, match='none.mp4'):
        iter_video('none.mp4', model=tiny_onnx)


def test_defaults_are_those_of_the_settings():
    for function in (infer_image, infer_video, iter_video, PoseTracker):
        parameters = inspect.signature(function).parameters
        for name in set(parameters) & {f.name for f in fields(Settings)}:
            if name not in ('input_path', 'vis_path'):
                expected = getattr(Settings, name)
                assert parameters[name].default == expected, name
    assert (
        inspect.signature(PoseTracker).parameters['det_frequency'].default
        == Settings.det_interval
    )
    estimator = inspect.signature(SpinePoseEstimator).parameters
    for spec in fields(Settings):
        if 'keyword' in spec.metadata:
            keyword = spec.metadata['keyword']
            assert estimator[keyword].default == spec.default, keyword


@pytest.mark.parametrize('show_lifting_panel', [True, False])
def test_lifting(
    estimator, photo, people_image, clip, tmp_path, show_lifting_panel
):
    h, w = people_image.shape[:2]
    options = dict(
        vis_path=str(tmp_path / 'drawn.png'),
        estimator=estimator,
        enable_lifting=True,
        lifter=Lifter(threads=1),
        show_lifting_panel=show_lifting_panel,
    )
    camera = np.array([[600, 0, w / 2], [0, 600, h / 2], [0, 0, 1]])
    flat, solid = infer_image(photo, camera_intrinsics=camera, **options)
    assert flat.shape == (2, 37, 3) and solid.shape == (2, 37, 4)
    np.testing.assert_array_equal(flat[..., 2], solid[..., 3])
    drawn = cv2.imread(options['vis_path'])
    assert (drawn.shape[1] > w) == show_lifting_panel
    options['vis_path'] = str(tmp_path / 'drawn.mp4')
    frames = list(iter_video(clip, primary_subject_height=1.7, **options))
    assert len(frames) == 6
    for frame in frames:
        assert frame.keypoints_3d.shape == (len(frame.people), 37, 3)
    with pytest.raises(ValueError, match='_height needs enable_lifting'):
        infer_image(photo, estimator=estimator, primary_subject_height=1.7)


# --- PoseTracker --------------------------------------------------------------


IMAGE = np.zeros((4, 4, 3), np.uint8)


def test_pose_tracker_takes_a_tracker_and_a_smoother():
    tracker, smoother = Tracker(max_gap=2.0), OneEuroSmoother()
    loop = PoseTracker(Estimator(), 3, smoothing=smoother, tracker=tracker).loop
    assert loop.tracker is tracker and loop.smoother is smoother


def test_without_a_detector_every_frame_is_its_turn():
    estimator = Estimator()
    assert PoseTracker(estimator, det_frequency=3).loop.det_interval == 3
    estimator.detector = None
    assert PoseTracker(estimator, det_frequency=3).loop.det_interval == 1


class Estimator:
    """Two people; remembers what it was asked."""

    def __init__(self, mode='medium'):
        self.mode, self.calls = mode, []
        self.people = [person(figure(i) + (400 * i, 0)) for i in range(2)]

    def detect(self, image):
        self.calls.append('detect')
        boxes = np.array([p.bbox for p in self.people]).reshape(-1, 4)
        return boxes, np.full(len(boxes), 0.9)

    def predict_batch(self, images, bboxes, bbox_scores):
        self.calls.append(bboxes[0])
        np.testing.assert_allclose(bbox_scores[0], [0.9] * len(bboxes[0]))
        return [tuple(self.people)]


def test_pose_tracker_detects_every_nth_frame_and_orders_rows():
    tracker = PoseTracker(Estimator, det_frequency=3, mode='small')
    estimator = tracker.estimator
    assert estimator.mode == 'small'
    for _ in range(7):
        keypoints, scores = tracker(IMAGE)
        estimator.people.reverse()
        assert keypoints.shape == (2, 37, 2) and scores.shape == (2, 37)
        assert tracker.track_ids == (1, 2)
        np.testing.assert_array_equal(keypoints[1], tracker.people[1].keypoints)
        assert keypoints[1, :, 0].mean() > 300
    detections = [isinstance(call, str) for call in estimator.calls]
    assert detections == [True, False, False, False] * 2 + [True, False]
    assert estimator.calls[2].shape == (2, 4)


def test_pose_tracker_without_tracking_and_with_nobody():
    tracker = PoseTracker(Estimator(), tracking=False)
    tracker(IMAGE)
    assert tracker.track_ids == (None, None)
    tracker.estimator.people = []
    keypoints, scores = tracker(IMAGE)
    assert keypoints.shape == (0, 37, 2) and scores.shape == (0, 37)


def test_pose_tracker_smooths_and_starts_anew():
    tracker = PoseTracker(Estimator(), smoothing=True)
    tracker(IMAGE)
    estimator = tracker.estimator
    estimator.people = [person(p.keypoints + (3, 0)) for p in estimator.people]
    smooth, _ = tracker(IMAGE)
    moved = smooth - (estimator.people[0].keypoints - (3, 0))[None]
    assert 0 < moved[0, 0, 0] < 3
    tracker.reset()
    fresh, _ = tracker(IMAGE)
    np.testing.assert_array_equal(fresh[0], estimator.people[0].keypoints)
    assert tracker.track_ids == (1, 2)


def test_pose_tracker_errors():
    with pytest.raises(ValueError, match='det_interval.*0'):
        PoseTracker(Estimator(), det_frequency=0)
    with pytest.raises(ValueError, match='tracking should be True'):
        PoseTracker(Estimator(), tracking=False, smoothing=True)
    with pytest.raises(ValueError, match='tracking should be True'):
        PoseTracker(Estimator(), tracking=False, det_frequency=3)
    with pytest.raises(ValueError, match='mode should go to the estimator'):
        PoseTracker(Estimator(), mode='small')
    with pytest.raises(ValueError, match='fps'):
        PoseTracker(Estimator(), fps=0)


@pytest.mark.slow
def test_pose_tracker_with_the_estimator_itself(tiny_onnx, people_image):
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
