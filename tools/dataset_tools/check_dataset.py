"""Check a SpineTrack-format dataset for faults.

Checks every annotation and image for problems that training would refuse
(errors, exit code 1) and labels that look wrong (warnings). --report writes a
page with images of the worst cases, --fix a cleaned copy of the annotations.
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
        'root', nargs='?', help='folder with annotations/ and images/'
    )
    parser.add_argument(
        '--ann', nargs='+', type=Path, help='annotation files, instead of root'
    )
    parser.add_argument(
        '--images',
        nargs='+',
        type=Path,
        help='image folders of the --ann files',
    )
    parser.add_argument(
        '--no-images',
        action='store_true',
        help='check only the annotations; images take most of the time',
    )
    parser.add_argument(
        '--splits', nargs='+', help='splits of root, e.g. val2017; default: all'
    )
    parser.add_argument(
        '--report', help='output folder for the page, JSON and text'
    )
    parser.add_argument(
        '--worst',
        type=int,
        default=12,
        help='number of images per kind on the page (default: %(default)s)',
    )
    parser.add_argument(
        '--fix',
        metavar='FOLDER',
        help='write a cleaned copy of the annotations and changes.json;\n'
        'the checked files are not changed',
    )
    parser.add_argument(
        '--overwrite', action='store_true', help='replace an older copy'
    )
    parser.add_argument(
        '--workers',
        type=int,
        default=WORKERS,
        help='number of threads that read images (default: %(default)s)',
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
