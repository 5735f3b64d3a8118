"""Create synthetic people in SpineTrack's layout, together with 3D labels."""

import argparse

from spinepose_mmpose.utils import one_sentence


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, epilog='Needs the extra "[synthetic]".'
    )
    parser.add_argument('--out', required=True, help='output folder')
    parser.add_argument(
        '--train',
        type=int,
        default=2000,
        help='number of training scenes: 35%% everyday (train-real-coco), '
        '15%% yoga and sport (train-real-yoga), 50%% of all kinds '
        '(train-unreal); default: 2000',
    )
    parser.add_argument(
        '--val',
        type=int,
        default=200,
        help='number of scenes in val2017, of all kinds; default: 200',
    )
    parser.add_argument('--seed', type=int, default=0, help='default: 0')
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        metavar=('WIDTH', 'HEIGHT'),
        help='size of all images in pixels; default: various, near 640 x 480',
    )
    parser.add_argument(
        '--backgrounds',
        metavar='DIR',
        help='photographs to use as backgrounds; default: only rendered rooms '
        'and outdoor scenes',
    )
    parser.add_argument(
        '--frames',
        type=int,
        default=1,
        help='frames per scene, at 25 frames per second, in which people move; '
        'default: 1',
    )
    parser.add_argument(
        '--motion',
        metavar='DIR',
        help='BVH files (joints named as in CMU or Mixamo) with motion to use '
        'in addition to gait and transitions between poses; needs --frames',
    )
    parser.add_argument(
        '--cameras',
        type=int,
        default=1,
        help='number of synchronised cameras around each scene; default: 1',
    )
    parser.add_argument(
        '--no-images',
        action='store_true',
        help='write only the 3D labels (annotations/synthetic3d_*.npz)',
    )
    parser.add_argument(
        '--workers',
        type=int,
        default=1,
        help='number of processes, which does not affect the result; '
        'default: 1',
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
