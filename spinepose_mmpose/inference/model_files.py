"""From what a user calls a model to the files that run.

A size (``medium``, ``m``) with a version, a name of the model table
(``spinepose-m-v2``), or a file: ``.onnx``, ``.xml``, ``.pth`` with its config,
or the folder of an mmdeploy export.
"""

import importlib.util
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterable, Optional

from ..utils import config_file
from ..zoo import (
    ModelInfo,
    UnknownModel,
    all_models,
    find_model,
    resolve_weights,
)
from .backends import backend_names, backends_for
from .network import read_pipeline

MODES = dict(xlarge='x', large='l', medium='m', small='s', tiny='t')
VERSIONS = ('latest', 'v2', 'v1')
EXPORTED = 'end2end.onnx'  # mmdeploy's name for the network


@dataclass(frozen=True)
class ModelFiles:
    """What a backend needs."""

    backend: str  # one of :func:`.backend_names`
    path: Path  # the network, or the checkpoint
    config: str = ''  # of the checkpoint
    info: Optional[ModelInfo] = None  # of a model of the table
    # What files beside the network say of it, see :func:`.read_pipeline`.
    defaults: dict = field(default_factory=dict)


def find_files(
    model,
    model_version: str = 'latest',
    backend: str = 'auto',
    config=None,
    checkpoint=None,
    progress: bool = True,
) -> ModelFiles:
    """The files of a model, downloaded where they are published; arguments and
    errors as in :class:`.SpinePoseEstimator`.

    The backend ``auto`` is the first one that runs the files; of a published
    model it takes the ONNX file where ONNX Runtime is installed.
    """
    choices = ('auto', *backend_names())
    if backend not in choices:
        raise ValueError(
            f'no backend {backend!r}: choose from {", ".join(choices)}'
        )
    model = os.fspath(model if checkpoint is None else checkpoint)
    path = Path(model).expanduser()
    if config is not None or checkpoint is not None:
        if checkpoint is None and 'pytorch' not in backends_for(path.suffix):
            raise ValueError(
                f'the config {config} needs its weights: pass a checkpoint'
            )
        path = resolve_weights(model) if '://' in model else path
        return _of_path(path, backend, ['pytorch'], config)
    if path.is_dir():
        if not (path / EXPORTED).is_file():
            raise FileNotFoundError(
                f'{path} contains no {EXPORTED}: the folder of an mmdeploy '
                'export to ONNX, or a file, expected'
            )
        path = path / EXPORTED
    is_known = any(backends_for(path.suffix))
    if is_known and path.exists():
        return _of_path(path, backend, backends_for(path.suffix))
    try:
        info = find_pose_model(model, model_version)
    except UnknownModel:
        if is_known:
            raise FileNotFoundError(f'no such model file: {path}') from None
        raise
    return _of_model(info, backend, progress)


def find_pose_model(name: str, model_version: str = 'latest') -> ModelInfo:
    """The model that a size and a version, or a name, mean; ``latest`` is v2
    (SIMSPINE) where there is one, else v1 (SpineTrack)."""
    if model_version not in VERSIONS:
        raise ValueError(
            f'no model version {model_version!r}: choose from '
            f'{", ".join(VERSIONS)}'
        )
    size = name.strip().lower()
    size = MODES.get(size, size)
    if size in MODES.values():
        versions = {
            model.version: model
            for model in all_models('spinepose')
            if model.name in (f'spinepose-{size}', f'spinepose-{size}-v2')
        }
        wanted = max(versions) if model_version == 'latest' else model_version
        if wanted not in versions:
            there = ' and '.join(filter(None, versions)) or 'none at all'
            raise ValueError(
                f'spinepose-{size} has no {wanted} weights, but {there}'
            )
        return versions[wanted]
    try:
        model = find_model(name)
    except UnknownModel as error:
        raise UnknownModel(
            f'{error}; or a size ({", ".join(MODES)}), or the path of an '
            '.onnx or .pth file'
        ) from None
    if model_version not in ('latest', model.version):
        raise ValueError(
            f'{model.name} is {model.version or "of no version"}, but the '
            f'model version {model_version!r} was asked for'
        )
    return model


def said_beside(path: Path) -> dict:
    """What mmdeploy's pipeline.json beside an exported file says of it."""
    pipeline = path.with_name('pipeline.json')
    if path.name != EXPORTED or not pipeline.is_file():
        return {}
    return read_pipeline(pipeline)


def _of_model(info: ModelInfo, backend: str, progress: bool) -> ModelFiles:
    """Of a model of the table."""
    if backend == 'auto':
        is_there = importlib.util.find_spec
        by_onnx = is_there('onnxruntime') or not is_there('mmpose')
        has_onnx = info.onnx or 'onnx' in info.shipped
        backend = 'onnxruntime' if has_onnx and by_onnx else 'pytorch'
    kind = 'weights' if backend == 'pytorch' else 'onnx'
    path = resolve_weights(info.name, kind=kind, progress=progress)
    config = _config_of(info) if kind == 'weights' else ''
    return ModelFiles(backend, path, config, info)


def _of_path(
    path: Path, backend: str, able: Iterable[str], config=None
) -> ModelFiles:
    """Of a file, for one of the backends that are able to run it."""
    if not path.is_file():
        raise FileNotFoundError(f'no such model file: {path}')
    if backend == 'auto':
        backend = next(iter(able))
    elif backend not in (able := tuple(able)):
        raise ValueError(
            f'the backend {backend} does not run {path.name}: '
            f'{" or ".join(able)} does'
        )
    if backend != 'pytorch':
        return ModelFiles(backend, path, defaults=said_beside(path))
    return ModelFiles(backend, path, os.fspath(config or _config_beside(path)))


def _config_beside(checkpoint: Path) -> str:
    """The config of a published file, or the one that training left."""
    try:
        return _config_of(find_model(checkpoint.name))
    except UnknownModel:
        configs = sorted(checkpoint.parent.glob('*.py'))
    if len(configs) != 1:
        found = f'are {len(configs)}' if configs else 'is none'
        raise ValueError(
            f'which config does {checkpoint} belong to? There {found} beside '
            'it: pass config='
        )
    return str(configs[0])


def _config_of(info: ModelInfo) -> str:
    return info.config if '::' in info.config else str(config_file(info.config))
