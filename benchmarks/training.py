"""Compare the speed of training, including data loading, with the GPU's limit.

Trains each config on generated images in the same way as a user: with the
config's data loader, preprocessor, network and optimizer, with AMP,
channels_last and torch.compile on and off. The teacher is left out, because its
weights would have to be downloaded. "waits" is the share of time that a step
waits for data. "of limit" is the FLOPs of the network (three forward passes per
step) relative to the matrix throughput of the device in that precision. Without
a GPU, a small version runs on the CPU; its numbers only show that the tool
works.
"""

import argparse
import itertools
import tempfile
import time
from pathlib import Path

import spinepose_mmpose  # noqa: F401  before anything of OpenMMLab
from spinepose_mmpose.evaluation.published import model_complexity
from spinepose_mmpose.utils import one_sentence

import torch
from loading_samples import People, draw_people, make_images
from measuring import find_config, table, take_turns
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.logging import MMLogger
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmpose.registry import MODELS, OPTIM_WRAPPERS

CONFIGS = ['spinepose-s', 'spinepose-m', 'spinepose-l']
SETTINGS = ('amp', 'channels_last', 'compile')


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--configs', nargs='+', default=CONFIGS)
    parser.add_argument('--size', default='1920x1275', help='image size')
    parser.add_argument('--images', type=int, default=64)
    parser.add_argument('--batch-size', type=int, help='default: the config')
    parser.add_argument('--workers', type=int, help='default: the config')
    parser.add_argument('--steps', type=int, default=40)
    parser.add_argument('--warmup', type=int, default=10)
    parser.add_argument(
        '--only',
        nargs='*',
        choices=SETTINGS,
        help='one run with these settings instead of all combinations',
    )
    parser.add_argument('--device', help='default: cuda if available, else cpu')
    parser.add_argument('--out', help='write the tables as Markdown, too')
    return parser.parse_args()


class Training:
    """One config, set up as its run would be, without a runner.

    Args:
        path (Path): Of the config.
        on (tuple): Which of :data:`SETTINGS` are on.
        people (list): Samples.
        args (argparse.Namespace): Of the command.
    """

    def __init__(self, path, on, people, args):
        cfg = Config.fromfile(path)
        self.device = args.device
        self.batch_size = args.batch_size or cfg.train_dataloader.batch_size
        self.dtype = torch.bfloat16 if 'amp' in on else torch.float32
        loader = cfg.train_dataloader.copy()
        workers = cfg.num_workers if args.workers is None else args.workers
        loader.update(
            batch_size=self.batch_size,
            num_workers=workers,
            persistent_workers=workers > 0,
            drop_last=True,
        )
        with DefaultScope.overwrite_default_scope('mmpose'):
            loader.dataset = People(
                people,
                Compose(loader.dataset.pipeline),
                (args.warmup + args.steps) * self.batch_size,
            )
            self.loader = Runner.build_dataloader(loader)
            cfg.model.update(beta=0.0)
            cfg.model.pop('teacher', None)
            if 'channels_last' in on:
                cfg.model.data_preprocessor.channels_last = True
            model = MODELS.build(cfg.model)
        model.init_weights()
        self.model = revert_sync_batchnorm(model).to(args.device).train()
        if 'channels_last' in on:
            self.model.to(memory_format=torch.channels_last)
        if 'compile' in on:
            self.model.backbone = torch.compile(self.model.backbone)
        settings = dict(
            optimizer=torch.optim.AdamW(self.model.parameters(), lr=1e-6),
            clip_grad=dict(max_norm=35, norm_type=2),
        )
        if 'amp' not in on:
            self.wrapper = OptimWrapper(**settings)
        elif self.device == 'cpu':
            self.wrapper = OPTIM_WRAPPERS.build(
                dict(settings, type='Bfloat16OptimWrapper')
            )
        else:
            self.wrapper = AmpOptimWrapper(dtype='bfloat16', **settings)

    def measure(self, warmup, steps):
        """Samples/s, and the share of the time spent waiting for data."""
        batches = iter(self.loader)
        for _ in range(warmup):
            self.model.train_step(next(batches), self.wrapper)
        synchronize(self.device)
        waited, start = 0.0, time.perf_counter()
        for _ in range(steps):
            asked = time.perf_counter()
            batch = next(batches)
            waited += time.perf_counter() - asked
            self.model.train_step(batch, self.wrapper)
            # Or the wait of the device would hide in the next step.
            synchronize(self.device)
        total = time.perf_counter() - start
        return steps * self.batch_size / total, waited / total


