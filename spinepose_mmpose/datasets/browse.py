"""Labelled people to look at: images, crops, augmentations, on a page."""

import contextlib
import json
import random
from collections import defaultdict
from functools import lru_cache
from itertools import chain, zip_longest
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import spinepose_mmpose  # noqa: F401  before anything of OpenMMLab
from spinepose_mmpose.inference.images import write_image
from spinepose_mmpose.metainfo import (
    KEYPOINT_COLORS,
    KEYPOINT_IDS,
    NUM_KEYPOINTS,
    SKELETON,
    SPINE_CHAIN,
)
from spinepose_mmpose.utils import (
    read_config,
    sentence,
    write_text,
)

import cv2
import numpy as np
from tqdm import tqdm

from .annotations import DataSet, box_around, numbers
from .page import Figures, Text, render

SPINE = {KEYPOINT_IDS[name] for name in SPINE_CHAIN}
# BGR
BOX_COLOR, MARK_COLOR, EMPTY = (255, 255, 255), (0, 0, 255), (205, 205, 205)
# Pixels, of a point and of a mark.
RADIUS, MARK_RADIUS = 2, 5
SMOOTH = cv2.LINE_AA
# Around a box, in box sizes.
MARGIN = 0.2
# Pixels, further than which nothing is drawn: OpenCV's fixed-point coordinates
# wrap around.
FARTHEST = 10**4


# Numbers that overflow are far outside of everything, too.
@np.errstate(over='ignore', invalid='ignore')
def draw_person(
    image: np.ndarray,
    keypoints: np.ndarray,
    box: Optional[Sequence[float]] = None,
    marked: Sequence[int] = (),
) -> None:
    """Draw one person's labels (K, 3) and box x, y, w, h into ``image``, (H, W,
    3) uint8 BGR: visibility 1 is a ring, 2 a disc; neither 0 nor what is no
    number is drawn. Red circles go around marked points, labelled or not."""
    if box is not None and np.isfinite(box).all():
        # Edges outside of the image are not seen, wherever they are.
        ends = np.array([box[:2], np.add(box[:2], box[2:])])
        ends = ends.clip(-10, np.add(image.shape[1::-1], 10))
        cv2.rectangle(image, *ends.round().astype(int).tolist(), BOX_COLOR, 1)
    near = (abs(keypoints[:, :2]) < FARTHEST).all(axis=1)
    shown = near & (keypoints[:, 2] > 0)
    places = np.where(near[:, None], keypoints[:, :2], 0)
    places = places.round().astype(int).tolist()
    for (start, end), color in SKELETON:
        a, b = KEYPOINT_IDS[start], KEYPOINT_IDS[end]
        if shown[a] and shown[b]:
            thick = 1 + (a in SPINE and b in SPINE)
            cv2.line(image, places[a], places[b], color[::-1], thick, SMOOTH)
    for k in np.flatnonzero(shown):
        color = KEYPOINT_COLORS[k][::-1]
        filling = BOX_COLOR if keypoints[k, 2] == 1 else color
        cv2.circle(image, places[k], RADIUS, filling, -1, SMOOTH)
        cv2.circle(image, places[k], RADIUS, color, 1, SMOOTH)
    for k in marked:
        if near[k]:
            cv2.circle(image, places[k], MARK_RADIUS, MARK_COLOR, 1, SMOOTH)


def crop_transform(box: Sequence[float], size: Tuple[int, int]):
    """Scale and then offset from the image to a view of ``size`` (w, h) that
    shows the box with a margin."""
    corner, sides = np.split(np.asarray(box, float), 2)
    scale = np.min(size / np.maximum(sides, 1)) / (1 + 2 * MARGIN)
    return scale, np.array(size) / 2 - scale * (corner + sides / 2)


