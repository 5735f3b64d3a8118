import json

from spinepose_mmpose.inference import SpinePoseEstimator
from spinepose_mmpose.metainfo import KEYPOINT_NAMES

import cv2
import numpy as np
import pytest
from PIL import Image
from tiny_network import CONFIG


@pytest.fixture(scope='module')
def by_onnx(tiny_onnx):
    return SpinePoseEstimator(model=tiny_onnx, detector=None)


def by_mmpose(model, image, boxes, flip_test: bool):
    """Keypoints and scores of MMPose's own inference."""
    from mmpose.apis import inference_topdown

    model.test_cfg['flip_test'] = flip_test
    found = [s.pred_instances for s in inference_topdown(model, image, boxes)]
    return (
        np.concatenate([people.keypoints for people in found]),
        np.concatenate([people.keypoint_scores for people in found]),
    )


@pytest.fixture(scope='module')
def make(tiny_onnx, tiny_config, tiny_checkpoint):
    """Makes the estimator of a backend."""
    files = dict(
        onnxruntime=dict(model=tiny_onnx),
        pytorch=dict(config=tiny_config, checkpoint=tiny_checkpoint),
    )
    return lambda backend, **options: SpinePoseEstimator(
        **files[backend], detector=None, **options
    )


# How far keypoints (pixels) and scores may be from MMPose's own.
BACKENDS = [('pytorch', 1e-3, 1e-5), ('onnxruntime', 0.5, 1e-4)]


@pytest.mark.parametrize('flip_test', [False, True])
@pytest.mark.parametrize('backend, pixels, score', BACKENDS)
def test_it_equals_mmpose(
    tiny_model,
    make,
    people_image,
    people_boxes,
    backend,
    pixels,
    score,
    flip_test,
):
    estimator = make(backend, flip_test=flip_test)
    keypoints, scores = estimator(people_image, people_boxes)
    expected = by_mmpose(tiny_model, people_image, people_boxes, flip_test)
    np.testing.assert_allclose(keypoints, expected[0], atol=pixels)
    np.testing.assert_allclose(scores, expected[1], atol=score)


def real_people(folder):
    """(path, boxes (N, 4)) of each real image."""
    labels = json.loads((folder / 'test_coco.json').read_text())
    for image in labels['images']:
        yield (
            str(folder / image['file_name']),
            np.float32(
                [
                    [x, y, x + w, y + h]
                    for person in labels['annotations']
                    if person['image_id'] == image['id']
                    for x, y, w, h in [person['bbox']]
                ]
            ),
        )


@pytest.mark.parametrize('flip_test', [False, True])
@pytest.mark.parametrize(
    'backend, pixels', [('pytorch', 0.1), ('onnxruntime', 0.5)]
)
def test_real_images_equal_mmpose(
    tiny_model, make, sample_dir, backend, pixels, flip_test
):
    estimator = make(backend, flip_test=flip_test)
    for path, boxes in real_people(sample_dir):
        expected = by_mmpose(tiny_model, path, boxes, flip_test)
        keypoints, scores = estimator(path, boxes)
        np.testing.assert_allclose(keypoints, expected[0], atol=pixels)
        np.testing.assert_allclose(scores, expected[1], atol=1e-4)


@pytest.mark.parametrize('flip_test', [False, True])
def test_the_demo_model_equals_mmpose(sample_dir, flip_test):
    """A trained one, by name, with the ONNX file that comes with it."""
    from spinepose_mmpose.zoo import resolve_weights

    from mmpose.apis import init_model

    name = 'spinepose-t-demo'
    try:
        checkpoint = str(resolve_weights(name))
    except FileNotFoundError:
        pytest.skip(f'{name} is not in this tree')
    model = init_model(str(CONFIG), checkpoint, device='cpu')
    rounded = as_stored(init_model(str(CONFIG), checkpoint, device='cpu'))
    options = dict(detector=None, flip_test=flip_test)
    for backend, reference in (('pytorch', model), ('onnxruntime', rounded)):
        estimator = SpinePoseEstimator(name, backend=backend, **options)
        assert estimator.model_name == name
        for path, boxes in real_people(sample_dir):
            expected, scores = by_mmpose(reference, path, boxes, flip_test)
            keypoints, own_scores = estimator(path, boxes)
            np.testing.assert_allclose(keypoints, expected, atol=0.1)
            np.testing.assert_allclose(own_scores, scores, atol=1e-4)


