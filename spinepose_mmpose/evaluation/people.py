"""Labelled and predicted people as arrays, read from COCO keypoint files.

numpy only. Letters: N people, K keypoints.
"""

from dataclasses import dataclass
from typing import Any, Dict, Hashable, List, Optional, Sequence, Tuple

import numpy as np

# COCO has no mask area for a person in datasets without segmentation; the
# usual stand-in is this share of the box (CrowdPose, AIC).
AREA_OF_BOX = 0.53


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
        source (str): What to call the data in a message.
    """

    image_ids: Tuple[Hashable, ...]
    image_index: np.ndarray
    keypoints: np.ndarray
    boxes: np.ndarray
    areas: np.ndarray
    crowd: np.ndarray
    category_ids: np.ndarray
    source: str

    def __len__(self) -> int:
        return len(self.keypoints)

    @property
    def num_keypoints(self) -> int:
        return self.keypoints.shape[1]

    def labelled_people(
        self, keypoint_ids: Optional[Sequence[int]] = None
    ) -> np.ndarray:
        """(N, ) bool: no crowd, and one of the keypoints has a label."""
        ids = slice(None) if keypoint_ids is None else list(keypoint_ids)
        return (self.keypoints[:, ids, 2] > 0).any(axis=1) & ~self.crowd


@dataclass(frozen=True)
class Detections:
    """Predicted people.

    Attributes:
        image_index (np.ndarray): (N, ), position in the ``image_ids`` of the
            ground truth.
        keypoints (np.ndarray): (N, K, 3), [x, y] in pixels of the image and
            the score of the keypoint.
        scores (np.ndarray): (N, ), score of the person; only the order counts.
        category_ids (np.ndarray): (N, ).
    """

    image_index: np.ndarray
    keypoints: np.ndarray
    scores: np.ndarray
    category_ids: np.ndarray

    def __len__(self) -> int:
        return len(self.scores)


def ground_truth_from_coco(
    dataset: Dict[str, Any],
    source: str = 'the ground truth',
    use_area: bool = True,
) -> GroundTruth:
    """Parse a COCO keypoint annotation dictionary.

    Annotations of images that ``images`` does not list are left out, as in
    COCO's own evaluation. ``num_keypoints`` is not read: it is recounted for
    each subset.

    Args:
        dataset (dict): ``images`` and ``annotations``.
        source (str): What to call it in a message.
        use_area (bool): Take ``area``, otherwise 0.53 of the box.

    Raises:
        ValueError: The dictionary is something else, people have different
            numbers of keypoints, or a required field is missing.
    """
    _require_keys([dataset], ('images', 'annotations'), source)
    _require_keys(dataset['images'], ('id',), f'an image of {source}')
    image_ids = tuple(sorted({image['id'] for image in dataset['images']}))
    positions = {id_: i for i, id_ in enumerate(image_ids)}
    needed = ('image_id', 'bbox', 'area') if use_area else ('image_id', 'bbox')
    people = dataset['annotations']
    _require_keys(people, needed, f'an annotation of {source}')
    ids = [p['id'] for p in people if 'id' in p]
    if len(set(ids)) < len(ids):
        raise ValueError(
            f'{source} has annotation ids that occur twice: ids should be '
            'unique, also in merged datasets.'
        )
    people = [p for p in people if p['image_id'] in positions]
    if not people:
        raise ValueError(
            f'{source} contains no annotation for any of its '
            f'{len(image_ids)} images, nothing can be scored.'
        )
    boxes = _as_floats(people, 'bbox', (-1, 4), source)
    areas = boxes[:, 2] * boxes[:, 3] * AREA_OF_BOX
    if use_area:
        areas = _as_floats(people, 'area', (-1,), source)
    return GroundTruth(
        image_ids=image_ids,
        image_index=np.array([positions[p['image_id']] for p in people]),
        keypoints=_keypoints_of(people, source),
        boxes=boxes,
        areas=areas,
        crowd=np.array([bool(p.get('iscrowd', 0)) for p in people]),
        category_ids=np.array([p.get('category_id', 1) for p in people]),
        source=source,
    )


def detections_from_coco(
    results: List[Dict[str, Any]],
    ground_truth: GroundTruth,
    source: str = 'the results',
) -> Detections:
    """Parse a COCO keypoint result list.

    Args:
        results (list[dict]): ``image_id``, ``keypoints`` (flat [x, y, score]
            triplets), ``score`` and maybe ``category_id`` of each person.
        ground_truth (GroundTruth): Of the same images.
        source (str): What to call the results in a message.

    Raises:
        ValueError: It is no such list, has another number of keypoints, an
            image or a category that the ground truth lacks, or values that
            are not finite.
    """
    gts = ground_truth
    if not isinstance(results, list):
        raise ValueError(
            f'{source} should be a list of dictionaries, one per person, but '
            f'is of type {type(results).__name__}.'
        )
    needed = ('image_id', 'keypoints', 'score')
    _require_keys(results, needed, f'a person of {source}')
    keypoints = np.zeros((0, gts.num_keypoints, 3))
    if results:
        keypoints = _keypoints_of(results, source)
    if keypoints.shape[1] != gts.num_keypoints:
        raise ValueError(
            f'{source} have {keypoints.shape[1]} keypoints per person, but '
            f'{gts.source} has {gts.num_keypoints}.'
        )
    image_ids = [p['image_id'] for p in results]
    categories = [p.get('category_id', 1) for p in results]
    positions = {id_: i for i, id_ in enumerate(gts.image_ids)}
    for what, given, known in (
        ('image ids', image_ids, positions),
        ('category ids', categories, gts.category_ids.tolist()),
    ):
        unknown = sorted(set(given) - set(known), key=str)
        if unknown:
            more = ', ...' if len(unknown) > 5 else ''
            raise ValueError(
                f'{source} hold people that {gts.source} does not list '
                f'({what} {", ".join(map(str, unknown[:5]))}{more}): it is the '
                'ground truth of other data.'
            )
    return Detections(
        np.array([positions[id_] for id_ in image_ids], dtype=np.int64),
        keypoints,
        _as_floats(results, 'score', (-1,), source),
        np.array(categories, dtype=np.int64),
    )


def _keypoints_of(people: Sequence[Dict[str, Any]], source: str) -> np.ndarray:
    """Flat COCO triplets to (N, K, 3); a person without any has all zeros."""
    points = [person.get('keypoints') for person in people]
    points = [() if own is None else own for own in points]
    length = max(map(len, points))
    odd = [len(own) for own in points if len(own) not in (0, length)]
    if odd or length == 0 or length % 3:
        raise ValueError(
            f"the 'keypoints' of {source} should be flat [x, y, v] triplets, "
            'as many for each person, but people have '
            f'{", ".join(map(str, sorted({length, *odd})))} numbers.'
        )
    zeros = [0.0] * length
    people = [
        dict(p, keypoints=own if len(own) else zeros)
        for p, own in zip(people, points)
    ]
    return _as_floats(people, 'keypoints', (-1, length // 3, 3), source)


def _as_floats(people, key: str, shape, source: str) -> np.ndarray:
    """The values of all people."""
    try:
        array = np.array([p[key] for p in people], np.float64).reshape(shape)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"the '{key}' values of {source} should be numbers that form an "
            f'array of shape {shape}: {error}.'
        ) from error
    finite = np.isfinite(array).all(axis=tuple(range(1, array.ndim)))
    if not finite.all():
        raise ValueError(
            f"the '{key}' values of {source} are not finite for "
            f'{(~finite).sum()} of {len(array)} people, the first in image '
            f'{people[finite.argmin()]["image_id"]}.'
        )
    return array


def _require_keys(rows: Sequence[Any], keys: Sequence[str], what: str) -> None:
    for row in rows:
        missing = [
            key for key in keys if not isinstance(row, dict) or key not in row
        ]
        if missing:
            hint = f' (use_area=False takes {AREA_OF_BOX} of the box instead)'
            raise ValueError(
                f'{what} should be a dictionary with '
                f'{", ".join(map(repr, keys))}, but lacks '
                f'{", ".join(map(repr, missing))}'
                f'{hint if "area" in missing else ""}.'
            )
