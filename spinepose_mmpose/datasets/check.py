"""All checks of a dataset."""

import hashlib
import io
import os
import warnings
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from spinepose_mmpose.metainfo import KEYPOINT_NAMES

import numpy as np
from PIL import Image
from tqdm import tqdm
from tqdm.contrib.concurrent import thread_map

from .annotations import DataSet, key_of, number
from .check_geometry import check_sides, check_spine
from .findings import ERROR, Finding, finding

WORKERS = min(8, os.cpu_count() or 1)


@dataclass
class CheckResult:
    """What was found, and how much was looked at.

    Attributes:
        contents (dict): the files by split.
        counts (dict): by split: ``images``, ``people``, ``labelled`` (people
            with a labelled keypoint), ``crowds``, ``empty_images``.
        findings (list): in the order of the splits.
    """

    contents: Dict[str, DataSet]
    counts: Dict[str, Dict[str, int]]
    findings: List[Finding]

    @property
    def num_errors(self) -> int:
        return sum(f.severity == ERROR for f in self.findings)


def check_dataset(
    sets: Sequence[DataSet], images: bool = True, workers: int = WORKERS
) -> CheckResult:
    """Look at every annotation and, with ``images``, in so many threads at
    every image file; training and validation are told by name.

    Raises:
        FileNotFoundError, ValueError: if a file is no COCO-format JSON.
    """
    findings = []
    for content in tqdm(sets, 'annotations', leave=False, disable=None):
        findings += check_content(content)
    findings += check_names(sets)
    if images:
        findings += check_images(sets, workers)
    return CheckResult(
        {content.name: content for content in sets},
        {content.name: _counts(content) for content in sets},
        findings,
    )


# Numbers that overflow are far outside of everything, too.
@np.errstate(over='ignore', invalid='ignore')
def check_content(content: DataSet) -> List[Finding]:
    """All checks of one file that need no images."""
    return [
        finding(content, *found) for rule in RULES for found in rule(content)
    ]


def _counts(content: DataSet) -> Dict[str, int]:
    def is_labelled(annotation):
        keypoints = annotation.get('keypoints')
        return isinstance(keypoints, list) and any(
            v in (1, 2) for v in keypoints[2::3]
        )

    used = set(content.rows_of_people) - {None}
    return dict(
        images=len(content.images),
        people=len(content.annotations),
        labelled=sum(map(is_labelled, content.annotations)),
        crowds=sum(bool(a.get('iscrowd')) for a in content.annotations),
        empty_images=len(content.images) - len(used),
    )


# --- ids and entries ----------------------------------------------------------
# Each rule gives row, kind, detail and, where there are any, score and points.


def _check_order(content: DataSet) -> Iterator[tuple]:
    names = content.keypoint_names
    if names is None:
        file = content.ann_file.name
        detail = f'{file} has no category with keypoints'
        yield None, 'keypoint-names', detail
        return
    both = map(repr, names), map(repr, KEYPOINT_NAMES)
    for place, pair in enumerate(zip_longest(*both, fillvalue='nothing')):
        if pair[0] != pair[1]:
            detail = f'keypoint {place} is {pair[0]}, expected {pair[1]}'
            yield None, 'keypoint-order', detail
            return


def _check_image_entries(content: DataSet) -> Iterator[tuple]:
    counts = Counter(key_of(e.get('id')) for e in content.images)
    for row, entry in enumerate(content.images):
        count = counts[key_of(entry.get('id'))]
        if count > 1:
            detail = f'{count} images have the id {entry.get("id")}'
            yield row, 'duplicate-image-id', detail
        absent = [
            k for k in ('width', 'height') if not number(entry.get(k)) > 0
        ]
        name = entry.get('file_name')
        if not isinstance(name, str) or not name:
            absent.insert(0, 'file_name')
        if absent:
            detail = f'it has no {", ".join(absent)}'
            yield row, 'image-entry', detail


def _check_ids(content: DataSet) -> Iterator[tuple]:
    counts = Counter(key_of(a.get('id')) for a in content.annotations)
    for row, annotation in enumerate(content.annotations):
        count = counts[key_of(annotation.get('id'))]
        if count > 1:
            detail = f'{count} annotations have its id'
            yield row, 'duplicate-id', detail
        if content.rows_of_people[row] is None:
            image = annotation.get('image_id')
            detail = f"its image id {image!r} is not among the file's images"
            yield row, 'no-image-entry', detail


# --- boxes and points ---------------------------------------------------------

