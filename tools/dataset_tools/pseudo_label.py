"""Label images with trained networks.

Writes an annotation file in SpineTrack's COCO layout with a quality score per
person, as a starting point for manual correction (annotation_tasks.py) and for
training. After an interruption, run it again to continue.
"""

import argparse
import sys

from spinepose_mmpose.datasets.label_teachers import GROUPS, load_teacher
from spinepose_mmpose.datasets.pseudo_label import (
    LabelSettings,
    label_folder,
)
from spinepose_mmpose.inference.detectors import create_detector
from spinepose_mmpose.utils import (
    counted,
    one_sentence,
    refuse_existing,
    settings_of,
)

import numpy as np


def parse_args():
    defaults = LabelSettings()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        'images', help='folder with images, including subfolders'
    )
    parser.add_argument('--out', required=True, help='output JSON file')
    parser.add_argument(
        '--teacher',
        action='append',
        required=True,
        metavar='NETWORK[:NAMES]',
        help='can be repeated. NETWORK is a named model, a file (.onnx, .xml,\n'
        '.pth, or .tflite of BlazePose), or CONFIG,CHECKPOINT of any MMPose\n'
        'model. NAMES are the keypoints to take from it, separated by commas:\n'
        f'keypoint names or {", ".join(GROUPS)}',
    )
    parser.add_argument(
        '--boxes',
        metavar='ANN',
        help='label the people of this COCO file instead of using a detector',
    )
    parser.add_argument(
        '--detector',
        default='auto',
        help='a name or an ONNX file, see spinepose-mmpose --help\n'
        '(default: %(default)s)',
    )
    parser.add_argument(
        '--keep-labels',
        action='store_true',
        help='keep the labels of --boxes and fill in the missing ones',
    )
    parser.add_argument(
        '--min-agreement',
        type=float,
        default=defaults.min_agreement,
        help='mean OKS with the kept labels below which nothing is filled in\n'
        '(default: %(default)s)',
    )
    parser.add_argument(
        '--min-score',
        type=float,
        default=defaults.min_score,
        help='minimum score of a labelled point (default: %(default)s)',
    )
    parser.add_argument(
        '--max-disagreement',
        type=float,
        default=defaults.max_disagreement,
        help='distance between two predictions, relative to the size of the\n'
        'person, above which a point stays unlabelled (default: %(default)s)',
    )
    parser.add_argument(
        '--no-flip-test',
        action='store_false',
        dest='flip_test',
        help='do not run the networks on mirrored images: twice as fast',
    )
    parser.add_argument(
        '--device',
        default='auto',
        help='e.g. cpu or cuda (default: %(default)s)',
    )
    parser.add_argument('--threads', type=int, help='number of CPU threads')
    parser.add_argument(
        '--batch',
        type=int,
        default=8,
        help='images per batch (default: %(default)s)',
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='replace the output and start over',
    )
    return parser.parse_args()


def main():
    args = parse_args()
    with one_sentence():
        for name in ('min_score', 'min_agreement'):
            if not 0 <= getattr(args, name) <= 1:
                raise ValueError(f'--{name.replace("_", "-")} is from 0 to 1')
        if args.batch < 1 or not args.max_disagreement > 0:
            raise ValueError('--batch and --max-disagreement are above 0')
        if args.keep_labels and not args.boxes:
            raise ValueError('--keep-labels belongs to --boxes')
        refuse_existing(args.out, args.overwrite)
        machine, detector = (args.device, args.threads), None
        if not args.boxes:
            detector = create_detector(args.detector, *machine)
        content, records = label_folder(
            args.images,
            args.out,
            [load_teacher(text, *machine) for text in args.teacher],
            detector,
            settings_of(LabelSettings, args),
            args.boxes,
            args.batch,
            args.overwrite,
        )
    return report(args.out, content, records)


def report(out, content, records):
    """Print what was done; 1 if an image could not be read."""
    people = content['annotations']
    for record in records:
        remark = record.get('error') or record.get('remark')
        if remark:
            print(f'{record["image"]["file_name"]}: {remark}', file=sys.stderr)
    labels = sum(person['num_keypoints'] for person in people)
    print(
        f'{out}: {counted(len(content["images"]), "image")}, '
        f'{counted(len(people), "person")}, '
        f'{labels} labelled points, '
        f'{sum(len(p["disputed"]) for p in people)} disputed; mean quality '
        f'{np.mean([p["quality"] for p in people] or [0]):.3f}'
    )
    agreements = [p['agreement'] for p in people if 'agreement' in p]
    if agreements:
        print(
            f'mean OKS with the labels that were there: '
            f'{np.mean(agreements):.3f} ({counted(len(agreements), "person")})'
        )
    failed = sum('error' in record for record in records)
    if failed:
        print(f'{failed} images could not be read (named above)')
    return int(failed > 0)


if __name__ == '__main__':
    sys.exit(main())
