"""Unpack files of an archive, several at once, each complete or absent."""

import os
import re
import shutil
import threading
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Callable, List, NamedTuple, Optional, Sequence

from ...model_zoo.errors import DownloadError
from ...model_zoo.progress import Progress
from ...utils import replaced
from .zip_safety import BadArchive

_CHUNK = 1 << 20
_LEFTOVER = re.compile(r'\.\d+\.tmp\.\w+$')


class Job(NamedTuple):
    """A file to unpack: the entry, and the path it goes to."""

    info: zipfile.ZipInfo
    target: Path


def unpack(
    opener: Callable[[], zipfile.ZipFile],
    jobs: Sequence[Job],
    label: str,
    workers: int = 4,
    progress: bool = True,
    check: Optional[Callable[[str], None]] = None,
) -> None:
    """Unpack ``jobs``; what an interruption leaves is whole files only.

    Args:
        opener: opens the archive; each thread reads one of its own, from
            front to back.
        jobs: with different targets.
        label: what the progress on stderr calls it.
        workers: threads; inflating, writing and waiting run side by side.
        progress: show progress.
        check: called with the path of a file before it gets its name.

    Raises:
        BadArchive: if an entry is damaged, naming it.
        OSError: if a file cannot be had or written.
    """
    for folder in {job.target.parent for job in jobs}:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(folder)
    total = sum(job.info.file_size for job in jobs)
    bar = Progress(f'unpacking {label}', total, enabled=progress)
    lock, stop = threading.Lock(), threading.Event()

    def work(share: Sequence[Job]) -> None:
        try:
            with opener() as archive:
                for job in share:
                    if stop.is_set():
                        return
                    _unpack_one(archive, job, check)
                    with lock:
                        bar.update(job.info.file_size)
        except BaseException:
            stop.set()
            raise

    pool = ThreadPoolExecutor(max(1, workers))
    try:
        futures = [pool.submit(work, s) for s in shares(jobs, workers)]
        for future in as_completed(futures):
            future.result()
    finally:
        stop.set()
        pool.shutdown()
        bar.close()


def shares(jobs: Sequence[Job], count: int) -> List[List[Job]]:
    """Neighbours in the archive together, about as many bytes each."""
    jobs = sorted(jobs, key=lambda job: job.info.header_offset)
    total = sum(job.info.compress_size + 1 for job in jobs)
    parts: List[List[Job]] = [[] for _ in range(count)]
    before = 0
    for job in jobs:
        parts[before * count // total].append(job)
        before += job.info.compress_size + 1
    return [part for part in parts if part]


def _unpack_one(archive, job: Job, check) -> None:
    try:
        with replaced(str(job.target)) as temporary:
            with (
                archive.open(job.info) as source,
                open(temporary, 'wb') as target,
            ):
                # Ends with a comparison of the CRC-32.
                shutil.copyfileobj(source, target, _CHUNK)
            if os.path.getsize(temporary) != job.info.file_size:
                raise zipfile.BadZipFile('it ends too early')
            if check is not None:
                check(temporary)
    except DownloadError:
        raise
    except OSError as error:  # a full disk names no file
        raise OSError(
            f'cannot write {job.target}: {error.strerror or error}; the files '
            'unpacked so far are kept, the next run goes on'
        ) from error
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
    ) as error:
        raise BadArchive(
            f'{archive.filename} is damaged: its entry {job.info.filename!r} '
            f'cannot be unpacked ({error}); the files unpacked so far are kept'
        ) from error


def _remove_leftovers(folder: Path) -> None:
    """Temporary files of a process that was killed."""
    for entry in os.scandir(folder):
        if _LEFTOVER.search(entry.name):
            Path(entry.path).unlink(missing_ok=True)


def crc_of(path) -> int:
    """CRC-32 of a file, as a zip archive states it."""
    crc = 0
    with open(path, 'rb') as file:
        for chunk in iter(lambda: file.read(_CHUNK), b''):
            crc = zlib.crc32(chunk, crc)
    return crc


def file_sizes(folder: Path) -> dict:
    """Size by path below ``folder``, with slashes."""
    sizes: dict = {}
    stack: List[tuple] = [(str(folder), '')]
    while stack:
        path, prefix = stack.pop()
        try:
            entries = list(os.scandir(path))
        except FileNotFoundError:
            continue
        for entry in entries:
            name = f'{prefix}{entry.name}'
            if entry.is_dir():
                stack.append((entry.path, f'{name}/'))
            elif entry.is_file():
                sizes[name] = entry.stat().st_size
    return sizes
