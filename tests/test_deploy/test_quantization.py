"""INT8: the search by hand-made losses, and a real network with an outlier."""

import json
import runpy
import sys
from pathlib import Path

import spinepose_mmpose  # noqa: F401

import numpy as np
import pytest
import torch

onnx = pytest.importorskip('onnx')
ort = pytest.importorskip('onnxruntime')

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from spinepose_mmpose.deploy import crops as predictions  # noqa: E402
from spinepose_mmpose.deploy.crops import latencies, load_crops  # noqa: E402
from spinepose_mmpose.deploy.onnx_files import prepared  # noqa: E402
from spinepose_mmpose.deploy.quantize import (  # noqa: E402
    Loss,
    Quantization,
    QuantizedModel,
    Tolerance,
    activation_ranges,
    node_blocks,
    open_run,
    quantized,
    search_blocks,
)

from onnx_models import export, random_network, run_tensor  # noqa: E402

TOOL = HERE.parents[1] / 'tools' / 'deploy' / 'quantize.py'
BLOCKS = [
    'backbone.stem',
    *(f'backbone.stage{i}.{j}' for i in (1, 2, 3) for j in (0, 1)),
    *(f'backbone.stage4.{j}' for j in (0, 1, 2)),
    'head.final_layer',
    'head.mlp',
    'head.gau',
    'head.cls_x',
    'head.cls_y',
]


def without_of(blocks, loss_of):
    """Of a search in which a model is the list of the blocks in 8 bits."""

    def without(excluded):
        model = [block for block in blocks if block not in excluded]
        return QuantizedModel(model, excluded, Loss(*loss_of(model)))

    return without


def test_all_blocks_where_that_is_good_enough():
    found = search_blocks(
        'abc',
        without_of('abc', lambda blocks: (0.4, 0.1 * len(blocks))),
        shift_of=None,  # nothing is measured alone
        tolerance=Tolerance(0.5),
    )
    assert (found.model, found.excluded) == (['a', 'b', 'c'], [])
    assert found.loss == (0.4, pytest.approx(0.3))


def test_the_worst_blocks_are_left_out_in_order():
    """Losses add up: a 3, b 1, c 2 AP points; 1.5 may be lost."""
    cost = dict(a=3.0, b=1.0, c=2.0)
    lines = []
    found = search_blocks(
        cost,
        without_of(cost, lambda blocks: (sum(map(cost.get, blocks)), 0.0)),
        shift_of=lambda block: cost[block] / 10,
        tolerance=Tolerance(1.5),
        report=lines.append,
    )
    assert (found.model, found.excluded) == (['b'], ['a', 'c'])
    assert found.loss == (1.0, 0.0)
    assert (
        lines[0] == 'all blocks: +6.00 AP lost, keypoints shifted by 0.000 px'
    )
    assert lines[1:4] == [
        f'{name} alone: shift {shift} px'
        for name, shift in dict(a='0.300', b='0.100', c='0.200').items()
    ]
    assert len(lines) == 1 + 3 + 2


def test_a_search_without_an_end():
    with pytest.raises(ValueError, match=r'\+9.00 AP lost'):
        search_blocks(
            'ab',
            without_of('ab', lambda blocks: (9.0, 0.0)),
            shift_of='ab'.index,
            tolerance=Tolerance(1.0),
        )


@pytest.mark.parametrize(
    'tolerance, loss, allowed',
    [
        (Tolerance(1.0), (1.0, 50.0), True),
        (Tolerance(1.0), (1.01, 0.0), False),
        (Tolerance(1.0), (-3.0, 0.0), True),
        (Tolerance(1.0, 0.5), (0.0, 0.6), False),
        (Tolerance(1.0, 0.0), (0.0, 0.1), False),
        (Tolerance(1.0), (None, 1.1), False),  # without labels: 1 px
        (Tolerance(1.0), (None, 0.9), True),
        (Tolerance(1.0, 2.0), (None, 1.1), True),
    ],
)
def test_tolerance(tolerance, loss, allowed):
    assert tolerance.allows(Loss(*loss)) is allowed


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    """A network with one channel 3000 times as large as the others between
    two convolutions of the stem: harmless in float, fatal in steps of it."""
    network = random_network()
    with torch.no_grad():
        for norm in (network.backbone.stem[i].bn for i in (0, 1, 2)):
            norm.running_mean.zero_()
        first, second = network.backbone.stem[0], network.backbone.stem[1]
        first.bn.weight[0] *= 3000
        second.conv.weight[:, 0] = 0
    return export(network, tmp_path_factory.mktemp('onnx') / 't.onnx')


