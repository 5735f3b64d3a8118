"""Variants of a config differ from it in what their names say."""

import json
from pathlib import Path

import spinepose_mmpose  # noqa: F401  before anything of OpenMMLab

# isort: split
import cv2
import numpy as np
import pytest
from mmengine.config import Config, DictAction
from mmengine.registry import DefaultScope
from mmpose.registry import DATASETS

CONFIGS = Path(__file__).parents[1] / 'configs'
ALL_LOSSES = dict(alpha=1.0, beta=2.5, gamma1=0.1, gamma2=0.5)


def differences(one, two, place=''):
    """Places where two configs differ."""
    if isinstance(one, dict) and isinstance(two, dict):
        return {
            place + found
            for key in {*one, *two}
            for found in differences(one.get(key), two.get(key), f'.{key}')
        }
    return set() if one == two else {place}


@pytest.mark.parametrize(
    'name, expected',
    [
        ('wo-distill', {'.model.beta': 0}),
        ('wo-structure', {'.model.gamma1': 0}),
        ('wo-spine', {'.model.gamma2': 0}),
        ('scratch', {'.model.beta': 0, '.load_from': None}),
        (
            'amp',
            {
                '.optim_wrapper.type': 'AmpOptimWrapper',
                '.optim_wrapper.loss_scale': 'dynamic',
            },
        ),
    ],
)
def test_is_a_delta(name, expected):
    base = Config.fromfile(CONFIGS / 'spinepose-m.py').to_dict()
    variant = Config.fromfile(CONFIGS / f'variants/spinepose-m_{name}.py')
    assert differences(base, variant.to_dict()) == set(expected)
    for place, value in expected.items():
        found = variant
        for key in place[1:].split('.'):
            found = found[key]
        assert found == value


@pytest.mark.parametrize('size', 'tsmlx')
def test_every_model_distils_from_its_own_size(size):
    cfg = Config.fromfile(CONFIGS / f'spinepose-{size}.py')
    assert {k: cfg.model[k] for k in ALL_LOSSES} == ALL_LOSSES
    assert cfg.load_from == f'spinepose://rtmpose-{size}-halpe26'
    assert cfg.model.teacher.checkpoint == cfg.load_from
    assert f'/rtmpose-{size}_' in cfg.model.teacher.config
    assert cfg.max_epochs == 10
    assert len(cfg.train_dataloader.dataset.datasets) == 3


def test_scratch_on_the_command_line():
    """--cfg-options load_from=None model.beta=0"""
    cfg = Config.fromfile(CONFIGS / 'spinepose-s.py')
    options = {'load_from': 'None', 'model.beta': '0'}
    cfg.merge_from_dict(
        {k: DictAction._parse_iterable(v) for k, v in options.items()}
    )
    assert cfg.load_from is None
    assert cfg.model.beta == 0


@pytest.mark.parametrize(
    'name, variable, source, kept',
    [
        ('coco', 'COCO_ROOT', 17, list(range(17))),
        (
            'halpe26',
            'HALPE_ROOT',
            136,
            [i for i in range(26) if i not in (18, 19)],
        ),
    ],
)
def test_people_mixed_in(name, variable, source, kept, tmp_path, monkeypatch):
    monkeypatch.setenv(variable, str(tmp_path))
    cfg = Config.fromfile(CONFIGS / f'variants/spinepose-m_{name}.py')
    parts = cfg.train_dataloader.dataset.datasets
    assert [p.type for p in parts[:3]] == ['SpineTrackDataset'] * 3
    part = parts[3]
    points = np.random.default_rng(0).uniform(60, 140, (source, 2))
    write_people(part, points)

    combined = cfg.train_dataloader.dataset
    combined.datasets = [part]
    # The labels, without what moves them.
    steps = {
        step['type'].removeprefix('Fast'): step for step in combined.pipeline
    }
    combined.pipeline = [
        steps[kind]
        for kind in (
            'LoadPoseImage',
            'GetBBoxCenterScale',
            'TopdownAffine',
            'GenerateTarget',
            'PackPoseInputs',
        )
    ]
    with DefaultScope.overwrite_default_scope('mmpose'):
        dataset = DATASETS.build(combined)
    (sample,) = (dataset[i]['data_samples'] for i in range(len(dataset)))
    weights = sample.gt_instance_labels.keypoint_weights[0]
    assert weights.nonzero().flatten().tolist() == kept
    # 192 pixels of the input are 1.25 * 199 of the image.
    x = sample.gt_instance_labels.keypoint_x_labels[0].argmax(-1) / 2
    expected = (points[kept, 0] - 99.5) * 192 / 248.75 + 96
    np.testing.assert_allclose(x[kept], expected, atol=0.3)
    assert len(sample.metainfo['flip_indices']) == 37


def write_people(part, points):
    root = Path(part.data_root)
    image = root / part.data_prefix.img / 'a.jpg'
    image.parent.mkdir(parents=True)
    cv2.imwrite(str(image), np.zeros((200, 200, 3), np.uint8))
    ann_file = root / part.ann_file
    ann_file.parent.mkdir()
    person = dict(
        id=1,
        image_id=1,
        category_id=1,
        iscrowd=0,
        area=9000,
        bbox=[0, 0, 199, 199],
        num_keypoints=len(points),
        keypoints=np.c_[points, np.full(len(points), 2)].ravel().tolist(),
    )
    ann_file.write_text(
        json.dumps(
            dict(
                images=[dict(id=1, file_name='a.jpg', width=200, height=200)],
                annotations=[person],
                categories=[dict(id=1, name='person')],
            )
        )
    )
