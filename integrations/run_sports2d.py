"""Run Sports2D with one of our networks.

    python integrations/run_sports2d.py walk.mp4 --network spinepose.onnx \\
        --detector rtmdet.onnx --result-dir results/

The resulting points (.trc) include all points of the skeleton in this folder;
joint and segment angles are written as .mot. Needs the packages sports2d and
pose2sim.
"""

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAME = 'SPINETRACK'


def size_of(text):
    width, _, height = text.partition('x')
    return [int(width), int(height)]


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('video', type=Path)
    parser.add_argument('--network', required=True, help='ONNX file')
    parser.add_argument(
        '--network-size', type=size_of, default=[192, 256],
        metavar='WxH', help='input size (default: 192x256)',
    )  # fmt: skip
    parser.add_argument('--detector', required=True, help='ONNX file')
    parser.add_argument(
        '--detector-class', default='RTMDet', help="rtmlib's (default: RTMDet)"
    )
    parser.add_argument(
        '--detector-size', type=size_of, default=[320, 320],
        metavar='WxH', help='input size (default: 320x320)',
    )  # fmt: skip
    parser.add_argument('--result-dir', type=Path, default=Path('.'))
    parser.add_argument(
        '--height', type=float, default=1.65, help='metres (default: 1.65)'
    )
    return parser.parse_args()


def settings(args):
    """Sports2D's configuration; what is not here stays at its default."""
    import rtoml

    skeleton = rtoml.load(HERE / 'skeleton_sports2d.toml')
    mode = {
        'det_class': args.detector_class,
        'det_model': str(Path(args.detector).resolve()),
        'det_input_size': args.detector_size,
        'pose_class': 'RTMPose',
        'pose_model': str(Path(args.network).resolve()),
        'pose_input_size': args.network_size,
    }
    return {
        'base': {
            'video_input': [args.video.name],
            'video_dir': str(args.video.resolve().parent),
            'result_dir': str(args.result_dir.resolve()),
            'person_ordering_method': 'highest_likelihood',
            'first_person_height': args.height,
            'show_realtime_results': False,
            'save_vid': False,
            'save_img': False,
        },
        'pose': {'pose_model': NAME, 'mode': str(mode), **skeleton['pose']},
        'post-processing': {'show_graphs': False, 'save_graphs': False},
    }


def main():
    args = parse_args()
    for path in (args.video, Path(args.network), Path(args.detector)):
        if not path.is_file():
            sys.exit(f'error: no such file: {path}')
    from Sports2D import Sports2D

    Sports2D.process(settings(args))


if __name__ == '__main__':
    main()
