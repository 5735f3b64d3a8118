"""Model -> ONNX -> checkpoint -> model: the same outputs."""

import runpy
import sys
from pathlib import Path

import spinepose_mmpose  # noqa: F401

import numpy as np
import pytest
import torch

onnx = pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from spinepose_mmpose.models.head_extension import find_mismatch  # noqa: E402
from spinepose_mmpose.models.onnx_weights import (  # noqa: E402
    convert_onnx,
)

from onnx_models import (  # noqa: E402
    export,
    export_with_mmdeploy,
    random_network,
)

TOOL = HERE.parents[1] / 'tools' / 'model_converters' / 'onnx_to_mmpose.py'


@pytest.fixture(scope='module')
def network():
    return random_network()


@pytest.fixture(scope='module')
def path(network, tmp_path_factory):
    return export(network, tmp_path_factory.mktemp('onnx') / 't.onnx')


@pytest.fixture
def command(monkeypatch, capsys):
    """Exit code or message, and what was printed."""

    def call(*arguments):
        monkeypatch.setattr(sys, 'argv', [str(TOOL), *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(TOOL), run_name='__main__')
        return end.value.code, capsys.readouterr().out

    return call


def images(network, count=2):
    torch.manual_seed(5)
    width, height = network.head.input_size
    return torch.randn(count, 3, height, width)


@torch.no_grad()
def assert_same(network, other):
    batch = images(network)
    for own, given in zip(other(batch), network(batch)):
        assert given.abs().max() > 0.1
        torch.testing.assert_close(own, given, rtol=0, atol=1e-4)


def head_of(network):
    return {
        name: value
        for name, value in network.state_dict().items()
        if name.startswith('head.')
    }


def test_round_trip(network, path):
    found = convert_onnx(str(path))
    assert (found.size, found.num_keypoints) == ('t', 37)
    assert found.input_size == (192, 256)
    assert found.folded == 33 and not found.bgr
    assert_same(network, found.network)
    for name, value in head_of(network).items():  # bit by bit
        assert torch.equal(found.network.state_dict()[name], value), name


@pytest.mark.parametrize(
    'size, keypoints, opset, input_size',
    [
        ('s', 26, 11, (192, 256)),
        ('t', 17, 13, (288, 384)),
        pytest.param('t', 133, 11, (192, 256), marks=pytest.mark.slow),
        pytest.param('x', 37, 17, (288, 384), marks=pytest.mark.slow),
    ],
)
def test_other_models(size, keypoints, opset, input_size, tmp_path):
    network = random_network(size, keypoints, seed=1, input=input_size)
    found = convert_onnx(str(export(network, tmp_path / 'x.onnx', opset)))
    assert (found.size, found.num_keypoints) == (size, keypoints)
    assert found.input_size == input_size
    assert_same(network, found.network)


def test_exported_by_mmdeploy(network, tmp_path):
    """Whose head is rewritten to stay within float16."""
    pytest.importorskip('mmdeploy')
    import spinepose_mmpose.deploy.rewriters  # noqa: F401

    path = export_with_mmdeploy(network, str(tmp_path / 'x.onnx'))
    operators = {node.op_type for node in onnx.load(path).graph.node}
    assert 'ReduceMax' in operators and 'ReduceL2' not in operators
    assert_same(network, convert_onnx(path).network)


def test_norms_that_are_not_folded(network, tmp_path):
    path = export(
        network,
        tmp_path / 'x.onnx',
        do_constant_folding=False,
        training=torch.onnx.TrainingMode.PRESERVE,
    )
    for node in onnx.load(path).graph.node:
        assert node.op_type != 'BatchNormalization' or node.input[3:5]
    found = convert_onnx(str(path))
    network.eval()
    assert_same(network, found.network)


def renamed(model):
    """Every tensor under another name, nodes from another order, and the two
    inputs of sums and products exchanged."""
    names = {}

    def new(name):
        return names.setdefault(name, f'v{len(names)}') if name else ''

    for value in [*model.graph.input, *model.graph.output]:
        value.name = new(value.name)
    for tensor in model.graph.initializer:
        tensor.name = new(tensor.name)
    for node in model.graph.node:
        inputs = [new(name) for name in node.input]
        if node.op_type in ('Add', 'Mul'):
            inputs.reverse()
        outputs = [new(name) for name in node.output]
        del node.input[:], node.output[:]
        node.input.extend(inputs)
        node.output.extend(outputs)
        node.name = ''
    nodes, done = list(model.graph.node), {''}
    done.update(x.name for x in model.graph.input)
    done.update(x.name for x in model.graph.initializer)
    del model.graph.node[:]
    while nodes:  # the last that is ready
        ready = [n for n in nodes if done.issuperset(n.input)][-1]
        done.update(ready.output)
        nodes.remove(ready)
        model.graph.node.append(ready)
    del model.graph.value_info[:]
    return model


def test_neither_names_nor_order_matter(network, path, tmp_path):
    before = [n.op_type for n in onnx.load(path).graph.node]
    model = renamed(onnx.load(path))
    assert [n.op_type for n in model.graph.node] != before
    onnx.checker.check_model(model)
    onnx.save(model, tmp_path / 'x.onnx')
    assert_same(network, convert_onnx(str(tmp_path / 'x.onnx')).network)


def test_optimised_by_onnx_runtime(network, path, tmp_path):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel(1)
    options.optimized_model_filepath = str(tmp_path / 'x.onnx')
    ort.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])
    assert_same(network, convert_onnx(str(tmp_path / 'x.onnx')).network)