@pytest.fixture(scope='module')
def photos(tmp_path_factory):
    import cv2

    folder = tmp_path_factory.mktemp('photos')
    random = np.random.default_rng(0)
    for i in range(3):
        image = np.zeros((120, 90, 3), np.uint8)
        for _ in range(6):
            x, y = random.integers(0, 90), random.integers(0, 120)
            color = random.integers(0, 256, 3).tolist()
            cv2.circle(image, (int(x), int(y)), 20, color, -1)
        cv2.imwrite(str(folder / f'{i}.png'), image)
    return folder


@pytest.fixture(scope='module')
def model(path):
    return prepared(str(path))


@pytest.fixture(scope='module')
def crops(photos):
    return load_crops(str(photos), (192, 256), 3)


@pytest.fixture(scope='module')
def ranges(model, crops):
    return activation_ranges(model, crops.inputs(), 'minmax')


def logits(model, crops):
    run = open_run(model, 1)
    return np.concatenate([run(image)[0] for image in crops.inputs()])


def nodes_of(model, excluded=()):
    return [
        node
        for block, nodes in node_blocks(model).items()
        if block not in excluded
        for node in nodes
    ]


def test_blocks_hold_every_node_once(model):
    blocks = node_blocks(model)
    assert list(blocks) == BLOCKS
    names = [name for nodes in blocks.values() for name in nodes]
    assert len(names) == len(set(names))
    weighted = {
        node.name
        for node in model.graph.node
        if node.op_type in ('Conv', 'MatMul')
    }
    assert weighted <= set(names) and len(weighted) == 38 + 7
    kinds = {node.name: node.op_type for node in model.graph.node}
    of = {
        block: sum(kinds[name] in ('Conv', 'MatMul') for name in nodes)
        for block, nodes in blocks.items()
    }
    assert of['backbone.stem'] == 3 and of['head.gau'] == 4
    # main, short, final, attention and 3 of the one block; then with the SPP
    assert of['backbone.stage1.1'] == 7 and of['backbone.stage4.1'] == 2


def test_blocks_of_a_file_with_other_names(model):
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for i, node in enumerate(copy.graph.node):
        node.name = f'{node.op_type}_{i}'
    blocks = node_blocks(copy)
    assert sum(map(len, blocks.values())) == len(copy.graph.node)
    # Each convolution and each linear layer, and not the attention's products.
    assert len(blocks) == 38 + 5
    copy.graph.output[0].name = 'dets'
    with pytest.raises(
        ValueError, match=r"not an RTMPose: its outputs are \['de"
    ):
        node_blocks(copy)


def test_the_graph_is_really_8_bit(model, ranges, crops):
    made = quantized(model, ranges, nodes_of(model))
    onnx.checker.check_model(made)
    count = sum(
        int(np.prod(tensor.dims))
        for tensor in model.graph.initializer
        if len(tensor.dims) in (2, 4) and np.prod(tensor.dims) > 64
    )
    assert 0.99 * count <= sum(
        int(np.prod(tensor.dims))
        for tensor in made.graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8
    )
    assert made.ByteSize() < 0.3 * model.ByteSize()
    scales = {
        node.input[0]: node.input[1]
        for node in made.graph.node
        if node.op_type == 'DequantizeLinear'
    }
    values = {t.name: t for t in made.graph.initializer}
    stored = {
        node.output[0]: values.get(node.input[0])
        for node in made.graph.node
        if node.op_type == 'DequantizeLinear'
    }
    weights = [
        stored[node.input[1]]
        for node in made.graph.node
        if node.op_type == 'Conv'
    ]
    assert len(weights) == 38
    for tensor in weights:  # a scale for each channel
        assert tensor.data_type == onnx.TensorProto.INT8
        assert list(values[scales[tensor.name]].dims) == [tensor.dims[0]]


