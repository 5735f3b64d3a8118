"""One call for an image, a video or the next frame of a stream, as users of
the ``spinepose`` client know it. Nothing here opens a window.
"""

import os
from contextlib import closing
from typing import Iterator, List, Optional

import cv2
import numpy as np

from ..metainfo import NUM_KEYPOINTS
from .estimator import SpinePoseEstimator
from .images import as_image, read_image, write_image
from .results import (
    SPINE_ONLY,
    FrameResult,
    by_identity,
    spine_of,
    stack_people,
)
from .settings import LIFTING, Settings
from .stream import FrameLoop, stream
from .video import WHOLE, Frame, open_source
from .video_writer import find_encoder, written_video


def infer_image(
    input_path: str,
    mode: str = Settings.mode,
    spine_only: bool = Settings.spine_only,
    vis_path: Optional[str] = None,
    model_version: str = Settings.model_version,
    detector=Settings.detector,
    *,
    estimator: Optional[SpinePoseEstimator] = None,
    bboxes=None,
    **options,
) -> np.ndarray:
    """Poses of everybody in an image file.

    Args:
        input_path (str | Path): any image that :func:`.read_image` reads.
        mode, model_version, detector: see :class:`.SpinePoseEstimator`.
        spine_only (bool): the 9 spine points alone, from the sacrum up
            (:data:`.SPINE_ONLY` names them in order).
        vis_path (str, optional): write a drawing to this file.
        estimator (SpinePoseEstimator, optional): one that is ready, in place
            of the settings.
        bboxes (Sequence, optional): (N, 4) [x1, y1, x2, y2] in pixels, in
            place of a detector.
        options: further settings of :class:`.SpinePoseEstimator`, and with
            ``enable_lifting=True`` those of :class:`.Lifting`.

    Returns:
        np.ndarray: (N, K, 3) float32, x and y in pixels and score; with
        lifting a tuple of it and (N, K, 4), x, y, z in metres and score.

    Raises:
        ValueError: a file that is not an image, or a setting that is wrong.
        FileNotFoundError: there is no such file.
    """
    if vis_path is not None:
        _check_folder(vis_path)
        if not cv2.haveImageWriter(str(vis_path)):
            raise ValueError(
                f'{vis_path} cannot be written: a name that ends in .jpg or '
                '.png expected'
            )
    image = read_image(input_path)
    settings = _settings(
        options, mode=mode, model_version=model_version, spine_only=spine_only
    )
    lifting = settings.make_lifting()
    if estimator is None:
        estimator = settings.make_estimator(detector=detector, **options)
    else:
        _refuse(options)
    people = estimator.predict(image, bboxes)
    result = FrameResult(people, size=image.shape[1::-1])
    if lifting is not None:
        result = lifting.photograph(result, input_path)
    if spine_only:
        result = spine_of(result)
    if vis_path is not None:
        write_image(vis_path, settings.make_drawing()(image, result))
    count = len(SPINE_ONLY) if spine_only else len(estimator.names)
    return _arrays(result.people, count, lifting)


def infer_video(
    input_path,
    mode: str = Settings.mode,
    spine_only: bool = Settings.spine_only,
    use_smoothing: bool = True,
    vis_path: Optional[str] = None,
    model_version: str = Settings.model_version,
    detector=Settings.detector,
    max_detections: Optional[int] = Settings.max_detections,
    **options,
) -> List[np.ndarray]:
    """Poses of everybody in each frame of a video, held in memory: what
    :func:`infer_image` gives, of each frame, rows ordered by identity. N is 0
    for a frame that could not be read. Arguments as in :func:`iter_video`."""
    frames = iter_video(
        input_path, mode, spine_only, use_smoothing, vis_path, model_version,
        detector, max_detections, **options,
    )  # fmt: skip
    with closing(frames):
        results = [by_identity(frame).people for frame in frames]
    count = len(SPINE_ONLY) if spine_only else NUM_KEYPOINTS
    count = next((len(p[0].names) for p in results if p), count)
    is_lifted = options.get('enable_lifting', False)
    return [_arrays(people, count, is_lifted) for people in results]


