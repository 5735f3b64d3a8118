"""Annotation files: what is wrong with a person, and people as arrays."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence

from spinepose_mmpose.metainfo import NUM_KEYPOINTS

import numpy as np

from ..utils import read_json

# The values of COCO's visibility flag.
VISIBILITIES = (0, 1, 2)


class Fault(NamedTuple):
    """What makes an annotation useless; ``kind`` is one of ``KINDS``."""

    kind: str
    detail: str


def find_fault(
    annotation: dict, image: dict, num_keypoints: int
) -> Optional[Fault]:
    """The first fault that makes an annotation useless, or None."""
    for key in ('bbox', 'keypoints'):
        if key not in annotation:
            return Fault('incomplete', f'it has no {key!r}')
    box = annotation['bbox']
    fault = keypoint_fault(annotation['keypoints'], num_keypoints)
    fault = fault or box_fault(box)
    if fault is not None:
        return fault
    x, y, w, h = box
    size = numbers([image.get('width'), image.get('height')])
    if size is None or not (size > 0).all():
        detail = f'its image {image.get("id")} has no width or height'
        return Fault('incomplete', detail)
    # MMPose clips boxes to the last pixel, and would drop what is then empty.
    last = size - 1
    if x >= last[0] or y >= last[1] or x + w <= 0 or y + h <= 0:
        detail = f'its box {box} lies outside the {size[0]:g}x{size[1]:g} image'
        return Fault('box-outside', detail)
    return None


def keypoint_fault(keypoints, num_keypoints: int) -> Optional[Fault]:
    """The first fault of flat x, y, v, or None."""
    if not isinstance(keypoints, (list, tuple)):
        detail = (
            f'its keypoints are {keypoints!r}, expected a list x, y, v, ...'
        )
        return Fault('malformed', detail)
    count = len(keypoints) / 3
    if count != num_keypoints:
        detail = f'it has {count:g} keypoints, expected {num_keypoints}'
        return Fault('keypoint-count', f'{detail} (x, y, v each)')
    points = numbers(keypoints)
    if points is None or points.ndim > 1:
        places = map(numbers, keypoints)
        row = next(i for i, p in enumerate(places) if p is None or p.ndim)
        place = f'keypoint {row // 3} has {keypoints[row]!r} for '
        return Fault('malformed', f'{place}{"xyv"[row % 3]}, expected a number')
    points = points.reshape(-1, 3)
    bad = ~np.isfinite(points).all(axis=1)
    if bad.any():
        row = bad.argmax()
        detail = f'keypoint {row} is {points[row].tolist()}, expected numbers'
        return Fault('not-finite', detail)
    bad = ~np.isin(points[:, 2], VISIBILITIES)
    if bad.any():
        row = bad.argmax()
        detail = f'keypoint {row} has visibility {points[row, 2]:g}, expected '
        return Fault('visibility', f'{detail}one of 0, 1, 2')
    return None


def numbers(values) -> Optional[np.ndarray]:
    """As float64; None if anything in it is no number (``'1'`` is none)."""
    try:
        array = np.asarray(values)
    except (ValueError, OverflowError):  # lists of several lengths
        return None
    return array.astype(np.float64) if array.dtype.kind in 'iuf' else None


def box_fault(bbox) -> Optional[Fault]:
    """The first fault of x, y, w, h, or None."""
    box = numbers(bbox)
    if box is None or box.shape != (4,):
        detail = f'its box is {bbox!r}, expected four numbers x, y, w, h'
        return Fault('malformed', detail)
    if not np.isfinite(box).all():
        detail = f'its box is {bbox}, expected numbers'
        return Fault('not-finite', detail)
    if (box[2:] <= 0).any():
        detail = f'its box {bbox} has no width or no height'
        return Fault('empty-box', detail)
    return None


PREFIX = 'person_keypoints_'


def read_coco(path) -> dict:
    """A JSON file with the lists ``images`` and ``annotations``; ValueError
    and FileNotFoundError for any other."""
    content = read_json(str(path))
    for key in ('images', 'annotations'):
        entries = content.get(key) if isinstance(content, dict) else None
        if not isinstance(entries, list):
            raise ValueError(
                f'{path} has no list {key!r}, COCO annotations expected'
            )
        odd = [e for e in entries if not isinstance(e, dict)]
        if odd:
            raise ValueError(
                f'{path}: an entry of {key!r} is {odd[0]!r}, expected an object'
            )
    return content


@dataclass(frozen=True)
class People:
    """N people whose annotation has no fault."""

    rows: np.ndarray  # N: places in the file's list
    keypoints: np.ndarray  # N, K, 3: [x, y] in pixels and visibility
    boxes: np.ndarray  # N, 4: x, y, w, h
    areas: np.ndarray  # N, NaN where there is none
    image_rows: np.ndarray  # N: places in the list of images
    image_sizes: np.ndarray  # N, 2: w, h

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def labelled(self) -> np.ndarray:
        """(N, K) bool."""
        return self.keypoints[..., 2] > 0

    @property
    def scales(self) -> np.ndarray:
        """(N,) root of the box's area, at least one pixel."""
        sides = np.sqrt(self.boxes[:, 2:])  # their product may overflow
        return np.maximum(sides[:, 0] * sides[:, 1], 1)


