"""Every name of TensorRT that mmdeploy and the shims use exists in the
version, or a shim or a condition in mmdeploy keeps it from being used.

tensorrt_names.json: from the bindings of each version, by
write_tensorrt_names.py. tests/test_compat/test_tensorrt_10.py goes on from
here with fakes that have these names.
"""

import ast
import json
from importlib.util import find_spec
from pathlib import Path

from spinepose_mmpose import compat

import pytest

HERE = Path(__file__).parent
VERSIONS = ('8.6.1', '10.0.1', '10.16.1.11', '11.0.0.114', '11.4.0.106')
MODERN = VERSIONS[1:]
# What these variables hold in the files below.
OBJECTS = dict(
    builder='Builder',
    config='IBuilderConfig',
    context='IExecutionContext',
    engine='ICudaEngine',
    network='INetworkDefinition',
    parser='OnnxParser',
    runtime='Runtime',
)
# (owner, name) -> what keeps it from being used where it is missing: a shim,
# or a condition on the version in mmdeploy.
GUARDED = {
    ('Builder', 'build_engine'): 'hasattr',
    ('Builder', 'fp16_mode'): 'version < 8',
    ('Builder', 'int8_calibrator'): 'version < 8',
    ('Builder', 'int8_mode'): 'version < 8',
    ('Builder', 'max_workspace_size'): 'version < 8',
    ('IBuilderConfig', 'max_workspace_size'): 'hasattr',
    ('ICudaEngine', 'binding_is_input'): 'tensorrt_10',
    ('ICudaEngine', 'get_binding_dtype'): 'tensorrt_10',
    ('ICudaEngine', 'get_binding_index'): 'tensorrt_10',
    ('ICudaEngine', 'get_location'): 'tensorrt_10',
    ('ICudaEngine', 'get_profile_shape'): 'tensorrt_10',
    ('IExecutionContext', 'execute_async_v2'): 'tensorrt_10',
    ('IExecutionContext', 'get_binding_shape'): 'tensorrt_10',
    ('IExecutionContext', 'set_binding_shape'): 'tensorrt_10',
    ('BuilderFlag', 'FP16'): 'tensorrt_11',
    ('BuilderFlag', 'INT8'): 'tensorrt_11',
    ('', 'CalibrationAlgoType'): 'tensorrt_11',
    ('', 'IInt8Calibrator'): 'tensorrt_11',
    ('CalibrationAlgoType', 'ENTROPY_CALIBRATION_2'): 'tensorrt_11',
    ('IBuilderConfig', 'int8_calibrator'): 'tensorrt_11',
    ('NetworkDefinitionCreationFlag', 'EXPLICIT_BATCH'): 'tensorrt_11',
    ('TacticSource', 'CUBLAS_LT'): 'CUDA < 11',
}
# What 8.6 lacks as well: for TensorRT 7.
NOT_IN_8 = {
    ('Builder', 'fp16_mode'),
    ('Builder', 'int8_calibrator'),
    ('Builder', 'int8_mode'),
    ('Builder', 'max_workspace_size'),
}


@pytest.fixture(scope='module')
def known():
    """version -> (owner, name) that it has."""
    table = json.loads((HERE / 'tensorrt_names.json').read_text('utf-8'))
    found = {version: set() for version in VERSIONS}
    for owner, groups in table.items():
        for versions, names in groups.items():
            for version in versions.split():
                found[version] |= {(owner, name) for name in names.split()}
    return found


def used(path):
    """(owner, name) of TensorRT that a file touches; '' owns the module."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text('utf-8'))):
        if not isinstance(node, ast.Attribute):
            continue
        value = node.value
        if isinstance(value, ast.Name) and value.id == 'trt':
            found.add(('', node.attr))
        elif isinstance(value, ast.Attribute) and is_module(value.value):
            found.add((value.attr, node.attr))
        elif isinstance(value, ast.Name) and value.id in OBJECTS:
            found.add((OBJECTS[value.id], node.attr))
        elif isinstance(value, ast.Attribute) and value.attr in OBJECTS:
            found.add((OBJECTS[value.attr], node.attr))
    return {(owner, name) for owner, name in found if not name.startswith('__')}


def is_module(node):
    return isinstance(node, ast.Name) and node.id == 'trt'


def shim_uses():
    folder = Path(compat.__file__).parent
    return set().union(*map(used, sorted(folder.glob('tensorrt_*.py'))))


def mmdeploy_uses():
    spec = find_spec('mmdeploy')
    if spec is None:
        pytest.skip('mmdeploy is not installed')
    folder = Path(spec.origin).parent / 'backend' / 'tensorrt'
    return set().union(*map(used, sorted(folder.glob('*.py'))))


def test_the_scan_sees_attributes(tmp_path):
    path = tmp_path / 'x.py'
    path.write_text(
        'import tensorrt as trt\n'
        'trt.Logger.ERROR\n'
        'self.engine.get_binding_index("x")\n'
        'def f(builder): builder.create_network(1)\n'
        'other.thing\n'
    )
    assert used(path) == {
        ('', 'Logger'),
        ('Logger', 'ERROR'),
        ('ICudaEngine', 'get_binding_index'),
        ('Builder', 'create_network'),
    }


def test_mmdeploy_is_scanned():
    uses = mmdeploy_uses()
    assert len(uses) > 40
    assert ('IExecutionContext', 'execute_async_v2') in uses
    assert ('OnnxParser', 'parse_from_file') in uses


@pytest.mark.parametrize('version', VERSIONS)
def test_what_mmdeploy_uses_exists_or_is_guarded(version, known):
    missing = mmdeploy_uses() - known[version]
    assert missing <= set(GUARDED), sorted(missing - set(GUARDED))
    if version == '8.6.1':
        assert missing <= NOT_IN_8
    shims = {GUARDED[use] for use in missing if 'tensorrt' in GUARDED[use]}
    major = int(version.split('.')[0])
    wanted = {8: set(), 10: {'tensorrt_10'}}
    assert shims == wanted.get(major, {'tensorrt_10', 'tensorrt_11'})


def test_the_guards_are_shims_that_exist():
    names = {shim.name for shim in compat.SHIMS}
    named = {guard for guard in GUARDED.values() if guard.startswith('tensorr')}
    assert named and named <= names


def test_no_guard_without_need(known):
    """A name is listed because it is used and one version lacks it."""
    uses = mmdeploy_uses()
    assert set(GUARDED) <= uses
    everywhere = set.intersection(*known.values())
    assert not set(GUARDED) & everywhere


@pytest.mark.parametrize('version', MODERN)
def test_what_the_shims_use_exists(version, known):
    """tensorrt_10 needs all of it; tensorrt_11 probes for FP16 before."""
    missing = shim_uses() - known[version]
    allowed = {('ICudaEngine', 'get_binding_index'), ('BuilderFlag', 'FP16')}
    assert missing <= allowed, sorted(missing - allowed)
    needed = {
        ('ICudaEngine', 'get_tensor_name'),
        ('ICudaEngine', 'num_io_tensors'),
        ('IExecutionContext', 'execute_async_v3'),
        ('IExecutionContext', 'set_tensor_address'),
        ('IExecutionContext', 'set_input_shape'),
    }
    assert needed <= known[version] and needed <= shim_uses()