def kernels(model, tmp_path):
    """Operators that ONNX Runtime runs."""
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / 'run.onnx')
    options.log_severity_level = 3
    ort.InferenceSession(
        model.SerializeToString(),
        options,
        providers=['CPUExecutionProvider'],
    )
    nodes = onnx.load(tmp_path / 'run.onnx').graph.node
    return [node.op_type for node in nodes]


def test_onnx_runtime_runs_it_in_8_bits(model, ranges, tmp_path):
    run = kernels(quantized(model, ranges, nodes_of(model)), tmp_path)
    assert run.count('QLinearConv') == 38
    assert not {'Conv', 'FusedConv', 'NhwcFusedConv'} & set(run)


def test_exclusions_are_honoured_and_help(model, ranges, crops, tmp_path):
    convolutions = [n for n in model.graph.node if n.op_type == 'Conv']
    third = convolutions[2].output[0]  # behind the outlier
    worst = quantized(model, ranges, nodes_of(model))
    better = quantized(model, ranges, nodes_of(model, ('backbone.stem',)))
    images = np.concatenate(list(crops.inputs()))
    wanted, *others = (
        run_tensor(made, images, third) for made in (model, worst, better)
    )
    errors = [np.abs(x - wanted).mean() / wanted.std() for x in others]
    assert errors[0] > 0.1 and errors[1] < 0.01, errors
    assert kernels(better, tmp_path).count('QLinearConv') == 38 - 3
    float_weights = {
        tensor.name
        for tensor in better.graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.dims) == 4
    }
    assert len(float_weights) == 3
    alone = quantized(model, ranges, [])
    np.testing.assert_array_equal(logits(alone, crops), logits(model, crops))


def test_openvino_style_leaves_outputs_in_float(model, crops):
    ranges = activation_ranges(model, crops.inputs(), 'minmax', 'openvino')
    made = quantized(model, ranges, nodes_of(model), 'openvino')
    readers = {
        name: node.op_type for node in made.graph.node for name in node.input
    }
    outputs = [n.output[0] for n in made.graph.node if n.op_type == 'Conv']
    assert len(outputs) == 38
    assert not any(readers[x] == 'QuantizeLinear' for x in outputs[:3])
    onnxruntime_style = activation_ranges(model, crops.inputs(), 'minmax')
    other = quantized(model, onnxruntime_style, nodes_of(model))
    count = [
        sum(n.op_type == 'QuantizeLinear' for n in m.graph.node)
        for m in (made, other)
    ]
    assert count[0] < count[1]


@pytest.mark.parametrize('method', ['entropy', 'percentile'])
def test_other_methods_give_narrower_ranges(method, model, crops, ranges):
    made = activation_ranges(model, crops.take(1).inputs(), method)
    name = model.graph.node[0].output[0]
    low, high = (np.ravel(x)[0] for x in made[name].range_value)
    widest = [np.ravel(x)[0] for x in ranges[name].range_value]
    assert widest[0] - 1e-4 <= low < high <= widest[1] * 1.01


def test_files_of_old_opsets_are_lifted(tmp_path):
    old = export(random_network(), tmp_path / 'old.onnx', 11)
    model = prepared(str(old))
    assert {x.domain: x.version for x in model.opset_import} == {'': 17}
    assert list(node_blocks(model)) == BLOCKS


