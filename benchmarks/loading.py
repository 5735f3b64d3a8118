"""Compare the speed of the fast training pipeline with MMPose's own on JPEGs.

The images are generated (noise with the spectrum of photographs, and as many
bytes as photographs of that size) or given by --images. The boxes of people are
random but the same for all pipelines. First, the pipelines alternate in one
process without threads, so that changes of the machine's speed affect all of
them. Next, data loaders with workers are measured: samples/s, memory of a
worker and its growth over epochs. CPU time is also meaningful on a busy
machine. The last table shows what a batch costs the training process, which
feeds the GPU, regardless of the number of workers.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import spinepose_mmpose  # noqa: F401  before anything of OpenMMLab

import mmpose.datasets.transforms as stock_transforms  # registers ours

# isort: split
from spinepose_mmpose.datasets import loading
from spinepose_mmpose.datasets.collate import pose_collate
from spinepose_mmpose.models.data_preprocessor import SpinePoseDataPreprocessor
from spinepose_mmpose.utils import one_sentence

import cv2
import numpy as np
import torch
from loading_samples import BYTES, People, draw_people, make_images
from measuring import find_config, memory_mib, table, take_turns
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import init_default_scope
from mmpose.models.data_preprocessors import PoseDataPreprocessor
from torch.utils.data import DataLoader

STOCK, FAST, CACHE = "MMPose's own", 'fast', 'fast, cached'
WHOLE, NEEDED = 'decode alone, whole', 'decode alone, what fast needs'


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--config', default='configs/spinepose-m.py')
    parser.add_argument('--images', help='folder of JPEGs to use instead')
    parser.add_argument('--sizes', nargs='+', default=list(BYTES))
    parser.add_argument('--count', type=int, default=16, help='images')
    parser.add_argument('--samples', type=int, default=64, help='per round')
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--workers', type=int, nargs='*', default=[1, 2])
    parser.add_argument('--epochs', type=int, default=4)
    parser.add_argument(
        '--batch-size', type=int, default=256, help='for the last table'
    )
    parser.add_argument('--out', help='write the tables as Markdown, too')
    args = parser.parse_args()
    for name in ('count', 'samples', 'rounds', 'epochs', 'batch_size'):
        if getattr(args, name) < 1:
            flag = name.replace('_', '-')
            parser.error(f'--{flag} must be at least 1')
    return args


# --- the ways to make a sample ------------------------------------------------


def pipelines(config, cache_folder):
    """The ways to make a sample, by name."""
    init_default_scope('mmpose')
    steps = Config.fromfile(find_config(config))
    steps = [dict(s) for s in steps.train_dataloader.dataset.pipeline]
    stock = []
    for step in steps:
        name = step['type'].removeprefix('Fast')
        if name == 'LoadPoseImage':
            name, step = 'LoadImage', {}
        stock.append(dict(step, type=getattr(stock_transforms, name)))

    def fast(**cache):
        return Compose([dict(steps[0], lazy=True, **cache), *steps[1:]])

    cache = dict(folder=cache_folder, max_gib=8)
    return {STOCK: Compose(stock), FAST: fast(), CACHE: fast(cache=cache)}


def needed_decode(pipeline, person, seed):
    """The content of a file, and how the fast pipeline decodes it."""
    calls, decode = [], loading.decode_jpeg

    def note(*args):
        calls.append(args)
        return decode(*args)

    loading.decode_jpeg = note
    try:
        np.random.seed(seed)
        pipeline(dict(person))
    finally:
        loading.decode_jpeg = decode
    return calls[0] if calls else None


# --- measurements -------------------------------------------------------------


def turns_table(title, ways, people, rounds):
    """Of one process."""
    decodes = [needed_decode(ways[FAST], p, i) for i, p in enumerate(people)]
    decodes = [d for d in decodes if d]

    def task(way):
        def run():
            for i, person in enumerate(people):
                np.random.seed(i)  # the same augmentations for all
                ways[way](dict(person))

        return run

    def decode_alone(calls):
        return lambda: [loading.decode_jpeg(*call) for call in calls]

    tasks = {way: task(way) for way in ways}
    tasks[WHOLE] = decode_alone([d[:2] for d in decodes])
    tasks[NEEDED] = decode_alone(decodes)
    times = take_turns(tasks, rounds)  # the first round fills caches
    rows = [[title, 'samples/s', 'CPU ms per sample', 'times stock (CPU)']]
    for row, t in times.items():
        rate, cpu = len(people) / t.median, 1e3 * t.cpu / len(people)
        gain = times[STOCK].cpu / t.cpu
        rows.append([row, f'{rate:.0f}', f'{cpu:.2f}', f'{gain:.2f}'])
    return table(rows)


def collate_of(way):
    return pseudo_collate if way == STOCK else pose_collate


def workers_table(title, ways, people, args):
    """Of loaders with workers."""
    header = [title, 'workers', 'samples/s', 'MiB per worker, after epoch 2']
    rows = [[*header, 'after the last']]
    for workers in args.workers:
        for way, pipeline in ways.items():
            count = max(len(people), 128 * workers)
            dataset = People(people, pipeline, count)
            rates, memory = [], []
            loader = DataLoader(
                dataset,
                batch_size=16,
                num_workers=workers,
                persistent_workers=True,
                collate_fn=collate_of(way),
            )
            for _ in range(args.epochs + 1):
                batches = iter(loader)
                start = time.perf_counter()
                for _ in batches:
                    pass
                rates.append(count / (time.perf_counter() - start))
                memory.append(max(map(private_mib, batches._workers)))
            rate = f'{statistics.median(rates[1:]):.0f}'
            memory = [f'{memory[1]:.0f}', f'{memory[-1]:.0f}']
            rows.append([way, workers, rate, *memory])
    return table(rows)


def private_mib(process):
    """Memory of a process that is no other's, without mapped files."""
    return memory_mib('Private_Dirty', f'/proc/{process.pid}/smaps_rollup')


