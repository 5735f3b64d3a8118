"""Boxes, areas and points of people.

Letters: N people, K keypoints.
"""

from typing import Iterator

from spinepose_mmpose.metainfo import KEYPOINT_NAMES, NUM_KEYPOINTS

import numpy as np

from ..annotation_checks import VISIBILITIES, find_fault
from .findings import Finding
from .people import People
from .sets import Content
from .structure_checks import finding_of

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