def test_files_in_half_precision_are_refused(path, tmp_path):
    from onnxruntime.transformers.float16 import convert_float_to_float16

    half = convert_float_to_float16(onnx.load(path), keep_io_types=True)
    onnx.save(half, tmp_path / 'half.onnx')
    with pytest.raises(ValueError, match='is not in float32: its weights are'):
        prepared(str(tmp_path / 'half.onnx'))


@pytest.mark.parametrize('kind', ['QDQ', 'dynamic'])
def test_quantized_files_are_refused(kind, path, tmp_path, crops):
    from onnxruntime.quantization import quantize_dynamic

    again = str(tmp_path / 'again.onnx')
    if kind == 'dynamic':
        quantize_dynamic(path, again, op_types_to_quantize=['MatMul'])
    else:
        model = prepared(path)
        found = activation_ranges(model, crops.take(2).inputs(), 'minmax')
        names = [node.name for node in model.graph.node]
        onnx.save(quantized(model, found, names), again)
    with pytest.raises(ValueError, match='is not in float32: its weights are'):
        prepared(again)


def test_inputs_are_those_of_mmpose(crops):
    """Mean and standard deviation of R, G, B by hand."""
    first = next(crops.inputs())
    blue, _, red = np.moveaxis(crops.pixels[0].astype(np.float32), -1, 0)
    np.testing.assert_allclose(first[0, 0], (red - 123.675) / 58.395, atol=1e-5)
    np.testing.assert_allclose(first[0, 2], (blue - 103.53) / 57.375, atol=1e-5)
    with pytest.raises(KeyError):
        next(crops.inputs(order='RGB'))
    swapped = next(crops.inputs(order='bgr'))
    np.testing.assert_allclose(
        swapped[0, 0], (blue - 123.675) / 58.395, atol=1e-5
    )


@pytest.mark.parametrize(
    'said, told, order',
    [
        ({}, None, 'rgb'),
        ({'bgr_to_rgb': 'true'}, None, 'rgb'),
        ({'bgr_to_rgb': 'false'}, None, 'bgr'),
        ({'bgr_to_rgb': 'false'}, 'rgb', 'rgb'),
    ],
)
def test_channels_are_those_that_the_file_names(tmp_path, said, told, order):
    path = str(export(random_network(), tmp_path / 'a.onnx', 17))
    model = onnx.load(path)
    onnx.helper.set_model_props(model, said)
    onnx.save(model, path)
    assert Quantization(path, order=told).order == order


@pytest.fixture(scope='module')
def labelled(people):
    return load_crops(str(people), (192, 256), 8)


def test_decoding_and_the_way_back_to_the_photo(labelled, crops):
    """A peak at bins 100 and 64 is 50 and 32 pixels of the input."""
    x, y = np.zeros((1, 37, 384)), np.zeros((1, 37, 512))
    x[..., 100], y[..., 64] = 0.5, 0.7
    found = predictions.predict(lambda image: [x, y], labelled)
    np.testing.assert_allclose(found[0][0, 0], (50, 32))
    assert found[1][0, 0] == pytest.approx(0.5)
    center, scale = (
        labelled.samples[0].metainfo[f'input_{name}']
        for name in ('center', 'scale')
    )
    left, top = center - scale / 2
    step = scale[0] / 192
    rows = predictions.metric_results(labelled.samples, *found)
    np.testing.assert_allclose(
        rows[0]['pred_instances']['keypoints'][0, 0],
        (left + 50 * step, top + 32 * step),
        rtol=1e-6,
    )
    both = predictions.decoded_outputs(found)
    np.testing.assert_array_equal(both[0], found[0])
    assert predictions.mean_shift(found, found) == 0
    assert predictions.average_precision(found, crops) is None
    assert predictions.average_precision(found, labelled) == 0


def test_ap_of_the_labels_themselves_is_1(labelled):
    assert labelled.source.endswith('(val2017)') and len(labelled) == 8
    points = []
    for meta in (sample.metainfo for sample in labelled.samples):
        own = np.reshape(meta['raw_ann_info']['keypoints'], (37, 3))[:, :2]
        corner = meta['input_center'] - meta['input_scale'] / 2
        points.append((own - corner) / meta['input_scale'] * (192, 256))
    found = predictions.Points(np.array(points), np.ones((8, 37)))
    assert predictions.average_precision(found, labelled) == pytest.approx(1)


