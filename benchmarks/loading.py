"""Time the fast training pipeline beside MMPose's own on JPEGs.

The images are made here (noise with the spectrum of photographs, as many bytes
as photographs of that size) or given by --images; people's boxes are drawn at
random, the same for every way. One process, no threads: the ways take turns,
so that a change of the machine's speed meets all. Then data loaders with
workers: samples/s, memory of a worker, and its growth over epochs. CPU time is
what a quiet core would need; it also holds on a busy machine. At last, what a
batch costs the training process itself, whatever the number of workers.
"""

import argparse
import os
import statistics
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import spinepose_mmpose  # noqa: F401  before anything of OpenMMLab
from spinepose_mmpose.utils import config_file, one_sentence

from handover import handover_table, measure_handover
from loading_samples import BYTES, draw_people, make_images

STOCK, CV2, TURBO, CACHE = (
    "MMPose's own",
    'fast, OpenCV',
    'fast, simplejpeg',
    'fast, cached',
)
WHOLE, NEEDED = 'decode alone, whole', 'decode alone, what fast needs'


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--config', default='configs/spinepose-m.py')
    parser.add_argument('--images', help='folder of JPEGs instead')
    parser.add_argument('--sizes', nargs='+', default=list(BYTES))
    parser.add_argument('--count', type=int, default=16, help='of images')
    parser.add_argument('--samples', type=int, default=64, help='a round')
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--workers', type=int, nargs='*', default=[1, 2])
    parser.add_argument('--epochs', type=int, default=4)
    parser.add_argument(
        '--batch-size', type=int, default=256, help='of the last table'
    )
    parser.add_argument('--out', help='Markdown file, besides the screen')
    args = parser.parse_args()
    for name in ('count', 'samples', 'rounds', 'epochs', 'batch_size'):
        if getattr(args, name) < 1:
            flag = name.replace('_', '-')
            parser.error(f'--{flag} must be at least 1')
    return args


def stock_pipeline(steps):
    """The same steps by MMPose's own classes."""
    import mmpose.datasets.transforms as transforms
    from mmengine.dataset import Compose

    stock = []
    for step in steps:
        step = dict(step)
        name = step.pop('type')
        if name == 'LoadPoseImage':
            name, step = 'LoadImage', {}
        stock.append(
            dict(step, type=getattr(transforms, name.removeprefix('Fast')))
        )
    return Compose(stock)


def fast_pipeline(steps, cache=None):
    from mmengine.dataset import Compose

    first = dict(steps[0], lazy=True, cache=cache)
    return Compose([first, *steps[1:]])


class Ways:
    """The ways to make a sample, by name."""

    def __init__(self, config, cache_folder):
        from spinepose_mmpose.datasets.transforms import jpeg_decoding

        from mmengine.config import Config
        from mmengine.registry import init_default_scope

        init_default_scope('mmpose')
        path = config if Path(config).is_file() else config_file(config)
        steps = Config.fromfile(path).train_dataloader.dataset.pipeline
        self.decoding = jpeg_decoding
        self.turbo = jpeg_decoding.simplejpeg
        self.pipelines = {STOCK: stock_pipeline(steps)}
        self.pipelines[CV2] = fast_pipeline(steps)
        if self.turbo:
            self.pipelines[TURBO] = self.pipelines[CV2]
        cache = dict(folder=cache_folder, max_gib=8)
        self.pipelines[CACHE] = fast_pipeline(steps, cache)

    @contextmanager
    def decoder(self, way):
        """OpenCV's where it is asked for, though simplejpeg is there."""
        self.decoding.simplejpeg = None if way == CV2 else self.turbo
        try:
            yield
        finally:
            self.decoding.simplejpeg = self.turbo

    def __getitem__(self, way):
        return self.pipelines[way]

    @staticmethod
    def collate(way):
        from spinepose_mmpose.datasets.batches import pose_collate

        from mmengine.dataset import pseudo_collate

        return pseudo_collate if way == STOCK else pose_collate

    @staticmethod
    def preprocessor(way):
        from spinepose_mmpose.models.data_preprocessor import (
            SpinePoseDataPreprocessor,
        )

        from mmpose.models.data_preprocessors import PoseDataPreprocessor

        if way == STOCK:
            return PoseDataPreprocessor()
        return SpinePoseDataPreprocessor()


def needed_decodes(ways, person, seed):
    """The content of a file, and how the fast pipeline decodes it."""
    import numpy as np

    calls = []
    decode = ways.decoding.decode_jpeg
    from spinepose_mmpose.datasets.transforms import undecoded_image

    def note(*args):
        calls.append(args)
        return decode(*args)

    undecoded_image.decode_jpeg = note
    try:
        np.random.seed(seed)
        ways[CV2](dict(person))
    finally:
        undecoded_image.decode_jpeg = decode
    return calls[0] if calls else None