def test_weights_in_fp16(network, path, tmp_path):
    """The checkpoint is the file's, that is: of the rounded weights."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    half = convert_float_to_float16(onnx.load(path), keep_io_types=True)
    onnx.save(half, tmp_path / 'half.onnx')
    found = convert_onnx(str(tmp_path / 'half.onnx'))
    given = head_of(network)
    for name, value in head_of(found.network).items():
        if name.endswith(('.g', 'gamma', 'beta')):  # hold factors, rounded too
            torch.testing.assert_close(value, given[name], rtol=2e-3, atol=1e-3)
        else:
            rounded = given[name].half().float()  # tiny ones are cut there
            torch.testing.assert_close(value, rounded, rtol=0, atol=1e-7)


def test_weights_alone_in_fp16(network, path, tmp_path):
    """Stored as float16 behind a cast: computed in float32."""
    model = onnx.load(path)
    large = [t for t in model.graph.initializer if np.prod(t.dims) > 1000]
    for tensor in large:
        values = onnx.numpy_helper.to_array(tensor).astype(np.float16)
        name = tensor.name
        tensor.CopyFrom(onnx.numpy_helper.from_array(values, name + '_half'))
        model.graph.node.insert(
            0,
            onnx.helper.make_node(
                'Cast', [name + '_half'], [name], to=onnx.TensorProto.FLOAT
            ),
        )
    onnx.save(model, tmp_path / 'x.onnx')
    found = convert_onnx(str(tmp_path / 'x.onnx'))
    weight = network.head.final_layer.weight
    assert torch.equal(
        found.network.head.final_layer.weight, weight.half().float()
    )


def test_exported_for_bgr_clients(network, tmp_path):
    """As deploy/channel_order.py folds the exchange into the first layers."""
    mean = torch.tensor([123.675, 116.28, 103.53]).view(1, 3, 1, 1)
    std = torch.tensor([58.395, 57.12, 57.375]).view(1, 3, 1, 1)

    class Swapped(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network, self.head = network, network.head
            self.first = network.backbone.stem[0].conv.weight

        def forward(self, bgr):
            shift = (mean - mean.flip(1)) / std
            return self.network((bgr + shift))

    first = network.backbone.stem[0].conv
    kept = first.weight.detach().clone()
    try:
        with torch.no_grad():
            first.weight.copy_(kept.flip(1) * std / std.flip(1))
        export(Swapped().eval(), tmp_path / 'bgr.onnx')
    finally:
        with torch.no_grad():
            first.weight.copy_(kept)
    found = convert_onnx(str(tmp_path / 'bgr.onnx'))
    assert found.bgr
    assert_same(network, found.network)


def test_identity_norms_are_exact(path):
    network = convert_onnx(str(path)).network
    norm = network.backbone.stem[0].bn
    values = torch.randn(2, norm.num_features, 3, 3)
    with torch.no_grad():
        torch.testing.assert_close(
            norm(values),
            values + norm.bias.view(1, -1, 1, 1),
            rtol=0,
            atol=2e-7,
        )


def test_recovered_statistics(network, path):
    """Training on the same images is then evaluation; it is far from it with
    the identity."""
    torch.manual_seed(7)
    batch = torch.randn(4, 3, 256, 192)
    plain = convert_onnx(str(path)).network
    found = convert_onnx(str(path), batches=lambda size: [batch[:2], batch[2:]])
    assert found.people == 4
    assert_same(network, found.network)
    for made, far in ((found.network, False), (plain, True)):
        with torch.no_grad():
            wanted = made.backbone(batch)[0]
            given = made.train().backbone(batch)[0]
        error = ((given - wanted).norm() / wanted.norm()).item()
        assert (error > 0.5) if far else (error < 0.01), error


def test_without_images_for_statistics(path):
    with pytest.raises(ValueError, match='No images'):
        convert_onnx(str(path), batches=lambda size: [])


def test_command(network, path, command, tmp_path):
    """The checkpoint loads strictly into the unchanged config; predictions
    with its flip test are those of the original weights."""
    from mmengine.config import Config
    from mmpose.apis import inference_topdown, init_model

    out = tmp_path / 'out.pth'
    code, text = command(path, out)
    assert code == 0 and 'size t, 192x256' in text and 'norm_eval' in text
    checkpoint = torch.load(out, weights_only=True)
    names = checkpoint['meta']['dataset_meta']['keypoint_id2name']
    assert len(names) == 37 and names[36] == 'neck_03'
    config = Config.fromfile('configs/spinepose-t.py')
    ours = init_model(config, str(out), device='cpu')
    assert ours.test_cfg.flip_test
    own = {
        name: value
        for name, value in ours.state_dict().items()
        if not name.startswith('data_preprocessor')
    }
    assert find_mismatch(checkpoint['state_dict'], own) == ''
    assert set(own) == set(checkpoint['state_dict'])
    theirs = init_model(config, device='cpu')
    theirs.load_state_dict(network.state_dict(), strict=False)
    photo = np.random.default_rng(0).integers(0, 256, (300, 200, 3), np.uint8)
    a, b = (
        inference_topdown(model, photo)[0].pred_instances
        for model in (ours, theirs)
    )
    np.testing.assert_allclose(a.keypoints, b.keypoints, atol=1e-3)
    np.testing.assert_allclose(a.keypoint_scores, b.keypoint_scores, atol=1e-4)
    before = out.read_bytes()
    code, _ = command(path, out)
    assert '--overwrite' in code and out.read_bytes() == before


def test_statistics_from_a_folder_of_photos(path, command, tmp_path):
    import cv2

    photos = tmp_path / 'photos'
    photos.mkdir()
    random = np.random.default_rng(0)
    for name in ('a.png', 'b.jpg'):
        image = random.integers(0, 256, (80, 60, 3), np.uint8)
        cv2.imwrite(str(photos / name), image)
    out = tmp_path / 'out.pth'
    code, text = command(path, out, '--data', photos)
    assert code == 0 and 'statistics of 2 people' in text
    state = torch.load(out, weights_only=True)['state_dict']
    assert state['backbone.stem.0.bn.running_mean'].abs().max() > 0.01


def detector():
    """Convolutions alone, as a detector has."""
    helper, kinds = onnx.helper, onnx.TensorProto
    value = helper.make_tensor_value_info
    weight = np.ones((4, 3, 3, 3), np.float32)
    graph = helper.make_graph(
        [helper.make_node('Conv', ['x', 'w'], ['y'])],
        'net',
        [value('x', kinds.FLOAT, [1, 3, 8, 8])],
        [value('y', kinds.FLOAT, [1, 4, 6, 6])],
        [onnx.numpy_helper.from_array(weight, 'w')],
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8
    )


def broken(kind, path):
    """A file that is no RTMPose."""
    content = path.read_bytes()
    model = onnx.load(path)
    if kind == 'detector':
        return detector().SerializeToString()
    if kind == 'cut off':
        return content[: len(content) // 2]
    if kind == 'empty':
        return b''
    if kind == 'text':
        return b'no model at all'
    if kind == 'another norm':
        for node in model.graph.node:
            if node.op_type == 'Relu':
                node.op_type = 'Abs'
    if kind == 'quantised':
        node = onnx.helper.make_node('QuantizeLinear', ['input', 's'], ['q'])
        model.graph.node.append(node)
    return model.SerializeToString()


@pytest.mark.parametrize(
    'kind, message',
    [
        ('detector', '1 convolutions and 0 linear layers'),
        ('cut off', 'is no ONNX file, or is cut off'),
        ('empty', 'is no ONNX file, or is cut off'),
        ('text', 'is no ONNX file, or is cut off'),
        ('quantised', 'is quantised'),
        ('another norm', 'differ by'),
    ],
)
def test_other_files(kind, message, path, command, tmp_path):
    source = tmp_path / 'in.onnx'
    source.write_bytes(broken(kind, path))
    code, _ = command(source, tmp_path / 'out.pth')
    assert code.startswith('error: ') and message in code
    assert code.count('\n') == 0 and str(source) in code
    assert [p.name for p in tmp_path.iterdir()] == ['in.onnx']


def test_other_arguments(path, command, tmp_path):
    code, _ = command(tmp_path / 'no.onnx', tmp_path / 'out.pth')
    assert 'does not exist' in code
    code, _ = command(path, tmp_path / 'no' / 'out.pth')
    assert 'does not exist, to write into' in code
    code, _ = command(
        path, tmp_path / 'out.pth', '--config', 'configs/spinepose-s.py'
    )
    assert 'do not fit the config' in code or 'convolutions' in code
    code, _ = command(path, tmp_path / 'out.pth', '--data', tmp_path / 'no')
    assert 'is no folder' in code
    assert not list(tmp_path.iterdir())
