"""From what a user calls a model to the files that run.

A size (``medium``, ``m``) with a version, a name of the model table
(``spinepose-m-v2``), or a file: ``.onnx``, ``.xml``, ``.pth`` with its config,
or the folder of an mmdeploy export.
"""

import importlib.util
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from ..model_zoo import ModelInfo, find_model, resolve_weights
from ..model_zoo.models import UnknownModel, all_models
from ..utils import config_file
from .backends import backend_names, backends_for
from .network import read_pipeline

MODES = {
    'xlarge': 'x',
    'large': 'l',
    'medium': 'm',
    'small': 's',
    'tiny': 't',
}
VERSIONS = ('latest', 'v2', 'v1')
EXPORTED = 'end2end.onnx'  # mmdeploy's name for the network


@dataclass(frozen=True)
class ModelFiles:
    """What a backend needs.

    Attributes:
        backend (str): one of :func:`.backend_names`.
        path (Path): the network, or the checkpoint.
        config (str): of the checkpoint.
        info (ModelInfo, optional): of a model of the table.
        defaults (dict): what files beside the network say of it, see
            :func:`.read_pipeline`.
    """

    backend: str
    path: Path
    config: str = ''
    info: Optional[ModelInfo] = None
    defaults: dict = field(default_factory=dict)


def find_files(
    model: str,
    model_version: str = 'latest',
    backend: str = 'auto',
    config=None,
    checkpoint=None,
    progress: bool = True,
) -> ModelFiles:
    """The files of a model, downloaded where they are published.

    Args:
        model (str | Path): a size, a name, a file or a folder; with a config
            a checkpoint.
        model_version (str): ``latest``, ``v2`` or ``v1``, of a size.
        backend (str): ``auto`` takes the first one that runs the files; of a
            published model the ONNX file where ONNX Runtime is installed.
        config, checkpoint (str | Path, optional): of MMPose, for PyTorch.
        progress (bool): show the progress of a download.

    Raises:
        ValueError: an unknown name, or files that the backend cannot run.
        FileNotFoundError: a file that does not exist.
        DownloadError: published weights cannot be had; it says where to get
            them and where to put them.
    """
    choices = ('auto', *backend_names())
    if backend not in choices:
        raise ValueError(
            f'no backend {backend!r}: choose from {", ".join(choices)}'
        )
    model = os.fspath(model)
    path = Path(model).expanduser()
    if config is not None and checkpoint is None:
        if 'pytorch' in backends_for(path.suffix):
            checkpoint = model
    if config is not None or checkpoint is not None:
        return _of_checkpoint(checkpoint, config, backend)
    is_file = path.suffix and any(backends_for(path.suffix))
    if path.is_dir() or (
        is_file and (path.exists() or not _is_published(path.name))
    ):
        return _of_path(path, backend)
    return _of_model(find_pose_model(model, model_version), backend, progress)


def find_pose_model(name: str, model_version: str = 'latest') -> ModelInfo:
    """The model that a size and a version, or a name, mean.

    ``latest`` is v2 (SIMSPINE) where there is one, else v1 (SpineTrack).

    Raises:
        ValueError: there is no such size, version or name.
    """
    if model_version not in VERSIONS:
        raise ValueError(
            f'no model version {model_version!r}: choose from '
            f'{", ".join(VERSIONS)}'
        )
    wanted = name.strip().lower()
    size = MODES.get(wanted, wanted)
    if size not in MODES.values():
        return _by_name(name, model_version)
    versions = {
        model.version: model
        for model in all_models('spinepose')
        if model.name in (f'spinepose-{size}', f'spinepose-{size}-v2')
    }
    if model_version == 'latest':
        return versions[max(versions)]
    if model_version not in versions:
        there = [version for version in versions if version]
        raise ValueError(
            f'spinepose-{size} has no {model_version} weights, but '
            f'{" and ".join(there) or "none at all"}'
        )
    return versions[model_version]


def _is_published(name: str) -> bool:
    try:
        return bool(find_model(name))
    except UnknownModel:
        return False


def _by_name(name: str, model_version: str) -> ModelInfo:
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


def _of_model(info: ModelInfo, backend: str, progress: bool) -> ModelFiles:
    if backend == 'auto':
        by_onnx = _has(info, 'onnx') and (
            _is_installed('onnxruntime') or not _is_installed('mmpose')
        )
        backend = 'onnxruntime' if by_onnx else 'pytorch'
    kind = 'weights' if backend == 'pytorch' else 'onnx'
    if not _has(info, kind):
        missing = 'ONNX file' if _has(info, 'weights') else 'weights'
        raise ValueError(
            f'{info.name} has no published {missing}: pass the path of an '
            '.onnx file as the model, or a config and a checkpoint (train it: '
            f'mim train mmpose {info.config})'
        )
    path = resolve_weights(info.name, kind=kind, progress=progress)
    config = _config_of(info) if kind == 'weights' else ''
    return ModelFiles(backend, path, config, info)


def _is_installed(module: str) -> bool:
    """Whether a package is there, without importing it."""
    return importlib.util.find_spec(module) is not None


def _has(info: ModelInfo, kind: str) -> bool:
    return bool(info.urls(kind)) or kind in info.shipped


def _config_of(info: ModelInfo) -> str:
    return info.config if '::' in info.config else str(config_file(info.config))


def _of_path(path: Path, backend: str) -> ModelFiles:
    if path.is_dir():
        folder, path = path, path / EXPORTED
        if not path.is_file():
            raise FileNotFoundError(
                f'{folder} holds no {EXPORTED}: the folder of an mmdeploy '
                'export to ONNX, or a file, expected'
            )
    if not path.is_file():
        raise FileNotFoundError(f'no such model file: {path}')
    chosen = backend
    if backend == 'auto':
        chosen = next(backends_for(path.suffix))
    elif backend not in (able := tuple(backends_for(path.suffix))):
        raise ValueError(
            f'the backend {backend} does not run {path.name}: '
            f'{" or ".join(able)} does'
        )
    if chosen == 'pytorch':
        return _of_checkpoint(path, None, backend)
    return ModelFiles(chosen, path, defaults=said_beside(path))


def said_beside(path: Path) -> dict:
    """What mmdeploy's pipeline.json beside an exported file says of it."""
    pipeline = path.with_name('pipeline.json')
    if path.name != EXPORTED or not pipeline.is_file():
        return {}
    return read_pipeline(pipeline)


def _of_checkpoint(checkpoint, config, backend: str) -> ModelFiles:
    if backend not in ('auto', 'pytorch'):
        raise ValueError(
            f'the backend {backend} does not run a config and a checkpoint: '
            'pytorch does, or export them to ONNX'
        )
    if checkpoint is None:
        raise ValueError(
            f'the config {config} needs its weights: pass a checkpoint'
        )
    name = os.fspath(checkpoint)
    path = resolve_weights(name) if '://' in name else Path(name).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'no such model file: {path}')
    if config is None:
        config = _config_beside(path)
    return ModelFiles('pytorch', path, os.fspath(config))


def _config_beside(checkpoint: Path) -> str:
    """The config of a published file, or the one that training left."""
    try:
        return _config_of(find_model(checkpoint.name))
    except UnknownModel:
        configs = sorted(checkpoint.parent.glob('*.py'))
    if len(configs) != 1:
        found = 'none' if not configs else f'{len(configs)} of them'
        raise ValueError(
            f'which config does {checkpoint} belong to? There is {found} '
            'beside it: pass config='
        )
    return str(configs[0])
