"""People in 3D: a lifter's network, then scale, place, ground and calm.

The network gives 37 points around the sacrum for one person in one frame.
What follows is geometry: the height of the primary subject sets the scale,
the 2D points tell where each person stands before the camera, the feet over
the clip tell where the ground is, and over time each bone keeps its length.

Axes: of the camera x right, y down, z ahead; of the world x right, y up, z
towards the camera, with the origin on the ground below the primary subject.
"""

import logging
import os
from collections import Counter
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import numpy as np

from ..camera import (
    FIELD_OF_VIEW,
    HEIGHT_POINTS,
    ROOT,
    SEEN,
    body_height,
    bone_lengths,
    fit_ground,
    intrinsics_of_view,
    place_in_camera,
    rebuild,
    world_rotation,
)
from ..metainfo import KEYPOINT_NAMES, NUM_KEYPOINTS
from .intrinsics import LiftingCamera, exif_camera, read_intrinsics
from .results import FrameResult
from .settings import Settings
from .smooth import segments_by_identity, smooth_segment, smoothing_gain

logger = logging.getLogger(__name__)

WARMUP = 30  # frames, of a stream that has no end yet
GAP = 0.25  # seconds without somebody after which the filter starts anew
# Of the live filter: Hz at rest, and Hz per body size per second.
LIVE_CUTOFF, LIVE_BETA = 1.5, 8.0
# Of the filters of a clip: sizes of a body around its sacrum, and of the space
# in which it moves.
BODY, SPACE = 1.0, 5.0


class Lifter:
    """A network from rays (N, 37, 2) to points (N, 37, 3) around the sacrum.

    Args:
        model (str | Path): a name of the model table, or an ONNX file.
        device, threads: see :class:`.OnnxSession`.
        progress (bool): show the progress of a download.

    Raises:
        ValueError: it is not such a network.
        FileNotFoundError: there is no such file.
        DownloadError: published weights that cannot be had.
    """

    def __init__(
        self,
        model=Settings.lifter,
        device: str = 'cpu',
        threads: Optional[int] = None,
        progress: bool = True,
    ) -> None:
        from .backends.onnxruntime import OnnxSession
        from .model_files import find_files

        files = find_files(model, backend='onnxruntime', progress=progress)
        self.path = files.path
        self.session = OnnxSession(files.path, device, threads, spinning=False)
        shapes = self.session.input_shape, *self.session.outputs.values()
        for shape, size in zip(shapes, (2, 3)):
            if list(shape[1:]) != [NUM_KEYPOINTS, size]:
                raise ValueError(
                    f'{files.path} is not a lifter: {list(shape)} instead of '
                    f'(N, {NUM_KEYPOINTS}, {size})'
                )

    def __call__(self, rays: np.ndarray) -> np.ndarray:
        """(N, 37, 3), relative to the sacrum, in the camera's axes, from rays
        (N, 37, 2) x / z and y / z, 0 where missing."""
        points = next(iter(self.session.run(np.float32(rays)).values()))
        return np.float64(points - points[:, [ROOT]])


class Lifted(NamedTuple):
    """The N people of a frame, before anything is known of the clip."""

    result: FrameResult  # in 2D
    rays: np.ndarray  # N, 37, 2
    weights: np.ndarray  # N, 37: scores, 0 where a point is missing
    points: np.ndarray  # N, 37, 3 of the network

    def ids(self) -> list:
        return [person.track_id for person in self.result.people]

    def place(self, n: int, points: np.ndarray) -> np.ndarray:
        """(3,) metres of a person before the camera, see
        :func:`.place_in_camera`."""
        return place_in_camera(points, self.rays[n], self.weights[n])


class Calibration(NamedTuple):
    """What holds for a whole clip."""

    scale: float  # metres per unit of the network
    rotation: np.ndarray  # 3, 3: from the camera's axes to those of results
    origin: np.ndarray  # of those, in metres before the camera
    lengths: Dict[object, np.ndarray]  # identity -> (36,) metres of its bones

    def to_world(self, points: np.ndarray) -> np.ndarray:
        return (points - self.origin) @ self.rotation.T


