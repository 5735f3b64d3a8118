"""Graphs against TensorRT's documentation: one fault each."""

import runpy
import sys
from pathlib import Path

import spinepose_mmpose  # noqa: F401

import numpy as np
import pytest

onnx = pytest.importorskip('onnx')

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from spinepose_mmpose.deploy.tensorrt_check import (  # noqa: E402
    SUPPORT,
    check_model,
    check_profile,
    configured_profile,
)

helper, kinds = onnx.helper, onnx.TensorProto
ROOT = HERE.parents[1]
CONFIG = 'configs/deploy/pose-detection_simcc_tensorrt_dynamic-256x192.py'


def graph(*nodes, weights=(), opset=17, shape=('batch', 4), kind=kinds.FLOAT):
    """x -> ... -> y."""
    return helper.make_model(
        helper.make_graph(
            list(nodes),
            'net',
            [helper.make_tensor_value_info('x', kind, shape)],
            [helper.make_tensor_value_info('y', kind, None)],
            [onnx.numpy_helper.from_array(x, name) for name, x in weights],
        ),
        opset_imports=[helper.make_opsetid('', opset)],
    )


def node(kind, inputs='x', outputs='y', **attributes):
    return helper.make_node(
        kind, inputs.split(), outputs.split(), name='n', **attributes
    )


def int64(*values):
    return np.array(values, np.int64)


FAULTS = {
    'clean': (graph(node('Relu')), '10', None),
    'opset': (graph(node('Relu'), opset=18), '8.6', 'opset 18: TensorRT 8.6'),
    'opset 21': (graph(node('Relu'), opset=21), '10', 'reads 9 to 20'),
    'later opset': (graph(node('Relu'), opset=21), '10.15', None),
    'operator': (graph(node('Det')), '11', "Det 'n': not supported"),
    'newer': (
        graph(node('RMSNormalization', 'x w'), opset=23),
        '10.15',
        None,
    ),
    'plugin': (
        graph(node('Thing', domain='mmdeploy')),
        '10',
        "domain 'mmdeploy', which needs a plugin",
    ),
    'type': (
        graph(node('Sqrt'), kind=kinds.DOUBLE),
        '10',
        "Sqrt 'n': DOUBLE, supported are BFLOAT16, FLOAT, FLOAT16",
    ),
    'int64': (graph(node('Add', 'x x'), kind=kinds.INT64), '8.6', None),
    'bfloat': (graph(node('Sqrt'), kind=kinds.BFLOAT16), '8.6', 'BFLOAT16'),
    'axes': (
        graph(node('ReduceMax', 'x a'), opset=20, weights=()),
        '10',
        "its axes 'a' are not constant",
    ),
    'constant axes': (
        graph(node('ReduceMax', 'x a'), opset=20, weights=[('a', int64(1))]),
        '10',
        None,
    ),
    'long weight': (
        graph(
            node('Add', 'x w'), kind=kinds.INT64, weights=[('w', int64(2**40))]
        ),
        '8.6',
        "weight 'w': INT64 values beyond 32 bits",
    ),
    'open end': (
        graph(
            node('Slice', 'x s e s'),
            weights=[('s', int64(0)), ('e', int64(2**63 - 1))],
        ),
        '8.6',
        None,
    ),
    'double weight': (
        graph(node('Relu'), weights=[('w', np.ones(2))]),
        '10',
        "weight 'w': DOUBLE is not a type",
    ),
    'zero point': (
        graph(
            node('QuantizeLinear', 'x s z'),
            weights=[('s', np.float32(1)), ('z', np.int8(3))],
        ),
        '10',
        'its zero point is not 0',
    ),
    'zero': (
        graph(
            node('QuantizeLinear', 'x s z'),
            weights=[('s', np.float32(1)), ('z', np.int8(0))],
        ),
        '10',
        None,
    ),
    'dilations': (
        graph(
            node('MaxPool', kernel_shape=[2, 2], dilations=[1, 2]),
            shape=(1, 1, 8, 8),
        ),
        '10',
        'dilations [1, 2], supported is 1',
    ),
    'indices': (
        graph(
            node('MaxPool', 'x', 'y i', kernel_shape=[2, 2]),
            shape=(1, 1, 8, 8),
        ),
        '10',
        'output of indices',
    ),
}


