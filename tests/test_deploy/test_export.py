"""What tools/deploy.py writes, against PyTorch and against what is promised."""

import json
import os
import runpy
import subprocess
import sys
from collections import Counter
from pathlib import Path

from spinepose_mmpose.deploy.export import (
    licence_of,
    put_argmax_in,
    replaced_folder,
    store_weights_as_fp16,
)
from spinepose_mmpose.deploy.onnx_files import read_facts
from spinepose_mmpose.deploy.rewriters import deployed_config
from spinepose_mmpose.deploy.verify import (
    open_export,
    read_export,
    torch_outputs,
)
from spinepose_mmpose.metainfo import FLIP_INDICES, KEYPOINT_NAMES
from spinepose_mmpose.zoo import SPINEPOSE_LICENCE

import deploy_models
import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from deploy_paths import CONFIGS, ROOT
from mmengine import Config
from mmpose.apis import init_model

MEAN = np.float32([123.675, 116.28, 103.53])
STD = np.float32([58.395, 57.12, 57.375])
ARGMAX = CONFIGS / 'pose-detection_simcc_onnxruntime_dynamic_argmax.py'


@pytest.fixture(scope='module')
def crops():
    """(B, H, W, 3) uint8 BGR."""
    rng = np.random.default_rng(3)
    return np.stack([deploy_models.picture(rng, 256, 192) for _ in range(3)])


@pytest.fixture(scope='module')
def expected(tiny, crops):
    """SimCC of PyTorch."""
    config = deployed_config(Config.fromfile(tiny[0]))
    return torch_outputs(init_model(config, tiny[1], 'cpu'), crops)


def run(folder: Path, images: np.ndarray):
    """Outputs for (B, H, W, 3) float images in the network's order."""
    session = ort.InferenceSession(str(folder / 'end2end.onnx'))
    inputs = images.transpose(0, 3, 1, 2).astype(np.float32)
    return session.run(None, {'input': inputs})


def rgb(crops):
    return (crops[..., ::-1] - MEAN) / STD


def largest_share(one, other) -> float:
    return max(
        np.abs(a - b).max() / np.abs(b).max() for a, b in zip(one, other)
    )


def test_outputs_are_pytorchs(exported, crops, expected):
    folder = exported()
    outputs = run(folder, rgb(crops))
    assert [o.shape for o in outputs] == [(3, 37, 384), (3, 37, 512)]
    assert largest_share(outputs, expected) < 1e-5
    # any batch, and a person's result does not depend on it
    one = run(folder, rgb(crops[1:2]))
    assert largest_share(one, [o[1:2] for o in outputs]) < 1e-5


def test_rewrite_is_in_the_graph(exported):
    graph = onnx.load(exported() / 'end2end.onnx').graph
    operations = Counter(node.op_type for node in graph.node)
    assert not operations['ReduceL2'] and operations['ReduceMax'] == 3
    assert not operations['GlobalAveragePool']
    # ONNX Runtime's converter to FP16 leaves these in FP32
    assert not operations['Max'] and not operations['Min']


def test_sdk_files_of_a_training_config(exported, tiny):
    folder = exported()
    deploy, pipeline, detail = (
        json.loads((folder / f'{name}.json').read_text())
        for name in ('deploy', 'pipeline', 'detail')
    )
    assert 'SpinePoseDistiller' in Path(deploy_models.BASE).parent.joinpath(
        '_base_/spinepose_256x192.py'
    ).read_text(encoding='utf-8')
    assert deploy['task'] == 'PoseDetector'
    assert deploy['models'][0]['name'] == 'topdownposeestimator'
    assert deploy['models'][0]['dynamic_shape'] is True
    before, network, after = pipeline['pipeline']['tasks']
    steps = {step['type']: step for step in before['transforms']}
    assert steps['TopDownAffine']['image_size'] == [192, 256]
    assert steps['TopDownGetBboxCenterScale']['padding'] == 1.25
    assert steps['Normalize']['to_rgb'] is True
    np.testing.assert_allclose(steps['Normalize']['mean'], MEAN)
    np.testing.assert_allclose(steps['Normalize']['std'], STD)
    assert network['is_batched'] is True
    assert after['component'] == 'SimCCLabelDecode'
    assert after['params']['simcc_split_ratio'] == 2.0
    assert after['params']['export_postprocess'] is False
    assert detail['codebase']['pth'] == tiny[1]


def test_the_deployed_pipeline_is_mmposes():
    """Inputs for tracing and drawings come from it."""
    config = deployed_config(Config.fromfile(deploy_models.BASE))
    steps = config.test_dataloader.dataset.pipeline
    assert 'TopdownAffine' in [step.type for step in steps]
    assert not any('lazy' in step for step in steps)


def test_metadata(exported):
    facts = read_facts(onnx.load(exported() / 'end2end.onnx'))
    assert tuple(facts['keypoint_names']) == KEYPOINT_NAMES
    assert tuple(facts['flip_indices']) == FLIP_INDICES
    assert facts['input_size'] == [192, 256] and facts['bgr_to_rgb'] is True
    assert facts['simcc_split_ratio'] == 2.0 and facts['model'] == 'tiny'
    assert 'licence' not in facts


