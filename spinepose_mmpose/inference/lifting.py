"""People in 3D: a lifter's network, then scale, place, ground and calm.

The network gives 37 points around the sacrum for one person in one frame.
What follows is geometry: the height of the primary subject sets the scale,
the 2D points tell where each person stands before the camera, the feet over
the clip tell where the ground is, and over time each bone keeps its length.
Needs numpy and, for the network, ONNX Runtime.

Axes: of the camera x right, y down, z ahead; of the world x right, y up, z
towards the camera, with the origin on the ground below the primary subject.
"""

import logging
import os
from collections import Counter
from dataclasses import dataclass, replace
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from ..camera import (
    BONE_TREE,
    FIELD_OF_VIEW,
    HEIGHT_POINTS,
    ROOT,
    SEEN,
    body_height,
    intrinsics_of_view,
    place_in_camera,
    to_rays,
)
from ..metainfo import KEYPOINT_IDS, KEYPOINT_NAMES, NUM_KEYPOINTS, SUBSETS
from .results import FrameResult
from .smooth import segments_by_identity, smooth_segment, smoothing_gain

logger = logging.getLogger(__name__)

HEIGHT = 1.84  # metres, of the spinepose client
WARMUP = 30  # frames, of a stream that has no end yet
FEET = list(SUBSETS['feet'])
PARENTS, CHILDREN = (list(ends) for ends in zip(*BONE_TREE))
# Metres that the foot keypoints lie above the ground, and by which a foot may
# be above the lowest one of a person and still stand.
CLEARANCE, STANDING = 0.02, 0.06
# Metres of spread of the feet at which the plane through them is trusted as
# much as the direction of the bodies.
TRUSTED_SPREAD = 0.3
# Largest angle between trunk and legs of somebody who stands upright.
UPRIGHT = np.cos(np.radians(35))
LENGTH_ROUNDS = 10  # of bringing bones to their lengths
ROUNDS = 3  # of choosing standing feet and fitting the plane
GAP = 0.25  # seconds without somebody after which the filter starts anew
# Of the live filter: Hz at rest, and Hz per body size per second.
LIVE_CUTOFF, LIVE_BETA = 1.5, 8.0
DIAGONAL_35MM = np.hypot(36, 24)


