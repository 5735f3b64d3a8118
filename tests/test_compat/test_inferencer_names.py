"""MMPoseInferencer finds SpinePose by name, up to the JSON and the image."""

import json
from pathlib import Path

from spinepose_mmpose.utils import config_file
from spinepose_mmpose.zoo import all_models

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.infer.infer import BaseInferencer
from mmengine.registry import init_default_scope
from mmpose.apis import MMPoseInferencer, inference_topdown, init_model
from mmpose.apis.inferencers import Pose2DInferencer, base_mmpose_inferencer
from mmpose.registry import MODELS

STEM = 'spinepose-s_32xb256-10e_simspine-256x192'
FILE = f'{STEM}.pth'
WIDTH, HEIGHT = 80, 120


@pytest.fixture(scope='module')
def network():
    """spinepose-s with random weights whose outputs differ between images."""
    init_default_scope('mmpose')
    torch.manual_seed(0)
    model = MODELS.build(
        Config.fromfile(config_file('configs/spinepose-s.py')).model
    )
    torch.nn.init.normal_(model.head.final_layer.weight, std=0.5)
    return model.state_dict()


@pytest.fixture(scope='module')
def checkpoint(network, tmp_path_factory):
    """The bytes of a checkpoint as the published ones are."""
    path = tmp_path_factory.mktemp('made') / 'made.pth'
    torch.save(
        dict(meta=dict(epoch=10, sigmas=np.ones(37)), state_dict=network), path
    )
    return path.read_bytes()


@pytest.fixture
def mirror(hub, checkpoint, monkeypatch):
    """A server that has the file of spinepose-s-v2."""
    hub.files[FILE] = checkpoint
    monkeypatch.setenv('SPINEPOSE_MIRROR', hub.address)
    return hub