def as_stored(model):
    """The weights that tools/deploy.py --weights-fp16 stores: batch norms in
    the convolutions, then tensors of 256 elements and more in float16."""
    import torch
    from mmcv.cnn.utils.fuse_conv_bn import fuse_conv_bn

    model.backbone = fuse_conv_bn(model.backbone)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.numel() >= 256:
                weight.copy_(weight.half())
    return model


def test_one_batch_equals_one_by_one(by_onnx, people_image, people_boxes):
    keypoints, scores = by_onnx(people_image, people_boxes)
    for i, box in enumerate(people_boxes):
        alone = by_onnx(people_image, box[None])
        np.testing.assert_allclose(keypoints[i], alone[0][0], atol=1e-3)
        np.testing.assert_allclose(scores[i], alone[1][0], atol=1e-4)


def test_batches_are_split_and_joined(tiny_onnx, people_image, people_boxes):
    small = SpinePoseEstimator(model=tiny_onnx, detector=None, batch_size=2)
    sizes = []
    run = small.backend.run
    small.backend.run = lambda crops: sizes.append(len(crops)) or run(crops)
    shifted = np.roll(people_image, 40, axis=1)
    people = small.predict_batch(
        [people_image, shifted, people_image],
        [people_boxes, [], people_boxes[:2]],
        [np.float32([0.9, 0.8, 0.7]), [], [0.6, 0.5]],
    )
    assert sizes == [2, 2, 1]
    assert [len(p) for p in people] == [3, 0, 2]
    for i in range(2):
        np.testing.assert_array_equal(people[2][i].bbox, people_boxes[i])
        np.testing.assert_allclose(
            people[2][i].keypoints, people[0][i].keypoints, atol=1e-3
        )
    assert [p.bbox_score for p in people[2]] == pytest.approx([0.6, 0.5])


def test_people_know_their_names(by_onnx, people_image, people_boxes):
    keypoints, scores = by_onnx(people_image, people_boxes)
    assert keypoints.shape == (3, 37, 2) and scores.shape == (3, 37)
    assert keypoints.dtype == scores.dtype == np.float32
    person = by_onnx.predict(people_image, people_boxes)[1]
    assert person.names == KEYPOINT_NAMES and person.track_id is None
    np.testing.assert_array_equal(person['nose'][:2], keypoints[1, 0])
    np.testing.assert_array_equal(person.bbox, people_boxes[1])


def test_nobody(by_onnx, people_image):
    keypoints, scores = by_onnx(people_image, [])
    assert keypoints.shape == (0, 37, 2) and scores.shape == (0, 37)
    assert keypoints.dtype == scores.dtype == np.float32
    assert by_onnx.predict(people_image, np.zeros((0, 4))) == ()
    assert by_onnx.predict_batch([], []) == []


def test_without_a_detector_the_image_is_the_box(by_onnx, people_image):
    (person,) = by_onnx.predict(people_image)
    assert person.bbox.tolist() == [0, 0, 640, 480]
    given = by_onnx(people_image, [[0, 0, 640, 480]])
    np.testing.assert_array_equal(person.keypoints, given[0][0])


def test_the_network_sees_red_first(tiny_onnx, people_image, people_boxes):
    """What goes into the graph is (RGB - mean) / std, as in training."""
    estimator = SpinePoseEstimator(model=tiny_onnx, detector=None)
    seen = []
    run = estimator.backend.engine.run
    estimator.backend.engine.run = lambda array, names: (
        seen.append(array) or run(array, names)
    )
    red = np.zeros((100, 80, 3), np.uint8)
    red[..., 2] = 255  # cv2 order
    estimator(red, [[20, 20, 60, 80]])
    centre = seen[0][0, :, 128, 96]
    expected = [(255 - 123.675) / 58.395, -116.28 / 57.12, -103.53 / 57.375]
    np.testing.assert_allclose(centre, expected, rtol=1e-6)