def measure_turns(ways, people, rounds):
    """Way -> (seconds, CPU seconds) a sample, medians over the rounds."""
    import numpy as np

    decodes = [needed_decodes(ways, p, i) for i, p in enumerate(people)]
    decodes = [d for d in decodes if d]
    content_only = [d[:2] for d in decodes]

    def run(way):
        for i, person in enumerate(people):
            np.random.seed(i)  # the same augmentations for all
            ways[way](dict(person))

    tasks = {way: lambda way=way: run(way) for way in ways.pipelines}
    for row, calls in ((WHOLE, content_only), (NEEDED, decodes)):
        tasks[row] = lambda calls=calls: [
            ways.decoding.decode_jpeg(*call) for call in calls
        ]
    times = {row: [] for row in tasks}
    for turn in range(rounds + 1):
        for row, task in tasks.items():
            with ways.decoder(row):
                wall, cpu = time.perf_counter(), time.process_time()
                task()
                spent = time.perf_counter() - wall, time.process_time() - cpu
            if turn:  # the first fills caches
                times[row].append([t / len(people) for t in spent])
    return {
        row: [statistics.median(t) for t in zip(*found)]
        for row, found in times.items()
    }


class People:
    """A dataset of one epoch."""

    def __init__(self, people, pipeline, repeat):
        self.people = people * repeat
        self.pipeline = pipeline

    def __len__(self):
        return len(self.people)

    def __getitem__(self, i):
        return self.pipeline(dict(self.people[i]))


def measure_workers(ways, way, people, workers, epochs):
    """Samples/s, MiB of a worker after the first and the last epoch."""
    import torch

    dataset = People(people, ways[way], max(1, 128 * workers // len(people)))
    rates, memory = [], []
    with ways.decoder(way):
        loader = torch.utils.data.DataLoader(
            dataset,
            batch_size=16,
            num_workers=workers,
            persistent_workers=True,
            collate_fn=ways.collate(way),
        )
        for _ in range(epochs + 1):
            batches = iter(loader)
            start = time.perf_counter()
            for _ in batches:
                pass
            rates.append(len(dataset) / (time.perf_counter() - start))
            pids = [worker.pid for worker in batches._workers]
            memory.append(max(map(private_mib, pids)))
    return statistics.median(rates[1:]), memory[1], memory[-1]


def private_mib(pid):
    """Memory of a process that is no other's, without mapped files."""
    try:
        text = Path(f'/proc/{pid}/smaps_rollup').read_text()
    except OSError:
        return float('nan')
    for line in text.splitlines():
        if line.startswith('Private_Dirty'):
            return int(line.split()[1]) / 2**10
    return float('nan')


def turns_table(title, times):
    lines = [
        f'| {title} | samples/s | CPU ms a sample | times stock (CPU) |',
        '|---|---|---|---|',
    ]
    stock = times[STOCK][1]
    for row, (wall, cpu) in times.items():
        lines.append(
            f'| {row} | {1 / wall:.0f} | {cpu * 1e3:.2f} | {stock / cpu:.2f} |'
        )
    return '\n'.join(lines)


def workers_table(title, rows):
    lines = [
        f'| {title} | workers | samples/s | MiB a worker, after epoch 2 | '
        'after the last |',
        '|---|---|---|---|---|',
    ]
    lines += [
        f'| {way} | {workers} | {rate:.0f} | {first:.0f} | {last:.0f} |'
        for way, workers, (rate, first, last) in rows
    ]
    return '\n'.join(lines)


def handover(ways, people, batch_size, rounds=5):
    count = batch_size * (rounds + 1)
    rows = []
    for way in (STOCK, CACHE):
        dataset = People(people, ways[way], -(-count // len(people)))
        found = measure_handover(
            dataset,
            ways.collate(way),
            ways.preprocessor(way),
            batch_size,
            rounds,
        )
        rows.append((way, found))
    return handover_table(batch_size, rows)


def run(args):
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    tables = []
    with tempfile.TemporaryDirectory() as folder:
        if args.images:
            found = sorted(Path(args.images).glob('*.jp*g'))[: args.count]
            if not found:
                raise FileNotFoundError(f'{args.images} holds no JPEG')
            sets = {args.images: [str(path) for path in found]}
        else:
            sets = {s: make_images(folder, s, args.count) for s in args.sizes}
        for title, paths in sets.items():
            ways = Ways(args.config, f'{folder}/cache')
            people = draw_people(paths, args.samples)
            size = sum(map(os.path.getsize, paths)) / len(paths) / 1000
            title = f'{title}, {size:.0f} kB a JPEG'
            tables.append(
                turns_table(title, measure_turns(ways, people, args.rounds))
            )
            print(tables[-1], flush=True)
            rows = [
                (
                    way,
                    workers,
                    measure_workers(ways, way, people, workers, args.epochs),
                )
                for workers in args.workers
                for way in ways.pipelines
            ]
            if rows:
                tables.append(workers_table(title, rows))
                print(tables[-1], flush=True)
        # Of the last size: handing over has nothing to do with it.
        tables.append(handover(ways, people, args.batch_size))
        print(tables[-1], flush=True)
    if args.out:
        Path(args.out).write_text('\n\n'.join(tables) + '\n')


def main():
    args = parse_args()
    with one_sentence():
        run(args)


if __name__ == '__main__':
    main()
