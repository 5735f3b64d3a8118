"""Look for faults in a SpineTrack-format dataset.

Every annotation and every image: what training would refuse (errors, exit
code 1) and what looks wrong (warnings). With --report a page with images of
the worst; with --fix a cleaned copy of the annotations.
"""

import argparse
import sys
from pathlib import Path

from spinepose_mmpose.datasets.annotations import DataSet, find_sets
from spinepose_mmpose.datasets.check import WORKERS, check_dataset
from spinepose_mmpose.datasets.check_report import to_text, write_report
from spinepose_mmpose.datasets.clean import CHANGES, summary, write_cleaned
from spinepose_mmpose.utils import one_sentence


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        'root', nargs='?', help='folder that holds annotations/ and images/'
    )
    parser.add_argument(
        '--ann', nargs='+', type=Path, help='annotation files instead of root'
    )
    parser.add_argument(
        '--images', nargs='+', type=Path, help="the files' image folders"
    )
    parser.add_argument(
        '--no-images',
        action='store_true',
        help='look at annotations alone; images take the most time',
    )
    parser.add_argument(
        '--splits', nargs='+', help='of root, e.g. val2017; default: all'
    )
    parser.add_argument('--report', help='folder for page, JSON and text')
    parser.add_argument(
        '--worst',
        type=int,
        default=12,
        help='images of each kind in the page (%(default)s)',
    )
    parser.add_argument(
        '--fix',
        metavar='FOLDER',
        help='write a cleaned copy of the annotations and changes.json;\n'
        'the checked files stay as they are',
    )
    parser.add_argument(
        '--overwrite', action='store_true', help='replace an older copy'
    )
    parser.add_argument(
        '--workers',
        type=int,
        default=WORKERS,
        help='threads that read images (%(default)s)',
    )
    return parser.parse_args()


def sets_of(args):
    """
    Raises:
        ValueError: if the arguments do not fit together.
    """
    if (args.root is None) == (args.ann is None):
        raise ValueError('give either a folder or --ann FILE')
    if args.root is not None:
        if args.images:
            raise ValueError('--images belongs to --ann')
        return find_sets(args.root, args.splits)
    images = args.images or [None] * len(args.ann)
    if len(images) != len(args.ann):
        raise ValueError(
            f'{len(args.ann)} annotation files but {len(images)} image '
            'folders, one for each expected'
        )
    for folder in images:
        if folder is not None and not folder.is_dir():
            raise FileNotFoundError(f'no such folder: {folder}')
    names = [file.stem.replace('person_keypoints_', '') for file in args.ann]
    if len(set(names)) < len(names):
        names = [str(file) for file in args.ann]
    return [DataSet(*row) for row in zip(names, args.ann, images)]


def main():
    args = parse_args()
    with one_sentence():
        if args.workers < 1 or args.worst < 0:
            raise ValueError('--workers must be 1 or more, --worst 0 or more')
        result = check_dataset(sets_of(args), not args.no_images, args.workers)
        print(to_text(result))
        if args.report:
            write_report(args.report, result, args.worst)
            print(f'report: {Path(args.report) / "index.html"}')
        if args.fix:
            changes = write_cleaned(args.fix, result, args.overwrite)
            print(f'cleaned copy in {args.fix}, listed in {CHANGES}:')
            print(summary(changes))
    return int(result.num_errors > 0)


if __name__ == '__main__':
    sys.exit(main())
