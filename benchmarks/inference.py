"""Compare inference speed with spinepose, rtmlib and ONNX Runtime alone.

All use the same ONNX file, detector file and boxes, on the CPU, each with its
own default number of threads. There are three tables of medians: the pose stage
for several numbers of people (raw is ONNX Runtime alone on the prepared batch);
a whole video made of the given images; and a new process from start to the
result of the first image. If OpenVINO is installed, it also runs the same files
in half precision (bfloat16 on CPUs that support it). Packages that are not
installed are left out (pip install --no-deps spinepose rtmlib).
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import spinepose_mmpose
from spinepose_mmpose.inference import (
    OneEuroSmoother,
    SpinePoseEstimator,
    Tracker,
    draw_people,
    read_image,
)
from spinepose_mmpose.inference.images import is_image
from spinepose_mmpose.inference.stream import FrameLoop, ahead, stream
from spinepose_mmpose.inference.video import files_of, open_source
from spinepose_mmpose.inference.video_writer import VideoWriter
from spinepose_mmpose.utils import one_sentence, write_text

import cv2
import numpy as np
from measuring import table, take_turns
from reference_clients import (
    rtmlib_detector,
    rtmlib_pose,
    spinepose_draw,
    spinepose_pose,
    version,
)

RATE = Fraction(30)
SCORE = 0.3
OURS = 'spinepose-mmpose'
HALF = 'OpenVINO, half'
RAW = 'raw ONNX Runtime'
# Seconds until the threads of a session that ran have stopped spinning.
REST = 0.05


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--model', required=True, help='ONNX file, SimCC')
    parser.add_argument('--detector', required=True, help='ONNX file, RTMDet')
    parser.add_argument(
        '--det-size', type=int, default=320, help='input size of the detector'
    )
    parser.add_argument(
        '--images', required=True, nargs='+', help='files or folders'
    )
    parser.add_argument('--people', type=int, nargs='+', default=[1, 4, 16])
    parser.add_argument('--repeats', type=int, default=30)
    parser.add_argument('--frames', type=int, default=120, help='video length')
    parser.add_argument(
        '--turns', type=int, default=3, help='runs of each method on the video'
    )
    parser.add_argument(
        '--size', type=int, nargs=2, default=[640, 480], help='video size'
    )
    parser.add_argument(
        '--det-intervals', type=int, nargs='+', default=[1, 5, 10]
    )
    parser.add_argument('--starts', type=int, default=5, help='new processes')
    parser.add_argument('--out', metavar='FILE', help='write Markdown, too')
    return parser.parse_args()


def main():
    args = parse_args()
    with one_sentence():
        images = [read_image(path) for path in find_images(args.images)]
        alone = make_estimators(args)
        parts = [heading(args, alone[OURS]), pose_table(args, alone, images)]
        del alone
        # As the command line makes them.
        beside = make_estimators(args, spinning=False)
        parts += [video_table(args, beside, images), start_table(args)]
        report = '\n\n'.join(parts) + '\n'
        print(report)
        if args.out:
            write_text(args.out, report)


def make_estimators(args, **options) -> dict:
    found = {OURS: make_estimator(args, backend='onnxruntime', **options)}
    if version('openvino'):
        found[f'{OURS}, {HALF}'] = make_estimator(
            args, backend='openvino', half=True, **options
        )
    return found


def make_estimator(args, **options) -> SpinePoseEstimator:
    return SpinePoseEstimator(
        model=args.model,
        device='cpu',
        detector=args.detector,
        detector_size=(args.det_size, args.det_size),
        bbox_threshold=SCORE,
        **options,
    )


def find_images(paths) -> list:
    found = []
    for path in paths:
        files = files_of(path) if os.path.isdir(path) else [path]
        found += [file for file in files if is_image(file)]
    if not found:
        raise ValueError(f'no images in {", ".join(paths)}')
    return found


def heading(args, estimator) -> str:
    import onnxruntime

    packages = ', '.join(
        f'{name} {version(name) or "not installed"}'
        for name in ('spinepose', 'rtmlib', 'openvino')
    )
    w, h = estimator.spec.input_size
    return (
        f'{OURS} {spinepose_mmpose.__version__}, {packages}, ONNX Runtime '
        f'{onnxruntime.__version__}, Python {platform.python_version()}, '
        f'{os.cpu_count()} cores. Model {Path(args.model).name} ({w}x{h}), '
        f'detector {Path(args.detector).name} ({args.det_size}x'
        f'{args.det_size}).'
    )


# --- the pose stage -----------------------------------------------------------


def pose_table(args, estimators, images) -> str:
    """Milliseconds for N people of one image."""
    estimator = estimators[OURS]
    image = max(images, key=lambda i: len(estimator.detect(i)[0]))
    found = estimator.detect(image)[0]
    if not len(found):
        raise ValueError('the detector finds nobody in these images')
    size = estimator.spec.input_size
    ways = {RAW: raw_runner(args.model, size)}
    for name, own in estimators.items():
        ways[name] = lambda boxes, own=own: own.pose([image], [boxes])
    if version('spinepose'):
        client = spinepose_pose(args.model, size)
        ways['spinepose'] = lambda boxes: client(image, boxes)
    if version('rtmlib'):
        library = rtmlib_pose(args.model, size)
        ways['rtmlib'] = lambda boxes: library(image, boxes)
    rows = [['people', *ways]]
    for people in args.people:
        boxes = np.resize(found, (people, 4)).astype(np.float32)
        tasks = {
            name: lambda run=run, boxes=boxes: run(boxes)
            for name, run in ways.items()
        }
        times = take_turns(tasks, args.repeats, rest=REST)
        times = [t.median for t in times.values()]
        cells = (f'{1e3 * t:.1f} ms ({t / times[0]:.2f})' for t in times)
        rows.append([people, *cells])
    return 'Pose stage, and its ratio to raw:\n\n' + table(rows)


def raw_runner(model: str, size):
    """The network alone, on a batch that is ready."""
    import onnxruntime

    session = onnxruntime.InferenceSession(
        model, providers=['CPUExecutionProvider']
    )
    name = session.get_inputs()[0].name
    w, h = size
    batches = {}

    def run(boxes):
        n = len(boxes)
        if n not in batches:
            noise = np.random.default_rng(0).normal(size=(n, 3, h, w))
            batches[n] = noise.astype(np.float32)
        return session.run(None, {name: batches[n]})

    return run


# --- a whole video ------------------------------------------------------------


def video_table(args, estimators, images) -> str:
    """Frames per second without and with drawing and writing."""
    estimator = estimators[OURS]
    ways = {}
    if version('spinepose') and version('rtmlib'):
        ways['reference'] = reference_way(args, estimator)
    for name, own in estimators.items():
        for n in args.det_intervals:
            ways[f'{name}, detector every {n} frames'] = our_way(own, n)
    people = {}

    def task(way, clip, drawn):
        def run():
            people[way] = ways[way](clip, drawn)

        return run

    with tempfile.TemporaryDirectory() as folder:
        clip = os.path.join(folder, 'clip.mp4')
        make_clip(clip, images, args.frames, tuple(args.size))
        targets = ('', os.path.join(folder, 'drawn.mp4'))
        tasks = {
            (way, bool(drawn)): task(way, clip, drawn)
            for way in ways
            for drawn in targets
        }
        times = take_turns(tasks, args.turns, warmup=0, rest=REST)
    header = ['way', 'people per frame', 'frames/s', 'with drawing, frames/s']
    rows, first = [header], next(iter(ways))
    for way in ways:
        row = [way, f'{people[way] / args.frames:.1f}']
        for drawn in (False, True):
            seconds, base = times[way, drawn].median, times[first, drawn].median
            row.append(f'{args.frames / seconds:.1f} ({base / seconds:.2f})')
        rows.append(row)
    return (
        f'Whole video, {args.frames} frames of {args.size[0]}x{args.size[1]} '
        'from decoding to results, and the ratio to the first row. '
        'Reference: detector (rtmlib) on every frame, people one by one '
        '(spinepose), one stage after the other; its drawing, encoded as '
        'ours. Ours with tracking and smoothing:\n\n' + table(rows)
    )


def our_way(estimator, det_interval: int):
    def run(clip: str, drawn: str) -> int:
        loop = FrameLoop(estimator, Tracker(), OneEuroSmoother(), det_interval)
        steps = stream(open_source(clip), loop)
        if not drawn:
            return sum(len(step.result.people) for step in steps)
        people, writer = 0, None
        overlays = (
            (draw_people(image, result.people, ids=False), result)
            for image, result, _ in steps
        )
        with closing(ahead(overlays, 2)) as overlays:
            for overlay, result in overlays:
                writer = writer or new_writer(drawn, result.size)
                writer.write(overlay, result.time)
                people += len(result.people)
        writer.close()
        return people

    return run


def reference_way(args, estimator):
    detect = rtmlib_detector(
        args.detector, (args.det_size, args.det_size), SCORE
    )
    pose = spinepose_pose(args.model, estimator.spec.input_size)
    draw = spinepose_draw()

    def run(clip: str, drawn: str) -> int:
        capture = cv2.VideoCapture(clip)
        people, index, writer = 0, 0, None
        while True:
            works, image = capture.read()
            if not works:
                break
            keypoints, scores = pose(image, detect(image))
            people += len(keypoints)
            if drawn:
                writer = writer or new_writer(drawn, image.shape[1::-1])
                writer.write(
                    draw(image, keypoints, scores), float(index / RATE)
                )
            index += 1
        capture.release()
        if writer is not None:
            writer.close()
        return people

    return run


def new_writer(path: str, size) -> VideoWriter:
    return VideoWriter(path, size, RATE, 1 / RATE)


def make_clip(path: str, images, frames: int, size) -> None:
    """A slow pan over each of the images in turn."""
    writer = new_writer(path, size)
    w, h = size
    each = -(-frames // len(images))
    for i in range(frames):
        image = images[i // each]
        scale = 1.1 * max(w / image.shape[1], h / image.shape[0])
        image = cv2.resize(image, None, fx=scale, fy=scale)
        share = (i % each) / each
        x = int(share * (image.shape[1] - w))
        y = int(share * (image.shape[0] - h))
        writer.write(image[y : y + h, x : x + w], float(i / RATE))
    writer.close()
    if open_source(path).info.frames != frames:
        raise OSError(f'{path} does not hold the {frames} frames written')


# --- a fresh process ----------------------------------------------------------

OUR_START = """
import sys
from spinepose_mmpose.inference import SpinePoseEstimator
model, detector, size, image = sys.argv[1:]
estimator = SpinePoseEstimator(model=model, device='cpu', detector=detector,
                               detector_size=(int(size), int(size)))
