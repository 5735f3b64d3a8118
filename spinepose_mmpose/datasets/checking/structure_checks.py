"""Ids, references and the order of keypoints."""

from collections import Counter
from typing import Iterable, Iterator

from spinepose_mmpose.metainfo import KEYPOINT_NAMES

from .findings import Finding
from .sets import Content, key_of


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
