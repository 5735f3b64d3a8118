"""An estimator that remembers who is who, called frame by frame."""

from typing import Any, Callable, Optional, Tuple, Union

import numpy as np

from .results import Person
from .track import Tracker


class PoseTracker:
    """Estimate, track and, by setting, smooth the people of a stream.

    Called with one image after another, as ``rtmlib.PoseTracker`` and
    ``spinepose.PoseTracker`` are. Rows of the result are ordered by identity;
    ``track_ids`` names them and ``people`` holds them as objects.

    Args:
        solution: a :class:`SpinePoseEstimator` or anything with its
            ``detect`` and ``predict``; or its class, which is then called
            with ``kwargs``.
        det_frequency: frames from one detection to the next; between them the
            boxes come from the tracked poses, so that tracking stays on.
        tracking: False: boxes from the detector, no identities.
        smoothing: live One-Euro smoothing; a :class:`OneEuroSmoother` or
            True for its defaults.
        fps: frames a second, for images that are given without a time.
        tracker: a :class:`Tracker` with other settings.
        kwargs: for the class, for example mode and device.

    Raises:
        ValueError: settings that cannot go together or are out of range.
    """

    def __init__(
        self,
        solution: Union[Callable[..., Any], Any],
        det_frequency: int = 1,
        tracking: bool = True,
        smoothing: Any = False,
        fps: float = 30.0,
        tracker: Optional[Tracker] = None,
        **kwargs: Any,
    ):
        if det_frequency < 1 or det_frequency != int(det_frequency):
            raise ValueError(
                'det_frequency should be a whole number from 1, but is '
                f'{det_frequency}'
            )
        if not fps > 0:
            raise ValueError(f'fps should be above 0, but is {fps}')
        if not tracking and (smoothing or det_frequency > 1):
            raise ValueError(
                'smoothing and a det_frequency above 1 need identities: '
                'tracking should be True, but is False'
            )
        if isinstance(solution, type) or not hasattr(solution, 'predict'):
            solution = solution(**kwargs)
        elif kwargs:
            raise ValueError(
                f'{", ".join(kwargs)} should go to the estimator, which '
                'has been made already'
            )
        self.estimator = solution
        self.det_frequency = int(det_frequency)
        self.fps = float(fps)
        self.tracker = (tracker or Tracker()) if tracking else None
        self.smoother = _smoother(smoothing)
        self.reset()

    def reset(self) -> None:
        """Begin a new stream."""
        self.frame_count = 0
        self.people: Tuple[Person, ...] = ()
        self._time: Optional[float] = None
        if self.tracker:
            self.tracker.reset()
        if self.smoother:
            self.smoother.reset()

    @property
    def track_ids(self) -> Tuple[Optional[int], ...]:
        """Of the rows of the last result."""
        return tuple(person.track_id for person in self.people)

    def __call__(
        self, image: np.ndarray, time: Optional[float] = None
    ) -> Tuple[np.ndarray, np.ndarray]:
        """Keypoints (N, K, 2) in pixels and scores (N, K) of the next frame.

        Args:
            image: (H, W, 3) uint8 BGR.
            time: seconds; default: 1 / fps after the frame before.
        """
        if time is None:
            time = 0.0 if self._time is None else self._time + 1 / self.fps
        self._time = time
        detect = self.frame_count % self.det_frequency == 0
        self.frame_count += 1
        if detect or self.tracker is None:
            people = self.estimator.predict(image)
        else:
            boxes, scores = self.tracker.predict(time)
            people = ()
            if len(boxes):
                people = self.estimator.predict(image, boxes, scores)
        if self.tracker:
            people = self.tracker.update(people, time, detected=detect)
            people = sorted(people, key=_by_identity)
        if self.smoother:
            people = self.smoother(people, time)
        self.people = tuple(people)
        return _arrays(self.people)

    def visualize(
        self,
        image: np.ndarray,
        keypoints: np.ndarray,
        scores: np.ndarray,
        **style: Any,
    ) -> np.ndarray:
        """The estimator's drawing of the last result, see its method."""
        return self.estimator.visualize(image, keypoints, scores, **style)


def _by_identity(person: Person):
    return person.track_id is None, person.track_id or 0


def _smoother(smoothing):
    if smoothing is True:
        from .smooth import OneEuroSmoother

        return OneEuroSmoother()
    return smoothing or None


def _arrays(people) -> Tuple[np.ndarray, np.ndarray]:
    from .results import FrameResult

    frame = FrameResult(people=people)
    return frame.keypoints, frame.scores
