"""A dataset as its checks see it: files, people as arrays, findings."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

from spinepose_mmpose.metainfo import NUM_KEYPOINTS

import numpy as np

# The values of COCO's visibility flag.
VISIBILITIES = (0, 1, 2)


class Fault(NamedTuple):
    """``kind`` groups faults in a report; ``detail`` says what was found and
    what was expected."""

    kind: str
    detail: str


def find_fault(
    annotation: dict, image: dict, num_keypoints: int
) -> Optional[Fault]:
    """The first fault that makes an annotation useless, or None.

    Args:
        annotation: A person in COCO format: ``bbox`` x, y, w, h in pixels,
            ``keypoints`` flat x, y, v.
        image: The image's entry with ``width`` and ``height`` in pixels.
        num_keypoints: The expected number of keypoints.

    Returns:
        Fault: What is wrong, without the place.
    """
    for key in ('bbox', 'keypoints'):
        if key not in annotation:
            return Fault('incomplete', f'it has no {key!r}')
    return _keypoint_fault(
        annotation['keypoints'], num_keypoints
    ) or _box_fault(annotation['bbox'], image)


def _keypoint_fault(keypoints, num_keypoints: int) -> Optional[Fault]:
    if not isinstance(keypoints, (list, tuple)):
        return Fault(
            'malformed',
            f'its keypoints are {keypoints!r}, expected a list of '
            f'{num_keypoints} times x, y, v',
        )
    if len(keypoints) != 3 * num_keypoints:
        return Fault(
            'with another keypoint count',
            f'it has {len(keypoints) / 3:g} keypoints, expected '
            f'{num_keypoints} (x, y, v each)',
        )
    points = _numbers(keypoints)
    if points is None or points.ndim > 1:
        row = next(
            i
            for i, value in enumerate(keypoints)
            if np.ndim(value) or _numbers(value) is None
        )
        return Fault(
            'malformed',
            f'keypoint {row // 3} has {keypoints[row]!r} for '
            f'{"xyv"[row % 3]}, expected a number',
        )
    points = points.reshape(-1, 3)
    if not np.isfinite(points).all():
        row = int(np.argwhere(~np.isfinite(points))[0, 0])
        return Fault(
            'with NaN or infinity',
            f'keypoint {row} is {points[row].tolist()}, expected numbers',
        )
    odd = ~np.isin(points[:, 2], VISIBILITIES)
    if odd.any():
        row = int(np.argmax(odd))
        return Fault(
            'with a wrong visibility',
            f'keypoint {row} has visibility {points[row, 2]:g}, expected one '
            'of 0, 1, 2',
        )
    return None


def _numbers(values) -> Optional[np.ndarray]:
    """As float64; None if anything in it is no number (``'1'`` is none)."""
    try:
        array = np.asarray(values)
    except ValueError:  # lists of several lengths
        return None
    return array.astype(np.float64) if array.dtype.kind in 'iuf' else None


def _box_fault(bbox, image: dict) -> Optional[Fault]:
    box = _numbers(bbox)
    if box is None or box.shape != (4,):
        return Fault(
            'malformed',
            f'its box is {bbox!r}, expected four numbers x, y, w, h',
        )
    if not np.isfinite(box).all():
        return Fault(
            'with NaN or infinity', f'its box is {bbox}, expected numbers'
        )
    x, y, w, h = box
    if w <= 0 or h <= 0:
        return Fault(
            'with an empty box', f'its box {bbox} has no width or no height'
        )
    size = _numbers([image.get('width'), image.get('height')])
    if size is None or not (size > 0).all():
        return Fault(
            'incomplete', f'its image {image.get("id")} has no width or height'
        )
    # MMPose clips boxes to the last pixel, and would drop what is then empty.
    last = size - 1
    if x >= last[0] or y >= last[1] or x + w <= 0 or y + h <= 0:
        return Fault(
            'with a box outside the image',
            f'its box {bbox} lies outside the {size[0]:g}x{size[1]:g} image',
        )
    return None


ERROR, WARNING = 'error', 'warning'


class Kind(NamedTuple):
    """``remedy`` is what a cleaned copy does about it, '' for nothing."""

    severity: str
    meaning: str
    remedy: str = ''


class Finding(NamedTuple):
    """One fault at one place.

    ``row`` counts annotations (of a kind about people) or images from 0 in
    the file; ``points`` are the keypoints that it is about; ``score`` orders
    findings of one kind, larger is worse.
    """

    kind: str
    split: str
    detail: str
    row: Optional[int] = None
    annotation: Optional[object] = None
    image: Optional[object] = None
    file: str = ''
    score: float = 0.0
    points: Tuple[int, ...] = ()

    @property
    def severity(self) -> str:
        return KINDS[self.kind].severity


_DROP = 'the person is left out'
_DROP_IMAGE = 'the image and its people are left out'

KINDS: Dict[str, Kind] = {
    # The file.
    'keypoint-order': Kind(
        ERROR,
        'the file names its keypoints in another order than SpineTrack',
        'the points are put in order, where their names are the same',
    ),
    'keypoint-names': Kind(
        WARNING, 'the file does not name its keypoints: order unchecked'
    ),
    # Ids.
    'duplicate-id': Kind(
        ERROR, 'several annotations have one id', 'new ids are given'
    ),
    'duplicate-image-id': Kind(
        ERROR,
        'several images have one id',
        'they and their people are left out',
    ),
    'no-image-entry': Kind(
        ERROR, "the annotation's image is not in the file", _DROP
    ),
    # A person that cannot be used: what SpineTrackDataset refuses.
    'incomplete': Kind(ERROR, 'box, keypoints or image size are absent', _DROP),
    'malformed': Kind(ERROR, 'box or keypoints are no numbers', _DROP),
    'keypoint-count': Kind(ERROR, 'not 37 keypoints', _DROP),
    'not-finite': Kind(
        ERROR,
        'NaN or infinity in keypoints or box',
        'the point loses its label; with a bad box the person is left out',
    ),
    'visibility': Kind(
        ERROR,
        'visibility other than 0, 1, 2',
        'the point loses its label',
    ),
    'empty-box': Kind(ERROR, 'box without width or height', _DROP),
    'box-outside': Kind(ERROR, 'box outside the image', _DROP),
    'area': Kind(
        ERROR,
        'area is absent, zero or negative',
        "the box's width times height is written",
    ),
    # A person that looks wrong.
    'num-keypoints': Kind(
        WARNING,
        'num_keypoints is not the number of labelled points',
        'it is counted anew',
    ),
    'area-large': Kind(WARNING, 'area is larger than the box'),
    'box-beyond-image': Kind(
        WARNING, 'box reaches beyond the image', 'the box is cut to the image'
    ),
    'point-at-origin': Kind(
        WARNING, 'labelled point at 0, 0', 'the point loses its label'
    ),
    'point-outside-image': Kind(
        WARNING,
        'labelled point outside the image',
        'the point loses its label',
    ),
    'point-outside-box': Kind(WARNING, 'labelled point far outside the box'),
    'sides-exchanged': Kind(
        WARNING, 'left and right look exchanged (bones cross the body)'
    ),
    'sides-opposed': Kind(
        WARNING, 'left and right of two pairs oppose one another'
    ),
    'spine-order': Kind(
        WARNING, 'two neighbours of the spine look exchanged'
    ),
    'spine-spacing': Kind(
        WARNING, 'a point of the spine is far from its neighbours'
    ),
    'person-twice': Kind(
        WARNING,
        'one person is labelled twice in one image',
        'an exact copy is left out',
    ),
    # Images.
    'image-entry': Kind(
        ERROR, 'an image entry lacks file_name, width or height'
    ),
    'image-missing': Kind(ERROR, 'the image file is absent', _DROP_IMAGE),
    'image-truncated': Kind(ERROR, 'the image file is cut off', _DROP_IMAGE),
    'image-unreadable': Kind(
        ERROR, 'the image file cannot be decoded', _DROP_IMAGE
    ),
    'image-size': Kind(ERROR, 'the image has another size than its entry'),
    'train-val-image': Kind(
        ERROR,
        'the same picture is in training and validation',
        'it leaves the training file',
    ),
    'train-val-name': Kind(
        WARNING, 'one file name is in training and validation'
    ),
    'image-twice': Kind(WARNING, 'two image files have the same bytes'),
}  # fmt: skip


PREFIX = 'person_keypoints_'


@dataclass(frozen=True)
class DataSet:
    """One annotation file with its images.

    Attributes:
        name: the split, as the reports call it.
        ann_file: COCO-format JSON.
        image_dir: folder that the file names are relative to, or None.
    """

    name: str
    ann_file: Path
    image_dir: Optional[Path] = None

    @property
    def is_validation(self) -> bool:
        return 'val' in self.name or 'test' in self.name

    def load(self) -> 'Content':
        """
        Raises:
            FileNotFoundError, ValueError: if it is no COCO-format file.
        """
        if not self.ann_file.is_file():
            raise FileNotFoundError(f'no such annotation file: {self.ann_file}')
        with open(self.ann_file, encoding='utf-8') as file:
            try:
                content = json.load(file)
            except (json.JSONDecodeError, UnicodeDecodeError) as error:
                raise ValueError(
                    f'{self.ann_file} is no complete JSON, it may be cut off: '
                    f'{error}'
                ) from None
        for key in ('images', 'annotations'):
            if not isinstance(content, dict) or not isinstance(
                content.get(key), list
            ):
                raise ValueError(
                    f'{self.ann_file} has no list {key!r}, COCO annotations '
                    'expected'
                )
            odd = [e for e in content[key] if not isinstance(e, dict)]
            if odd:
                raise ValueError(
                    f'{self.ann_file}: an entry of {key!r} is {odd[0]!r}, '
                    'expected an object'
                )
        return Content(self, content)


class Content:
    """A loaded file."""

    def __init__(self, source: DataSet, raw: dict):
        self.source, self.raw = source, raw
        self.name = source.name
        self.images: List[dict] = raw['images']
        self.annotations: List[dict] = raw['annotations']

    @cached_property
    def image_rows(self) -> dict:
        """Row by id; of several the last."""
        return {key_of(e.get('id')): i for i, e in enumerate(self.images)}

    @cached_property
    def rows_of_people(self) -> List[Optional[int]]:
        """The image's row of each annotation, None where there is none."""
        rows = self.image_rows
        return [rows.get(key_of(a.get('image_id'))) for a in self.annotations]

    def path_of(self, image: dict) -> Optional[Path]:
        name = image.get('file_name')
        if self.source.image_dir is None or not isinstance(name, str):
            return None
        return self.source.image_dir / name


