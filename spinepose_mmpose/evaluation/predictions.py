"""From data samples of MMPose to scored people without doubles.

numpy only. Letters: N people, K keypoints.
"""

from collections import defaultdict
from dataclasses import dataclass, fields
from typing import Any, Dict, Hashable, List, Optional, Sequence, Tuple

import numpy as np

from .coco import keypoint_similarity
from .people import GroundTruth, ground_truth_from_coco, map_keypoints

SCORE_MODES = ('bbox', 'bbox_keypoint', 'bbox_rle', 'keypoint')
NMS_MODES = ('oks_nms', 'soft_oks_nms', 'none')
_ANNOTATION_KEYS = set(
    'id image_id category_id bbox area keypoints iscrowd'.split()
)


# --- what is kept of a sample: small and plain, it travels between processes --


def sample_predictions(
    sample: Dict[str, Any], converter: Optional[dict] = None
) -> Dict[str, Any]:
    """Predicted people of a sample.

    Args:
        sample (dict): ``img_id``, ``id`` (a list if bottom-up),
            ``pred_instances`` with ``keypoints`` (N, K, 2) in pixels and
            ``keypoint_scores`` (N, K); ``gt_instances`` with the
            ``bbox_scores`` and ``bbox_scales`` of the boxes that were used.
        converter (dict, optional): ``num_keypoints`` and ``mapping``.

    Returns:
        dict: ``img_id``, ``id`` (a tuple if bottom-up), ``category_id``,
        ``keypoints`` (N, K, 3), ``box_scores`` (N, ) and ``areas`` (N, ).

    Raises:
        ValueError: A part is missing or shapes do not fit.
    """
    missing = {'img_id', 'id', 'pred_instances'} - set(sample)
    if missing:
        raise ValueError(f'A data sample lacks {sorted(missing)}.')
    predicted = sample['pred_instances']
    boxes = sample.get('gt_instances', {})
    xy = _to_numpy(predicted['keypoints'])[..., :2]
    scores = _to_numpy(predicted['keypoint_scores'])
    if scores.shape != xy.shape[:2]:
        raise ValueError(
            f'Predicted keypoints of shape {xy.shape} and keypoint_scores of '
            f'shape {scores.shape} do not fit together.'
        )
    keypoints = np.concatenate([xy, scores[..., None]], axis=-1)
    if converter is not None:
        keypoints = map_keypoints(keypoints, **converter)
    count = len(keypoints)

    # The score of a detector lies with the box that was used, unless the
    # model finds people itself.
    box_scores = np.ones(count)
    for instances in (predicted, boxes):
        if len(instances.get('bbox_scores', ())) == count > 0:
            box_scores = _to_numpy(instances['bbox_scores']).reshape(count)
            break
    sides = np.ptp(keypoints[..., :2], axis=1)
    if len(boxes.get('bbox_scales', ())) == count > 0:
        sides = _to_numpy(boxes['bbox_scales']).reshape(count, 2)
    category_ids = np.ravel(_to_numpy(sample.get('category_id', 1)))
    return dict(
        img_id=_to_id(sample['img_id']),
        id=_to_id(sample['id']),
        keypoints=keypoints,
        box_scores=box_scores,
        areas=sides.prod(axis=1),
        category_id=int(category_ids[0]) if category_ids.size else 1,
    )


def sample_annotations(sample: Dict[str, Any]) -> Dict[str, Any]:
    """Image id and annotations of a sample, from its ``raw_ann_info``.

    Raises:
        ValueError: There is no such part, or an annotation without id.
    """
    if 'raw_ann_info' not in sample:
        raise ValueError(
            "A data sample has no 'raw_ann_info', which is the ground truth "
            "where no ann_file is given: set ann_file, or add 'raw_ann_info' "
            'to the meta_keys of PackPoseInputs.'
        )
    people = sample['raw_ann_info']
    people = people if isinstance(people, (list, tuple)) else [people]
    people = [person for person in people if person is not None]
    if any('id' not in person for person in people):
        raise ValueError(
            "An annotation in the 'raw_ann_info' of a sample has no 'id'."
        )
    kept = [{k: p[k] for k in p if k in _ANNOTATION_KEYS} for p in people]
    return dict(img_id=_to_id(sample['img_id']), annotations=kept)


