"""Which files the results of every input become."""

import os
from dataclasses import replace
from typing import List, Sequence

from ..formats import FORMATS
from ..video import video_extensions
from .jobs import CLIP, PHOTO, Input, Job

PICTURE_EXTENSIONS = '.jpg .jpeg .png .bmp .webp .tif .tiff'.split()


def plan_outputs(
    inputs: Sequence[Input],
    vis_path: str = '',
    save_path: str = '',
    formats: Sequence[str] = (),
    layout: str = 'client',
) -> List[Job]:
    """Where the results of every input go. Nothing is written.

    A path is a file for one input and a folder for several. A name with an
    extension is a file, any other a folder.

    Args:
        vis_path: of drawn pictures, '' for none.
        save_path: of results, '' for none.
        formats: of :data:`.FORMATS`; none: by the extension of ``save_path``,
            ``openpose`` for a folder.
        layout: of OpenPose's files.

    Raises:
        ValueError: a path is of the wrong kind.
    """
    single = len(inputs) == 1
    picture_is_file = _is_file(
        '-o', vis_path, [*PICTURE_EXTENSIONS, *video_extensions()]
    )
    results_is_file = _is_file('-s', save_path, list(FORMATS.values()))
    if not single and (picture_is_file or results_is_file):
        option, path = (
            ('-o', vis_path) if picture_is_file else ('-s', save_path)
        )
        raise ValueError(
            f'{option} {path} is one file, but there are {len(inputs)} inputs: '
            'name a folder'
        )
    if results_is_file:
        formats = [_format_of(save_path, formats)]
    elif save_path and not formats:
        formats = ['openpose']
    jobs = []
    for item in inputs:
        job = Job(item)
        if vis_path:
            job = replace(
                job, picture=_picture(item, vis_path, picture_is_file)
            )
        for name in formats if save_path else ():
            path = _results(
                item, name, save_path, results_is_file, single, layout
            )
            job = replace(job, **{name: path})
        jobs.append(replace(job, work=_work(job)))
    return jobs


def _is_file(option: str, path: str, extensions: Sequence[str]) -> bool:
    if not path or path.endswith(('/', os.sep)) or os.path.isdir(path):
        return False
    extension = os.path.splitext(path)[1].lower()
    if not extension:
        return False
    if extension not in extensions:
        raise ValueError(
            f'{option} {path}: files that end in {extension!r} are not '
            f'written; {", ".join(extensions)} or a folder expected '
            '(a folder with a dot in its name: put a slash behind it)'
        )
    return True


def _format_of(path: str, formats: Sequence[str]) -> str:
    extension = os.path.splitext(path)[1].lower()
    name = next(n for n, e in FORMATS.items() if e == extension)
    if formats and list(formats) != [name]:
        raise ValueError(
            f'-s {path} is a file of format {name}, but --save-format says '
            f'{", ".join(formats)}: name a folder, or a file that ends in '
            f'{FORMATS[formats[0]]}'
        )
    return name


def _picture(item: Input, path: str, is_file: bool) -> str:
    extensions = (
        PICTURE_EXTENSIONS if item.kind == PHOTO else video_extensions()
    )
    if is_file:
        if os.path.splitext(path)[1].lower() not in extensions:
            raise ValueError(
                f'-o {path} does not fit {item.spec}, which is '
                f'{_article(item.kind)}: a file that ends in '
                f'{", ".join(extensions)} expected'
            )
        return path
    extension = os.path.splitext(item.spec)[1].lower()
    if extension not in extensions or '://' in item.spec:
        extension = '.png' if item.kind == PHOTO else '.mp4'
    return os.path.join(path, item.name + extension)


def _results(
    item: Input,
    name: str,
    path: str,
    is_file: bool,
    single: bool,
    layout: str,
) -> str:
    if item.kind == PHOTO and name == 'trc':
        raise ValueError(
            f'{item.spec} is a photograph: TRC holds movements, so that it '
            'needs a video'
        )
    if is_file:
        if name == 'trc':
            return os.path.splitext(path)[0]
        if name == 'openpose' and item.kind == CLIP:
            raise ValueError(
                f'-s {path} is one file, but {item.spec} is a video, whose '
                'OpenPose results are a file a frame: name a folder, or a '
                f'{FORMATS["json"]} file for all frames in one'
            )
        return path
    if name == 'openpose' and item.kind == CLIP:
        if layout == 'client':
            return path if single else os.path.join(path, item.name)
        if single and 'json' in os.path.basename(os.path.normpath(path)):
            return path
        return os.path.join(path, f'{item.name}_json')
    extension = '' if name == 'trc' else FORMATS[name]
    return os.path.join(path, item.name + extension)


def _work(job: Job) -> str:
    """Hidden, beside the first output."""
    first = job.openpose or job.json or job.csv or job.trc or job.picture
    if not first:
        return ''
    first = os.path.normpath(first)
    return os.path.join(
        os.path.dirname(first), f'.{os.path.basename(first)}.spinepose'
    )


def _article(kind: str) -> str:
    return 'a photograph' if kind == PHOTO else 'a video'