def key_of(value):
    """Ids that cannot be looked up (a list) are nobody's."""
    return value if isinstance(value, (int, str, float)) else None


def find_sets(root) -> List[DataSet]:
    """Of a folder in SpineTrack's layout.

    Raises:
        FileNotFoundError: if it holds no annotation files.
    """
    root = Path(root).expanduser()
    files = sorted((root / 'annotations').glob(f'{PREFIX}*.json'))
    if not files:
        raise FileNotFoundError(
            f'{root} holds no annotations/{PREFIX}*.json: the folder that '
            'holds annotations/ and images/ expected (docs/data.md), or give '
            'files by --ann and --images'
        )
    return [
        DataSet(
            file.stem[len(PREFIX) :],
            file,
            root / 'images' / file.stem[len(PREFIX) :],
        )
        for file in files
    ]


@dataclass(frozen=True)
class People:
    """Those whose box and keypoints are numbers, in the right count.

    Attributes:
        rows: (N,) places in the file's list.
        keypoints: (N, K, 3) float64, [x, y] in pixels and visibility as
            labelled, NaN included.
        boxes: (N, 4) x, y, w, h.
        areas: (N,), NaN where there is none.
        image_rows: (N,) places in the list of images, -1 for none.
        image_sizes: (N, 2) w, h, NaN where unknown.
    """

    rows: np.ndarray
    keypoints: np.ndarray
    boxes: np.ndarray
    areas: np.ndarray
    image_rows: np.ndarray
    image_sizes: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def labelled(self) -> np.ndarray:
        """(N, K) bool."""
        return self.keypoints[..., 2] > 0

    @property
    def scales(self) -> np.ndarray:
        """(N,) root of the box's area, at least one pixel."""
        return np.sqrt(np.clip(self.boxes[:, 2] * self.boxes[:, 3], 1, None))

    def take(self, which: np.ndarray) -> 'People':
        return People(*(getattr(self, f)[which] for f in self.__annotations__))


