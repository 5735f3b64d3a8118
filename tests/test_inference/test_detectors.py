import json
import zipfile
from importlib.util import find_spec

from spinepose_mmpose.datasets.synthetic.writer import generate
from spinepose_mmpose.downloads import DownloadError
from spinepose_mmpose.inference.detectors import (
    OnnxDetector,
    create_detector,
    find_detector,
    keep_people,
    letterbox,
)
from spinepose_mmpose.inference.images import read_image

import cv2
import numpy as np
import pytest


@pytest.fixture
def empty_mirror(hub, monkeypatch, tmp_path):
    """A mirror without files, empty caches, and no network."""
    from huggingface_hub import constants

    (tmp_path / 'mirror').mkdir()
    monkeypatch.setenv('SPINEPOSE_MIRROR', str(tmp_path / 'mirror'))
    monkeypatch.setattr(constants, 'HF_HUB_OFFLINE', True)
    monkeypatch.delenv('SPINEPOSE_DETECTOR', raising=False)
    return tmp_path / 'mirror'


def network(path, outputs: dict, size) -> str:
    """An ONNX file for (h, w) pixels, or any, that gives constants."""
    onnx = pytest.importorskip('onnx')
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node(
            'Constant', [], [name], value=numpy_helper.from_array(array)
        )
        for name, array in outputs.items()
    ]
    kinds = {
        name: TensorProto.INT64 if array.dtype == np.int64 else 1
        for name, array in outputs.items()
    }
    infos = [
        helper.make_tensor_value_info(name, kinds[name], array.shape)
        for name, array in outputs.items()
    ]
    shape = [1, 3, *(size or ('h', 'w'))]
    given = helper.make_tensor_value_info('input', 1, shape)
    graph = helper.make_graph(nodes, 'detector', [given], infos)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8
    )
    onnx.save(model, str(path))
    return str(path)


def box_iou(boxes, others) -> np.ndarray:
    """(N, M) intersection over union."""
    low = np.maximum(boxes[:, None, :2], others[:, :2])
    high = np.minimum(boxes[:, None, 2:], others[:, 2:])
    common = np.maximum(high - low, 0).prod(2)
    areas = [(b[:, 2:] - b[:, :2]).prod(1) for b in (boxes, others)]
    return common / (areas[0][:, None] + areas[1] - common)


def test_suppression_equals_the_naive_one():
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 60, (200, 2))
    boxes = np.hstack([corners, corners + rng.uniform(5, 40, (200, 2))])
    boxes = boxes.astype(np.float32)
    scores = rng.integers(1, 50, 200) / 50  # many are equal
    iou = box_iou(boxes, boxes)
    naive = []
    for i in sorted(range(200), key=lambda i: -scores[i]):
        if all(iou[i, j] <= 0.45 for j in naive):
            naive.append(i)
    assert 5 < len(naive) < 150
    kept, sure = keep_people(boxes, scores, (200, 200), 0.0, 0.45)
    np.testing.assert_array_equal(kept, boxes[naive])
    np.testing.assert_array_equal(sure, scores[naive].astype(np.float32))


def test_people_are_sure_inside_and_not_empty():
    boxes = [[-5, -5, 9, 9], [0, 0, 5, 5], [60, 0, 90, 9], [1, 1, 4, 4]]
    got, scores = keep_people(boxes, [0.5, 0.2, 0.9, 0.8], (50, 40), 0.3)
    assert got.tolist() == [[1, 1, 4, 4], [0, 0, 9, 9]]
    np.testing.assert_array_equal(scores, np.float32([0.8, 0.5]))
    assert got.dtype == scores.dtype == np.float32


@pytest.mark.parametrize('shape', [(50, 100), (100, 50), (7, 333), (320, 320)])
def test_letterbox_is_mmdets(shape):
    from mmdet.datasets.transforms import Pad, Resize

    image = np.random.default_rng(0).integers(0, 256, (*shape, 3))
    image = image.astype(np.uint8)
    results = dict(img=image, img_shape=shape)
    results = Resize(scale=(320, 320), keep_ratio=True)(results)
    results = Pad(size=(320, 320), pad_val=dict(img=(114,) * 3))(results)
    frame, factors = letterbox(image, (320, 320))
    np.testing.assert_array_equal(frame, results['img'])
    np.testing.assert_allclose(factors[:2], results['scale_factor'], rtol=1e-6)


