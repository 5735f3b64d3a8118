"""Time the generator of synthetic people on one core, in total and by stage.

Processor time, so that other programs disturb it little.

OMP_NUM_THREADS=1 python benchmarks/synthetic.py
"""

import argparse
import time
from collections import Counter

from spinepose_mmpose.datasets.synthetic import labels, scene
from spinepose_mmpose.datasets.synthetic.writer import generate

import cv2

STAGES = {
    'shape of the body': (scene, 'make_body'),
    'clothes and hair': (scene, 'dress'),
    'z-buffers, that of the shadow too': (scene, 'raster'),
    'shading': (scene, 'shade'),
    'sky': (scene, '_sky'),
    'labels': (labels, 'annotate'),
    'camera (blur, exposure, noise)': (scene, 'finish'),
    'JPEG': (cv2, 'imencode'),
}


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--images', type=int, default=100, help='default: 100')
    parser.add_argument(
        '--size', type=int, nargs=2, default=(640, 480), help='default: 640 480'
    )
    return parser.parse_args()


def run(count, size):
    """Write ``count`` images with one person to memory; the images drawn."""
    done = index = 0
    while done < count:
        index += 1
        ((_, _, image, people),) = generate(0, 'train-real-yoga', index, size)
        if len(people) == 1:
            cv2.imencode('.jpg', image)
            done += 1
    return index


def timed(function, title, spent):
    def call(*args, **kwargs):
        start = time.process_time()
        result = function(*args, **kwargs)
        spent[title] += time.process_time() - start
        return result

    return call


def main():
    args = parse_args()
    size, spent = tuple(args.size), Counter()
    cv2.setNumThreads(1)
    run(1, size)  # compile
    for title, (module, name) in STAGES.items():
        setattr(module, name, timed(getattr(module, name), title, spent))
    start = time.process_time()
    drawn = run(args.images, size)
    seconds = time.process_time() - start
    print(
        f'{drawn / seconds:.1f} images per second of {size[0]}x{size[1]} on '
        f'one core, {1e3 * seconds / drawn:.0f} ms each'
    )
    spent['poses, surroundings and the rest'] = seconds - spent.total()
    for title, stage in spent.items():
        print(f'{title:34}{1e3 * stage / drawn:6.1f} ms{stage / seconds:6.0%}')


if __name__ == '__main__':
    main()
