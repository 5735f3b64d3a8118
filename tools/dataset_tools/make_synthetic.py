"""Write synthetic people in SpineTrack's layout, with 3D labels beside it."""

import argparse

from spinepose_mmpose.utils import one_sentence


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, epilog='Needs the extra "[synthetic]".'
    )
    parser.add_argument('--out', required=True, help='folder to write')
    parser.add_argument(
        '--train',
        type=int,
        default=2000,
        help='training scenes: 35%% everyday (train-real-coco), 15%% yoga and '
        'sport (train-real-yoga), 50%% of all kinds (train-unreal); '
        'default: 2000',
    )
    parser.add_argument(
        '--val',
        type=int,
        default=200,
        help='scenes of val2017, of all kinds; default: 200',
    )
    parser.add_argument('--seed', type=int, default=0, help='default: 0')
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        metavar=('WIDTH', 'HEIGHT'),
        help='of every image in pixels; default: several near 640 x 480',
    )
    parser.add_argument(
        '--backgrounds',
        metavar='DIR',
        help='photographs to put behind the people; default: rendered rooms '
        'and outdoor scenes alone',
    )
    parser.add_argument(
        '--frames',
        type=int,
        default=1,
        help='frames of each scene, at 25 per second: people move; default: 1',
    )
    parser.add_argument(
        '--motion',
        metavar='DIR',
        help='BVH files (joints named as by CMU or Mixamo) to move by, beside '
        'gait and transitions between poses; needs --frames',
    )
    parser.add_argument(
        '--cameras',
        type=int,
        default=1,
        help='synchronised cameras around each scene; default: 1',
    )
    parser.add_argument(
        '--no-images',
        action='store_true',
        help='write the 3D labels (annotations/synthetic3d_*.npz) alone',
    )
    parser.add_argument(
        '--workers',
        type=int,
        default=1,
        help='processes; they do not change the result; default: 1',
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='replace a dataset that was written with other settings',
    )
    return parser.parse_args()


def main():
    args = vars(parse_args())
    args['images'] = not args.pop('no_images')
    with one_sentence():
        try:
            from spinepose_mmpose.datasets.synthetic.writer import (
                write_dataset,
            )
        except ImportError as error:
            raise ValueError(
                f'{error}: pip install "spinepose-mmpose[synthetic]"'
            ) from None
        print('preparing bodies (a minute the first time) ...', flush=True)
        write_dataset(**args, progress=True)


if __name__ == '__main__':
    main()
