from spinepose_mmpose.metainfo import KEYPOINT_NAMES
from spinepose_mmpose.models.head_extension import extend_head

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
            default_hooks__head_extension__seed=22,
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