def synchronize(device):
    if device.startswith('cuda'):
        torch.cuda.synchronize(device)


def step_flops(path):
    """For one person: forward, and backward of twice its cost."""
    # Published counts take a multiplication with its addition for one.
    return 3 * 2 * model_complexity(str(path))[1] * 1e9


def matrix_rate(device, dtype):
    """FLOP/s of the product of two square matrices."""
    side = 1024 if device == 'cpu' else 8192
    a = torch.randn(side, side, device=device).to(dtype)

    def product():
        a @ a
        synchronize(device)

    return 2 * side**3 / take_turns(dict(product=product), 8)['product'].fastest


def shrink_for_cpu(args):
    """A minute's work, unless the options say otherwise."""
    print('No GPU: a small version on the CPU, whose numbers mean little.')
    args.configs = args.configs[:1]
    args.batch_size = args.batch_size or 4
    args.workers = 0 if args.workers is None else args.workers
    args.steps, args.warmup = min(args.steps, 3), min(args.warmup, 1)
    args.images = min(args.images, 4)
    if args.only is None:
        args.only = ['channels_last']


def run(args):
    MMLogger.get_instance('mmengine', log_level='ERROR')
    if args.device is None:
        args.device = 'cuda' if torch.cuda.is_available() else 'cpu'
    if args.device == 'cpu':
        shrink_for_cpu(args)
    on_and_off = [
        tuple(itertools.compress(SETTINGS, chosen))
        for chosen in itertools.product((False, True), repeat=len(SETTINGS))
    ]
    if args.only is not None:
        on_and_off = [tuple(args.only)]
    header = ['config', *SETTINGS, 'batch', 'workers', 'samples/s', 'waits']
    rows = [[*header, 'limit, samples/s', 'of limit']]
    print(table(rows), flush=True)
    rates = {}
    with tempfile.TemporaryDirectory() as folder:
        paths = make_images(folder, args.size, args.images)
        people = draw_people(paths, 4 * args.images)
        for name, on in itertools.product(args.configs, on_and_off):
            path = find_config(name)
            training = Training(path, on, people, args)
            dtype = training.dtype
            if dtype not in rates:
                rates[dtype] = matrix_rate(args.device, dtype)
            limit = rates[dtype] / step_flops(path)
            speed, waits = training.measure(args.warmup, args.steps)
            rows.append(
                [
                    path.stem,
                    *('on' if s in on else '-' for s in SETTINGS),
                    training.batch_size,
                    training.loader.num_workers,
                    f'{speed:.1f}',
                    f'{waits:.0%}',
                    f'{limit:.0f}',
                    f'{speed / limit:.1%}',
                ]
            )
            print(table(rows).splitlines()[-1], flush=True)
            del training
    device = 'CPU'
    if args.device != 'cpu':
        device = torch.cuda.get_device_name(args.device)
    lines = [
        f'{device}, {str(dtype).removeprefix("torch.")}: {rate / 1e12:.2f} '
        'TFLOP/s'
        for dtype, rate in rates.items()
    ]
    print('\n' + '\n\n'.join(lines))
    if args.out:
        text = '\n\n'.join([table(rows), *lines])
        Path(args.out).write_text(text + '\n')


def main():
    args = parse_args()
    with one_sentence():
        run(args)


if __name__ == '__main__':
    main()
