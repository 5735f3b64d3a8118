"""Draw the labels of a SpineTrack-format data set: pictures and a page.

With --config also what the config's training pipeline makes of each person.
"""

import argparse
import sys
from pathlib import Path

from spinepose_mmpose.datasets.browse import (
    Loaded,
    by_ids,
    by_report,
    by_seed,
    write_gallery,
)
from spinepose_mmpose.datasets.check_content import find_sets
from spinepose_mmpose.utils import one_sentence

from tqdm import tqdm


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        'root', help='folder that holds annotations/ and images/'
    )
    parser.add_argument('--out', required=True, help='folder to write')
    parser.add_argument('--splits', nargs='+', help='default: all')
    parser.add_argument(
        '--num', type=int, default=24, help='people (%(default)s)'
    )
    parser.add_argument('--seed', type=int, default=0)
    which = parser.add_mutually_exclusive_group()
    which.add_argument('--ids', nargs='+', help='annotation ids')
    which.add_argument(
        '--worst',
        metavar='REPORT',
        help='the worst of a check_dataset.py report (folder or check.json)',
    )
    parser.add_argument(
        '--kind', help='with --worst: findings of this kind alone'
    )
    parser.add_argument('--config', help='a config with a train pipeline')
    parser.add_argument(
        '--draws',
        type=int,
        default=3,
        help='augmentations of each person (%(default)s)',
    )
    parser.add_argument(
        '--cfg-options', nargs='+', metavar='KEY=VALUE', help='overrides'
    )
    return parser.parse_args()


def chosen_sets(root, names):
    """
    Raises:
        ValueError: if a split does not exist.
    """
    sets = find_sets(root)
    known = [data_set.name for data_set in sets]
    for name in names or ():
        if name not in known:
            raise ValueError(
                f'no split {name!r} in {root}, choose from {", ".join(known)}'
            )
    return [s for s in sets if s.name in (names or known)]


def cfg_options(pairs):
    """
    Raises:
        ValueError: if one is no KEY=VALUE.
    """
    from mmengine.config import DictAction

    options = {}
    for pair in pairs or ():
        key, equals, value = pair.partition('=')
        if not equals:
            raise ValueError(f'--cfg-options {pair!r}: KEY=VALUE expected')
        options[key] = DictAction._parse_iterable(value)
    return options


def main():
    args = parse_args()
    with one_sentence():
        if args.num < 1 or args.draws < 1:
            raise ValueError('--num and --draws must be 1 or more')
        if args.kind and not args.worst:
            raise ValueError('--kind belongs to --worst')
        sets = chosen_sets(args.root, args.splits)
        augmenter = None
        if args.config:
            if not Path(args.config).is_file():
                raise FileNotFoundError(f'no such config: {args.config}')
            from spinepose_mmpose.datasets.browse import Augmenter

            augmenter = Augmenter(args.config, cfg_options(args.cfg_options))
        loaded = Loaded(sets)
        if args.ids:
            samples = by_ids(loaded, args.ids)
        elif args.worst:
            samples = by_report(loaded, args.worst, args.num, args.kind)
        else:
            samples = by_seed(loaded, args.num, args.seed)
        with tqdm(total=len(samples), leave=False, disable=None) as bar:
            write_gallery(
                args.out,
                loaded,
                samples,
                sets,
                augmenter,
                args.draws,
                args.seed,
                bar.update,
            )
    print(f'{len(samples)} people: {Path(args.out) / "index.html"}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
