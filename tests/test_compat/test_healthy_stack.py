"""On a stack where nothing is broken no shim acts."""

import inspect
import sys
from pathlib import Path
from types import ModuleType

from spinepose_mmpose import compat
from spinepose_mmpose.compat import (
    albumentations_dropout,
    inferencer_boxes,
    mmcv_22_refused,
    mmcv_ext,
    numpy24_circles,
    onnx_dynamo,
    torchvision_missing,
    xtcocotools_numpy2,
)

import pytest


@pytest.fixture
def put(monkeypatch):
    """Put empty modules in place of those of these names."""

    def put_modules(*names, **members):
        for name in names:
            module = ModuleType(name)
            module.__path__ = []
            module.__dict__.update(members)
            monkeypatch.setitem(sys.modules, name, module)

    return put_modules


def test_every_shim_is_listed_once():
    files = {
        path.stem
        for path in Path(compat.__file__).parent.glob('*.py')
        if '\nREMOVE_WHEN = ' in path.read_text()
    }
    assert sorted(shim.name for shim in compat.SHIMS) == sorted(files)
    for shim in compat.SHIMS:
        assert inspect.getmodule(shim.probe).__name__.endswith(shim.name)
        assert shim.problem and shim.versions and shim.remove_when


def test_torchvision(put, monkeypatch):
    for name in [n for n in sys.modules if n.startswith('torchvision')]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, 'torchvision', None)  # not installed
    assert torchvision_missing.probe().startswith('ModuleNotFoundError')
    put('torchvision', 'torchvision.transforms')
    assert torchvision_missing.probe() is None


def test_xtcocotools(put, monkeypatch):
    put('xtcocotools', 'xtcocotools.coco')
    monkeypatch.setitem(sys.modules, 'xtcocotools.mask', None)
    assert xtcocotools_numpy2.probe() is not None
    put('xtcocotools.mask')
    assert xtcocotools_numpy2.probe() is None


def test_mmcv_with_operators(put, monkeypatch):
    monkeypatch.delitem(sys.modules, 'mmcv._ext', raising=False)
    assert 'mmcv._ext' in mmcv_ext.probe()
    put('mmcv._ext')
    assert mmcv_ext.probe() is None


@pytest.mark.parametrize(
    'mmcv_version, mmdet_version, refused',
    [
        ('2.1.0', '3.3.0', False),
        ('2.2.0', '3.3.0', True),
        ('2.2.0', '3.4.0', False),
    ],
)
def test_mmcv_version(mmcv_version, mmdet_version, refused, monkeypatch):
    from importlib import metadata

    import mmcv

    monkeypatch.setattr(mmcv, '__version__', mmcv_version)
    monkeypatch.setattr(metadata, 'version', lambda name: mmdet_version)
    assert (mmcv_22_refused.probe() is not None) == refused


def test_albumentations(monkeypatch):
    import albumentations

    class Old:
        def __init__(self, max_holes=8, max_height=8, max_width=8):
            pass

    class New:
        def __init__(self, num_holes_range=(1, 2)):
            pass

    monkeypatch.setattr(albumentations, 'CoarseDropout', Old)
    assert albumentations_dropout.probe() is None
    monkeypatch.setattr(albumentations, 'CoarseDropout', New)
    assert albumentations_dropout.probe() is not None


def test_radius(monkeypatch):
    import numpy as np

    class Old(int):
        """An array of numpy < 2.4 in this respect."""

        def __new__(cls, values):
            return super().__new__(cls, values[0])

    monkeypatch.setattr(np, 'array', Old)
    assert numpy24_circles.probe() is None


def test_inferencer(monkeypatch):
    import mmpose.apis.inferencers.pose2d_inferencer as module

    def keeps(self, input, index, bboxes=()):
        return bboxes

    def overwrites(self, input, index, bboxes=()):
        bboxes = []
        return bboxes

    cls = module.Pose2DInferencer
    monkeypatch.setattr(cls, 'preprocess_single', keeps)
    assert inferencer_boxes.probe() is None
    monkeypatch.setattr(cls, 'preprocess_single', overwrites)
    assert inferencer_boxes.probe() is not None


def test_onnx_exporter(monkeypatch):
    import torch

    def script(model, args, f):
        pass

    def torchscript_by_default(model, args, f, dynamo=False):
        pass

    def dynamo_by_default(model, args, f, dynamo=True):
        pass

    for export, broken in (
        (script, False),
        (torchscript_by_default, False),
        (dynamo_by_default, True),
    ):
        monkeypatch.setattr(torch.onnx, 'export', export)
        assert (onnx_dynamo.probe() is not None) == broken


def test_new_names_of_dropout_pass_unchanged():
    new = dict(type='CoarseDropout', num_holes_range=(1, 3), fill=0, p=0.5)
    assert albumentations_dropout.renamed(new) == new
    assert albumentations_dropout.renamed(
        dict(
            max_holes=1,
            max_height=0.4,
            min_height=0.2,
            max_width=4,
            fill_value=7,
        )
    ) == dict(
        num_holes_range=(1, 1),
        hole_height_range=(0.2, 0.4),
        hole_width_range=(4, 4),
        fill=7,
    )
