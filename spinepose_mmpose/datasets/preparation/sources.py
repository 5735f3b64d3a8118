"""Where an archive comes from, and how large it is before it is fetched."""

import logging
from pathlib import Path
from typing import List, NamedTuple, Optional
from urllib.parse import quote

from ...model_zoo.digests import verify_file
from ...model_zoo.download import DownloadError
from ...model_zoo.mirrors import fetch, mirror
from ...model_zoo.transport import TransientError, open_url
from .layout import HOME, archive_name

logger = logging.getLogger(__name__)


class Source(NamedTuple):
    """An archive: a file that is there, or addresses to fetch ``dest`` from.

    ``size`` is that of the archive in bytes, None where nobody says;
    ``left`` what is still to be downloaded of it.
    """

    part: str
    dest: Path
    local: Optional[Path]
    urls: tuple
    size: Optional[int]
    left: int


def find_source(
    part: str, root: Path, archives: Optional[Path], timeout: float
) -> Source:
    """Look for an archive: in ``archives``, in ``root``, in the mirror, at its
    published address.

    Raises:
        FileNotFoundError: if ``archives`` is given and holds none.
    """
    name = archive_name(part)
    dest = root / name
    local = find_local(part, root, archives)
    if local is not None:
        return Source(part, dest, local, (), local.stat().st_size, 0)
    urls = [f'{HOME}/{name}']
    place = mirror()
    if isinstance(place, str):
        urls.insert(0, f'{place}/{quote(name)}')
    size = announced_size(urls, timeout)
    part_file = Path(f'{dest}.part')
    there = part_file.stat().st_size if part_file.is_file() else 0
    return Source(
        part,
        dest,
        None,
        tuple(urls),
        size,
        max(0, (size or 0) - there),
    )


def find_local(
    part: str, root: Path, archives: Optional[Path]
) -> Optional[Path]:
    """The archive where it is on this machine already, else None."""
    name = archive_name(part)
    dest = root / name
    if archives is not None:
        if not archives.is_dir():
            raise FileNotFoundError(
                f'no such folder: {archives}; the folder that holds {name} '
                'expected'
            )
        if not (archives / name).is_file():
            raise FileNotFoundError(
                f'{archives} does not hold {name}; without --archives it is '
                'downloaded'
            )
        return archives / name
    if dest.is_file():
        return dest
    place = mirror()
    if isinstance(place, Path) and (place / name).is_file():
        return place / name
    return None


def announced_size(urls: List[str], timeout: float) -> Optional[int]:
    """Bytes that the first address which answers states, else None."""
    for url in urls:
        try:
            reply = open_url(url, 0, '', timeout)
        except (TransientError, DownloadError) as error:
            # The download itself tries again, and says what is wrong.
            logger.info('%s: size unknown (%s)', url, error)
            continue
        reply.body.close()
        if not reply.content_type.startswith('text/html'):
            return reply.total
    return None


def obtain(source: Source, progress: bool, timeout: float, retries: int):
    """The archive as a local file, its digest checked or recorded.

    Returns:
        (path, sha256). A digest that the host states is checked by the
        download; else the first one is recorded beside the file and held
        against it later.
    """
    path = source.local
    if path is None:
        path = fetch(
            [f'{HOME}/{archive_name(source.part)}'],
            source.dest,
            progress=progress,
            timeout=timeout,
            retries=retries,
        )
    # A folder of others is only read: its digest goes into the manifest alone.
    return path, verify_file(path, record=path == source.dest)
