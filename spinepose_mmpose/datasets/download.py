"""SpineTrack by split, out of its published archives.

The archives are read where they are: in a folder, or on a server by ranges of
bytes. A file is complete or absent, so that a further run goes on.
"""

import contextlib
import logging
import os
import re
import shutil
import stat
import threading
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ..downloads import (
    DownloadError,
    asked,
    fetch,
    hub_file,
    mirror,
    sentences,
    session,
    with_mirror,
)
from ..inference.images import is_image
from ..utils import replaced, sweep
from .annotations import read_coco

logger = logging.getLogger(__name__)

SPLITS = ('train-real-coco', 'train-real-yoga', 'train-unreal', 'val2017')
PARTS = ('annotations', 'images')
HOME = 'https://huggingface.co/datasets/saifkhichi96/spinetrack/resolve/main'
LICENCE = 'CC-BY-NC-4.0'
QUOTED = 3  # names in a message
# Deflate reaches 1032:1; annotations with many zeros stay below 40:1.
MAX_RATIO = 200
LOCAL_HEADER = 30  # bytes before an entry's name
BLOCK = 8 << 20  # bytes that are asked for at once
RUN = 256 << 20  # bytes that one thread reads from front to back
# How files begin that are found in the place of an archive.
INSTEAD = (
    (b'<', 'is a web page, not a zip archive (a login or an error page?)'),
    (b'version https://git-lfs', 'is a Git LFS pointer, not the archive'),
    (b'pk', 'is cut off or damaged: it lacks the directory at its end'),
)
Source = str | Path  # where an archive is: an address or a file


class SplitStatus(NamedTuple):
    split: str
    people: int = 0
    listed: Optional[int] = None  # images; None: no annotations are there
    missing: Optional[List[str]] = None  # of them; None: not looked for


@dataclass(frozen=True)
class Options:
    """Settings of :func:`prepare`."""

    parts: Sequence[str] = PARTS
    splits: Sequence[str] = SPLITS
    # The folder that holds them; otherwise they are looked for in the data
    # set's folder, the mirror and at their published address.
    archives: Optional[Path] = None
    workers: int = min(8, 2 * (os.cpu_count() or 1))
    stream: bool = True  # not downloaded into the data set's folder
    overwrite: bool = False  # annotations that differ: they may be corrected
    verify: bool = False  # compare the CRC-32 of every file
    remove_archives: bool = False  # from the data set's folder, at the end
    retries: int = 5
    progress: bool = True


def prepare(root, options: Options) -> List[SplitStatus]:
    """Fetch and unpack what is not there yet.

    Safe to call again after any failure, and from several processes at once:
    one works, the others wait and find it done. Nothing of the user's is
    overwritten but images of another size than the archive's.
    """
    from filelock import FileLock

    root = Path(root).expanduser()
    if root.exists() and not root.is_dir():
        raise NotADirectoryError(f'{root} is not a folder')
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / '.prepare.lock'):
        for left in reversed(range(options.retries + 1)):
            try:
                _bring(root, options)
                break
            except DownloadError as error:
                if not left or error.local:
                    raise
                logger.warning('%s; trying again', error)
    images = 'images' in options.parts
    return [split_status(root, split, images) for split in options.splits]


def _bring(root: Path, options: Options) -> None:
    for folder, _, _ in os.walk(root):
        sweep(folder)
    plan = []
    for part in options.parts:
        done = all(_is_complete(root, part, split) for split in options.splits)
        if done and not (options.verify or options.overwrite):
            continue
        source = _find(part, root, options)
        with sentences(source), _open(source) as archive:
            members = checked_members(source, archive)
        wanted = wanted_entries(source, part, members, options.splits)
        plan.append((part, source, _missing(root, wanted, options)))
    files = [info for _, _, jobs in plan for info in jobs.values()]
    need, free = sum(i.file_size for i in files), shutil.disk_usage(root).free
    if need > free:
        raise OSError(
            f'no room for {len(files)} files in {root}: {need / 1e9:.1f} GB '
            f'needed, {free / 1e9:.1f} GB free; nothing was begun'
        )
    for part, source, jobs in plan:
        with sentences(source):
            _unpack(source, jobs, options)
        if options.remove_archives:  # not those of other folders
            (root / f'{part}.zip').unlink(missing_ok=True)


