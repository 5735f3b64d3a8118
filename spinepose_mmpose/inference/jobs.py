"""Inputs of a command and where the results of each one go."""

import os
from collections import Counter
from dataclasses import dataclass, replace
from typing import Iterator, List, Sequence, Tuple

from ..utils import sweep
from .formats import FORMATS, Format
from .images import is_image
from .record import Record
from .settings import Settings
from .video import camera_index, files_of, is_address
from .video_writer import ENCODERS

# Files of a folder that are taken for videos; a file named by the user may
# have any extension.
VIDEO_EXTENSIONS = (
    '.mp4 .m4v .mov .avi .mkv .webm .wmv .flv .mpg .mpeg .m2v .ts .mts .m2ts '
    '.3gp .ogv .vob .mxf .asf .gif .y4m .dv .divx'
).split()
IMAGE_OUTPUTS = '.jpg .jpeg .png .bmp .webp .tif .tiff'.split()


@dataclass(frozen=True)
class Job:
    """An input and its outputs."""

    source: str  # file, camera or address; a folder or pattern of images
    is_clip: bool  # not a photograph
    name: str  # what its outputs are called
    drawn: str = ''  # the drawn image or video, '' for none
    results: Tuple[Tuple[Format, str], ...] = ()  # see Format.target

    @property
    def outputs(self) -> List[str]:
        """Paths of the results, then of the drawing."""
        drawn = [self.drawn] if self.drawn else []
        return [path for _, path in self.results] + drawn

    def samples(self) -> List[str]:
        """Files like those that will be written."""
        samples = [self.drawn] if self.drawn else []
        for kind, path in self.results:
            samples.append(kind.sample(path, self.name, self.is_clip))
        return samples

    def existing(self) -> List[str]:
        """Files that are there already where the outputs go."""
        found = [self.drawn] if os.path.exists(self.drawn) else []
        for kind, path in self.results:
            found += kind.existing(path, self.name)
        return found


def find_jobs(settings: Settings) -> Tuple[List[Job], List[str]]:
    """The photographs and clips that the user means, in order and without
    outputs; files of folders that are neither image nor video. An error if
    there are none."""
    jobs, others = [], []
    for spec in settings.input_path:
        found, left = _expand(spec, settings.sequence is not None)
        jobs += found
        others += left
    return list(_distinct(jobs)), others


def _expand(spec: str, is_sequence: bool) -> Tuple[List[Job], List[str]]:
    if os.path.isfile(spec):
        return [_file(spec)], []
    if not os.path.exists(spec):
        if is_address(spec):
            return [Job(spec, True, 'stream')], []
        if camera_index(spec) is not None:
            return [Job(spec, True, f'camera{camera_index(spec)}')], []
        if not any(char in spec for char in '*?['):
            raise FileNotFoundError(f'no such file or folder: {spec}')
    files = files_of(spec)
    if is_sequence and any(map(is_image, files)):
        folder = spec if os.path.isdir(spec) else os.path.dirname(spec)
        return [Job(spec, True, os.path.basename(os.path.abspath(folder)))], []
    known = [
        path
        for path in files
        if is_image(path) or _extension(path) in VIDEO_EXTENSIONS
    ]
    if not known:
        raise ValueError(
            f'{spec} contains {len(files)} files, but none with the extension '
            'of an image or a video'
        )
    left = set(files) - set(known)
    return [_file(path) for path in known], sorted(left)