def test_a_thin_image_keeps_a_pixel():
    frame, factors = letterbox(np.zeros((1, 4000, 3), np.uint8), (320, 320))
    assert (frame[0] == 0).all() and (frame[1:] == 114).all()
    assert factors[1] == 1


IMAGE = np.zeros((128, 128, 3), np.uint8)  # half as large in the network


def test_mmdeploys_export(tmp_path):
    """Boxes with scores, and labels of which 0 is a person."""
    dets = np.float32(
        [[[1, 2, 11, 22, 0.9], [0, 0, 9, 9, 0.8], [3, 3, 5, 5, 0.1]]]
    )
    labels = np.int64([[0, 7, 0]])
    path = network(
        tmp_path / 'a.onnx', {'dets': dets, 'labels': labels}, (64, 64)
    )
    boxes, scores = OnnxDetector(path, 'cpu')(IMAGE)
    np.testing.assert_array_equal(boxes, [[2, 4, 22, 44]])
    np.testing.assert_array_equal(scores, np.float32([0.9]))


@pytest.mark.parametrize('spinning', [True, False])
def test_waiting_threads(tmp_path, spinning):
    path = network(
        tmp_path / 'a.onnx',
        {'dets': np.float32([[[0, 0, 9, 9, 0.9]]]), 'labels': np.int64([[0]])},
        (320, 320),
    )
    detector = create_detector(path, 'cpu', spinning=spinning)
    options = detector.session.session.get_session_options()
    said = options.get_session_config_entry('session.intra_op.allow_spinning')
    assert said == str(int(spinning))


def test_boxes_before_suppression(tmp_path):
    boxes = np.float32([[[0, 0, 20, 20], [0, 0, 20, 19], [40, 40, 60, 64]]])
    scores = np.float32([[[0.6, 0], [0.7, 0], [0.5, 0.9]]])
    path = network(tmp_path / 'a.onnx', {'b': boxes, 's': scores}, (64, 64))
    got, sure = OnnxDetector(path, 'cpu')(IMAGE)
    assert got.tolist() == [[0, 0, 40, 38], [80, 80, 120, 128]]
    np.testing.assert_array_equal(sure, np.float32([0.7, 0.5]))


@pytest.mark.parametrize('name, plain', [('rtmdet', False), ('yolox', True)])
def test_pixels_as_each_network_wants_them(tmp_path, name, plain):
    """RTMDet takes normalised pixels, YOLOX plain ones; both blue first."""
    dets = np.zeros((1, 1, 5), np.float32)
    path = network(tmp_path / f'{name}.onnx', {'dets': dets}, (32, 64))
    detector = OnnxDetector(path, 'cpu')
    image = np.full((32, 32, 3), (10, 20, 30), np.uint8)
    frame, _ = letterbox(image, detector.input_size)
    seen = detector._normalize(frame[None])
    assert seen.shape == (1, 3, 32, 64)
    colours = np.float32([[10, 20, 30], [114, 114, 114]])
    if not plain:
        mean, std = (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)
        colours = (colours - np.float32(mean)) / np.float32(std)
    np.testing.assert_allclose(seen[0, :, 5, 5], colours[0], rtol=1e-6)
    np.testing.assert_allclose(seen[0, :, 5, 40], colours[1], rtol=1e-6)


def test_rf_detr_by_hand(tmp_path):
    """Centre and size as fractions, logits of which the second is a person."""
    boxes = np.float32([[[0.5, 0.5, 0.2, 0.4], [0.5, 0.5, 0.2, 0.4], [1] * 4]])
    logits = np.float32([[[9, 0, -9], [9, -3, 9], [-200, 2, 0]]])
    outputs = {'dets': boxes, 'labels': logits}
    path = network(tmp_path / 'rfdetr_n.onnx', outputs, (64, 64))
    image = np.zeros((100, 200, 3), np.uint8)
    found, scores = OnnxDetector(path, 'cpu')(image)
    # The surest first, and cut at the edge of the image.
    np.testing.assert_allclose(
        found, [[100, 50, 200, 100], [80, 30, 120, 70]], rtol=1e-6
    )
    np.testing.assert_allclose(scores, [1 / (1 + np.exp(-2)), 0.5], rtol=1e-6)
    unnamed = network(tmp_path / 'a.onnx', outputs, (64, 64))
    with pytest.raises(ValueError, match='RF-DETR, if "rfdetr" is part of'):
        OnnxDetector(unnamed, 'cpu')(image)


