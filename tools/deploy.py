"""Exports a model with mmdeploy: ONNX, TensorRT, OpenVINO or ncnn.

The arguments are those of mmdeploy's own tools/deploy.py, which its wheel
lacks. configs/deploy/ holds the deployment configs.
"""

import argparse
import logging
import os.path as osp
import sys

import spinepose_mmpose  # noqa: F401  before anything of OpenMMLab
from spinepose_mmpose.utils import one_sentence


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('deploy_cfg', help='a config of configs/deploy/')
    parser.add_argument('model_cfg', help='config of the model')
    parser.add_argument('checkpoint', help='a file, a URL or spinepose://NAME')
    parser.add_argument(
        'image',
        nargs='?',
        metavar='img',
        help='an image to trace with; default: a grey one',
    )
    parser.add_argument(
        '--test-img',
        dest='test_image',
        help='draw the poses of the backend and of PyTorch on it, into the '
        'folder',
    )
    parser.add_argument(
        '--work-dir',
        help='folder of the result, replaced as a whole; default: '
        'work_dirs/deploy/MODEL_DEPLOYCFG',
    )
    parser.add_argument(
        '--device',
        help='cpu or cuda:0; default: cuda:0 for TensorRT, else cpu',
    )
    parser.add_argument(
        '--channel-order',
        choices=('rgb', 'bgr'),
        help='bgr: for clients that normalise BGR images with the RGB figures '
        '(rtmlib, spinepose)',
    )
    parser.add_argument(
        '--argmax',
        action='store_true',
        help='keypoints and scores as outputs, not SimCC distributions',
    )
    parser.add_argument(
        '--weights-fp16',
        action='store_true',
        help='store the weights as FP16: half the file, computed in FP32',
    )
    parser.add_argument(
        '--slim', action='store_true', help='simplify the graph with onnxslim'
    )
    parser.add_argument(
        '--licence',
        help='of the weights, for the metadata; known for published ones',
    )
    parser.add_argument(
        '--dump-info',
        dest='sdk_files',
        action=argparse.BooleanOptionalAction,
        default=True,
        help="write the SDK's files",
    )
    parser.add_argument(
        '--log-level',
        # Its warnings are about itself: registries, deprecations.
        default='ERROR',
        choices=('DEBUG', 'INFO', 'WARNING', 'ERROR'),
        help='of mmdeploy',
    )
    return parser.parse_args()


def main():
    args = parse_args()
    with one_sentence():
        try:
            import mmdeploy.utils  # noqa: F401
        except ImportError as error:
            raise ValueError(
                f'mmdeploy cannot be imported ({error}): pip install --no-deps '
                'mmdeploy==1.3.1 aenum'
            ) from error
        from spinepose_mmpose.deploy.export import ExportOptions, export

        from mmengine.logging import MMLogger

        options = vars(args)
        level = getattr(logging, options.pop('log_level'))
        MMLogger.get_current_instance().setLevel(level)
        options['work_dir'] = args.work_dir or default_folder(args)
        result = export(ExportOptions(**options))
        print(f'{result}: {osp.getsize(result) / 1e6:.1f} MB')
    return 0


def default_folder(args) -> str:
    stems = (
        osp.splitext(osp.basename(path))[0]
        for path in (args.model_cfg, args.deploy_cfg)
    )
    return osp.join('work_dirs', 'deploy', '_'.join(stems))


if __name__ == '__main__':
    sys.exit(main())
