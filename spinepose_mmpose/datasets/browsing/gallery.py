"""Pictures of people in a folder, and a page of them."""

import os
import os.path as osp
from typing import Callable, List, Optional, Sequence

from spinepose_mmpose.utils import replaced, write_text

import cv2
import numpy as np

from ..checking.sets import DataSet
from . import page as html
from .drawing import draw_person, fitted, person_view, write_image
from .samples import Loaded, Sample

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
