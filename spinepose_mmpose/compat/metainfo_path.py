"""Published SpinePose configs name the metainfo by a path that mmpose resolves
against the working directory and its own package."""

import os
import sys
from copy import deepcopy

from .shim import replace_in_mmpose

VERSIONS = 'mmpose 1.3.2'
REMOVE_WHEN = 'mmpose ships configs/_base_/datasets/spinetrack.py'
AFTER = 'mmpose.datasets.datasets.utils'

NAME = 'spinetrack.py'


def probe() -> str | None:
    package = os.path.dirname(sys.modules['mmpose'].__file__)
    path = os.path.join('configs', '_base_', 'datasets', NAME)
    if os.path.isfile(os.path.join(package, '.mim', path)):
        return None
    return f'mmpose looks for {path} in the working directory alone'


def apply() -> None:
    from ..metainfo import METAINFO

    parse = sys.modules[AFTER].parse_pose_metainfo

    def parse_pose_metainfo(metainfo: dict):
        path = metainfo.get('from_file', '')
        if os.path.basename(path) == NAME and not os.path.isfile(path):
            metainfo = deepcopy(METAINFO)
        return parse(metainfo)

    replace_in_mmpose('parse_pose_metainfo', parse, parse_pose_metainfo)
