"""The wheel carries what mim looks for."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import spinepose_mmpose

import pytest
import yaml

ROOT = Path(__file__).parents[1]
SOURCES = (
    'setup.py',
    'pyproject.toml',
    'MANIFEST.in',
    'README.md',
    'LICENSE',
    'requirements',
    'spinepose_mmpose',
    'configs',
    'tools',
    'demo',
    'model-index.yml',
    'dataset-index.yml',
)
MIM = 'spinepose_mmpose/.mim/'


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    """Built from a copy of the tree, offline."""
    folder = tmp_path_factory.mktemp('wheel')
    tree = folder / 'tree'
    tree.mkdir()
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name)
        else:
            shutil.copyfile(source, tree / name)
    # What running the code leaves behind.
    cache = tree / 'tools' / '__pycache__'
    cache.mkdir(exist_ok=True)
    (cache / 'train.cpython-311.pyc').write_bytes(b'x')
    options = '--no-deps --no-build-isolation --no-index --quiet -w'.split()
    result = subprocess.run(
        [sys.executable, '-m', 'pip', 'wheel', *options, str(folder), '.'],
        cwd=tree,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    (path,) = folder.glob('*.whl')
    return path


@pytest.fixture(scope='module')
def files(wheel):
    with zipfile.ZipFile(wheel) as file:
        return {
            name: file.read(name)
            for name in file.namelist()
            if not name.endswith('/')
        }


def test_version_and_name(wheel, files):
    version = spinepose_mmpose.__version__
    assert wheel.name == f'spinepose_mmpose-{version}-py3-none-any.whl'
    text = files[f'spinepose_mmpose-{version}.dist-info/METADATA'].decode()
    assert '\nName: spinepose-mmpose\n' in text
    assert f'\nVersion: {version}\n' in text
    # The stack is installed without its dependencies, never through ours.
    required = [
        line for line in text.splitlines() if line.startswith('Requires-Dist:')
    ]
    assert required and not any(
        f'Requires-Dist: {name}' in line
        for line in required
        for name in ('mmpose', 'mmdet', 'mmcv', 'mmengine')
    )


def test_mim_finds_its_content(files):
    """Everything of configs/, tools/ and demo/, as it is in the tree."""
    for name in (
        'configs/spinepose-m.py',
        'tools/train.py',
        'tools/test.py',
        'model-index.yml',
        'dataset-index.yml',
        'configs/spinetrack.yml',
        'configs/simspine.yml',
        'configs/_base_/datasets/spinetrack.py',
    ):
        assert MIM + name in files
    assert 'spinepose_mmpose/evaluation/report.md.jinja' in files
    for folder in ('configs', 'tools', 'demo'):
        for path in (ROOT / folder).rglob('*.py'):
            name = path.relative_to(ROOT).as_posix()
            assert files[MIM + name] == path.read_bytes()


def test_the_index_leads_to_files_in_the_wheel(files):
    for metafile in yaml.safe_load(files[f'{MIM}model-index.yml'])['Import']:
        content = yaml.safe_load(files[MIM + metafile])
        assert content['Models']
        for model in content['Models']:
            assert MIM + model['Config'] in files


def test_modules_and_their_data(files):
    for path in (ROOT / 'spinepose_mmpose').rglob('*'):
        if path.is_file() and not {'.mim', '__pycache__'} & set(path.parts):
            assert path.relative_to(ROOT).as_posix() in files
    tops = {name.split('/')[0] for name in files}
    assert tops == {
        'spinepose_mmpose',
        f'spinepose_mmpose-{spinepose_mmpose.__version__}.dist-info',
    }
    assert not [n for n in files if n.endswith('.pyc') or 'tests/' in n]


def test_installed_it_finds_its_configs(files, tmp_path):
    """From the unpacked wheel, away from the tree."""
    for name, content in files.items():
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    code = (
        'from spinepose_mmpose.utils import config_file; '
        'print(config_file("configs/spinepose-m.py"))'
    )
    result = subprocess.run(
        [sys.executable, '-c', code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=dict(PYTHONPATH=str(tmp_path)),
    )
    assert result.returncode == 0, result.stderr
    assert Path(result.stdout.strip()) == (
        tmp_path / MIM / 'configs' / 'spinepose-m.py'
    )