def handover_table(ways, people, batch_size, rounds=5):
    """CPU ms of the training process per batch: to receive it from one
    worker, and to give the labels to the device; on a CPU all but the
    transfer itself."""
    allow_open_files(batch_size)
    rows = [
        [
            f'the training process, a batch of {batch_size}',
            'CPU ms to receive it',
            'to move the labels',
            'at most samples/s',
        ]
    ]
    for way in (STOCK, CACHE):
        dataset = People(people, ways[way], batch_size * (rounds + 1))
        loader = DataLoader(
            dataset, batch_size, num_workers=1, collate_fn=collate_of(way)
        )
        stock = way == STOCK
        preprocessor = (
            PoseDataPreprocessor() if stock else SpinePoseDataPreprocessor()
        )
        batches, spent = iter(loader), []
        for _ in range(rounds + 1):
            start = time.process_time()
            batch = next(batches)
            received = time.process_time()
            preprocessor.cast_data(batch['data_samples'])
            spent.append((received - start, time.process_time() - received))
        receive, move = (1e3 * statistics.median(t) for t in zip(*spent[1:]))
        rate = f'{1e3 * batch_size / (receive + move):.0f}'
        rows.append([way, f'{receive:.1f}', f'{move:.1f}', rate])
    return table(rows)


def allow_open_files(batch_size):
    """As many as this user may: MMPose's way needs four for each person of
    two batches, and without them the loader stands still."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 100 + 2 * 4 * batch_size
    if most != resource.RLIM_INFINITY and most < needed:
        raise ValueError(
            f'--batch-size {batch_size} needs {needed} open files, but this '
            f'user may have {most}: give a smaller one'
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def run(args):
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    tables = []

    def show(text):
        tables.append(text)
        print(text, flush=True)

    with tempfile.TemporaryDirectory() as folder:
        if args.images:
            found = sorted(Path(args.images).glob('*.jp*g'))[: args.count]
            if not found:
                raise FileNotFoundError(f'{args.images} holds no JPEG')
            sets = {args.images: [str(path) for path in found]}
        else:
            sets = {s: make_images(folder, s, args.count) for s in args.sizes}
        ways = pipelines(args.config, f'{folder}/cache')
        for title, paths in sets.items():
            people = draw_people(paths, args.samples)
            size = sum(map(os.path.getsize, paths)) / len(paths) / 1000
            title = f'{title}, {size:.0f} kB per JPEG'
            show(turns_table(title, ways, people, args.rounds))
            if args.workers:
                show(workers_table(title, ways, people, args))
        # Of the last size: handing over has nothing to do with it.
        show(handover_table(ways, people, args.batch_size))
    if args.out:
        Path(args.out).write_text('\n\n'.join(tables) + '\n')


def main():
    args = parse_args()
    with one_sentence():
        run(args)


if __name__ == '__main__':
    main()
