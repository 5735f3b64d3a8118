"""Time the generator of synthetic people on one core, in total and by stage.

OMP_NUM_THREADS=1 python benchmarks/synthetic.py
"""

import argparse
import cProfile
import pstats
import time
from pathlib import Path

from spinepose_mmpose.datasets.synthetic.writer import generate

import cv2

STAGES = {
    'shape of the body': 'make_body',
    'clothes and hair': 'dress',
    'light and shadow map': '_light',
    'z-buffers, that of the shadow too': 'raster',
    'shading': 'shade',
    'labels': 'annotate',
    'camera (blur, exposure, noise)': 'finish',
}


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--images', type=int, default=100, help='default: 100')
    parser.add_argument(
        '--size', type=int, nargs=2, default=(640, 480), help='default: 640 480'
    )
    return parser.parse_args()


def run(count, size):
    """Write ``count`` images with one person to memory; the people seen."""
    done = index = 0
    while done < count:
        index += 1
        ((_, _, image, people),) = generate(0, 'train-real-yoga', index, size)
        if len(people) == 1:
            cv2.imencode('.jpg', image)
            done += 1
    return index


def main():
    args = parse_args()
    size = tuple(args.size)
    cv2.setNumThreads(1)
    run(1, size)  # compile
    start = time.perf_counter()
    drawn = run(args.images, size)
    seconds = time.perf_counter() - start
    print(
        f'{drawn / seconds:.1f} images per second of {size[0]}x{size[1]} on '
        f'one core, {1e3 * seconds / drawn:.0f} ms each'
    )
    profile = cProfile.Profile()
    profile.enable()
    drawn = run(args.images, size)
    profile.disable()
    stats = pstats.Stats(profile).stats
    total = max(entry[3] for entry in stats.values())
    for title, name in STAGES.items():
        spent = sum(
            entry[3]
            for (file, _, function), entry in stats.items()
            if function == name and 'synthetic' in Path(file).parts
        )
        print(f'{title:34}{1e3 * spent / drawn:6.1f} ms{spent / total:6.0%}')


if __name__ == '__main__':
    main()
