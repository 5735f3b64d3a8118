"""MMPose data samples, as dictionaries, reduced to what evaluation reads.

What is kept is small and plain, for it travels between processes.
"""

from typing import Any, Dict, Hashable, List, Optional

import numpy as np

from .coco_format import ground_truth_from_coco
from .keypoint_mapping import map_keypoints
from .people import GroundTruth

_ANNOTATION_KEYS = (
    'id',
    'image_id',
    'category_id',
    'bbox',
    'area',
    'keypoints',
    'iscrowd',
)


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
        dict: A sample of :func:`gather_people`.

    Raises:
        ValueError: A part is missing or shapes do not fit.
    """
    missing = {'img_id', 'id', 'pred_instances'} - set(sample)
    if missing:
        raise ValueError(f'A data sample lacks {sorted(missing)}.')
    predicted = sample['pred_instances']
    boxes = sample.get('gt_instances', {})
    keypoints = _to_numpy(predicted['keypoints'])
    keypoint_scores = _to_numpy(predicted['keypoint_scores'])
    if keypoint_scores.shape != keypoints.shape[:2]:
        raise ValueError(
            f'Predicted keypoints of shape {keypoints.shape} and '
            f'keypoint_scores of shape {keypoint_scores.shape} do not fit '
            'together.'
        )
    keypoints = np.concatenate(
        [keypoints[..., :2], keypoint_scores[..., None]], axis=-1
    )
    if converter is not None:
        keypoints = map_keypoints(keypoints, **converter)
    count = len(keypoints)

    # A detector's score lies with the box that was used, unless the model
    # finds people itself.
    box_scores = np.ones(count)
    for instances in (predicted, boxes):
        if (
            'bbox_scores' in instances
            and len(instances['bbox_scores']) == count
        ):
            box_scores = _to_numpy(instances['bbox_scores']).reshape(count)
            break
    if 'bbox_scales' in boxes and len(boxes['bbox_scales']) == count:
        areas = _to_numpy(boxes['bbox_scales']).reshape(count, 2).prod(axis=1)
    else:
        xy = keypoints[..., :2]
        areas = (xy.max(axis=1) - xy.min(axis=1)).prod(axis=1)
    category_ids = np.ravel(_to_numpy(sample.get('category_id', 1)))
    return dict(
        img_id=_to_id(sample['img_id']),
        id=_to_id(sample['id']),
        keypoints=keypoints,
        box_scores=box_scores,
        areas=areas,
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
    return dict(
        img_id=_to_id(sample['img_id']),
        annotations=[
            {key: p[key] for key in _ANNOTATION_KEYS if key in p}
            for p in people
        ],
    )


def ground_truth_of_samples(
    annotations: List[Dict[str, Any]], use_area: bool = True
) -> GroundTruth:
    """Ground truth out of the samples' own annotations.

    Args:
        annotations (list[dict]): From :func:`sample_annotations`; a repeated
            person counts once.
        use_area (bool): See :func:`ground_truth_from_coco`.

    Raises:
        ValueError: There is no sample, or one annotation id stands for two
            people, as may happen in combined datasets.
    """
    source = "the samples' raw_ann_info"
    people = {}
    for sample in annotations:
        for person in sample['annotations']:
            first = people.setdefault(person['id'], person)
            if first is not person and not _equal(first, person):
                raise ValueError(
                    f'Annotation id {person["id"]} stands for two people in '
                    f'{source}: combined datasets need ids that do not '
                    'clash.'
                )
    if not annotations:
        raise ValueError(
            'No sample was processed and no ann_file is given: '
            'there is nothing to score.'
        )
    images = {sample['img_id'] for sample in annotations}
    dataset = dict(
        images=[dict(id=id_) for id_ in images],
        annotations=list(people.values()),
    )
    return ground_truth_from_coco(dataset, source, use_area)


def _equal(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(
        np.array_equal(a[key], b[key]) for key in a
    )


def _to_numpy(values) -> np.ndarray:
    """Array of a tensor on any device, or of anything array-like."""
    if hasattr(values, 'detach'):
        values = values.detach().cpu().numpy()
    return np.asarray(values)


def _to_id(value) -> Hashable:
    """Number or name; a tuple for the list of a bottom-up sample."""
    value = _to_numpy(value).tolist()
    return tuple(value) if isinstance(value, list) else value
