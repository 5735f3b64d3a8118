"""Bring SpineTrack into its folder layout, from wherever it is."""

import io
import logging
import os
from functools import partial
from pathlib import Path
from typing import Callable, List, Optional, Sequence

from ...model_zoo.errors import DownloadError
from ...model_zoo.locks import file_lock
from .contents import SplitStatus, is_readable, split_status
from .extraction import unpack
from .layout import SPLITS, archive_name
from .manifest import Manifest
from .options import Options
from .plan import is_done, open_jobs, wanted_entries
from .remote import NoRanges, RemoteFile
from .sources import Source, find_local, find_source, obtain
from .space import GROWTH, check_space
from .zip_safety import BadArchive, checked_members, open_archive

logger = logging.getLogger(__name__)


def prepare(root, options: Options) -> List[SplitStatus]:
    """Fetch and unpack what is not there yet.

    Safe to call again after any failure, and from several processes at once:
    one works, the others wait and find it done. Nothing is deleted but
    temporary files, and nothing of the user's is overwritten but images of
    another size than the archive's.

    Returns:
        A status for each split: do annotations and images fit together?

    Raises:
        NoSpace: before anything is begun, when it will not fit.
        DownloadError, BadArchive, OSError, ValueError: one sentence each.
    """
    root = Path(root).expanduser()
    if root.exists() and not root.is_dir():
        raise NotADirectoryError(f'{root} is no folder, a folder expected')
    root.mkdir(parents=True, exist_ok=True)

    def on_wait():
        logger.warning('another process is preparing %s; waiting', root)

    with file_lock(root / '.prepare.lock', on_wait):
        _bring(root, options)
    return [
        split_status(root, split, 'images' in options.parts)
        for split in options.splits
    ]


def _bring(root: Path, options: Options) -> None:
    manifest = Manifest(root)
    sources = []
    for part in options.parts:
        states = [
            is_done(manifest, part, split, options) for split in options.splits
        ]
        if None in states and False not in states:
            # Unpacked by other means: good enough, unless an archive is there
            # to compare it with.
            local = find_local(part, root, options.archives)
            states = [local is None]
        if not all(states):
            sources.append(
                find_source(part, root, options.archives, options.timeout)
            )
    _check_room(root, sources, options)
    for source in sources:
        _bring_part(root, source, manifest, options)


def _streams(source: Source, options: Options) -> bool:
    """Whether entries are read on the server."""
    if source.local is not None or options.stream is False:
        return False
    if options.stream:
        return True
    # A download that was begun goes on, and annotations are small.
    begun = source.left != source.size
    return (
        source.part == 'images'
        and set(options.splits) != set(SPLITS)
        and not begun
    )


def _check_room(root: Path, sources: Sequence[Source], options) -> None:
    """Before the first byte is fetched, as well as can be told by then."""
    need = 0.0
    for source in sources:
        if source.size is not None and not _streams(source, options):
            there = sum(
                file.stat().st_size
                for file in (root / source.part).rglob('*')
                if file.is_file()
            )
            grown = source.size * GROWTH[source.part]
            need += source.left + max(0.0, grown - there)
    names = ' and '.join(archive_name(source.part) for source in sources)
    check_space(root, need, f'{names} and their files')


def _bring_part(root, source, manifest, options) -> None:
    if _streams(source, options) and _stream(root, source, manifest, options):
        return
    path, sha256 = obtain(
        source, options.progress, options.timeout, options.retries
    )
    try:
        opener = partial(open_archive, path)
        _unpack_part(root, opener, path, sha256, source, manifest, options)
    except BadArchive as error:
        raise _set_aside(path, source, error) from error
    if options.remove_archives and path == source.dest:
        for file in (path, Path(f'{path}.sha256')):
            file.unlink(missing_ok=True)


def _stream(root, source, manifest, options) -> bool:
    """Unpack on the server; False where no server can send pieces."""
    for url in source.urls:
        try:
            with RemoteFile(url, options.timeout, options.retries) as file:
                version = file.version
        except NoRanges as error:
            logger.warning('%s; the archive is downloaded', error)
            continue
        except DownloadError as error:
            logger.warning('%s', error)
            continue
        opener = partial(_open_remote, url, options, version)
        _unpack_part(root, opener, url, None, source, manifest, options)
        return True
    return False


def _open_remote(url: str, options: Options, version: tuple):
    file = RemoteFile(url, options.timeout, options.retries, version)
    return open_archive(io.BufferedReader(file, 1 << 16))


def _set_aside(path: Path, source: Source, error: BadArchive) -> BadArchive:
    """A bad archive in our own folder would stop every further run."""
    if path != source.dest:
        return error
    aside = path.with_name(f'{path.name}.bad')
    os.replace(path, aside)
    Path(f'{path}.sha256').unlink(missing_ok=True)
    return BadArchive(
        f'{error}; it was renamed to {aside.name}, and the next run fetches '
        'it anew'
    )


def _unpack_part(
    root: Path,
    opener: Callable,
    path,
    sha256: Optional[str],
    source: Source,
    manifest: Manifest,
    options: Options,
) -> None:
    part = source.part
    with opener() as archive:
        members = checked_members(archive)
    wanted = wanted_entries(path, part, members, options.splits)
    jobs = open_jobs(manifest, part, wanted, options)
    check_space(
        root,
        sum(job.info.file_size for job in jobs),
        f'the {len(jobs)} files of {archive_name(part)}',
    )
    unpack(
        opener,
        jobs,
        archive_name(part),
        options.workers,
        options.progress,
        _annotation_check(path) if part == 'annotations' else None,
    )
    files = {
        split: {
            target: [info.file_size, info.CRC] for target, info in infos.items()
        }
        for split, infos in wanted.items()
    }
    manifest.set(part, str(path), sha256, files)


def _annotation_check(archive):
    def check(path):
        if not is_readable(path):
            raise BadArchive(
                f'{archive} holds an annotation file that is no complete COCO '
                'JSON'
            )

    return check
