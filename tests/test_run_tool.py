"""Scripts and modules run with the plugin imported, as a user starts them."""

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from spinepose_mmpose import run

import pytest

ROOT = Path(__file__).parents[1]
TOOL = """
import sys
if __name__ == '__main__':
    if sys.argv[1:] == ['bad']:
        raise ValueError('a bad config')
    with open('seen', 'w') as f:
        f.write(repr(sys.argv[1:]))
"""


@pytest.fixture
def mmpose(tmp_path, monkeypatch):
    """An mmpose of one tool, installed or cloned."""
    package = ModuleType('mmpose')
    package.__path__ = [str(tmp_path / 'site' / 'mmpose')]
    monkeypatch.setitem(sys.modules, 'mmpose', package)
    monkeypatch.setattr(sys, 'path', list(sys.path))
    monkeypatch.chdir(tmp_path)
    return tmp_path / 'site'


@pytest.mark.parametrize('place', ['mmpose/.mim/tools', 'tools'])
def test_mmposes_tool(place, mmpose, monkeypatch, tmp_path):
    (mmpose / place).mkdir(parents=True)
    (mmpose / place / 'train.py').write_text(TOOL)
    (tmp_path / 'tools').mkdir()  # as in a clone of this package
    (tmp_path / 'tools' / 'train.py').write_text('raise SystemExit("ours")')
    monkeypatch.setattr(sys, 'argv', ['tools/train.py', 'a.py', '--amp'])
    run.run_mmpose_tool('train.py')
    assert (tmp_path / 'seen').read_text() == "['a.py', '--amp']"
    monkeypatch.setattr(sys, 'argv', ['tools/train.py', 'bad'])
    with pytest.raises(SystemExit, match='^error: a bad config '):
        run.run_mmpose_tool('train.py')


def test_mmpose_without_tools(mmpose):
    with pytest.raises(SystemExit) as stop:
        run.run_mmpose_tool('train.py')
    assert str(mmpose / 'mmpose') in stop.value.code
    assert 'pip install' in stop.value.code


def python(*arguments, cwd):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        env=dict(os.environ, PYTHONPATH=str(ROOT)),
    )


SCRIPT = """
import sys
import neighbour
import mmpose.datasets
print(__name__, sys.argv, 'spinepose_mmpose' in sys.modules)
"""


def test_a_script_and_a_module_of_the_user(tmp_path):
    """Arguments after the tool are its own, even -h; what lies beside a script
    is found; MMPose imports, which it does not without the plugin."""
    (tmp_path / 'dir').mkdir()
    (tmp_path / 'dir' / 'neighbour.py').write_text('')
    (tmp_path / 'dir' / 'script.py').write_text(SCRIPT)
    start = '-m', 'spinepose_mmpose.run'
    found = python(*start, 'dir/script.py', '-h', '--x', cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert found.stdout == ("__main__ ['dir/script.py', '-h', '--x'] True\n")
    found = python(*start, '-m', 'json.tool', '-h', cwd=tmp_path)
    assert found.returncode == 0 and '--sort-keys' in found.stdout
    found = python(*start, 'no.py', cwd=tmp_path)
    assert found.returncode == 1 and 'no.py is neither a file' in found.stderr


def test_a_stock_tool(monkeypatch, capsys):
    config = str(ROOT / 'configs/spinepose-s.py')
    tool = 'tools/analysis_tools/get_flops.py'
    monkeypatch.chdir(ROOT / 'tests')  # the path is one of MMPose's
    monkeypatch.setattr(sys, 'argv', ['run', tool, config])
    monkeypatch.setattr(sys, 'path', list(sys.path))
    run.main()
    assert 'Flops: 0.7' in capsys.readouterr().out
