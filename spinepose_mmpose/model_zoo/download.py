"""Download one file: resumable, checked, and in place only when whole.

The bytes go to ``<file>.part``, with ``<file>.part.json`` saying which version
of the file they belong to (ETag or Last-Modified). A later call goes on from
there; a file that changed on the server meanwhile is begun anew, never glued.
Only a complete and checked file is renamed to its name, and its digest is
recorded beside it (see :mod:`.digests`).
"""

import hashlib
import itertools
import json
import logging
import os
import shutil
import time
import uuid
from pathlib import Path
from typing import Optional
from urllib.parse import urlsplit

from .digests import normal_digest, record_path, verify_file, write_record
from .errors import DigestMismatch, DownloadError
from .locks import file_lock
from .progress import Progress, readable_size
from .transport import BROKEN_OFF, Reply, TransientError, open_url, read_chunks

logger = logging.getLogger(__name__)

SCHEMES = ('https', 'http', 'file')
BACKOFF = 1.0  # seconds before the first retry, doubled at each further one
MAX_WAIT = 60.0  # seconds, however long a server asks to wait


def download_file(
    url: str,
    dest,
    sha256: Optional[str] = None,
    size: Optional[int] = None,
    progress: bool = True,
    timeout: float = 30.0,
    retries: int = 3,
) -> Path:
    """Download ``url`` to the file ``dest``, unless it is there already.

    Safe to call from several processes at once: one downloads, the others
    wait and use its file. An existing file is checked (:func:`verify_file`);
    one that lacks the expected digest or size is replaced.

    Args:
        url: ``https://``, ``http://`` or ``file://``.
        dest: the file to write; its folder is made.
        sha256: the expected digest, or its first 8 or more digits. Without
            one, a digest that the host states (``X-Linked-ETag`` of Hugging
            Face) is used, else what arrives is trusted and recorded.
        size: the expected size in bytes.
        progress: show progress on stderr.
        timeout: seconds without an answer until an attempt is given up.
        retries: further attempts after a transient failure that brought
            nothing new; one that brought bytes starts the count anew.

    Returns:
        Path: ``dest``.

    Raises:
        DigestMismatch: if what arrived is not what was expected; it is
            deleted.
        DownloadError: for everything else that went wrong on the way. What
            arrived so far stays in ``<dest>.part`` for the next call.
        ValueError: for a url or a digest that cannot be one.
    """
    scheme = urlsplit(url).scheme.lower()
    if scheme not in SCHEMES:
        raise ValueError(
            f'cannot download {url!r}: a url that starts with '
            f'one of {", ".join(s + "://" for s in SCHEMES)} '
            'expected'
        )
    expected = normal_digest(sha256)
    dest = Path(dest).expanduser()
    if _is_there(dest, expected, size):
        return dest
    try:
        dest.parent.mkdir(parents=True, exist_ok=True)

        def on_wait():
            logger.warning(
                'another process is downloading %s; waiting', dest.name
            )

        with file_lock(f'{dest}.lock', on_wait) as locked:
            if _is_there(dest, expected, size):
                return dest
            job = _Download(
                url, dest, expected, size, progress, timeout, shared=not locked
            )
            job.run(retries)
    except DownloadError:
        raise
    except OSError as e:  # the network's are sentences already: ours to write
        raise DownloadError(
            f'cannot write {e.filename or dest}: {e.strerror or e}', local=True
        ) from e
    return dest


def _is_there(dest: Path, expected: Optional[str], size: Optional[int]) -> bool:
    """Whether ``dest`` exists and is the file wanted.

    Raises:
        DigestMismatch: if nothing but its own record speaks against it: what
            to do then is the user's decision.
    """
    if dest.is_dir():
        raise DownloadError(
            f'cannot write {dest}: it is a folder, the name of a file expected',
            local=True,
        )
    if not dest.exists():
        return False
    found = dest.stat().st_size
    if size is not None and found != size:
        logger.warning(
            '%s has %d bytes, %d expected; it is downloaded again',
            dest,
            found,
            size,
        )
        return False
    try:
        verify_file(dest, expected)
    except DigestMismatch as e:
        if expected is None:
            raise
        logger.warning('%s; it is downloaded again', str(e).split(';')[0])
        return False
    return True


