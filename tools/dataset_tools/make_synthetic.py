"""Write a synthetic data set in SpineTrack's folder layout."""

import argparse
import sys

from spinepose_mmpose.datasets.synthetic import write_dataset


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--out', required=True, help='folder to write')
    parser.add_argument(
        '--train',
        type=int,
        default=2000,
        help='training images; 35%% everyday (train-real-coco), 15%% yoga '
        '(train-real-yoga), 50%% of all kinds (train-unreal)',
    )
    parser.add_argument(
        '--val', type=int, default=200, help='images of val2017, all kinds'
    )
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        metavar=('WIDTH', 'HEIGHT'),
        help='of every image in pixels; default: several sizes near 320 x 256',
    )
    parser.add_argument(
        '--workers',
        type=int,
        default=1,
        help='processes; they do not change the result',
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='replace a data set that was written with other settings',
    )
    return parser.parse_args()


def show_progress(split, done, count):
    if done % 50 == 0 or done == count:
        end = '\n' if done == count else ''
        print(
            f'\r{split}: {done}/{count}', end=end, file=sys.stderr, flush=True
        )


def main():
    args = parse_args()
    try:
        write_dataset(
            args.out,
            args.train,
            args.val,
            seed=args.seed,
            size=args.size,
            workers=args.workers,
            overwrite=args.overwrite,
            progress=show_progress,
        )
    except (OSError, ValueError) as error:
        print(f'make_synthetic: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            '\nmake_synthetic: interrupted; run the same command again to '
            'go on',
            file=sys.stderr,
        )
        return 130
    return 0


if __name__ == '__main__':
    sys.exit(main())
