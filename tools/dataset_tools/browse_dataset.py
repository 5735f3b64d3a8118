"""Draw the labels of a SpineTrack-format dataset as images and an HTML page.

With --config, also draw the output of the config's training pipeline.
"""

import argparse
import sys
from pathlib import Path

from spinepose_mmpose.datasets.annotations import find_sets
from spinepose_mmpose.datasets.browse import (
    Augmenter,
    by_ids,
    by_report,
    by_seed,
    write_gallery,
)
from spinepose_mmpose.utils import counted, one_sentence


def pair(text):
    if '=' not in text:
        raise argparse.ArgumentTypeError(f'{text!r}: KEY=VALUE expected')
    return text.split('=', 1)


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('root', help='folder with annotations/ and images/')
    parser.add_argument('--out', required=True, help='output folder')
    parser.add_argument('--splits', nargs='+', help='default: all')
    parser.add_argument(
        '--num', type=int, default=24, help='people (default: %(default)s)'
    )
    parser.add_argument('--seed', type=int, default=0)
    which = parser.add_mutually_exclusive_group()
    which.add_argument('--ids', nargs='+', help='ids of annotations')
    which.add_argument(
        '--worst',
        metavar='REPORT',
        help='worst cases of a check_dataset.py report (folder or check.json)',
    )
    parser.add_argument(
        '--kind', help='with --worst: only findings of this kind'
    )
    parser.add_argument('--config', help='config with a training pipeline')
    parser.add_argument(
        '--draws',
        type=int,
        default=3,
        help='augmentations per person (default: %(default)s)',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        type=pair,
        metavar='KEY=VALUE',
        help='overrides',
    )
    return parser.parse_args()


def main():
    args = parse_args()
    with one_sentence():
        if args.num < 1 or args.draws < 1:
            raise ValueError('--num and --draws must be 1 or more')
        if args.kind and not args.worst:
            raise ValueError('--kind belongs to --worst')
        sets = find_sets(args.root, args.splits)
        augmenter = None
        if args.config:
            from mmengine.config import DictAction

            parse = DictAction._parse_iterable
            options = {k: parse(v) for k, v in args.cfg_options or ()}
            augmenter = Augmenter(args.config, options)
        if args.ids:
            samples = by_ids(sets, args.ids)
        elif args.worst:
            samples = by_report(sets, args.worst, args.num, args.kind)
        else:
            samples = by_seed(sets, args.num, args.seed)
        write_gallery(args.out, samples, augmenter, args.draws, args.seed)
    page = Path(args.out) / 'index.html'
    print(f'{counted(len(samples), "person")}: {page}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