def _find(part: str, root: Path, options: Options) -> Source:
    """Where an archive is; it is downloaded if that is asked for."""
    name, given = f'{part}.zip', options.archives
    for folder in (root, mirror()) if given is None else (given,):
        if isinstance(folder, Path) and (folder / name).is_file():
            return folder / name
    if given is not None:
        raise FileNotFoundError(f'{given} does not hold {name}')
    if not options.stream:
        return fetch([f'{HOME}/{name}'], None, options.progress, root)
    *others, home = with_mirror([f'{HOME}/{name}'])
    for url in others:
        try:
            with sentences(url), _remote(url):
                return url
        except DownloadError as error:
            logger.warning('%s', error)
    return home


def _remote(url: str):
    """A file on a server, read in pieces as if it were here."""
    from fsspec.spec import AbstractBufferedFile

    parts = hub_file(url)
    if parts:
        from huggingface_hub import HfApi, HfFileSystem

        session()  # gives up slow servers
        # Of a commit: the file cannot change while it is read.
        commit = HfApi().dataset_info(parts['repo_id']).sha
        path = f'datasets/{parts["repo_id"]}@{commit}/{parts["filename"]}'
        return HfFileSystem().open(path, block_size=BLOCK)

    def ask(start: int, end: int):
        with asked(url, Range=f'bytes={start}-{end - 1}') as reply:
            if reply.status_code != 206:
                raise DownloadError('the server does not send parts of a file')
            return reply.read(), reply.headers

    _, first = ask(0, 1)

    class File(AbstractBufferedFile):
        def _fetch_range(self, start: int, end: int) -> bytes:
            content, head = ask(start, end)
            if head.get('ETag') != first.get('ETag'):
                raise DownloadError('the file changed on the server meanwhile')
            return content

    size = int(first['Content-Range'].rpartition('/')[2])
    return File(None, url, 'rb', BLOCK, size=size)


@contextlib.contextmanager
def _open(source: Source) -> Iterator[zipfile.ZipFile]:
    """ValueError says what it is instead of a zip archive."""
    local = isinstance(source, Path)
    with open(source, 'rb') if local else _remote(source) as file:
        try:
            archive = zipfile.ZipFile(file)
        # ValueError: fsspec's for a file that is shorter than a directory.
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None  # not of the content
            file.seek(0)
            start = file.read(512).lstrip()
            known = (w for mark, w in INSTEAD if start.lower().startswith(mark))
            other = f'is not a zip archive: it begins with {start[:12]!r}'
            raise ValueError(f'{source} {next(known, other)}') from error
        with archive:
            yield archive


def checked_members(
    source: Source, archive: zipfile.ZipFile
) -> List[zipfile.ZipInfo]:
    """The files of an archive, without folders; ValueError for an entry that
    is not to be trusted."""
    files, end = [], 0
    for info in sorted(archive.infolist(), key=lambda i: i.header_offset):
        # Before zipfile replaced separators and cut the name at a NUL.
        name = info.orig_filename
        kind = stat.S_IFMT(info.external_attr >> 16)
        reason = ''
        if re.search(r'\0|^[/\\]|^[A-Za-z]:|(^|[/\\])\.\.([/\\]|$)', name):
            reason = 'leads out of the folder'
        elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            reason = 'is a link or no ordinary file'
        elif info.flag_bits & 1:
            reason = 'is encrypted'
        elif info.file_size > MAX_RATIO * max(info.compress_size, 1):
            reason = f'unpacks to more than {MAX_RATIO} times its bytes'
        elif info.header_offset < end:
            reason = 'overlaps another one'
        if reason:
            raise ValueError(
                f'{source} is refused: its entry {name!r} {reason}'
            )
        if not info.is_dir():
            end = info.header_offset + LOCAL_HEADER + info.compress_size
            files.append(info)
    return files


def place_of(member: str, part: str) -> Optional[Tuple[str, str]]:
    """The split of a file in an archive, and its place in the data set, a
    relative path with slashes; None for a readme or what macOS adds.

    What stands before the split's name does not matter: an archive may hold
    ``images/val2017/1.jpg``, ``spinetrack/images/val2017/1.jpg`` or
    ``val2017/1.jpg``.
    """
    path = PurePosixPath(member)
    if '__MACOSX' in path.parts or path.name.startswith('.'):
        return None
    for split in SPLITS:
        if part == 'annotations':
            if path.name == annotation_path('', split).name:
                return split, f'annotations/{path.name}'
        elif split in path.parts[:-1] and is_image(path):
            inner = path.parts[path.parts.index(split) :]
            return split, '/'.join(('images', *inner))
    return None


