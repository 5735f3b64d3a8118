"""An ONNX graph in blocks, and these blocks in 8 bits."""

import contextlib
import os
import tempfile
from dataclasses import dataclass
from typing import Dict, Iterable, Iterator, List, Sequence, Tuple

from spinepose_mmpose.utils import config_file

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantType,
)
from onnxruntime.quantization.calibrate import create_calibrator
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from tqdm import tqdm

HEAD = ('head.mlp', 'head.gau', 'head.gau', 'head.cls_x', 'head.cls_y')


SIZES = ('t', 's', 'm', 'l', 'x')


def node_blocks(model: onnx.ModelProto) -> Dict[str, List[str]]:
    """Names of the nodes in each block of an RTMPose, in order of data flow.

    Blocks carry the names of the modules: ``backbone.stem``,
    ``backbone.stage1.0``, ..., ``head.gau``. A node without weights belongs
    to the block of what it reads.

    Args:
        model: From :func:`.onnx_files.prepared`.

    Raises:
        ValueError: It is no RTMPose of a known size.
    """
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes = _data_flow(model.graph, weights)
    convolutions = [
        n for n in nodes if n.op_type == 'Conv' and n.input[1] in weights
    ]
    linears = [
        n
        for n in nodes
        if n.op_type in ('MatMul', 'Gemm')
        and [x for x in n.input[:2] if x not in weights] == [n.input[0]]
    ]
    if not convolutions or len(linears) != len(HEAD):
        raise ValueError(
            f'it is no RTMPose: it has {len(convolutions)} convolutions and '
            f'{len(linears)} linear layers, of which its head has {len(HEAD)}'
        )
    channels = weights[convolutions[-1].input[1]].dims[1]
    names = list(_convolution_names(_backbone(channels), 'backbone'))
    if len(names) != len(convolutions) - 1:
        raise ValueError(
            f'it is no RTMPose: its backbone has {len(convolutions) - 1} '
            f'convolutions, expected {len(names)}'
        )
    of_tensor = {
        node.output[0]: block
        for node, block in zip(
            convolutions + linears,
            [*map(_block, names), 'head.final_layer', *HEAD],
        )
    }
    blocks: Dict[str, List[str]] = {}
    for node in nodes:
        block = of_tensor.get(node.output[0])
        if block is None:
            above = [of_tensor.get(x) for x in node.input if x not in weights]
            block = _last([x for x in above if x], blocks)
        for output in node.output:
            of_tensor[output] = block
        blocks.setdefault(block, []).append(node.name)
    return blocks


def _data_flow(graph, weights) -> list:
    """Nodes, each after what it reads, as a walk from the outputs back to the
    input meets them: the same however the file lists its nodes."""
    producer = {name: node for node in graph.node for name in node.output}
    order, seen = [], set()
    # (tensor, whether its inputs have been walked)
    stack = [(value.name, False) for value in reversed(graph.output)]
    while stack:
        tensor, done = stack.pop()
        node = producer.get(tensor)
        if node is None or tensor in weights:
            continue
        if done:
            order.append(node)
        elif node.output[0] not in seen:
            seen.add(node.output[0])
            stack.append((tensor, True))
            stack += [(x, False) for x in reversed(node.input) if x]
    return order


def _backbone(in_channels: int):
    """The backbone of the size whose head has so many input channels."""
    from mmengine.config import Config
    from mmengine.model.utils import revert_sync_batchnorm
    from mmpose.registry import MODELS
    from mmpose.utils import register_all_modules

    register_all_modules()
    known = {}
    for size in SIZES:
        model = Config.fromfile(
            config_file(f'configs/spinepose-{size}.py')
        ).model
        known[model.head.in_channels] = size
        if model.head.in_channels == in_channels:
            return revert_sync_batchnorm(MODELS.build(model.backbone))
    raise ValueError(
        f'its last convolution has {in_channels} channels, but the sizes '
        f'{", ".join(SIZES)} have {sorted(known)}'
    )


def _convolution_names(module, prefix: str) -> Iterator[str]:
    """Names of the convolutions in the order of :func:`_data_flow`."""
    from mmdet.models.layers import CSPLayer
    from torch import nn

    if isinstance(module, nn.Conv2d):
        yield prefix
        return
    names = [name for name, _ in module.named_children()]
    if isinstance(module, CSPLayer):
        # The concatenation reads the blocks first; they are defined last.
        order = ['main_conv', 'blocks', 'short_conv', 'attention', 'final_conv']
        names = [name for name in order if hasattr(module, name)]
    for name in names:
        yield from _convolution_names(
            module.get_submodule(name), f'{prefix}.{name}'
        )


def _block(name: str) -> str:
    """``backbone.stage1.1`` of ``backbone.stage1.1.blocks.0.conv1.conv``."""
    parts = name.split('.')
    return '.'.join(parts[: 2 if parts[1] == 'stem' else 3])