@dataclass(eq=False)
class Lifting:
    """Gives people their ``keypoints_3d``: of a stream frame after frame, of a
    clip that is complete all at once.

    Names are those of the ``spinepose`` client.

    Args:
        lifter (Lifter | str | Path): the network.
        camera_intrinsics (np.ndarray | str | Path, optional): (3, 3), or a
            file, see :func:`.read_intrinsics`.
        camera_field_of_view (float, optional): degrees from corner to corner;
            of a photograph what EXIF says and otherwise 84 if None.
        estimate_metric_scale (bool): by the height of the primary subject;
            otherwise the network's units.
        primary_subject_height (float): metres, of whoever is in most frames.
        estimate_camera_pose (bool): world axes; otherwise the camera's.
        estimate_ground_plane (bool): by the feet; otherwise the camera is
            taken for level and is the origin.
        warmup_frames (int, optional): frames that tell scale and ground; all
            of a clip and 30 of a stream if None.
        smoothing (bool): calm each bone's direction and keep its length.
        cutoff, order: of the filter of a clip, see :func:`.smooth_tracks`.

    Raises:
        ValueError: a setting is out of its range.
    """

    lifter: Any = Settings.lifter
    _: KW_ONLY
    camera_intrinsics: Any = None
    camera_field_of_view: Optional[float] = None
    estimate_metric_scale: bool = True
    primary_subject_height: float = Settings.primary_subject_height
    estimate_camera_pose: bool = True
    estimate_ground_plane: bool = True
    warmup_frames: Optional[int] = None
    smoothing: bool = True
    cutoff: float = Settings.cutoff
    order: int = Settings.order

    def __post_init__(self):
        Settings(  # raises what is out of range
            enable_lifting=True,
            primary_subject_height=self.primary_subject_height,
            warmup_frames=self.warmup_frames,
            cutoff=self.cutoff,
            order=self.order,
        )
        if self.camera_field_of_view is not None:
            intrinsics_of_view((1, 1), self.camera_field_of_view)
        if not callable(self.lifter):
            self.lifter = Lifter(self.lifter)
        self.camera, given = None, self.camera_intrinsics
        if isinstance(given, (str, os.PathLike)):
            self.camera = read_intrinsics(given)
        elif given is not None:
            self.camera = LiftingCamera(np.asarray(given, float))
        self.reset()

    def reset(self) -> None:
        """Begin a new stream."""
        self._warmup: List[Lifted] = []
        self._calibration: Optional[Calibration] = None
        self._filters: Dict[int, tuple] = {}  # identity -> time, (37, 3)
        self._said = set()

    def camera_of(self, size, photograph=None) -> LiftingCamera:
        """The camera of images of (w, h) pixels, or of a photograph in a file;
        ValueError where the intrinsics belong to another size."""
        if self.camera is not None:
            return self.camera.for_size(size)
        if self.camera_field_of_view is None and photograph is not None:
            found = exif_camera(photograph, size)
            if found is not None:
                return found
        degrees = self.camera_field_of_view or FIELD_OF_VIEW
        return LiftingCamera(intrinsics_of_view(size, degrees))

    def lift(self, result: FrameResult, photograph=None) -> Lifted:
        """Everybody in a frame, by the network alone; ValueError for people
        without the 37 keypoints."""
        names = result.people[0].names
        if tuple(names) != KEYPOINT_NAMES:
            raise ValueError(
                f'lifting needs the {NUM_KEYPOINTS} keypoints of SpineTrack, '
                f'but this model gives {len(names)}'
            )
        camera = self.camera_of(result.size, photograph)
        keypoints, scores = np.float64(result.keypoints), result.scores
        seen = (scores >= SEEN) & np.isfinite(keypoints).all(-1)
        rays = camera.rays(np.nan_to_num(keypoints), seen)
        points = self.lifter(rays)
        return Lifted(result, rays, np.where(seen, scores, 0.0), points)

    def photograph(self, result: FrameResult, path=None) -> FrameResult:
        """The people of one image in 3D."""
        self.reset()
        if not result.people:
            return result
        frame = self.lift(result, path)
        return self._placed(frame, self.calibrate([frame]), {})

    def __call__(self, result: FrameResult) -> FrameResult:
        """The people of the next frame of a stream in 3D."""
        if not result.people:
            return result
        frame = self.lift(result)
        if len(self._warmup) < (self.warmup_frames or WARMUP):
            self._warmup.append(frame)
            self._calibration = self.calibrate(self._warmup)
        if self.smoothing:
            frame = self._calmed(frame)
        return self._placed(frame, self._calibration, {})

    def clip(self, results: Sequence[FrameResult]) -> List[FrameResult]:
        """The people of all frames in 3D, smoothed without delay."""
        self.reset()
        results = list(results)
        frames = {t: self.lift(r) for t, r in enumerate(results) if r.people}
        if not frames:
            return results
        known = self.calibrate([*frames.values()][: self.warmup_frames])
        smooth = {t: {} for t in frames}
        for part in segments_by_identity(results) if self.smoothing else ():
            own = [(frames[t], n) for t, n in part]
            for (t, n), points in zip(part, self._smoothed(own, known)):
                smooth[t][n] = points
        for t, frame in frames.items():
            results[t] = self._placed(frame, known, smooth[t])
        return results

    def calibrate(self, frames: Sequence[Lifted]) -> Calibration:
        """Scale, ground and bones from frames with people."""
        ids = np.array([i for frame in frames for i in frame.ids()], object)
        points, rays, weights = (
            np.concatenate([getattr(frame, name) for frame in frames])
            for name in ('points', 'rays', 'weights')
        )
        # Whoever is in most frames; without identities the first in each.
        often = Counter(i for i in ids if i is not None)
        primary = [n == 0 for frame in frames for n in range(len(frame.points))]
        if often:
            primary = ids == min(often, key=lambda i: (-often[i], i))
        whole = primary & (weights[:, HEIGHT_POINTS] > 0).all(1)
        scale = 1.0
        if self.estimate_metric_scale and whole.any():
            height = np.median(body_height(points[whole]))
            scale = float(self.primary_subject_height / height)
        elif self.estimate_metric_scale:
            self._say(
                'the primary subject is never seen from head to heels, so the '
                f'height of {self.primary_subject_height} m cannot set the '
                'scale: lengths are those of the network'
            )
        points = points * scale
        lengths = bone_lengths(points)
        bones = {i: np.median(lengths[ids == i], axis=0) for i in set(ids)}
        axes = [1.0, -1, -1] if self.estimate_camera_pose else [1.0, 1, 1]
        level = Calibration(scale, np.diag(axes), np.zeros(3), bones)
        if not (self.estimate_camera_pose and self.estimate_ground_plane):
            return level
        people = zip(points, rays, weights)
        places = np.stack([place_in_camera(*person) for person in people])
        found = fit_ground(points + places[:, None], weights > 0)
        if found is None:
            self._say(
                'no feet are seen, so there is no ground plane: the camera is '
                'taken for level and for the origin'
            )
            return level
        up, ground = found
        known = primary & np.isfinite(places).all(1)
        root = np.median(places[known], axis=0) if any(known) else 0.0
        origin = root - ((root - ground) @ up) * up
        return Calibration(scale, world_rotation(up), origin, bones)

    def _placed(self, frame: Lifted, known: Calibration, smooth: dict):
        """The result with people in 3D; ``smooth`` has the (37, 3) metres
        before the camera of those who were smoothed, by their number."""
        people = []
        for n, person in enumerate(frame.result.people):
            points = smooth.get(n)
            if points is None:
                points = frame.points[n] * known.scale
                points = points + frame.place(n, points)
            if not np.isfinite(points).all():
                self._say(
                    f'person {person.track_id or n + 1} has no place in 3D '
                    'where fewer than 4 keypoints are seen: NaN'
                )
            points = known.to_world(points).astype(np.float32)
            people.append(replace(person, keypoints_3d=points))
        return replace(frame.result, people=tuple(people))

    def _smoothed(self, own: Sequence, known: Calibration) -> np.ndarray:
        """(T, 37, 3) metres before the camera of one person, each bone of one
        length; ``own`` are the (frame, the person's number in it)."""
        times = np.array([frame.result.time for frame, _ in own])
        points = np.stack([frame.points[n] for frame, n in own]) * known.scale
        first, n = own[0]
        lengths = known.lengths.get(first.ids()[n])
        if lengths is None:  # came after the warm-up
            lengths = np.median(bone_lengths(points), axis=0)
        points = smooth_segment(points, times, BODY, self.cutoff, self.order)
        points = rebuild(points, lengths)
        roots = np.stack([f.place(n, p) for p, (f, n) in zip(points, own)])
        roots = roots[:, None]
        if np.isfinite(roots).all(2).any():
            roots = smooth_segment(roots, times, SPACE, self.cutoff, self.order)
        return points + roots

    def _calmed(self, frame: Lifted) -> Lifted:
        """The points of the next frame of a stream, calm and with the bone
        lengths of the calibration; people without identity as they are."""
        points, time = frame.points.copy(), frame.result.time
        known = self._calibration
        for n, identity in enumerate(frame.ids()):
            if identity is None or time is None:
                continue
            now = points[n]
            last, before = self._filters.get(identity, (-np.inf, None))
            dt = time - last
            if 0 < dt <= GAP:
                speed = np.linalg.norm(now - before, axis=-1) / dt
                gain = smoothing_gain(LIVE_CUTOFF + LIVE_BETA * speed, dt)
                now = before + gain[:, None] * (now - before)
            self._filters[identity] = time, now
            lengths = known.lengths.setdefault(
                identity, bone_lengths(points[n]) * known.scale
            )
            points[n] = rebuild(now, lengths / known.scale)
        return frame._replace(points=points)

    def _say(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            logger.warning(sentence)
