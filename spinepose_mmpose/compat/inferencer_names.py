"""MMPoseInferencer finds models by name in the index of mmpose alone, not in
that of a plugin."""

import sys
from collections.abc import Iterator
from pathlib import Path

VERSIONS = 'mmengine 0.10.7, mmpose 1.3.2'
REMOVE_WHEN = "mmengine reads the model indices of plugins' packages"
AFTER = 'mmengine.infer.infer'


def probe() -> str | None:
    return "inferencers look names up in mmpose's own model index alone"


def index_entries() -> Iterator[dict]:
    """Our models in the form of a metafile's ``Models``.

    The weights are given by name, so that they come through the checked
    download; a model without published weights says so when they are wanted.
    """
    from ..utils import config_file
    from ..zoo import all_models

    for model in (*all_models('spinepose'), *all_models('lifter')):
        if model.family == 'lifter' and not model.shipped:
            continue  # no weights for PyTorch are published
        yield dict(
            Name=model.name,
            Alias=list(model.aliases),
            Config=str(config_file(model.config)),
            Weights=f'spinepose://{model.name}',
        )


def apply() -> None:
    """Append our models to those that an mmpose inferencer lists."""
    inferencer = sys.modules[AFTER].BaseInferencer
    upstream = inferencer._get_models_from_metafile
    load = inferencer._load_model_from_metafile

    def models_from_metafile(dir: str):
        import mmpose

        yield from upstream(dir)
        package = Path(mmpose.__path__[0])
        if Path(dir) in (package / '.mim', package.parent):  # installed, cloned
            yield from index_entries()

    def load_model_from_metafile(self, model: str):
        try:
            return load(self, model)
        except ValueError as error:
            if self.scope != 'mmpose':
                raise
            names = ', '.join(entry['Name'] for entry in index_entries())
            raise ValueError(
                f"{error}: expected a config file, a name of mmpose's model "
                f'index or one of {names}'
            ) from None

    inferencer._get_models_from_metafile = staticmethod(models_from_metafile)
    inferencer._load_model_from_metafile = load_model_from_metafile
