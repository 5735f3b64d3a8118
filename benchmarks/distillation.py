"""Time a training step of the distilled model beside that of a plain student.

The same network, data and optimizer; the steps take turns, so that a change
of the machine's speed meets both. A step is preprocessing, forward, backward
and update, without data loading. The teacher has random weights, which cost
what trained ones do. Expected: 4/3, one forward more on top of a forward and
a backward of twice its cost. Exits with 1 above --max-ratio.
"""

import argparse
import multiprocessing
import statistics
import sys
import tempfile
import time
from pathlib import Path

import spinepose_mmpose  # noqa: F401  before anything of OpenMMLab
from spinepose_mmpose.utils import config_file, one_sentence

LIMIT = 4 / 3
# row -> which of the losses are on
ROWS = {
    'plain student': None,
    '+ distillation': dict(gamma1=0.0, gamma2=0.0),
    '+ structure, spine': dict(),
}


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--config', default='configs/spinepose-s.py')
    parser.add_argument('--batch-size', type=int, default=8)
    parser.add_argument('--steps', type=int, default=15)
    parser.add_argument('--warmup', type=int, default=3)
    parser.add_argument('--device', default='cpu', help='cpu, cuda, cuda:1')
    parser.add_argument('--threads', type=int, help='of PyTorch on the CPU')
    parser.add_argument('--amp', action='store_true', help='on a GPU')
    parser.add_argument(
        '--half-teacher',
        action='store_true',
        help="run the teacher's backbone in float16 on a GPU",
    )
    parser.add_argument(
        '--max-ratio',
        type=float,
        default=1.40,
        help='exit with an error above this ratio of the medians',
    )
    return parser.parse_args()


def make_model(args, losses, teacher_weights):
    """The config's model, or the plain one where ``losses`` is None."""
    from spinepose_mmpose.models.distiller import plain_model_config

    from mmengine.config import Config
    from mmengine.logging import MMLogger
    from mmengine.model.utils import revert_sync_batchnorm
    from mmengine.registry import init_default_scope
    from mmpose.registry import MODELS

    MMLogger.get_instance('mmengine', log_level='ERROR')
    init_default_scope('mmpose')
    cfg = Config.fromfile(resolve(args.config)).model
    if losses is None:
        cfg = plain_model_config(cfg)
    else:
        cfg.update(losses)
        cfg.teacher.update(checkpoint=teacher_weights, half=args.half_teacher)
    model = MODELS.build(cfg)
    model.init_weights()
    return revert_sync_batchnorm(model).to(args.device).train()


def resolve(path):
    return path if Path(path).is_file() else config_file(path)


def save_teacher(args, path):
    import torch
    from mmengine.config import Config
    from mmengine.hub import get_config
    from mmengine.logging import MMLogger
    from mmengine.registry import init_default_scope
    from mmpose.registry import MODELS

    MMLogger.get_instance('mmengine', log_level='ERROR')
    init_default_scope('mmpose')
    cfg = Config.fromfile(resolve(args.config)).model.teacher.config
    cfg = get_config(cfg).model
    cfg.backbone.pop('init_cfg', None)  # weights on the network
    teacher = MODELS.build(cfg)
    teacher.init_weights()
    torch.save(dict(state_dict=teacher.state_dict()), path)


def make_batch(model, args):
    """Random images, everything labelled somewhere."""
    import numpy as np
    import torch
    from mmengine.structures import InstanceData
    from mmpose.structures import PoseDataSample

    rng = np.random.default_rng(0)
    head = model.head
    w, h = head.input_size
    samples, images = [], []
    for i in range(args.batch_size):
        points = rng.uniform(0.1, 0.9, (1, head.out_channels, 2)) * (w, h)
        labels = head.decoder.encode(points, np.ones(points.shape[:2]))
        sample = PoseDataSample(metainfo=dict(id=i))
        sample.gt_instance_labels = InstanceData(
            **{
                name: labels[name]
                for name in (
                    'keypoint_x_labels',
                    'keypoint_y_labels',
                    'keypoint_weights',
                )
            }
        ).to_tensor()
        samples.append(sample)
        images.append(
            torch.from_numpy(rng.integers(0, 256, (3, h, w), dtype=np.uint8))
        )
    return dict(inputs=images, data_samples=samples)


def make_step(args, losses, teacher_weights):
    """A function that trains one step, and the model."""
    import copy

    import torch
    from mmengine.optim import AmpOptimWrapper, OptimWrapper

    model = make_model(args, losses, teacher_weights)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    wrapper = AmpOptimWrapper if args.amp else OptimWrapper
    wrapper = wrapper(optimizer=optimizer, clip_grad=dict(max_norm=35))
    batch = make_batch(model, args)

    def step():
        model.train_step(copy.deepcopy(batch), wrapper)
        if args.device.startswith('cuda'):
            torch.cuda.synchronize(args.device)

    return step


def measure_times(args, teacher_weights):
    """Row -> seconds of each step."""
    steps = {
        row: make_step(args, losses, teacher_weights)
        for row, losses in ROWS.items()
    }
    times = {row: [] for row in ROWS}
    for i in range(args.warmup + args.steps):
        for row, step in steps.items():
            start = time.perf_counter()
            step()
            if i >= args.warmup:
                times[row].append(time.perf_counter() - start)
    return times


def measure_memory(args, losses, teacher_weights, result):
    """Peak MiB of three steps, in a process of their own."""
    import torch

    if args.threads:
        torch.set_num_threads(args.threads)
    step = make_step(args, losses, teacher_weights)
    for _ in range(3):
        step()
    if args.device.startswith('cuda'):
        result.put(torch.cuda.max_memory_allocated(args.device) / 2**20)
    else:
        result.put(peak_rss())


def peak_rss():
    """Of this process, in MiB; getrusage counts the parent's in as well."""
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith('VmHWM'):
            return int(line.split()[1]) / 2**10
    return float('nan')


def main():
    args = parse_args()
    import torch

    if args.threads:
        torch.set_num_threads(args.threads)
    context = multiprocessing.get_context('spawn')
    with one_sentence(), tempfile.TemporaryDirectory() as folder:
        weights = f'{folder}/teacher.pth'
        save_teacher(args, weights)
        times = measure_times(args, weights)
        memory = {}
        for row, losses in ROWS.items():
            result = context.Queue()
            process = context.Process(
                target=measure_memory, args=(args, losses, weights, result)
            )
            process.start()
            memory[row] = result.get()
            process.join()
    median = {row: statistics.median(t) for row, t in times.items()}
    plain = median['plain student']
    what = (
        'peak GPU memory'
        if args.device.startswith('cuda')
        else 'peak memory (RSS)'
    )
    print(
        f'{args.config}, batch {args.batch_size}, {args.device}, '
        f'{torch.get_num_threads()} threads, {args.steps} steps; '
        f'limit of one more forward: {LIMIT:.2f}'
    )
    print(f'{"":20}{"median":>10}{"fastest":>10}{"ratio":>8}  {what}')
    for row, t in times.items():
        print(
            f'{row:20}{1e3 * median[row]:7.1f} ms{1e3 * min(t):7.1f} ms'
            f'{median[row] / plain:8.2f}  {memory[row]:.0f} MiB'
        )
    ratio = median[list(ROWS)[-1]] / plain
    if ratio > args.max_ratio:
        print(f'the ratio {ratio:.2f} is above {args.max_ratio:.2f}')
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
