"""The doctor's report, here and on broken stacks."""

import re

import spinepose_mmpose
from spinepose_mmpose import compat, doctor

import pytest


def test_this_stack_works(capsys):
    assert doctor.main() == 0
    out = capsys.readouterr().out
    assert f'spinepose-mmpose {spinepose_mmpose.__version__}, Python' in out
    import mmpose
    import torch

    assert re.search(rf'^  torch +{re.escape(torch.__version__)}$', out, re.M)
    assert re.search(rf'^  mmpose +{re.escape(mmpose.__version__)}$', out, re.M)
    assert re.search(r'^  GPU +\S', out, re.M)
    for shim in compat.SHIMS:
        line = re.search(rf'^  {shim.name} +(.+)$', out, re.M).group(1)
        if shim.name in compat.active:
            assert line == f'active: {compat.active[shim.name]}'
            assert f'why: {shim.problem}' in out
            assert f'until: {shim.remove_when}' in out
        else:
            assert line.startswith('not ')
    assert compat.active  # mmcv-lite at least
    for feature in doctor.FEATURES:
        assert re.search(rf'^  {re.escape(feature.name)} +(ok|no: )', out, re.M)
        if feature.main:
            assert re.search(rf'^  {re.escape(feature.name)} +ok$', out, re.M)
    assert out.rstrip().endswith('The main job can run.')


def without(monkeypatch, *modules):
    monkeypatch.setattr(
        doctor,
        'import_failure',
        lambda module: (
            f"ModuleNotFoundError: No module named '{module}'"
            if module in modules
            else None
        ),
    )


@pytest.mark.parametrize(
    'module, cure',
    [
        ('torch', 'cure: pip install torch\n'),
        ('mmpose', 'mmpose==1.3.2'),
        ('mmpose.apis', 'mmpose==1.3.2'),
        ('mmcv', 'mmcv-lite==2.1.0'),
        ('pycocotools', 'spinepose-mmpose[train]'),
        ('albumentations', 'spinepose-mmpose[train]'),
    ],
)
def test_a_main_module_fails(module, cure, monkeypatch, capsys):
    without(monkeypatch, module)
    assert doctor.main() == 1
    out = capsys.readouterr().out
    assert (
        f"no: {module} (ModuleNotFoundError: No module named '{module}')" in out
    )
    assert cure in out[out.index(f'no: {module} ') :]
    assert 'The main job cannot run: ' in out
    broken = out[out.index('The main job cannot run: ') :]
    for feature in doctor.FEATURES:
        expected = feature.main and module in feature.modules
        assert (feature.name in broken) == expected


@pytest.mark.parametrize(
    'module, cure',
    [
        ('onnxruntime', 'pip install onnxruntime'),
        ('openvino', 'pip install openvino'),
        ('ncnn', 'pip install ncnn'),
        ('tensorrt', 'pip install tensorrt'),
        ('mmdeploy.apis', 'pip install --no-deps mmdeploy==1.3.1'),
    ],
)
def test_an_extra_is_missing(module, cure, monkeypatch, capsys):
    without(monkeypatch, module)
    assert doctor.main() == 0
    out = capsys.readouterr().out
    assert f'no: {module} ' in out
    assert cure in out[out.index(f'no: {module} ') :]
    assert 'The main job can run.' in out


def test_every_module_has_a_cure():
    for feature in doctor.FEATURES:
        for module in feature.modules:
            assert 'pip install' in doctor._cure(module)


def test_import_failure(tmp_path, monkeypatch):
    """Broken binaries raise all kinds; the first line is enough."""
    monkeypatch.syspath_prepend(tmp_path)
    for name, code in dict(
        fine='x = 1',
        loud='raise RuntimeError("operator torchvision::nms does not '
        'exist\\nsecond line")',
        silent='raise ValueError',
        base='class Odd(BaseException): pass\nraise Odd("x")',
    ).items():
        (tmp_path / f'doctored_{name}.py').write_text(code)
    assert doctor.import_failure('doctored_fine') is None
    assert doctor.import_failure('doctored_loud') == (
        'RuntimeError: operator torchvision::nms does not exist'
    )
    assert doctor.import_failure('doctored_silent') == 'ValueError: '
    assert doctor.import_failure('doctored_base') == 'Odd: x'
    assert doctor.import_failure('no_such_module_here') == (
        "ModuleNotFoundError: No module named 'no_such_module_here'"
    )
    (tmp_path / 'doctored_stop.py').write_text('raise KeyboardInterrupt')
    with pytest.raises(KeyboardInterrupt):
        doctor.import_failure('doctored_stop')


def test_shims_of_what_is_not_loaded(monkeypatch):
    monkeypatch.setattr(compat, 'active', {})
    monkeypatch.setattr(compat, 'probed', {})
    for shim, line in zip(compat.SHIMS, doctor.shim_lines()):
        assert line.split() == (
            f'{shim.name} not checked: {shim.waits_for} is not imported'.split()
        )
    monkeypatch.setattr(compat, 'probed', {s.name: s for s in compat.SHIMS})
    assert all(line.endswith('not needed') for line in doctor.shim_lines())
