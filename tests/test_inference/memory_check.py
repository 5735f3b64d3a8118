"""Memory of a run on a long clip: ``python memory_check.py --minutes 10``.

Decodes, tracks, smooths, draws and writes a clip with the estimator of
block_clips, prints the resident memory over time and fails if it grew.
"""

import argparse
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

from spinepose_mmpose.inference import estimator  # noqa: E402
from spinepose_mmpose.inference.cli import (  # noqa: E402
    parse_args,
    run_command,
)

from block_clips import BlockEstimator, make_clip  # noqa: E402

# From the first tenth of the run to its end; a picture has 0.23 MB, so that
# a minute of pictures that stay would be 400 MB.
ALLOWED = 30.0


def resident() -> float:
    """MB of this process."""
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 1e6


def measure(frames: int, folder: str, period: float, size=(320, 240)) -> list:
    """(share of the run, MB) over time."""
    clip = make_clip(Path(folder, 'long.mp4'), frames, size=size)
    out = Path(folder, 'out')
    settings = parse_args(
        ['-i', clip, '-o', f'{out}/a.mp4', '-s', f'{out}/', '--quiet']
        + ['--save-format', 'json,csv,trc']
    )
    estimator.SpinePoseEstimator = BlockEstimator
    samples, done = [], threading.Event()
    journal = out / '.spinepose' / 'long.jsonl.jsonl'

    def watch() -> None:
        while not done.wait(period):
            size = journal.stat().st_size if journal.exists() else 0
            samples.append((time.monotonic(), size, resident()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        run_command(settings)
    finally:
        done.set()
        watcher.join()
    return samples


def growth(samples: list) -> float:
    """MB from a tenth of the journal to the greatest value behind it."""
    last = max(size for _, size, _ in samples)
    late = [mb for _, size, mb in samples if size > last / 10]
    first = late[: max(1, len(late) // 10)]
    return max(late) - sum(first) / len(first)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--minutes', type=float, default=10.0)
    parser.add_argument('--size', type=int, nargs=2, default=[320, 240])
    args = parser.parse_args()
    frames = round(args.minutes * 60 * 30)
    with tempfile.TemporaryDirectory() as folder:
        samples = measure(frames, folder, args.minutes, tuple(args.size))
    began = samples[0][0]
    for moment, size, mb in samples:
        print(f'{moment - began:7.1f} s  journal {size / 1e6:6.1f} MB  '
              f'resident {mb:6.1f} MB')  # fmt: skip
    grown = growth(samples)
    print(f'{frames} frames, grown by {grown:.1f} MB')
    sys.exit(grown > ALLOWED)


if __name__ == '__main__':
    main()