@pytest.fixture
def photo(tmp_path, monkeypatch):
    """An image, in another working directory."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / 'photo.png'
    noise = np.random.default_rng(0).integers(
        0, 256, (HEIGHT // 8, WIDTH // 8, 3), dtype=np.uint8
    )
    cv2.imwrite(str(path), cv2.resize(noise, (WIDTH, HEIGHT)))
    return str(path)


def infer(inferencer, *args, **kwargs):
    return next(inferencer(*args, **kwargs))['predictions'][0]


def test_from_a_name_to_files(mirror, network, photo, home, tmp_path):
    inferencer = MMPoseInferencer(
        'spinepose-s-v2', det_model='whole_image', device='cpu'
    )
    assert mirror.asked() == [FILE]
    assert (home / FILE).is_file()
    loaded = inferencer.inferencer.model.state_dict()
    assert loaded.keys() == network.keys()
    assert all(torch.equal(loaded[key], network[key]) for key in network)

    # The whole image is the box.
    (person,) = infer(inferencer, photo, out_dir='out', kpt_thr=0.0)
    (written,) = json.loads(
        (tmp_path / 'out/predictions/photo.json').read_text()
    )
    assert written['keypoints'] == person['keypoints']
    assert written['bbox'] == [[0, 0, WIDTH, HEIGHT]]
    points = np.array(written['keypoints'])
    assert points.shape == (37, 2) and np.isfinite(points).all()
    assert len(written['keypoint_scores']) == 37
    # The crop keeps its 3:4, so that points lie within 5/4 of the box.
    assert (abs(points - [WIDTH / 2, HEIGHT / 2]) <= HEIGHT * 5 / 8).all()
    assert points.std(0).min() > 1  # not one point 37 times
    before = cv2.imread(photo)
    after = cv2.imread(str(tmp_path / 'out/visualizations/photo.png'))
    assert after.shape == before.shape
    drawn = (after != before).any(-1)
    for x, y in points[[0, 18, 36]]:
        if 2 < x < WIDTH - 2 and 2 < y < HEIGHT - 2:
            assert drawn[
                round(y) - 2 : round(y) + 3, round(x) - 2 : round(x) + 3
            ].any()
    assert drawn.sum() > 100

    # Boxes of the user's own, with and without a score.
    boxes = np.array([[5, 10, 45, 90], [30, 20, 75, 118]], np.float32)
    people = infer(inferencer, photo, bboxes=[boxes])
    np.testing.assert_allclose([p['bbox'][0] for p in people], boxes)
    scored = np.hstack([boxes, [[0.5], [0.25]]])
    again = infer(inferencer, photo, bboxes=[scored])
    assert [p['bbox_score'] for p in again] == [0.5, 0.25]
    assert [p['keypoints'] for p in again] == [p['keypoints'] for p in people]
    assert (
        infer(inferencer, cv2.imread(photo), bboxes=None)[0]['keypoints']
        == person['keypoints']
    )
    with pytest.raises(ValueError, match=r'shape \(1, 3\), expected \(N, 4\)'):
        infer(inferencer, photo, bboxes=[[[1, 2, 3]]])

    # mmpose's other interface gives the same.
    model = init_model(
        str(config_file('configs/spinepose-s.py')), str(home / FILE), 'cpu'
    )
    samples = inference_topdown(model, photo, boxes)
    for sample, p in zip(samples, people):
        np.testing.assert_allclose(
            sample.pred_instances.keypoints[0], p['keypoints'], atol=1e-3
        )


def test_a_detector_finds_the_boxes(photo, checkpoint, tmp_path):
    """A small RTMDet, through the NMS that stands in for mmcv's."""
    import mmpose
    from mmdet.apis import DetInferencer

    weights, boxes = tmp_path / 'own.pth', tmp_path / 'det.pth'
    weights.write_bytes(checkpoint)
    base = (
        Path(mmpose.__path__[0])
        / '.mim'
        / 'demo'
        / 'mmdetection_cfg'
        / 'rtmdet_nano_320-8xb32_hand.py'
    )
    config = str(tmp_path / 'detector.py')
    Path(config).write_text(
        f'_base_ = {str(base)!r}\nmodel = dict(test_cfg=dict(max_per_img=3))'
    )
    torch.manual_seed(0)
    detector = DetInferencer(
        config, weights=None, device='cpu', show_progress=False
    )
    torch.save(
        dict(
            meta=dict(dataset_meta=dict(classes=('person',))),
            state_dict=detector.model.state_dict(),
        ),
        boxes,
    )
    inferencer = MMPoseInferencer(
        'spinepose-s',
        pose2d_weights=str(weights),
        device='cpu',
        det_model=config,
        det_weights=str(boxes),
        det_cat_ids=[0],
    )
    people = infer(inferencer, photo, bbox_thr=0.0, nms_thr=0.5)
    assert len(people) == 3
    found = np.array([p['bbox'][0] for p in people])
    assert (found[:, 2:] > found[:, :2]).all()
    assert all(len(p['keypoints']) == 37 for p in people)
    # Given boxes go before those of the detector.
    (one,) = infer(inferencer, photo, bboxes=[[[5, 10, 45, 90]]])
    assert one['bbox'][0] == [5, 10, 45, 90]


def look_up(name, scope='mmpose'):
    """(config, weights) of a name, as an inferencer looks it up."""
    inferencer = object.__new__(Pose2DInferencer)
    inferencer.scope = scope
    return inferencer._load_model_from_metafile(name)


