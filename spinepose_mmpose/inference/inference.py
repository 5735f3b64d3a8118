"""One call for an image or a video, as users of the spinepose client know it.

Nothing here opens a window.
"""

import os
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from typing import Iterator, List, Optional

import cv2
import numpy as np

from ..metainfo import NUM_KEYPOINTS
from ..utils import replaced
from .estimator import SpinePoseEstimator
from .images import read_image
from .results import SPINE_ONLY, FrameResult, Person


def infer_image(
    input_path: str,
    mode: str = 'medium',
    spine_only: bool = False,
    vis_path: Optional[str] = None,
    model_version: str = 'latest',
    detector='auto',
    *,
    estimator: Optional[SpinePoseEstimator] = None,
    bboxes=None,
    **options,
) -> np.ndarray:
    """Poses of everybody in an image file.

    Args:
        input_path: any image that OpenCV or Pillow reads.
        mode, model_version, detector: see :class:`.SpinePoseEstimator`.
        spine_only: the 9 spine points alone, from the sacrum up
            (:data:`.SPINE_ONLY` names them in order).
        vis_path: write a drawing to this file.
        estimator: one that is ready, in place of the settings.
        bboxes: (N, 4) [x1, y1, x2, y2] in pixels, in place of a detector.
        options: further settings of :class:`.SpinePoseEstimator`.

    Returns:
        np.ndarray: (N, K, 3) float32, x and y in pixels and score.

    Raises:
        ValueError: a file that is no image, or a setting that is wrong.
        FileNotFoundError: there is no such file.
    """
    if vis_path is not None:
        _check_picture(vis_path)
    image = read_image(input_path)
    estimator = _ready(
        estimator,
        options,
        mode,
        model_version=model_version,
        detector=detector,
    )
    people = estimator.predict(image, bboxes)
    if spine_only:
        people = tuple(person.select(SPINE_ONLY) for person in people)
    if vis_path is not None:
        _write_image(vis_path, _draw(image, people, spine_only))
    return _stack(people, _count(estimator, spine_only))


def infer_video(
    input_path,
    mode: str = 'medium',
    spine_only: bool = False,
    use_smoothing: bool = True,
    vis_path: Optional[str] = None,
    model_version: str = 'latest',
    detector='auto',
    max_detections: Optional[int] = None,
    **options,
) -> List[np.ndarray]:
    """Poses of everybody in each frame of a video, held in memory.

    :func:`iter_video` gives the same frame by frame, with identities and
    times.

    Args:
        input_path: a video file, ``webcam``, the number of a camera, the
            address of a stream, or a folder of images (with ``rate``).
        mode, spine_only, model_version, detector: as in :func:`infer_image`.
        use_smoothing: smooth each person over time.
        vis_path: write a drawing to this video file.
        max_detections: keep so many people of a frame, the surest.
        options: see :func:`iter_video`.

    Returns:
        list: (N, K, 3) float32 of each frame, x and y in pixels and score;
        rows are ordered by identity. N is 0 for a frame that could not be
        read.
    """
    frames = iter_video(
        input_path,
        mode,
        spine_only,
        use_smoothing,
        vis_path,
        model_version,
        detector,
        max_detections,
        **options,
    )
    num_keypoints = None
    results = []
    with closing(frames):
        for frame in frames:
            people = sorted(frame.people, key=_identity)
            if people:
                num_keypoints = len(people[0].names)
            results.append(people)
    if num_keypoints is None:
        num_keypoints = len(SPINE_ONLY) if spine_only else NUM_KEYPOINTS
    return [_stack(people, num_keypoints) for people in results]


