"""Labelled people to look at: images, crops, augmentations, on a page."""

import json
import os
import os.path as osp
import random
from html import escape
from pathlib import Path
from typing import (
    Callable,
    Dict,
    Iterable,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)
from urllib.parse import quote

import spinepose_mmpose  # noqa: F401  before anything of OpenMMLab
from spinepose_mmpose.metainfo import (
    KEYPOINT_COLORS,
    KEYPOINT_IDS,
    SKELETON,
    SPINE_CHAIN,
)
from spinepose_mmpose.utils import replaced, write_text

import cv2
import numpy as np

from . import browse as html
from .check_content import Content, DataSet, People, pack

SPINE = {KEYPOINT_IDS[name] for name in SPINE_CHAIN}
# BGR
BOX_COLOR, MARK_COLOR, EMPTY = (255, 255, 255), (0, 0, 255), (205, 205, 205)
FONT = cv2.FONT_HERSHEY_SIMPLEX
# Around a box, in box sizes.
MARGIN = 0.2


def draw_person(
    image: np.ndarray,
    keypoints: np.ndarray,
    box: Optional[Sequence[float]] = None,
    marked: Sequence[int] = (),
    size: float = 1.0,
) -> None:
    """Draw one person's labels into ``image``.

    Points that are labelled as hidden (1) are rings, visible ones (2) discs.

    Args:
        keypoints: (K, 3), [x, y] in pixels and visibility; 0 is not drawn.
        box: x, y, w, h.
        marked: keypoints to circle in red, without a label too.
        size: factor of line widths and radii.
    """
    if box is not None:
        x, y, w, h = box
        cv2.rectangle(
            image, _pixel((x, y)), _pixel((x + w, y + h)), BOX_COLOR, 1
        )
    good = np.isfinite(keypoints).all(axis=1)
    shown = good & (keypoints[:, 2] > 0)
    width = max(1, round(size))
    for (start, end), color in SKELETON:
        a, b = KEYPOINT_IDS[start], KEYPOINT_IDS[end]
        if shown[a] and shown[b]:
            cv2.line(
                image,
                _pixel(keypoints[a]),
                _pixel(keypoints[b]),
                color[::-1],
                width + (a in SPINE and b in SPINE),
                cv2.LINE_AA,
            )
    radius = max(2, round(2.2 * size))
    for k in np.flatnonzero(shown):
        hidden = keypoints[k, 2] == 1
        color = KEYPOINT_COLORS[k][::-1]
        place = _pixel(keypoints[k])
        cv2.circle(
            image,
            place,
            radius,
            BOX_COLOR if hidden else color,
            -1,
            cv2.LINE_AA,
        )
        cv2.circle(image, place, radius, color, 1, cv2.LINE_AA)
    for k in marked:
        if good[k]:
            cv2.circle(
                image,
                _pixel(keypoints[k]),
                3 * radius - 1,
                MARK_COLOR,
                1,
                cv2.LINE_AA,
            )


def _pixel(point) -> Tuple[int, int]:
    # Far outside, OpenCV's fixed-point coordinates would wrap around.
    return tuple(int(v) for v in np.clip(np.round(point[:2]), -30000, 30000))


def crop_transform(
    box: Sequence[float], size: Tuple[int, int], margin: float = MARGIN
) -> np.ndarray:
    """(2, 3) affine from the image to a view of ``size`` (w, h) that shows the
    box with a margin."""
    x, y, w, h = box
    scale = min(size[0] / max(w, 1), size[1] / max(h, 1)) / (1 + 2 * margin)
    centre = np.array([x + w / 2, y + h / 2])
    offset = np.array(size) / 2 - scale * centre
    return np.array([[scale, 0, offset[0]], [0, scale, offset[1]]])


