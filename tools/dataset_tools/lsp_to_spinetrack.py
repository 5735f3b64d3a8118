"""Convert Leeds Sports Pose (original or extended) to SpineTrack's layout.

The labels of the twelve limb joints and of the top of the head are kept, and
boxes are derived from the joints. With --teacher, people whose left and right
are exchanged are found and corrected; this needs an annotation file of the same
images written by pseudo_label.py. To create one, convert without a teacher, run
pseudo_label.py with --boxes on the result, and convert again.
"""

import argparse
import json
import os
import sys

from spinepose_mmpose.datasets.convert import (
    lsp_to_spinetrack,
    read_joints,
    select_images,
)
from spinepose_mmpose.datasets.pseudo_label import read_annotations
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
    parser.add_argument('joints', help='joints.mat')
    parser.add_argument('images', help='folder with the images')
    parser.add_argument('output', help='output JSON file')
    parser.add_argument(
        '--split',
        type=int,
        metavar='N',
        help='write the first N images to OUTPUT with _train added to its\n'
        'name and the others with _test (9000 for the extended dataset);\n'
        'the labels of the test images are not corrected',
    )
    parser.add_argument('--teacher', metavar='ANN', help='see above')
    parser.add_argument(
        '--overwrite', action='store_true', help='replace the outputs'
    )
    return parser.parse_args()


def main():
    args = parse_args()
    with one_sentence():
        stem, extension = os.path.splitext(args.output)
        outputs = [args.output]
        if args.split is not None:
            outputs = [
                f'{stem}_{part}{extension}' for part in ('train', 'test')
            ]
        for output in outputs:
            refuse_existing(output, args.overwrite)
        joints = read_joints(args.joints)
        if args.split is not None and not 0 < args.split < len(joints):
            raise ValueError(
                f'--split is {args.split}, a number from 1 to '
                f'{len(joints) - 1} expected'
            )
        teacher = read_annotations(args.teacher) if args.teacher else None
        dataset, notes = lsp_to_spinetrack(
            joints, args.images, teacher, args.split
        )
        images, first = dataset['images'], args.split
        parts = [dataset]
        if first is not None:
            halves = images[:first], images[first:]
            parts = [select_images(dataset, half) for half in halves]
        for output, part in zip(outputs, parts):
            write_text(output, json.dumps(part))
            count = len(part['annotations'])
            print(f'{output}: {counted(count, "person")}')
    print(
        f'{counted(len(notes["exchanged"]), "person")} had left and right '
        f'exchanged, {len(notes["unlabelled"])} without a joint are left out'
        + (
            f', {len(notes["unchecked"])} are unknown to the teacher'
            if teacher
            else '; mirrored labels were not looked for (--teacher)'
        )
    )
    return 0


if __name__ == '__main__':
    sys.exit(main())