def _last(candidates: List[str], blocks: Dict[str, List[str]]) -> str:
    order = list(blocks)
    known = [x for x in candidates if x in blocks]
    return max(known, key=order.index) if known else 'backbone.stem'


METHODS = {
    'minmax': (CalibrationMethod.MinMax, {}),
    'entropy': (CalibrationMethod.Entropy, {}),
    'percentile': (
        CalibrationMethod.Percentile,
        dict(percentile=99.999, symmetric=False),
    ),
}
WEIGHTED = ('Conv', 'MatMul', 'Gemm')


@dataclass(frozen=True)
class Style:
    """What a backend wants in 8 bits to be quick.

    Attributes:
        operators: Types of nodes.
        float_outputs: Of these only the inputs are 8-bit.
    """

    operators: Tuple[str, ...]
    float_outputs: Tuple[str, ...]


STYLES = {
    # A kernel is 8-bit where the node's output is, too; what lies between the
    # convolutions should stay so.
    'onnxruntime': Style((*WEIGHTED, 'Add', 'Concat', 'MaxPool', 'Mul'), ()),
    # A quantised output costs a step of its own; the rest is fused in float.
    'openvino': Style(WEIGHTED, WEIGHTED),
}
# Images whose activations are held at once.
CHUNK = 8


class _Reader(CalibrationDataReader):
    def __init__(self, feeds: Iterable[dict]) -> None:
        self._feeds = iter(feeds)

    def get_next(self):
        return next(self._feeds, None)


def activation_ranges(
    model: onnx.ModelProto,
    images: Iterable[np.ndarray],
    method: str,
    style: Style = STYLES['onnxruntime'],
    progress: bool = False,
):
    """Range of every activation over the images.

    Args:
        model: From :func:`.onnx_files.prepared`.
        images: (1, 3, H, W) each.
        method: One of :data:`METHODS`.
        style: Whose operators are looked at.
        progress: Show it.

    Raises:
        ValueError: The method is unknown, or there are no images.
    """
    if method not in METHODS:
        raise ValueError(
            f'calibration method {method!r}, expected one of {sorted(METHODS)}'
        )
    kind, options = METHODS[method]
    feeds = [{model.graph.input[0].name: image} for image in images]
    if not feeds:
        raise ValueError('There are no images to calibrate on.')
    with tempfile.TemporaryDirectory() as folder, _quiet():
        path = os.path.join(folder, 'model.onnx')
        onnx.save(model, path)
        calibrator = create_calibrator(
            path,
            list(style.operators),
            os.path.join(folder, 'augmented.onnx'),
            kind,
            extra_options=options,
        )
        starts = range(0, len(feeds), CHUNK)
        for i in tqdm(starts, 'calibration', disable=not progress):
            calibrator.collect_data(_Reader(feeds[i : i + CHUNK]))
        ranges = calibrator.compute_data()
        del calibrator  # it holds the files open
    return ranges


def quantized(
    model: onnx.ModelProto,
    ranges,
    nodes: Sequence[str],
    style: Style = STYLES['onnxruntime'],
    reduce_range: bool = False,
) -> onnx.ModelProto:
    """A copy of ``model`` in which ``nodes`` are 8-bit.

    Activations are uint8 with a zero point, weights int8 with a scale for
    each output channel.

    Args:
        model: From :func:`.onnx_files.prepared`.
        ranges: From :func:`activation_ranges`.
        nodes: By name; those of other operators stay.
        style: One of :data:`STYLES`.
        reduce_range: Weights of 7 bits, for CPUs without VNNI, whose sums of
            two products saturate at 16 bits.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    chosen = [
        node.name
        for node in model.graph.node
        if node.name in set(nodes) and node.op_type in style.operators
    ]
    if not chosen:
        return copy
    with _quiet():
        quantizer = QDQQuantizer(
            copy,
            per_channel=True,
            reduce_range=reduce_range,
            weight_qType=QuantType.QInt8,
            activation_qType=QuantType.QUInt8,
            tensors_range=ranges,
            nodes_to_quantize=chosen,
            nodes_to_exclude=[],
            op_types_to_quantize=list(style.operators),
            extra_options=dict(
                OpTypesToExcludeOutputQuantization=list(style.float_outputs)
            ),
        )
        quantizer.quantize_model()
        quantizer.model.topological_sort()
    return quantizer.model.model


def num_int8_weights(model: onnx.ModelProto) -> int:
    """Values of the weights that are stored in 8 bits."""
    kinds = (onnx.TensorProto.INT8, onnx.TensorProto.UINT8)
    return sum(
        int(np.prod(tensor.dims))
        for tensor in model.graph.initializer
        if tensor.data_type in kinds
    )


@contextlib.contextmanager
def _quiet():
    """Without the tools' advice to preprocess, which has been done."""
    import logging

    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        with (
            open(os.devnull, 'w') as nowhere,
            contextlib.redirect_stdout(nowhere),
        ):
            yield
    finally:
        root.setLevel(level)
