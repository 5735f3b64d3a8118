"""People in images: detect, then one network batch for everybody."""

from pathlib import Path
from typing import List, Optional, Sequence, Tuple, Union

import numpy as np

from ..metainfo import KEYPOINT_IDS
from .backends import create_backend, half_on_cpu
from .detectors import Detector, create_detector
from .images import as_image, read_image
from .model_files import find_files
from .preprocess import (
    Points,
    check_boxes,
    crop_people,
    decode,
    merge_flipped,
    regions_of,
    to_image,
)
from .results import SPINE_ONLY, Person, stack_people

# An image: a file, or an array as cv2.imread gives it.
Image = Union[str, Path, np.ndarray]


class SpinePoseEstimator:
    """Estimates 37 keypoints of everybody in an image.

    Args:
        mode: ``small``, ``medium``, ``large``, ``xlarge`` (or s, m, l, x), or
            a name of the model table.
        device: ``auto`` (a GPU where there is one), ``cpu``, ``cuda``,
            ``cuda:1``, ``tensorrt``, ...; what there is depends on the
            backend.
        model_version: ``latest``, ``v2`` (SIMSPINE) or ``v1`` (SpineTrack).
        model: a name or a file, in place of ``mode``: ``.onnx``, the folder
            of an mmdeploy export, ``.xml`` of OpenVINO, or ``.pth``.
        config, checkpoint: of MMPose, in place of ``mode``.
        backend: ``auto``, ``onnxruntime``, ``pytorch`` or ``openvino``.
        detector: ``auto``, a published one's name, an ONNX file, a checkpoint
            of MMDetection (with ``detector_config``), a :class:`Detector`, or
            None: then the whole image is one person's box.
        detector_config: the config of a detector's checkpoint.
        detector_size: (w, h) for a detector's file that takes any size.
        detector_device: None for ``device``, where it means the same.
        bbox_threshold: the lowest score of a detected person.
        nms_threshold: overlap of two detected people at most, where the
            detector does not care for that itself.
        max_people: keep so many detected people, the surest.
        flip_test: average with the mirror image, at twice the cost.
        half: compute in half precision where device and backend can; on a
            CPU with bfloat16 OpenVINO does, if it is installed.
        threads: of the CPU for one network.
        batch_size: people in one run of the network at most.
        spinning: threads of ONNX Runtime wait for work in a loop: a little
            faster for one image after the other, much slower where decoding,
            detection and drawing run beside.
        progress: show the progress of a download.

    Raises:
        ValueError: a setting, a file or a device that cannot be used.
        FileNotFoundError: a file that does not exist.
        DownloadError: published weights that cannot be had; it says where to
            put them.
    """

    SPINE_IDS = tuple(KEYPOINT_IDS[name] for name in SPINE_ONLY)

    def __init__(
        self,
        mode: str = 'large',
        device: str = 'auto',
        model_version: str = 'latest',
        *,
        model=None,
        config=None,
        checkpoint=None,
        backend: str = 'auto',
        detector='auto',
        detector_config=None,
        detector_size: Optional[Tuple[int, int]] = None,
        detector_device: Optional[str] = None,
        bbox_threshold: float = 0.3,
        nms_threshold: float = 0.45,
        max_people: Optional[int] = None,
        flip_test: bool = False,
        half: bool = False,
        threads: Optional[int] = None,
        batch_size: int = 32,
        spinning: bool = True,
        progress: bool = True,
    ) -> None:
        if batch_size < 1 or (max_people is not None and max_people < 1):
            raise ValueError(
                f'batch_size and max_people are 1 or more, but {batch_size} '
                f'and {max_people} were given'
            )
        files = find_files(
            mode if model is None else model,
            model_version,
            backend,
            config,
            checkpoint,
            progress,
        )
        if half and backend == 'auto':
            files = half_on_cpu(files, device)
        self.files = files
        self.backend = create_backend(files, device, threads, half, spinning)
        self.spec = self.backend.spec
        if flip_test and self.spec.kind != 'simcc':
            raise ValueError(
                'flip_test needs the SimCC distributions, but this network '
                'decodes keypoints by itself'
            )
        self.flip_test = flip_test
        self.batch_size = batch_size
        self.max_people = max_people
        self._detector: Optional[Detector] = None
        self._detector_options = None
        if detector is not None:
            # Other backends call devices otherwise.
            is_shared = files.backend == 'onnxruntime' or device == 'cpu'
            self._detector_options = dict(
                detector=detector,
                device=detector_device or (device if is_shared else 'auto'),
                threads=threads,
                config=detector_config,
                input_size=detector_size,
                score_threshold=bbox_threshold,
                nms_threshold=nms_threshold,
                fast=files.info is not None
                and files.info.name.startswith(('spinepose-s', 'spinepose-t')),
                spinning=spinning,
                progress=progress,
            )
            # What is named is checked at once; what must be downloaded only
            # when somebody is to be found.
            if detector != 'auto':
                self._detector = create_detector(**self._detector_options)

    @property
    def device(self) -> str:
        """Where the pose network runs."""
        return self.backend.device

    @property
    def model_name(self) -> str:
        """Name in the model table, else what the file says or is called."""
        if self.files.info is not None:
            return self.files.info.name
        return self.spec.model or self.files.path.name

    @property
    def licence(self) -> str:
        """Of the weights; '' if unknown."""
        if self.files.info is not None:
            return self.files.info.licence
        return self.spec.licence

    @property
    def names(self) -> Tuple[str, ...]:
        """(K,) keypoint names."""
        return self.spec.names

    @property
    def num_keypoints(self) -> int:
        return self.spec.num_keypoints

    @property
    def detector(self) -> Optional[Detector]:
        """What finds people, made ready now; None if nothing does.

        Raises:
            DownloadError: its published weights cannot be had.
        """
        if self._detector is None and self._detector_options is not None:
            self._detector = create_detector(**self._detector_options)
        return self._detector

    def __call__(
        self, image: Image, bboxes=None
    ) -> Tuple[np.ndarray, np.ndarray]:
        """Keypoints and scores of everybody in an image.

        Args:
            image: a file, or (H, W, 3) uint8 BGR as cv2.imread gives it.
            bboxes: (N, 4) [x1, y1, x2, y2] in pixels; None: detected.

        Returns:
            tuple: keypoints (N, K, 2) float32 in pixels of the image, scores
            (N, K) float32. N is 0 where nobody is.
        """
        return stack_people(self.predict(image, bboxes), self.num_keypoints)

    def predict(
        self, image: Image, bboxes=None, bbox_scores=None
    ) -> Tuple[Person, ...]:
        """Everybody in an image, as objects.

        Args:
            image, bboxes: as in :meth:`__call__`.
            bbox_scores: (N,) of the boxes; 1 if not given.
        """
        image = _load(image)
        if bboxes is None:
            bboxes, bbox_scores = self.detect(image)
        scores = None if bbox_scores is None else [bbox_scores]
        return self.predict_batch([image], [bboxes], scores)[0]

    def predict_batch(
        self,
        images: Sequence[Image],
        bboxes: Sequence,
        bbox_scores: Optional[Sequence] = None,
    ) -> List[Tuple[Person, ...]]:
        """Everybody in several images, in one network batch.

        Args:
            images: I images.
            bboxes: (N, 4) of each image, in pixels of it; None: detected.
            bbox_scores: (N,) of each image; 1 if not given.

        Returns:
            list: the people of each image, in the order of the boxes.
        """
        scores = [None] * len(images) if bbox_scores is None else bbox_scores
        if not len(images) == len(bboxes) == len(scores):
            raise ValueError(
                f'{len(images)} images, boxes of {len(bboxes)} and scores of '
                f'{len(scores)} were given: as many of each expected'
            )
        images = [_load(image) for image in images]
        found = [
            self.detect(image)
            if boxes is None
            else check_boxes(boxes, confidence)
            for image, boxes, confidence in zip(images, bboxes, scores)
        ]
        poses = self.pose(images, [boxes for boxes, _ in found])
        return [
            self._people(xy, keypoint_scores, boxes, confidence)
            for (xy, keypoint_scores), (boxes, confidence) in zip(poses, found)
        ]

    def pose(
        self, images: Sequence[np.ndarray], boxes: Sequence[np.ndarray]
    ) -> List[Tuple[np.ndarray, np.ndarray]]:
        """From boxes to keypoints, in one network batch for everybody.

        Args:
            images (Sequence): I images (H, W, 3) uint8 BGR.
            boxes (Sequence): (N, 4) float32 of each image, [x1, y1, x2, y2]
                in pixels.

        Returns:
            list: keypoints (N, K, 2) float32 and scores (N, K) of each image.

        Raises:
            FloatingPointError: the network gave something that is no number.
        """
        w, h = size = self.spec.input_size
        counts = [len(of_image) for of_image in boxes]
        regions = [regions_of(of_image, size) for of_image in boxes]
        crops = np.empty((sum(counts), h, w, 3), np.uint8)
        ends = np.cumsum(counts)[:-1]
        for image, region, out in zip(images, regions, np.split(crops, ends)):
            crop_people(image, region, size, out)
        points = self._run(crops)
        return [
            (to_image(xy, region, size), scores)
            for xy, scores, region in zip(
                np.split(points.xy, ends),
                np.split(points.scores, ends),
                regions,
            )
        ]

    def _run(self, crops: np.ndarray) -> Points:
        if not len(crops):
            return Points(*stack_people((), self.num_keypoints))
        parts = [
            self._network(crops[start : start + self.batch_size])
            for start in range(0, len(crops), self.batch_size)
        ]
        xy, scores = (np.concatenate(part) for part in zip(*parts))
        if not np.isfinite(scores).all():
            raise FloatingPointError(
                'the network gave scores that are no numbers: its weights are '
                'broken, or half precision is too little for it'
            )
        return Points(xy, scores)

    def _network(self, crops: np.ndarray) -> Points:
        outputs = self.backend.run(crops)
        if self.spec.kind == 'points':
            return outputs
        if self.flip_test:
            mirrored = np.ascontiguousarray(crops[:, :, ::-1])
            outputs = merge_flipped(
                outputs, self.backend.run(mirrored), self.spec.flip_indices
            )
        return decode(outputs, self.spec.split_ratio)

    def detect(self, image: Image) -> Tuple[np.ndarray, np.ndarray]:
        """Boxes (N, 4) float32 [x1, y1, x2, y2] and scores (N,) float32.

        Without a detector, one box around the whole image.
        """
        image = _load(image)
        if self.detector is None:
            h, w = image.shape[:2]
            return np.float32([[0, 0, w, h]]), np.ones(1, np.float32)
        boxes, scores = self.detector(image)
        return boxes[: self.max_people], scores[: self.max_people]

    def visualize(
        self,
        image: np.ndarray,
        keypoints: np.ndarray,
        scores: np.ndarray,
        **style,
    ) -> np.ndarray:
        """A drawing of poses on a copy of the image.

        Args:
            image: (H, W, 3) uint8 BGR.
            keypoints: (N, K, 2) in pixels.
            scores: (N, K).
            style: settings of :class:`.DrawStyle`.

        Returns:
            np.ndarray: (H, W, 3) uint8 BGR.
        """
        from .visualization import DrawStyle, draw_people

        people = self._people(
            np.asarray(keypoints, np.float32), np.asarray(scores, np.float32)
        )
        return draw_people(as_image(image), people, style=DrawStyle(**style))

    def _people(self, xy, scores, boxes=None, confidence=None) -> tuple:
        if boxes is None:
            boxes = [np.concatenate([p.min(0), p.max(0)]) for p in xy]
            confidence = np.ones(len(xy))
        return tuple(
            Person(
                keypoints=keypoints,
                scores=keypoint_scores,
                bbox=box,
                bbox_score=float(score),
                names=self.names,
            )
            for keypoints, keypoint_scores, box, score in zip(
                xy, scores, boxes, confidence
            )
        )


def _load(image: Image) -> np.ndarray:
    if isinstance(image, (str, Path)):
        return read_image(image)
    return as_image(image)
