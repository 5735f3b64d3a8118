"""From the name of a model to a checked file on this machine."""

import logging
import os
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from ..utils import content_root
from .digests import digest_in_name
from .mirrors import cache_dir, fetch
from .models import (
    SPINEPOSE_LICENCE,
    ModelInfo,
    UnknownModel,
    all_models,
    find_model,
    model_names,
    model_of_url,
)

logger = logging.getLogger(__name__)

SCHEME = 'spinepose://'
_FILE_SUFFIXES = ('.pth', '.pt', '.ckpt', '.onnx', '.engine')
_licence_shown = False


def resolve_weights(
    name: str, kind: str = 'weights', progress: bool = True, **options
) -> Path:
    """A local file for a name, an alias, a path or a URL; fetched if need be.

    Args:
        name: a model's name or alias (with or without ``spinepose://`` before
            it), a local file, or a ``https://``, ``http://`` or ``file://``
            URL.
        kind: for a name, ``weights`` (the checkpoint) or ``onnx``; a name
            that ends in ``.onnx`` means the latter anyway.
        progress: show progress of a download on stderr.
        options: ``timeout`` and ``retries`` of :func:`.download_file`.

    Returns:
        Path: the file. A local file is returned as it is, unchecked.

    Raises:
        ValueError: for an unknown name, or a model without published weights.
        FileNotFoundError: for a local file that does not exist.
        DownloadError: if the file cannot be had.
    """
    name = os.fspath(name).strip()
    scheme = urlsplit(name).scheme.lower() if '://' in name else ''
    if name.lower().startswith(SCHEME):
        return _of_name(name[len(SCHEME) :], kind, progress, options)
    if scheme == 'file':
        return _local(url2pathname(urlsplit(name).path))
    if scheme in ('http', 'https'):
        return _of_url(name, progress, options)
    if scheme:
        raise ValueError(
            f'cannot load {name!r}: a name, a file, or a URL that starts with '
            f'{SCHEME}, https://, http:// or file:// expected'
        )
    # A file of the published name in the working directory is what a user
    # means by that name; a bare alias never is a file.
    if Path(name).expanduser().is_file() and not _is_alias(name):
        return _local(name)
    try:
        return _of_name(name, kind, progress, options)
    except UnknownModel as e:
        if name.lower().endswith(_FILE_SUFFIXES) or os.path.dirname(name):
            raise FileNotFoundError(
                f'no such file: {name}; an existing file or one of the names '
                f'{", ".join(model_names())} expected'
            ) from e
        raise


def _is_alias(name: str) -> bool:
    return any(name.lower() in model.names for model in all_models())


def _local(path: str) -> Path:
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'no such file: {path}')
    return path


def _of_name(name: str, kind: str, progress: bool, options: dict) -> Path:
    kind = 'onnx' if name.lower().endswith('.onnx') else kind
    return _of_model(find_model(name), kind, progress, options)


def _of_model(
    model: ModelInfo, kind: str, progress: bool, options: dict
) -> Path:
    urls = model.urls(kind)
    if kind in model.shipped:
        return _local(content_root() / model.shipped[kind])
    if not urls:
        raise ValueError(_unpublished(model, kind))
    dest = cache_dir() / _file_name(urls[0])
    before = dest.exists()
    is_checkpoint = kind == 'weights'
    path = fetch(
        urls,
        dest,
        sha256=model.sha256 if is_checkpoint else None,
        size=model.size if is_checkpoint else None,
        progress=progress,
        **options,
    )
    if path == dest and not before:
        _show_licence(model)
    return path


def _of_url(url: str, progress: bool, options: dict) -> Path:
    """Of our own files every address and the digest are known; of others the
    digest in the name, if it carries one."""
    model = model_of_url(url)
    if model is not None:
        kind = 'onnx' if _file_name(url).endswith('.onnx') else 'weights'
        return _of_model(model, kind, progress, options)
    name = _file_name(url)
    if not name:
        raise ValueError(f'{url}: no file name at the end of this URL')
    return fetch(
        [url],
        cache_dir() / name,
        digest_in_name(name),
        progress=progress,
        **options,
    )


def _file_name(url: str) -> str:
    return unquote(urlsplit(url).path).rsplit('/', 1)[-1]


def _unpublished(model: ModelInfo, kind: str) -> str:
    if not model.weights:
        missing = f'{model.name} has no published weights'
        remedy = f'train it (mim train mmpose {model.config})'
    else:
        missing = f'{model.name} has no published ONNX file'
        remedy = 'export its weights with mmdeploy'
    return (
        f'{missing}: {remedy}, or pass the path of a file of your own, '
        'e.g. pose2d_weights=PATH'
    )


def _show_licence(model: ModelInfo) -> None:
    global _licence_shown
    if model.licence == SPINEPOSE_LICENCE and not _licence_shown:
        _licence_shown = True
        logger.warning(
            'The published SpinePose weights are licensed under %s: not for '
            'commercial use, with credit to their authors '
            '(https://creativecommons.org/licenses/by-nc/4.0/).',
            model.licence,
        )