estimator(image)
assert 'torch' not in sys.modules
"""
THEIR_START = """
import sys
sys.path.insert(0, sys.argv.pop())
import cv2
from reference_clients import rtmlib_detector
import spinepose
from reference_clients import spinepose_pose
model, detector, size, image, w, h = sys.argv[1:]
image = cv2.imread(image)
detect = rtmlib_detector(detector, (int(size), int(size)), 0.3)
spinepose_pose(model, (int(w), int(h)))(image, detect(image))
"""


def start_table(args) -> str:
    """Seconds of a process that imports, loads and infers one image."""
    image = find_images(args.images)[0]
    given = [args.model, args.detector, str(args.det_size), image]
    ways = {OURS: [sys.executable, '-c', OUR_START, *given]}
    if version('spinepose') and version('rtmlib'):
        size = make_estimator(args).spec.input_size
        ways['reference'] = [
            *(sys.executable, '-c', THEIR_START, *given),
            *(str(n) for n in size),
            os.path.dirname(os.path.abspath(__file__)),
        ]
    ways['Python alone'] = [sys.executable, '-c', 'pass']
    rows = [['process', 'seconds']]
    for name, command in ways.items():
        seconds = []
        for _ in range(args.starts):
            began = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True)
            seconds.append(time.perf_counter() - began)
            if done.returncode:
                last = done.stderr.strip().splitlines()[-1:]
                raise OSError(f'{name} failed: {"".join(last)}')
        rows.append([name, f'{statistics.median(seconds):.2f}'])
    return 'A fresh process, imports to the first result:\n\n' + table(rows)


if __name__ == '__main__':
    main()
