"""Convert COCO or Halpe annotations to SpineTrack's 37 keypoints.

Body points are kept, and the spine stays unlabelled. With --pseudo-spine, the
spine is guessed and marked as a guess, for manual correction.
"""

import argparse
import json
import sys

from spinepose_mmpose.datasets.annotations import read_coco
from spinepose_mmpose.datasets.convert import to_spinetrack
from spinepose_mmpose.utils import (
    counted,
    one_sentence,
    refuse_existing,
    write_text,
)


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        'input', help='COCO (17 keypoints) or Halpe (26 or 136) JSON file'
    )
    parser.add_argument('output', help='output JSON file')
    parser.add_argument(
        '--pseudo-spine',
        action='store_true',
        help='place the spine on a curve through hips, shoulders and ears;\n'
        'these points get visibility 1 and are listed in pseudo_keypoints',
    )
    parser.add_argument(
        '--keep-neck-hip',
        action='store_true',
        help="keep Halpe's neck and hip, which are the midpoints of the\n"
        'shoulders and hips, while in SpineTrack they are C7 and the sacrum',
    )
    parser.add_argument(
        '--overwrite', action='store_true', help='replace the output'
    )
    return parser.parse_args()


def main():
    args = parse_args()
    with one_sentence():
        refuse_existing(args.output, args.overwrite)
        drop = () if args.keep_neck_hip else ('neck', 'hip')
        content = read_coco(args.input)
        try:
            dataset, counts = to_spinetrack(content, args.pseudo_spine, drop)
        except ValueError as error:
            raise ValueError(
                f'{args.input} cannot be converted: {error}'
            ) from error
        write_text(args.output, json.dumps(dataset))
    print(
        f'{args.output}: {counted(counts["people"], "person")}, '
        f'{counts["labelled"]} with labels, '
        f'{counts["pseudo"]} with a guessed spine'
    )
    return 0


if __name__ == '__main__':
    sys.exit(main())