class Lifter:
    """A network from rays (N, 37, 2) to points (N, 37, 3) around the sacrum.

    Args:
        model (str | Path): a name of the model table, or an ONNX file.
        device (str): see :class:`.OnnxSession`.
        threads (int, optional): of the CPU.
        progress (bool): show the progress of a download.

    Raises:
        ValueError: it is no such network.
        FileNotFoundError: there is no such file.
        DownloadError: published weights that cannot be had.
    """

    def __init__(
        self,
        model='spinepose-lifter',
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
        wanted = [NUM_KEYPOINTS, 2], [NUM_KEYPOINTS, 3]
        for shape, expected in zip(shapes, wanted):
            if list(shape[1:]) != expected:
                raise ValueError(
                    f'{files.path} is no lifter: {list(shape)} where (N, '
                    f'{expected[0]}, {expected[1]}) is expected'
                )

    def __call__(self, rays: np.ndarray) -> np.ndarray:
        """(N, 37, 3), relative to the sacrum, in the camera's axes.

        Args:
            rays (np.ndarray): (N, 37, 2) x / z and y / z, 0 where missing.
        """
        if not len(rays):
            return np.zeros((0, NUM_KEYPOINTS, 3))
        points = next(iter(self.session.run(np.float32(rays)).values()))
        return np.float64(points - points[:, [ROOT]])


class LiftingCamera(NamedTuple):
    """Of a file of intrinsics.

    Attributes:
        matrix (np.ndarray): (3, 3).
        size (tuple, optional): (w, h) of its images in pixels.
        distortion (np.ndarray): coefficients in OpenCV's order.
        name (str): of the file.
    """

    matrix: np.ndarray
    size: Optional[Tuple[int, int]] = None
    distortion: np.ndarray = np.zeros(0)
    name: str = 'the intrinsics'

    def for_size(self, size) -> 'LiftingCamera':
        """This camera, if its images have the size.

        Raises:
            ValueError: they have another one.
        """
        if self.size is not None and tuple(self.size) != tuple(size):
            raise ValueError(
                f'{self.name} belongs to images of {self.size[0]} x '
                f'{self.size[1]} pixels, but these are {size[0]} x {size[1]}'
            )
        return self

    def rays(self, keypoints: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """(..., K, 2) undistorted rays, 0 where a point is missing."""
        if np.any(self.distortion):
            import cv2

            flat = np.float64(keypoints).reshape(-1, 1, 2)
            flat = cv2.undistortPoints(
                flat, self.matrix, self.distortion, P=self.matrix
            )
            keypoints = flat.reshape(keypoints.shape)
        return to_rays(keypoints, self.matrix, seen)


def read_intrinsics(path) -> LiftingCamera:
    """Intrinsics from a file: JSON or TOML with ``matrix`` (or ``K``), and
    where known ``size`` and ``distortions``, at the top or in its only section
    (Pose2Sim's calibration of one camera); or OpenCV's YAML or XML with
    ``camera_matrix``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds no intrinsics.
    """
    path = os.fspath(path)
    if not os.path.isfile(path):
        raise FileNotFoundError(f'no such file of intrinsics: {path}')
    try:
        found = _content(path)
        sections = [
            v
            for v in found.values()
            if isinstance(v, dict) and ('matrix' in v or 'K' in v)
        ]
        if len(sections) > 1:
            raise ValueError(f'it has {len(sections)} cameras, one expected')
        found = sections[0] if sections else found
        key = next(k for k in ('matrix', 'K', 'camera_matrix') if k in found)
        matrix = np.array(found[key], float).reshape(3, 3)
        if not (matrix[0, 0] > 0 and matrix[1, 1] > 0 and matrix[2, 2] == 1):
            raise ValueError('its matrix is none of a camera')
        size = found.get('size')
        distortion = np.ravel(np.array(found.get('distortions', []), float))
        return LiftingCamera(
            matrix,
            tuple(round(float(side)) for side in size) if size else None,
            distortion,
            path,
        )
    except (StopIteration, ValueError, TypeError, KeyError) as error:
        reason = f': {error}' if str(error) else ''
        raise ValueError(
            f'{path} holds no intrinsics{reason}; expected JSON or TOML with '
            '"matrix" (3 x 3) and "size" [w, h], or a calibration of OpenCV'
        ) from None


def _content(path: str) -> dict:
    ending = os.path.splitext(path)[1].lower()
    if ending in ('.yml', '.yaml', '.xml'):
        import cv2

        try:
            file = cv2.FileStorage(path, cv2.FILE_STORAGE_READ)
        except cv2.error as error:
            raise ValueError('OpenCV cannot read it') from error
        matrix, distortions, w, h = map(
            file.getNode,
            (
                *('camera_matrix', 'distortion_coefficients'),
                *('image_width', 'image_height'),
            ),
        )
        found = {} if matrix.empty() else {'matrix': matrix.mat()}
        if not distortions.empty():
            found['distortions'] = distortions.mat()
        if not w.empty() and not h.empty():
            found['size'] = [w.real(), h.real()]
        return found
    if ending == '.toml':
        try:
            import tomllib
        except ImportError as error:  # Python 3.10
            raise ValueError('TOML needs Python 3.11') from error
        with open(path, 'rb') as file:
            return tomllib.load(file)
    import json

    with open(path, encoding='utf-8') as file:
        found = json.load(file)
    if not isinstance(found, dict):
        raise ValueError('no object at the top')
    return found


def exif_camera(path, size) -> Optional[LiftingCamera]:
    """The camera that took a photograph, of its focal length as EXIF has it
    for 35 mm film; None where the file does not say."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            exif = image.getexif().get_ifd(0x8769)
        focal = float(exif.get(0xA405) or 0)
    except (OSError, ValueError, SyntaxError, TypeError):
        return None
    if focal <= 0:
        return None
    degrees = 2 * np.degrees(np.arctan(DIAGONAL_35MM / 2 / focal))
    return LiftingCamera(intrinsics_of_view(size, degrees), tuple(size))


@dataclass
class Lifted:
    """Everybody in one frame, N people, before anything is known of the clip.

    Attributes:
        result (FrameResult): in 2D.
        rays (np.ndarray): (N, 37, 2).
        weights (np.ndarray): (N, 37) scores, 0 where a point is missing.
        points (np.ndarray): (N, 37, 3) of the network.
    """

    result: FrameResult
    rays: np.ndarray
    weights: np.ndarray
    points: np.ndarray

    def ids(self) -> list:
        return [person.track_id for person in self.result.people]


@dataclass
class Calibration:
    """What holds for a whole clip.

    Attributes:
        scale (float): metres per unit of the network.
        rotation (np.ndarray): (3, 3) from the camera's axes to those of the
            results.
        origin (np.ndarray): (3,) theirs, in metres before the camera.
        lengths (dict): identity -> (36,) metres of its bones.
    """

    scale: float
    rotation: np.ndarray
    origin: np.ndarray
    lengths: Dict[object, np.ndarray]

    def to_world(self, points: np.ndarray) -> np.ndarray:
        return (points - self.origin) @ self.rotation.T


class Lifting:
    """Gives people their ``keypoints_3d``: of a stream frame after frame, of a
    clip that is complete all at once.

    Names are those of the ``spinepose`` client.

    Args:
        lifter (Lifter | str | Path): the network.
        camera_intrinsics (np.ndarray | str | Path, optional): (3, 3), or a
            file, see :func:`read_intrinsics`.
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
        seen (float): lowest score of a point that the network gets.

    Attributes:
        shows_panel (bool): whether drawings have the panel of :mod:`.panel`.

    Raises:
        ValueError: a setting is out of its range.
    """

    def __init__(
        self,
        lifter='spinepose-lifter',
        *,
        camera_intrinsics=None,
        camera_field_of_view: Optional[float] = None,
        estimate_metric_scale: bool = True,
        primary_subject_height: float = HEIGHT,
        estimate_camera_pose: bool = True,
        estimate_ground_plane: bool = True,
        warmup_frames: Optional[int] = None,
        smoothing: bool = True,
        cutoff: float = 6.0,
        order: int = 4,
        seen: float = SEEN,
    ):
        if not 0.3 <= primary_subject_height <= 2.8:
            raise ValueError(
                'primary_subject_height should be 0.3 to 2.8 metres, but is '
                f'{primary_subject_height}'
            )
        if warmup_frames is not None and warmup_frames < 1:
            raise ValueError(
                f'warmup_frames should be 1 or more, but is {warmup_frames}'
            )
        if camera_field_of_view is not None:
            intrinsics_of_view((1, 1), camera_field_of_view)
        self.lifter = lifter if callable(lifter) else Lifter(lifter)
        self.camera = None
        if isinstance(camera_intrinsics, (str, os.PathLike)):
            self.camera = read_intrinsics(camera_intrinsics)
        elif camera_intrinsics is not None:
            self.camera = LiftingCamera(np.asarray(camera_intrinsics, float))
        self.field_of_view = camera_field_of_view
        self.estimate_metric_scale = estimate_metric_scale
        self.height = primary_subject_height
        self.in_world = estimate_camera_pose
        self.estimate_ground_plane = estimate_ground_plane
        self.warmup_frames = warmup_frames
        self.smoothing, self.cutoff, self.order = smoothing, cutoff, order
        self.seen = seen
        self.shows_panel = True
        self.reset()

    def reset(self) -> None:
        """Begin a new stream."""
        self._warmup: List[Lifted] = []
        self._calibration: Optional[Calibration] = None
        self._filters: Dict[int, tuple] = {}
        self._said = set()

    def camera_of(self, size, photograph=None) -> LiftingCamera:
        """The camera of images of a size.

        Args:
            size (tuple): (w, h) in pixels.
            photograph (str | Path, optional): the file that they come from.

        Raises:
            ValueError: the intrinsics belong to another size.
        """
        if self.camera is not None:
            return self.camera.for_size(size)
        if self.field_of_view is None and photograph is not None:
            found = exif_camera(photograph, size)
            if found is not None:
                return found
        degrees = self.field_of_view or FIELD_OF_VIEW
        return LiftingCamera(intrinsics_of_view(size, degrees))

    def lift(self, result: FrameResult, photograph=None) -> Lifted:
        """Everybody in a frame, by the network alone.

        Raises:
            ValueError: people do not have the 37 keypoints.
        """
        people = result.people
        for person in people:
            if tuple(person.names) != KEYPOINT_NAMES:
                raise ValueError(
                    f'lifting needs the {NUM_KEYPOINTS} keypoints of '
                    f'SpineTrack, but this model gives {len(person.names)}'
                )
        if not people:
            empty = np.zeros((0, NUM_KEYPOINTS, 3))
            return Lifted(result, empty[..., :2], empty[..., 0], empty)
        camera = self.camera_of(result.size, photograph)
        keypoints, scores = np.float64(result.keypoints), result.scores
        seen = (scores >= self.seen) & np.isfinite(keypoints).all(-1)
        rays = camera.rays(np.nan_to_num(keypoints), seen)
        points = self.lifter(rays)
        return Lifted(result, rays, np.where(seen, scores, 0.0), points)

    def photograph(self, result: FrameResult, path=None) -> FrameResult:
        """The people of one image in 3D."""
        self.reset()
        frame = self.lift(result, path)
        return self._placed(frame, self.calibrate([frame]))

    def __call__(self, result: FrameResult) -> FrameResult:
        """The people of the next frame of a stream in 3D."""
        frame = self.lift(result)
        limit = self.warmup_frames or WARMUP
        if frame.result.people and len(self._warmup) < limit:
            self._warmup.append(frame)
            self._calibration = self.calibrate(self._warmup)
        if self._calibration is None:
            return result  # nobody has been there yet
        if self.smoothing:
            frame = self._calmed(frame)
        return self._placed(frame, self._calibration)

    def clip(self, results: Sequence[FrameResult]) -> List[FrameResult]:
        """The people of all frames in 3D, smoothed without delay."""
        self.reset()
        frames = [self.lift(result) for result in results]
        used = [frame for frame in frames if frame.result.people]
        if not used:
            return list(results)
        known = self.calibrate(used[: self.warmup_frames])
        if not self.smoothing:
            return [self._placed(frame, known) for frame in frames]
        everybody = [[None] * len(frame.points) for frame in frames]
        for part in segments_by_identity(results):
            smooth = self._smoothed(part, frames, known)
            for (t, n), points in zip(part, smooth):
                everybody[t][n] = points
        return [
            self._placed(frame, known, own)
            for frame, own in zip(frames, everybody)
        ]

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
        whole = (weights[:, list(HEIGHT_POINTS)] > 0).all(1)
        scale = self._scale(body_height(points[primary & whole]))
        points = points * scale
        places = np.stack(
            [place_in_camera(*one) for one in zip(points, rays, weights)]
        )
        lengths = _lengths(points)
        bones = {i: np.median(lengths[ids == i], axis=0) for i in set(ids)}
        rotation, origin = np.eye(3), np.zeros(3)
        if self.in_world:
            rotation = np.diag([1.0, -1.0, -1.0])
        if self.in_world and self.estimate_ground_plane:
            found = fit_ground(points + places[:, None], weights > 0)
            if found is None:
                self._say(
                    'no feet are seen, so there is no ground plane: the '
                    'camera is taken for level and for the origin'
                )
            else:
                up, ground = found
                rotation = world_rotation(up)
                known = primary & np.isfinite(places).all(1)
                root = np.median(places[known], axis=0) if any(known) else 0.0
                origin = root - ((root - ground) @ up) * up
        return Calibration(scale, rotation, origin, bones)

    def _scale(self, heights: np.ndarray) -> float:
        """Metres per unit, for heights of the primary subject in units."""
        if not self.estimate_metric_scale:
            return 1.0
        if not len(heights):
            self._say(
                'the primary subject is never seen from head to heels, so the '
                'height of '
                f'{self.height} m cannot set the scale: lengths are those of '
                'the network'
            )
            return 1.0
        return self.height / float(np.median(heights))

    def _placed(self, frame: Lifted, known: Calibration, own=None):
        """The result with people in 3D.

        Args:
            own (list, optional): (37, 3) metres before the camera of each
                person, None where they are those of the network.
        """
        people = []
        for n, person in enumerate(frame.result.people):
            points = None if own is None else own[n]
            if points is None:
                points = frame.points[n] * known.scale
                points = points + place_in_camera(
                    points, frame.rays[n], frame.weights[n]
                )
            if not np.isfinite(points).all():
                self._say(
                    f'person {person.track_id or n + 1} has no place in 3D '
                    'where fewer than 4 keypoints are seen: NaN'
                )
            points = known.to_world(points).astype(np.float32)
            people.append(replace(person, keypoints_3d=points))
        return replace(frame.result, people=tuple(people))

    def _smoothed(self, part, frames, known: Calibration) -> np.ndarray:
        """(T, 37, 3) metres before the camera of one person, each bone of
        one length."""
        places = [(frames[t], n) for t, n in part]
        times = np.array([frame.result.time for frame, _ in places])
        points = np.stack([frame.points[n] for frame, n in places])
        points, options = points * known.scale, (self.cutoff, self.order)
        lengths = known.lengths.get(places[0][0].ids()[places[0][1]])
        if lengths is None:  # came after the warm-up
            lengths = np.median(_lengths(points), axis=0)
        points = rebuild(smooth_segment(points, times, 1.0, *options), lengths)
        roots = np.stack(
            [
                place_in_camera(p, frame.rays[n], frame.weights[n])
                for p, (frame, n) in zip(points, places)
            ]
        )
        if np.isfinite(roots).all(1).any():
            roots = smooth_segment(roots[:, None], times, 5.0, *options)[:, 0]
        return points + roots[:, None]

    def _calmed(self, frame: Lifted) -> Lifted:
        """The points of the next frame of a stream, calm and with the bone
        lengths of the calibration; people without identity as they are."""
        points, time, known = frame.points.copy(), frame.result.time, {}
        for n, identity in enumerate(frame.ids()):
            if identity is None or time is None:
                continue
            now = points[n]
            before = self._filters.get(identity)
            if before is not None and 0 < time - before[0] <= GAP:
                dt = time - before[0]
                speed = np.linalg.norm(now - before[1], axis=-1) / dt
                gain = smoothing_gain(LIVE_CUTOFF + LIVE_BETA * speed, dt)
                now = before[1] + gain[:, None] * (now - before[1])
            known[identity] = time, now
            lengths = self._calibration.lengths.setdefault(
                identity, _lengths(points[n]) * self._calibration.scale
            )
            points[n] = rebuild(now, lengths / self._calibration.scale)
        self._filters = {**self._filters, **known}
        return replace(frame, points=points)

    def _say(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            logger.warning(sentence)


def _lengths(points: np.ndarray) -> np.ndarray:
    """(..., 36) lengths of the bones of ``BONE_TREE``."""
    return np.linalg.norm(
        points[..., CHILDREN, :] - points[..., PARENTS, :], axis=-1
    )


def rebuild(points: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Points near the given ones whose bones have given lengths.

    Each round moves both ends of each bone by half of what it is too long or
    too short; in the end bones grow from the sacrum, so that it is exact.

    Args:
        points (np.ndarray): (..., 37, 3).
        lengths (np.ndarray): (36,) of the bones of ``BONE_TREE``.

    Returns:
        np.ndarray: (..., 37, 3) in the unit of the lengths.
    """
    near, out = points.copy(), np.zeros_like(points)
    for turn in range(LENGTH_ROUNDS + 1):
        for (a, b), length in zip(BONE_TREE, lengths):
            bone = near[..., b, :] - near[..., a, :]
            now = np.linalg.norm(bone, axis=-1, keepdims=True)
            bone = bone * (length / np.maximum(now, 1e-9))
            if turn == LENGTH_ROUNDS:
                out[..., b, :] = out[..., a, :] + bone
                continue
            middle = (near[..., a, :] + near[..., b, :]) / 2
            near[..., a, :] = middle - bone / 2
            near[..., b, :] = middle + bone / 2
    return out


def body_axis(points: np.ndarray) -> np.ndarray:
    """(3,) unit vector from feet to head of those who stand upright; upwards
    in the image where nobody does.

    Args:
        points (np.ndarray): (M, 37, 3) in the camera's axes.
    """

    def unit(vector):
        return vector / np.linalg.norm(vector, axis=-1, keepdims=True)

    at = KEYPOINT_IDS
    hip, neck = points[:, at['hip']], points[:, at['neck']]
    ankles = points[:, [at['left_ankle'], at['right_ankle']]].mean(1)
    trunk, legs = unit(neck - hip), unit(hip - ankles)
    upright = (trunk * legs).sum(1) >= UPRIGHT
    axes = unit(neck - ankles)[upright]
    return unit(axes.sum(0)) if len(axes) else np.array([0, -1.0, 0])


def fit_ground(points: np.ndarray, seen: np.ndarray):
    """The ground below people, from the feet that stand on it.

    The plane through the standing feet, drawn to the axis of the bodies where
    the feet are too close together to tell its slope.

    Args:
        points (np.ndarray): (M, 37, 3) metres in the camera's axes, of people
            in frames.
        seen (np.ndarray): (M, 37) bool.

    Returns:
        tuple: the direction upwards (3,) and a point of the ground (3,), or
        None where fewer than three feet points are seen.
    """
    seen = seen & np.isfinite(points).all(-1)
    if seen[:, FEET].sum() < 3:
        return None
    whole = np.isfinite(points).all((1, 2))
    start = up = body_axis(points[whole])
    feet, seen = points[:, FEET], seen[:, FEET]
    for _ in range(ROUNDS):
        heights = np.where(seen, feet @ up, np.inf)
        standing = heights <= heights.min(1, keepdims=True) + STANDING
        ground = feet[standing & seen]
        centre = np.median(ground, axis=0)
        # Of those who jump the feet are no ground either.
        above = (ground - centre) @ up
        ground = ground[above <= np.median(above) + STANDING]
        centre = ground.mean(0)
        # Least squares for the slopes a, b of start + a e1 + b e2.
        e1 = np.cross(start, [0.0, 0, 1])
        e1 /= np.linalg.norm(e1)
        e2 = np.cross(start, e1)
        across = (ground - centre) @ np.stack([e1, e2], 1)
        along = (ground - centre) @ start
        square = across.T @ across / len(ground) + TRUSTED_SPREAD**2 * np.eye(2)
        a, b = -np.linalg.solve(square, across.T @ along / len(ground))
        up = start + a * e1 + b * e2
        up /= np.linalg.norm(up)
    return up, centre - CLEARANCE * up


def world_rotation(up: np.ndarray) -> np.ndarray:
    """(3, 3) from the camera's axes to x right, y up, z to the camera."""
    right = np.array([1.0, 0, 0]) - up[0] * up
    right /= np.linalg.norm(right)
    return np.stack([right, up, np.cross(right, up)])
