"""Where files are kept, and where else than at their address to look.

``SPINEPOSE_MIRROR`` names a folder or a base URL that holds files under their
own names, without sub-folders: ``<mirror>/<file name>``. A file in a folder
is used where it lies. What a mirror lacks comes from the published address.
"""

import logging
import os
from pathlib import Path
from typing import Optional, Sequence, Union
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

from .digests import verify_file
from .download import download_file
from .errors import DigestMismatch, DownloadError

logger = logging.getLogger(__name__)

MIRROR_VARIABLE = 'SPINEPOSE_MIRROR'


def cache_dir() -> Path:
    """The folder that torch.hub caches checkpoints in.

    ``$TORCH_HOME/hub/checkpoints``, else below ``$XDG_CACHE_HOME/torch``,
    else below ``~/.cache/torch``; as ``torch.hub.get_dir()`` says, without
    importing torch.
    """
    cache = os.getenv('XDG_CACHE_HOME', '~/.cache')
    home = os.getenv('TORCH_HOME', os.path.join(cache, 'torch'))
    return Path(home).expanduser() / 'hub' / 'checkpoints'


def mirror() -> Union[str, Path, None]:
    """The mirror that is set: a base URL, a folder, or None.

    Raises:
        FileNotFoundError: if it is a folder that does not exist.
    """
    value = os.getenv(MIRROR_VARIABLE, '').strip()
    if not value:
        return None
    parts = urlsplit(value)
    if parts.scheme.lower() in ('http', 'https'):
        return value.rstrip('/')
    is_url = parts.scheme.lower() == 'file'
    folder = Path(url2pathname(parts.path) if is_url else value).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(
            f'{MIRROR_VARIABLE}={value}: no such folder; an existing folder '
            'or a URL that starts with http:// or https:// expected'
        )
    return folder


def fetch(
    urls: Sequence[str],
    dest,
    sha256: Optional[str] = None,
    size: Optional[int] = None,
    progress: bool = True,
    **options,
) -> Path:
    """A file from the mirror, from ``dest`` if it is there, or from ``urls``.

    Args:
        urls: addresses of one and the same file, tried in order.
        dest: where a downloaded file goes; its name is the one looked up in
            the mirror.
        sha256, size, progress: see :func:`download_file`.
        options: ``timeout`` and ``retries`` of :func:`download_file`.

    Returns:
        Path: ``dest``, or the file in the mirror folder.

    Raises:
        DownloadError: if no source has it, saying which file to put where.
    """
    dest, place, sources = Path(dest).expanduser(), mirror(), list(urls)
    if isinstance(place, Path):
        local = place / dest.name
        if local.is_file():
            verify_file(local, sha256, record=False)
            return local
    elif place is not None:
        sources.insert(0, f'{place}/{quote(dest.name)}')
    failures = []
    for url in sources:
        try:
            return download_file(
                url, dest, sha256, size, progress=progress, **options
            )
        except DownloadError as e:
            if e.local:
                raise
            failures.append(str(e))
            if url != sources[-1]:
                # A bad copy or an incomplete mirror should be heard of; that
                # there is no network is said once, at the end.
                loud = isinstance(e, DigestMismatch) or url not in urls
                logger.log(
                    logging.WARNING if loud else logging.INFO,
                    '%s; trying the next address',
                    e,
                )
    reasons = {
        f[len(u) + 2 :] if f.startswith(f'{u}: ') else f
        for u, f in zip(sources, failures)
    }
    why = '; '.join(failures)
    if len(reasons) == 1 < len(failures):  # offline: say it once
        why = f'{reasons.pop()} ({len(failures)} addresses tried)'
    hint = '' if place is None else f' ({MIRROR_VARIABLE} is {place})'
    raise DownloadError(
        f'could not get {dest.name}{hint}: {why}. Download it '
        f'from {urls[0]} where there is a network and put it at {dest}, or '
        f'set {MIRROR_VARIABLE} to a folder or URL that holds it'
    )
