"""The exported model in the programs that users run, against PyTorch.

Synthetic images and random weights always; the real images and a trained
checkpoint where the environment says where they are: SPINEPOSE_SAMPLE_DIR (a
folder with test_coco.json and its images), SPINEPOSE_DEPLOY_CONFIG and
SPINEPOSE_DEPLOY_CHECKPOINT, SPINEPOSE_DETECTOR (an RTMDet ONNX file).
"""

import json
import os
import shutil
from pathlib import Path

from spinepose_mmpose.deploy.export import export
from spinepose_mmpose.deploy.rewriters import deployed_config
from spinepose_mmpose.deploy.verify import torch_outputs

import cv2
import deploy_models
import numpy as np
import pytest
from deploy_paths import ONNXRUNTIME
from mmengine import Config
from mmpose.apis import inference_topdown, init_model
from mmpose.registry import KEYPOINT_CODECS

ENVIRONMENT = {
    name: os.environ.get(f'SPINEPOSE_{name}')
    for name in ('SAMPLE_DIR', 'DEPLOY_CONFIG', 'DEPLOY_CHECKPOINT', 'DETECTOR')
}


@pytest.fixture(scope='module')
def model_files(tiny):
    given = ENVIRONMENT['DEPLOY_CONFIG'], ENVIRONMENT['DEPLOY_CHECKPOINT']
    return given if all(given) else tiny


@pytest.fixture(scope='module')
def folder_of(model_files, exported, tmp_path_factory):
    """Folder of an export by channel order."""
    made = {}

    def get(order: str) -> Path:
        if not ENVIRONMENT['DEPLOY_CHECKPOINT']:
            bgr = dict(channel_order='bgr') if order == 'bgr' else {}
            return exported(**bgr)
        if order not in made:
            made[order] = tmp_path_factory.mktemp(order) / 'out'
            export(
                str(ONNXRUNTIME),
                *model_files,
                work_dir=str(made[order]),
                channel_order=order,
            )
        return made[order]

    return get


@pytest.fixture(scope='module')
def scenes():
    """(BGR image, boxes x1 y1 x2 y2) of people."""
    folder = ENVIRONMENT['SAMPLE_DIR']
    if not folder:
        rng = np.random.default_rng(5)
        boxes = np.float32([[30, 20, 150, 200], [140, 40, 310, 235]])
        return [(deploy_models.picture(rng, 240, 320), boxes)]
    labels = json.loads(Path(folder, 'test_coco.json').read_text())
    found = []
    for image in labels['images']:
        boxes = [
            person['bbox']
            for person in labels['annotations']
            if person['image_id'] == image['id']
            and not person.get('iscrowd')
            and person['bbox'][2] * person['bbox'][3] > 4000
        ]
        boxes = np.float32(boxes).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        found.append((cv2.imread(str(Path(folder, image['file_name']))), boxes))
    return found


@pytest.fixture(scope='module')
def expected(model_files, scenes):
    """PyTorch's keypoints (N, 37, 2) and scores of each scene."""
    config = deployed_config(Config.fromfile(model_files[0]))
    config.model.test_cfg = dict(flip_test=False)
    model = init_model(config, model_files[1], device='cpu')
    results = []
    for image, boxes in scenes:
        people = inference_topdown(model, image, boxes)
        results.append(
            [
                np.concatenate([p.pred_instances[key] for p in people])
                for key in ('keypoints', 'keypoint_scores')
            ]
        )
    return results


def check(points, expected_points, scores, needed=1.0):
    """Within half a pixel, of the points that the model is sure of.

    Random weights are sure of nothing: a client that computes the crop in
    another way then has other maxima, and only most points can agree.
    """
    trained = bool(ENVIRONMENT['DEPLOY_CHECKPOINT'])
    sure = scores > 0.3 if trained else scores > 0
    distance = np.linalg.norm(points - expected_points, axis=-1)[sure]
    assert len(distance) or trained
    assert (distance >= 0.5).sum() <= (0 if trained else 1 - needed) * sure.size


def rtmlib_pose(path):
    tool = pytest.importorskip(
        'rtmlib.tools.pose_estimation.rtmpose',
        reason='rtmlib is not installed: pip install --no-deps rtmlib',
    )
    return tool.RTMPose(path, (192, 256))


def spinepose_pose(path):
    tool = pytest.importorskip(
        'spinepose.tools.pose_estimation.rtmpose',
        reason='spinepose is not installed: pip install --no-deps spinepose '
        'anytree OneEuroFilter',
    )
    return tool.RTMPose(path, (192, 256))


@pytest.mark.parametrize('client', [rtmlib_pose, spinepose_pose])
def test_clients_that_feed_bgr(client, folder_of, scenes, expected):
    pose = client(str(folder_of('bgr') / 'end2end.onnx'))
    for (image, boxes), (points, scores) in zip(scenes, expected):
        check(pose(image, boxes)[0], points, scores)


def test_own_onnx_path(folder_of, scenes, expected):
    from spinepose_mmpose.inference.estimator import SpinePoseEstimator

    for order in ('rgb', 'bgr'):
        estimator = SpinePoseEstimator(
            model=str(folder_of(order) / 'end2end.onnx'), detector=None
        )
        for (image, boxes), (points, scores) in zip(scenes, expected):
            found, found_scores = estimator(image, boxes)
            check(found, points, scores)
            np.testing.assert_allclose(found_scores, scores, atol=1e-3)


