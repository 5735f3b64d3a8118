"""Reduce a trained checkpoint for publishing: only the weights, in float16.

Optimizer, schedule and logs are removed; the keypoint names are kept. Models of
the same config can load the file and compute in float32 as before.
"""

import argparse
import hashlib
import os
import sys
from pathlib import Path

import spinepose_mmpose  # noqa: F401  before anything of OpenMMLab
from spinepose_mmpose.utils import one_sentence, replaced


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('input', help='checkpoint of a training run')
    parser.add_argument('output', help='output file')
    parser.add_argument('--licence', default='', help='stored in the file')
    parser.add_argument(
        '--full', action='store_true', help='keep float32: twice the size'
    )
    parser.add_argument(
        '--overwrite', action='store_true', help='replace the output'
    )
    return parser.parse_args()


def main():
    args = parse_args()
    with one_sentence():
        print(publish(args))
    return 0


def publish(args) -> str:
    from spinepose_mmpose.models.head_extension import (
        checkpoint_names,
        checkpoint_weights,
        count_keypoints,
    )

    import torch
    from mmengine.runner.checkpoint import _load_checkpoint

    if os.path.exists(args.output) and not args.overwrite:
        raise ValueError(f'{args.output} exists: pass --overwrite')
    checkpoint = _load_checkpoint(args.input, map_location='cpu')
    weights = checkpoint_weights(checkpoint)
    if not args.full:
        weights = {name: slim(name, value) for name, value in weights.items()}
    names = checkpoint_names(checkpoint.get('meta'), count_keypoints(weights))
    # Plain values alone, so that any torch.load(weights_only=True) reads them.
    meta = dict(licence=args.licence, keypoint_names=list(names))
    with replaced(args.output) as temporary:
        torch.save(dict(meta=meta, state_dict=weights), temporary)
    content = Path(args.output).read_bytes()
    return (
        f'{args.output}: {len(content) / 1e6:.2f} MB, sha256 '
        f'{hashlib.sha256(content).hexdigest()}'
    )


def slim(name, value):
    """A tensor in float16, if it is one of real numbers that fits."""
    if not value.is_floating_point():
        return value
    half = value.half()
    if not half.isfinite().all():
        raise ValueError(
            f'{name} holds {value.abs().max():g}, which float16 cannot: '
            'pass --full'
        )
    return half


if __name__ == '__main__':
    sys.exit(main())
