"""Write statistics of a SpineTrack-format dataset, with plots and an HTML page.

Visibility of each keypoint, sizes of people, angles and bends of the spine,
people per image and pose clusters, as index.html, statistics.json and CSV.
"""

import argparse
import sys
from pathlib import Path

from spinepose_mmpose.datasets.annotations import find_sets
from spinepose_mmpose.datasets.statistics import write_statistics
from spinepose_mmpose.utils import counted, one_sentence


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('root', help='folder with annotations/ and images/')
    parser.add_argument('--out', required=True, help='output folder')
    parser.add_argument('--splits', nargs='+', help='default: all')
    parser.add_argument(
        '--clusters',
        type=int,
        default=12,
        help='number of pose clusters (default: %(default)s)',
    )
    parser.add_argument('--seed', type=int, default=0, help='for the clusters')
    return parser.parse_args()


def main():
    args = parse_args()
    with one_sentence():
        if args.clusters < 1:
            raise ValueError('--clusters must be 1 or more')
        sets = find_sets(args.root, args.splits)
        content = write_statistics(args.out, sets, args.clusters, args.seed)
    for name, figure in content['splits'].items():
        print(
            f'{name}: {counted(figure["people"], "person")} in '
            f'{counted(figure["images"], "image")}, '
            f'{counted(figure["whole_spines"], "whole spine")}'
        )
    print(Path(args.out) / 'index.html')
    return 0


if __name__ == '__main__':
    sys.exit(main())
