"""Turn a SpinePose or RTMPose ONNX file into an MMPose checkpoint.

For weights that exist only as ONNX and shall be tested or fine-tuned. Before
anything is written the outputs are compared on random images: they are equal
to 1e-4 or the file is refused.

Exporters fold each batch norm into the convolution before it. Its scale and
statistics cannot be told apart any more, and a checkpoint needs both to load
strictly into the unchanged config. Two choices, equal in evaluation:

- By default the norm does nothing but add the bias: mean 0, variance
  1 - eps, weight 1. In training a norm takes the statistics of the batch,
  which are others, so that the network would start from something else than
  its weights say. Freeze the statistics: --cfg-options
  model.backbone.norm_eval=True
- With --data the norms get the statistics of what really reaches them on
  these people, and weight and bias that undo the change. Then training starts
  where evaluation stands, and no setting is needed.
"""

import argparse
import os
import sys

import spinepose_mmpose  # noqa: F401  before anything of OpenMMLab
from spinepose_mmpose.utils import one_sentence, replaced

# Images in a step of the statistics.
BATCH = 16


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n')[0],
        epilog='The size is recognised by the channels, the keypoints by '
        'their number.',
    )
    parser.add_argument('input', help='ONNX file with SimCC outputs')
    parser.add_argument('output', help='checkpoint to write (.pth)')
    parser.add_argument(
        '--config',
        help='of the model, should its channels be none of the known sizes',
    )
    parser.add_argument(
        '--data',
        metavar='DIR',
        help='people for the statistics of the batch norms: the layout of '
        'SpineTrack, or photos of one person each',
    )
    parser.add_argument(
        '--samples', type=int, default=256, help='people taken from --data'
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
    check_files(args)

    from spinepose_mmpose.models.onnx_weights import convert_onnx

    import torch
    from mmengine.config import Config

    config = Config.fromfile(args.config) if args.config else None
    names = keypoint_meta(config) if config is not None else None
    found = convert_onnx(args.input, config, people(args))
    if names is None:
        names = meta_of_count(found.num_keypoints)
    lines = [
        f'{args.output}: {found.num_keypoints} keypoints'
        f'{f", size {found.size}" if found.size else ""}, '
        f'{found.input_size[0]}x{found.input_size[1]} pixels (w, h), outputs '
        f'equal to {found.difference:.1e}'
    ]
    if found.bgr:
        lines.append('  the file took BGR images, the checkpoint takes RGB')
    if found.people:
        lines.append(
            f'  batch norms with the statistics of {found.people} people'
        )
    elif found.folded:
        lines.append(
            f'  {found.folded} batch norms were folded; to train, freeze them '
            '(model.backbone.norm_eval=True) or give --data here'
        )
    with replaced(args.output) as temporary:
        torch.save(
            dict(
                state_dict=found.network.state_dict(),
                meta=dict(dataset_meta=names),
            ),
            temporary,
        )
    return '\n'.join(lines)


def check_files(args) -> None:
    """What would fail at the end fails before work starts."""
    if os.path.exists(args.output) and not args.overwrite:
        raise FileExistsError(
            f'{args.output} exists; give --overwrite to replace it'
        )
    folder = os.path.dirname(os.path.abspath(args.output))
    if not os.path.isdir(folder):
        raise FileNotFoundError(f'{folder} does not exist, to write into')
    if not os.access(folder, os.W_OK):
        raise PermissionError(f'{folder} cannot be written into')
    if not os.path.isfile(args.input):
        raise FileNotFoundError(f'{args.input} does not exist')
    if args.samples < 1:
        raise ValueError(f'--samples is {args.samples}, expected 1 or more')


def people(args):
    """Batches of --data for an input size; None without."""
    if not args.data:
        return None
    from spinepose_mmpose.deploy.quantization.samples import (
        calibration_split,
        load_crops,
    )

    import torch

    def batches(input_size):
        split = calibration_split(args.data)
        crops = load_crops(args.data, input_size, args.samples, split)
        return map(torch.from_numpy, crops.inputs(BATCH))

    return batches


def keypoint_meta(config) -> dict:
    """Of the config's test set."""
    from mmpose.apis.inference import dataset_meta_from_config

    meta = dataset_meta_from_config(config, 'test')
    if meta is None:
        raise ValueError('the config names no test set with keypoints')
    return plain(meta)


def meta_of_count(count: int) -> dict:
    from spinepose_mmpose.metainfo import METAINFO, NUM_KEYPOINTS
    from spinepose_mmpose.models.head_extension import DATASET_OF_COUNT

    from mmpose.datasets.datasets.utils import parse_pose_metainfo

    if count == NUM_KEYPOINTS:
        return plain(parse_pose_metainfo(METAINFO))
    if count not in DATASET_OF_COUNT:
        known = sorted([NUM_KEYPOINTS, *DATASET_OF_COUNT])
        raise ValueError(
            f'the file has {count} keypoints, but names are known for {known} '
            'only; give a --config whose test set names them'
        )
    name = DATASET_OF_COUNT[count]
    return plain(
        parse_pose_metainfo(
            dict(from_file=f'configs/_base_/datasets/{name}.py')
        )
    )


def plain(value):
    """Arrays as lists: a checkpoint of weights and plain data alone."""
    if hasattr(value, 'tolist'):
        return value.tolist()
    if isinstance(value, dict):
        return {key: plain(x) for key, x in value.items()}
    if isinstance(value, (list, tuple, set)):
        return type(value)(map(plain, value))
    return value


if __name__ == '__main__':
    sys.exit(main())