class DataSet:
    """One annotation file (COCO-format JSON) with the folder of its images.

    ``name`` is the split, as the reports call it; ``raw`` what the file holds,
    where it has been read before.
    """

    def __init__(self, name, ann_file, image_dir=None, raw=None):
        self.name, self.ann_file, self.image_dir = name, ann_file, image_dir
        self.raw: dict = read_coco(ann_file) if raw is None else raw
        self.images: List[dict] = self.raw['images']
        self.annotations: List[dict] = self.raw['annotations']

    @property
    def is_validation(self) -> bool:
        return 'val' in self.name or 'test' in self.name

    @property
    def keypoint_names(self) -> Optional[list]:
        """Of the first category, None where it has no list of them."""
        try:
            names = self.raw['categories'][0]['keypoints']
        except (LookupError, TypeError):
            return None
        return names if isinstance(names, list) and names else None

    @cached_property
    def rows_of_people(self) -> List[Optional[int]]:
        """The image's row of each annotation, None where there is none; of
        several images with one id the last."""
        rows = {key_of(e.get('id')): i for i, e in enumerate(self.images)}
        return [rows.get(key_of(a.get('image_id'))) for a in self.annotations]

    @cached_property
    def misplaced(self) -> Dict[int, Fault]:
        """Row of each annotation whose ids lead nowhere or to several
        people or images -> why."""
        people = Counter(key_of(a.get('id')) for a in self.annotations)
        images = Counter(key_of(e.get('id')) for e in self.images)
        found = {}
        for row, annotation in enumerate(self.annotations):
            same = people[key_of(annotation.get('id'))]
            image = annotation.get('image_id')
            count = images[key_of(image)]
            if same > 1:
                detail = f'{same} annotations have its id'
                found[row] = Fault('duplicate-id', detail)
            elif not count:
                detail = (
                    f"its image id {image!r} is not among the file's images"
                )
                found[row] = Fault('no-image-entry', detail)
            elif count > 1:
                detail = f'{count} images have its image id {image}'
                found[row] = Fault('duplicate-image-id', detail)
        return found

    @cached_property
    def counts(self) -> Dict[str, int]:
        """``labelled`` people have a labelled keypoint."""

        def is_labelled(annotation):
            keypoints = annotation.get('keypoints')
            return isinstance(keypoints, list) and any(
                v in (1, 2) for v in keypoints[2::3]
            )

        used = set(self.rows_of_people) - {None}
        return dict(
            images=len(self.images),
            people=len(self.annotations),
            labelled=sum(map(is_labelled, self.annotations)),
            crowds=sum(bool(a.get('iscrowd')) for a in self.annotations),
            empty_images=len(self.images) - len(used),
        )

    def image_of(self, row: int) -> Optional[dict]:
        """The image's entry of an annotation."""
        image = self.rows_of_people[row]
        return None if image is None else self.images[image]

    def path_of(self, image: Optional[dict]) -> Optional[Path]:
        """The file of an image's entry, None where it is not known."""
        name = image and image.get('file_name')
        if self.image_dir is None or not isinstance(name, str):
            return None
        return self.image_dir / name

    @cached_property
    def faults(self) -> Dict[int, Fault]:
        """Row of each annotation that cannot be used -> why. One without an
        image's entry is not looked up in it."""
        anywhere = dict(width=1e300, height=1e300)
        found = {
            row: find_fault(a, self.image_of(row) or anywhere, NUM_KEYPOINTS)
            for row, a in enumerate(self.annotations)
        }
        return {row: fault for row, fault in found.items() if fault is not None}

    @cached_property
    def people(self) -> People:
        rows = [
            row
            for row, image in enumerate(self.rows_of_people)
            if image is not None and row not in self.faults
        ]
        people = [self.annotations[row] for row in rows]
        images = [self.image_of(row) for row in rows]

        def array(values, *shape):
            return np.array(values, float).reshape(-1, *shape)

        return People(
            np.array(rows, int),
            array([p['keypoints'] for p in people], NUM_KEYPOINTS, 3),
            array([p['bbox'] for p in people], 4),
            array([number(p.get('area')) for p in people]),
            np.array([self.rows_of_people[row] for row in rows], int),
            array([(i['width'], i['height']) for i in images], 2),
        )


def find_sets(root, splits: Sequence[str] = ()) -> List[DataSet]:
    """The annotation files, of all or of these splits, of a folder that holds
    ``annotations/`` and ``images/``."""
    root = Path(root).expanduser()
    files = sorted((root / 'annotations').glob(f'{PREFIX}*.json'))
    if not files:
        raise FileNotFoundError(
            f'{root} contains no annotations/{PREFIX}*.json: the folder that '
            'holds annotations/ and images/ expected (docs/data.md), or give '
            'files by --ann and --images'
        )
    names = [file.stem[len(PREFIX) :] for file in files]
    for split in splits or ():
        if split not in names:
            raise ValueError(
                f'no split {split!r} in {root}, choose from {", ".join(names)}'
            )
    return [
        DataSet(name, file, root / 'images' / name)
        for name, file in zip(names, files)
        if name in (splits or names)
    ]


def key_of(value):
    """Ids that cannot be looked up (a list, NaN) are nobody's."""
    is_id = isinstance(value, (int, str, float)) and value == value
    return value if is_id else None


def number(value) -> float:
    """NaN for what is no number."""
    array = numbers(value)
    return float(array) if array is not None and array.ndim == 0 else np.nan


def box_around(keypoints: np.ndarray, box=None) -> np.ndarray:
    """x, y, w, h around the labelled points and, if given, a box; of nothing,
    a box of 100 pixels."""
    shown = np.isfinite(keypoints).all(axis=1) & (keypoints[:, 2] > 0)
    xy = keypoints[shown, :2]
    if box is not None:
        xy = np.vstack([xy, box[:2], np.add(box[:2], box[2:])])
    elif not len(xy):
        return np.array([0.0, 0.0, 100.0, 100.0])
    low, high = xy.min(axis=0), xy.max(axis=0)
    return np.concatenate([low, np.maximum(high - low, 1)])
