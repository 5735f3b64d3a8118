"""The settings of a run, once for the command line and for Python.

A field of :class:`Settings` holds its default and, as metadata, what the
command line says about it: help, range, choices, flags. ``role`` says what
depends on it: the ``results`` (the default), the ``files`` written from them
alone, or ``nothing`` that is kept.
"""

import json
import re
from contextlib import suppress
from dataclasses import dataclass, field, fields
from fractions import Fraction
from typing import (
    Any,
    Callable,
    Dict,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

import numpy as np

NOTHING, FILES, RESULTS = 'nothing', 'files', 'results'
# Rates of television that people round.
NTSC = {'23.98', '23.976', '29.97', '47.95', '59.94', '119.88'}
# Fields that are arguments of :class:`.Lifting`.
LIFTING = ('lifter', 'camera_intrinsics', 'camera_field_of_view',
           'estimate_metric_scale', 'primary_subject_height',
           'estimate_camera_pose', 'estimate_ground_plane',
           'warmup_frames')  # fmt: skip
LONGEST = 1e7  # seconds
MOST_FRAMES = 10**9


class Position(NamedTuple):
    """A place in a source: seconds, or the index of a frame."""

    time: Optional[float] = None
    index: Optional[int] = None

    def is_after(self, index: int, time: float) -> bool:
        """Whether a frame lies before this place."""
        if self.index is not None:
            return index < self.index
        return time < self.time


class Span(NamedTuple):
    """The part of a source that is wanted."""

    start: Position = Position(index=0)
    end: Optional[Position] = None  # of the first frame that is not wanted
    stride: int = 1  # frames are taken at this interval

    def ends_before(self, index: int, time: float) -> bool:
        return self.end is not None and not self.end.is_after(index, time)


def parse_position(text: str) -> Position:
    """``12.5``, ``1:30`` and ``0:01:30.5`` are times, ``250f`` is a frame."""
    with suppress(ValueError):
        if text.endswith('f'):
            index = int(text[:-1])
            if 0 <= index <= MOST_FRAMES:
                return Position(index=index)
        seconds = 0.0
        for part in text.split(':'):
            seconds = 60 * seconds + float(part)
        if 0 <= seconds <= LONGEST:
            return Position(time=seconds)
    raise ValueError(
        f'{text!r} is not a position in a video: seconds (12.5), a time '
        '(0:01:30) or a frame (250f) expected'
    )


def parse_rate(text: str) -> Fraction:
    """Frames per second, exact: 29.97 means 30000/1001."""
    with suppress(ValueError, ZeroDivisionError):
        rate = Fraction(text)
        if text in NTSC:
            return Fraction(round(rate) * 1000, 1001)
        if Fraction(1, 10000) <= rate <= 10000:
            return rate
    raise ValueError(f'{text!r} is not a frame rate: 30 or 30000/1001 expected')


def parse_size(text: str) -> Tuple[int, int]:
    found = re.fullmatch(r'([1-9]\d{1,3})x([1-9]\d{1,3})', text.lower())
    if not found:
        raise ValueError(f'{text!r} is not a size: 320x320 expected')
    return int(found[1]), int(found[2])


def parse_interval(text: str) -> Union[int, float]:
    """``5`` is frames, ``0.2`` seconds."""
    return int(text) if text.isdigit() else float(text)


def parse_shard(text: str) -> Tuple[int, int]:
    """``1/4`` to ``4/4`` as (index from 0, count)."""
    found = re.fullmatch(r'(\d{1,6})/(\d{1,6})', text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise ValueError(
            f'{text!r} is not a part of the inputs: 1/4 to 4/4 expected'
        )
    return int(found[1]) - 1, int(found[2])


def _parse_names(text: str, what: str, choices: Sequence[str]) -> list:
    names = [name.strip().lower() for name in text.split(',') if name.strip()]
    for name in names:
        if name not in choices:
            raise ValueError(
                f'no {what} {name!r}: choose from {", ".join(choices)}'
            )
    return names


def parse_formats(text: str) -> list:
    from .formats import FORMATS

    return _parse_names(text, 'format', sorted(FORMATS))


def parse_measures(text: str) -> tuple:
    from ..biomechanics import MEASURES

    names = _parse_names(text, 'angle', ['all', *MEASURES])
    return tuple(MEASURES if 'all' in names else dict.fromkeys(names))


def _option(default, help: str, **details) -> Any:
    """A field. ``details``:

    group (str): heading of this option and of those below it.
    flags (tuple): other ways to write it than ``--its-name``.
    kind (Callable): from text to value; the type of the default if None.
    range (tuple): lowest and highest value.
    choices (tuple): the only values.
    metavar (str): what stands for the value in the help.
    keyword (str): of :class:`.SpinePoseEstimator`, to which it goes.
    role (str): see above.
    """
    return field(default=default, metadata=dict(help=help, **details))


@dataclass(frozen=True)
class Settings:
    """Everything that a run can be told; ``spinepose-mmpose --help`` lists it.

    Raises:
        ValueError: a value is out of its range, or two contradict each other.
    """

    # fmt: off
    input_path: Tuple[str, ...] = _option(
        (), 'images, videos, folders, patterns such as "clips/*.mp4", '
        '"webcam" or a camera number, or the URL of a stream (rtsp, http, '
        'udp, ...)', group='input', metavar='INPUT', role=NOTHING,
        kind=str, nargs='+', required=True,
        flags=('-i', '--input-path', '--input_path'))
    start: Optional[Position] = _option(
        None, 'start at this time (12.5 seconds or 0:01:30) or frame (250f)',
        kind=parse_position, metavar='TIME')
    end: Optional[Position] = _option(
        None, 'stop before this time or frame', kind=parse_position,
        metavar='TIME')
    stride: int = _option(
        1, 'process every Nth frame', range=(1, 10**6), metavar='N')
    sequence: Optional[Fraction] = _option(
        None, 'treat a folder or pattern of images as one clip with this '
        'frame rate (30, 29.97, 30000/1001), not as single photographs',
        kind=parse_rate, metavar='FPS')
    boxes: str = _option(
        '', 'use these person boxes, not a detector: CSV with frame or image, '
        'x1, y1, x2, y2[, score], or JSON {"0": [[x1, y1, x2, y2], ...]}',
        metavar='FILE')
    shard: Optional[Tuple[int, int]] = _option(
        None, 'process the Ith of N parts of the inputs (1/4 to 4/4); by '
        'default set by torchrun or SLURM', kind=parse_shard, metavar='I/N',
        role=NOTHING)

    vis_path: str = _option(
        '', 'annotated image or video; a folder for several inputs',
        group='output', metavar='DRAWN', role=NOTHING,
        flags=('-o', '--vis-path', '--vis_path'))
    save_path: str = _option(
        '', 'results: a file (.json for a photograph, .jsonl, .csv, .trc) or '
        'a folder', metavar='RESULTS', role=NOTHING,
        flags=('-s', '--save-path', '--save_path'))
    save_format: Tuple[str, ...] = _option(
        (), 'openpose (JSON, one file per frame), json (JSON Lines), csv (one '
        'row per person and frame), trc or c3d (one file per person), angles '
        'or mot (see --angles), or several, separated by commas; by default '
        'chosen by the extension of -s, openpose for a folder',
        kind=parse_formats, action='extend', metavar='FORMAT', role=NOTHING)
    angles: Tuple[str, ...] = _option(
        (), 'also save posture angles, as NAME_angles.csv and one .mot file '
        'per person: all, or names separated by commas (kyphosis, trunk, '
        'left_knee, ...; see docs/posture.md)', kind=parse_measures,
        metavar='NAMES', role=FILES)
    report: str = _option(
        '', 'write a page with angle curves, ranges of motion and frames of a '
        'video: a file (.html), or a folder for several inputs',
        metavar='REPORT', role=NOTHING)
    json_layout: str = _option(
        'client', 'naming of OpenPose files: frame_00000.json (client, '
        'default) or NAME_json/NAME_000000.json (pose2sim)',
        choices=('client', 'pose2sim'), role=FILES)
    spine_only: bool = _option(
        False, 'save only the 9 spine points, from the sacrum up',
        role=FILES)
    show: bool = _option(
        False, 'show the annotated frames in a window', role=NOTHING)
    resume: bool = _option(
        False, 'keep finished outputs and continue interrupted ones',
        role=NOTHING)
    overwrite: bool = _option(False, 'replace existing outputs', role=NOTHING)

    mode: str = _option(
        'medium', 'model size: xlarge, large, medium (default) or small',
        group='model', flags=('-m', '--mode'), metavar='MODE', keyword='mode')
    model_version: str = _option(
        'latest', 'latest (default), v2 (SIMSPINE) or v1 (SpineTrack)',
        metavar='VERSION', keyword='model_version')
    model: Optional[str] = _option(
        None, 'instead of --mode: a name from the model zoo, a file (.onnx, '
        '.xml for OpenVINO, .pth), or the folder of an mmdeploy export',
        metavar='NAME', keyword='model')
    config: Optional[str] = _option(
        None, 'MMPose config for a .pth file', metavar='FILE', keyword='config')
    checkpoint: Optional[str] = _option(
        None, 'MMPose checkpoint for --config', metavar='FILE',
        keyword='checkpoint')
    backend: str = _option(
        'auto', 'auto (default), onnxruntime, pytorch or openvino',
        metavar='NAME', keyword='backend')
    device: str = _option(
        'auto', 'auto (default: a GPU if there is one), cpu, cuda, cuda:1, '
        'tensorrt, ...', metavar='NAME', keyword='device', role=NOTHING)
    hardware_acceleration: bool = _option(
        True, '--no-hardware-acceleration means --device cpu',
        switch=True, role=NOTHING)
    half: bool = _option(
        False, 'compute in half precision if device and backend support it; '
        'on a CPU, this needs bfloat16 support and OpenVINO', switch=True,
        flags=('--mixed-precision', '--half'), keyword='half')
    threads: Optional[int] = _option(
        None, 'CPU threads per network', kind=int, range=(1, 1024),
        metavar='N', keyword='threads', role=NOTHING)
    batch_size: int = _option(
        32, 'maximum number of people per network run (default 32)',
        range=(1, 1024), metavar='N', keyword='batch_size')
    batch_frames: int = _option(
        1, 'number of frames or photographs whose people form one batch '
        '(default 1); more is faster on a GPU if the detector runs on every '
        'frame',
        range=(1, 1024), metavar='N')
    flip_test: bool = _option(
        False, 'also run the mirrored image: more accurate, half as fast',
        keyword='flip_test')

    detector: Optional[str] = _option(
        'auto', 'auto (default), rfdetr, rtmdet, yolox, person-demo '
        '(bundled), none (the whole image is one person), or a file: .onnx, '
        'or .pth with --detector-config',
        group='people', metavar='NAME', keyword='detector')
    detector_config: Optional[str] = _option(
        None, 'MMDetection config for a .pth file', metavar='FILE',
        keyword='detector_config')
    det_size: Optional[Tuple[int, int]] = _option(
        None, 'input size for a detector file that accepts any, e.g. 320x320',
        kind=parse_size, metavar='WxH', keyword='detector_size')
    det_interval: Union[int, float] = _option(
        1 / 6, 'run the detector at this interval in seconds (0.2) or, if it '
        'is a whole number, in frames (5); between detections, people are '
        'followed by their poses (default 1/6 second)',
        range=(0.001, 10**6), metavar='S', kind=parse_interval)
    det_score: float = _option(
        0.3, 'minimum score of a detection (default 0.3)', range=(0, 1),
        metavar='S', keyword='bbox_threshold')
    det_nms: float = _option(
        0.45, 'maximum IoU of two people (default 0.45), for detectors '
        'without their own suppression', range=(0, 1), metavar='S',
        keyword='nms_threshold')
    max_detections: Optional[int] = _option(
        None, 'keep the N best detections per frame; by default all',
        kind=int, range=(1, 10**6), metavar='N', keyword='max_people')
    tracking: bool = _option(
        True, 'assign no identities: the detector runs on every frame and '
        'nothing is smoothed', flags=('--no-tracking',))
    max_gap: float = _option(
        2.0, 'seconds out of sight after which a person gets a new identity '
        '(default 2)', range=(0, 10**6), metavar='S')

    smooth: str = _option(
        'live', 'live (default): One-Euro filter, frame by frame; offline: '
        'outlier removal and a zero-phase Butterworth filter, after the last '
        'frame',
        group='time', choices=('live', 'offline', 'none'))
    min_cutoff: float = _option(
        1.5, 'live: lower values smooth slow motion more (default 1.5)',
        range=(0.001, 1000), metavar='HZ')
    beta: float = _option(
        8.0, 'live: higher values follow fast motion better (default 8)',
        range=(0, 1000), metavar='B')
    cutoff: float = _option(
        6.0, 'offline: cutoff frequency of the filter (default 6)',
        range=(0.01, 1000), metavar='HZ')
    order: int = _option(
        4, 'offline: order of the filter, an even number (default 4)',
        range=(2, 16), metavar='N')

    enable_lifting: bool = _option(
        False, 'also estimate 3D poses', group='3D')
    lifter: str = _option(
        'spinepose-lifter', 'lifting network: spinepose-lifter '
        '(default), spinepose-lifter-simspine, or an .onnx file',
        metavar='NAME')
    camera_intrinsics: Optional[str] = _option(
        None, 'camera intrinsics: JSON, TOML (Pose2Sim), or YAML or XML '
        '(OpenCV)', metavar='FILE')
    camera_field_of_view: Optional[float] = _option(
        None, 'diagonal field of view in degrees (default: from EXIF for a '
        'photograph, otherwise 84)', kind=float,
        range=(1, 170), metavar='DEG')
    estimate_metric_scale: bool = _option(
        True, 'do not scale to the height of the subject',
        flags=('--no-metric-scale',))
    estimate_camera_pose: bool = _option(
        True, 'save points in camera coordinates, not world coordinates',
        flags=('--no-camera-pose',))
    estimate_ground_plane: bool = _option(
        True, 'assume a level camera; do not estimate the ground plane',
        flags=('--no-ground-plane',))
    primary_subject_height: float = _option(
        1.84, 'height in metres of the person seen in most frames '
        '(default 1.84)',
        range=(0.3, 2.8), metavar='M')
    warmup_frames: Optional[int] = _option(
        None, 'frames with people used to estimate scale and ground (default: '
        'all of a video, 30 of a camera)', kind=int, range=(1, 10**6),
        metavar='N')
    show_lifting_panel: bool = _option(
        True, 'draw no 3D panel', flags=('--no-lifting-panel',), role=FILES)
    up_axis: str = _option(
        'y', 'vertical axis of 3D TRC files: y (default, as in OpenSim) or z',
        choices=('y', 'z'), role=FILES)

    draw: str = _option(
        'overlay', 'draw on the image (default), next to it, or on a plain '
        'background',
        group='drawing', choices=('overlay', 'side-by-side', 'skeleton'),
        role=FILES)
    background: str = _option(
        'black', 'background of --draw skeleton (default black)',
        choices=('black', 'white'), role=FILES)
    labels: bool = _option(False, 'label the vertebrae', role=FILES)
    ids: bool = _option(
        True, 'do not draw identities', flags=('--no-ids',), role=FILES)
    draw_boxes: bool = _option(
        False, 'draw person boxes', role=FILES)
    draw_score: float = _option(
        0.3, 'minimum score of drawn points (default 0.3)',
        range=(0, 1), metavar='S', role=FILES)
    audio: bool = _option(
        False, 'copy the audio to the annotated video', role=FILES)

    quiet: bool = _option(
        False, 'print only errors', group='messages', flags=('-q', '--quiet'),
        role=NOTHING)
    log_json: bool = _option(
        False, 'print messages to stderr as JSON, one object per line',
        role=NOTHING)
    # fmt: on

    def __post_init__(self):
        for spec in fields(self):
            name, value = spec.name, getattr(self, spec.name)
            try:
                check_value(spec, value)
            except ValueError as error:
                raise ValueError(f'{name}: {error}') from None
            is_given = name in LIFTING and value is not spec.default
            if is_given and not self.enable_lifting:
                raise ValueError(f'{name} needs enable_lifting')
        if self.order % 2:
            raise ValueError(
                'order should be even, because two passes share it, but is '
                f'{self.order}'
            )
        if self.resume and self.overwrite:
            raise ValueError('resume and overwrite contradict each other')
        if self.smooth == 'offline' and not self.tracking:
            raise ValueError(
                'smoothing offline needs identities, and so tracking'
            )

    @property
    def span(self) -> Span:
        return Span(self.start or Position(index=0), self.end, self.stride)

    def values(self, role: str) -> Dict[str, Any]:
        """Options of a role that are not at their default, ready for JSON."""
        given = {
            f'--{spec.name.replace("_", "-")}': getattr(self, spec.name)
            for spec in fields(self)
            if spec.metadata.get('role', RESULTS) == role
            and getattr(self, spec.name) != spec.default
        }
        return json.loads(json.dumps(given, default=str))

    def make_estimator(self, **others):
        """The estimator of these settings; ``others`` are arguments of
        :class:`.SpinePoseEstimator` that come first."""
        from .estimator import SpinePoseEstimator

        given = {
            spec.metadata['keyword']: getattr(self, spec.name)
            for spec in fields(self)
            if 'keyword' in spec.metadata
        }
        given.update(others)
        if not self.hardware_acceleration:
            given['device'] = 'cpu'
        if self.boxes or given['detector'] == 'none':
            given['detector'] = None
        return SpinePoseEstimator(**given)

    def make_lifting(self):
        """What gives people their 3D points, None without lifting."""
        if not self.enable_lifting:
            return None
        from .lifting import Lifter, Lifting

        given = {name: getattr(self, name) for name in LIFTING}
        if not callable(self.lifter):
            given['lifter'] = Lifter(
                self.lifter, threads=self.threads, progress=not self.quiet
            )
        return Lifting(
            **given,
            smoothing=self.tracking and self.smooth != 'none',
            cutoff=self.cutoff,
            order=self.order,
        )

    def make_drawing(self) -> Callable:
        """From an image, which may be drawn upon, and its result to the
        drawing."""
        from .draw import beside_panel, draw_people

        style = dict(
            spine_only=self.spine_only,
            labels=self.labels,
            ids=self.ids,
            boxes=self.draw_boxes,
            score_threshold=self.draw_score,
            background=self.background if self.draw == 'skeleton' else 'image',
        )

        def draw(image, result):
            drawn = draw_people(image, result.people, **style)
            if self.draw == 'side-by-side':
                drawn = np.hstack([image, drawn])
            if self.enable_lifting and self.show_lifting_panel:
                in_world = self.estimate_camera_pose
                drawn = beside_panel(drawn, result.people, in_world)
            return drawn

        return draw


def parse_value(spec, text: str):
    """The value of a field of :class:`Settings` that a text on the command line
    means; ValueError if none."""
    default = str if spec.default is None else type(spec.default)
    kind = spec.metadata.get('kind', default)
    try:
        value = kind(text)
    except ValueError as error:
        if kind in (int, float):
            raise ValueError(f'{text!r} is not a number') from error
        raise
    check_value(spec, value)
    return value


def check_value(spec, value) -> None:
    """Compare a value with the range and the choices of its field."""
    choices = spec.metadata.get('choices')
    if choices and value not in choices:
        raise ValueError(f'{value!r} is not one of {", ".join(choices)}')
    if 'range' in spec.metadata and value is not None:
        low, high = spec.metadata['range']
        if not low <= value <= high:
            raise ValueError(f'{value} is not between {low} and {high}')
