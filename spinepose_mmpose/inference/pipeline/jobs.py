"""Inputs of a command and where the results of each one go."""

import os
from collections import Counter
from dataclasses import dataclass
from typing import Iterator, List, Sequence, Tuple

from ..video import files_of, is_image
from ..video.live import camera_index, is_address

PHOTO, CLIP = 'photo', 'clip'
# Files of a folder that are taken for videos; a file named by the user may
# have any extension.
VIDEO_EXTENSIONS = (
    '.mp4 .m4v .mov .avi .mkv .webm .wmv .flv .mpg .mpeg .m2v .ts .mts .m2ts '
    '.3gp .ogv .vob .mxf .asf .gif .y4m .dv .divx'
).split()


@dataclass(frozen=True)
class Input:
    """One photograph or one clip.

    Attributes:
        spec: the file, camera or address; a folder or pattern of stills.
        kind: ``photo`` or ``clip``.
        name: what its outputs are called.
    """

    spec: str
    kind: str
    name: str


@dataclass(frozen=True)
class Job:
    """An input and its outputs, '' where one is not wanted.

    Attributes:
        source: the input.
        picture: the drawn picture or video.
        openpose: of a photo the file, of a clip the folder.
        json, csv: the files.
        trc: path of the files up to ``_person1.trc``.
        work: folder for what is not finished.
    """

    source: Input
    picture: str = ''
    openpose: str = ''
    json: str = ''
    csv: str = ''
    trc: str = ''
    work: str = ''

    @property
    def label(self) -> str:
        return self.source.name


def expand_inputs(specs: Sequence[str], stills_are_clips: bool) -> List[Input]:
    """The photographs and clips that the user means, in order.

    Args:
        specs: files, folders, patterns, cameras and addresses.
        stills_are_clips: a folder or pattern of stills is one clip.

    Raises:
        FileNotFoundError: there is no such thing.
        ValueError: there is nothing to work on.
    """
    found: List[Input] = []
    for spec in specs:
        found += _expand(spec, stills_are_clips)
    return list(_distinct(found))


def _expand(spec: str, stills_are_clips: bool) -> List[Input]:
    if is_address(spec):
        return [Input(spec, CLIP, 'stream')]
    if os.path.isfile(spec):
        return [_file(spec)]
    number = camera_index(spec)
    if number is not None and not os.path.exists(spec):
        return [Input(spec, CLIP, f'camera{number}')]
    if not os.path.isdir(spec) and not any(char in spec for char in '*?['):
        raise FileNotFoundError(f'no such file or folder: {spec}')
    files = files_of(spec)
    if stills_are_clips and any(is_image(path) for path in files):
        folder = spec if os.path.isdir(spec) else os.path.dirname(spec)
        name = os.path.basename(os.path.abspath(folder))
        return [Input(spec, CLIP, name)]
    known = [
        _file(path)
        for path in files
        if is_image(path)
        or os.path.splitext(path)[1].lower() in VIDEO_EXTENSIONS
    ]
    if not known:
        raise ValueError(
            f'{spec} holds {len(files)} files, but none with the extension of '
            'an image or a video'
        )
    return known


def _file(path: str) -> Input:
    name = os.path.splitext(os.path.basename(path))[0]
    return Input(path, PHOTO if is_image(path) else CLIP, name)


def _distinct(inputs: Sequence[Input]) -> Iterator[Input]:
    """With names of their own: a.jpg and a.png become a_jpg and a_png."""
    often = Counter(item.name for item in inputs)
    used: Counter = Counter()
    for item in inputs:
        name = item.name
        if often[name] > 1:
            name += os.path.splitext(item.spec)[1].lower().replace('.', '_')
        used[name] += 1
        if used[name] > 1:
            name = f'{name}_{used[name]}'
        yield Input(item.spec, item.kind, name)


def kinds_of(inputs: Sequence[Input]) -> Tuple[str, ...]:
    return tuple(sorted({item.kind for item in inputs}))