def test_rf_detr_takes_stretched_red_first_normalised_pixels(tmp_path):
    outputs = {
        'dets': np.zeros((1, 1, 4), np.float32),
        'labels': np.zeros((1, 1, 91), np.float32),
    }
    path = network(tmp_path / 'rf-detr.onnx', outputs, (32, 64))
    detector = OnnxDetector(path, 'cpu')
    seen = []
    run = detector.session.run
    detector.session.run = lambda array: seen.append(array) or run(array)
    detector(np.full((50, 20, 3), (10, 20, 30), np.uint8))
    expected = (np.float32([30, 20, 10]) / 255 - [0.485, 0.456, 0.406]) / [
        0.229,
        0.224,
        0.225,
    ]
    assert seen[0].shape == (1, 3, 32, 64)
    np.testing.assert_allclose(
        seen[0], np.broadcast_to(expected[:, None, None], (1, 3, 32, 64)), 1e-4
    )


def test_the_folder_of_an_export_says_how(tmp_path):
    dets = np.zeros((1, 1, 5), np.float32)
    network(tmp_path / 'end2end.onnx', {'dets': dets}, None)
    transforms = [
        {'type': 'Resize', 'size': [416, 416], 'keep_ratio': True},
        {'type': 'Normalize', 'mean': [1, 2, 3], 'std': [4, 5, 6]},
    ]
    tasks = {'pipeline': {'tasks': [{'transforms': transforms}]}}
    (tmp_path / 'pipeline.json').write_text(json.dumps(tasks))
    detector = OnnxDetector(tmp_path, 'cpu')
    assert detector.input_size == (416, 416)
    white = np.full((1, 1, 1, 3), 255, np.uint8)
    assert detector._normalize(white)[0, 0, 0, 0] == (255 - 1) / 4


def test_sizes_of_files_that_take_any(tmp_path):
    dets = {'dets': np.zeros((1, 1, 5), np.float32)}
    nano = network(tmp_path / 'nano.onnx', dets, None)
    other = network(tmp_path / 'm.onnx', dets, None)
    assert OnnxDetector(nano, 'cpu').input_size == (320, 320)
    assert OnnxDetector(other, 'cpu').input_size == (640, 640)
    given = OnnxDetector(nano, 'cpu', input_size=(416, 256))
    assert given.input_size == (416, 256)
    for size in ((1, 1), (321, 319), (0, 32), (60000, 60000), (-32, 32)):
        with pytest.raises(ValueError, match=f'take {size[0]}x{size[1]} pix'):
            OnnxDetector(nano, 'cpu', input_size=size)
    huge = network(tmp_path / 'huge.onnx', dets, (64, 100000))
    with pytest.raises(ValueError, match='huge.onnx cannot take 100000x64'):
        OnnxDetector(huge, 'cpu')


def test_a_size_that_a_file_does_not_take_is_said(tmp_path, caplog):
    dets = {'dets': np.zeros((1, 1, 5), np.float32)}
    path = network(tmp_path / 'a.onnx', dets, (64, 96))
    assert OnnxDetector(path, 'cpu', input_size=(96, 64)).input_size == (96, 64)
    assert not caplog.messages
    OnnxDetector(path, 'cpu', input_size=(64, 64))
    assert 'takes 96x64 pixels only, not 64x64' in caplog.text


def test_a_folder_above_the_file_does_not_name_the_network(tmp_path):
    (tmp_path / 'yolox').mkdir()
    dets = {'dets': np.zeros((1, 1, 5), np.float32)}
    path = network(tmp_path / 'yolox' / 'rtmdet.onnx', dets, (64, 64))
    assert OnnxDetector(path, 'cpu').family == 'rtmdet'
    network(tmp_path / 'yolox' / 'end2end.onnx', dets, (64, 64))
    assert OnnxDetector(tmp_path / 'yolox', 'cpu').family == 'yolox'


def test_a_network_that_finds_nobody(tmp_path):
    dets = np.zeros((1, 0, 5), np.float32)
    path = network(tmp_path / 'a.onnx', {'dets': dets}, (64, 64))
    boxes, scores = OnnxDetector(path, 'cpu')(IMAGE)
    assert boxes.shape == (0, 4) and scores.shape == (0,)
    assert boxes.dtype == scores.dtype == np.float32