def ground_truth_of_samples(
    annotations: List[Dict[str, Any]], use_area: bool = True
) -> GroundTruth:
    """Ground truth from what :func:`sample_annotations` kept; a repeated
    person counts once. ``use_area`` is that of :func:`ground_truth_from_coco`.

    Raises:
        ValueError: There is no sample, or one annotation id stands for two
            people, as may happen in combined datasets.
    """
    source = "the samples' raw_ann_info"
    people = {}
    for sample in annotations:
        for person in sample['annotations']:
            first = people.setdefault(person['id'], person)
            if first.keys() != person.keys() or not all(
                np.array_equal(first[key], person[key]) for key in first
            ):
                raise ValueError(
                    f'Annotation id {person["id"]} stands for two people in '
                    f'{source}: combined datasets need ids that do not clash.'
                )
    if not annotations:
        raise ValueError(
            'No sample was processed and no ann_file is given: there is '
            'nothing to score.'
        )
    images = [dict(id=id_) for id_ in {s['img_id'] for s in annotations}]
    dataset = dict(images=images, annotations=list(people.values()))
    return ground_truth_from_coco(dataset, source, use_area)


def _to_numpy(values) -> np.ndarray:
    """Array of a tensor on any device, or of anything array-like."""
    if hasattr(values, 'detach'):
        values = values.detach().cpu().numpy()
    return np.asarray(values)


def _to_id(value) -> Hashable:
    """Number or name; a tuple for the list of a bottom-up sample."""
    value = _to_numpy(value).tolist()
    return tuple(value) if isinstance(value, list) else value


# --- people of all samples ----------------------------------------------------


