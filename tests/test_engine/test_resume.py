"""Killed at any moment and resumed: the weights of an uninterrupted run."""

import logging
import os
from pathlib import Path
from types import SimpleNamespace

from spinepose_mmpose.engine.hooks import AtomicBackend, ResumeHook

import pytest
import torch
from mmengine.fileio import LocalBackend
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from small_run import run, small_config

WORKERS = dict(
    train_dataloader__num_workers=1, train_dataloader__persistent_workers=True
)


class Killed(BaseException):
    """Passes by every ``except Exception`` as a signal would."""


@HOOKS.register_module()
class KillHook(Hook):
    def __init__(self, at):
        self.at = at

    def after_train_iter(self, runner, *args, **kwargs):
        if runner.iter + 1 == self.at:
            raise Killed


def kill(at):
    return dict(default_hooks__kill=dict(type='KillHook', at=at))


@pytest.fixture(scope='module')
def options(teacher):
    return dict(
        train_cfg__val_begin=9,
        load_from=teacher['checkpoint'],
        model__beta=2.5,
        model__teacher=teacher,
        # Changes of the size that only another batch makes.
        optim_wrapper__optimizer__lr=1e-3,
        param_scheduler=[
            dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=3),
            dict(
                type='CosineAnnealingLR',
                T_max=2,
                by_epoch=True,
                convert_to_iter_based=True,
            ),
        ],
    )


@pytest.fixture(scope='module')
def uninterrupted(options, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp('uninterrupted')
    run(small_config(data, folder, **options, **WORKERS))
    return load(folder)


def load(folder, epoch=2):
    return torch.load(folder / f'epoch_{epoch}.pth', weights_only=False)


def interrupt(data, folder, options):
    with pytest.raises(Killed):
        run(small_config(data, folder, **options))


def resume(data, folder, options):
    """As ``tools/train.py --resume`` does it."""
    cfg = small_config(data, folder, **options)
    cfg.resume, cfg.load_from = True, None
    return run(cfg)


def assert_same(checkpoint, expected):
    for part in ('state_dict', 'ema_state_dict', 'optimizer'):
        torch.testing.assert_close(
            checkpoint[part], expected[part], rtol=0, atol=1e-6
        )
    assert checkpoint['param_schedulers'] == expected['param_schedulers']
    for key in ('epoch', 'iter'):
        assert checkpoint['meta'][key] == expected['meta'][key]


def test_in_an_epoch(uninterrupted, options, data, tmp_path):
    """3 iterations an epoch, so the fifth is in the second one."""
    interrupt(data, tmp_path, dict(options, **kill(5)))
    assert not (tmp_path / 'epoch_2.pth').exists()
    # Without workers, for good measure.
    resume(data, tmp_path, options)
    assert_same(load(tmp_path), uninterrupted)


def test_before_the_first_checkpoint(uninterrupted, options, data, tmp_path):
    interrupt(data, tmp_path, dict(options, **kill(2)))
    resume(data, tmp_path, options)
    assert_same(load(tmp_path), uninterrupted)


def test_while_saving(uninterrupted, options, data, tmp_path, monkeypatch):
    put = LocalBackend.put

    def put_half(self, content, filepath):
        if 'epoch_2' in str(filepath):
            put(self, content[: len(content) // 2], filepath)
            raise Killed
        put(self, content, filepath)

    monkeypatch.setattr(LocalBackend, 'put', put_half)
    interrupt(data, tmp_path, options)
    monkeypatch.setattr(LocalBackend, 'put', put)
    assert not (tmp_path / 'epoch_2.pth').exists()
    resume(data, tmp_path, options)
    assert_same(load(tmp_path), uninterrupted)


def test_differs_without_the_hook(uninterrupted, options, data, tmp_path):
    """So that the tests above mean something."""
    options = dict(options, default_hooks__sample_seed__type='IterTimerHook')
    interrupt(data, tmp_path, dict(options, **kill(5)))
    resume(data, tmp_path, options)
    with pytest.raises(AssertionError):
        assert_same(load(tmp_path), uninterrupted)


@pytest.mark.parametrize(
    'content, files, expected',
    [
        ('', ['epoch_9.pth', 'epoch_10.pth'], '{folder}/epoch_10.pth'),
        ('/moved/epoch_9.pth', ['epoch_9.pth'], '{folder}/epoch_9.pth'),
        ('{folder}/best.pth', ['epoch_1.pth', 'best.pth'], '{folder}/best.pth'),
        (None, ['iter_5.pth', 'iter_60.pth.part'], '{folder}/iter_5.pth'),
        ('/moved/epoch_9.pth', ['epoch_9.pth.part', 'best_1.pth'], None),
        (None, [], None),
    ],
)
def test_lost_pointer(content, files, expected, tmp_path):
    pointer = tmp_path / 'last_checkpoint'
    if content is not None:
        pointer.write_text(content.format(folder=tmp_path))
    for name in files:
        (tmp_path / name).touch()
    runner = SimpleNamespace(
        _resume=True,
        _load_from=None,
        work_dir=str(tmp_path),
        logger=logging.getLogger('test'),
    )
    ResumeHook().before_run(runner)
    found = pointer.read_text() if pointer.exists() else None
    assert found == (expected and expected.format(folder=tmp_path))


def test_nothing_to_resume(options, data, tmp_path):
    """``--resume`` puts ``load_from`` aside; the config's file still has it."""
    options = dict(options, train_cfg__max_epochs=0, param_scheduler=[])
    runner = resume(data, tmp_path, options)
    assert runner._load_from == options['load_from']
    log = (Path(runner.log_dir) / f'{runner.timestamp}.log').read_text()
    assert 'random weights' not in log


def test_atomic_backend(tmp_path, monkeypatch):
    path = tmp_path / 'x.pth'
    AtomicBackend().put(b'one', path)
    assert path.read_bytes() == b'one'
    monkeypatch.setattr(os, 'replace', lambda *_: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        AtomicBackend().put(b'two', path)
    assert path.read_bytes() == b'one'
    assert Path(f'{path}.part').read_bytes() == b'two'