class _Part:
    """``<dest>.part`` and what is known of the file it belongs to."""

    def __init__(self, path: Path, url: str):
        self.path, self.url = path, url
        self.meta_path = Path(f'{path}.json')
        self.found = False  # bytes of an earlier call are in it
        self._forget()

    def _forget(self) -> None:
        self.length, self.digest = 0, hashlib.sha256()
        self.total = self.linked = None
        self.validator = ''

    def load(self, checkable: bool, progress: bool) -> None:
        """Take over what an earlier call left, if it can be trusted.

        Without a validator the server cannot be asked whether the file is
        still the same; then only a digest (``checkable``) catches a mixture.
        """
        try:
            meta = json.loads(self.meta_path.read_text(encoding='utf-8'))
            length = self.path.stat().st_size
            usable = (
                meta['url'] == self.url
                and (meta['validator'] or meta['linked'] or checkable)
                and (meta['total'] is None or length <= meta['total'])
            )
        except (OSError, ValueError, KeyError, TypeError):
            usable = False
        if not usable or not length:
            return self.discard()
        bar = Progress(f'reading {self.path.name}', length, 0, progress)
        with open(self.path, 'rb') as f:
            for chunk in iter(lambda: f.read(1 << 20), b''):
                self.digest.update(chunk)
                bar.update(len(chunk))
        bar.close()
        self.length, self.found = length, True
        self.total, self.validator = meta['total'], meta['validator']
        self.linked = meta['linked']

    def begin(self, reply: Reply) -> None:
        """Write down what the bytes to come belong to."""
        if reply.start == 0:
            self.discard()
        self.total = self.total if reply.total is None else reply.total
        self.validator = reply.validator or self.validator
        self.linked = reply.linked or self.linked
        self.meta_path.write_text(
            json.dumps(
                dict(
                    url=self.url,
                    total=self.total,
                    validator=self.validator,
                    linked=self.linked,
                )
            ),
            encoding='utf-8',
        )

    def discard(self) -> None:
        """Delete the part."""
        self.path.unlink(missing_ok=True)
        self.meta_path.unlink(missing_ok=True)
        self._forget()
        self.found = False

    @property
    def complete(self) -> bool:
        return self.length > 0 and self.length == self.total