@pytest.mark.parametrize('name', FAULTS)
def test_faults(name):
    model, version, message = FAULTS[name]
    found = check_model(model, SUPPORT[version])
    if message is None:
        assert found == []
    else:
        assert len(found) == 1 and message in found[0]


def test_the_table():
    """By hand from the lists: counts, and single entries."""
    assert list(SUPPORT) == ['8.6', '10', '10.15', '11']
    assert len(SUPPORT['8.6'].operators) == 145
    assert len(SUPPORT['10'].operators) == 149
    assert SUPPORT['8.6'].operators['MatMul'] == {'FLOAT', 'FLOAT16'}
    assert SUPPORT['10'].operators['ReduceL2'] >= {'BFLOAT16', 'INT64'}
    assert 'Gelu' not in SUPPORT['8.6'].operators
    assert 'Det' not in SUPPORT['11'].operators
    assert SUPPORT['11'].operators['DequantizeLinear'] == {'INT8'}


@pytest.mark.parametrize(
    'shapes, message',
    [
        (([1, 4], [8, 4], [32, 4]), None),
        (([1, 4], [8, 4], [4, 4]), 'sizes 1, 8, 4 along axis 0'),
        (([0, 4], [8, 4], [32, 4]), 'should be positive'),
        (([1, 5], [8, 5], [32, 5]), 'which the graph fixes at 4'),
        (([1, 4, 1], [8, 4], [32, 4]), 'three shapes of 2 sizes'),
    ],
)
def test_profiles(shapes, message):
    found = check_profile(graph(node('Relu')), dict(x=shapes))
    assert len(found) == (message is not None)
    assert message is None or message in found[0]


def test_profiles_and_inputs():
    model = graph(node('Relu'))
    missing = check_profile(model, dict(z=([1], [1], [1])))
    assert "no input 'z'" in missing[0]
    assert "none for the dynamic input 'x'" in missing[1]
    fixed = graph(node('Relu'), shape=(2, 4))
    assert check_profile(fixed, {}) == []


@pytest.mark.parametrize('version', SUPPORT)
def test_an_exported_network_has_no_problem(version, tmp_path_factory):
    """Stock export with a batch of any size; and the profile of the config,
    read back from the file."""
    pytest.importorskip('onnxruntime')
    from onnx_models import export, random_network

    path = tmp_path_factory.getbasetemp() / 'tensorrt_check.onnx'
    if not path.exists():
        axes = {name: {0: 'batch'} for name in ('input', 'simcc_x', 'simcc_y')}
        export(random_network(), path, dynamic_axes=axes)
    model = onnx.load(path)
    assert check_model(model, SUPPORT[version]) == []
    profile = configured_profile(str(ROOT / CONFIG))
    assert profile['input'][0] == [1, 3, 256, 192]
    assert profile['input'][2] == [32, 3, 256, 192]
    assert check_profile(model, profile) == []
    larger = CONFIG.replace('256x192', '384x288')
    found = check_profile(model, configured_profile(str(ROOT / larger)))
    assert len(found) == 2 and 'which the graph fixes at 256' in found[0]


@pytest.fixture
def command(monkeypatch, capsys):
    def call(*arguments):
        name = 'spinepose_mmpose.deploy.tensorrt_check'
        monkeypatch.setattr(sys, 'argv', [name, *map(str, arguments)])
        monkeypatch.delitem(sys.modules, name, raising=False)
        with pytest.raises(SystemExit) as end:
            runpy.run_module(name, run_name='__main__')
        return end.value.code, capsys.readouterr().out

    return call


def test_command(command, tmp_path):
    path = tmp_path / 'x.onnx'
    onnx.save(graph(node('Relu')), path)
    code, text = command(path)
    assert code == 0 and text.startswith('0 problems with TensorRT 10: 1 nodes')
    assert 'of 1 operators' in text and 'not run' in text
    onnx.save(graph(node('Det')), path)
    code, text = command(path, '--version', '8.6')
    assert code == 1 and text.splitlines()[0].startswith(
        "Det 'n': not supported"
    )
    path.write_text('text')
    code, _ = command(path)
    assert 'is not an ONNX file' in code
    code, _ = command(tmp_path / 'no.onnx')
    assert code.startswith('error: ') and 'no.onnx' in code
    onnx.save(graph(node('Relu')), path)
    code, _ = command(path, '--deploy-config', ROOT / 'configs/spinepose-t.py')
    assert 'has no backend_config.model_inputs[0].input_shapes' in code