def wanted_entries(
    source: Source,
    part: str,
    members: Sequence[zipfile.ZipInfo],
    splits: Sequence[str],
) -> Dict[str, zipfile.ZipInfo]:
    """Entries by their place in the data set."""
    wanted: Dict[str, zipfile.ZipInfo] = {}
    absent = set(splits)
    for info in members:
        split, target = place_of(info.filename, part) or (None, None)
        if split in splits:
            absent.discard(split)
            other = wanted.setdefault(target, info)
            if (other.file_size, other.CRC) != (info.file_size, info.CRC):
                raise ValueError(
                    f'{source} is refused: it contains two different files '
                    f'for {target}'
                )
    if absent:
        found = ', '.join(info.filename for info in members[:QUOTED])
        raise ValueError(
            f'{source} contains no {part} of {", ".join(sorted(absent))}; its '
            f'first files are {found or "none"}'
        )
    return wanted


def _missing(root: Path, wanted: dict, options: Options) -> dict:
    """Entries to unpack, by the path that they go to."""
    jobs, kept = {}, []
    for target, info in wanted.items():
        path = root / target
        if path.is_file():
            is_same = path.stat().st_size == info.file_size
            if is_same and not options.verify:
                continue
            if is_same and zlib.crc32(path.read_bytes()) == info.CRC:
                continue
            keeps = path.suffix == '.json' and not options.overwrite
            if keeps and _is_readable(path):
                kept.append(target)
                continue
        jobs[path] = info
    if kept:
        logger.warning(
            'kept %s, which differ from the archive; --overwrite replaces them',
            ', '.join(kept),
        )
    return jobs


def _unpack(source: Source, jobs: dict, options: Options) -> None:
    """Unpack entries, several at once, each complete or absent."""
    from tqdm.auto import tqdm

    for folder in {path.parent for path in jobs}:
        folder.mkdir(parents=True, exist_ok=True)
    runs: Dict[int, list] = {}  # neighbours in the archive together
    for job in jobs.items():
        runs.setdefault(job[1].header_offset // RUN, []).append(job)
    bar = tqdm(
        desc=f'unpacking {getattr(source, "name", source)}',
        total=sum(info.file_size for info in jobs.values()),
        unit='B',
        unit_scale=True,
        disable=not options.progress,
    )
    lock, stop = threading.Lock(), threading.Event()

    def work(run: list) -> None:
        with _open(source) as archive:
            for path, info in sorted(run, key=lambda j: j[1].header_offset):
                if stop.is_set():
                    return
                _unpack_one(source, archive, info, path)
                with lock:
                    bar.update(info.file_size)

    with bar, ThreadPoolExecutor(options.workers) as pool:
        try:
            list(pool.map(work, runs.values()))
        finally:  # the others end with the file that they are at
            stop.set()


def _unpack_one(source: Source, archive, info, path: Path) -> None:
    try:
        with replaced(str(path)) as temporary:
            with archive.open(info) as entry, open(temporary, 'wb') as file:
                # Ends with a comparison of the CRC-32.
                shutil.copyfileobj(entry, file, 1 << 20)
            if path.suffix == '.json' and not _is_readable(temporary):
                raise zipfile.BadZipFile('it is not a complete COCO JSON file')
    except OSError as error:
        if error.errno:  # a full disk names no file
            error.filename = str(path)
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as e:
        raise ValueError(
            f'{source} is damaged: its entry {info.filename!r} '
            f'cannot be unpacked ({e}); the files unpacked so far are kept'
        ) from e


def annotation_path(root, split: str) -> Path:
    return Path(root) / 'annotations' / f'person_keypoints_{split}.json'


def _is_readable(path) -> bool:
    try:
        return bool(read_coco(path))
    except (OSError, ValueError):
        return False


def _is_complete(root: Path, part: str, split: str) -> bool:
    """Whether the annotations, or all images that they list, are there."""
    try:
        status = split_status(root, split, part == 'images')
    except (OSError, ValueError):
        return False
    return bool(status.listed) and not status.missing


def split_status(root: Path, split: str, images: bool) -> SplitStatus:
    """Compare a split's annotations with its images, if those are asked
    for."""
    path = annotation_path(root, split)
    if not path.is_file():
        return SplitStatus(split)
    content = read_coco(path)
    names = [i['file_name'] for i in content['images'] if 'file_name' in i]
    missing = None
    if images:
        folder = Path(root) / 'images' / split
        # An empty file is what a power cut leaves.
        there = {
            file.relative_to(folder).as_posix()
            for file in folder.rglob('*')
            if file.is_file() and file.stat().st_size
        }
        missing = [name for name in names if name not in there]
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
