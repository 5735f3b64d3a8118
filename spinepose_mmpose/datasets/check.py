"""All checks of a dataset."""

import hashlib
import os
import re
from collections import Counter, defaultdict
from itertools import chain, combinations, zip_longest
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

from spinepose_mmpose.metainfo import KEYPOINT_NAMES

import numpy as np
from tqdm import tqdm
from tqdm.contrib.concurrent import thread_map

from ..inference.images import decode_image
from ..utils import sentence
from .annotations import DataSet, key_of, number
from .check_geometry import check_sides, check_spine
from .findings import ERROR, Finding

WORKERS = min(8, os.cpu_count() or 1)


class CheckResult(NamedTuple):
    sets: Sequence[DataSet]
    findings: List[Finding]

    @property
    def num_errors(self) -> int:
        return sum(f.severity == ERROR for f in self.findings)


def check_dataset(
    sets: Sequence[DataSet], images: bool = True, workers: int = WORKERS
) -> CheckResult:
    """Look at every annotation and, with ``images``, in so many threads at
    every image file; training and validation are told by name."""
    findings = []
    for content in tqdm(sets, 'annotations', leave=False, disable=None):
        findings += check_content(content)
    if images:
        findings += check_images(sets, workers)
    return CheckResult(sets, findings)


# Numbers that overflow are far outside of everything, too.
@np.errstate(over='ignore', invalid='ignore')
def check_content(content: DataSet) -> List[Finding]:
    """All checks of one file that need no images."""

    def finding(row, kind, detail, score=0.0, points=()):
        row, points = None if row is None else int(row), tuple(map(int, points))
        return Finding(content, row, kind, detail, float(score), points)

    return [finding(*found) for rule in RULES for found in rule(content)]


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


def _check_usable(content: DataSet) -> Iterator[tuple]:
    """People that SpineTrackDataset refuses, with its reasons."""
    for row, fault in (*content.misplaced.items(), *content.faults.items()):
        if fault.kind != 'duplicate-image-id':  # told of the images themselves
            yield row, *fault


# --- boxes and points ---------------------------------------------------------

# Pixels by which rounding may push boxes and points over the edge.
SLACK = 1.0
# Boxes are drawn around the visible body: points may lie outside, up to this
# share of the box's longer side.
OUTSIDE_BOX = 0.25
# Mean distance of the common labels of two that are one person, in box sizes,
# and how many labels there must be.
NEAR, LEAST_COMMON = 0.02, 6


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
    people = content.people
    xy, labelled, scales = (
        people.keypoints[..., :2],
        people.labelled,
        people.scales,
    )
    by_image = defaultdict(list)
    for i, image in enumerate(people.image_rows.tolist()):
        by_image[image].append(i)
    for i, j in chain(*(combinations(own, 2) for own in by_image.values())):
        common = labelled[i] & labelled[j]
        if common.sum() < LEAST_COMMON:
            continue
        apart = np.linalg.norm(xy[i, common] - xy[j, common], axis=1)
        distance = apart.mean() / scales[i]
        if distance < NEAR:
            other = content.annotations[people.rows[i]].get('id')
            how = 'exactly' if distance == 0 else f'to {100 * distance:.1f} %'
            detail = f'its points are those of annotation {other} {how}'
            yield people.rows[j], 'person-twice', detail, 1 - distance


RULES = (
    _check_order,
    _check_image_entries,
    _check_usable,
    _check_boxes,
    _check_points,
    check_sides,
    check_spine,
    _check_doubles,
)

# --- image files --------------------------------------------------------------


def check_images(
    contents: Sequence[DataSet], workers: int
) -> Iterator[Finding]:
    """Read every file once; equal files are told by their bytes."""
    entries = [(c, row) for c in contents for row in range(len(c.images))]
    progress = dict(desc='images', leave=False, disable=None)
    states = thread_map(_look_at, entries, max_workers=workers, **progress)
    same = defaultdict(list)
    for (content, row), (fault, digest) in zip(entries, states):
        if fault:
            yield Finding(content, row, *fault)
        if digest:
            path = content.path_of(content.images[row])
            same[digest].append((path, content, row))
    for group in same.values():
        # One file under two entries is no second file.
        if len({path for path, _, _ in group}) > 1:
            yield from _check_equal([(c, row) for _, c, row in group])


def _look_at(place: Tuple[DataSet, int]) -> Tuple[tuple, Optional[str]]:
    """Kind and detail of what is wrong with the file of an image, () if
    nothing is, and the digest of its bytes."""
    content, row = place
    entry = content.images[row]
    path = content.path_of(entry)
    if path is None:
        return (), None
    try:
        data = path.read_bytes()
        image, _ = decode_image(data, str(path))
    except FileNotFoundError:
        return ('image-missing', f'{path} does not exist'), None
    except (OSError, ValueError) as error:
        text = sentence(error)
        is_cut = re.search('is empty|is cut off|truncated', text)
        kind = 'image-truncated' if is_cut else 'image-unreadable'
        return (kind, text if str(path) in text else f'{path}: {text}'), None
    stated = [number(entry.get(key)) for key in ('width', 'height')]
    fault, (h, w) = (), image.shape[:2]
    if min(stated) > 0 and [w, h] != stated:
        detail = 'the file has {}x{} pixels, its entry says {:g}x{:g}'
        fault = 'image-size', detail.format(w, h, *stated)
    return fault, hashlib.blake2b(data).hexdigest()


def _check_equal(group: List[Tuple[DataSet, int]]) -> Iterator[Finding]:
    """Of files with the same bytes."""
    val = [entry for entry in group if entry[0].is_validation]
    first, number_of_first = (val or group)[0]
    file = first.images[number_of_first].get('file_name')
    detail = f'its bytes are those of {first.name}/{file}'
    for content, row in group:
        if val and not content.is_validation:
            yield Finding(content, row, 'train-val-image', detail)
        elif not val and (content, row) != group[0]:
            yield Finding(content, row, 'image-twice', detail)
