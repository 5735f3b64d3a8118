"""SHA-256 of files: where an expected one comes from, and how it is kept.

An expected digest comes from the model table, from the file's name (OpenMMLab
puts the first 8 digits there) or from the host's own reply. Where none is
known, the digest of the first download is recorded in ``<file>.sha256`` and
later reads are held against it: trust on first use. That finds a file that
was damaged or replaced afterwards; it cannot tell whether the first download
was the right one.

The record is readable by ``sha256sum -c``. A comment line in it keeps size and
modification time, so that an untouched file is not hashed again at every
start: a guard against accidents, not against somebody who can write to the
cache. ``full=True`` hashes regardless.
"""

import hashlib
import os
import re
from pathlib import Path
from typing import NamedTuple, Optional

from .errors import DigestMismatch

_CHUNK = 1 << 20
# mmengine's publish_model: <name>-<8 hex>_<date>.pth, older files and
# torchvision: <name>-<8 hex>.pth. Archives repeat the digest of the .pth
# that was packed into them, hence checkpoints only.
_IN_NAME = re.compile(r'-([0-9a-f]{8})(_\d{8})?\.(?:pth|pt)$')
_DATE = re.compile(r'(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])$')
_STAMP = re.compile(r'# size (\d+) mtime_ns (\d+)')
_LINE = re.compile(r'([0-9a-f]{64})(?:\s|$)')


def sha256_of(path) -> str:
    """SHA-256 of a file as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, 'rb') as f:
        for chunk in iter(lambda: f.read(_CHUNK), b''):
            digest.update(chunk)
    return digest.hexdigest()


def normal_digest(sha256: Optional[str]) -> Optional[str]:
    """Check and lower a digest or its prefix of at least 8 digits.

    Raises:
        ValueError: if it is neither.
    """
    if sha256 is None:
        return None
    text = sha256.lower()
    if text.startswith('sha256:'):
        text = text[len('sha256:') :]
    if not re.fullmatch('[0-9a-f]{8,64}', text):
        raise ValueError(
            f'{sha256!r} is no SHA-256 digest: 64 hexadecimal '
            'digits, or the first 8 or more of them, expected'
        )
    return text


def digest_in_name(name: str) -> Optional[str]:
    """The 8 digits that OpenMMLab puts into a checkpoint's name, or None.

    ``model-4d3e73dd_20230605.pth`` and ``model-4d3e73dd.pth`` give
    ``'4d3e73dd'``; a lone date (``model-20230605.pth``) gives None.
    """
    match = _IN_NAME.search(name)
    if not match:
        return None
    digest, date = match.groups()
    if date is None and _DATE.match(digest):
        return None
    return digest


class Record(NamedTuple):
    """What ``<file>.sha256`` says; ``stamp`` is (size, mtime_ns) or None."""

    sha256: str
    stamp: Optional[tuple]


def record_path(path) -> Path:
    """Where the digest of ``path`` is recorded."""
    return Path(f'{path}.sha256')


def read_record(path) -> Optional[Record]:
    """The record of ``path``, or None where there is no usable one."""
    try:
        text = record_path(path).read_text(encoding='utf-8').lower()
    except (OSError, UnicodeDecodeError):
        return None
    stamp = _STAMP.search(text)
    for line in text.splitlines():
        match = _LINE.match(line)
        if match:
            return Record(
                match.group(1),
                (int(stamp.group(1)), int(stamp.group(2))) if stamp else None,
            )
    return None


def write_record(path, sha256: str, source: str = '') -> None:
    """Record a digest beside ``path``; a read-only folder is no error."""
    path = Path(path)
    size, mtime_ns = _stamp(path)
    origin = f'# from {source}\n' if source else ''
    target = record_path(path)
    temporary = Path(f'{target}.{os.getpid()}.tmp')
    try:
        temporary.write_text(
            f'{origin}# size {size} mtime_ns {mtime_ns}\n'
            f'{sha256}  {path.name}\n',
            encoding='utf-8',
        )
        os.replace(temporary, target)
    except OSError:
        temporary.unlink(missing_ok=True)


def verify_file(
    path, sha256: Optional[str] = None, full: bool = False, record: bool = True
) -> str:
    """Check a local file against an expected digest, else against its record.

    Args:
        path: an existing file.
        sha256: the digest, or a prefix of it, that the file must have. It
            outranks the record.
        full: hash the file even where its record is fresh.
        record: write the digest down where there is no fresh record.

    Returns:
        str: the file's digest.

    Raises:
        DigestMismatch: if the file is another one. It is left alone.
    """
    expected = normal_digest(sha256)
    known = read_record(path)
    fresh = known is not None and known.stamp == _stamp(path)
    got = known.sha256 if fresh and not full else sha256_of(path)
    if expected is not None:
        if not got.startswith(expected):
            raise DigestMismatch(
                f'{path} is not the file it should be: sha256 {got}, '
                f'expected {expected}; delete it to have it downloaded again',
                local=True,
            )
    elif known is not None and got != known.sha256:
        raise DigestMismatch(
            f'{path} has changed since its digest was recorded: sha256 {got}, '
            f'recorded {known.sha256}; delete both files to download it '
            f'again, or only {record_path(path)} to accept it as it is',
            local=True,
        )
    if record and not (fresh and known.sha256 == got):
        write_record(path, got)
    return got


def _stamp(path) -> tuple:
    stat = os.stat(path)
    return stat.st_size, stat.st_mtime_ns
