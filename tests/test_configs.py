"""Every config loads from anywhere, agrees with itself and builds."""

import importlib.util
import json
import os
from pathlib import Path

from spinepose_mmpose.evaluation.published import model_complexity
from spinepose_mmpose.metainfo import KEYPOINT_NAMES, METAINFO
from spinepose_mmpose.zoo import all_models, find_model

import cv2
import numpy as np
import pytest
import torch
import yaml
from mmengine.config import Config, DictAction
from mmengine.dataset import Compose
from mmengine.hub import get_config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import (
    DATA_SAMPLERS,
    DATASETS,
    EVALUATORS,
    HOOKS,
    METRICS,
    MODELS,
    OPTIM_WRAPPERS,
    PARAM_SCHEDULERS,
    TRANSFORMS,
)

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / 'configs'
NAMES = [
    str(path.relative_to(CONFIGS).with_suffix(''))
    for pattern in ('spinepose-*.py', 'variants/spinepose-*.py')
    for path in sorted(CONFIGS.glob(pattern))
]
# deepen, widen, channels, input (w, h), SimCC sigma, params (M), FLOPs (G)
PUBLISHED = {
    'spinepose-s': (0.33, 0.5, 512, (192, 256), (4.9, 5.66), 5.98, 0.72),
    'spinepose-m': (0.67, 0.75, 768, (192, 256), (4.9, 5.66), 14.34, 1.98),
    'spinepose-l': (1.0, 1.0, 1024, (192, 256), (4.9, 5.66), 28.66, 4.22),
    'spinepose-x': (1.33, 1.25, 1280, (288, 384), (6.0, 6.93), 50.69, 17.37),
}
MODELS_ALONE = [name for name in NAMES if '/' not in name]
ALL_LOSSES = dict(alpha=1.0, beta=2.5, gamma1=0.1, gamma2=0.5)


@pytest.fixture(scope='module', autouse=True)
def elsewhere(tmp_path_factory):
    """Everything here is to work from any directory."""
    before = os.getcwd()
    os.chdir(tmp_path_factory.mktemp('elsewhere'))
    init_default_scope('mmpose')
    yield
    os.chdir(before)


@pytest.fixture(scope='module')
def load():
    configs = {}

    def load_config(name):
        if name not in configs:
            configs[name] = Config.fromfile(CONFIGS / f'{name}.py')
        return configs[name]

    return load_config


@pytest.fixture(scope='module')
def build(load):
    models = {}

    def build_model(name):
        if name not in models:
            torch.manual_seed(0)
            models[name] = revert_sync_batchnorm(
                MODELS.build(load(name).model)
            ).eval()
        return models[name]

    return build_model


def datasets_of(loader):
    dataset = loader.dataset
    return [dataset, *dataset.get('datasets', ())]


@pytest.mark.parametrize('name', NAMES)
def test_a_config_agrees_with_itself(name, load):
    cfg = load(name)
    w, h = cfg.codec.input_size
    head = cfg.model.head
    assert head.decoder == cfg.codec
    assert tuple(head.input_size) == (w, h)
    assert head.simcc_split_ratio == cfg.codec.simcc_split_ratio == 2.0
    assert head.out_channels == 37
    norm = cfg.model.data_preprocessor
    assert norm.mean == [123.675, 116.28, 103.53]
    assert norm.std == [58.395, 57.12, 57.375] and norm.bgr_to_rgb
    # The metric reads the same people as the dataset.
    for loader, evaluator in (
        (cfg.val_dataloader, cfg.val_evaluator),
        (cfg.test_dataloader, cfg.test_evaluator),
    ):
        dataset = loader.dataset
        assert dataset.test_mode is True
        assert evaluator.ann_file == dataset.data_root + dataset.ann_file
    assert cfg.model.test_cfg.flip_test is True


@pytest.mark.parametrize('name', NAMES)
def test_types_are_known(name, load):
    cfg = load(name)
    assert cfg.default_scope == 'mmpose'
    # MMPoseInferencer reads these two.
    assert DATASETS.get(cfg.dataset_type) and cfg.data_mode == 'topdown'
    for loader in (
        cfg.train_dataloader,
        cfg.val_dataloader,
        cfg.test_dataloader,
    ):
        for dataset in datasets_of(loader):
            assert DATASETS.get(dataset.type), dataset.type
        assert DATA_SAMPLERS.get(loader.sampler.type)
    for metric in (cfg.val_evaluator, cfg.test_evaluator):
        assert METRICS.get(metric.type) or EVALUATORS.get(metric.type)
    for hook in (*cfg.default_hooks.values(), *cfg.get('custom_hooks', ())):
        assert HOOKS.get(hook.type), hook.type
    for scheduler in cfg.param_scheduler:
        assert PARAM_SCHEDULERS.get(scheduler.type), scheduler.type
    assert OPTIM_WRAPPERS.get(cfg.optim_wrapper.type)


