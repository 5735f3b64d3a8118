"""Labelled and predicted people as arrays, read from COCO keypoint files.

numpy only. Letters: N people, K keypoints.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Hashable, List, Optional, Sequence, Tuple, Union

import numpy as np

# COCO has no mask area for a person in datasets without segmentation; the
# usual stand-in is this share of the box (CrowdPose, AIC).
AREA_OF_BOX = 0.53

# (source, target) ids, as MMPose's KeypointConverter takes them;
# ((a, b), target) puts the target midway between two sources.
Mapping = Sequence[Tuple[Union[int, Sequence[int]], int]]


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


def make_detections(
    image_ids: Sequence[Hashable],
    keypoints: np.ndarray,
    scores: Sequence[float],
    category_ids: Sequence[int],
    ground_truth: GroundTruth,
    source: str = 'the predictions',
) -> Detections:
    """Detections of N people that fit the ground truth; ``source`` is what a
    message calls them, for the others see :class:`Detections`.

    Raises:
        ValueError: Another number of keypoints, an image or a category that
            the ground truth does not have, or values that are not finite.
    """
    keypoints = np.asarray(keypoints, dtype=np.float64)
    scores = np.asarray(scores, dtype=np.float64)
    category_ids = np.asarray(category_ids, dtype=np.int64)
    if keypoints.shape[1] != ground_truth.num_keypoints:
        raise ValueError(
            f'{source} have {keypoints.shape[1]} keypoints per person, but '
            f'{ground_truth.source} has {ground_truth.num_keypoints}.'
        )
    positions = {id_: i for i, id_ in enumerate(ground_truth.image_ids)}
    unknown = sorted(set(image_ids) - set(positions), key=str)
    if unknown:
        raise ValueError(
            f'{source} hold people in {len(unknown)} images that '
            f'{ground_truth.source} does not list (image ids '
            f'{_first_few(unknown)}): it is the ground truth of other images.'
        )
    known = ground_truth.known_categories
    unknown = sorted(set(category_ids.tolist()) - set(known))
    if unknown:
        raise ValueError(
            f'{source} hold category ids {_first_few(unknown)}, but '
            f'{ground_truth.source} only knows {_first_few(known)}: such '
            'people could match nobody.'
        )
    broken = ~(np.isfinite(keypoints).all(axis=(1, 2)) & np.isfinite(scores))
    if broken.any():
        raise ValueError(
            f'{int(broken.sum())} of {len(scores)} people in {source} have '
            'coordinates or scores that are not finite, the first in image '
            f'{image_ids[int(broken.argmax())]}.'
        )
    index = np.array([positions[id_] for id_ in image_ids], dtype=np.int64)
    return Detections(index, keypoints, scores, category_ids)


def read_json(path: str, name: str = '') -> Any:
    """Content of a JSON file, which messages call by its path or ``name``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not JSON, its end is missing, or it is nested more
            deeply than anything of use.
    """
    name = name or path
    if not os.path.isfile(path):
        raise FileNotFoundError(f'no such JSON file: {name}')
    content = Path(path).read_bytes()
    try:
        return json.loads(content)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(
            f'{name} is no complete JSON, it may be cut off '
            f'({len(content)} bytes): {error}'
        ) from None
    except RecursionError:
        raise ValueError(f'{name} is nested too deeply') from None


def ground_truth_from_coco(
    dataset: Dict[str, Any],
    source: str = 'the ground truth',
    use_area: bool = True,
) -> GroundTruth:
    """Parse a COCO keypoint annotation dictionary; it is not modified.

    Annotations of images that ``images`` does not list are left out, as in
    COCO's own evaluation. ``num_keypoints`` is not read: it is recounted for
    each subset.

    Args:
        dataset (dict): ``images``, ``annotations``, maybe ``categories``.
        source (str): What to call it in a message.
        use_area (bool): Take ``area``, otherwise 0.53 of the box.

    Raises:
        ValueError: The dictionary is something else, people have different
            numbers of keypoints, or a required field is missing.
    """
    _require_keys(dataset, ('images', 'annotations'), source)
    try:
        image_ids = tuple(sorted({image['id'] for image in dataset['images']}))
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"'images' of {source} should be dictionaries with comparable 'id's"
        ) from error
    positions = {id_: i for i, id_ in enumerate(image_ids)}
    needed = ('image_id', 'bbox', 'area') if use_area else ('image_id', 'bbox')
    people, seen = [], set()
    for person in dataset['annotations']:
        what = f'annotation {_id_of(person)} of {source}'
        _require_keys(person, needed, what)
        if 'id' in person and person['id'] in seen:
            raise ValueError(
                f'annotation id {person["id"]} occurs twice in {source}: ids '
                'should be unique, also in merged datasets.'
            )
        seen.add(person.get('id'))
        if person['image_id'] in positions:
            people.append(person)
    if not people:
        raise ValueError(
            f'{source} holds no annotation for any of its '
            f'{len(image_ids)} images, nothing can be scored.'
        )

    boxes = _as_floats([p['bbox'] for p in people], (-1, 4), 'bbox', source)
    areas = boxes[:, 2] * boxes[:, 3] * AREA_OF_BOX
    if use_area:
        areas = _as_floats([p['area'] for p in people], (-1,), 'area', source)
    categories = np.array([person.get('category_id', 1) for person in people])
    known, declared = set(categories.tolist()), dataset.get('categories')
    if isinstance(declared, list) and declared:
        known = {category['id'] for category in declared}
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
        ground_truth, source: See :func:`make_detections`.

    Raises:
        ValueError: It is no such list, or as :func:`make_detections`.
    """
    if not isinstance(results, list):
        raise ValueError(
            f'{source} should be a list of dictionaries, one per person, but '
            f'is of type {type(results).__name__}.'
        )
    for person in results:
        needed = ('image_id', 'keypoints', 'score')
        _require_keys(person, needed, f'a person of {source}')
    nobody = np.zeros((0, ground_truth.num_keypoints, 3))
    return make_detections(
        [p['image_id'] for p in results],
        _keypoints_of(results, source) if results else nobody,
        [p['score'] for p in results],
        [p.get('category_id', 1) for p in results],
        ground_truth,
        source,
    )