def test_a_photo_is_cut_out_as_by_mmpose(crops, photos):
    """The pipeline of testing with a box around the whole photo."""
    import mmcv
    from mmengine import Config
    from mmengine.dataset import Compose
    from mmengine.registry import DefaultScope

    image = mmcv.imread(str(photos / '0.png'))
    config = Config.fromfile(predictions.config_file(predictions.CONFIG))
    with DefaultScope.overwrite_default_scope('mmpose'):
        pipeline = Compose(config.val_dataloader.dataset.pipeline)
        packed = pipeline(
            dict(
                img=image,
                img_path='0.png',
                bbox=np.float32([[0, 0, *image.shape[1::-1]]]),
                bbox_score=np.ones(1, np.float32),
            )
        )
    wanted = packed['inputs'].numpy().transpose(1, 2, 0)
    np.testing.assert_array_equal(crops.pixels[0], wanted)


def test_latencies_take_turns():
    calls = []
    runs = {name: (lambda x, n=name: calls.append(n)) for name in 'ab'}
    times = latencies(runs, np.zeros(1), rounds=3)
    assert calls == ['a', 'b'] * 5 and set(times) == {'a', 'b'}


@pytest.fixture
def command(monkeypatch, capsys):
    """Exit code or message, and what was printed."""

    def call(*arguments):
        monkeypatch.setattr(sys, 'argv', [str(TOOL), *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(TOOL), run_name='__main__')
        return end.value.code, capsys.readouterr().out

    return call


def test_command(path, photos, command, tmp_path):
    out = tmp_path / 'int8.onnx'
    given = onnx.load(path)
    given.metadata_props.add(key='licence', value='"CC0-1.0"')
    path = path.with_name('licence.onnx')
    onnx.save(given, path)
    options = ('--data', photos, '--method', 'minmax', '--threads', 1)
    excluded = ('--exclude', 'backbone.stem', 'head.gau')
    code, text = command(
        path, out, *options, *excluded, '--max-shift', 500, '--samples', 2
    )
    assert code == 0 and 'in float: backbone.stem, head.gau' in text
    assert 'FP32' in text and 'INT8' in text and 'load' in text
    made = onnx.load(out)
    facts = {x.key: x.value for x in made.metadata_props}
    excluded = json.loads(facts['quantization'])['excluded']
    assert excluded == ['backbone.stem', 'head.gau']
    assert facts['licence'] == '"CC0-1.0"'
    assert [p.name for p in tmp_path.iterdir()] == ['int8.onnx']
    code, _ = command(path, out, *options)
    assert '--overwrite' in code


def test_command_writes_nothing_that_loses_too_much(
    path, photos, command, tmp_path
):
    options = ('--data', photos, '--exclude', 'none', '--method', 'minmax')
    code, _ = command(path, tmp_path / 'x.onnx', *options, '--max-shift', 0)
    assert 'more than allowed' in code and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    'arguments, message',
    [
        (('in', 'no/x.onnx'), 'does not exist, to write into'),
        (('no', 'x.onnx'), 'no does not exist'),
        (('text', 'x.onnx'), 'is not an ONNX file, or is cut off'),
        (('in', 'x.onnx', '--exclude', 'head'), "unknown blocks ['head']"),
        (('in', 'x.onnx', '--samples', '0'), '--samples is 0'),
        (('in', 'x.onnx', '--data', 'no'), 'no is not a folder'),
    ],
)
def test_bad_input(
    arguments, message, path, photos, command, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path('text').write_text('no model')
    named = [str(path) if x == 'in' else x for x in arguments]
    code, _ = command(
        *named, *(() if '--data' in named else ('--data', photos))
    )
    assert code.startswith('error: ') and message in code
    assert [p.name for p in tmp_path.iterdir()] == ['text']
