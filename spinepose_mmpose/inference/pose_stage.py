"""From boxes to keypoints: one network batch for everybody."""

from typing import List, Sequence, Tuple

import numpy as np

from .backends import Backend
from .preprocessing import Regions, crop_people, regions_of, to_image
from .results import stack_people
from .simcc import Points, decode, merge_flipped


class PoseStage:
    """Crops people, runs the network, and maps its points back.

    Args:
        backend: the network.
        flip_test: average with the mirror image, at twice the cost.
        batch_size: people in one run of the network at most.

    Raises:
        ValueError: the network decodes by itself, so that there is nothing to
            average.
    """

    def __init__(
        self, backend: Backend, flip_test: bool = False, batch_size: int = 32
    ) -> None:
        self.backend = backend
        self.spec = backend.spec
        if flip_test and self.spec.kind != 'simcc':
            raise ValueError(
                'flip_test needs the SimCC distributions, but this network '
                'decodes keypoints by itself'
            )
        self.flip_test = flip_test
        self.batch_size = batch_size

    def __call__(
        self, images: Sequence[np.ndarray], boxes: Sequence[np.ndarray]
    ) -> List[Tuple[np.ndarray, np.ndarray]]:
        """Keypoints (N, K, 2) float32 and scores (N, K) of each image.

        Args:
            images: I images (H, W, 3) uint8 BGR.
            boxes: (N, 4) float32 of each image, [x1, y1, x2, y2] in pixels.

        Raises:
            FloatingPointError: the network gave something that is no number.
        """
        size = self.spec.input_size
        regions = [regions_of(of_image, size) for of_image in boxes]
        points = self._run(self._crop(images, regions))
        ends = np.cumsum([len(of_image) for of_image in boxes])[:-1]
        return [
            (to_image(xy, region, size), scores)
            for xy, scores, region in zip(
                np.split(points.xy, ends),
                np.split(points.scores, ends),
                regions,
            )
        ]

    def _crop(
        self, images: Sequence[np.ndarray], regions: Sequence[Regions]
    ) -> np.ndarray:
        total = sum(len(region.centers) for region in regions)
        w, h = self.spec.input_size
        crops = np.empty((total, h, w, 3), np.uint8)
        start = 0
        for image, region in zip(images, regions):
            stop = start + len(region.centers)
            crop_people(image, region, (w, h), out=crops[start:stop])
            start = stop
        return crops

    def _run(self, crops: np.ndarray) -> Points:
        if not len(crops):
            return Points(*stack_people((), self.spec.num_keypoints))
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