def iter_video(
    input_path,
    mode: str = 'medium',
    spine_only: bool = False,
    use_smoothing: bool = True,
    vis_path: Optional[str] = None,
    model_version: str = 'latest',
    detector='auto',
    max_detections: Optional[int] = None,
    *,
    estimator: Optional[SpinePoseEstimator] = None,
    tracker=None,
    smoother=None,
    det_interval: int = 1,
    batch_frames: int = 1,
    span=None,
    rate=None,
    **options,
) -> Iterator[FrameResult]:
    """Poses of everybody in a video, frame by frame in constant memory.

    Settings are checked and the models are made ready before the first frame
    is asked for. Frames that cannot be read have an ``error`` and no people.

    Args:
        input_path to max_detections: as in :func:`infer_video`.
        estimator: one that is ready, in place of the settings.
        tracker: a :class:`.Tracker` with settings of its own.
        smoother: a :class:`.OneEuroSmoother` with settings of its own.
        det_interval: the detector runs on every so manyth frame; the tracker
            gives the boxes in between.
        batch_frames: frames in one batch of the network.
        span: which frames, a :class:`.Span`.
        rate: frames a second of a folder of images.
        options: further settings of :class:`.SpinePoseEstimator`.
    """
    from .pipeline.stream import stream_frames
    from .track import Tracker
    from .video import open_source

    source = open_source(input_path, rate)
    if vis_path is not None:
        _check_video(vis_path)
    if max_detections is not None:
        options['max_people'] = max_detections
    estimator = _ready(
        estimator,
        options,
        mode,
        model_version=model_version,
        detector=detector,
        spinning=False,
    )
    if use_smoothing and smoother is None:
        from .smooth import OneEuroSmoother

        smoother = OneEuroSmoother()
    steps = stream_frames(
        source,
        estimator,
        tracker=tracker or Tracker(),
        smoother=smoother if use_smoothing else None,
        det_interval=det_interval,
        batch_frames=batch_frames,
        **({} if span is None else {'span': span}),
    )
    return _results(steps, source, spine_only, vis_path)


def _ready(estimator, options: dict, *mode, **settings) -> SpinePoseEstimator:
    """The estimator that is given, else a new one.

    Raises:
        ValueError: settings for one that is made already.
    """
    if estimator is None:
        return SpinePoseEstimator(*mode, **{**settings, **options})
    if options:
        raise ValueError(
            f'{", ".join(options)} should go to the estimator, which has been '
            'made already'
        )
    return estimator


def _results(steps, source, spine_only, vis_path) -> Iterator[FrameResult]:
    with closing(steps), ExitStack() as files:
        writer = None
        for image, frame in steps:
            if spine_only:
                people = tuple(p.select(SPINE_ONLY) for p in frame.people)
                frame = replace(frame, people=people)
            if vis_path is not None and image is not None:
                if writer is None:
                    writer = files.enter_context(
                        _writing(vis_path, source.info, frame)
                    )
                drawn = _draw(image, frame.people, spine_only)
                writer.write(drawn, frame.time)
            yield frame


@contextmanager
def _writing(path, info, first: FrameResult):
    """A writer whose file lands when it is closed, early or at the end."""
    from .video import VideoWriter

    stem, extension = os.path.splitext(path)
    temporary = f'{stem}.{os.getpid()}.tmp{extension}'
    writer = VideoWriter(
        temporary, first.size, info.rate, info.time_base, first.time
    )
    try:
        yield writer
    finally:
        writer.close()
        os.replace(temporary, path)


def _check_folder(path) -> None:
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise FileNotFoundError(
            f'{path} cannot be written: there is no folder {folder}'
        )


def _check_video(path) -> None:
    from .video.writer import find_encoder

    _check_folder(path)
    find_encoder(os.path.splitext(path)[1])


def _check_picture(path) -> None:
    _check_folder(path)
    if not cv2.haveImageWriter(str(path)):
        raise ValueError(
            f'{path} cannot be written: a name that ends in .jpg or .png '
            'expected'
        )


def _draw(image, people, spine_only: bool) -> np.ndarray:
    from .draw import draw_people

    return draw_people(image, people, spine_only=spine_only)


def _write_image(path, image: np.ndarray) -> None:
    with replaced(os.fspath(path)) as temporary:
        if not cv2.imwrite(temporary, image):
            raise ValueError(f'{path} cannot be written')


def _identity(person: Person):
    return person.track_id is None, person.track_id or 0


def _count(estimator: SpinePoseEstimator, spine_only: bool) -> int:
    return len(SPINE_ONLY) if spine_only else estimator.num_keypoints


def _stack(people, num_keypoints: int) -> np.ndarray:
    """(N, K, 3) float32."""
    if not people:
        return np.zeros((0, num_keypoints, 3), np.float32)
    return np.stack([np.column_stack([p.keypoints, p.scores]) for p in people])
