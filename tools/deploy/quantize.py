"""Quantise an exported ONNX pose model to INT8, calibrated on your people.

The result is an ONNX file with QuantizeLinear and DequantizeLinear nodes. ONNX
Runtime and OpenVINO can both read it, but each is fast only with its own kind
of file, which --backend selects. Blocks that cost too much accuracy stay in
float: each block is measured on its own, and the worst are left out until no
more than --max-drop is lost. See docs/quantization.md.
"""

import argparse
import os
import sys

import spinepose_mmpose  # noqa: F401  before anything of OpenMMLab
from spinepose_mmpose.utils import one_sentence, refuse_existing, replaced

CHOICES = ('entropy', 'minmax', 'percentile')


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n')[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument('input', help='ONNX file written by tools/deploy.py')
    parser.add_argument('output', help='output ONNX file')
    parser.add_argument(
        '--data',
        required=True,
        metavar='DIR',
        help="dataset in SpineTrack's layout, or photos of one person each (in "
        'this case, only the shift of the keypoints is measured)',
    )
    parser.add_argument(
        '--samples', type=int, default=200, help='people for calibration'
    )
    parser.add_argument(
        '--eval-samples',
        type=int,
        default=500,
        help='people from val2017 on whom the loss is measured',
    )
    parser.add_argument(
        '--method', choices=CHOICES, default='percentile', help='calibration'
    )
    parser.add_argument(
        '--backend',
        choices=('onnxruntime', 'openvino'),
        default='onnxruntime',
        help='backend for which to optimise the file',
    )
    parser.add_argument(
        '--exclude',
        nargs='+',
        default=['auto'],
        metavar='BLOCK',
        help='blocks to leave in float, e.g. head.gau; auto searches for them, '
        'none quantises all blocks',
    )
    parser.add_argument(
        '--max-drop', type=float, default=1.0, help='largest loss of AP points'
    )
    parser.add_argument(
        '--max-shift',
        type=float,
        help='maximum mean shift of the keypoints in pixels of the network '
        'input; 1 if there are no labels',
    )
    parser.add_argument(
        '--channel-order',
        choices=('rgb', 'bgr'),
        help='channel order that the file expects; by default as stated in '
        'the file, otherwise rgb',
    )
    parser.add_argument(
        '--reduce-range',
        action='store_true',
        help='limit weights to 7 bits, for CPUs without VNNI',
    )
    parser.add_argument(
        '--threads', type=int, default=0, help='of the backend; 0: automatic'
    )
    parser.add_argument('--seed', type=int, default=0, help='for the people')
    parser.add_argument(
        '--overwrite', action='store_true', help='replace the output'
    )
    return parser.parse_args()


def main():
    args = parse_args()
    with one_sentence():
        check_files(args)
        quantize(args)
    return 0


def check_files(args) -> None:
    """What would fail at the end fails before work starts."""
    if not os.path.isfile(args.input):
        raise FileNotFoundError(f'{args.input} does not exist')
    refuse_existing(args.output, args.overwrite)
    folder = os.path.dirname(os.path.abspath(args.output))
    if not os.path.isdir(folder):
        raise FileNotFoundError(f'{folder} does not exist, to write into')
    if not os.access(folder, os.W_OK):
        raise PermissionError(f'{folder} cannot be written into')
    for name in ('samples', 'eval_samples'):
        if getattr(args, name) < 1:
            raise ValueError(
                f'--{name.replace("_", "-")} is {getattr(args, name)}, '
                'expected 1 or more'
            )


def quantize(args) -> None:
    from spinepose_mmpose.deploy.crops import calibration_split, load_crops
    from spinepose_mmpose.deploy.quantize import Quantization, Tolerance

    import onnx
    from mmengine.logging import MMLogger

    run = Quantization(
        args.input,
        method=args.method,
        exclude=args.exclude,
        tolerance=Tolerance(args.max_drop, args.max_shift),
        backend=args.backend,
        order=args.channel_order,
        reduce_range=args.reduce_range,
        threads=args.threads,
    )
    size = run.input_size
    split = calibration_split(args.data)
    calibration = load_crops(args.data, size, args.samples, split, args.seed)
    judges = load_crops(args.data, size, args.eval_samples, seed=args.seed + 1)
    # The metric has a table for every model that is tried.
    MMLogger.get_current_instance().setLevel('ERROR')
    found = run(calibration, judges)
    print(run.table(found, judges))
    print(
        f'calibrated on {len(calibration)} people of {calibration.source}; '
        f'in float: {", ".join(found.excluded) or "no block"}'
    )
    run.describe(found, calibration)
    with replaced(args.output) as temporary:
        onnx.save(found.model, temporary)
    print(args.output)


if __name__ == '__main__':
    sys.exit(main())