# Faults of find_fault -> kinds.
_KINDS = {
    'incomplete': 'incomplete',
    'malformed': 'malformed',
    'with another keypoint count': 'keypoint-count',
    'with NaN or infinity': 'not-finite',
    'with a wrong visibility': 'visibility',
    'with an empty box': 'empty-box',
    'with a box outside the image': 'box-outside',
}
# Pixels by which rounding may push boxes and points over the edge.
SLACK = 1.0
# Boxes are drawn around the visible body: points may lie outside, up to this
# share of the box's longer side.
OUTSIDE_BOX = 0.25
# Areas of polygons may exceed the box a little by rounding.
AREA_SLACK = 1.02
# Mean distance of the common labels of two that are one person, in box sizes,
# and how many labels there must be.
NEAR, LEAST_COMMON = 0.02, 6


def _check_faults(content: DataSet) -> Iterator[tuple]:
    """People that SpineTrackDataset refuses, with its reasons."""
    for row, fault in content.faults.items():
        yield row, _KINDS[fault.kind], fault.detail


def _check_boxes(content: DataSet) -> Iterator[tuple]:
    people = content.people
    x, y, w, h = people.boxes.T
    width, height = people.image_sizes.T
    beyond = np.max([-x, -y, x + w - width, y + h - height], axis=0)
    for i in np.flatnonzero(beyond > SLACK):
        yield (
            people.rows[i],
            'box-beyond-image',
            f'its box {_text(people.boxes[i])} reaches {beyond[i]:.1f} px '
            f'beyond the {width[i]:g}x{height[i]:g} image',
            beyond[i] / people.scales[i],
        )
    good = (people.areas > 0) & np.isfinite(people.areas)
    for row in people.rows[~good]:
        area = content.annotations[row].get('area')
        detail = f'its area is {area!r}, expected a positive number'
        yield row, 'area', detail
    ratio = people.areas / np.maximum(w * h, 1e-9)
    for i in np.flatnonzero(good & (ratio > AREA_SLACK)):
        yield (
            people.rows[i],
            'area-large',
            f'its area {people.areas[i]:g} is {ratio[i]:.2f} times that of '
            f'its box {_text(people.boxes[i])}',
            ratio[i],
        )


def _check_points(content: DataSet) -> Iterator[tuple]:
    """Labelled points outside of image and box, at 0, 0; their number."""
    people = content.people
    xy, labelled = people.keypoints[..., :2], people.labelled
    origin = labelled & (xy == 0).all(axis=2)
    for i in np.flatnonzero(origin.any(axis=1)):
        ids = np.flatnonzero(origin[i])
        names = ', '.join(KEYPOINT_NAMES[k] for k in ids)
        detail = f'{len(ids)} labelled points are at 0, 0: {names}'
        yield people.rows[i], 'point-at-origin', detail, len(ids), ids
    low, sizes = np.split(people.boxes[:, None], 2, axis=2)  # N, 1, 2
    whole = np.zeros_like(low), people.image_sizes[:, None]
    for what, counted, (start, extent), limit in (
        ('image', labelled, whole, SLACK),
        ('box', labelled & ~origin, (low, sizes), OUTSIDE_BOX * sizes.max(2)),
    ):
        inside = xy - start
        beyond = np.maximum(-inside, inside - extent).max(axis=2)
        far = counted & (beyond > limit)  # N, K
        for i in np.flatnonzero(far.any(axis=1)):
            k = int(np.where(far[i], beyond[i], -np.inf).argmax())
            others = far[i].sum() - 1
            yield (
                people.rows[i],
                f'point-outside-{what}',
                f'{KEYPOINT_NAMES[k]} lies {beyond[i, k]:.0f} px outside the '
                f'{what}' + (f', and {others} others' if others else ''),
                beyond[i, k] / people.scales[i],
                np.flatnonzero(far[i]),
            )
    for row, count in zip(people.rows, labelled.sum(axis=1).tolist()):
        stated = content.annotations[row].get('num_keypoints')
        if stated is not None and stated != count:
            detail = f'num_keypoints is {stated!r}, but {count} are labelled'
            yield row, 'num-keypoints', detail


def _text(box) -> str:
    return '[' + ', '.join(f'{v:g}' for v in box) + ']'


def _check_doubles(content: DataSet) -> Iterator[tuple]:
    """People whose labels are those of another in the same image."""
    people, found = content.people, []
    order = np.argsort(people.image_rows, kind='stable')
    images = people.image_rows[order]
    keypoints, labelled = people.keypoints[..., :2], people.labelled
    for step in range(1, len(people)):
        pairs = np.flatnonzero(images[step:] == images[:-step])
        if not len(pairs):
            break
        first, second = order[pairs], order[pairs + step]
        common = labelled[first] & labelled[second]
        counts = common.sum(axis=1)
        apart = np.linalg.norm(keypoints[first] - keypoints[second], axis=2)
        mean = np.where(common, apart, 0).sum(axis=1) / np.maximum(counts, 1)
        mean /= people.scales[first]
        near = (mean < NEAR) & (counts >= LEAST_COMMON)
        found += zip(first[near], second[near], mean[near])
    for i, j, distance in sorted(found):
        other = content.annotations[people.rows[i]].get('id')
        how = 'exactly' if distance == 0 else f'to {100 * distance:.1f} %'
        detail = f'its points are those of annotation {other} {how}'
        yield people.rows[j], 'person-twice', detail, 1 - distance


