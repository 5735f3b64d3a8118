"""How files get here: from a mirror, the Hugging Face Hub or a web server.

Files on the Hub come through ``huggingface_hub`` and its cache, whose
environment variables hold (``HF_HOME``, ``HF_ENDPOINT``, ``HF_TOKEN``,
``HF_HUB_OFFLINE``, ``HF_HUB_DOWNLOAD_TIMEOUT``), all others through ``pooch``
into the folder of ``torch.hub``. ``SPINEPOSE_MIRROR`` names a folder or a base
URL that holds files under their own names, without sub-folders. It is looked in
first; what it lacks comes from the published address.

Both libraries are imported when something has to be downloaded.
"""

import contextlib
import importlib
import logging
import os
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit
from urllib.request import url2pathname

logger = logging.getLogger(__name__)

MIRROR_VARIABLE = 'SPINEPOSE_MIRROR'
HUB = 'https://huggingface.co/'
SLOWEST = 1000  # bytes per second, below which a server is given up
# mmengine's publish_model: <name>-<8 hex>_<date>.pth, older files and
# torchvision: <name>-<8 hex>.pth. Archives repeat the digest of the .pth
# that was packed into them, hence checkpoints only.
_DIGEST = re.compile(
    r'-(?!(?:19|20)\d{6}\.)([0-9a-f]{8})(_\d{8})?\.(?:pth|pt)$'
)
_HUB_FILE = re.compile(
    rf'{HUB}(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/([^?]+)'
)


class DownloadError(OSError):
    """A file could not be had; the message says which, from where and why.
    ``local`` is the trouble of this machine: no other address would help."""

    def __init__(self, message: str, local: bool = False):
        super().__init__(message)
        self.local = local


class DigestMismatch(DownloadError):
    """A file is not the one that was expected."""


def digest_in_name(name: str) -> str | None:
    """The 8 digits that OpenMMLab puts into a checkpoint's name, or None; a
    lone date (``model-20230605.pth``) is none."""
    match = _DIGEST.search(name)
    return match and match.group(1)


def cache_dir() -> Path:
    """The folder that torch.hub caches checkpoints in, without torch."""
    cache = os.getenv('XDG_CACHE_HOME', '~/.cache')
    home = os.getenv('TORCH_HOME', os.path.join(cache, 'torch'))
    return Path(home).expanduser() / 'hub' / 'checkpoints'


def mirror() -> str | Path | None:
    """The mirror that is set: a base URL, an existing folder, or None."""
    value = os.getenv(MIRROR_VARIABLE, '').strip()
    if not value:
        return None
    parts = urlsplit(value)
    if parts.scheme in ('http', 'https'):
        return value.rstrip('/')
    path = url2pathname(parts.path) if parts.scheme == 'file' else value
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(
            f'{MIRROR_VARIABLE}={value}: no such folder; an existing folder '
            'or a URL that starts with http:// or https:// expected'
        )
    return folder


def with_mirror(urls: Sequence[str]) -> tuple[str, ...]:
    """Addresses of one file, that of a mirror on a server first."""
    place = mirror()
    if not isinstance(place, str):
        return tuple(urls)
    return (f'{place}/{quote(file_name(urls[0]))}', *urls)


def file_name(url: str) -> str:
    return unquote(urlsplit(url).path).rsplit('/', 1)[-1]


def hub_file(url: str) -> dict | None:
    """What huggingface_hub calls a file at an address of the Hub, or None."""
    match = _HUB_FILE.match(url)
    return match and dict(
        repo_id=match[2],
        filename=unquote(match[4]),
        revision=match[3],
        repo_type='dataset' if match[1] else 'model',
    )