@pytest.mark.parametrize(
    'options', [dict(deploy_cfg=ARGMAX), dict(argmax=True)]
)
def test_argmax_in_the_graph(options, exported, crops, expected):
    folder = exported(**options)
    keypoints, scores = run(folder, rgb(crops))
    best = np.stack([o.argmax(-1) for o in expected], -1) / 2
    np.testing.assert_array_equal(keypoints, best)
    np.testing.assert_allclose(
        scores, np.minimum(*(o.max(-1) for o in expected)), rtol=1e-4
    )
    pipeline = json.loads((folder / 'pipeline.json').read_text())
    after = pipeline['pipeline']['tasks'][2]
    assert after['params']['export_postprocess'] is True


def test_bgr_export_takes_bgr(exported, crops, expected):
    """Equal up to the borders, where the padding would tell a shifted bias."""
    folder = exported(channel_order='bgr')
    outputs = run(folder, (crops - MEAN) / STD)
    assert largest_share(outputs, expected) < 1e-5
    # and it would be another network otherwise
    assert largest_share(run(folder, rgb(crops)), expected) > 0.01
    facts = read_facts(onnx.load(folder / 'end2end.onnx'))
    assert facts['bgr_to_rgb'] is False and facts['mean'][0] > 120
    pipeline = json.loads((folder / 'pipeline.json').read_text())
    (step,) = [
        step
        for step in pipeline['pipeline']['tasks'][0]['transforms']
        if step['type'] == 'Normalize'
    ]
    assert step['to_rgb'] is False


def test_openvino(exported, crops, expected):
    """By this package's session in float32; mmdeploy's wrapper, which draws
    for --test-img, lets the CPU take bfloat16."""
    pytest.importorskip('openvino')
    from mmdeploy.backend.base import get_backend_manager

    folder = exported(CONFIGS / 'pose-detection_simcc_openvino_dynamic.py')
    export = read_export(str(folder))
    assert (export.backend, export.precision) == ('openvino', 'FP32')
    inputs = export.normalise(crops)
    outputs = open_export(export, 'cpu', 1)(inputs)
    assert largest_share(outputs, expected) < 1e-4
    wrapper = get_backend_manager('openvino').build_wrapper(
        export.files, 'cpu', ['input'], ['simcc_y', 'simcc_x']
    )
    found = wrapper(dict(input=torch.from_numpy(inputs)))
    assert list(found) == ['simcc_y', 'simcc_x']
    outputs = [found[name].numpy() for name in ('simcc_x', 'simcc_y')]
    assert largest_share(outputs, expected) < 0.05


def test_weights_in_fp16(exported, crops, expected, tmp_path):
    full = exported() / 'end2end.onnx'
    model = onnx.load(full)
    changed = store_weights_as_fp16(model)
    half = tmp_path / 'end2end.onnx'
    onnx.save(model, half)
    casts = [n for n in model.graph.node if n.op_type == 'Cast']
    assert changed == len(casts) > 30
    assert half.stat().st_size < 0.6 * full.stat().st_size
    assert 0 < largest_share(run(tmp_path, rgb(crops)), expected) < 0.01
    assert store_weights_as_fp16(model) == 0


def test_the_lifters_large_weights_alone_are_halved(tmp_path):
    """By the tool that writes its file: from 1000 values on."""
    helper, kind = onnx.helper, onnx.TensorProto
    tensors = [
        onnx.numpy_helper.from_array(np.ones((1, size), np.float32), f'w{size}')
        for size in (999, 1000)
    ]
    graph = helper.make_graph(
        [
            helper.make_node('Mul', ['x', 'w999'], ['y']),
            helper.make_node('Mul', ['x', 'w1000'], ['z']),
        ],
        'g',
        [helper.make_tensor_value_info('x', kind.FLOAT, [1, 1])],
        [helper.make_tensor_value_info(y, kind.FLOAT, [1, 'n']) for y in 'yz'],
        tensors,
    )
    opset = helper.make_opsetid('', 17)
    path = str(tmp_path / 'lifter.onnx')
    onnx.save(helper.make_model(graph, opset_imports=[opset]), path)
    tool = runpy.run_path(
        str(ROOT / 'tools/model_converters/lifter_to_onnx.py')
    )
    tool['finish'](path, half=True)
    kinds = [t.data_type for t in onnx.load(path).graph.initializer]
    assert kinds == [kind.FLOAT, kind.FLOAT16]


def test_weights_beyond_fp16_stay():
    values = np.full(400, 7e4, np.float32)
    graph = onnx.helper.make_graph(
        [], 'g', [], [], [onnx.numpy_helper.from_array(values, 'w')]
    )
    model = onnx.helper.make_model(graph)
    assert store_weights_as_fp16(model) == 0
    assert model.graph.initializer[0].data_type == onnx.TensorProto.FLOAT