def _keypoints_of(people: Sequence[Dict[str, Any]], source: str) -> np.ndarray:
    """Flat COCO triplets to (N, K, 3); a person without any has all zeros."""
    points = [person.get('keypoints') or () for person in people]
    length = max(map(len, points))
    for person, own in zip(people, points):
        if length == 0 or length % 3 or len(own) not in (0, length):
            raise ValueError(
                f"the 'keypoints' of {source} should be flat [x, y, v] "
                'triplets, as many for each person, but the longest of them '
                f'has {length} numbers and annotation {_id_of(person)} has '
                f'{len(own)}.'
            )
    points = [own or [0.0] * length for own in points]
    return _as_floats(points, (-1, length // 3, 3), 'keypoints', source)


def map_keypoints(
    keypoints: np.ndarray, num_keypoints: int, mapping: Mapping
) -> np.ndarray:
    """Keypoints (N, K, 3) rearranged to (N, num_keypoints, 3).

    Those without a source are 0 with score 0; one between two sources has the
    lower one of their visibilities or scores.

    Raises:
        ValueError: An id does not exist.
    """
    first, second, target = _ids(mapping, keypoints.shape[1], num_keypoints)
    out = np.zeros((len(keypoints), num_keypoints, 3), dtype=keypoints.dtype)
    a, b = keypoints[:, first], keypoints[:, second]
    # An equal pair is copied: its mean could differ in the last bit.
    same = (first == second)[:, None]
    out[:, target, :2] = np.where(same, a, a / 2 + b / 2)[..., :2]
    out[:, target, 2] = np.minimum(a[..., 2], b[..., 2])
    return out


def map_sigmas(
    sigmas: Sequence[float], num_keypoints: int, mapping: Mapping
) -> np.ndarray:
    """OKS sigmas after :func:`map_keypoints`, (num_keypoints, ).

    Between two sources it is their mean, without a source 1.
    """
    sigmas = np.asarray(sigmas, dtype=np.float64)
    first, second, target = _ids(mapping, len(sigmas), num_keypoints)
    a, b = sigmas[first], sigmas[second]
    out = np.ones(num_keypoints)
    out[target] = np.where(first == second, a, (a + b) / 2)
    return out


def _ids(mapping: Mapping, num_sources: int, num_targets: int) -> np.ndarray:
    """(3, M): first source, second source (the same for one) and target."""
    rows = []
    for source, target in mapping:
        pair = source if isinstance(source, (list, tuple)) else (source, source)
        if len(pair) != 2:
            raise ValueError(
                'A target lies on one source or between two, but the mapping '
                f'of {target} names {len(pair)}.'
            )
        inside = all(0 <= s < num_sources for s in pair)
        if not (inside and 0 <= target < num_targets):
            raise ValueError(
                f'The mapping ({source}, {target}) does not fit {num_sources} '
                f'source keypoints and {num_targets} target keypoints.'
            )
        rows.append((*pair, target))
    return np.array(rows, dtype=np.int64).reshape(-1, 3).T


def _as_floats(values, shape, key: str, source: str) -> np.ndarray:
    try:
        array = np.array(values, dtype=np.float64).reshape(shape)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"the '{key}' values of {source} should be numbers that form an "
            f'array of shape {shape}: {error}.'
        ) from error
    if not np.isfinite(array).all():
        raise ValueError(f"the '{key}' values of {source} are not finite.")
    return array


def _require_keys(value, keys: Sequence[str], what: str) -> None:
    if not isinstance(value, dict):
        raise ValueError(
            f'{what} should be a dictionary with '
            f'{", ".join(map(repr, keys))}, but is of type '
            f'{type(value).__name__}.'
        )
    missing = [repr(key) for key in keys if key not in value]
    if missing:
        hint = f' (use_area=False takes {AREA_OF_BOX} of the box instead)'
        hint = hint if "'area'" in missing else ''
        raise ValueError(f'{what} has no {", ".join(missing)}{hint}.')


def _id_of(person) -> str:
    return str(person.get('id', '?')) if isinstance(person, dict) else '?'


def _first_few(values: Sequence, count: int = 5) -> str:
    shown = ', '.join(str(value) for value in list(values)[:count])
    return shown + (', ...' if len(values) > count else '')
