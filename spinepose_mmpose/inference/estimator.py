"""People in images: detect, then one network batch for everybody."""

from functools import cached_property, partial
from pathlib import Path
from typing import List, Optional, Sequence, Tuple, Union

import numpy as np

from .backends import create_backend, half_on_cpu
from .detectors import Detector, create_detector
from .images import as_image
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
from .results import FrameResult, Person, stack_people

# A file, an array as cv2.imread gives it, or a Pillow image.
Image = Union[str, Path, np.ndarray, 'PIL.Image.Image']  # noqa: F821


class SpinePoseEstimator:
    """Estimates 37 keypoints of everybody in an image.

    Args:
        mode (str): ``small``, ``medium``, ``large``, ``xlarge`` (or s, m, l,
            x), or a name of the model table.
        device (str): ``auto`` (a GPU where there is one), ``cpu``, ``cuda``,
            ``cuda:1``, ``tensorrt``, ...; what there is depends on the
            backend.
        model_version (str): ``latest``, ``v2`` (SIMSPINE) or ``v1``
            (SpineTrack).
        model (str | Path, optional): in place of ``mode``: a name, an
            ``.onnx`` file, the folder of an mmdeploy export, an ``.xml`` file
            of OpenVINO, or a ``.pth`` file.
        config, checkpoint (str | Path, optional): of MMPose, in place of
            ``mode``.
        backend (str): ``auto``, ``onnxruntime``, ``pytorch`` or ``openvino``.
        detector (str | Path | Detector, optional): ``auto``, a published
            one's name, an ONNX file, a checkpoint of MMDetection (with
            ``detector_config``), a :class:`Detector`, or None: then the whole
            image is one person's box.
        detector_size (tuple, optional): (w, h) for a detector's file that
            takes any size.
        bbox_threshold (float): the lowest score of a detected person.
        nms_threshold (float): overlap of two detected people at most, where
            the detector leaves that open.
        max_people (int, optional): keep so many detected people, the surest.
        flip_test (bool): average with the mirror image, at twice the cost.
        half (bool): compute in half precision where device and backend can;
            on a CPU with bfloat16 OpenVINO does, if it is installed.
        threads (int, optional): of the CPU for one network.
        batch_size (int): people in one run of the network at most.
        spinning (bool): threads of ONNX Runtime wait for work in a loop: a
            little faster for one image after the other, much slower where
            decoding, detection and drawing run beside.
        progress (bool): show the progress of a download.
        lifting (Lifting, optional): gives the people of one image their 3D
            points.

    Raises:
        ValueError: a setting, a file or a device that cannot be used.
        FileNotFoundError: a file that does not exist.
        DownloadError: published weights that cannot be had; it says where to
            put them.
    """

    def __init__(
        self,
        mode: str = 'medium',
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
        bbox_threshold: float = 0.3,
        nms_threshold: float = 0.45,
        max_people: Optional[int] = None,
        flip_test: bool = False,
        half: bool = False,
        threads: Optional[int] = None,
        batch_size: int = 32,
        spinning: bool = True,
        progress: bool = True,
        lifting=None,
    ) -> None:
        for name, value, largest in (
            ('batch_size', batch_size, 1024),
            ('threads', threads or None, 1024),
            ('max_people', max_people, float('inf')),
        ):
            if value is not None and not 1 <= value <= largest:
                raise ValueError(
                    f'{name} is {value}, a number from 1 to {largest} expected'
                )
        name = mode if model is None else model
        files = find_files(
            name, model_version, backend, config, checkpoint, progress
        )
        if half and backend == 'auto':
            files = half_on_cpu(files, device)
        self.files = files
        self.backend = create_backend(files, device, threads, half, spinning)
        self.spec = self.backend.spec
        self.device = self.backend.device
        self.names = self.spec.names  # (K,) of the keypoints
        if flip_test and self.spec.kind != 'simcc':
            raise ValueError(
                'flip_test needs the SimCC distributions, but this network '
                'decodes keypoints by itself'
            )
        self.flip_test, self.lifting = flip_test, lifting
        self.batch_size, self.max_people = batch_size, max_people
        # Other backends call devices otherwise.
        is_shared = files.backend == 'onnxruntime' or device == 'cpu'
        self._create_detector = partial(
            create_detector,
            detector,
            device if is_shared else 'auto',
            threads,
            config=detector_config,
            input_size=detector_size,
            score_threshold=bbox_threshold,
            nms_threshold=nms_threshold,
            # spinepose-m-v2
            size=files.info.name.split('-')[1] if files.info else 'm',
            spinning=spinning,
            progress=progress,
        )
        if detector is None:
            self.detector = None
        elif detector != 'auto':
            # What is named is checked at once; what must be downloaded only
            # when somebody is to be found.
            self.detector = self._create_detector()

    @property
    def model_name(self) -> str:
        """Name in the model table, else what the file says or is called."""
        info = self.files.info
        return info.name if info else self.spec.model or self.files.path.name

    @property
    def licence(self) -> str:
        """Of the weights; '' if unknown."""
        return (self.files.info or self.spec).licence

    @cached_property
    def detector(self) -> Optional[Detector]:
        """What finds people, made ready now; None if nothing does,
        DownloadError if its published weights cannot be had."""
        return self._create_detector()

    def __call__(
        self, image: Image, bboxes=None
    ) -> Tuple[np.ndarray, np.ndarray]:
        """Keypoints (N, K, 2) in pixels and scores (N, K) of everybody in an
        image that :func:`.as_image` takes, float32; with lifting also (N, K, 3)
        metres. Boxes (N, 4) [x1, y1, x2, y2] in pixels are detected if None."""
        people = self.predict(image, bboxes)
        flat = stack_people(people, len(self.names))
        if self.lifting is None:
            return flat
        return *flat, FrameResult(people).keypoints_3d

    def predict(
        self, image: Image, bboxes=None, bbox_scores=None
    ) -> Tuple[Person, ...]:
        """Everybody in an image, as objects; ``bbox_scores`` (N,) are those of
        the boxes, 1 if None."""
        image = as_image(image)
        (people,) = self.predict_batch([image], [bboxes], [bbox_scores])
        if self.lifting is None:
            return people
        result = FrameResult(people, size=image.shape[1::-1])
        return self.lifting.photograph(result).people

    def predict_batch(
        self,
        images: Sequence[Image],
        bboxes: Sequence,
        bbox_scores: Optional[Sequence] = None,
    ) -> List[Tuple[Person, ...]]:
        """Everybody in each of several images, in one network batch and in the
        order of the boxes, see :meth:`predict`."""
        scores = [None] * len(images) if bbox_scores is None else bbox_scores
        if not len(images) == len(bboxes) == len(scores):
            raise ValueError(
                f'{len(images)} images, boxes of {len(bboxes)} and scores of '
                f'{len(scores)} were given: as many of each expected'
            )
        images = [as_image(image) for image in images]
        found = [
            self.detect(image)
            if boxes is None
            else check_boxes(boxes, confidence)
            for image, boxes, confidence in zip(images, bboxes, scores)
        ]
        poses = self.pose(images, [boxes for boxes, _ in found])
        return [
            tuple(
                Person(*person, bbox_score=float(score), names=self.names)
                for *person, score in zip(xy, xy_scores, boxes, confidence)
            )
            for (xy, xy_scores), (boxes, confidence) in zip(poses, found)
        ]

    def pose(
        self, images: Sequence[np.ndarray], boxes: Sequence[np.ndarray]
    ) -> List[Tuple[np.ndarray, np.ndarray]]:
        """Keypoints (N, K, 2) and scores (N, K) of the people in the boxes
        (N, 4) of each image (H, W, 3) uint8 BGR, in one network batch for
        everybody; FloatingPointError if they are not numbers."""
        w, h = size = self.spec.input_size
        counts = [len(of_image) for of_image in boxes]
        regions = [
            regions_of(of_image, size, self.spec.padding) for of_image in boxes
        ]
        crops = np.empty((sum(counts), h, w, 3), np.uint8)
        ends = np.cumsum(counts)[:-1]
        for image, region, out in zip(images, regions, np.split(crops, ends)):
            crop_people(image, region, size, out)
        parts = [
            self._network(crops[start : start + self.batch_size])
            for start in range(0, len(crops), self.batch_size)
        ] or [stack_people((), len(self.names))]
        xy, scores = (np.concatenate(part) for part in zip(*parts))
        if not np.isfinite(scores).all():
            raise FloatingPointError(
                'the network gave scores that are not numbers: its weights are '
                'broken, or half precision is too little for it'
            )
        return [
            (to_image(points, region, size), of_points)
            for points, of_points, region in zip(
                np.split(xy, ends), np.split(scores, ends), regions
            )
        ]

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
        """Boxes (N, 4) float32 [x1, y1, x2, y2] and scores (N,) float32;
        without a detector, one box around the whole image."""
        image = as_image(image)
        if self.detector is None:
            h, w = image.shape[:2]
            return np.float32([[0, 0, w, h]]), np.ones(1, np.float32)
        boxes, scores = self.detector(image)
        return boxes[: self.max_people], scores[: self.max_people]

    def visualize(self, image: Image, keypoints, scores, **style) -> np.ndarray:
        """A drawing (H, W, 3) uint8 BGR of poses (N, K, 2) with scores (N, K)
        on a copy of the image; ``style``: see :func:`.draw_people`."""
        from .draw import draw_people

        boxes = [np.hstack([np.min(p, 0), np.max(p, 0)]) for p in keypoints]
        people = [
            Person(*map(np.float32, person), names=self.names)
            for person in zip(keypoints, scores, boxes)
        ]
        return draw_people(image, people, **style)
