"""mmdeploy on TensorRT 8, 10 and 11: fakes with the real names and arguments
(tensorrt_api.py), whose engines compute with ONNX Runtime."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('mmdeploy')
pytest.importorskip('onnxruntime')

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))
import tensorrt_api  # noqa: E402
import tensorrt_cases  # noqa: E402

BROKEN_LIBRARY = str(HERE / 'tensorrt_api.py')  # loads as no library
WRONG = (
    'name',
    'order',
    'input',
    'batch',
    'strided',
    'set_input_shape',
    'set_tensor_address',
    'execute_async_v3',
)
CASES = {
    '8': dict(version=8),
    '8 modes': dict(version=8, fp16=True, int8=True),
    '10 bare': dict(version=10, skip=['tensorrt_10']),
    '10': dict(version=10, wrong=WRONG),
    '10 modes': dict(version=10, fp16=True, int8=True, ops=BROKEN_LIBRARY),
    '10 ops bare': dict(version=10, ops=BROKEN_LIBRARY, skip=['tensorrt_10']),
    '11 bare': dict(version=11, skip=['tensorrt_11']),
    '11': dict(version=11),
    '11 fp16': dict(version=11, fp16=True),
    '11 int8': dict(version=11, int8=True),
    '11 quantized': dict(version=11, fp16=True, int8=True, quantized=True),
    'gpu': dict(version=10, location='DEVICE'),
}


@pytest.fixture(scope='module')
def outcomes():
    result = subprocess.run(
        [
            sys.executable,
            str(HERE / 'tensorrt_cases.py'),
            json.dumps(list(CASES.values())),
        ],
        capture_output=True,
        text=True,
        env=dict(os.environ, PYTHONPATH=str(ROOT)),
    )
    assert result.returncode == 0, result.stderr
    named = dict(zip(CASES, json.loads(result.stdout)))
    return {**named, **{wrong: named['10'][wrong] for wrong in WRONG}}


def expected():
    """scores and best, by hand (see ``tensorrt_cases.graph``)."""
    given = tensorrt_cases.inputs()
    pooled = given['image'].numpy().mean((2, 3))
    scores = pooled @ tensorrt_cases.WEIGHT
    best = scores.argmax(1)[:, None] + given['offset'].numpy()
    assert [3, 1, 0] == (best - given['offset'].numpy())[:, 0].tolist()
    return scores, best


def assert_right(outcome, names=('best', 'scores'), atol=0.0):
    assert outcome['error'] is None
    outputs = {name: rest for name, *rest in outcome['outputs']}
    assert tuple(outputs) == names
    scores, best = expected()
    assert outputs['scores'][0] == 'torch.float32'
    np.testing.assert_allclose(outputs['scores'][1], scores, rtol=0, atol=atol)
    # Beyond 32 bits: mmdeploy would have cast the offset, and TensorRT read
    # past its end.
    assert outputs['best'] == ['torch.int64', best.tolist()]
    assert outcome['ran'] == [
        tensorrt_cases.STREAM,
        dict(image=[3, 3, 4, 2], offset=[3, 1]),
    ]


def assert_built(outcome, flags=(), calibrated=False, weight='FLOAT'):
    assert outcome['create_network'] == [1]  # EXPLICIT_BATCH
    built = outcome['built']
    assert built['workspace'] == dict(WORKSPACE=1 << 20)
    assert built['profiles'] == [
        {
            name: [
                shapes['min_shape'],
                shapes['opt_shape'],
                shapes['max_shape'],
            ]
            for name, shapes in tensorrt_cases.SHAPES.items()
        }
    ]
    assert (built['flags'], built['calibrated']) == (list(flags), calibrated)
    assert built['weight'] == [weight]
    assert built['io'] == ['FLOAT', 'INT64', 'FLOAT', 'INT64']


def test_tensorrt_8_is_left_alone(outcomes):
    outcome = outcomes['8']
    assert outcome['active'] == []
    assert_built(outcome)
    outputs = {name: rest for name, *rest in outcome['outputs']}
    scores, best = expected()
    assert outputs['scores'] == ['torch.float32', scores.tolist()]
    assert outputs['best'] == ['torch.int32', (best - 2**33).tolist()]
    assert outcomes['8 modes']['active'] == []
    assert_built(outcomes['8 modes'], ['FP16', 'INT8'], True)


def test_tensorrt_10_cannot_run_without_the_shim(outcomes):
    outcome = outcomes['10 bare']
    assert outcome['active'] == []
    assert "no attribute 'binding_is_input'" in outcome['error']
    assert_built(outcome)  # it builds all the same


def test_tensorrt_10(outcomes):
    assert outcomes['10']['active'] == ['tensorrt_10']
    assert_built(outcomes['10'])
    assert_right(outcomes['10'])
    assert_built(outcomes['10 modes'], ['FP16', 'INT8'], True)


def test_tensorrt_11_cannot_build_without_the_shim(outcomes):
    assert outcomes['11 bare']['error'] == 'AttributeError: EXPLICIT_BATCH'


def test_tensorrt_11(outcomes):
    assert outcomes['11']['active'] == ['tensorrt_10', 'tensorrt_11']
    assert_built(outcomes['11'])
    assert_right(outcomes['11'])


def test_tensorrt_11_takes_the_precision_from_the_graph(outcomes):
    assert_built(outcomes['11 fp16'], weight='FLOAT16')
    assert_right(outcomes['11 fp16'], atol=1 / 32)  # FP16's step at 62
    assert_built(outcomes['11 quantized'])
    assert_right(outcomes['11 quantized'], atol=0.5)  # steps of 1/4, weights 3
    assert outcomes['11 int8']['error'].startswith(
        'ValueError: int8_mode on TensorRT 11 needs a quantised ONNX file'
    )


def test_a_library_of_operators_that_does_not_load(outcomes):
    bare = outcomes['10 ops bare']
    assert bare['error'].startswith('OSError')
    assert bare['active'] == []
    assert outcomes['10 modes']['active'] == ['tensorrt_10']
    assert_right(outcomes['10 modes'])


def test_outputs_of_the_engine_where_none_are_named(outcomes):
    assert_right(outcomes['order'], names=('scores', 'best'))


def test_inputs_of_other_type_and_layout(outcomes):
    assert_right(outcomes['strided'])


@pytest.mark.parametrize(
    'case, message',
    [
        (
            'gpu',
            'ValueError: input image is on cpu, the engine wants it on cuda',
        ),
        (
            'name',
            "ValueError: the engine has the outputs ['scores', 'best'], not "
            "['heatmap']",
        ),
        (
            'input',
            "ValueError: the engine has the inputs ['image', 'offset'], not "
            "['image']",
        ),
        (
            'batch',
            'ValueError: input image has the shape (9, 3, 4, 2), the engine '
            'takes (1, 3, 4, 2) to (8, 3, 4, 2)',
        ),
        (
            'set_input_shape',
            'RuntimeError: TensorRT refused shape (3, 3, 4, 2) of image',
        ),
        (
            'set_tensor_address',
            'RuntimeError: TensorRT refused the address of image',
        ),
        ('execute_async_v3', 'RuntimeError: TensorRT refused the run'),
    ],
)
def test_refusals(case, message, outcomes):
    assert outcomes[case]['error'] == message


def test_the_types_of_the_graph():
    from spinepose_mmpose.compat.tensorrt_11 import typed

    model = tensorrt_cases.graph()
    before = model.SerializeToString()
    half = typed(model, True, False)
    assert model.SerializeToString() == before != half.SerializeToString()
    assert typed(half, True, False) is half
    assert typed('no such file', False, False) == 'no such file'


def test_half_precision_names_what_it_needs(monkeypatch):
    from spinepose_mmpose.compat.tensorrt_11 import typed

    monkeypatch.setitem(sys.modules, 'onnxruntime.transformers.float16', None)
    with pytest.raises(ImportError, match='pip install onnxruntime'):
        typed(tensorrt_cases.graph(), True, False)


@pytest.mark.parametrize('version', [8, 10, 11])
def test_the_fake_has_the_listed_names_only(version):
    import fake_tensorrt

    trt = fake_tensorrt.make(version)
    assert hasattr(trt.ICudaEngine, 'get_binding_index') == (version == 8)
    config = trt.Builder(trt.Logger()).create_builder_config()
    assert hasattr(config, 'int8_calibrator') == (version < 11)
    if version > 8:
        with pytest.raises(AttributeError, match='max_workspace_size'):
            config.max_workspace_size = 1
    with pytest.raises(TypeError, match='name=0'):  # as in TensorRT 8's order
        trt.ICudaEngine().get_tensor_profile_shape(0, 'image')


def test_the_installed_tensorrt_is_as_listed():
    trt = pytest.importorskip('tensorrt')
    assert tensorrt_api.disagreements(trt) == []