def check_digest(path: Path, sha256: str | None, received=False) -> None:
    """A DigestMismatch if a file has another digest, or other first digits of
    it; one that was ``received`` just now is deleted."""
    if not sha256:
        return
    import pooch

    got = pooch.file_hash(str(path), 'sha256')
    if got.startswith(sha256):
        return
    if not received:
        raise DigestMismatch(
            f'{path} is not the file it should be: sha256 {got}, expected '
            f'{sha256}; delete it to have it downloaded again',
            local=True,
        )
    for each in {path.resolve(), path}:
        each.unlink(missing_ok=True)
    raise DigestMismatch(
        f'the file received has sha256 {got}, expected {sha256}; it is deleted'
    )


def find_local(urls: Sequence[str], sha256: str | None = None) -> Path | None:
    """A file that is here: in the mirror's folder, or downloaded before."""
    place, name = mirror(), file_name(urls[0])
    folders = [cache_dir()]
    if isinstance(place, Path):
        folders.insert(0, place)
    found = [f / name for f in folders if (f / name).is_file()]
    on_hub = list(filter(None, map(hub_file, urls)))
    if not found and on_hub:
        from huggingface_hub import try_to_load_from_cache

        cached = (try_to_load_from_cache(**parts) for parts in on_hub)
        found = [Path(path) for path in cached if isinstance(path, str)]
    if found:
        check_digest(found[0], sha256)
    return found[0] if found else None


def fetch(
    urls: Sequence[str],
    sha256: str | None = None,
    progress: bool = True,
    folder: Path | None = None,
) -> Path:
    """A file that is here already, or from the mirror, or from ``urls``.

    Safe to call from several processes at once: one downloads, the others wait.

    Args:
        urls (sequence): addresses of one and the same file, tried in order.
        sha256 (str, optional): its digest, or the first 8 or more digits.
        folder (Path, optional): where it has to be; by default the cache of
            the library that downloads it.

    Raises:
        DownloadError: no source has it, saying which file to put where.
    """
    if not folder and (found := find_local(urls, sha256)):
        return found
    name, reasons = file_name(urls[0]), {}
    for url in with_mirror(urls):
        try:
            with sentences():
                return _download(url, sha256, progress, folder)
        except DownloadError as error:
            if error.local:
                raise
            reasons.setdefault(str(error), []).append(url)
            # A bad copy or an incomplete mirror should be heard of; that
            # there is no network is said once, at the end.
            if isinstance(error, DigestMismatch) or url not in urls:
                logger.warning('%s: %s', url, error)
    why = '; '.join(
        f'{tried[0]}: {reason}'
        + f' ({len(tried)} addresses tried)' * (len(tried) > 1)
        for reason, tried in reasons.items()
    )
    place = mirror()
    hint = f' ({MIRROR_VARIABLE} is {place})' if place else ''
    raise DownloadError(
        f'could not get {name}{hint}: {why}. Download it from {urls[0]} where '
        f'there is a network and put it at {(folder or cache_dir()) / name}, '
        f'or set {MIRROR_VARIABLE} to a folder or URL that holds it'
    )


def _download(
    url: str, sha256: str | None, progress: bool, folder: Path | None
) -> Path:
    parts = hub_file(url)
    if parts:
        return _from_hub(parts, sha256, progress, folder)
    import pooch
    from filelock import FileLock

    name, folder = file_name(url), folder or cache_dir()
    folder.mkdir(parents=True, exist_ok=True)
    pooch.get_logger().setLevel(logging.WARNING)

    def download(url, target, _):
        _stream(url, target, name, progress)
        check_digest(Path(target), sha256, received=True)

    with FileLock(folder / f'{name}.lock'):
        return Path(pooch.retrieve(url, None, name, folder, None, download))