def person_view(
    image: Optional[np.ndarray],
    keypoints: np.ndarray,
    box: Sequence[float],
    size: Tuple[int, int],
    marked: Sequence[int] = (),
) -> np.ndarray:
    """A person's surroundings with the labels, ``size`` (w, h) pixels.

    Args:
        image: None gives a grey ground.
    """
    box = np.asarray(box, float)
    if not (np.isfinite(box).all() and (box[2:] > 0).all()):
        box = box_of_points(keypoints)
    matrix = crop_transform(box, size)
    if image is None:
        view = np.full((size[1], size[0], 3), EMPTY, np.uint8)
    else:
        shrinks = matrix[0, 0] < 0.5
        view = (
            _shrunk(image, matrix, size)
            if shrinks
            else _warp(image, matrix, size)
        )
    points = transform_points(keypoints, matrix)
    corner = matrix[:, :2] @ box[:2] + matrix[:, 2]
    draw_person(view, points, (*corner, *box[2:] * matrix[0, 0]), marked)
    return view


def _warp(image, matrix, size):
    return cv2.warpAffine(
        image, matrix, size, flags=cv2.INTER_LINEAR, borderValue=EMPTY
    )


def _shrunk(image, matrix, size):
    """Without the aliasing of a warp that leaves pixels out."""
    scale = matrix[0, 0]
    small = cv2.resize(
        image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA
    )
    shift = np.array([[1, 0, matrix[0, 2]], [0, 1, matrix[1, 2]]])
    return _warp(small, shift, size)


