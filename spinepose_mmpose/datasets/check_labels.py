"""Checks of ids, values and image files."""

import hashlib
import io
import warnings
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import (
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from spinepose_mmpose.metainfo import KEYPOINT_NAMES, NUM_KEYPOINTS

import numpy as np

from .check_content import (
    VISIBILITIES,
    Content,
    Finding,
    People,
    find_fault,
    key_of,
)


def check_structure(content: Content) -> Iterator[Finding]:
    yield from _check_order(content)
    yield from _check_images(content)
    yield from _check_ids(content)


def _check_order(content: Content) -> Iterator[Finding]:
    categories = content.raw.get('categories')
    first = categories[0] if isinstance(categories, list) and categories else {}
    names = first.get('keypoints') if isinstance(first, dict) else None
    if not names:
        yield Finding(
            'keypoint-names',
            content.name,
            f'{content.source.ann_file.name} has no category with keypoints',
        )
    elif list(names) != list(KEYPOINT_NAMES):
        place = next(
            (
                i
                for i, (a, b) in enumerate(zip(names, KEYPOINT_NAMES))
                if a != b
            ),
            min(len(names), len(KEYPOINT_NAMES)),
        )
        found, wanted = (
            repr(row[place]) if place < len(row) else 'nothing'
            for row in (names, KEYPOINT_NAMES)
        )
        yield Finding(
            'keypoint-order',
            content.name,
            f'keypoint {place} is {found}, expected {wanted}',
        )


def _check_images(content: Content) -> Iterator[Finding]:
    counts = Counter(key_of(e.get('id')) for e in content.images)
    for row, entry in enumerate(content.images):
        place = dict(
            row=row,
            image=entry.get('id'),
            file=str(entry.get('file_name', '')),
        )
        count = counts[key_of(entry.get('id'))]
        if count > 1:
            yield Finding(
                'duplicate-image-id',
                content.name,
                f'{count} images have the id {entry.get("id")}',
                **place,
            )
        absent = [
            k for k in ('file_name', 'width', 'height') if not entry.get(k)
        ]
        if absent:
            yield Finding(
                'image-entry',
                content.name,
                f'it has no {", ".join(absent)}',
                **place,
            )


def _check_ids(content: Content) -> Iterator[Finding]:
    counts = Counter(key_of(a.get('id')) for a in content.annotations)
    images = content.rows_of_people
    for row, annotation in enumerate(content.annotations):
        count = counts[key_of(annotation.get('id'))]
        if count > 1:
            yield finding_of(
                content,
                row,
                'duplicate-id',
                f'{count} annotations have its id',
            )
        if images[row] is None:
            yield finding_of(
                content,
                row,
                'no-image-entry',
                f'its image id {annotation.get("image_id")!r} is not among '
                "the file's images",
            )


def finding_of(
    content: Content,
    row: int,
    kind: str,
    detail: str,
    score: float = 0.0,
    points: Iterable[int] = (),
) -> Finding:
    """A finding about a person."""
    annotation, image = content.annotations[row], content.rows_of_people[row]
    return Finding(
        kind,
        content.name,
        detail,
        row=int(row),
        annotation=annotation.get('id'),
        image=annotation.get('image_id'),
        file=''
        if image is None
        else str(content.images[image].get('file_name', '')),
        score=float(score),
        points=tuple(int(k) for k in points),
    )


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


def check_unusable(
    content: Content, people: People, unpacked: np.ndarray
) -> Iterator[Finding]:
    """People that SpineTrackDataset refuses, with its reasons."""
    suspects = np.concatenate([people.rows[_unusable(people)], unpacked])
    for row in np.sort(suspects):
        image = content.rows_of_people[row]
        if image is None:
            image_entry = dict(width=1e9, height=1e9)  # has its own finding
        else:
            image_entry = content.images[image]
        fault = find_fault(content.annotations[row], image_entry, NUM_KEYPOINTS)
        if fault is not None:
            yield finding_of(content, row, _KINDS[fault.kind], fault.detail)


def _unusable(people: People) -> np.ndarray:
    """(N,) bool: candidates for :func:`find_fault`."""
    x, y, w, h = people.boxes.T
    size = people.image_sizes
    with np.errstate(invalid='ignore'):
        usable = (
            np.isfinite(people.keypoints).all(axis=(1, 2))
            & np.isin(people.keypoints[..., 2], VISIBILITIES).all(axis=1)
            & np.isfinite(people.boxes).all(axis=1)
            & (w > 0)
            & (h > 0)
            & (size > 0).all(axis=1)
            & (x < size[:, 0] - 1)
            & (y < size[:, 1] - 1)
            & (x + w > 0)
            & (y + h > 0)
        )
    return ~usable


def usable(people: People) -> People:
    """Those that the checks of geometry can look at."""
    return people.take(~_unusable(people))


def check_boxes(content: Content, people: People) -> Iterator[Finding]:
    """Boxes beyond the image; areas."""
    x, y, w, h = people.boxes.T
    width, height = people.image_sizes.T
    beyond = np.max([-x, -y, x + w - width, y + h - height], axis=0)
    for i in np.flatnonzero(beyond > SLACK):
        yield finding_of(
            content,
            people.rows[i],
            'box-beyond-image',
            f'its box {_text(people.boxes[i])} reaches {beyond[i]:.1f} px '
            f'beyond the {width[i]:g}x{height[i]:g} image',
            beyond[i] / people.scales[i],
        )
    bad = ~(people.areas > 0) | ~np.isfinite(people.areas)
    for i in np.flatnonzero(bad):
        area = content.annotations[people.rows[i]].get('area')
        yield finding_of(
            content,
            people.rows[i],
            'area',
            f'its area is {area!r}, expected a positive number',
        )
    ratio = people.areas / np.maximum(w * h, 1e-9)
    for i in np.flatnonzero(~bad & (ratio > AREA_SLACK)):
        yield finding_of(
            content,
            people.rows[i],
            'area-large',
            f'its area {people.areas[i]:g} is {ratio[i]:.2f} times that of '
            f'its box {_text(people.boxes[i])}',
            ratio[i],
        )


def check_points(content: Content, people: People) -> Iterator[Finding]:
    """Labelled points outside of image and box, at 0, 0; their number."""
    xy, labelled = people.keypoints[..., :2], people.labelled
    origin = labelled & (xy == 0).all(axis=2)
    for i in np.flatnonzero(origin.any(axis=1)):
        names = [KEYPOINT_NAMES[k] for k in np.flatnonzero(origin[i])]
        yield finding_of(
            content,
            people.rows[i],
            'point-at-origin',
            f'{len(names)} labelled points are at 0, 0: {", ".join(names)}',
            len(names),
            np.flatnonzero(origin[i]),
        )
    sizes = people.image_sizes[:, None]
    beyond = np.maximum(-xy, xy - sizes).max(axis=2)  # N, K
    yield from _outside(
        content, people, beyond, labelled, 'point-outside-image', SLACK, 'image'
    )
    low = people.boxes[:, None, :2]
    high = low + people.boxes[:, None, 2:]
    beyond = np.maximum(low - xy, xy - high).max(axis=2)
    limit = OUTSIDE_BOX * people.boxes[:, 2:].max(axis=1)
    yield from _outside(
        content,
        people,
        beyond,
        labelled & ~origin,
        'point-outside-box',
        limit[:, None],
        'box',
    )
    stated = [content.annotations[r].get('num_keypoints') for r in people.rows]
    for i, count in enumerate(labelled.sum(axis=1)):
        if stated[i] is not None and stated[i] != count:
            yield finding_of(
                content,
                people.rows[i],
                'num-keypoints',
                f'num_keypoints is {stated[i]!r}, but {count} are labelled',
            )


def _outside(content, people, beyond, counted, kind, limit, what):
    far = counted & (beyond > limit)
    worst = np.where(far, beyond, -np.inf)
    for i in np.flatnonzero(far.any(axis=1)):
        k = int(worst[i].argmax())
        count = int(far[i].sum())
        others = '' if count == 1 else f', and {count - 1} others'
        yield finding_of(
            content,
            people.rows[i],
            kind,
            f'{KEYPOINT_NAMES[k]} lies {worst[i, k]:.0f} px outside the '
            f'{what}{others}',
            worst[i, k] / people.scales[i],
            np.flatnonzero(far[i]),
        )


def _text(box) -> str:
    return '[' + ', '.join(f'{v:g}' for v in box) + ']'


# Mean distance of the common labels in box sizes, and how many there must be.
NEAR, LEAST_COMMON = 0.02, 6


def check_duplicate_people(
    content: Content, people: People
) -> Iterator[Finding]:
    for i, j, distance in doubles(people):
        other = content.annotations[people.rows[i]].get('id')
        how = 'exactly' if distance == 0 else f'to {100 * distance:.1f} %'
        yield finding_of(
            content,
            people.rows[j],
            'person-twice',
            f'its points are those of annotation {other} {how}',
            1 - distance,
        )


def doubles(people: People) -> List[Tuple[int, int, float]]:
    """(first, second, distance in box sizes), places in ``people``."""
    found = []
    order = np.argsort(people.image_rows, kind='stable')
    images = people.image_rows[order]
    keypoints, labelled = people.keypoints[..., :2], people.labelled
    step = 1
    while True:
        pairs = np.flatnonzero(images[step:] == images[:-step])
        if not len(pairs):
            return sorted(found)
        first, second = order[pairs], order[pairs + step]
        common = labelled[first] & labelled[second]
        counts = common.sum(axis=1)
        apart = np.linalg.norm(keypoints[first] - keypoints[second], axis=2)
        mean = np.where(common, apart, 0).sum(axis=1) / np.maximum(counts, 1)
        mean /= people.scales[first]
        near = (mean < NEAR) & (counts >= LEAST_COMMON)
        found += [
            (int(a), int(b), float(d))
            for a, b, d in zip(first[near], second[near], mean[near])
        ]
        step += 1


ORIENTATION = 0x0112  # EXIF
# EXIF orientations that turn the picture by a quarter.
TURNED = (5, 6, 7, 8)
# Decoded at an eighth of the size: every byte is read, few pixels are made.
DRAFT = 8


class ImageState(NamedTuple):
    """``fault`` is a kind of finding or '', ``detail`` says more; ``size`` is
    (w, h) as OpenCV loads it; ``digest`` that of the bytes, if asked for."""

    fault: str = ''
    detail: str = ''
    size: Optional[Tuple[int, int]] = None
    digest: Optional[str] = None


def read_state(path: Path, hashed: bool) -> ImageState:
    """Decode a file and say what is wrong with it."""
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        return ImageState('image-missing', f'{path} does not exist')
    except OSError as error:
        return ImageState(
            'image-unreadable', f'{path} cannot be read: {error.strerror}'
        )
    if not content:
        return ImageState('image-truncated', f'{path} is empty')
    digest = hashlib.blake2b(content).hexdigest() if hashed else None
    fault, detail, size = _decode(content)
    return ImageState(fault, f'{path}: {detail}' if fault else '', size, digest)


def _decode(content: bytes):
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # of odd EXIF and large pictures
            image = Image.open(io.BytesIO(content))
            size = image.size
            if image.getexif().get(ORIENTATION) in TURNED:
                size = size[::-1]
            image.draft('L', (size[0] // DRAFT, size[1] // DRAFT))
            image.load()
    except Exception as error:  # Pillow's plugins raise what they like
        text = str(error) or type(error).__name__
        if 'truncated' in text.lower():
            return 'image-truncated', text, None
        if 'cannot identify' in text:
            text = 'it is no image'
        return 'image-unreadable', text, None
    return '', '', size


def read_states(
    paths: Sequence[Optional[Path]],
    hashed: Sequence[bool],
    workers: int,
    on_done: Callable[[int], None] = lambda n: None,
) -> List[ImageState]:
    """States of many files; Pillow lets threads decode side by side."""

    def read(job):
        path, wanted = job
        return ImageState() if path is None else read_state(path, wanted)

    states = []
    with ThreadPoolExecutor(max(1, workers)) as pool:
        try:
            for state in pool.map(read, zip(paths, hashed)):
                states.append(state)
                on_done(1)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return states


QUOTED = 3


@dataclass(frozen=True)
class ImageEntry:
    """An image of a split; ``path`` None where it cannot be looked for."""

    split: str
    is_validation: bool
    row: int
    id: object
    file: str
    path: Optional[Path]
    size: Tuple[float, float]

    def finding(self, kind: str, detail: str, score: float = 0.0) -> Finding:
        return Finding(
            kind,
            self.split,
            detail,
            row=self.row,
            image=self.id,
            file=self.file,
            score=score,
        )


def entries_of(content) -> List[ImageEntry]:
    return [
        ImageEntry(
            content.name,
            content.source.is_validation,
            row,
            image.get('id'),
            str(image.get('file_name', '')),
            content.path_of(image),
            (image.get('width'), image.get('height')),
        )
        for row, image in enumerate(content.images)
    ]


def check_images(
    entries: Sequence[ImageEntry],
    workers: int,
    on_done: Callable[[int], None] = lambda n: None,
) -> Iterator[Finding]:
    """Read every file once; equal files are told by size, then by content."""
    sizes = [_file_size(entry.path) for entry in entries]
    shared = Counter(size for size in sizes if size)
    states = read_states(
        [entry.path for entry in entries],
        [shared[size] > 1 for size in sizes],
        workers,
        on_done,
    )
    for entry, state in zip(entries, states):
        if state.fault:
            yield entry.finding(state.fault, state.detail)
        elif state.size and all(entry.size) and state.size != entry.size:
            yield entry.finding(
                'image-size',
                f'the file has {state.size[0]}x{state.size[1]} pixels, its '
                f'entry says {entry.size[0]:g}x{entry.size[1]:g}',
            )
    yield from _equal_files(entries, states)


def _file_size(path: Optional[Path]) -> int:
    try:
        return path.stat().st_size if path is not None else 0
    except OSError:
        return 0


def _equal_files(
    entries: Sequence[ImageEntry], states: Sequence[ImageState]
) -> Iterator[Finding]:
    groups: Dict[str, List[ImageEntry]] = defaultdict(list)
    for entry, state in zip(entries, states):
        if state.digest:
            groups[state.digest].append(entry)
    for group in groups.values():
        # One file under two entries is no second file.
        if len({entry.path for entry in group}) < 2:
            continue
        val = [entry for entry in group if entry.is_validation]
        for entry in group:
            if val and not entry.is_validation:
                yield entry.finding(
                    'train-val-image',
                    f'its bytes are those of {val[0].split}/{val[0].file}',
                )
            elif entry is not group[0] and not val:
                yield entry.finding(
                    'image-twice',
                    f'its bytes are those of {group[0].split}/{group[0].file}',
                )


def check_names(entries: Sequence[ImageEntry]) -> Iterator[Finding]:
    """File names of training images that a validation set has too."""
    val = {
        Path(entry.file).name: entry
        for entry in entries
        if entry.is_validation and entry.file
    }
    for entry in entries:
        other = val.get(Path(entry.file).name)
        if other is not None and not entry.is_validation:
            yield entry.finding(
                'train-val-name', f'{other.split} has the same file name'
            )
