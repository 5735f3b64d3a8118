"""Labelled and predicted people as arrays.

Letters: N people, K keypoints.
"""

from dataclasses import dataclass
from typing import Hashable, Sequence, Tuple

import numpy as np


@dataclass(frozen=True)
class GroundTruth:
    """The labelled people of a dataset.

    Attributes:
        image_ids (tuple): All images in ascending order, also those with
            nobody in them.
        image_index (np.ndarray): (N, ), position in ``image_ids``.
        keypoints (np.ndarray): (N, K, 3), [x, y] in pixels of the image and
            the visibility, 0 where the keypoint is not labelled.
        boxes (np.ndarray): (N, 4), [x, y, w, h] in pixels.
        areas (np.ndarray): (N, ), square pixels.
        crowd (np.ndarray): (N, ), True for a group labelled as one.
        category_ids (np.ndarray): (N, ).
        known_categories (tuple): Categories that a detection may have.
        source (str): What to call the data in a message.
    """

    image_ids: Tuple[Hashable, ...]
    image_index: np.ndarray
    keypoints: np.ndarray
    boxes: np.ndarray
    areas: np.ndarray
    crowd: np.ndarray
    category_ids: np.ndarray
    known_categories: Tuple[int, ...]
    source: str

    def __len__(self) -> int:
        return len(self.keypoints)

    @property
    def num_keypoints(self) -> int:
        return self.keypoints.shape[1]

    def num_labelled_people(self, keypoint_ids: Sequence[int]) -> int:
        """People, crowds aside, with a labelled one among the keypoints."""
        labelled = self.keypoints[:, list(keypoint_ids), 2] > 0
        return int((labelled.any(axis=1) & ~self.crowd).sum())


@dataclass(frozen=True)
class Detections:
    """Predicted people.

    Attributes:
        image_index (np.ndarray): (N, ), position in the ``image_ids`` of the
            ground truth.
        keypoints (np.ndarray): (N, K, 3), [x, y] in pixels of the image and
            the keypoint's score.
        scores (np.ndarray): (N, ), score of the person; its order decides.
        category_ids (np.ndarray): (N, ).
    """

    image_index: np.ndarray
    keypoints: np.ndarray
    scores: np.ndarray
    category_ids: np.ndarray

    def __len__(self) -> int:
        return len(self.scores)


def make_detections(
    image_ids: Sequence[Hashable],
    keypoints: np.ndarray,
    scores: Sequence[float],
    category_ids: Sequence[int],
    ground_truth: GroundTruth,
    source: str = 'the predictions',
) -> Detections:
    """Detections that fit the ground truth.

    Args:
        image_ids (sequence): (N, ), the image of each person.
        keypoints (np.ndarray): (N, K, 3), [x, y] in pixels and the score.
        scores (sequence): (N, ).
        category_ids (sequence): (N, ).
        ground_truth (GroundTruth): What they will be compared with.
        source (str): What to call the predictions in a message.

    Raises:
        ValueError: Another number of keypoints, an image or a category that
            the ground truth does not have, or values that are not finite.
    """
    keypoints = np.asarray(keypoints, dtype=np.float64)
    scores = np.asarray(scores, dtype=np.float64)
    category_ids = np.asarray(category_ids, dtype=np.int64)
    if keypoints.shape[1] != ground_truth.num_keypoints:
        raise ValueError(
            f'{source} have {keypoints.shape[1]} keypoints a person, but '
            f'{ground_truth.source} has {ground_truth.num_keypoints}.'
        )

    positions = {id_: i for i, id_ in enumerate(ground_truth.image_ids)}
    unknown = sorted({i for i in image_ids if i not in positions}, key=str)
    if unknown:
        raise ValueError(
            f'{source} hold people in {len(unknown)} images that '
            f'{ground_truth.source} does not list (image ids '
            f'{_first_few(unknown)}): it is the ground truth of other images.'
        )

    unknown = sorted(
        set(category_ids.tolist()) - set(ground_truth.known_categories)
    )
    if unknown:
        raise ValueError(
            f'{source} hold category ids {_first_few(unknown)}, but '
            f'{ground_truth.source} only knows '
            f'{_first_few(ground_truth.known_categories)}: such people could '
            'match nobody.'
        )

    broken = ~(np.isfinite(keypoints).all(axis=(1, 2)) & np.isfinite(scores))
    if broken.any():
        raise ValueError(
            f'{int(broken.sum())} of {len(scores)} people in {source} have '
            'coordinates or scores that are not finite, the first in image '
            f'{image_ids[int(broken.argmax())]}.'
        )
    return Detections(
        image_index=np.array(
            [positions[id_] for id_ in image_ids], dtype=np.int64
        ),
        keypoints=keypoints,
        scores=scores,
        category_ids=category_ids,
    )


def _first_few(values: Sequence, count: int = 5) -> str:
    shown = ', '.join(str(value) for value in list(values)[:count])
    return shown + (', ...' if len(values) > count else '')