class _Download:
    """The work of :func:`download_file` for one file, under its lock."""

    def __init__(self, url, dest, expected, size, progress, timeout, shared):
        self.url, self.dest, self.expected = url, dest, expected
        self.size, self.progress, self.timeout = size, progress, timeout
        # Without a lock another process may write too: a part of our own.
        suffix = f'.{uuid.uuid4().hex[:8]}.part' if shared else '.part'
        self.part = _Part(Path(f'{dest}{suffix}'), url)

    def run(self, retries: int) -> None:
        part = self.part
        part.load(self.expected is not None, self.progress)
        if part.found:
            logger.info(
                'going on with %s after %s',
                self.dest.name,
                readable_size(part.length),
            )
        self._fetch(retries)
        wrong = self._what_is_wrong()
        if wrong and part.found:
            # The bytes of the earlier call may be the bad ones.
            logger.warning('%s; downloading it from its beginning', wrong)
            part.discard()
            self._fetch(retries)
            wrong = self._what_is_wrong()
        if wrong:
            part.discard()
            raise DigestMismatch(
                f'{self.url}: {wrong}; what was received is deleted'
            )
        self._publish()

    def _fetch(self, retries: int) -> None:
        """Fill the part, with as many attempts as it takes."""
        failures = 0
        while not self.part.complete:
            before = self.part.length
            try:
                return self._attempt()
            except TransientError as e:
                failures = 1 if self.part.length > before else failures + 1
                if failures > retries:
                    raise DownloadError(f'{self.url}: {e}{self._kept()}') from e
                wait = min(max(BACKOFF * 2 ** (failures - 1), e.wait), MAX_WAIT)
                logger.warning(
                    '%s: %s; trying again in %.0f s', self.dest.name, e, wait
                )
                time.sleep(wait)

    def _attempt(self) -> None:
        part = self.part
        reply = open_url(self.url, part.length, part.validator, self.timeout)
        if reply is not None and not self._fits(reply):
            reply.body.close()
            reply = None
        if reply is None:  # what we have does not belong to today's file
            part.discard()
            reply = open_url(self.url, 0, '', self.timeout)
        with reply.body as body:
            if reply.start not in (0, part.length):
                raise DownloadError(
                    f'{self.url}: the server sent a piece of '
                    'the file that was not asked for'
                )
            self._check_announced(reply)
            self._receive(reply, body)

    def _fits(self, reply: Reply) -> bool:
        """Whether a partial reply continues the part we have."""
        part = self.part
        if reply.start == 0:
            return True
        return (
            reply.start == part.length
            and (None in (part.total, reply.total) or part.total == reply.total)
            and (
                '' in (part.validator, reply.validator)
                or part.validator == reply.validator
            )
        )

    def _check_announced(self, reply: Reply) -> None:
        """Refuse by the head of a reply what its body need not tell."""
        if reply.content_type.startswith('text/html') and not self._wants_html:
            self._refuse_html()
        offer = None
        if None not in (self.size, reply.total) and self.size != reply.total:
            offer = f'{reply.total} bytes, expected {self.size}'
        elif reply.linked and not reply.linked.startswith(self.expected or ''):
            offer = f'sha256 {reply.linked}, expected {self.expected}'
        if offer:
            raise DigestMismatch(
                f'{self.url}: the host offers another file: '
                f'{offer}; nothing was downloaded'
            )

    def _receive(self, reply: Reply, body) -> None:
        """Append a reply's bytes to the part."""
        part = self.part
        chunks = read_chunks(body, self.url, self.timeout)
        first = next(chunks, b'')
        if (
            reply.start == 0
            and not self._wants_html
            and first.lstrip().lower().startswith((b'<!doctype html', b'<html'))
        ):
            self._refuse_html()
        part.begin(reply)
        if part.total is not None:
            self._check_space(part.total - part.length)
        bar = Progress(self.dest.name, part.total, part.length, self.progress)
        try:
            with open(part.path, 'ab') as f:
                for chunk in itertools.chain([first], chunks):
                    f.write(chunk)
                    part.digest.update(chunk)
                    part.length += len(chunk)
                    bar.update(len(chunk))
                    if part.complete:
                        break
        finally:
            bar.close()
        if not part.length:
            raise DownloadError(f'{self.url}: the server sent an empty file')
        if part.total is not None and not part.complete:
            raise TransientError(BROKEN_OFF)
        if (
            part.total is None
            and not reply.chunked
            and not (self.expected or reply.linked)
        ):
            logger.warning(
                '%s: the server did not state the size; the file '
                'may be cut short',
                self.url,
            )

    def _check_space(self, need: int) -> None:
        folder = self.dest.parent
        free = shutil.disk_usage(folder).free
        if need > free:
            raise DownloadError(
                f'no room for {self.dest.name} in {folder}: '
                f'{readable_size(need)} to download, {readable_size(free)} '
                'free',
                local=True,
            )

    def _what_is_wrong(self) -> str:
        """Why the complete part is not the file wanted, '' if it is."""
        got = self.part.digest.hexdigest()
        for expected in (self.expected, self.part.linked):
            if expected is not None and not got.startswith(expected):
                return (
                    f'the file received has sha256 {got}, expected {expected}'
                )
        if self.size is not None and self.part.length != self.size:
            return (
                f'the file received has {self.part.length} bytes, '
                f'expected {self.size}'
            )
        return ''

    def _publish(self) -> None:
        part, got = self.part, self.part.digest.hexdigest()
        _sync(part.path)
        # A record of the file that is replaced must not outlive it.
        record_path(self.dest).unlink(missing_ok=True)
        os.replace(part.path, self.dest)
        part.meta_path.unlink(missing_ok=True)
        write_record(self.dest, got, self.url)

    @property
    def _wants_html(self) -> bool:
        return self.dest.suffix.lower() in ('.html', '.htm')

    def _refuse_html(self) -> None:
        raise DownloadError(
            f'{self.url}: the server answered with a web page instead of '
            f'{self.dest.name} (a login, a proxy or an error page?)'
        )

    def _kept(self) -> str:
        part = self.part
        if not part.length:
            return ''
        of = '' if part.total is None else f' of {readable_size(part.total)}'
        return (
            f'; {readable_size(part.length)}{of} kept in {part.path} for '
            'the next try'
        )


def _sync(path: Path) -> None:
    """A name must not survive a power cut that its bytes do not."""
    try:
        with open(path, 'rb+') as f:
            os.fsync(f.fileno())
    except OSError:
        pass