# Numbers that overflow are far outside of everything, too.
@np.errstate(over='ignore', invalid='ignore')
def person_view(
    image: Optional[np.ndarray],
    keypoints: np.ndarray,
    box: Sequence[float],
    size: Tuple[int, int],
    marked: Sequence[int] = (),
) -> np.ndarray:
    """A person's surroundings with the labels, see :func:`draw_person`, in
    ``size`` (w, h) pixels; on a grey ground if there is no image."""
    box = np.asarray(box, float)
    is_good = np.isfinite(box).all() and (box[2:] > 0).all()
    region = box if is_good else box_around(keypoints)
    if image is not None:
        region = _near_image(region, image.shape[1::-1])
    scale, offset = crop_transform(region, size)
    if image is None:
        view = np.full((size[1], size[0], 3), EMPTY, np.uint8)
    else:
        further = scale
        if scale < 0.5:  # without the aliasing of a warp
            image, further = _resized(image, scale), 1
        matrix = np.array([[further, 0, offset[0]], [0, further, offset[1]]])
        view = cv2.warpAffine(image, matrix, size, borderValue=EMPTY)
    points = keypoints * (scale, scale, 1) + (*offset, 0)
    corner = scale * box[:2] + offset
    draw_person(view, points, (*corner, *box[2:] * scale), marked)
    return view


def _near_image(box: np.ndarray, size: Tuple[int, int]) -> np.ndarray:
    """The part of a box that is at most the image's size away from it; the
    whole image where there is none."""
    size = np.asarray(size, float)
    low = np.maximum(box[:2], -size)
    high = np.minimum(box[:2] + box[2:], 2 * size)
    if (low >= high).any():
        return np.array([0, 0, *size])
    return np.concatenate([low, high - low])


def _resized(image: np.ndarray, factor: float) -> np.ndarray:
    sides = [max(1, round(side * factor)) for side in image.shape[1::-1]]
    return cv2.resize(image, sides, interpolation=cv2.INTER_AREA)


def read_image(path: Optional[Path]) -> Optional[np.ndarray]:
    """(H, W, 3) uint8 BGR, or None where there is no such image."""
    # ValueError: no name that a file can have; cv2.error: an empty file, or
    # more pixels than OpenCV takes.
    with contextlib.suppress(OSError, ValueError, cv2.error):
        content = np.frombuffer(path.read_bytes() if path else b'', np.uint8)
        return cv2.imdecode(content, cv2.IMREAD_COLOR)
    return None


def empty_folder(folder: Path) -> Path:
    """Make it, or remove the images of an older report from it."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob('*.jpg'):
        path.unlink()
    return folder


def drawable(annotation: dict) -> Tuple[np.ndarray, np.ndarray]:
    """(37, 3) keypoints and (4,) box of an annotation that may have faults,
    NaN where they are no numbers; ValueError if it has not 37 keypoints."""
    points = numbers(annotation.get('keypoints'))
    if points is None or points.shape != (3 * NUM_KEYPOINTS,):
        raise ValueError(f'it has no {NUM_KEYPOINTS} keypoints to draw')
    box = numbers(annotation.get('bbox'))
    if box is None or box.shape != (4,):
        box = np.full(4, np.nan)
    return points.reshape(-1, 3), box


class Sample(NamedTuple):
    """A person by the annotation's row in its file."""

    content: DataSet
    row: int
    note: str = ''


def by_seed(sets: Sequence[DataSet], count: int, seed: int) -> List[Sample]:
    """``count`` people with a label, all splits alike to choose from."""
    choices = [
        Sample(content, int(row))
        for content in sets
        for row in content.people.rows[content.people.labelled.any(axis=1)]
    ]
    if not choices:
        raise ValueError('no person has a labelled keypoint')
    rng = np.random.default_rng(seed)
    return [choices[i] for i in rng.permutation(len(choices))[:count]]