def _extension(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _file(path: str) -> Job:
    name = os.path.splitext(os.path.basename(path))[0]
    return Job(path, not is_image(path), name)


def _distinct(jobs: Sequence[Job]) -> Iterator[Job]:
    """With names of their own: a.jpg and a.png become a_jpg and a_png."""
    often = Counter(job.name for job in jobs)
    used: Counter = Counter()
    for job in jobs:
        name = job.name
        if often[name] > 1:
            name += _extension(job.source).replace('.', '_')
        used[name] += 1
        if used[name] > 1:
            name = f'{name}_{used[name]}'
        yield replace(job, name=name)


def plan_outputs(jobs: Sequence[Job], settings: Settings) -> List[Job]:
    """Where the results of every input go. A path is a file for one input and a
    folder for several; a name with an extension is a file."""
    drawn, saved = settings.vis_path, settings.save_path
    if not (drawn or saved or settings.show or settings.report):
        raise ValueError(
            'nothing would be written: give -o for a drawing, -s for results, '
            '--report or --show'
        )
    if settings.angles and not (saved or settings.report):
        raise ValueError('--angles needs -s, where to write to, or --report')
    if settings.save_format and not saved:
        raise ValueError('--save-format needs -s, where to write to')
    extensions = [kind.extension for kind in FORMATS.values()]
    to_image = _is_file('-o', drawn, [*IMAGE_OUTPUTS, *ENCODERS], jobs)
    to_file = _is_file('-s', saved, extensions, jobs)
    to_page = _is_file('--report', settings.report, ['.html'], jobs)
    names = list(dict.fromkeys(settings.save_format)) or ['openpose']
    if to_file:
        names = [_format_of(saved, settings.save_format)]
    wanted = [(FORMATS[name], saved, to_file) for name in names if saved]
    if settings.report:
        wanted.append((FORMATS['report'], settings.report, to_page))
    for kind, _, _ in wanted:
        kind(settings).check()
    planned = []
    for job in jobs:
        results = {}
        for make, path, is_file in wanted:
            kind = make(settings, job.source)
            target = _target(job, kind, path, is_file, len(jobs) == 1)
            results[kind.name] = kind, target
        if settings.angles and saved:
            stem = os.path.join(saved, job.name)
            if to_file:
                stem = os.path.splitext(saved)[0]
            has_movement = job.is_clip and settings.tracking
            for name in ('angles', 'mot') if has_movement else ('angles',):
                kind = FORMATS[name](settings, job.source)
                results[name] = kind, stem + kind.extension
        path = _drawing(job, drawn, to_image) if drawn else ''
        planned.append(replace(job, drawn=path, results=(*results.values(),)))
    return planned


def _is_file(option: str, path: str, extensions, jobs) -> bool:
    """Whether a path is a file and no folder."""
    if not path or path.endswith(('/', os.sep)) or os.path.isdir(path):
        return False
    extension = _extension(path)
    if extension and extension not in extensions:
        raise ValueError(
            f'{option} {path}: files that end in {extension!r} are not '
            f'written; {", ".join(extensions)} or a folder expected '
            '(a folder with a dot in its name: put a slash behind it)'
        )
    if extension and len(jobs) > 1:
        raise ValueError(
            f'{option} {path} is one file, but there are {len(jobs)} inputs: '
            'name a folder'
        )
    return bool(extension)


def _format_of(path: str, formats: Sequence[str]) -> str:
    extension = _extension(path)
    name = next(n for n, kind in FORMATS.items() if kind.extension == extension)
    if formats and list(formats) != [name]:
        raise ValueError(
            f'-s {path} is a file of format {name}, but --save-format says '
            f'{", ".join(formats)}: name a folder, or a file that ends in '
            f'{FORMATS[formats[0]].extension}'
        )
    return name


def _drawing(job: Job, path: str, is_file: bool) -> str:
    extensions = ENCODERS if job.is_clip else IMAGE_OUTPUTS
    if is_file:
        if _extension(path) not in extensions:
            kind = 'video' if job.is_clip else 'photograph'
            raise ValueError(
                f'-o {path} does not fit {job.source}, which is a {kind}: '
                f'a file that ends in {", ".join(extensions)} expected'
            )
        return path
    extension = _extension(job.source)
    if extension not in extensions or is_address(job.source):
        extension = '.mp4' if job.is_clip else '.png'
    return os.path.join(path, job.name + extension)


def _target(
    job: Job, kind: Format, path: str, is_file: bool, alone: bool
) -> str:
    if not job.is_clip and not kind.for_photographs:
        raise ValueError(
            f'{job.source} is a photograph: {kind.name.upper()} '
            'contains movements and needs a video'
        )
    if not is_file:
        return kind.target(path, job.name, job.is_clip, alone)
    if job.is_clip and not kind.in_one_file:
        raise ValueError(
            f'-s {path} is one file, but {job.source} is a video, of which '
            f'{kind.name} is one file per frame: name a folder, or a '
            f'{FORMATS["json"].extension} file for all frames in one'
        )
    return path


def check_outputs(
    jobs: Sequence[Job], sources: Sequence[str], settings: Settings
) -> None:
    """Raise for outputs of this process that cannot or must not be written;
    ``sources`` are the inputs of all processes."""
    inputs = [*sources, settings.boxes, settings.model, settings.config]
    inputs += [settings.checkpoint, settings.detector, settings.detector_config]
    taken = {os.path.realpath(p) for p in inputs if p and os.path.exists(p)}
    for job in jobs:
        samples, present = job.samples(), job.existing()
        for path in [*samples, *present]:
            if os.path.realpath(path) in taken:
                raise ValueError(
                    f'{path} is an input itself: name another file for the '
                    'output'
                )
        for path in samples:
            _check_place(path)
        if settings.overwrite or settings.resume or not job.outputs:
            continue
        if job.is_clip and Record(job.outputs[0]).is_interrupted():
            raise ValueError(
                f'a run on {job.source} was interrupted: --resume goes on '
                'with it, --overwrite begins again'
            )
        if present:
            raise ValueError(
                f'{present[0]} exists already: --overwrite replaces it, '
                '--resume keeps what is finished and does the rest'
            )


def make_folders(jobs: Sequence[Job]) -> None:
    """Make every folder that outputs go to, and sweep it."""
    paths = [path for job in jobs for path in job.samples()]
    for folder in {os.path.dirname(os.path.realpath(path)) for path in paths}:
        os.makedirs(folder, exist_ok=True)
        sweep(folder)


def _check_place(path: str) -> None:
    try:
        path.encode()
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except UnicodeEncodeError:
        raise ValueError(
            f'{ascii(path)} cannot be written: its name is not UTF-8'
        ) from None
    except OSError as error:
        raise OSError(f'{path} cannot be written: {error.strerror}') from error
    if os.path.isdir(path):
        raise IsADirectoryError(f'{path} is a folder, a file expected')
    folder = os.path.dirname(os.path.realpath(path))
    while not os.path.exists(folder):
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        raise NotADirectoryError(
            f'{path} cannot be written: {folder} is a file, not a folder'
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(
            f'{path} cannot be written: no permission to write in {folder}'
        )
