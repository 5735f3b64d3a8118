"""Packs configs, tools and demos into ``spinepose_mmpose/.mim``.

``mim`` looks for them there. They are copied while the wheel is built, so
``pip install .`` and ``pip wheel .`` carry them with any pip, and no link or
generated file appears in the source tree.
"""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
PACKAGE = 'spinepose_mmpose'
MIM_CONTENT = (
    'configs',
    'tools',
    'demo',
    'model-index.yml',
    'dataset-index.yml',
)


def read_version() -> str:
    text = (ROOT / PACKAGE / 'version.py').read_text(encoding='utf-8')
    return re.search(r"^__version__ = '([^']+)'", text, re.M).group(1)


def read_requirements(name: str) -> list:
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines()
    return [line for line in lines if line and not line.startswith('#')]


class BuildWithMim(build_py):
    def run(self) -> None:
        super().run()
        if getattr(self, 'editable_mode', False):
            return  # mim needs a proper install; see docs/install.md
        target = Path(self.build_lib) / PACKAGE / '.mim'
        shutil.rmtree(target, ignore_errors=True)
        for name in MIM_CONTENT:
            copy_into(ROOT / name, target / name)


def copy_into(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(
            source, target, ignore=shutil.ignore_patterns('__pycache__')
        )
    else:
        shutil.copyfile(source, target)


setup(
    name='spinepose-mmpose',
    version=read_version(),
    description='2D human spine pose with MMPose: SpineTrack, its metric, '
    'losses and distillation, on current Python and PyTorch',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    keywords='pose estimation, spine, MMPose, SpineTrack',
    packages=find_packages(include=[PACKAGE, f'{PACKAGE}.*']),
    package_data={
        f'{PACKAGE}.datasets.synthetic': ['*.yml'],
        f'{PACKAGE}.evaluation': ['*.jinja'],
        f'{PACKAGE}.inference.formats': ['*.html'],
    },
    include_package_data=True,
    python_requires='>=3.10',
    entry_points={
        'console_scripts': [
            'spinepose-mmpose = spinepose_mmpose.inference.cli:main',
        ],
    },
    install_requires=read_requirements('base'),
    extras_require={
        'train': read_requirements('train'),
        'onnx': read_requirements('onnx'),
        'heif': ['pillow-heif'],
        'video': read_requirements('video'),
        'openvino': ['openvino'],
        'report': ['jinja2', 'plotly'],
        'c3d': ['ezc3d'],
        'synthetic': read_requirements('synthetic'),
        'tests': read_requirements('tests'),
    },
    cmdclass={'build_py': BuildWithMim},
)