def by_ids(sets: Sequence[DataSet], ids: Sequence[str]) -> List[Sample]:
    """People by annotation id, in that order."""
    samples = {
        str(annotation.get('id')): Sample(content, row)
        for content in sets
        for row, annotation in enumerate(content.annotations)
    }
    absent = [str(i) for i in ids if str(i) not in samples]
    if absent:
        raise ValueError(
            f'no annotation with the id {", ".join(absent)} in '
            f'{", ".join(content.name for content in sets)}'
        )
    return [samples[str(i)] for i in ids]


def by_report(
    sets: Sequence[DataSet], report, count: int, kind: Optional[str] = None
) -> List[Sample]:
    """The people that ``check.json`` lists first, errors before warnings and
    the kinds in turn, so that none fills the page alone."""
    path, contents = Path(report), {content.name: content for content in sets}
    if path.is_dir():
        path = path / 'check.json'
    queues: Dict[str, List[Sample]] = defaultdict(list)
    try:
        for finding in json.loads(path.read_text('utf-8'))['findings']:
            content, row = contents.get(finding['split']), finding.get('row')
            if finding.get('about_image') or row is None or content is None:
                continue
            note = f'{finding["kind"]}: {finding["detail"]}'
            if row < len(content.annotations):
                sample = Sample(content, row, note)
                queues[finding['kind']].append(sample)
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f'{path} is not a check.json written by check_dataset.py ({error})'
        ) from None
    if kind is not None and kind not in queues:
        raise ValueError(
            f'{path} has no people with findings of the kind {kind!r}, choose '
            f'from {", ".join(queues) or "none"}'
        )
    chosen = queues.values() if kind is None else [queues[kind]]
    samples: Dict[tuple, Sample] = {}
    for sample in filter(None, chain.from_iterable(zip_longest(*chosen))):
        samples.setdefault(sample[:2], sample)
    return list(samples.values())[:count]


# What follows the last change to the image, FastGenerateTarget too.
_LAST = ('GenerateTarget', 'PackPoseInputs')


# (H, W, 3) uint8 BGR at the network's input size, and (K, 3) in its pixels with
# visibility 2 for each labelled point.
Augmented = Tuple[np.ndarray, np.ndarray]


class Augmenter:
    """The train pipeline of a config file, up to the targets; ``options``
    override it as ``--cfg-options`` do."""

    def __init__(self, config: str, options: Optional[dict] = None):
        from mmpose.utils import register_all_modules

        register_all_modules()
        cfg = read_config(config)
        cfg.merge_from_dict(options or {})
        data_set = cfg.get('train_dataloader', {}).get('dataset', {})
        pipeline = cfg.get('train_pipeline') or data_set.get('pipeline')
        if not pipeline:
            raise ValueError(
                f'{config} has no train_pipeline and no pipeline in '
                'train_dataloader.dataset'
            )
        self._steps = [s for s in pipeline if not s['type'].endswith(_LAST)]
        self._open = lru_cache(self._open)

    def _open(self, source: DataSet) -> tuple:
        """The data set, and the place of each annotation id in it."""
        from .body import SpineTrackDataset

        data_set = SpineTrackDataset(
            ann_file=str(source.ann_file),
            data_prefix=dict(img=str(source.image_dir or '')),
            on_bad_annotation='skip',
            pipeline=self._steps,
        )
        ids = [data_set.get_data_info(i)['id'] for i in range(len(data_set))]
        return data_set, {number: place for place, number in enumerate(ids)}

    def views(
        self, source: DataSet, annotation, count: int, seed: int
    ) -> List[Augmented]:
        """``count`` draws of one person; empty if the data set leaves the
        person out."""
        data_set, places = self._open(source)
        if annotation not in places:
            return []
        views = []
        for number in range(count):
            # Albumentations draws from a generator of its own.
            random.seed(seed + number)
            np.random.seed((seed + number) % 2**32)
            result = data_set.prepare_data(places[annotation])
            if result is not None:
                views.append(_augmented(result))
        return views