def _from_hub(
    parts: dict, sha256: str | None, progress: bool, folder: Path | None
) -> Path:
    import huggingface_hub as hub
    from tqdm.auto import tqdm

    class Bar(tqdm):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **{**kwargs, 'disable': not progress})

    session()
    url, token = hub.hf_hub_url(**parts), hub.get_token()
    stated = hub.get_hf_file_metadata(url, token).etag or ''
    if not re.fullmatch('[0-9a-f]{64}', stated):  # not kept in Git LFS
        stated = sha256
    elif sha256 and not stated.startswith(sha256):
        raise DigestMismatch(
            f'the host offers another file: sha256 {stated}, expected '
            f'{sha256}; nothing was downloaded'
        )
    path = Path(hub.hf_hub_download(**parts, local_dir=folder, tqdm_class=Bar))
    # The library goes on after an interruption without asking whether the
    # file is still the same, and compares its size alone.
    check_digest(path, stated, received=True)
    return path


def _stream(url: str, target: str, name: str, progress: bool) -> None:
    """Write a plain file of a web server to ``target``."""
    from tqdm.auto import tqdm

    with asked(url) as reply:
        if reply.headers.get('Content-Type', '').startswith('text/html'):
            raise DownloadError(
                f'the server answered with a web page instead of {name} (a '
                'login, a proxy or an error page?)'
            )
        size = int(reply.headers.get('Content-Length', 0)) or None
        options = dict(total=size, desc=name, disable=not progress)
        with open(target, 'wb') as file:
            with tqdm.wrapattr(file, 'write', **options) as shown:
                for chunk in reply.iter_raw():
                    shown.write(chunk)


@contextlib.contextmanager
def asked(url: str, **head: str) -> Iterator:
    """The reply of a web server, whose content is still to be read."""
    head, limit = {'Accept-Encoding': 'identity', **head}, patience()
    with session().stream('GET', url, headers=head, timeout=limit) as reply:
        reply.raise_for_status()
        yield reply


def patience() -> float:
    """Seconds without an answer until a server is given up."""
    from huggingface_hub import constants

    return constants.HF_HUB_DOWNLOAD_TIMEOUT


def session():
    """The HTTP client of huggingface_hub, which gives up slow servers."""
    from huggingface_hub import get_session

    client = get_session()
    if _watch not in client.event_hooks['response']:
        client.event_hooks['response'].append(_watch)
    return client


def _http():
    """The module of huggingface_hub's HTTP client, httpx or its successor."""
    from huggingface_hub.errors import HTTPError

    return importlib.import_module(HTTPError.__module__.partition('.')[0])


def _watch(response) -> None:
    """End a reply that keeps coming but too slowly for any use.

    A time limit of the client's own counts from one byte to the next.
    """

    class Watched(_http().SyncByteStream):
        def __iter__(self):
            start, received, limit = time.monotonic(), 0, patience()
            for chunk in stream:
                yield chunk
                received += len(chunk)
                if time.monotonic() - start > limit:
                    if received < SLOWEST * limit:
                        raise DownloadError(
                            f'the server sent {received} bytes in {limit:g} s '
                            'and was given up'
                        )
                    start, received = time.monotonic(), 0

        def close(self):
            stream.close()

    stream, response.stream = response.stream, Watched()


@contextlib.contextmanager
def sentences(where='') -> Iterator[None]:
    """Turn failures of the download libraries into a DownloadError, whose
    sentence begins with ``where``."""
    where = f'{where}: ' if where else ''
    try:
        yield
    except (OSError, _http().HTTPError) as error:
        if getattr(error, 'local', False):
            raise
        if getattr(error, 'errno', None):  # of the network they have none
            raise DownloadError(
                f'cannot write {error.filename or "the file"}: '
                f'{error.strerror}',
                local=True,
            ) from error
        # The first line of what may be a page.
        reason = str(error).strip().partition('\n')[0] or type(error).__name__
        status = getattr(getattr(error, 'response', None), 'status_code', None)
        if status is not None:
            missing = ' (no such file there)' if status == 404 else ''
            reason = f'HTTP {status}{missing}'
        is_ours = isinstance(error, DownloadError)
        kind = type(error) if is_ours else DownloadError
        raise kind(f'{where}{reason}') from error