@pytest.mark.parametrize(
    'model', all_models('spinepose'), ids=lambda model: model.name
)
def test_every_name_is_found(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (*model.names, model.name.upper()):
        cfg, weights = look_up(name)
        assert weights == f'spinepose://{model.name}'
        assert Path(cfg.filename).resolve() == config_file(model.config)
    assert tuple(cfg.codec.input_size) == model.input_size


def test_mmposes_own_names_still_work():
    cfg, weights = look_up('body26')
    assert 'halpe26' in cfg.filename and weights.startswith('https://')
    names = BaseInferencer.list_models('mmpose', '.*')
    assert names.count('spinepose-m') == 1 and 'human' in names
    assert 'spinepose-m' not in BaseInferencer.list_models('mmdet', '.*')


def test_mmpose_as_a_clone(tmp_path, monkeypatch):
    """Its model index then lies beside the package, not in it."""
    import mmpose

    (tmp_path / 'configs').mkdir()
    (tmp_path / 'model-index.yml').write_text('Import: []')
    monkeypatch.setattr(mmpose, '__path__', [str(tmp_path / 'mmpose')])
    assert look_up('spinepose-l')[1] == 'spinepose://spinepose-l'


@pytest.mark.parametrize(
    'name', ['spinpose-m', 'spinepose-xl', 'configs/no-such-config.py']
)
def test_unknown_name(name):
    with pytest.raises(ValueError) as error:
        MMPoseInferencer(name, device='cpu')
    message = str(error.value)
    assert f'Cannot find model: {name} in mmpose' in message
    for model in all_models('spinepose'):
        assert model.name in message
    with pytest.raises(ValueError) as error:
        look_up('spinepose-m', scope='mmdet')
    assert str(error.value) == 'Cannot find model: spinepose-m in mmdet'


def test_own_weights(network, photo, mirror, tmp_path):
    own = {k: v + 1 if v.is_floating_point() else v for k, v in network.items()}
    torch.save(dict(meta={}, state_dict=own), tmp_path / 'own.pth')
    inferencer = MMPoseInferencer(
        'spinepose-s',
        pose2d_weights='own.pth',
        det_model='whole_image',
        device='cpu',
    )
    loaded = inferencer.inferencer.model.state_dict()
    assert all(torch.equal(loaded[key], own[key]) for key in own)
    assert mirror.requests == []
    meta = inferencer.inferencer.model.dataset_meta
    assert meta['num_keypoints'] == 37  # from the config's dataset


def test_default_detector_is_that_for_people(monkeypatch):
    seen = []

    class Detector:
        def __init__(self, **settings):
            seen.append(settings)

    monkeypatch.setattr(base_mmpose_inferencer, 'DetInferencer', Detector)
    for name in ('spinepose-m', 'spinepose-x'):
        inferencer = object.__new__(Pose2DInferencer)
        inferencer.cfg = Config.fromfile(config_file(f'configs/{name}.py'))
        inferencer._init_detector(device='cpu')
        assert isinstance(inferencer.detector, Detector)
        assert inferencer.det_cat_ids == (0,)
    for settings in seen:
        assert settings['model'].endswith('rtmdet_m_640-8xb32_coco-person.py')
        assert 'coco-obj365-person' in settings['weights']
    assert len(seen) == 2
    inferencer._init_detector(det_model='whole_image')
    assert inferencer.detector is None


def test_model_without_published_weights():
    with pytest.raises(
        ValueError,
        match='spinepose-t has no published weights'
        ': train it .*pose2d_weights=PATH',
    ):
        MMPoseInferencer('spinepose-t', det_model='whole_image', device='cpu')


def test_a_lifter_by_name(photo, tmp_path):
    """As the ONNX file gives it for the same points; with axes of its own."""
    from spinepose_mmpose.camera import ROOT, intrinsics_of_view, to_rays
    from spinepose_mmpose.inference import Lifter

    inferencer = MMPoseInferencer(
        pose3d='spinepose-lifter',
        pose2d='spinepose-t-demo',
        det_model='whole_image',
        device='cpu',
    )
    (person,) = infer(inferencer, photo, vis_out_dir='out')
    points = np.array(person['keypoints'])
    flat = infer(inferencer.inferencer.pose2d_model, photo)[0]['keypoints']
    rays = to_rays(flat, intrinsics_of_view((WIDTH, HEIGHT)))
    expected = Lifter()(rays[None])[0][:, [0, 2, 1]] * [-1, 1, -1]
    np.testing.assert_allclose(points - points[ROOT], expected, atol=0.003)
    assert (tmp_path / 'out/photo.png').is_file()
