"""Convert COCO or Halpe annotations to SpineTrack's 37 keypoints.

Body points are kept, the spine stays unlabelled; with --pseudo-spine it is
guessed, marked as such, for correction by hand.
"""

import argparse
import json
import os
import sys

from spinepose_mmpose.datasets.convert import to_spinetrack
from spinepose_mmpose.utils import one_sentence, write_text


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        'input', help='COCO (17 keypoints) or Halpe (26 or 136) JSON'
    )
    parser.add_argument('output', help='JSON to write')
    parser.add_argument(
        '--pseudo-spine',
        action='store_true',
        help='guess the spine on a curve through hips, shoulders and ears;\n'
        'such points have visibility 1 and are named in pseudo_keypoints',
    )
    parser.add_argument(
        '--keep-neck-hip',
        action='store_true',
        help="keep Halpe's neck and hip, which are the midpoints of\n"
        'shoulders and hips there but C7 and the sacrum in SpineTrack',
    )
    parser.add_argument(
        '--overwrite', action='store_true', help='replace the output'
    )
    return parser.parse_args()


def main():
    args = parse_args()
    with one_sentence():
        if os.path.exists(args.output) and not args.overwrite:
            raise FileExistsError(
                f'{args.output} exists; give --overwrite to replace it'
            )
        drop = () if args.keep_neck_hip else ('neck', 'hip')
        try:
            with open(args.input, encoding='utf-8') as file:
                dataset, counts = to_spinetrack(
                    json.load(file), args.pseudo_spine, drop
                )
        except (ValueError, AttributeError) as error:
            raise ValueError(
                f'{args.input} cannot be converted: {error}'
            ) from error
        write_text(args.output, json.dumps(dataset))
    print(
        f'{args.output}: {counts["people"]} people, {counts["labelled"]} '
        f'with labels, {counts["pseudo"]} with a guessed spine'
    )
    return 0


if __name__ == '__main__':
    sys.exit(main())