def pack(content: Content) -> Tuple[People, np.ndarray]:
    """The arrays, and the rows that do not fit into them."""
    annotations = content.annotations
    keypoints, good = _rows(
        [a.get('keypoints') for a in annotations], 3 * NUM_KEYPOINTS
    )
    boxes, good_boxes = _rows([a.get('bbox') for a in annotations], 4)
    good &= good_boxes
    image_rows = np.array(
        [-1 if row is None else row for row in content.rows_of_people], int
    )
    sizes = np.array(
        [
            (_number(e.get('width')), _number(e.get('height')))
            for e in content.images
        ]
        + [(np.nan, np.nan)],  # of row -1
        float,
    )
    rows = np.flatnonzero(good)
    people = People(
        rows,
        keypoints.reshape(-1, NUM_KEYPOINTS, 3)[rows],
        boxes[rows],
        np.array([_number(annotations[i].get('area')) for i in rows], float),
        image_rows[rows],
        sizes[image_rows[rows]],
    )
    return people, np.flatnonzero(~good)


def _number(value) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number else np.nan


def _rows(values: list, width: int):
    """(N, width) float64, and (N,) which of them are such rows."""
    good = np.ones(len(values), bool)
    try:
        array = np.asarray(values)
        if array.shape == (len(values), width) and array.dtype.kind in 'iuf':
            return array.astype(float), good
    except (ValueError, TypeError, OverflowError):
        pass
    array = np.zeros((len(values), width))
    for i, value in enumerate(values):
        try:
            row = np.asarray(value)
        except (ValueError, TypeError, OverflowError):
            row = np.empty(0)
        good[i] = row.shape == (width,) and row.dtype.kind in 'iuf'
        if good[i]:
            array[i] = row
    return array, good
