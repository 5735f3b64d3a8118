import json
from pathlib import Path

from spinepose_mmpose.metainfo import KEYPOINT_NAMES, SPINE_CHAIN
from spinepose_mmpose.models.head_extension import extend_head, keypoint_index

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from small_run import run, small_config

WEIGHT = 'head.final_layer.weight'
KEEP = dict(train_cfg__max_epochs=0)  # load, train nothing


def rows(path):
    return torch.load(path, weights_only=False)['state_dict'][WEIGHT]


@pytest.fixture
def old(teacher):
    return rows(teacher['checkpoint'])


def log_of(runner):
    folder = runner.log_dir
    with open(f'{folder}/{runner.timestamp}.log') as file:
        return file.read()


@pytest.mark.parametrize('kind', ['TopdownPoseEstimator', 'SpinePoseDistiller'])
def test_training_starts_from_26_keypoints(kind, teacher, old, data, tmp_path):
    cfg = small_config(
        data,
        tmp_path,
        load_from=teacher['checkpoint'],
        log_level='INFO',
        **KEEP,
    )
    if kind == 'TopdownPoseEstimator':
        for name in ('alpha', 'beta', 'gamma1', 'gamma2'):
            cfg.model.pop(name)
        cfg.model.type = kind
    runner = run(cfg)
    weight = runner.model.state_dict()[WEIGHT]
    assert torch.equal(weight[:26], old)
    assert weight[26:].std() == pytest.approx(old.std().item(), rel=0.05)
    ema = [h for h in runner.hooks if hasattr(h, 'ema_model')][0].ema_model
    assert torch.equal(ema.module.state_dict()[WEIGHT], weight)
    log = log_of(runner)
    assert 'from 26 to 37 keypoints (seed 21)' in log
    assert '26 copied: nose, ' in log and ': spine_01, ' in log
    assert 'size mismatch' not in log and 'missing keys' not in log

    # The same again, and another draw by another seed.
    again = run(
        small_config(
            data,
            tmp_path / 'b',
            load_from=teacher['checkpoint'],
            randomness__seed=22,
            default_hooks__head_extension__redraw=['neck'],
            **KEEP,
        )
    )
    other = again.model.state_dict()[WEIGHT]
    assert not torch.equal(other[26:], weight[26:])
    assert not torch.equal(other[18], old[18])
    assert torch.equal(other[19], old[19])


def test_37_keypoints_are_left_alone(teacher, data, tmp_path):
    state = torch.load(teacher['checkpoint'])['state_dict']
    state, _ = extend_head(state, KEYPOINT_NAMES[:26], KEYPOINT_NAMES)
    torch.save(dict(state_dict=state), tmp_path / '37.pth')
    runner = run(
        small_config(
            data,
            tmp_path / 'run',
            load_from=str(tmp_path / '37.pth'),
            log_level='INFO',
            **KEEP,
        )
    )
    own = runner.model.state_dict()
    assert all(torch.equal(own[name], state[name]) for name in own)
    assert 'Head extension' not in log_of(runner)


@pytest.mark.parametrize(
    'edit, message',
    [
        (
            lambda s: s.pop('backbone.stem.0.conv.weight'),
            '1 missing .backbone.stem.0.conv.weight',
        ),
        (
            lambda s: s.update({'neck.x': torch.zeros(1)}),
            '1 unexpected .neck.x.*same network',
        ),
        (
            lambda s: s.update({'head.mlp.1.weight': torch.zeros(9, 48)}),
            r'1 of another shape .head.mlp.1.weight \(9, 48\) for',
        ),
        (
            lambda s: s.update({WEIGHT: torch.zeros(21, 128, 7, 7)}),
            '21 keypoints but no names',
        ),
        (lambda s: s.pop(WEIGHT), 'no head.final_layer.weight'),
    ],
)
def test_unexplained_differences(edit, message, teacher, data, tmp_path):
    checkpoint = torch.load(teacher['checkpoint'])
    edit(checkpoint['state_dict'])
    torch.save(checkpoint, tmp_path / 'bad.pth')
    cfg = small_config(
        data, tmp_path / 'run', load_from=str(tmp_path / 'bad.pth')
    )
    with pytest.raises(ValueError, match=message):
        run(cfg)