@pytest.mark.parametrize('shape', [(1, 17, 64, 48), (1, 8400, 85)])
def test_a_network_of_another_kind(tmp_path, shape):
    outputs = {'heat': np.zeros(shape, np.float32)}
    path = network(tmp_path / 'a.onnx', outputs, (64, 64))
    with pytest.raises(ValueError, match='neither RTMDet nor YOLOX'):
        OnnxDetector(path, 'cpu')


def test_names_and_files(tmp_path, empty_mirror, monkeypatch):
    with pytest.raises(FileNotFoundError, match='no such detector file: no'):
        create_detector('no.onnx')
    with pytest.raises(ValueError, match="no detector 'best': choose auto, "):
        find_detector('best')
    with pytest.raises(ValueError, match='config is needed as well'):
        find_detector('rtmdet.pth')
    assert create_detector(len) is len
    dets = {'dets': np.zeros((1, 1, 5), np.float32)}
    path = network(tmp_path / 'mine.onnx', dets, (64, 64))
    monkeypatch.setenv('SPINEPOSE_DETECTOR', path)
    assert str(create_detector('auto', 'cpu').path) == path


@pytest.mark.parametrize(
    'detector, size, name',
    [
        ('rtmdet', 's', 'rtmdet-nano'),
        ('rtmdet', 'x', 'rtmdet-m'),
        ('rfdetr', 't', 'rfdetr-n'),
        ('rfdetr', 'l', 'rfdetr-m'),
        ('rfdetr', 'x', 'rfdetr-l'),
        ('yolox', 's', 'yolox-tiny'),
        ('yolox', 'x', 'yolox-x'),
        ('YOLOX-m', 'x', 'yolox-m'),
    ],
)
def test_a_detector_that_cannot_be_had(empty_mirror, detector, size, name):
    with pytest.raises(
        DownloadError, match=f'detector {name} is not here: .*https'
    ) as error:
        create_detector(detector, size=size)
    assert 'of your own' in str(error.value) and '\n' not in str(error.value)


def test_the_detector_that_comes_along(empty_mirror, caplog):
    detector = create_detector('auto')
    (said,) = caplog.messages
    assert said.startswith(
        'person-detector-demo.onnx finds people in place of rfdetr: '
    )
    assert detector.input_size == (448, 448)
    assert find_detector('person-demo') == detector.path


def test_the_detector_that_comes_along_finds_people():
    """Both real people of the demo clip of Sports2D, and synthetic ones."""
    folder = find_spec('Sports2D').submodule_search_locations[0]
    clip = cv2.VideoCapture(f'{folder}/Demo/demo.mp4')
    detector = create_detector('person-demo', 'cpu')
    clip.set(cv2.CAP_PROP_POS_FRAMES, 60)
    boxes, scores = detector(clip.read()[1])
    truth = np.float32([[480, 60, 780, 460], [1300, 540, 1520, 940]])
    assert len(boxes) == 2 and scores.min() > 0.5
    assert box_iou(truth, boxes).max(axis=1).min() >= 0.7
    # The woman by RTMDet-nano, whose boxes are tighter.
    for frame, truth in (
        (90, [1071, 511, 1186, 930]),
        (120, [721, 513, 953, 931]),
    ):
        clip.set(cv2.CAP_PROP_POS_FRAMES, frame)
        boxes, _ = detector(clip.read()[1])
        assert box_iou(np.float32([truth]), boxes).max() >= 0.45
    overlaps = []
    for index in range(6):
        for _, _, image, people in generate(5, 'val2017', index):
            boxes, _ = detector(image)
            for person, _ in people:
                if person is not None:
                    x, y, w, h = person['bbox']
                    truth = np.float32([[x, y, x + w, y + h]])
                    overlaps.append(box_iou(truth, boxes).max(initial=0))
    assert len(overlaps) >= 6
    assert np.mean(np.array(overlaps) >= 0.5) >= 0.5


def test_boxes_that_differ_beyond_the_image_are_one_person():
    boxes = np.float32([[10, 10, 50, 90], [12, 12, 52, 300]])
    kept, scores = keep_people(boxes, [0.9, 0.8], (100, 100), 0.3, 0.45)
    assert kept.tolist() == [[10, 10, 50, 90]] and len(scores) == 1


