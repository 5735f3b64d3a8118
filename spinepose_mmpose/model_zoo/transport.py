"""One request: a URL's bytes from a position on, failures as sentences."""

import errno
import http.client
import os
import re
import socket
import ssl
from typing import NamedTuple, Optional
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPRedirectHandler,
    Request,
    build_opener,
    url2pathname,
)

from ..version import __version__
from .errors import DownloadError

BROKEN_OFF = 'the connection broke off'
_CHUNK = 1 << 18
_TRANSIENT_STATUS = (408, 425, 429, 500, 502, 503, 504)
_NO_NETWORK = (
    errno.ECONNREFUSED,
    errno.ENETUNREACH,
    errno.EHOSTUNREACH,
    errno.EADDRNOTAVAIL,
)


class TransientError(Exception):
    """A failure that may pass. ``wait``: seconds the server asked for."""

    def __init__(self, reason: str, wait: float = 0.0):
        super().__init__(reason)
        self.wait = wait


class Reply(NamedTuple):
    """An answer, of a server or of the file system.

    ``start`` is the position of its first byte in the file, ``total`` the size
    of the whole file, ``validator`` names its version, ``linked`` is the
    SHA-256 that the host states for it.
    """

    body: object
    start: int = 0
    total: Optional[int] = None
    validator: str = ''
    linked: Optional[str] = None
    content_type: str = ''
    chunked: bool = False


def open_url(
    url: str, start: int, validator: str, timeout: float
) -> Optional[Reply]:
    """Ask for a file's bytes from ``start`` on; None if there are none.

    Raises:
        TransientError: for a failure that may pass.
        DownloadError: for any other.
    """
    try:
        if urlsplit(url).scheme.lower() == 'file':
            return _open_file(url, start, validator)
        return _open_http(url, start, validator, timeout)
    except (OSError, http.client.HTTPException) as e:
        if isinstance(e, DownloadError):
            raise
        if isinstance(e, HTTPError):
            e.close()
            if e.code == 416 and start:
                return None
        _raise_as_failure(e, url, timeout)


def read_chunks(body, url: str, timeout: float):
    """The bytes of a reply; what fails here failed on the way to us."""
    size = 64  # enough to recognise a web page, however slowly it comes
    while True:
        try:
            chunk = body.read(size) if size == 64 else body.read1(size)
        except (OSError, http.client.HTTPException) as e:
            _raise_as_failure(e, url, timeout)
        if not chunk:
            return
        yield chunk
        size = _CHUNK


def _open_file(url: str, start: int, validator: str) -> Reply:
    body = open(url2pathname(urlsplit(url).path), 'rb')
    stat = os.fstat(body.fileno())
    version = f'{stat.st_size}-{stat.st_mtime_ns}'
    if version != validator:
        start = 0
    body.seek(start)
    return Reply(body, start, stat.st_size, version)


def _open_http(url: str, start: int, validator: str, timeout: float) -> Reply:
    headers = {
        'User-Agent': f'spinepose-mmpose/{__version__}',
        # A compressed body would match neither Content-Length nor digest.
        'Accept-Encoding': 'identity',
    }
    if start:
        headers['Range'] = f'bytes={start}-'
        if validator:
            headers['If-Range'] = validator
    redirects = _Redirects()
    body = build_opener(redirects).open(
        Request(url, headers=headers), timeout=timeout
    )
    head = body.headers
    encoding = head.get('Content-Encoding', 'identity').lower()
    if encoding != 'identity':
        body.close()
        raise DownloadError(
            f'{url}: the server sent the file in the encoding '
            f'{encoding}, which was not asked for'
        )
    first, total = 0, None
    if body.status == 206:
        span = re.fullmatch(
            r'bytes (\d+)-\d+/(\d+|\*)',
            head.get('Content-Range', '').strip().lower(),
        )
        # A range that cannot be read fits nothing we have.
        first = int(span.group(1)) if span else -1
        if span and span.group(2) != '*':
            total = int(span.group(2))
    elif head.get('Content-Length', '').isdigit():
        total = int(head['Content-Length'])
    return Reply(
        body,
        first,
        total,
        _validator(head),
        _linked_digest(head) or redirects.linked,
        head.get('Content-Type', '').lower(),
        body.chunked,
    )


def _validator(headers) -> str:
    """What If-Range may carry: a strong ETag, else Last-Modified."""
    etag = headers.get('ETag', '')
    if etag and not etag.startswith('W/'):
        return etag
    return headers.get('Last-Modified', '')


class _Redirects(HTTPRedirectHandler):
    """Follow redirects, keep what they say of the file.

    Hugging Face states digest and size of a large file in the redirect to its
    storage, not in the reply that carries the bytes.
    """

    def __init__(self):
        self.linked = None

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        self.linked = _linked_digest(headers) or self.linked
        scheme = urlsplit(newurl).scheme.lower()
        if scheme not in ('http', 'https') or (
            scheme == 'http' and req.type == 'https'
        ):
            raise DownloadError(
                f'{req.full_url}: refused to follow a redirect to {newurl}'
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _linked_digest(headers) -> Optional[str]:
    etag = (headers.get('X-Linked-ETag') or '').strip('" ').lower()
    return etag if re.fullmatch('[0-9a-f]{64}', etag) else None


def _is_transient(e: Exception) -> bool:
    if isinstance(e, HTTPError):
        return e.code in _TRANSIENT_STATUS
    if isinstance(e, URLError) and isinstance(e.reason, Exception):
        return _is_transient(e.reason)
    # A name that does not resolve and a closed port mean no network or no
    # server: waiting seconds will not help, an answer at once does.
    if isinstance(e, (ssl.SSLCertVerificationError, socket.gaierror)):
        return False
    if getattr(e, 'errno', None) in _NO_NETWORK:
        return False
    return isinstance(
        e,
        (
            socket.timeout,
            ConnectionError,
            ssl.SSLError,
            http.client.HTTPException,
        ),
    )


def _sentence(e: Exception, timeout: Optional[float] = None) -> str:
    if isinstance(e, HTTPError):
        meaning = {404: ' (no such file there)'}.get(e.code, '')
        return f'HTTP {e.code} {e.reason}{meaning}'
    if isinstance(e, URLError) and isinstance(e.reason, Exception):
        return _sentence(e.reason, timeout)
    if isinstance(e, socket.gaierror):
        return f'no network, or no such host ({e.strerror})'
    if isinstance(e, ConnectionRefusedError):
        return 'the connection was refused'
    if isinstance(e, socket.timeout):
        return (
            'no answer' if timeout is None else f'no answer for {timeout:g} s'
        )
    if isinstance(e, (ConnectionError, http.client.IncompleteRead)):
        return BROKEN_OFF
    if isinstance(e, FileNotFoundError):
        return 'no such file'
    return getattr(e, 'strerror', None) or str(e) or type(e).__name__


def _raise_as_failure(e: Exception, url: str, timeout: float) -> None:
    reason = _sentence(e, timeout)
    if _is_transient(e):
        head = e.headers if isinstance(e, HTTPError) else {}
        wait = head.get('Retry-After', '')
        raise TransientError(
            reason, float(wait) if wait.isdigit() else 0.0
        ) from e
    raise DownloadError(f'{url}: {reason}') from e
