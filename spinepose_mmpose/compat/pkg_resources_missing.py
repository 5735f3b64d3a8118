"""``pkg_resources`` for mmengine and mim on setuptools >= 82."""

import importlib.util
import sys
from importlib import metadata
from typing import List, Optional

from .import_hooks import before_import
from .openmmlab import PACKAGES
from .shim import Shim, stand_in


class DistributionNotFound(Exception):
    """No distribution of that name is installed."""


class Distribution:
    """The few members that OpenMMLab's packages read."""

    def __init__(self, dist: metadata.Distribution) -> None:
        self._dist = dist
        self.project_name = dist.metadata['Name']
        self.key = self.project_name.lower()
        self.version = dist.version
        self.location = str(dist.locate_file(''))

    def has_metadata(self, name: str) -> bool:
        return self._dist.read_text(name) is not None

    def get_metadata(self, name: str) -> str:
        text = self._dist.read_text(name)
        if text is None:
            raise KeyError(f'{self.project_name} has no metadata {name!r}')
        return text


def get_distribution(name: str) -> Distribution:
    try:
        return Distribution(metadata.distribution(str(name)))
    except metadata.PackageNotFoundError:
        raise DistributionNotFound(
            f"The '{name}' distribution was not found"
        ) from None


def parse_version(text: str):
    from packaging.version import parse

    return parse(text)


class _WorkingSet:
    def __iter__(self):
        return iter(_all_distributions())


def _all_distributions() -> List[Distribution]:
    return [
        Distribution(dist)
        for dist in metadata.distributions()
        if dist.metadata['Name']
    ]


def probe() -> Optional[str]:
    if 'pkg_resources' in sys.modules:
        return None
    try:
        found = importlib.util.find_spec('pkg_resources') is not None
    except ImportError:
        found = False
    if found:
        return None
    return "ModuleNotFoundError: No module named 'pkg_resources'"


class _Finder:
    """Makes ``importlib.reload(pkg_resources)``, which mmengine calls, a
    no-op."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != 'pkg_resources':
            return None
        return importlib.util.spec_from_loader(name, _Finder)

    @staticmethod
    def create_module(spec):
        return sys.modules.get(spec.name)

    @staticmethod
    def exec_module(module):
        pass


def apply() -> None:
    sys.meta_path.insert(0, _Finder)
    sys.modules['pkg_resources'] = stand_in(
        'pkg_resources',
        Distribution=Distribution,
        DistributionNotFound=DistributionNotFound,
        get_distribution=get_distribution,
        parse_version=parse_version,
        working_set=_WorkingSet(),
    )


def _schedule(run) -> None:
    before_import(PACKAGES, run)


SHIM = Shim(
    name='pkg_resources_missing',
    problem='mmengine and mim import pkg_resources, which setuptools removed',
    versions='setuptools >= 82 with mmengine 0.10.7, openmim 0.3.9',
    remove_when='mmengine reads importlib.metadata',
    needs='mmengine',
    probe=probe,
    apply=apply,
    schedule=_schedule,
)
