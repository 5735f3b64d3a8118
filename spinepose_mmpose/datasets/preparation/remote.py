"""A file on a server, read in pieces as if it lay here."""

import io
import logging
import os
import time
from typing import Optional

from ...model_zoo import download
from ...model_zoo.errors import DownloadError
from ...model_zoo.transport import (
    BROKEN_OFF,
    Reply,
    TransientError,
    open_url,
    read_chunks,
)

logger = logging.getLogger(__name__)
# Bytes ahead that are read over rather than asked for anew.
_NEAR = 1 << 18


class RemoteFile(io.RawIOBase):
    """Read-only and seekable; each jump is a request with a range.

    Reading on needs no new request, so entries of an archive should be read
    in the order in which they lie there.

    Args:
        url: an address whose server knows ranges.
        timeout: seconds without an answer until an attempt is given up.
        retries: further attempts after a failure that brought nothing new.
        version: that of an earlier opening, which must not have changed.

    Raises:
        NoRanges: if the server sends the whole file only.
        DownloadError: if the file cannot be read, or became another one.
    """

    def __init__(
        self,
        url: str,
        timeout: float = 30.0,
        retries: int = 5,
        version: Optional[tuple] = None,
    ):
        super().__init__()
        self.name = url
        self._timeout, self._retries = timeout, retries
        self._at = 0  # where the reader is
        self._reply: Optional[Reply] = None
        self._chunks, self._rest, self._rest_at = iter(()), b'', 0
        first = self._persist(lambda: self._ask(1))
        if first.start != 1 or first.total is None:
            first.body.close()
            raise NoRanges(f'{url}: the server does not send pieces of a file')
        self.version = self.size, self._validator = first.total, first.validator
        first.body.close()
        if version not in (None, self.version):
            self._changed()

    def _persist(self, act):
        """``act()`` with new attempts after what may pass."""
        for failure in range(self._retries + 1):
            try:
                return act()
            except TransientError as error:
                self._drop()
                if failure == self._retries:
                    raise DownloadError(f'{self.name}: {error}') from error
                wait = download.BACKOFF * 2**failure
                time.sleep(min(max(wait, error.wait), download.MAX_WAIT))
                logger.warning('%s: %s; trying again', self.name, error)

    def _ask(self, start: int) -> Reply:
        validator = getattr(self, '_validator', '')
        reply = open_url(self.name, start, validator, self._timeout)
        if reply is None:
            raise NoRanges(f'{self.name}: the file is empty')
        return reply

    def _open(self) -> None:
        self._drop()
        reply = self._ask(self._at)
        if (
            reply.start != self._at
            or reply.total != self.size
            or reply.validator != self._validator
        ):
            reply.body.close()
            self._changed()
        self._reply, self._rest, self._rest_at = reply, b'', self._at
        self._chunks = read_chunks(reply.body, self.name, self._timeout)

    def _changed(self) -> None:
        raise DownloadError(
            f'{self.name}: the file changed on the server meanwhile; run again'
        )

    def _drop(self) -> None:
        if self._reply is not None:
            self._reply.body.close()
        self._reply = None

    def _fill(self) -> None:
        """Have bytes from the reader's position on in ``_rest``."""
        ahead = self._at - self._rest_at
        if self._reply is None or not 0 <= ahead <= len(self._rest) + _NEAR:
            self._open()
        while self._at - self._rest_at >= len(self._rest):
            self._rest_at += len(self._rest)
            self._rest = next(self._chunks, b'')
            if not self._rest:
                raise TransientError(BROKEN_OFF)

    def readinto(self, buffer) -> int:
        if self._at >= self.size:
            return 0
        self._persist(self._fill)
        start = self._at - self._rest_at
        piece = self._rest[start : start + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {
            os.SEEK_SET: 0,
            os.SEEK_CUR: self._at,
            os.SEEK_END: self.size,
        }[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self._drop()
        super().close()


class NoRanges(DownloadError):
    """The server sends whole files only."""
