"""Do annotation files and image folders fit together?"""

import json
from pathlib import Path
from typing import List, NamedTuple, Optional

from .extraction import file_sizes
from .layout import annotation_path, image_folder

QUOTED = 3


class SplitStatus(NamedTuple):
    """``listed`` images in the annotations (None: they are not there), of
    which ``missing`` are not in the folder (None: not looked for)."""

    split: str
    people: Optional[int]
    listed: Optional[int]
    missing: Optional[List[str]]


def read_annotations(path) -> dict:
    """A COCO-format file.

    Raises:
        ValueError: if it is no complete JSON or has no images or annotations.
    """
    with open(path, encoding='utf-8') as file:
        try:
            content = json.load(file)
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ValueError(
                f'{path} is no complete JSON, it may be cut off: {error}'
            ) from None
    for key in ('images', 'annotations'):
        if not isinstance(content, dict) or not isinstance(
            content.get(key), list
        ):
            raise ValueError(
                f'{path} has no list {key!r}, COCO annotations expected'
            )
    return content


def is_readable(path) -> bool:
    """Whether ``path`` is an annotation file that can be used."""
    try:
        read_annotations(path)
    except (OSError, ValueError):
        return False
    return True


def is_complete(root: Path, split: str) -> bool:
    """Whether annotations and all images that they list are there."""
    try:
        status = split_status(root, split, images=True)
    except (OSError, ValueError):
        return False
    return bool(status.listed) and not status.missing


def split_status(root: Path, split: str, images: bool) -> SplitStatus:
    """Compare a split's annotations with its images.

    Args:
        images: look for the image files.
    """
    path = annotation_path(root, split)
    if not path.is_file():
        return SplitStatus(split, None, None, None)
    content = read_annotations(path)
    names = [
        image['file_name']
        for image in content['images']
        if isinstance(image, dict) and 'file_name' in image
    ]
    missing = None
    if images:
        there = file_sizes(image_folder(root, split))
        # An empty file is what a power cut leaves.
        missing = [name for name in names if not there.get(name)]
    return SplitStatus(split, len(content['annotations']), len(names), missing)


def describe(status: SplitStatus) -> str:
    """One line for people."""
    if status.listed is None:
        return f'{status.split}: no annotations'
    text = f'{status.split}: {status.people} people, {status.listed} images'
    if status.missing is None:
        return f'{text} listed, not looked for'
    if not status.missing:
        return f'{text}, all there'
    more = ', ...' if len(status.missing) > QUOTED else ''
    return (
        f'{text}, {len(status.missing)} of them MISSING '
        f'({", ".join(status.missing[:QUOTED])}{more})'
    )
