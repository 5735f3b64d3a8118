"""Two gloo processes train as one process on the whole batch."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from spinepose_mmpose.compat import cpu_distributed

import gloo_process
import pytest
import torch
from torch import nn

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

# name -> settings of the layer, shape of the whole batch, share of process 0
LAYERS = {
    'equal halves': ({}, (8, 3, 5, 4), 4),
    'unequal halves': ({}, (8, 3, 5, 4), 6),
    'one sample here': ({}, (5, 3, 2), 1),
    'without places': ({}, (6, 4), 2),
    'cumulative average': (dict(momentum=None), (6, 3, 4, 4), 2),
    'other momentum and eps': (dict(momentum=0.3, eps=0.1), (6, 3, 4, 4), 3),
    'no weights': (dict(affine=False), (6, 3, 4, 4), 2),
    'no statistics': (dict(track_running_stats=False), (6, 3, 4, 4), 2),
}


def plain_norm(shape, **settings):
    kind = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}
    return kind[len(shape)](shape[1], **settings)


def make_cases():
    """Inputs, and what one process makes of the whole batch."""
    torch.manual_seed(3)
    layers, expected = {}, {}
    for name, (settings, shape, share) in LAYERS.items():
        layer = plain_norm(shape, **settings)
        for value in (
            *layer.parameters(),
            layer.running_mean,
            layer.running_var,
        ):
            if value is not None:
                nn.init.uniform_(value, 0.5, 1.5)
        x, factor = torch.randn(shape) + 10, torch.randn(shape)
        layers[name] = dict(
            settings=settings,
            state={k: v.clone() for k, v in layer.state_dict().items()},
            inputs=(x[:share], x[share:]),
            factors=(factor[:share], factor[share:]),
        )
        expected[name] = gloo_process.run_layer(
            layer.double(), layer.state_dict(), x.double(), factor.double()
        )
    model = gloo_process.make_model(nn.BatchNorm2d)
    x, target = torch.randn(8, 3, 8, 8), torch.randn(8, 2)
    case = dict(
        state={k: v.clone() for k, v in model.state_dict().items()},
        inputs=x.chunk(2),
        targets=target.chunk(2),
    )
    expected['model'] = gloo_process.run_model(model, x, target)
    return dict(layers=layers, model=case), expected


def free_port():
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        return sock.getsockname()[1]


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    """The results of both processes, and those of one alone."""
    folder = tmp_path_factory.mktemp('gloo')
    cases, expected = make_cases()
    torch.save(cases, folder / 'cases')
    env = dict(
        os.environ,
        PYTHONPATH=str(ROOT),
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=str(free_port()),
        WORLD_SIZE='2',
    )
    processes = [
        subprocess.Popen(
            [
                sys.executable,
                str(HERE / 'gloo_process.py'),
                folder / 'cases',
                folder / 'results',
            ],
            env=dict(env, RANK=str(rank), LOCAL_RANK=str(rank)),
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        for process in processes:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors
    finally:
        for process in processes:
            process.kill()
    return [torch.load(folder / f'results.{i}') for i in range(2)], expected


def assert_close(actual, wanted):
    torch.testing.assert_close(
        actual, wanted, rtol=1e-5, atol=1e-5, check_dtype=False
    )


@pytest.mark.parametrize('name', LAYERS)
def test_sync_batch_norm(name, runs):
    (first, second), expected = (run[name] for run in runs[0]), runs[1][name]
    # The last is the evaluation, which is not synchronised anywhere.
    for step in range(3 if expected['buffers'] else 2):
        both = torch.cat([first['outputs'][step], second['outputs'][step]])
        assert_close(both, expected['outputs'][step])
    assert_close(
        torch.cat([first['input_grad'], second['input_grad']]),
        expected['input_grad'],
    )
    for one in (first, second):
        assert_close(one['buffers'], expected['buffers'])
    # DistributedDataParallel sums the shares of each process.
    for key, wanted in expected['grads'].items():
        assert_close(first['grads'][key] + second['grads'][key], wanted)


def test_model(runs):
    expected = runs[1]['model']
    for run in runs[0]:
        assert_close(run['model']['grads'], expected['grads'])
        assert_close(run['model']['state'], expected['state'])


def test_fails_without_the_shims(runs):
    for run in runs[0]:
        assert run['set_device'] is not None
        assert 'SyncBatchNorm expected input tensor to be on' in run['forward']
        assert 'SyncBatchNorm layers only work with GPU' in run['wrapper']


def test_one_process_alone(tmp_path):
    """As ``--nproc_per_node 1`` starts it; here without a network."""
    from spinepose_mmpose.compat import active

    import mmengine.dist  # noqa: F401

    assert 'cpu_distributed' in active
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{tmp_path}/store', rank=0, world_size=1
    )
    try:
        x = torch.randn(4, 3, 5)
        for dtype in (torch.float32, torch.bfloat16):
            synced, plain = nn.SyncBatchNorm(3), nn.BatchNorm1d(3)
            torch.testing.assert_close(synced(x.to(dtype)), plain(x.to(dtype)))
            assert_close(synced.state_dict(), plain.state_dict())
        with pytest.raises(ValueError, match='more than 1 value per channel'):
            nn.SyncBatchNorm(3)(torch.ones(1, 3))
    finally:
        torch.distributed.destroy_process_group()


def test_nothing_is_changed_beside_a_gpu(monkeypatch):
    assert cpu_distributed.probe() is not None
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    assert cpu_distributed.probe() is None
