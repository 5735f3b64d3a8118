"""Archives of others: opened only when every entry is harmless."""

import re
import stat
import zipfile
from pathlib import Path, PurePosixPath
from typing import List

from ...model_zoo.errors import DownloadError

# Deflate reaches 1032:1; annotations with many zeros stay below 40:1.
MAX_RATIO = 200
LOCAL_HEADER = 30  # bytes before an entry's name
HTML_STARTS = (b'<!doctype', b'<html', b'<?xml', b'<head', b'<body')
LFS_START = b'version https://git-lfs'


class BadArchive(ValueError):
    """An archive cannot be used; the message is a sentence with its path."""


def open_archive(path) -> zipfile.ZipFile:
    """Open a zip file for reading.

    Args:
        path: of a file, or an open file whose ``name`` says where it is.

    Raises:
        BadArchive: if it is none, saying what it is instead.
        DownloadError: if an open file cannot be read.
    """
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        if isinstance(error.__context__, DownloadError):
            raise error.__context__ from None  # zipfile takes it for content
        if isinstance(path, (str, Path)):
            reason = f'{path} {_what_instead(Path(path))}'
        else:
            reason = f'{path.name} is no complete zip archive'
        raise BadArchive(reason) from error


def _what_instead(path: Path) -> str:
    with open(path, 'rb') as file:
        start = file.read(512)
    text = start.lstrip().lower()
    if not start:
        return 'is empty, a zip archive expected'
    if text.startswith(HTML_STARTS):
        return (
            'is a web page, not a zip archive (a login, a proxy or an error '
            'page was saved in its place)'
        )
    if text.startswith(LFS_START):
        return (
            'is a Git LFS pointer, not the archive itself: fetch it with '
            '"git lfs pull", or let this tool download it'
        )
    if start.startswith(b'PK'):
        return (
            'is cut off or damaged: it begins like a zip archive but lacks '
            'the directory at its end'
        )
    return f'is no zip archive: it begins with {start[:12]!r}'


def checked_members(archive: zipfile.ZipFile) -> List[zipfile.ZipInfo]:
    """The files of an archive, without folders.

    Raises:
        BadArchive: if any entry would land outside of the folder it is
            unpacked to, is a link or a device, is encrypted, or if the
            entries overlap or unpack to an implausible size.
    """
    members = archive.infolist()
    for info in members:
        reason = _why_refused(info)
        if reason:
            raise BadArchive(
                f'{archive.filename} is refused: its entry '
                f'{info.filename!r} {reason}'
            )
    files = [info for info in members if not info.is_dir()]
    _refuse_overlap(archive, files)
    return files


def _why_refused(info: zipfile.ZipInfo) -> str:
    # Before zipfile replaced separators and cut the name at a NUL.
    name = info.orig_filename
    parts = PurePosixPath(name.replace('\\', '/')).parts
    if (
        '\0' in name
        or '..' in parts
        or name.startswith(('/', '\\'))
        or re.match('[A-Za-z]:', name)
    ):
        return 'leads out of the folder'
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        what = 'a link' if kind == stat.S_IFLNK else 'no ordinary file'
        return f'is {what}'
    if info.flag_bits & 1:
        return 'is encrypted'
    if info.file_size > MAX_RATIO * max(info.compress_size, 1):
        return (
            f'unpacks {info.compress_size} bytes to {info.file_size}, more '
            f'than {MAX_RATIO} times as many'
        )
    return ''


def _refuse_overlap(archive, files) -> None:
    """Entries that share bytes make a small archive unpack to a huge size."""
    end, before = 0, None
    for info in sorted(files, key=lambda i: i.header_offset):
        if info.header_offset < end:
            raise BadArchive(
                f'{archive.filename} is refused: its entries '
                f'{before.filename!r} and {info.filename!r} overlap'
            )
        end = info.header_offset + LOCAL_HEADER + info.compress_size
        before = info