def test_old_files(teacher, old, data, tmp_path):
    """``module.`` before names, no counters, no 'state_dict'."""
    state = torch.load(teacher['checkpoint'])['state_dict']
    state = {
        f'module.{k}': v
        for k, v in state.items()
        if 'num_batches_tracked' not in k
    }
    state['module.data_preprocessor.mean'] = torch.zeros(3, 1, 1)
    torch.save(state, tmp_path / 'old.pth')
    runner = run(
        small_config(
            data, tmp_path / 'run', load_from=str(tmp_path / 'old.pth'), **KEEP
        )
    )
    assert torch.equal(runner.model.state_dict()[WEIGHT][:26], old)


def test_testing_needs_the_same_keypoints(teacher, data, tmp_path):
    cfg = small_config(data, tmp_path, load_from=teacher['checkpoint'])
    with DefaultScope.overwrite_default_scope('mmpose'):
        with pytest.raises(ValueError, match=r'1 of another|2 of another'):
            Runner.from_cfg(cfg).test()


OWN = [*SPINE_CHAIN, 'nose', 'left_shoulder', 'right_shoulder']


@pytest.fixture(scope='module')
def own_keypoints(data, tmp_path_factory):
    """The same people with 12 keypoints, and their metainfo."""
    index = keypoint_index(OWN, KEYPOINT_NAMES)
    name = 'annotations/person_keypoints_train-unreal.json'
    content = json.loads((Path(data) / name).read_text())
    for person in content['annotations']:
        triples = np.reshape(person['keypoints'], (-1, 3))[index]
        person['keypoints'] = triples.ravel().tolist()
        person['num_keypoints'] = int((triples[:, 2] > 0).sum())
    path = tmp_path_factory.mktemp('own') / 'own.json'
    path.write_text(json.dumps(content))
    swap = dict(left_shoulder='right_shoulder', right_shoulder='left_shoulder')
    metainfo = dict(
        dataset_name='own',
        keypoint_info={
            i: dict(name=n, id=i, color=[0, 0, 0], swap=swap.get(n, ''))
            for i, n in enumerate(OWN)
        },
        skeleton_info={},
        joint_weights=[1.0] * 12,
        sigmas=[0.05] * 12,
    )
    return dict(
        type='CocoDataset',
        data_mode='topdown',
        data_root=data,
        data_prefix=dict(img='images/train-unreal/'),
        ann_file=str(path),
        metainfo=metainfo,
    )


def own_config(dataset, teacher, data, work_dir, **options):
    """Fine-tuning from 26 keypoints; nothing is validated."""
    cfg = small_config(
        data, work_dir, load_from=teacher['checkpoint'], log_level='INFO'
    )
    pipeline = cfg.train_dataloader.dataset.pipeline
    cfg.train_dataloader.dataset = dict(dataset, pipeline=pipeline)
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.default_hooks.checkpoint.pop('save_best')
    cfg.train_cfg = dict(by_epoch=True, max_epochs=1)
    cfg.model.head.out_channels = 12
    cfg.merge_from_dict({k.replace('__', '.'): v for k, v in options.items()})
    return cfg


@pytest.mark.parametrize('named', [False, True])
def test_own_keypoints_are_named_once(
    named, own_keypoints, teacher, old, data, tmp_path
):
    """In the dataset's metainfo; model.keypoint_names may say the same."""
    cfg = own_config(own_keypoints, teacher, data, tmp_path / 'run')
    if named:
        cfg.model.keypoint_names = OWN
    runner = run(cfg)
    assert runner.model.keypoint_names == OWN
    log = log_of(runner)
    assert 'from 26 to 12 keypoints' in log
    assert '5 copied: neck, hip, nose, left_shoulder, right_shoulder' in log
    assert 'loss_spine: ' in log and 'loss_structure: ' in log
    assert runner.model.loss_spine.chain.tolist() == list(range(9))
    assert len(runner.model.loss_structure.bones) == 8  # neck_03 to hip


@pytest.mark.parametrize(
    'options, message',
    [
        (
            dict(model__keypoint_names=OWN[::-1]),
            'leave model.keypoint_names out',
        ),
        (
            dict(model__head__out_channels=11),
            'The head has 11 outputs, but there are 12 keypoint_names',
        ),
    ],
)
def test_names_that_disagree(
    options, message, own_keypoints, teacher, data, tmp_path
):
    cfg = own_config(own_keypoints, teacher, data, tmp_path / 'run', **options)
    with pytest.raises(ValueError, match=message):
        run(cfg)
