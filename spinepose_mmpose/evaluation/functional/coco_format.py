"""COCO keypoint files as arrays, with every complaint in one sentence."""

import json
import os
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np

from .people import Detections, GroundTruth, make_detections

# COCO has no mask area for a person in datasets without segmentation; the
# usual stand-in is this share of the box (CrowdPose, AIC).
AREA_OF_BOX = 0.53


def read_json(path: str, name: str = '') -> Any:
    """Content of a JSON file.

    Args:
        path (str): File to read.
        name (str): What to call it in a message. Default: the path.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no JSON, or its end is missing.
    """
    name = name or path
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f"'{name}' does not exist; a JSON file was expected there."
        )
    with open(path, encoding='utf-8') as file:
        try:
            return json.load(file)
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ValueError(
                f"'{name}' ({os.path.getsize(path)} bytes) is not a complete "
                f'JSON file, it may be truncated: {error}.'
            ) from error


def ground_truth_from_coco(
    dataset: Dict[str, Any],
    source: str = 'the ground truth',
    use_area: bool = True,
) -> GroundTruth:
    """Parse a COCO keypoint annotation dictionary; it is not modified.

    Annotations of images that ``images`` does not list are left out, as
    COCO's own evaluation does. ``num_keypoints`` is not read: it is recounted
    for each subset.

    Args:
        dataset (dict): ``images`` and ``annotations``, COCO's layout;
            ``categories`` when there.
        source (str): What to call the data in a message, the file for
            example.
        use_area (bool): Take ``area`` of the annotations. Otherwise 0.53 of
            the box area.

    Raises:
        ValueError: The dictionary is something else, or people have different
            numbers of keypoints, or a needed field is missing.
    """
    _require_keys(dataset, ('images', 'annotations'), source)
    try:
        image_ids = tuple(sorted({image['id'] for image in dataset['images']}))
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"'images' of {source} should be a list of dictionaries with "
            "comparable 'id's."
        ) from error
    positions = {id_: i for i, id_ in enumerate(image_ids)}

    people, seen = [], set()
    for person in dataset['annotations']:
        _require_keys(
            person,
            ('image_id', 'bbox') + (('area',) if use_area else ()),
            f'annotation {_id_of(person)} of {source}',
            'use_area=False replaces a missing area by '
            f'{AREA_OF_BOX} of the box'
            if use_area
            else '',
        )
        if 'id' in person and person['id'] in seen:
            raise ValueError(
                f'annotation id {person["id"]} occurs twice in {source}: ids '
                'should be unique, also over merged datasets.'
            )
        seen.add(person.get('id'))
        if person['image_id'] in positions:
            people.append(person)
    if not people:
        raise ValueError(
            f'{source} holds no annotation for any of its '
            f'{len(image_ids)} images, nothing can be scored.'
        )

    boxes = _as_floats(
        [person['bbox'] for person in people],
        (-1, 4),
        f"the 'bbox'es of {source}",
    )
    if use_area:
        areas = _as_floats(
            [person['area'] for person in people],
            (-1,),
            f"the 'area's of {source}",
        )
    else:
        areas = boxes[:, 2] * boxes[:, 3] * AREA_OF_BOX

    categories = np.array([person.get('category_id', 1) for person in people])
    declared = dataset.get('categories')
    if isinstance(declared, list) and declared:
        known = {category['id'] for category in declared}
    else:
        known = set(categories.tolist())
    return GroundTruth(
        image_ids=image_ids,
        image_index=np.array([positions[p['image_id']] for p in people]),
        keypoints=_keypoints_of(people, source),
        boxes=boxes,
        areas=areas,
        crowd=np.array([bool(p.get('iscrowd', 0)) for p in people]),
        category_ids=categories,
        known_categories=tuple(sorted(known)),
        source=source,
    )


def detections_from_coco(
    results: List[Dict[str, Any]],
    ground_truth: GroundTruth,
    source: str = 'the results',
) -> Detections:
    """Parse a COCO keypoint result list; it is not modified.

    Args:
        results (list[dict]): ``image_id``, ``category_id``, ``keypoints``
            (flat [x, y, score] triplets) and ``score`` of each person.
        ground_truth (GroundTruth): What they will be compared with.
        source (str): What to call the results in a message.

    Raises:
        ValueError: As :func:`make_detections`, or it is no such list.
    """
    if not isinstance(results, list):
        raise ValueError(
            f'{source} should be a list of dictionaries, one a '
            f'person, but is of type {type(results).__name__}.'
        )
    for person in results:
        _require_keys(
            person, ('image_id', 'keypoints', 'score'), f'a person of {source}'
        )
    num_keypoints = ground_truth.num_keypoints
    keypoints = (
        _keypoints_of(results, source)
        if results
        else np.zeros((0, num_keypoints, 3))
    )
    return make_detections(
        [p['image_id'] for p in results],
        keypoints,
        [p['score'] for p in results],
        [p.get('category_id', 1) for p in results],
        ground_truth,
        source,
    )


def _keypoints_of(people: Sequence[Dict[str, Any]], source: str) -> np.ndarray:
    """Flat COCO triplets to (N, K, 3); a person without any has all zeros."""
    lengths = [len(person.get('keypoints') or ()) for person in people]
    length = max(lengths)
    if length == 0 or length % 3:
        raise ValueError(
            f"the 'keypoints' of {source} should be flat [x, y, v] triplets, "
            f'but the longest of them has {length} numbers.'
        )
    for person, other in zip(people, lengths):
        if other not in (0, length):
            raise ValueError(
                f'the people of {source} have different numbers of keypoints: '
                f'{length / 3:g}, but annotation {_id_of(person)} has '
                f'{other / 3:g}.'
            )
    blank = [0.0] * length
    return _as_floats(
        [person.get('keypoints') or blank for person in people],
        (-1, length // 3, 3),
        f"the 'keypoints' of {source}",
    )


def _as_floats(values, shape: Tuple[int, ...], what: str) -> np.ndarray:
    try:
        array = np.array(values, dtype=np.float64).reshape(shape)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f'{what} should be numbers that form an array of shape '
            f'{shape}: {error}.'
        ) from error
    if not np.isfinite(array).all():
        raise ValueError(f'{what} hold values that are not finite.')
    return array


def _require_keys(mapping, keys: Sequence[str], what: str, hint: str = ''):
    if not isinstance(mapping, dict):
        raise ValueError(
            f'{what} should be a dictionary with '
            f'{", ".join(map(repr, keys))}, but is of type '
            f'{type(mapping).__name__}.'
        )
    missing = [key for key in keys if key not in mapping]
    if missing:
        raise ValueError(
            f'{what} has no {", ".join(map(repr, missing))}'
            f'{f" ({hint})" if hint else ""}.'
        )


def _id_of(person) -> str:
    return str(person.get('id', '?')) if isinstance(person, dict) else '?'
