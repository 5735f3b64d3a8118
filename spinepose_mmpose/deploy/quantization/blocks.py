"""An ONNX file made ready for quantisation, and its nodes by block."""

import os
import tempfile
from typing import Dict, List

from spinepose_mmpose.models.onnx_weights.activations import in_float32
from spinepose_mmpose.models.onnx_weights.graph import Graph, load_onnx
from spinepose_mmpose.models.onnx_weights.layers import (
    convolutions,
    linears,
)
from spinepose_mmpose.models.onnx_weights.network import (
    build_network,
    convolution_names,
    size_config,
)

import onnx
import onnxruntime

# The first whose QuantizeLinear has an axis, and what files are lifted to.
OPSET_WITH_AXIS, OPSET = 13, 17
HEAD = ('head.mlp', 'head.gau', 'head.gau', 'head.cls_x', 'head.cls_y')


def prepared(path: str) -> onnx.ModelProto:
    """The model in float32 with constants folded and every node named.

    Raises:
        FileNotFoundError, ValueError: See :func:`load_onnx`.
    """
    model = in_float32(load_onnx(path))
    versions = {x.domain: x.version for x in model.opset_import}
    if versions.get('', 0) < OPSET_WITH_AXIS:
        model = onnx.version_converter.convert_version(model, OPSET)
    model = _folded(model)
    for i, node in enumerate(model.graph.node):
        node.name = node.name or f'{node.op_type}_{i}'
    return model


def _folded(model: onnx.ModelProto) -> onnx.ModelProto:
    """ONNX Runtime's basic optimisations, all of standard operators."""
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.graph_optimization_level = (
            onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        )
        options.optimized_model_filepath = os.path.join(folder, 'basic.onnx')
        onnxruntime.InferenceSession(
            model.SerializeToString(),
            options,
            providers=['CPUExecutionProvider'],
        )
        folded = onnx.load(options.optimized_model_filepath)
    used = {node.domain for node in folded.graph.node} | {''}
    kept = [x for x in folded.opset_import if x.domain in used]
    del folded.opset_import[:]
    folded.opset_import.extend(kept)
    return folded


def node_blocks(model: onnx.ModelProto) -> Dict[str, List[str]]:
    """Names of the nodes in each block of an RTMPose, in order of data flow.

    Blocks carry the names of the modules: ``backbone.stem``,
    ``backbone.stage1.0``, ..., ``head.gau``. A node without weights belongs
    to the block of what it reads.

    Args:
        model: From :func:`prepared`.

    Raises:
        ValueError: It is no RTMPose of a known size.
    """
    graph = Graph(model)
    found, chain = convolutions(graph), linears(graph)
    if not found or len(chain) != len(HEAD):
        raise ValueError(
            f'it is no RTMPose: it has {len(found)} convolutions and '
            f'{len(chain)} linear layers, of which its head has {len(HEAD)}'
        )
    keypoints, channels = found[-1].weight.shape[:2]
    _, config = size_config(channels)
    backbone = build_network(config, keypoints).backbone
    names = [name for name, _ in convolution_names(backbone, 'backbone')]
    if len(names) != len(found) - 1:
        raise ValueError(
            f'it is no RTMPose: its backbone has {len(found) - 1} '
            f'convolutions, expected {len(names)}'
        )
    of_tensor = {conv.output: _block(x) for conv, x in zip(found, names)}
    of_tensor[found[-1].output] = 'head.final_layer'
    of_tensor.update(zip((layer.output for layer in chain), HEAD))
    blocks: Dict[str, List[str]] = {}
    for node in graph.nodes:
        block = of_tensor.get(node.output[0])
        if block is None:
            above = [of_tensor.get(x) for x in graph.dynamic_inputs(node)]
            block = _last([x for x in above if x], blocks)
        for output in node.output:
            of_tensor[output] = block
        blocks.setdefault(block, []).append(node.name)
    return blocks


def _block(name: str) -> str:
    """``backbone.stage1.1`` of ``backbone.stage1.1.blocks.0.conv1.conv``."""
    parts = name.split('.')
    return '.'.join(parts[: 2 if parts[1] == 'stem' else 3])


def _last(candidates: List[str], blocks: Dict[str, List[str]]) -> str:
    order = list(blocks)
    known = [x for x in candidates if x in blocks]
    return max(known, key=order.index) if known else 'backbone.stem'
