"""Compare an exported model with the PyTorch model.

The exit code is 1 if they differ by more than the limits: 0.05 input pixels and
the third decimal of AP for FP32, 0.5 input pixels and 0.2 AP (x100) for FP16.
docs/deployment.md lists all limits and explains how ties are counted.
"""

import argparse
import json
import logging
import sys

import spinepose_mmpose  # noqa: F401  before anything of OpenMMLab
from spinepose_mmpose.utils import one_sentence, write_text


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('export_dir', help='folder written by tools/deploy.py')
    parser.add_argument('--config', required=True, help='config of the model')
    parser.add_argument(
        '--checkpoint', required=True, help='a file, a URL or spinepose://NAME'
    )
    parser.add_argument(
        '--data', required=True, help="dataset folder in SpineTrack's layout"
    )
    parser.add_argument(
        '--ann-file', help='relative to --data; default: from the config'
    )
    parser.add_argument(
        '--images', help='folder relative to --data; default: from the config'
    )
    parser.add_argument(
        '--max-people',
        type=int,
        help='compare at most this many people; AP then covers only these',
    )
    parser.add_argument('--batch-size', type=int, default=16)
    parser.add_argument('--device', default='cpu', help='cpu or cuda:0')
    parser.add_argument(
        '--tolerance-px',
        type=float,
        help='largest allowed keypoint difference in pixels of the network '
        'input; default: by precision',
    )
    parser.add_argument(
        '--tolerance-ap',
        type=float,
        help='largest allowed AP difference, from 0 to 1; default: by '
        'precision',
    )
    parser.add_argument(
        '--speed-batches',
        type=int,
        nargs='*',
        default=[1, 4, 16],
        help='batch sizes to time (default: 1 4 16); an empty list disables '
        'timing',
    )
    parser.add_argument('--repeats', type=int, default=20)
    parser.add_argument(
        '--threads',
        type=int,
        default=0,
        help='of the backend and of PyTorch; 0 lets them decide',
    )
    parser.add_argument('--out', help='write the results as JSON')
    return parser.parse_args()


def main():
    args = parse_args()
    with one_sentence():
        result = run(args)
        print(as_text(result))
        if args.out:
            write_text(args.out, json.dumps(result, indent=1) + '\n')
    return 1 if result['failures'] else 0


def run(args) -> dict:
    from spinepose_mmpose.deploy import verify as verification

    export = verification.read_export(args.export_dir)

    from spinepose_mmpose.deploy.checks import (
        check_checkpoint,
        check_device,
        check_model_config,
    )
    from spinepose_mmpose.deploy.crops import build_dataset
    from spinepose_mmpose.deploy.rewriters import deployed_config
    from spinepose_mmpose.utils import read_config
    from spinepose_mmpose.zoo import resolve_weights

    import torch
    from mmengine.logging import MMLogger
    from mmpose.apis import init_model
    from mmpose.utils import register_all_modules

    MMLogger.get_current_instance().setLevel(logging.ERROR)
    if args.threads:
        torch.set_num_threads(args.threads)
    config = read_config(args.config)
    check_model_config(config, args.config)
    check_device(args.device, export.backend)
    checkpoint = str(resolve_weights(args.checkpoint))
    check_checkpoint(deployed_config(config), checkpoint)
    register_all_modules(init_default_scope=True)
    changes = dict(ann_file=args.ann_file, indices=args.max_people)
    if args.images is not None:
        changes['data_prefix'] = dict(img=args.images)
    changes = {k: v for k, v in changes.items() if v}
    dataset = build_dataset(config, args.data, **changes)
    backend = verification.open_export(export, args.device, args.threads)
    model = init_model(deployed_config(config), checkpoint, args.device)
    summary, ap = verification.verify(
        model, export, backend, dataset, args.batch_size
    )
    limits = dict(
        pixel_limit=_given(
            args.tolerance_px, verification.PIXEL_LIMIT[export.precision]
        ),
        ap_limit=_given(
            args.tolerance_ap, verification.AP_LIMIT[export.precision]
        ),
    )
    return dict(
        backend=export.backend,
        precision=export.precision,
        file=export.files[0],
        people=len(dataset),
        differences=summary,
        ap=ap,
        speed=verification.compare_speed(
            model, export, backend, args.speed_batches, args.repeats
        ),
        **limits,
        failures=verification.failures(summary, ap, export.precision, **limits),
    )


def _given(value, default):
    return default if value is None else value


def as_text(result: dict) -> str:
    d = result['differences']
    lines = [
        f'{result["file"]}: {result["backend"]}, {result["precision"]}, '
        f'{result["people"]} people',
        f'outputs: largest difference {d["output_max"]:.3g} '
        f'({d["output_max_of_largest"]:.2g} of the largest), mean '
        f'{d["output_mean"]:.3g}',
        f'keypoints: largest difference {d["keypoint_max_px"]:.3g} input '
        f'pixels, mean {d["keypoint_mean_px"]:.3g}; {d["ties"]} of '
        f'{d["keypoints"]} are ties',
        'AP (PyTorch, backend): '
        + ', '.join(
            f'{name} {a:.4f} {b:.4f}' for name, (a, b) in result['ap'].items()
        ),
    ]
    for name, rows in result['speed'].items():
        lines += [
            f'{name}, batch {row["batch"]}: {row["median_ms"]:.1f} ms (90 % '
            f'below {row["p90_ms"]:.1f}), {row["people_per_second"]:.1f} '
            'people/s'
            for row in rows
        ]
    lines += [f'FAILED: {failure}' for failure in result['failures']]
    if not result['failures']:
        lines.append(
            f'within the limits: {result["pixel_limit"]:g} pixels, '
            f'{result["ap_limit"]:g} AP'
        )
    return '\n'.join(lines)


if __name__ == '__main__':
    sys.exit(main())