@pytest.mark.parametrize('name', MODELS_ALONE)
def test_the_dumped_config_is_the_config(name, load):
    """Runs and checkpoints keep the text."""
    cfg = load(name)
    again = Config.fromstring(cfg.pretty_text, '.py')
    assert again.to_dict() == cfg.to_dict()


def sample():
    """A person on an image in memory, as the dataset hands it on."""
    meta = parse_pose_metainfo(METAINFO)
    points = np.random.default_rng(0).uniform(40, 200, (1, 37, 2))
    return dict(
        img=np.random.default_rng(1).integers(
            0, 256, (240, 320, 3), dtype=np.uint8
        ),
        img_path='x.jpg',
        img_id=1,
        id=1,
        bbox=np.array([[30, 20, 250, 230]], np.float32),
        bbox_score=np.ones(1, np.float32),
        keypoints=points.astype(np.float32),
        keypoints_visible=np.ones((1, 37), np.float32),
        category_id=np.array(1),
        **{
            key: meta[key]
            for key in (
                'upper_body_ids',
                'lower_body_ids',
                'flip_pairs',
                'flip_indices',
                'dataset_keypoint_weights',
            )
        },
    )


@pytest.mark.parametrize('name', NAMES)
def test_pipelines_make_what_the_head_takes(name, load):
    cfg = load(name)
    w, h = cfg.codec.input_size
    np.random.seed(0)
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        packed = Compose(loader.dataset.pipeline)(sample())
        assert packed['inputs'].shape == (3, h, w)
        assert packed['inputs'].dtype == torch.uint8
    labels = Compose(cfg.train_dataloader.dataset.pipeline)(sample())[
        'data_samples'
    ]
    # Batches pass from workers in a few tensors.
    assert cfg.train_dataloader.collate_fn == dict(type='pose_collate')
    instance = labels.gt_instance_labels
    assert instance.keypoint_x_labels.shape == (1, 37, 2 * w)
    assert instance.keypoint_y_labels.shape == (1, 37, 2 * h)
    generate = [
        step
        for step in cfg.train_dataloader.dataset.pipeline
        if step['type'].endswith('GenerateTarget')
    ]
    assert [step['encoder'] for step in generate] == [cfg.codec]
    assert [dict(step) for step in cfg.test_dataloader.dataset.pipeline] == [
        dict(step) for step in cfg.val_dataloader.dataset.pipeline
    ]


@pytest.mark.parametrize('name', PUBLISHED)
def test_published_figures(name, load):
    deepen, widen, channels, size, sigma, params, flops = PUBLISHED[name]
    cfg = load(name)
    assert cfg.model.backbone.deepen_factor == deepen
    assert cfg.model.backbone.widen_factor == widen
    assert cfg.model.head.in_channels == channels
    assert tuple(cfg.codec.input_size) == size
    assert tuple(cfg.codec.sigma) == sigma
    found = model_complexity(str(CONFIGS / f'{name}.py'))
    assert tuple(round(value, 2) for value in found) == (params, flops)
    row = find_model(name)
    assert (row.input_size, row.params, row.flops) == (size, params, flops)


@pytest.mark.parametrize('name', ['spinepose-t', 'spinepose-x'])
def test_output(name, load, build):
    w, h = load(name).codec.input_size
    model = build(name)
    with torch.no_grad():
        features = model.extract_feat(torch.zeros(1, 3, h, w))
        x, y = model.head(features)
    assert features[-1].shape[:1:-1] == model.head.in_featuremap_size
    assert x.shape == (1, 37, 2 * w) and y.shape == (1, 37, 2 * h)


@pytest.mark.parametrize('name', ['spinepose-t', *PUBLISHED])
def test_state_dict_is_rtmposes(name, build, load, tmp_path):
    """Keys and shapes are those of mmpose's own config, but for the final
    layer, so that checkpoints pass both ways without a key too many."""
    teacher = find_model(f'{name.replace("spinepose", "rtmpose")}-halpe26')
    theirs = revert_sync_batchnorm(
        MODELS.build(get_config(teacher.config).model)
    )
    ours = build(name).state_dict()
    assert {key.split('.')[0] for key in ours} == {'backbone', 'head'}
    shapes = {key: value.shape for key, value in ours.items()}
    wanted = {key: value.shape for key, value in theirs.state_dict().items()}
    assert shapes.keys() == wanted.keys()
    other = {key for key in shapes if shapes[key] != wanted[key]}
    assert other == {'head.final_layer.weight', 'head.final_layer.bias'}
    assert shapes['head.final_layer.bias'] == (37,)


