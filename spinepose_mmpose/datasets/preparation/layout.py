"""Where SpineTrack's files belong, and which archive holds them."""

from pathlib import Path, PurePosixPath
from typing import Optional

SPLITS = ('train-real-coco', 'train-real-yoga', 'train-unreal', 'val2017')
PARTS = ('annotations', 'images')
HOME = 'https://huggingface.co/datasets/saifkhichi96/spinetrack/resolve/main'
LICENCE = 'CC-BY-NC-4.0'
IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp')


def archive_name(part: str) -> str:
    """``annotations.zip`` or ``images.zip``."""
    return f'{part}.zip'


def annotation_path(root, split: str) -> Path:
    return Path(root) / 'annotations' / f'person_keypoints_{split}.json'


def image_folder(root, split: str) -> Path:
    return Path(root) / 'images' / split


def place_of(member: str, part: str) -> Optional[tuple]:
    """The split of a file in an archive, and its place in the data set.

    What stands before the split's name does not matter: an archive may hold
    ``images/val2017/1.jpg``, ``spinetrack/images/val2017/1.jpg`` or
    ``val2017/1.jpg``.

    Returns:
        (split, relative path with slashes), or None for a file that is no
        part of the set (a readme, what macOS adds).
    """
    path = PurePosixPath(member)
    if '__MACOSX' in path.parts or path.name.startswith('.'):
        return None
    if part == 'annotations':
        for split in SPLITS:
            if path.name == f'person_keypoints_{split}.json':
                return split, f'annotations/{path.name}'
        return None
    for split in SPLITS:
        if split in path.parts[:-1] and path.suffix.lower() in IMAGE_SUFFIXES:
            inner = path.parts[path.parts.index(split) :]
            return split, '/'.join(('images', *inner))
    return None