@pytest.fixture(scope='module')
def sdk():
    return pytest.importorskip(
        'mmdeploy_runtime',
        reason='mmdeploy_runtime is not installed: pip install --no-deps '
        'mmdeploy_runtime==1.3.1',
    )


def whole_crop(image, box):
    """A box near ``box`` whose crop is 120x160 or 240x320 whole pixels within
    the image; the crop's (left, top, width, height)."""
    height, width = image.shape[:2]
    w, h = (240, 320) if width >= 240 and height >= 320 else (120, 160)
    center = (box[:2] + box[2:]) / 2
    left = int(np.clip(center[0] - w / 2, 0, width - w))
    top = int(np.clip(center[1] - h / 2, 0, height - h))
    return left, top, w, h


def test_sdk_pose_detector(sdk, model_files, folder_of, scenes):
    """The SDK crops whole pixels and resizes them, pixel centre to pixel
    centre; MMPose warps, pixel corner to pixel corner. Here the same crop goes
    to both."""
    config = deployed_config(Config.fromfile(model_files[0]))
    model = init_model(config, model_files[1], device='cpu')
    codec = KEYPOINT_CODECS.build(config.codec)
    detector = sdk.PoseDetector(
        model_path=str(folder_of('rgb')), device_name='cpu', device_id=0
    )
    for image, boxes in scenes:
        for box in boxes:
            left, top, w, h = whole_crop(image, box)
            crop = image[top : top + h, left : left + w]
            points, scores = codec.decode(
                *torch_outputs(model, cv2.resize(crop, (192, 256))[None])
            )
            points = (points + 0.5) * (w / 192) - 0.5 + (left, top)
            # Without the padding of 1.25; its boxes include both ends.
            inner = (left + w / 10, top + h / 10)
            found = np.array(
                detector(
                    image,
                    [[*inner, inner[0] + w * 0.8 - 1, inner[1] + h * 0.8 - 1]],
                )
            )
            assert found.shape == (1, 37, 3)
            check(found[..., :2], points, scores, needed=0.9)


DETECTOR_PIPELINE = dict(
    pipeline=dict(
        input=['img'],
        output=['post_output'],
        tasks=[
            dict(
                type='Task',
                module='Transform',
                name='Preprocess',
                input=['img'],
                output=['prep_output'],
                transforms=[
                    dict(type='LoadImageFromFile'),
                    dict(type='Resize', size=[320, 320], keep_ratio=True),
                    dict(
                        type='Pad',
                        size=[320, 320],
                        pad_val=dict(img=[114, 114, 114]),
                    ),
                    dict(
                        type='Normalize',
                        mean=[103.53, 116.28, 123.675],
                        std=[57.375, 57.12, 58.395],
                        to_rgb=False,
                    ),
                    dict(type='ImageToTensor', keys=['img']),
                    dict(
                        type='Collect',
                        keys=['img'],
                        meta_keys=['img_shape', 'scale_factor', 'ori_shape'],
                    ),
                ],
            ),
            dict(
                type='Task',
                module='Net',
                name='rtmdet',
                input=['prep_output'],
                output=['infer_output'],
                input_map=dict(img='input'),
                output_map=dict(),
            ),
            dict(
                type='Task',
                module='mmdet',
                name='postprocess',
                component='ResizeBBox',
                params=dict(score_thr=0.05),
                input=['prep_output', 'infer_output'],
                output=['post_output'],
            ),
        ],
    )
)


def test_sdk_pose_tracker(sdk, folder_of, scenes, expected, tmp_path):
    """With a real detector, whose boxes are not exactly the labelled ones."""
    if not all(ENVIRONMENT.values()):
        pytest.skip(
            'set ' + ', '.join(f'SPINEPOSE_{name}' for name in ENVIRONMENT)
        )
    shutil.copy(ENVIRONMENT['DETECTOR'], tmp_path / 'end2end.onnx')
    (tmp_path / 'pipeline.json').write_text(json.dumps(DETECTOR_PIPELINE))
    deploy = json.loads((folder_of('rgb') / 'deploy.json').read_text())
    deploy['task'], deploy['models'][0]['name'] = 'Detector', 'rtmdet'
    (tmp_path / 'deploy.json').write_text(json.dumps(deploy))
    tracker = sdk.PoseTracker(str(tmp_path), str(folder_of('rgb')), 'cpu')
    compared = 0
    for (image, boxes), (_, scores) in zip(scenes, expected):
        if scores.mean(1).max() < 0.5:
            continue  # the SDK drops whom the model is not sure of
        compared += 1
        state = tracker.create_state(det_interval=1, det_min_bbox_size=60)
        points, _, _ = tracker(state, image)
        points = np.array(points)
        assert points.shape[1:] == (37, 3) and len(points)
        # The most prominent person is among them, for the most part.
        left, top, right, bottom = max(
            boxes, key=lambda box: np.prod(box[2:] - box[:2])
        )
        x, y = points[..., 0], points[..., 1]
        within = (left < x) & (x < right) & (top < y) & (y < bottom)
        assert within.mean(1).max() > 0.7
    if not compared:
        pytest.skip('the checkpoint is not sure of anybody on these images')
