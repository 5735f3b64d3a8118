"""ONNX files: reading them, the facts in them, float32 copies of them, and
ranges in FP16."""

import json
import os
import tempfile
from dataclasses import dataclass
from typing import Any, Dict, List

import numpy as np
import onnx
from onnx import helper, numpy_helper, shape_inference

from ..inference.backends.onnxruntime import OnnxSession
from ..inference.backends.openvino import OpenVinoSession
from ..inference.network import ABOUT, FIELDS

# Whatever runs a graph here, in float32 where the file is.
SESSIONS = dict(onnxruntime=OnnxSession, openvino=OpenVinoSession)
HALF, FLOAT = onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT
# The first whose QuantizeLinear has an axis, and what files are lifted to.
OPSET_WITH_AXIS, OPSET = 13, 17
LARGEST = float(np.finfo(np.float16).max)  # 65504


def load_onnx(path: str, **options) -> onnx.ModelProto:
    """The model in a file; ``options`` are those of ``onnx.load``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no ONNX file, or is cut off.
    """
    try:
        model = onnx.load(path, **options)
    except FileNotFoundError:
        raise
    except Exception as error:  # of any kind, on a file that is none
        raise ValueError(f'{path} is no ONNX file, or is cut off') from error
    if not model.graph.node or not model.graph.output:
        raise ValueError(f'{path} is no ONNX file, or is cut off')
    return model


def in_float32(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy in which all that was float16 is float32, with equal values."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    for tensor in graph.initializer:
        _widen(tensor)
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == 'Cast' and attribute.name == 'to':
                attribute.i = FLOAT if attribute.i == HALF else attribute.i
            elif attribute.type == onnx.AttributeProto.TENSOR:
                _widen(attribute.t)
    for value in [*graph.input, *graph.output]:
        kind = value.type.tensor_type
        kind.elem_type = FLOAT if kind.elem_type == HALF else kind.elem_type
    del graph.value_info[:]
    return copy


def _widen(tensor: onnx.TensorProto) -> None:
    if tensor.data_type == HALF:
        values = numpy_helper.to_array(tensor).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def write_facts(model, facts: Dict[str, Any]) -> None:
    """Put facts into an ONNX ModelProto; None is left out."""
    said = {pair.key: pair.value for pair in model.metadata_props}
    for key, value in facts.items():
        if value is not None:
            said[key] = json.dumps(value)
    helper.set_model_props(model, said)


def read_facts(model) -> Dict[str, Any]:
    """What a ModelProto says of its network."""
    return {
        pair.key: json.loads(pair.value)
        for pair in model.metadata_props
        if pair.key in (*FIELDS, *ABOUT)
    }


def prepared(path: str) -> onnx.ModelProto:
    """The model in float32 with constants folded and every node named.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no ONNX file, is cut off or is quantised.
    """
    model = load_onnx(path)
    if any(n.op_type.endswith('QuantizeLinear') for n in model.graph.node):
        raise ValueError(
            f'{path} is quantised: its weights are rounded; give the file '
            'that it was made from'
        )
    model = in_float32(model)
    versions = {x.domain: x.version for x in model.opset_import}
    if versions.get('', 0) < OPSET_WITH_AXIS:
        model = onnx.version_converter.convert_version(model, OPSET)
    model = _folded(model)
    for i, node in enumerate(model.graph.node):
        node.name = node.name or f'{node.op_type}_{i}'
    return model


def _folded(model: onnx.ModelProto) -> onnx.ModelProto:
    """ONNX Runtime's basic optimisations, all of standard operators."""
    import onnxruntime

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


@dataclass(frozen=True)
class NodeRange:
    """Of one node, over a batch computed in FP32.

    Attributes:
        name, op: of the node.
        output: largest magnitude of its outputs.
        inner: largest sum of magnitudes that it adds up inside: what a
            partial sum cannot exceed. The output where it adds nothing up;
            not known of a convolution, which hardware adds up in FP32.
    """

    name: str
    op: str
    output: float
    inner: float

    @property
    def overflows(self) -> bool:
        return max(self.output, self.inner) > LARGEST


def node_ranges(model: onnx.ModelProto, inputs: np.ndarray) -> List[NodeRange]:
    """Run an FP32 graph with one input (B, 3, H, W) and look at every tensor:
    the nodes with FP32 outputs, in the order of the graph."""
    values = all_tensors(model, inputs)
    ranges = []
    for node in model.graph.node:
        outputs = [values[name] for name in node.output if name in values]
        if not outputs or node.op_type in ('Constant', 'Identity'):
            continue
        largest = max(map(_largest, outputs))
        inner = _largest(_sums(node, [values.get(n) for n in node.input]))
        ranges.append(
            NodeRange(node.name, node.op_type, largest, max(largest, inner))
        )
    return ranges


def all_tensors(
    model: onnx.ModelProto, inputs: np.ndarray
) -> Dict[str, np.ndarray]:
    """Every FP32 tensor of a run, and all weights, by name."""
    weights = model.graph.initializer
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in weights}
    model = shape_inference.infer_shapes(model)
    known = {value.name for value in model.graph.output}
    for value in model.graph.value_info:
        kind = value.type.tensor_type.elem_type
        if kind == FLOAT and value.name not in known:
            model.graph.output.append(
                helper.make_tensor_value_info(value.name, kind, None)
            )
    session = OnnxSession(model.SerializeToString(), 'cpu', optimize=False)
    name = model.graph.input[0].name
    return {name: inputs, **session.run(inputs), **values}


def _largest(values: np.ndarray) -> float:
    return float(np.abs(values).max(initial=0))


def _sums(node, operands: list) -> np.ndarray:
    """Sums of magnitudes inside a node."""
    x, kind = operands[0], node.op_type
    axes = next((tuple(a.ints) for a in node.attribute if a.name == 'axes'), -1)
    if x is None or (kind == 'MatMul' and operands[1] is None):
        return np.zeros(1)
    if kind == 'ReduceL2':
        return np.square(x, dtype=np.float64).sum(axes)
    if kind in ('ReduceMean', 'ReduceSum'):
        return np.abs(x).sum(axes)
    if kind == 'GlobalAveragePool':
        return np.abs(x).sum((2, 3))
    if kind == 'MatMul':
        return np.abs(x) @ np.abs(operands[1])
    return np.zeros(1)
