"""Options of how people are found, estimated, followed and drawn."""

import argparse

from .values import count, positive, share, size, typed


def add_model(group) -> None:
    group.add_argument(
        '-m',
        '--mode',
        default='medium',
        metavar='MODE',
        help='size: xlarge, large, medium (default) or small',
    )
    group.add_argument(
        '--model-version',
        default='latest',
        metavar='VERSION',
        help='latest (default), v2 (SIMSPINE) or v1 (SpineTrack)',
    )
    group.add_argument(
        '--model',
        metavar='NAME',
        help='instead of --mode: a name of the model zoo, or a file: .onnx, '
        '.xml (OpenVINO), .pth, or the folder of an mmdeploy export',
    )
    group.add_argument('--config', metavar='FILE', help='of MMPose, for a .pth')
    group.add_argument(
        '--checkpoint', metavar='FILE', help='of MMPose, with --config'
    )
    group.add_argument(
        '--backend',
        default='auto',
        metavar='NAME',
        help='auto (default), onnxruntime, pytorch or openvino',
    )
    group.add_argument(
        '--device',
        default='auto',
        metavar='NAME',
        help='auto (default: a GPU where there is one), cpu, cuda, cuda:1, '
        'tensorrt, ...',
    )
    group.add_argument(
        '--hardware-acceleration',
        action=argparse.BooleanOptionalAction,
        default=True,
        help='--no-hardware-acceleration is the same as --device cpu',
    )
    group.add_argument(
        '--mixed-precision',
        '--half',
        dest='half',
        action=argparse.BooleanOptionalAction,
        default=False,
        help='compute in half precision where device and backend can; on a CPU '
        'with bfloat16 OpenVINO does, if it is installed',
    )
    group.add_argument(
        '--threads', type=count, metavar='N', help='of the CPU, for a network'
    )
    group.add_argument(
        '--batch-size',
        type=count,
        default=32,
        metavar='N',
        help='people in one run of the network at most (default 32)',
    )
    group.add_argument(
        '--batch-frames',
        type=count,
        default=1,
        metavar='N',
        help='frames, or photographs, whose people form one batch (default 1); '
        'more helps a GPU and works with --det-interval 1 or photographs',
    )
    group.add_argument(
        '--flip-test',
        action='store_true',
        help='average with the mirror image, as MMPoseInferencer does by '
        'default: a little better, half as fast',
    )


def add_people(group) -> None:
    group.add_argument(
        '--detector',
        default='auto',
        metavar='NAME',
        help='auto (default: rfdetr, or rtmdet where that cannot be '
        'downloaded), rfdetr, rtmdet, yolox, none (the whole image is one '
        'person), or a file: .onnx, or .pth with --detector-config',
    )
    group.add_argument(
        '--detector-config', metavar='FILE', help='of MMDetection, for a .pth'
    )
    group.add_argument(
        '--det-size',
        type=typed(size),
        metavar='WxH',
        help='input of a detector file that takes any size, like 320x320',
    )
    group.add_argument(
        '--det-interval',
        type=count,
        default=5,
        metavar='N',
        help='look for people in every Nth frame (default 5); in between their '
        'own poses tell where they are',
    )
    group.add_argument(
        '--det-score',
        type=share,
        default=0.3,
        metavar='S',
        help='lowest score of a person (default 0.3)',
    )
    group.add_argument(
        '--det-nms',
        type=share,
        default=0.45,
        metavar='S',
        help='largest overlap of two people (default 0.45), for detectors '
        'that leave it open',
    )
    group.add_argument(
        '--max-detections',
        type=count,
        metavar='N',
        help='people in a frame at most, the surest; default: all',
    )
    group.add_argument(
        '--no-tracking',
        action='store_true',
        help='no identities; the detector runs on every frame, nothing is '
        'smoothed',
    )
    group.add_argument(
        '--max-gap',
        type=positive,
        default=1.5,
        metavar='S',
        help='seconds after which somebody who left is somebody new '
        '(default 1.5)',
    )


def add_time(group) -> None:
    group.add_argument(
        '--smooth',
        choices=['live', 'offline', 'none'],
        default='live',
        help='live (default): One-Euro, as frames come; offline: outliers '
        'removed, then Butterworth without delay, once all frames are known',
    )
    group.add_argument(
        '--nosmooth',
        action='store_const',
        const='none',
        dest='smooth',
        help='the same as --smooth none',
    )
    group.add_argument(
        '--min-cutoff',
        type=positive,
        metavar='HZ',
        help='live: lower is smoother at rest',
    )
    group.add_argument(
        '--beta',
        type=positive,
        metavar='B',
        help='live: higher follows fast movements more closely',
    )
    group.add_argument(
        '--cutoff',
        type=positive,
        metavar='HZ',
        help='offline: movements faster than this are removed (default 6)',
    )
    group.add_argument(
        '--order',
        type=count,
        metavar='N',
        help='offline: order of the filter (default 4)',
    )


def add_drawing(group) -> None:
    group.add_argument(
        '--draw',
        choices=['overlay', 'side-by-side', 'skeleton'],
        default='overlay',
        help='on the picture (default), beside it, or on a plain ground',
    )
    group.add_argument(
        '--background',
        choices=['black', 'white'],
        default='black',
        help='of --draw skeleton (default black)',
    )
    group.add_argument(
        '--labels', action='store_true', help='name the vertebrae'
    )
    group.add_argument(
        '--no-ids', action='store_true', help='leave out the identities'
    )
    group.add_argument(
        '--draw-boxes', action='store_true', help='draw the boxes of people'
    )
    group.add_argument(
        '--draw-score',
        type=share,
        default=0.3,
        metavar='S',
        help='draw points with this score or more (default 0.3)',
    )