def test_images_of_all_kinds(by_onnx, people_image, people_boxes, tmp_path):
    expected = by_onnx(people_image, people_boxes)
    path = tmp_path / 'people.png'
    cv2.imwrite(str(path), people_image)
    kinds = (np.asfortranarray(people_image), Image.open(path))
    for image in (path, str(path), *kinds):
        np.testing.assert_array_equal(
            by_onnx(image, people_boxes)[0], expected[0]
        )
    grey = people_image[..., 0]
    np.testing.assert_array_equal(
        by_onnx(grey, people_boxes)[0],
        by_onnx(np.dstack([grey] * 3), people_boxes)[0],
    )
    dot = np.zeros((1, 1, 3), np.uint8)
    assert np.isfinite(by_onnx(dot)[0]).all()


def test_a_detector_of_ones_own(tiny_onnx, people_image, people_boxes):
    scores = np.float32([0.9, 0.8, 0.7])
    estimator = SpinePoseEstimator(
        model=tiny_onnx,
        detector=lambda image: (people_boxes, scores),
        max_people=2,
    )
    people = estimator.predict(people_image)
    assert [p.bbox_score for p in people] == pytest.approx([0.9, 0.8])
    np.testing.assert_array_equal(people[1].bbox, people_boxes[1])


def test_given_boxes_need_no_detector(tiny_onnx, people_image, monkeypatch):
    """The published detector is not even looked for."""
    monkeypatch.delenv('SPINEPOSE_DETECTOR', raising=False)
    monkeypatch.setattr(
        'spinepose_mmpose.inference.estimator.create_detector',
        lambda **options: pytest.fail('a detector was made'),
    )
    estimator = SpinePoseEstimator(model=tiny_onnx)
    assert len(estimator.predict(people_image, [[0, 0, 9, 9]])) == 1


def test_broken_weights_are_said(tiny_onnx, people_image):
    estimator = SpinePoseEstimator(model=tiny_onnx, detector=None)
    run = estimator.backend.run

    def broken(crops):
        outputs = run(crops)
        outputs.x[0, 3, 5] = np.nan
        return outputs

    estimator.backend.run = broken
    with pytest.raises(FloatingPointError, match='not numbers'):
        estimator(people_image)


@pytest.mark.parametrize(
    'boxes, sentence',
    [
        ([[0, 0, 0, 5]], 'box 0 has no area'),
        ([0, 0, 5, 5], r'expected \(N, 4\)'),
    ],
)
def test_bad_boxes(by_onnx, people_image, boxes, sentence):
    with pytest.raises(ValueError, match=sentence):
        by_onnx(people_image, boxes)


def test_lists_of_unequal_length(by_onnx, people_image):
    with pytest.raises(ValueError, match='2 images, boxes of 1'):
        by_onnx.predict_batch([people_image] * 2, [[]])
    with pytest.raises(ValueError, match=r'1 boxes have scores of shape \(2,'):
        by_onnx.predict(people_image, [[0, 0, 9, 9]], [1, 1])


@pytest.mark.parametrize(
    'setting, sentence',
    [
        (dict(batch_size=0), 'batch_size is 0, a number from 1 to 1024'),
        (dict(max_people=0), 'max_people is 0'),
        (dict(threads=-1), 'threads is -1'),
        (dict(threads=10**20), 'threads is 1000.* a number from 1 to 1024'),
    ],
)
def test_settings_out_of_range(tiny_onnx, setting, sentence):
    with pytest.raises(ValueError, match=sentence):
        SpinePoseEstimator(model=tiny_onnx, detector=None, **setting)
