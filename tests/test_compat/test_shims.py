"""Each upstream break is seen without its shim and gone with it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

# What fails without the shim of that name.
EXPECTED = {
    'mmcv_ext': "No module named 'mmcv._ext'",
    'mmcv_22_refused': 'MMCV==2.2.0 is used but incompatible',
    'torchvision_missing': 'operator torchvision::nms does not exist',
    'xtcocotools_numpy2': 'numpy.dtype size changed',
    'weights_only': 'Weights only load failed',
    'albumentations_dropout': '',  # other holes than asked for
    'numpy24_circles': 'TypeError: only 0-dimensional arrays',
    'inferencer_boxes': '[[[0.0, 0.0, 60.0, 40.0]]]',
    'inferencer_lifting': '`pose_lift_dataset` should be',
    'matplotlib_tostring': "no attribute 'tostring_rgb'",
    'onnx_dynamo': '',  # the dynamo exporter refuses mmdeploy's arguments
}
# Those that do not keep mmpose from being imported share one process.
HARMLESS = (
    'weights_only',
    'albumentations_dropout',
    'numpy24_circles',
    'inferencer_boxes',
    'inferencer_lifting',
    'matplotlib_tostring',
    'onnx_dynamo',
)


def attempt(cases, skipped=()):
    result = subprocess.run(
        [sys.executable, str(HERE / 'breaks.py'), *cases],
        capture_output=True,
        text=True,
        env=dict(
            os.environ,
            PYTHONPATH=str(ROOT),
            SPINEPOSE_SKIP_SHIMS=','.join(skipped),
        ),
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope='module')
def broken():
    outcome = attempt(HARMLESS, skipped=HARMLESS)
    for name in EXPECTED:
        if name not in HARMLESS:
            outcome.update(attempt([name], skipped=[name]))
    return outcome


@pytest.fixture(scope='module')
def mended():
    return attempt(EXPECTED)


@pytest.mark.parametrize('name', EXPECTED)
def test_fails_without_the_shim(name, broken):
    import albumentations
    import numpy as np

    if name == 'albumentations_dropout' and albumentations.__version__ < '2':
        pytest.skip('albumentations 1 knows the arguments')
    if (
        name == 'numpy24_circles'
        and np.lib.NumpyVersion(np.__version__) < '2.4.0'
    ):
        pytest.skip('this numpy still turns such arrays into numbers')
    assert broken[name] is not None, f'{name} breaks nothing: delete its shim'
    assert EXPECTED[name] in broken[name]


@pytest.mark.parametrize('name', EXPECTED)
def test_works_with_the_shim(name, mended):
    assert mended[name] is None