def _augmented(result: dict) -> Augmented:
    image = np.clip(np.asarray(result['img']), 0, 255).astype(np.uint8)
    points = result.get('transformed_keypoints', result['keypoints'])[0]
    visible = np.asarray(result['keypoints_visible'], float)
    visible = visible[0, :, 0] if visible.ndim == 3 else visible[0]
    points = np.column_stack([points[:, :2], np.where(visible > 0, 2, 0)])
    return np.ascontiguousarray(image), points


# Pixels, w and h: whole images, the view of a person.
WHOLE, VIEW = (640, 640), (288, 384)
NOTE = (
    'Green is the left side of the body, orange the right, blue the middle; '
    'discs are points labelled as visible, rings as hidden.'
)
NOTE_AUGMENTED = (
    ' After augmentation: the network input, enlarged; all labelled points are '
    'discs.'
)


def write_gallery(
    folder,
    samples: Sequence[Sample],
    augmenter: Optional[Augmenter] = None,
    draws: int = 3,
    seed: int = 0,
) -> List[str]:
    """Write ``index.html`` and, for each sample, the whole image, the person,
    and with an augmenter so many draws. What cannot be drawn is said there,
    images of an older gallery go. Returns the names of the files."""
    folder = Path(folder)
    empty_folder(folder / 'pictures')
    note = NOTE + (NOTE_AUGMENTED if augmenter is not None else '')
    blocks, written = [Text(note, 'note')], ['index.html']
    progress = tqdm(samples, leave=False, disable=None)
    for number, (content, row, remark) in enumerate(progress, 1):
        person, figures, drawn = content.annotations[row], [], []
        views = _views(content, row, augmenter, draws, seed + number)
        try:
            drawn.extend(views)
            points, (_, _, w, h) = drawable(person)
            seen, hidden, none = ((points[:, 2] == v).sum() for v in (2, 1, 0))
            file = (content.image_of(row) or {}).get('file_name')
            facts = (
                f'{file or "no image entry"}; box {w:.0f} x {h:.0f} px; {seen} '
                f'points visible, {hidden} hidden, {none} without label.'
            )
        except Exception as error:  # one person ends no page
            facts = f'It could not be drawn: {sentence(error)}.'
        for name, caption, image in drawn:
            path = f'pictures/{number:04d}-{name}.jpg'
            write_image(folder / path, image)
            figures.append((path, caption, image.shape[1]))
        written += [path for path, _, _ in figures]
        blocks += [
            Text(f'{content.name}, annotation {person.get("id")}', tag='h2'),
            Text(remark),
            Text(facts, 'note'),
            Figures(figures),
        ]
    page = render('Labelled people', blocks)
    write_text(str(folder / 'index.html'), page)
    return written


def _views(content: DataSet, row: int, augmenter, draws: int, seed: int):
    """(name, caption, image) of the whole image with everybody in it, of the
    person, and after augmentation."""
    rows, person = content.rows_of_people, content.annotations[row]
    image = read_image(content.path_of(content.image_of(row)))
    if image is not None:
        factor = min(1, *np.divide(WHOLE, image.shape[1::-1]))
        whole = _resized(image, factor)
        for other in np.flatnonzero(np.array(rows, float) == rows[row]):
            with contextlib.suppress(ValueError):
                points, box = drawable(content.annotations[other])
                points = points * (factor, factor, 1)
                draw_person(
                    whole, points, box * factor if other == row else None
                )
        yield 'image', 'the whole image', whole
    yield 'person', 'the person', person_view(image, *drawable(person), VIEW)
    if augmenter is not None:
        views = augmenter.views(content, person.get('id'), draws, seed)
        for i, (image, points) in enumerate(views, 1):
            # To the height of the person's view, so that labels can be seen.
            factor = max(1, VIEW[1] / image.shape[0])
            image = cv2.resize(image, None, fx=factor, fy=factor)
            draw_person(image, points * (factor, factor, 1))
            yield f'augmented-{i}', f'after augmentation {i}', image
