"""A run of the real config with a network and data for a test."""

from pathlib import Path
from uuid import uuid4

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from tiny_rtmpose import build, tiny

ROOT = Path(__file__).parents[2]
SIZE = (96, 128)  # half of the config's
NETWORK = dict(
    backbone=dict(deepen_factor=0.167, widen_factor=0.125),
    head=dict(in_channels=128, gau_cfg=dict(hidden_dims=32, s=16)),
)


def small_network(num_keypoints):
    model = tiny(num_keypoints, input_size=SIZE)
    model['head']['decoder'] = dict(model['head']['decoder'], input_size=SIZE)
    return model


def save_small_teacher(path):
    with DefaultScope.overwrite_default_scope('mmpose'):
        torch.manual_seed(0)
        model = build(small_network(26))
    state = model.state_dict()
    state['head.cls_x.weight'] *= 0.2  # logits of a trained model's size
    state['head.cls_y.weight'] *= 0.2
    torch.save(dict(state_dict=state, meta=dict()), path)
    return dict(
        config=small_network(26),
        checkpoint=str(path),
        metainfo=dict(from_file='configs/_base_/datasets/halpe26.py'),
    )


def small_config(data, work_dir, name='configs/spinepose-t.py', **options):
    """The config, written to a file of its own.

    Args:
        options: As for ``--cfg-options``; ``__`` stands for a dot.
    """
    cfg = Config.fromfile(ROOT / name)
    cfg.merge_from_dict(dict(model=NETWORK))
    text = repr(cfg.to_dict()).replace(cfg.data_root, f'{data}/')
    for old, new in (((192, 256), SIZE), ((6, 8), (3, 4))):
        text = text.replace(repr(old), repr(new))
    cfg = Config(eval(text))
    assert tuple(cfg.model.head.input_size) == SIZE
    cfg.model.pop('teacher', None)
    cfg.merge_from_dict(
        dict(
            work_dir=str(work_dir),
            log_level='WARNING',
            load_from=None,
            train_cfg=dict(max_epochs=2, val_interval=2),
            train_dataloader=dict(
                batch_size=4, num_workers=0, persistent_workers=False
            ),
            val_dataloader=dict(
                batch_size=4, num_workers=0, persistent_workers=False
            ),
            auto_scale_lr=dict(base_batch_size=4),
            model=dict(beta=0.0),
        )
    )
    cfg.merge_from_dict({k.replace('__', '.'): v for k, v in options.items()})
    path = f'{work_dir}_config.py'  # not where the run writes its own
    cfg.dump(path)
    return Config.fromfile(path)


def run(cfg):
    # Two runs of one name in one second would share a log.
    cfg.setdefault('experiment_name', uuid4().hex)
    with DefaultScope.overwrite_default_scope('mmpose'):
        runner = Runner.from_cfg(cfg)
        runner.train()
    return runner