def transform_points(keypoints: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """(K, 3) after a (2, 3) affine; visibility stays."""
    points = np.array(keypoints, float)
    points[:, :2] = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    return points


def box_of_points(keypoints: np.ndarray) -> np.ndarray:
    """x, y, w, h of the labelled points; of nothing, a box of 100 pixels."""
    shown = np.isfinite(keypoints).all(axis=1) & (keypoints[:, 2] > 0)
    if not shown.any():
        return np.array([0.0, 0.0, 100.0, 100.0])
    low, high = (f(keypoints[shown, :2], axis=0) for f in (np.min, np.max))
    return np.concatenate([low, np.maximum(high - low, 1)])


def fitted(image: np.ndarray, longest: int) -> Tuple[np.ndarray, float]:
    """An image shrunk so that its longer side has at most so many pixels, and
    the factor."""
    factor = min(1.0, longest / max(image.shape[:2]))
    if factor == 1.0:
        return image.copy(), factor
    size = [max(1, round(side * factor)) for side in image.shape[1::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), factor


def write_image(path: str, image: np.ndarray) -> None:
    """
    Raises:
        OSError: if it cannot be written.
    """
    done = False
    try:
        done = cv2.imwrite(path, image)
    except cv2.error as error:
        raise OSError(f'cannot write the image {path}: {error.err}') from None
    if not done:
        raise OSError(f'cannot write the image {path}')


class Sample(NamedTuple):
    """A person: the split, its annotation's id, its place in the arrays."""

    split: str
    annotation: object
    place: int
    note: str = ''


class Loaded:
    """A data set's files with their people as arrays."""

    def __init__(self, sets: Sequence[DataSet]):
        self.contents: Dict[str, Content] = {s.name: s.load() for s in sets}
        self.people: Dict[str, People] = {
            name: pack(content)[0] for name, content in self.contents.items()
        }

    def annotation(self, sample: Sample) -> dict:
        row = self.people[sample.split].rows[sample.place]
        return self.contents[sample.split].annotations[row]

    def image_entry(self, sample: Sample) -> Optional[dict]:
        row = self.people[sample.split].image_rows[sample.place]
        return None if row < 0 else self.contents[sample.split].images[row]

    def image_path(self, sample: Sample) -> Optional[Path]:
        entry = self.image_entry(sample)
        if entry is None:
            return None
        return self.contents[sample.split].path_of(entry)

    def others(self, sample: Sample) -> List[int]:
        """Places of all people in the sample's image, its own too."""
        rows = self.people[sample.split].image_rows
        return [int(i) for i in np.flatnonzero(rows == rows[sample.place])]


def by_seed(loaded: Loaded, count: int, seed: int) -> List[Sample]:
    """``count`` people with a label, all splits alike to choose from."""
    choices = [
        (split, int(place))
        for split, people in loaded.people.items()
        for place in np.flatnonzero(people.labelled.any(axis=1))
    ]
    if not choices:
        raise ValueError('no person has a labelled keypoint')
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(choices))[:count]
    return [_sample(loaded, *choices[i]) for i in chosen]


def by_ids(loaded: Loaded, ids: Sequence[str]) -> List[Sample]:
    """People by annotation id, in that order.

    Raises:
        ValueError: if an id is not there.
    """
    places = {
        str(content.annotations[row].get('id')): (split, place)
        for split, content in loaded.contents.items()
        for place, row in enumerate(loaded.people[split].rows)
    }
    absent = [i for i in ids if str(i) not in places]
    if absent:
        raise ValueError(
            f'no annotation with the id {", ".join(map(str, absent))} in '
            f'{", ".join(loaded.contents)}, or it has no 37 keypoints'
        )
    return [_sample(loaded, *places[str(i)]) for i in ids]


def by_report(
    loaded: Loaded, report, count: int, kind: Optional[str] = None
) -> List[Sample]:
    """The people that ``check.json`` lists first, errors before warnings and
    the kinds in turn, so that none fills the page alone.

    Raises:
        FileNotFoundError, ValueError: if it is no such report.
    """
    path = Path(report)
    if path.is_dir():
        path = path / 'check.json'
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        findings = [f for f in content['findings'] if 'annotation' in f]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(
            f'{path} is no check.json of check_dataset.py ({error})'
        ) from None
    kinds = list(dict.fromkeys(f['kind'] for f in findings))
    if kind is not None and kind not in kinds:
        raise ValueError(
            f'{path} has no people with findings of the kind {kind!r}, choose '
            f'from {", ".join(kinds) or "none"}'
        )
    places = {
        (split, int(row)): place
        for split, people in loaded.people.items()
        for place, row in enumerate(people.rows)
    }
    queues: Dict[str, List[Sample]] = {}
    for finding in findings:
        key = (finding['split'], finding.get('row'))
        if key not in places:
            continue
        if kind in (None, finding['kind']):
            note = f'{finding["kind"]}: {finding["detail"]}'
            sample = _sample(loaded, key[0], places[key], note)
            queues.setdefault(finding['kind'], []).append(sample)
    return _in_turn(list(queues.values()), count)


def _in_turn(queues: List[List[Sample]], count: int) -> List[Sample]:
    chosen: List[Sample] = []
    seen = set()
    for turn in range(max(map(len, queues), default=0)):
        for queue in queues:
            if turn >= len(queue):
                continue
            sample = queue[turn]
            if (sample.split, sample.place) not in seen:
                seen.add((sample.split, sample.place))
                chosen.append(sample)
    return chosen[:count]


def _sample(loaded: Loaded, split: str, place: int, note: str = '') -> Sample:
    row = loaded.people[split].rows[place]
    annotation = loaded.contents[split].annotations[row]
    return Sample(split, annotation.get('id'), place, note)


# What follows the last change to the picture, FastGenerateTarget too.
_LAST = ('GenerateTarget', 'PackPoseInputs')


class Augmented(NamedTuple):
    """``image`` (H, W, 3) uint8 BGR at the network's input size, ``keypoints``
    (K, 3) in its pixels; visibility 2 for each labelled point."""

    image: np.ndarray
    keypoints: np.ndarray


class Augmenter:
    """The train pipeline of a config, up to the targets.

    Args:
        config: a config file of MMPose.
        options: overrides as of ``--cfg-options``.

    Raises:
        ValueError: if the config has no training pipeline.
    """

    def __init__(self, config: str, options: Optional[dict] = None):
        from mmengine.config import Config
        from mmengine.dataset import Compose
        from mmengine.registry import init_default_scope
        from mmpose.utils import register_all_modules

        register_all_modules(init_default_scope=False)
        init_default_scope('mmpose')
        cfg = Config.fromfile(config)
        cfg.merge_from_dict(options or {})
        pipeline = cfg.get('train_pipeline')
        if not pipeline:
            data_set = cfg.get('train_dataloader', {}).get('dataset', {})
            pipeline = data_set.get('pipeline')
        if not pipeline:
            raise ValueError(
                f'{config} has no train_pipeline and no pipeline in '
                'train_dataloader.dataset'
            )
        steps = [s for s in pipeline if not s['type'].endswith(_LAST)]
        self._compose = Compose(steps)
        self._sets: Dict[str, object] = {}
        self._places: Dict[str, dict] = {}

    def views(
        self, source: DataSet, annotation, count: int, seed: int
    ) -> List[Augmented]:
        """``count`` draws of one person; empty if the data set leaves the
        person out."""
        place = self._place(source, annotation)
        if place is None:
            return []
        views = []
        for number in range(count):
            # Albumentations draws from a generator of its own.
            random.seed(seed + number)
            np.random.seed((seed + number) % 2**32)
            info = self._sets[source.name].get_data_info(place)
            result = self._compose(info)
            if result is not None:
                views.append(_augmented(result))
        return views

    def _place(self, source: DataSet, annotation) -> Optional[int]:
        from spinepose_mmpose.datasets.body import SpineTrackDataset

        if source.name not in self._sets:
            self._sets[source.name] = made = SpineTrackDataset(
                ann_file=str(source.ann_file),
                data_prefix=dict(img=str(source.image_dir or '')),
                on_bad_annotation='skip',
                pipeline=[],
            )
            self._places[source.name] = {
                made.get_data_info(i)['id']: i for i in range(len(made))
            }
        return self._places[source.name].get(annotation)


def _augmented(result: dict) -> Augmented:
    image = np.clip(np.asarray(result['img']), 0, 255).astype(np.uint8)
    points = result.get('transformed_keypoints', result['keypoints'])[0]
    visible = np.asarray(result['keypoints_visible'], float)
    visible = visible[0, :, 0] if visible.ndim == 3 else visible[0]
    shown = np.where(visible > 0, 2, 0)
    return Augmented(
        np.ascontiguousarray(image), np.column_stack([points[:, :2], shown])
    )


_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; background: #fff;
  max-width: 1600px; margin: 24px auto; padding: 0 20px; }