def iter_video(
    input_path,
    mode: str = Settings.mode,
    spine_only: bool = Settings.spine_only,
    use_smoothing: bool = True,
    vis_path: Optional[str] = None,
    model_version: str = Settings.model_version,
    detector=Settings.detector,
    max_detections: Optional[int] = Settings.max_detections,
    *,
    estimator: Optional[SpinePoseEstimator] = None,
    tracker=None,
    smoother=None,
    det_interval=Settings.det_interval,
    batch_frames: int = Settings.batch_frames,
    span=None,
    rate=None,
    **options,
) -> Iterator[FrameResult]:
    """Poses of everybody in a video, frame by frame in constant memory.

    Settings are checked and models are ready before the first frame is asked
    for. Frames that cannot be read have an ``error`` and no people.

    Args:
        input_path (str | Path | int): a video file, ``webcam``, the number of
            a camera, the address of a stream, or a folder of images (with
            ``rate``).
        mode, spine_only, model_version, detector: as in :func:`infer_image`.
        use_smoothing (bool): smooth each person over time.
        vis_path (str, optional): write a drawing to this video file.
        max_detections (int, optional): people per frame, the surest.
        estimator (SpinePoseEstimator, optional): one that is ready, in place
            of the settings.
        tracker (Tracker, optional), smoother (OneEuroSmoother, optional): with
            other settings.
        det_interval (int | float): from one detection to the next, an int in
            frames, a float in seconds; the tracker gives the boxes in between.
        batch_frames (int): frames in one batch of the network.
        span (Span, optional): which frames.
        rate (Fraction, optional): frames per second of a folder of images.
        options: as in :func:`infer_image`.
    """
    settings = _settings(
        options, mode=mode, model_version=model_version, spine_only=spine_only,
        det_interval=det_interval, batch_frames=batch_frames,
        smooth='live' if use_smoothing else 'none',
    )  # fmt: skip
    source = open_source(input_path, rate)
    lifting = settings.make_lifting()
    if lifting is not None:
        lifting.camera_of(source.info.size)  # raises what does not fit
    if vis_path is not None:
        _check_folder(vis_path)
        find_encoder(os.fspath(vis_path))
        draw = settings.make_drawing()
    if max_detections is not None:
        options['max_people'] = max_detections
    if estimator is None:
        options = {'spinning': False, 'detector': detector, **options}
        estimator = settings.make_estimator(**options)
    else:
        _refuse(options)
    loop = FrameLoop.create(
        settings, estimator, tracker=tracker, smoother=smoother
    )
    steps = stream(source, loop, batch_frames, span or WHOLE)

    def results():
        # The file lands when this is closed, early or at the end.
        with closing(steps), written_video(vis_path, source.info) as write:
            try:
                for image, result, _ in steps:
                    if lifting is not None:
                        result = lifting(result)
                    if spine_only:
                        result = spine_of(result)
                    if vis_path is not None and image is not None:
                        write(draw(image, result), result.time)
                    yield result
            except GeneratorExit:  # the caller stops: what was drawn is kept
                pass

    return results()


class PoseTracker:
    """Estimate, track and, by setting, smooth the people of a stream.

    Called with one image after another, as ``rtmlib.PoseTracker`` and
    ``spinepose.PoseTracker`` are. Rows of the result are ordered by identity;
    ``track_ids`` names them and ``people`` holds them as objects.

    Args:
        solution (SpinePoseEstimator | Callable): an estimator, or its class,
            which is then called with ``kwargs``.
        det_frequency (int | float): ``det_interval`` of :func:`iter_video`.
        tracking (bool): False: boxes from the detector, no identities.
        smoothing (bool | OneEuroSmoother): live One-Euro smoothing.
        fps (float): frames per second of images that come without a time.
        tracker (Tracker, optional): one with other settings.

    Raises:
        ValueError: settings that cannot go together or are out of range.
    """

    def __init__(
        self,
        solution,
        det_frequency=Settings.det_interval,
        tracking: bool = Settings.tracking,
        smoothing=False,
        fps: float = 30.0,
        tracker=None,
        **kwargs,
    ):
        if not fps > 0:
            raise ValueError(f'fps should be above 0, but is {fps}')
        if not tracking and (
            smoothing or det_frequency not in (1, Settings.det_interval)
        ):
            raise ValueError(
                'smoothing and a det_frequency of its own need identities: '
                'tracking should be True, but is False'
            )
        if isinstance(solution, type) or not hasattr(solution, 'predict_batch'):
            solution = solution(**kwargs)
        else:
            _refuse(kwargs)
        settings = Settings(
            det_interval=det_frequency,
            tracking=tracking,
            smooth='live' if smoothing else 'none',
        )
        smoother = None if isinstance(smoothing, bool) else smoothing
        self.estimator, self.fps = solution, float(fps)
        self.loop = FrameLoop.create(
            settings, solution, tracker=tracker, smoother=smoother
        )
        self.reset()

    def reset(self) -> None:
        """Begin a new stream."""
        self.loop.reset()
        self.result = FrameResult(frame_index=-1)

    @property
    def people(self) -> tuple:
        """Everybody in the last image."""
        return self.result.people

    @property
    def track_ids(self) -> tuple:
        """Of the rows of the last result."""
        return tuple(person.track_id for person in self.people)

    def __call__(self, image, time: Optional[float] = None) -> tuple:
        """Keypoints (N, K, 2) in pixels and scores (N, K) of the next frame, an
        image that :func:`.as_image` takes; its time in seconds is 1 / fps after
        the one before if None."""
        last = self.result
        if time is None:
            time = 0.0 if last.time is None else last.time + 1 / self.fps
        frame = Frame(as_image(image), last.frame_index + 1, time)
        (result,) = self.loop.finish([self.loop.detect(frame)])
        self.result = by_identity(result)
        return self.result.keypoints, self.result.scores

    def visualize(self, image, keypoints, scores, **style) -> np.ndarray:
        """The estimator's drawing, see its method."""
        return self.estimator.visualize(image, keypoints, scores, **style)


def _settings(options: dict, **given) -> Settings:
    """Of a call; those of lifting are taken out of its options."""
    for name in (*LIFTING, 'enable_lifting', 'show_lifting_panel'):
        if name in options:
            given[name] = options.pop(name)
    return Settings(**given)


def _refuse(options: dict) -> None:
    if options:
        raise ValueError(
            f'{", ".join(options)} should go to the estimator, which has been '
            'made already'
        )


def _check_folder(path) -> None:
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise FileNotFoundError(
            f'{path} cannot be written: there is no folder {folder}'
        )


def _arrays(people, num_keypoints: int, lifted):
    """(N, K, 3) float32; with lifting a tuple of it and (N, K, 4) in 3D."""
    keypoints, scores = stack_people(people, num_keypoints)
    flat = np.concatenate([keypoints, scores[..., None]], -1)
    if not lifted:
        return flat
    points = [person.keypoints_3d for person in people]
    points = np.reshape(np.float32(points), (-1, num_keypoints, 3))
    return flat, np.concatenate([points, flat[..., 2:]], -1)
