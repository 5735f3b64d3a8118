"""What a model said about each sample, as arrays over all people."""

from dataclasses import dataclass
from typing import Any, Dict, Hashable, List, Tuple

import numpy as np

from .nms import grouped_oks_nms, soft_oks_nms

NMS_MODES = ('oks_nms', 'soft_oks_nms', 'none')


@dataclass(frozen=True)
class PredictedPeople:
    """N predicted people, those of an image next to each other.

    Attributes:
        image_ids (list): (N, ).
        keypoints (np.ndarray): (N, K, 3), [x, y] in pixels of the image and
            the keypoint's score.
        box_scores (np.ndarray): (N, ).
        areas (np.ndarray): (N, ), square pixels, for NMS.
        category_ids (np.ndarray): (N, ).
    """

    image_ids: List[Hashable]
    keypoints: np.ndarray
    box_scores: np.ndarray
    areas: np.ndarray
    category_ids: np.ndarray

    def __len__(self) -> int:
        return len(self.image_ids)

    def take(self, rows: np.ndarray) -> 'PredictedPeople':
        return PredictedPeople(
            [self.image_ids[row] for row in rows],
            self.keypoints[rows],
            self.box_scores[rows],
            self.areas[rows],
            self.category_ids[rows],
        )


def gather_people(
    samples: List[Dict[str, Any]], num_keypoints: int
) -> Tuple[PredictedPeople, List[str]]:
    """Bring the samples of all processes together.

    As in MMPose's ``CocoMetric``, an image keeps the first of several
    predictions with the same ``id`` (a sampler repeats samples to fill the
    last batch), and its people are sorted by ``id``. A bottom-up sample has
    one id a labelled person; it counts as a whole and keeps its order.

    Args:
        samples (list[dict]): ``img_id``, ``id`` (a tuple if bottom-up),
            ``keypoints`` (n, K, 3), ``box_scores`` (n, ), ``areas`` (n, ) and
            ``category_id`` of each sample.
        num_keypoints (int): K, should there be no sample.

    Returns:
        tuple: The people, and remarks worth a warning.
    """
    unique, repeated, extra = {}, 0, 0
    for sample in samples:
        of_image = unique.setdefault(sample['img_id'], {})
        first = of_image.setdefault(sample['id'], sample)
        if first is not sample:
            repeated += not np.array_equal(
                first['keypoints'], sample['keypoints']
            )
    remarks = []
    if repeated:
        remarks.append(
            f'{repeated} predictions carry the image and sample id of another '
            'but differ from it; the first of each is scored.'
        )

    chosen = []
    for of_image in unique.values():
        bottom_up = any(isinstance(id_, tuple) for id_ in of_image)
        for id_ in of_image if bottom_up else sorted(of_image):
            sample = of_image[id_]
            count = len(sample['keypoints'])
            if not bottom_up and count > 1:
                extra += count - 1
                count = 1
            chosen.append((sample, count))
    if extra:
        remarks.append(
            f'{extra} predictions share a sample that stands for one person '
            '(its id is no list); the first of each is scored.'
        )

    def joined(key, empty):
        return np.concatenate([s[key][:n] for s, n in chosen] or [empty])

    counts = [count for _, count in chosen]
    people = PredictedPeople(
        image_ids=[s['img_id'] for s, n in chosen for _ in range(n)],
        keypoints=joined('keypoints', np.zeros((0, num_keypoints, 3))),
        box_scores=joined('box_scores', np.zeros(0)),
        areas=joined('areas', np.zeros(0)),
        category_ids=np.repeat(
            np.array([s['category_id'] for s, _ in chosen], dtype=np.int64),
            np.array(counts, dtype=np.int64),
        ),
    )
    return people, remarks


def suppress_people(
    people: PredictedPeople,
    scores: np.ndarray,
    sigmas: np.ndarray,
    mode: str,
    threshold: float,
) -> np.ndarray:
    """Rows of the people that remain after NMS in each image.

    Args:
        people (PredictedPeople): N people.
        scores (np.ndarray): (N, ).
        sigmas (np.ndarray): (K, ).
        mode (str): One of :data:`NMS_MODES`.
        threshold (float): See :func:`oks_nms` and :func:`soft_oks_nms`.

    Returns:
        np.ndarray: Indices, image by image.

    Raises:
        ValueError: Unknown mode.
    """
    if mode not in NMS_MODES:
        raise ValueError(
            f"nms_mode should be one of {NMS_MODES}, but is '{mode}'."
        )
    rows = np.arange(len(people))
    if mode == 'none' or not len(people):
        return rows
    order = {}
    groups = np.array(
        [order.setdefault(id_, len(order)) for id_ in people.image_ids]
    )
    if mode == 'oks_nms':
        return np.concatenate(
            grouped_oks_nms(
                people.keypoints,
                scores,
                people.areas,
                sigmas,
                threshold,
                groups,
            )
        )
    kept = []
    for image in range(len(order)):
        of_image = rows[groups == image]
        kept.append(
            of_image[
                soft_oks_nms(
                    people.keypoints[of_image],
                    scores[of_image],
                    people.areas[of_image],
                    sigmas,
                    threshold,
                )
            ]
        )
    return np.concatenate(kept)