def test_the_default_is_rf_detr_or_a_sentence(empty_mirror, caplog, tmp_path):
    dets = {'dets': np.zeros((1, 1, 5), np.float32)}
    made = network(tmp_path / 'end2end.onnx', dets, (64, 64))
    stem = 'rtmdet_m_8xb32-100e_coco-obj365-person-235e8209'
    with zipfile.ZipFile(empty_mirror / f'{stem}.zip', 'w') as files:
        files.write(made, 'end2end.onnx')
    assert find_detector('auto').name == f'{stem}.onnx'
    (said,) = caplog.messages
    assert said.startswith(f'{stem}.onnx finds people in place of rfdetr: ')
    assert '\n' not in said
    (empty_mirror / 'rfdetr_s_v142_512x512.onnx').write_bytes(b'network')
    assert find_detector('auto').name == 'rfdetr_s_v142_512x512.onnx'
    assert len(caplog.messages) == 1


def test_a_published_archive(tmp_path, empty_mirror):
    dets = {'dets': np.zeros((1, 1, 5), np.float32)}
    made = network(tmp_path / 'end2end.onnx', dets, (64, 64))
    stem = 'rtmdet_nano_8xb32-100e_coco-obj365-person-05d8511e'
    archive = empty_mirror / f'{stem}.zip'
    archive.write_bytes(b'PK cut off')
    with pytest.raises(ValueError, match='not a complete archive'):
        find_detector('rtmdet-nano')
    with zipfile.ZipFile(archive, 'w') as files:
        files.write(made, f'20230831/{stem}/end2end.onnx')
    path = find_detector('rtmdet-nano')
    assert path.name == f'{stem}.onnx'
    assert path.read_bytes() == (tmp_path / 'end2end.onnx').read_bytes()
    archive.unlink()
    assert find_detector('RTMDet-nano') == path
    assert OnnxDetector(path, 'cpu').input_size == (64, 64)


def test_real_people_are_found(detector_file, sample_dir):
    """Of 14 labelled people, those that are not tiny or mostly hidden."""
    labels = json.loads((sample_dir / 'test_coco.json').read_text())
    detector = OnnxDetector(detector_file, 'cpu')
    found, false = 0, 0
    for image in labels['images']:
        boxes, _ = detector(read_image(sample_dir / image['file_name']))
        people = np.float32(
            [
                [x, y, x + w, y + h]
                for person in labels['annotations']
                if person['image_id'] == image['id']
                for x, y, w, h in [person['bbox']]
            ]
        )
        overlap = box_iou(people, boxes)
        found += (overlap.max(axis=1) > 0.7).sum()
        false += (overlap.max(axis=0) < 0.5).sum()
    assert len(labels['annotations']) == 14
    assert found == 12 and false == 0


@pytest.mark.slow
def test_mmdet_by_config_and_checkpoint(tmp_path):
    """The boxes are those of mmdet's own inference."""
    import mmpose
    import torch
    from mmdet.apis import inference_detector, init_detector
    from mmengine.config import Config

    configs = mmpose.__path__[0] + '/.mim/demo/mmdetection_cfg/'
    config = configs + 'rtmdet_nano_320-8xb32_coco-person.py'
    cfg = Config.fromfile(config)
    cfg.model.backbone.pop('init_cfg', None)
    torch.manual_seed(0)
    model = init_detector(cfg, None, palette='random', device='cpu')
    checkpoint = str(tmp_path / 'nano.pth')
    torch.save({'state_dict': model.state_dict(), 'meta': {}}, checkpoint)
    noise = np.random.default_rng(0).integers(0, 256, (6, 8, 3))
    image = cv2.resize(noise.astype(np.uint8), (320, 240))
    expected = inference_detector(model, image).pred_instances
    detector = create_detector(
        checkpoint, 'cpu', config=config, score_threshold=0.0
    )
    boxes, scores = detector(image)
    assert len(boxes) == len(expected.scores) > 0
    np.testing.assert_allclose(scores, expected.scores.numpy(), atol=1e-5)
    np.testing.assert_allclose(boxes, expected.bboxes.numpy(), atol=1e-2)
    with pytest.raises(FileNotFoundError, match='no such config'):
        create_detector(checkpoint, config='none.py')
    torch.save({'state_dict': {}, 'meta': {}}, checkpoint)
    with pytest.raises(ValueError, match='are not those of'):
        create_detector(checkpoint, 'cpu', config=config)
