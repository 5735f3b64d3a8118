"""Extend an RTMPose checkpoint to SpineTrack's 37 keypoints.

Rows of the final layer are copied by keypoint name; new ones are sampled from
the normal distribution of the existing rows. Training does this automatically
for load_from. Use this tool to inspect the result or for other training code.
"""

import argparse
import sys

import spinepose_mmpose  # noqa: F401  before anything of OpenMMLab
from spinepose_mmpose.utils import one_sentence, refuse_existing, replaced


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n')[0],
        epilog='The log says which rows were copied, extended and skipped.',
    )
    parser.add_argument(
        'input', help='checkpoint: a file, a URL or spinepose://NAME'
    )
    parser.add_argument('output', help='output file')
    parser.add_argument('--seed', type=int, default=0, help='for the new rows')
    parser.add_argument(
        '--source',
        metavar='METAINFO',
        help='keypoints of the input, e.g. configs/_base_/datasets/halpe26.py; '
        'default: from the checkpoint or its number of keypoints',
    )
    parser.add_argument(
        '--redraw',
        nargs='+',
        default=(),
        metavar='NAME',
        help='keypoints to sample even if the input has them, e.g. neck hip',
    )
    parser.add_argument(
        '--overwrite', action='store_true', help='replace the output'
    )
    return parser.parse_args()


def main():
    args = parse_args()
    with one_sentence():
        print(convert(args))
    return 0


def convert(args) -> str:
    from spinepose_mmpose.metainfo import KEYPOINT_NAMES
    from spinepose_mmpose.models.head_extension import (
        checkpoint_names,
        count_keypoints,
        extend_head,
        metainfo_names,
        read_checkpoint,
    )

    import torch
    from mmpose.datasets.datasets.utils import parse_pose_metainfo

    refuse_existing(args.output, args.overwrite)
    weights, meta = read_checkpoint(args.input)
    rows = count_keypoints(weights)
    if args.source:
        names = metainfo_names(parse_pose_metainfo(dict(from_file=args.source)))
    else:
        names = checkpoint_names(meta, rows)
    weights, report = extend_head(
        weights, names, KEYPOINT_NAMES, args.seed, args.redraw
    )
    with replaced(args.output) as temporary:
        torch.save(dict(state_dict=weights, meta=dict()), temporary)
    return (
        f'{args.output}: {len(KEYPOINT_NAMES)} keypoints from the {rows} '
        f'of {args.input} (seed {args.seed})\n{report}'
    )


if __name__ == '__main__':
    sys.exit(main())
