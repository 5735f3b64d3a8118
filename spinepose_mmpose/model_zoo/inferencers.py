"""Lets MMPose's inferencers find SpinePose models by name.

They look names up in the model index of mmpose alone.
"""

import sys
from pathlib import Path
from typing import Iterator

from ..utils import config_file
from .models import all_models

BASE = 'mmengine.infer.infer'


def index_entries() -> Iterator[dict]:
    """Our models in the form of a metafile's ``Models``.

    The weights are given by name, so that they come through the checked
    download; a model without published weights says so when they are wanted.
    """
    for model in all_models('spinepose'):
        yield dict(
            Name=model.name,
            Alias=list(model.aliases),
            Config=str(config_file(model.config)),
            Weights=f'spinepose://{model.name}',
        )


def extend_model_index() -> None:
    """Append our models to those that an mmpose inferencer lists."""
    inferencer = sys.modules[BASE].BaseInferencer
    upstream = inferencer._get_models_from_metafile
    load = inferencer._load_model_from_metafile

    def models_from_metafile(dir: str):
        yield from upstream(dir)
        if _is_mmpose(dir):
            yield from index_entries()

    def load_model_from_metafile(self, model: str):
        try:
            return load(self, model)
        except ValueError as error:
            if self.scope != 'mmpose':
                raise
            raise ValueError(
                f"{error}: expected a config file, a name of mmpose's model "
                f'index or one of {_names()}'
            ) from None

    inferencer._get_models_from_metafile = staticmethod(models_from_metafile)
    inferencer._load_model_from_metafile = load_model_from_metafile


def _names() -> str:
    return ', '.join(model.name for model in all_models('spinepose'))


def _is_mmpose(dir: str) -> bool:
    """Whether ``dir`` holds the model index of mmpose, installed or cloned."""
    import mmpose

    package = Path(mmpose.__path__[0])
    return Path(dir) in (package / '.mim', package.parent)
