"""Export a model with mmdeploy to ONNX, TensorRT, OpenVINO or ncnn.

The arguments are those of mmdeploy's own tools/deploy.py, which is not part of
its wheel. The deployment configs are in configs/deploy/.
"""

import argparse
import logging
import os.path as osp
import sys

import spinepose_mmpose  # noqa: F401  before anything of OpenMMLab
from spinepose_mmpose.utils import one_sentence


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('deploy_cfg', help='a config from configs/deploy/')
    parser.add_argument('model_cfg', help='config of the model')
    parser.add_argument('checkpoint', help='a file, a URL or spinepose://NAME')
    parser.add_argument(
        'image',
        nargs='?',
        metavar='img',
        help='image to use for tracing; default: a grey image',
    )
    parser.add_argument(
        '--test-img',
        dest='test_image',
        help='image on which to draw the poses of the backend and of PyTorch; '
        'the drawings are saved in the output folder',
    )
    parser.add_argument(
        '--work-dir',
        help='output folder, which is replaced completely; default: '
        'work_dirs/deploy/MODEL_DEPLOYCFG',
    )
    parser.add_argument(
        '--device',
        help='cpu or cuda:0; default: cuda:0 for TensorRT, else cpu',
    )
    parser.add_argument(
        '--channel-order',
        choices=('rgb', 'bgr'),
        help='bgr: for clients that normalise BGR images with the RGB mean and '
        'std (rtmlib, spinepose)',
    )
    parser.add_argument(
        '--argmax',
        action='store_true',
        help='output keypoints and scores instead of SimCC distributions',
    )
    parser.add_argument(
        '--weights-fp16',
        action='store_true',
        help='store the weights in FP16 and compute in FP32: half the file '
        'size',
    )
    parser.add_argument(
        '--slim', action='store_true', help='simplify the graph with onnxslim'
    )
    parser.add_argument(
        '--licence',
        help='licence of the weights for the metadata; set automatically for '
        'published weights',
    )
    parser.add_argument(
        '--dump-info',
        dest='sdk_files',
        action=argparse.BooleanOptionalAction,
        default=True,
        help="write the files for mmdeploy's SDK (default: yes)",
    )
    parser.add_argument(
        '--log-level',
        # Its warnings are about itself: registries, deprecations.
        default='ERROR',
        choices=('DEBUG', 'INFO', 'WARNING', 'ERROR'),
        help='log level of mmdeploy (default: %(default)s)',
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
        from spinepose_mmpose.deploy.export import export

        from mmengine.logging import MMLogger

        options = vars(args)
        level = getattr(logging, options.pop('log_level'))
        MMLogger.get_current_instance().setLevel(level)
        options['work_dir'] = args.work_dir or default_folder(args)
        result = export(**options)
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