def test_checkpoints_pass_both_ways(build, load, tmp_path):
    """Published checkpoints are those of a plain estimator."""
    ours = build('spinepose-s')
    plain = load('spinepose-s').model.to_dict()
    allowed = ('data_preprocessor', 'backbone', 'head', 'test_cfg')
    plain = {key: plain[key] for key in allowed}
    theirs = revert_sync_batchnorm(
        MODELS.build(dict(plain, type='TopdownPoseEstimator'))
    )
    for source, target in ((ours, theirs), (theirs, ours)):
        for p in source.parameters():
            torch.nn.init.normal_(p, std=0.05)
        path = str(tmp_path / 'model.pth')
        torch.save(dict(meta={}, state_dict=source.state_dict()), path)
        load_checkpoint(target, path, strict=True)
        for a, b in zip(source.parameters(), target.parameters()):
            assert torch.equal(a, b)
    image = torch.rand(1, 3, 256, 192)
    with torch.no_grad():
        for a, b in zip(
            ours.eval()(image, None, mode='tensor'),
            theirs.eval()(image, None, mode='tensor'),
        ):
            assert a.isfinite().all() and torch.equal(a, b)


def test_data_root_can_be_moved(monkeypatch):
    monkeypatch.setenv('SPINETRACK_ROOT', '/data/some where')
    cfg = Config.fromfile(CONFIGS / 'spinepose-x.py')
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        for dataset in datasets_of(loader)[-1:]:
            assert dataset.data_root == '/data/some where/'
    assert cfg.val_evaluator.ann_file.startswith('/data/some where/annot')


def test_training_sets_are_the_three_published_ones(load):
    sets = load('spinepose-m').train_dataloader.dataset.datasets
    assert [(s.ann_file, s.data_prefix.img) for s in sets] == [
        (f'annotations/person_keypoints_{split}.json', f'images/{split}/')
        for split in ('train-real-coco', 'train-real-yoga', 'train-unreal')
    ]
    metainfo = load('spinepose-m').train_dataloader.dataset.metainfo
    names = parse_pose_metainfo(metainfo)['keypoint_id2name']
    assert tuple(names.values()) == KEYPOINT_NAMES


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
        ('amp', {'.optim_wrapper.type': 'AmpOptimWrapper'}),
    ],
)
def test_is_a_delta(name, expected, load):
    base = load('spinepose-m').to_dict()
    variant = load(f'variants/spinepose-m_{name}')
    assert differences(base, variant.to_dict()) == set(expected)
    for place, value in expected.items():
        found = variant
        for key in place[1:].split('.'):
            found = found[key]
        assert found == value


@pytest.mark.parametrize('size', 'tsmlx')
def test_every_model_distils_from_its_own_size(size, load):
    cfg = load(f'spinepose-{size}')
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


def test_the_pipeline_of_mmpose(load):
    """Step for step MMPose's classes where ours are the fast ones."""
    ours = load('spinepose-m')
    theirs = load('variants/spinepose-m_mmpose-pipeline')
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        steps = [cfg[loader].dataset.pipeline for cfg in (ours, theirs)]
        for fast, plain in zip(*steps, strict=True):
            module = TRANSFORMS.get(plain.type).__module__
            shared = plain.type == 'LoadPoseImage'
            assert module.startswith('mmpose.') or shared
            named = dict(fast, type=fast.type.removeprefix('Fast'))
            named.pop('lazy', None)
            named.pop('backend_args', None)
            assert named == dict(plain)
    assert not any(step.get('lazy') for step in steps[1])


@pytest.fixture(scope='module')
def index():
    """metafile -> its content, for those of model-index.yml."""
    paths = yaml.safe_load((ROOT / 'model-index.yml').read_text())['Import']
    return {path: yaml.safe_load((ROOT / path).read_text()) for path in paths}


def test_metafiles_are_up_to_date(index, tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location(
        'write_metafiles', ROOT / 'tools' / 'misc' / 'write_metafiles.py'
    )
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    monkeypatch.setattr(tool, 'CONFIGS', tmp_path)
    tool.main()
    written = {
        f'configs/{path.name}': path.read_text() for path in tmp_path.iterdir()
    }
    assert written == {path: (ROOT / path).read_text() for path in index}


def test_metafiles_are_what_mim_reads(index):
    entries = [e for content in index.values() for e in content['Models']]
    collections = {
        c['Name'] for content in index.values() for c in content['Collections']
    }
    published = [m for m in all_models('spinepose') if m.weights]
    assert sorted(e['Name'] for e in entries) == sorted(
        m.aliases[0] for m in published
    )
    assert 'spinepose-m_32xb256-10e_spinetrack-256x192' in str(entries)
    for entry in entries:
        model = find_model(entry['Name'])
        assert entry['Weights'] == model.weights[0]
        assert entry['Weights'].endswith(f'/{entry["Name"]}.pth')
        assert (ROOT / entry['Config']).is_file()
        assert entry['Config'] == model.config
        assert entry['In Collection'] in collections
        assert {entry['Name'], *entry['Alias']} == set(model.names)
        figures = entry['Results'][0]['Metrics']
        assert figures['spine AP'] == model.results['spine'][0]
        assert figures['body AR'] == model.results['body'][1]
