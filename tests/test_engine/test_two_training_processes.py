"""Two gloo processes train as one process on the same global batch."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from spinepose_mmpose.metainfo import KEYPOINT_IDS, SPINE_CHAIN

import pytest
import torch
from small_run import ROOT, run, small_config


@pytest.fixture
def uneven_data(data, tmp_path):
    """Processes with different numbers of labelled spines."""
    root = tmp_path / 'uneven'
    shutil.copytree(data, root)
    for path in root.glob('annotations/*train*.json'):
        content = json.loads(path.read_text())
        for annotation in content['annotations'][::3]:
            for name in SPINE_CHAIN:
                annotation['keypoints'][3 * KEYPOINT_IDS[name] + 2] = 0
        path.write_text(json.dumps(content))
    return root


def free_port():
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        return sock.getsockname()[1]


def train_with_two(path):
    env = dict(
        os.environ,
        PYTHONPATH=str(ROOT),
        OMP_NUM_THREADS='1',
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=str(free_port()),
        WORLD_SIZE='2',
    )
    processes = [
        subprocess.Popen(
            [
                sys.executable,
                str(Path(__file__).parent / 'gloo_train.py'),
                path,
            ],
            env=dict(env, RANK=str(rank), LOCAL_RANK=str(rank)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        for process in processes:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors[-3000:]
    finally:
        for process in processes:
            process.kill()


def test_same_weights(uneven_data, teacher, tmp_path):
    options = dict(
        train_cfg=dict(max_epochs=1, val_begin=9),
        load_from=teacher['checkpoint'],
        model__beta=2.5,
        model__gamma1=5.0,  # large enough to be seen
        model__gamma2=5.0,
        model__teacher=teacher,
        # Adam would magnify the rounding of small gradients.
        optim_wrapper__optimizer=dict(
            _delete_=True, type='SGD', lr=1e-3, weight_decay=0.05
        ),
        param_scheduler=[],
    )
    one = run(small_config(uneven_data, tmp_path / 'one', **options))
    cfg = small_config(
        uneven_data,
        tmp_path / 'two',
        launcher='pytorch',
        train_dataloader__batch_size=2,
        **options,
    )
    train_with_two(cfg.filename)
    ema = torch.load(tmp_path / 'two' / 'epoch_1.pth', weights_only=False)
    ema = ema['ema_state_dict']  # 'state_dict' is what EMAHook averaged
    start = torch.load(teacher['checkpoint'])['state_dict']
    for name, value in one.model.state_dict().items():
        found = ema[f'module.{name}']
        torch.testing.assert_close(found, value, rtol=1e-3, atol=1e-4)
        if name.endswith(('cls_x.weight', 'stem.0.conv.weight')):
            step = (value - start[name]).norm()
            print(name, step, (found - value).norm() / step)
            assert step > 1e-3 and (found - value).norm() < 1e-2 * step
