"""``import spinepose_mmpose`` is light and needs nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

# What a client without PyTorch must not be made to import.
HEAVY = (
    'torch',
    'torchvision',
    'mmengine',
    'mmcv',
    'mmdet',
    'mmpose',
    'mmdeploy',
    'numpy',
    'cv2',
    'scipy',
    'matplotlib',
    'albumentations',
    'pycocotools',
    'xtcocotools',
    'onnxruntime',
    'pkg_resources',
)

# Names as not installed: the imports and the look-ups fail.
BLOCK = """
import importlib.util, sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {names!r}:
            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)
sys.meta_path.insert(0, Blocked())
"""


def run(*arguments):
    """The JSON that Python prints with these arguments."""
    result = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=dict(os.environ, PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_import_is_light():
    loaded = run(
        '-c',
        'import spinepose_mmpose, sys, json; '
        'print(json.dumps([m.split(".")[0] for m in sys.modules]))',
    )
    assert 'spinepose_mmpose' in loaded
    assert sorted(set(HEAVY) & set(loaded)) == []


def test_works_without_anything_installed():
    found = run(
        '-c',
        BLOCK.format(names=HEAVY) + 'import json, spinepose_mmpose\n'
        'from spinepose_mmpose.metainfo import METAINFO\n'
        'from spinepose_mmpose.zoo import find_model\n'
        'from spinepose_mmpose.compat import active, probed\n'
        'print(json.dumps([len(METAINFO["sigmas"]), '
        'find_model("spinepose-m").name, list(active), list(probed)]))',
    )
    assert found == [37, 'spinepose-m', [], []]


def test_absence_is_still_seen():
    """The hooks turn a missing package into nothing else."""
    assert run(
        '-c',
        BLOCK.format(names=('mmpose', 'torch'))
        + 'import json, spinepose_mmpose\n'
        'found = []\n'
        'for name in ("mmpose", "torch"):\n'
        '    try: __import__(name)\n'
        '    except ModuleNotFoundError as e: found.append(str(e))\n'
        'print(json.dumps(found))',
    ) == ["No module named 'mmpose'", "No module named 'torch'"]


def test_importing_it_late_is_as_good():
    assert run(str(ROOT / 'tests' / 'late_import.py')) == dict(
        registered=[True] * 4, dataset=37, combined=37, models=['spinepose-m']
    )
