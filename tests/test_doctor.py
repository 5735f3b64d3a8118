"""The doctor's report, here and on broken stacks."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import spinepose_mmpose
from spinepose_mmpose import compat, doctor

import pytest


def test_this_stack_works(capsys):
    assert doctor.report() == 0
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
    assert doctor.report() == 1
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
    assert doctor.report() == 0
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


def test_two_packages_of_a_kind(monkeypatch):
    installed = {'opencv-python', 'opencv-python-headless', 'onnxruntime-gpu'}

    def version(name):
        if name not in installed:
            raise doctor.metadata.PackageNotFoundError(name)
        return '1'

    monkeypatch.setattr(doctor.metadata, 'version', version)
    (line,) = doctor.doubles()
    assert line.startswith('opencv-python and opencv-python-headless replace')
    installed.add('onnxruntime')
    assert 'uninstall -y onnxruntime onnxruntime-gpu' in doctor.doubles()[1]


def test_a_gpu_that_is_not_used(monkeypatch):
    cuda = SimpleNamespace(is_available=lambda: False)
    torch = SimpleNamespace(cuda=cuda, __version__='2.13.0+cpu')
    providers = ['CPUExecutionProvider']
    ort = SimpleNamespace(get_available_providers=lambda: providers)
    monkeypatch.setitem(sys.modules, 'torch', torch)
    monkeypatch.setitem(sys.modules, 'onnxruntime', ort)
    monkeypatch.setattr(doctor, 'count_gpus', lambda: 0)
    assert doctor.unused_gpu() == []
    monkeypatch.setattr(doctor, 'count_gpus', lambda: 2)
    first, second = doctor.unused_gpu()
    assert '2 NVIDIA GPUs, but torch 2.13.0+cpu does not use' in first
    assert 'pip install onnxruntime-gpu' in second
    cuda.is_available = lambda: True
    providers.append('CUDAExecutionProvider')
    assert doctor.unused_gpu() == []


def test_the_driver_is_asked(monkeypatch):
    """Two calls of NVIDIA's driver API; an error is no GPU."""

    def count(reference):
        reference._obj.value = 3
        return 0

    driver = SimpleNamespace(cuInit=lambda flags: 0, cuDeviceGetCount=count)
    monkeypatch.setattr(doctor.ctypes, 'CDLL', lambda name: driver)
    assert doctor.count_gpus() == 3
    driver.cuInit = lambda flags: 100  # CUDA_ERROR_NO_DEVICE
    assert doctor.count_gpus() == 0

    def missing(name):
        raise OSError(name)

    monkeypatch.setattr(doctor.ctypes, 'CDLL', missing)
    assert doctor.count_gpus() == 0


def test_autoload_knows_every_package_that_is_fixed():
    # Matplotlib is imported by many, and fixed for MMPose alone.
    fixed = {
        name.partition('.')[0]
        for shim in compat.SHIMS
        for name in (shim.after, *shim.before)
        if name
    }
    assert fixed - {'matplotlib'} == set(doctor.AUTOLOADED)


def test_autoload(tmp_path, monkeypatch):
    """A Python whose site-packages hold the file finds the shims when MMPose
    is imported, not before, and none after --no-autoload."""
    root = Path(doctor.__file__).parents[1]
    path = tmp_path / doctor.AUTOLOAD
    monkeypatch.setattr(doctor, 'autoload_path', lambda: path)
    code = (
        f'import site; site.addsitedir({str(tmp_path)!r}); import sys, json; '
        'print("spinepose_mmpose" in sys.modules); import mmpose.datasets; '
        'print("spinepose_mmpose" in sys.modules)'
    )

    def python():
        return subprocess.run(
            [sys.executable, '-c', code],
            capture_output=True,
            text=True,
            env=dict(os.environ, PYTHONPATH=str(root)),
        )

    def switch(option):
        monkeypatch.setattr(sys, 'argv', ['doctor', option])
        assert doctor.main() == 0

    switch('--autoload')
    assert path.read_text().count('\n') == 1  # one line of a .pth file
    found = python()
    assert found.returncode == 0, found.stderr
    assert found.stdout == 'False\nTrue\n'
    switch('--no-autoload')
    assert not path.exists() and "No module named 'xtc" in python().stderr
    switch('--no-autoload')


def test_autoload_in_a_folder_that_cannot_be_written(monkeypatch, tmp_path):
    path = tmp_path / 'no' / doctor.AUTOLOAD
    monkeypatch.setattr(doctor, 'autoload_path', lambda: path)
    monkeypatch.setattr(sys, 'argv', ['doctor', '--autoload'])
    with pytest.raises(SystemExit, match='^error: No such file'):
        doctor.main()
