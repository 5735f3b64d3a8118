"""Compare the time of a training step with and without distillation.

Both use the same network, data and optimizer. The steps alternate, so that
changes of the machine's speed affect both. A step consists of preprocessing,
forward, backward and update, without data loading. The teacher has random
weights, which take as long as trained ones. The expected ratio is 4/3: one more
forward pass, in addition to a forward pass and a backward pass of twice its
cost. The exit code is 1 above --max-ratio.
"""

import argparse
import copy
import multiprocessing
import sys
import tempfile

import spinepose_mmpose  # noqa: F401  before anything of OpenMMLab
from spinepose_mmpose.utils import one_sentence, plain_config

import numpy as np
import torch
from measuring import find_config, memory_mib, take_turns
from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.logging import MMLogger
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

LIMIT = 4 / 3
# row -> which of the losses are on
ROWS = {
    'plain student': None,
    '+ distillation': dict(gamma1=0.0, gamma2=0.0),
    '+ structure, spine': dict(),
}
LABELS = ('keypoint_x_labels', 'keypoint_y_labels', 'keypoint_weights')


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--config', default='configs/spinepose-s.py')
    parser.add_argument('--batch-size', type=int, default=8)
    parser.add_argument('--steps', type=int, default=15)
    parser.add_argument('--warmup', type=int, default=3)
    parser.add_argument('--device', default='cpu', help='cpu, cuda, cuda:1')
    parser.add_argument('--threads', type=int, help='CPU threads of PyTorch')
    parser.add_argument('--amp', action='store_true', help='needs a GPU')
    parser.add_argument(
        '--half-teacher',
        action='store_true',
        help='run the backbone of the teacher in float16 on a GPU',
    )
    parser.add_argument(
        '--max-ratio',
        type=float,
        default=1.40,
        help='fail if the ratio of the medians is above this value',
    )
    return parser.parse_args()


def prepare(args):
    if args.threads:
        torch.set_num_threads(args.threads)
    MMLogger.get_instance('mmengine', log_level='ERROR')
    init_default_scope('mmpose')
    return Config.fromfile(find_config(args.config)).model


def save_teacher(model_cfg, path):
    cfg = get_config(model_cfg.teacher.config).model
    cfg.backbone.pop('init_cfg', None)  # weights on the network
    teacher = MODELS.build(cfg)
    teacher.init_weights()
    torch.save(dict(state_dict=teacher.state_dict()), path)


def make_batch(head, batch_size):
    """Random images, everything labelled somewhere."""
    rng = np.random.default_rng(0)
    w, h = head.input_size
    samples, images = [], []
    for i in range(batch_size):
        points = rng.uniform(0.1, 0.9, (1, head.out_channels, 2)) * (w, h)
        labels = head.decoder.encode(points, np.ones(points.shape[:2]))
        sample = PoseDataSample(metainfo=dict(id=i))
        sample.gt_instance_labels = InstanceData(
            **{name: labels[name] for name in LABELS}
        ).to_tensor()
        samples.append(sample)
        images.append(
            torch.from_numpy(rng.integers(0, 256, (3, h, w), dtype=np.uint8))
        )
    return dict(inputs=images, data_samples=samples)


def make_step(args, losses, teacher_weights):
    """A function that trains one step of the config's model, or of the plain
    one where ``losses`` is None."""
    cfg = prepare(args)
    if losses is None:
        cfg = plain_config(cfg, TopdownPoseEstimator)
    else:
        cfg.update(losses)
        cfg.teacher.update(checkpoint=teacher_weights, half=args.half_teacher)
    model = MODELS.build(cfg)
    model.init_weights()
    model = revert_sync_batchnorm(model).to(args.device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    wrapper = AmpOptimWrapper if args.amp else OptimWrapper
    wrapper = wrapper(optimizer=optimizer, clip_grad=dict(max_norm=35))
    batch = make_batch(model.head, args.batch_size)

    def step():
        model.train_step(copy.deepcopy(batch), wrapper)
        if args.device.startswith('cuda'):
            torch.cuda.synchronize(args.device)

    return step


def measure_memory(args, losses, teacher_weights):
    """Peak MiB of three steps, in a process of their own."""
    step = make_step(args, losses, teacher_weights)
    for _ in range(3):
        step()
    if args.device.startswith('cuda'):
        return torch.cuda.max_memory_allocated(args.device) / 2**20
    return memory_mib()


def main():
    args = parse_args()
    with one_sentence(), tempfile.TemporaryDirectory() as folder:
        weights = f'{folder}/teacher.pth'
        save_teacher(prepare(args), weights)
        steps = {row: make_step(args, on, weights) for row, on in ROWS.items()}
        times = take_turns(steps, args.steps, args.warmup)
        memory = {}
        for row, losses in ROWS.items():
            with multiprocessing.get_context('spawn').Pool(1) as pool:
                memory[row] = pool.apply(
                    measure_memory, (args, losses, weights)
                )
    plain = times['plain student'].median
    gpu = args.device.startswith('cuda')
    print(
        f'{args.config}, batch {args.batch_size}, {args.device}, '
        f'{torch.get_num_threads()} threads, {args.steps} steps; '
        f'limit of one more forward: {LIMIT:.2f}'
    )
    print(
        f'{"":20}{"median":>10}{"fastest":>10}{"ratio":>8}  '
        + ('peak GPU memory' if gpu else 'peak memory (RSS)')
    )
    for row, t in times.items():
        print(
            f'{row:20}{1e3 * t.median:7.1f} ms{1e3 * t.fastest:7.1f} ms'
            f'{t.median / plain:8.2f}  {memory[row]:.0f} MiB'
        )
    ratio = times[list(ROWS)[-1]].median / plain
    if ratio > args.max_ratio:
        print(f'the ratio {ratio:.2f} is above {args.max_ratio:.2f}')
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