h1 { font-size: 24px; } h2 { font-size: 19px; margin-top: 32px; }
table { border-collapse: collapse; margin: 12px 0; }
th, td { text-align: right; padding: 3px 12px; border-bottom: 1px solid #ddd;
  vertical-align: top; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
td.text, th.text { text-align: left; }
.grid { display: flex; flex-wrap: wrap; gap: 14px; margin: 12px 0; }
figure { margin: 0; }
figure img { display: block; max-width: 100%; height: auto;
  background: #eee; }
figcaption { font-size: 13px; color: #444; margin-top: 4px;
  overflow-wrap: anywhere; }
.error { color: #a11; } .warning { color: #965c00; } .good { color: #1a7a2e; }
.note { color: #555; }
"""


def page(title: str, body: Iterable[str]) -> str:
    """A whole HTML file; ``body`` is HTML already."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{escape(title)}</title>\n<style>{_STYLE}</style></head>\n'
        f'<body>\n<h1>{escape(title)}</h1>\n' + '\n'.join(body) + '\n'
        '</body></html>\n'
    )


def heading(text: str, css: str = '') -> str:
    return f'<h2 class="{css}">{escape(text)}</h2>'


def paragraph(text: str, css: str = '') -> str:
    return f'<p class="{css}">{escape(text)}</p>'


def figure(source: str, caption: str, width: int) -> str:
    """A picture by its path relative to the page."""
    return (
        f'<figure style="width:{width}px"><a href="{quote(source)}">'
        f'<img src="{quote(source)}" width="{width}" loading="lazy" '
        f'alt="{escape(caption, quote=True)}"></a>'
        f'<figcaption>{escape(caption)}</figcaption></figure>'
    )


def grid(figures: Iterable[str]) -> str:
    return '<div class="grid">' + '\n'.join(figures) + '</div>'


def table(
    header: Sequence[str], rows: Iterable[Sequence], text: Sequence[int] = ()
) -> str:
    """Numbers to the right; the first column and those in ``text`` left."""

    def cells(row, tag) -> List[str]:
        return [
            f'<{tag}{" class=text" if i in text else ""}>{escape(str(v))}'
            f'</{tag}>'
            for i, v in enumerate(row)
        ]

    lines = ['<table>', '<tr>', *cells(header, 'th'), '</tr>']
    for row in rows:
        lines += ['<tr>', *cells(row, 'td'), '</tr>']
    return ''.join([*lines, '</table>'])


# Pixels: the longer side of whole images, the view of a person (w, h).
WHOLE, VIEW = 640, (288, 384)


def write_gallery(
    folder: str,
    loaded: Loaded,
    samples: Sequence[Sample],
    sources: Sequence[DataSet],
    augmenter=None,
    draws: int = 3,
    seed: int = 0,
    on_done: Callable[[], None] = lambda: None,
) -> List[str]:
    """Write ``index.html`` and, for each sample, the whole image, the person,
    and draws of the augmentation.

    Args:
        folder: made where it is missing; pictures of an older gallery go.
        augmenter: an :class:`.Augmenter`, or None.

    Returns:
        Names of the files.
    """
    os.makedirs(osp.join(folder, 'pictures'), exist_ok=True)
    for name in os.listdir(osp.join(folder, 'pictures')):
        if name.endswith('.jpg'):
            os.remove(osp.join(folder, 'pictures', name))
    by_name = {source.name: source for source in sources}
    body, written = [_legend(augmenter is not None)], []
    for number, sample in enumerate(samples, 1):
        pictures = _pictures(loaded, sample)
        if augmenter is not None:
            views = augmenter.views(
                by_name[sample.split], sample.annotation, draws, seed + number
            )
            pictures += [
                (f'augmented-{i}', f'after augmentation {i}', _enlarged(view))
                for i, view in enumerate(views, 1)
            ]
        figures = []
        for name, caption, picture in pictures:
            path = f'pictures/{number:04d}-{name}.jpg'
            with replaced(osp.join(folder, path)) as temporary:
                write_image(temporary, picture)
            figures.append(html.figure(path, caption, picture.shape[1]))
            written.append(path)
        body += [
            html.heading(f'{sample.split}, annotation {sample.annotation}'),
            html.paragraph(sample.note) if sample.note else '',
            html.paragraph(_facts(loaded, sample), 'note'),
            html.grid(figures),
        ]
        on_done()
    write_text(
        osp.join(folder, 'index.html'), html.page('Labelled people', body)
    )
    return ['index.html', *written]


def _legend(augmented: bool) -> str:
    text = (
        'Green is the left side of the body, orange the right, blue the '
        'middle; discs are points labelled as visible, rings as hidden.'
    )
    if augmented:
        text += (
            ' After augmentation: the network input, enlarged; all labelled '
            'points are discs.'
        )
    return html.paragraph(text, 'note')


def _facts(loaded: Loaded, sample: Sample) -> str:
    people = loaded.people[sample.split]
    entry = loaded.image_entry(sample)
    w, h = people.boxes[sample.place, 2:]
    values = people.keypoints[sample.place, :, 2]
    return (
        f'{entry.get("file_name") if entry else "no image entry"}; box '
        f'{w:.0f} x {h:.0f} px; {int((values == 2).sum())} points visible, '
        f'{int((values == 1).sum())} hidden, {int((values == 0).sum())} '
        'without label'
    )


def _pictures(loaded: Loaded, sample: Sample):
    """(name, caption, image) before augmentation."""
    people = loaded.people[sample.split]
    image = _read(loaded.image_path(sample))
    view = person_view(
        image, people.keypoints[sample.place], people.boxes[sample.place], VIEW
    )
    pictures = [('person', 'the person', view)]
    if image is not None:
        whole, factor = fitted(image, WHOLE)
        for place in loaded.others(sample):
            points = people.keypoints[place] * (factor, factor, 1)
            box = people.boxes[place] * factor
            draw_person(whole, points, box if place == sample.place else None)
        pictures.insert(0, ('image', 'the whole image', whole))
    return pictures


def _read(path) -> Optional[np.ndarray]:
    return None if path is None else cv2.imread(str(path))


def _enlarged(view) -> np.ndarray:
    """To the height of the person's view, so that labels can be seen."""
    factor = max(1.0, VIEW[1] / view.image.shape[0])
    image = cv2.resize(
        view.image, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR
    )
    draw_person(image, view.keypoints * (factor, factor, 1))
    return image