@dataclass(frozen=True)
class PredictedPeople:
    """N predicted people, those of an image next to each other.

    Attributes:
        image_ids (list): (N, ).
        keypoints (np.ndarray): (N, K, 3), [x, y] in pixels of the image and
            the score of the keypoint.
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
        """Of these rows."""
        image_ids, *arrays = (getattr(self, f.name) for f in fields(self))
        ids = [image_ids[row] for row in rows]
        return PredictedPeople(ids, *(array[rows] for array in arrays))


def gather_people(
    samples: List[Dict[str, Any]], num_keypoints: int
) -> Tuple[PredictedPeople, List[str]]:
    """Bring the samples of all processes together.

    As in MMPose's ``CocoMetric``, an image keeps the first of several
    predictions with the same ``id`` (a sampler repeats samples to fill the
    last batch), and its people are sorted by ``id``. A bottom-up sample has
    one id per labelled person; it counts as a whole and keeps its order.

    Args:
        samples (list[dict]): From :func:`sample_predictions`.
        num_keypoints (int): K, should there be no sample.

    Returns:
        tuple: The people, and remarks worth a warning.
    """
    by_image, repeated, extra = {}, 0, 0
    for sample in samples:
        of_image = by_image.setdefault(sample['img_id'], {})
        first = of_image.setdefault(sample['id'], sample)
        repeated += first is not sample and not np.array_equal(
            first['keypoints'], sample['keypoints']
        )
    chosen = []  # (sample, how many of its people)
    for of_image in by_image.values():
        bottom_up = any(isinstance(id_, tuple) for id_ in of_image)
        for id_ in of_image if bottom_up else sorted(of_image):
            found = len(of_image[id_]['keypoints'])
            count = found if bottom_up else min(found, 1)
            extra += found - count
            chosen.append((of_image[id_], count))
    remarks = {
        'carry the image and sample id of another but differ from it': repeated,
        'share a sample that stands for one person (its id is no list)': extra,
    }
    remarks = [
        f'{count} predictions {what}; the first of each is scored.'
        for what, count in remarks.items()
        if count
    ]

    def joined(key, *shape):
        parts = [sample[key][:count] for sample, count in chosen]
        return np.concatenate([np.zeros((0, *shape)), *parts])

    def of_each(key):
        return [s[key] for s, count in chosen for _ in range(count)]

    people = PredictedPeople(
        of_each('img_id'),
        joined('keypoints', num_keypoints, 3),
        joined('box_scores'),
        joined('areas'),
        np.array(of_each('category_id'), dtype=np.int64),
    )
    return people, remarks


def person_scores(
    keypoint_scores: np.ndarray,
    box_scores: np.ndarray,
    mode: str = 'bbox_keypoint',
    keypoint_score_thr: float = 0.2,
) -> np.ndarray:
    """Scores (N, ) that rank people, as MMPose's ``CocoMetric`` forms them.

    Args:
        keypoint_scores (np.ndarray): (N, K).
        box_scores (np.ndarray): (N, ).
        mode (str): ``bbox``: the box score. ``bbox_keypoint``: box score
            times the mean of the keypoint scores above the threshold, 0 if
            none is. ``bbox_rle``: box score plus mean plus maximum of the
            keypoint scores. ``keypoint``: mean of the keypoint scores.
        keypoint_score_thr (float): For ``bbox_keypoint``.

    Raises:
        ValueError: Unknown mode.
    """
    points = np.asarray(keypoint_scores, dtype=np.float64)
    boxes = np.asarray(box_scores, dtype=np.float64)
    if mode == 'bbox':
        return boxes
    if mode == 'keypoint':
        return points.mean(axis=1)
    if mode == 'bbox_rle':
        return boxes + points.mean(axis=1) + points.max(axis=1)
    if mode == 'bbox_keypoint':
        counted = points > keypoint_score_thr
        total = np.where(counted, points, 0).sum(axis=1)
        return boxes * total / np.maximum(counted.sum(axis=1), 1)
    raise ValueError(f"score_mode '{mode}' is none of {SCORE_MODES}.")


# --- suppression of people detected twice -------------------------------------


def suppress_people(
    people: PredictedPeople,
    scores: np.ndarray,
    sigmas: np.ndarray,
    mode: str,
    threshold: float,
) -> np.ndarray:
    """Rows of the people that :func:`oks_nms` leaves in each image; the mode
    is one of :data:`NMS_MODES`, of which ``none`` keeps all.

    Raises:
        ValueError: Unknown mode.
    """
    if mode not in NMS_MODES:
        raise ValueError(f"nms_mode '{mode}' is none of {NMS_MODES}.")
    if mode == 'none':
        return np.arange(len(people))
    images = defaultdict(list)
    for row, image_id in enumerate(people.image_ids):
        images[image_id].append(row)
    kept = [np.zeros(0, dtype=np.int64)]
    for rows in map(np.array, images.values()):
        chosen = oks_nms(
            people.keypoints[rows],
            scores[rows],
            people.areas[rows],
            sigmas,
            threshold,
            soft=mode == 'soft_oks_nms',
        )
        kept.append(rows[chosen])
    return np.concatenate(kept)


def oks_nms(
    keypoints: np.ndarray,
    scores: Sequence[float],
    areas: Sequence[float],
    sigmas: np.ndarray,
    threshold: float,
    soft: bool = False,
    max_people: int = 20,
) -> np.ndarray:
    """Choose among the people of an image as MMPose's functions do.

    The OKS of two of them takes all keypoints as labelled and the mean of the
    two areas.

    Args:
        keypoints (np.ndarray): (N, K, 2 or 3), [x, y] in pixels first.
        scores (sequence): (N, ); of equals the last comes first.
        areas (sequence): (N, ), square pixels.
        sigmas (np.ndarray): (K, ).
        threshold (float): A person is dropped if the OKS with a better one is
            above it.
        soft (bool): Nobody is dropped for that, but who is similar to a
            better one comes late: whenever one is chosen, the scores of the
            others are multiplied by ``exp(-OKS^2 / threshold)``. Only the
            order follows from it, the scores themselves stay.
        max_people (int): With ``soft``, the number to choose at most.

    Returns:
        np.ndarray: Indices of the chosen, best first.
    """
    xy = np.asarray(keypoints, np.float64)[..., :2]
    scores, areas = (np.asarray(v, np.float64) for v in (scores, areas))
    left, chosen = np.argsort(scores, kind='stable')[::-1], []
    scores = scores[left]
    while left.size and not (soft and len(chosen) == max_people):
        best, left, scores = left[0], left[1:], scores[1:]
        chosen.append(best)
        oks = keypoint_similarity(
            xy[best] - xy[left], (areas[best] + areas[left]) / 2, sigmas
        ).mean(axis=1)
        if soft:
            scores = scores * np.exp(-(oks**2) / threshold)
            order = np.argsort(scores, kind='stable')[::-1]
        else:
            order = ~(oks > threshold)
        left, scores = left[order], scores[order]
    return np.array(chosen, dtype=np.int64)