RULES = (
    _check_order,
    _check_image_entries,
    _check_ids,
    _check_faults,
    _check_boxes,
    _check_points,
    check_sides,
    check_spine,
    _check_doubles,
)

# --- image files --------------------------------------------------------------

ORIENTATION = 0x0112  # EXIF
# EXIF orientations that turn the image by a quarter.
TURNED = (5, 6, 7, 8)
# Decoded at an eighth of the size: every byte is read, few pixels are made.
DRAFT = 8


class ImageState(NamedTuple):
    """``fault`` is a kind of finding or '', ``detail`` says more; ``size`` is
    (w, h) as OpenCV loads it; ``digest`` that of the bytes."""

    fault: str = ''
    detail: str = ''
    size: Optional[Tuple[int, int]] = None
    digest: Optional[str] = None


def read_image(path: Optional[Path]) -> ImageState:
    """Decode a file and say what is wrong with it."""
    if path is None:
        return ImageState()
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return ImageState('image-missing', f'{path} does not exist')
    except (OSError, ValueError) as error:  # no name that a file can have
        text = getattr(error, 'strerror', None) or error
        return ImageState('image-unreadable', f'{path} cannot be read: {text}')
    if not content:
        return ImageState('image-truncated', f'{path} is empty')
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # of odd EXIF and large images
            image = Image.open(io.BytesIO(content))
            size = image.size
            if image.getexif().get(ORIENTATION) in TURNED:
                size = size[::-1]
            image.draft('L', (size[0] // DRAFT, size[1] // DRAFT))
            image.load()
    except Exception as error:  # Pillow's plugins raise what they like
        text = str(error) or type(error).__name__
        kind = 'truncated' if 'truncated' in text.lower() else 'unreadable'
        if 'cannot identify' in text:
            text = 'it is no image'
        return ImageState(f'image-{kind}', f'{path}: {text}')
    return ImageState(size=size, digest=hashlib.blake2b(content).hexdigest())


def check_images(
    contents: Sequence[DataSet], workers: int
) -> Iterator[Finding]:
    """Read every file once; equal files are told by their bytes."""
    entries = [(c, row) for c in contents for row in range(len(c.images))]
    paths = [c.path_of(c.images[row]) for c, row in entries]
    progress = dict(desc='images', leave=False, disable=None)
    states = thread_map(read_image, paths, max_workers=workers, **progress)
    same = defaultdict(list)
    for (content, row), path, state in zip(entries, paths, states):
        entry = content.images[row]
        stated = [number(entry.get(key)) for key in ('width', 'height')]
        if state.fault:
            yield finding(content, row, state.fault, state.detail)
            continue
        if state.size and min(stated) > 0 and list(state.size) != stated:
            detail = 'the file has {}x{} pixels, its entry says {:g}x{:g}'
            detail = detail.format(*state.size, *stated)
            yield finding(content, row, 'image-size', detail)
        same[state.digest].append((path, content, row))
    for group in same.values():
        # One file under two entries is no second file.
        if len({path for path, _, _ in group}) > 1:
            yield from _check_equal([(c, row) for _, c, row in group])


def _check_equal(group: List[Tuple[DataSet, int]]) -> Iterator[Finding]:
    """Of files with the same bytes."""
    val = [entry for entry in group if entry[0].is_validation]
    first, number_of_first = (val or group)[0]
    file = first.images[number_of_first].get('file_name')
    detail = f'its bytes are those of {first.name}/{file}'
    for content, row in group:
        if val and not content.is_validation:
            yield finding(content, row, 'train-val-image', detail)
        elif not val and (content, row) != group[0]:
            yield finding(content, row, 'image-twice', detail)


def check_names(contents: Sequence[DataSet]) -> Iterator[Finding]:
    """File names of training images that a validation set has too."""

    def names(content):
        for row, entry in enumerate(content.images):
            if entry.get('file_name'):
                yield row, Path(str(entry['file_name'])).name

    val = {
        name: content.name
        for content in contents
        if content.is_validation
        for _, name in names(content)
    }
    for content in contents:
        for row, name in names(content):
            if name in val and not content.is_validation:
                detail = f'{val[name]} has the same file name'
                yield finding(content, row, 'train-val-name', detail)