@pytest.mark.parametrize('path', sorted(CONFIGS.glob('*.py')), ids=str)
def test_deployment_configs(path):
    from spinepose_mmpose.deploy.checks import check_deploy_config

    config = Config.fromfile(str(path))
    backend = check_deploy_config(config, str(path))
    assert f'_{backend}' in path.name
    argmax = path.stem.endswith('_argmax')
    assert config.codebase_config.export_postprocess is argmax
    names = ['keypoints', 'scores'] if argmax else ['simcc_x', 'simcc_y']
    onnx_config = config.onnx_config
    assert onnx_config.output_names == names
    if 'dynamic' in path.name:
        assert set(onnx_config.dynamic_axes) == {'input', *names}
    if backend == 'tensorrt':
        w, h = onnx_config.input_shape
        assert f'{h}x{w}' in path.name
        ((ranges,),) = [
            list(m.input_shapes.values())
            for m in config.backend_config.model_inputs
        ]
        assert ranges.min_shape == [1, 3, h, w]
        assert ranges.max_shape == [32, 3, h, w]
        assert config.backend_config.common_config.fp16_mode is (
            'fp16' in path.name
        )


@pytest.mark.parametrize('path', sorted(CONFIGS.glob('*.py')), ids=str)
def test_argmax_as_an_option(path):
    config = Config.fromfile(str(path))
    if 'ncnn' in path.name or 'onnxruntime-fp16' in path.name:
        with pytest.raises(ValueError, match='neither ncnn nor an ONNX file'):
            put_argmax_in(config, str(path))
        return
    put_argmax_in(config, str(path))
    expected = Config.fromfile(str(ARGMAX))
    assert config.codebase_config == expected.codebase_config
    onnx_config = dict(config.onnx_config, input_shape=None)
    assert onnx_config == dict(expected.onnx_config)


STOCK = """
from mmdeploy.apis import torch2onnx
from mmdeploy.backend.sdk.export_info import export2SDK
from mmdeploy.utils import load_config
import sys
deploy, config, checkpoint, image, folder = sys.argv[1:]
load_config(deploy, config)
torch2onnx(image, folder, 'end2end.onnx', deploy, config, checkpoint, 'cpu')
export2SDK(deploy, config, folder, checkpoint, 'cpu')
"""
# In the manner of mmdeploy's own pose-detection_simcc_onnxruntime_dynamic.py.
STOCK_CONFIG = """
onnx_config = dict(
    type='onnx', export_params=True, keep_initializers_as_inputs=False,
    opset_version=11, save_file='end2end.onnx', input_names=['input'],
    output_names=['simcc_x', 'simcc_y'], input_shape=[192, 256],
    optimize=True, dynamic_axes=dict(
        input={0: 'batch'}, simcc_x={0: 'batch'}, simcc_y={0: 'batch'}))
codebase_config = dict(type='mmpose', task='PoseDetection')
backend_config = dict(type='onnxruntime')
"""


@pytest.mark.slow
def test_mmdeploys_own_tools(tiny, tmp_path, crops, expected):
    """mmdeploy's functions with its kind of config; this package comes in by
    the config's custom_imports alone, after mmdeploy."""
    import cv2

    (tmp_path / 'deploy.py').write_text(STOCK_CONFIG)
    cv2.imwrite(str(tmp_path / 'image.png'), crops[0])
    folder = tmp_path / 'out'
    subprocess.run(
        [sys.executable, '-c', STOCK, str(tmp_path / 'deploy.py'), *tiny]
        + [str(tmp_path / 'image.png'), str(folder)],
        check=True,
        cwd=tmp_path,
        capture_output=True,
    )
    assert largest_share(run(folder, rgb(crops)), expected) < 1e-5
    pipeline = json.loads((folder / 'pipeline.json').read_text())
    after = pipeline['pipeline']['tasks'][2]
    assert after['component'] == 'SimCCLabelDecode'


def test_an_older_export_outlives_a_failed_rename(tmp_path, monkeypatch):
    older, rename = tmp_path / 'old', os.rename
    older.mkdir()
    (older / 'end2end.onnx').write_text('older')

    def refused(source, target):
        if target == str(older) and 'old.old' not in source:
            raise OSError('busy')
        rename(source, target)

    monkeypatch.setattr(os, 'rename', refused)
    with pytest.raises(OSError, match='busy'):
        with replaced_folder(str(older)):
            pass
    assert os.listdir(tmp_path) == ['old']
    assert (older / 'end2end.onnx').read_text() == 'older'
    monkeypatch.undo()
    with replaced_folder(f'{older}/') as folder:
        Path(folder, 'end2end.onnx').write_text('newer')
    assert (older / 'end2end.onnx').read_text() == 'newer'


def test_licence_of_published_weights():
    assert licence_of('spinepose://spinepose-m') == SPINEPOSE_LICENCE
    assert licence_of('x/own.pth') is None
