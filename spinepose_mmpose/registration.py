"""Makes MMPose's registries and inferencers know this package."""

import importlib
import os
import sys
from copy import deepcopy

from . import deploy
from .compat.import_hooks import after_import

# registry of mmpose.registry -> our module that registers into it
LOCATIONS = {
    'DATASETS': 'spinepose_mmpose.datasets.registered',
    'TRANSFORMS': 'spinepose_mmpose.datasets.registered',
    'HOOKS': 'spinepose_mmpose.engine.hooks',
    'OPTIM_WRAPPERS': 'spinepose_mmpose.engine.optim_wrapper',
    'METRICS': 'spinepose_mmpose.evaluation.metrics',
    'EVALUATORS': 'spinepose_mmpose.evaluation.evaluators',
    'MODELS': 'spinepose_mmpose.models',
}


def install() -> None:
    """Register now where mmpose is loaded, else as soon as it is."""
    after_import('mmpose.registry', _add_locations)
    after_import('mmpose.datasets.datasets.utils', _serve_metainfo)
    after_import('mmengine.runner.checkpoint', _serve_checkpoints)
    after_import('mmengine.infer.infer', _serve_model_names)
    deploy.install()


def _add_locations() -> None:
    """Append our modules to those that a registry imports on first use.

    MMPose's own classes are registered the same way, so that neither side
    has to be imported while the other is half loaded.
    """
    registries = sys.modules['mmpose.registry']
    for name, location in LOCATIONS.items():
        registry = getattr(registries, name)
        registry._locations.append(location)
        if registry._imported:
            importlib.import_module(location)


def _serve_metainfo() -> None:
    """``from_file='configs/_base_/datasets/spinetrack.py'``, which published
    configs name, works from any directory."""
    from .metainfo import METAINFO

    utils = sys.modules['mmpose.datasets.datasets.utils']
    parse = utils.parse_pose_metainfo

    def parse_pose_metainfo(metainfo: dict):
        path = metainfo.get('from_file', '')
        if os.path.basename(path) == 'spinetrack.py' and not os.path.isfile(
            path
        ):
            metainfo = deepcopy(METAINFO)
        return parse(metainfo)

    # Modules that have been imported already hold it under the same name.
    for name, module in list(sys.modules.items()):
        if (
            name.startswith('mmpose.')
            and getattr(module, 'parse_pose_metainfo', None) is parse
        ):
            module.parse_pose_metainfo = parse_pose_metainfo


def _serve_checkpoints() -> None:
    """Checked downloads for ``load_from`` and the inferencers."""
    from .model_zoo.mmengine_loader import register_loader

    register_loader()


def _serve_model_names() -> None:
    from .model_zoo.inferencers import extend_model_index

    extend_model_index()
