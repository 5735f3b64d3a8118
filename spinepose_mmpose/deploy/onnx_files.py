"""ONNX files: reading them, the facts in them, and ranges in FP16."""

import json
import os
import tempfile
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import helper, numpy_helper, shape_inference

from ..inference.backends.onnxruntime import OnnxSession
from ..inference.backends.openvino import OpenVinoSession
from ..inference.network import ABOUT, FIELDS

# Whatever runs a graph here, in float32 where the file is.
SESSIONS = dict(onnxruntime=OnnxSession, openvino=OpenVinoSession)
# The first whose QuantizeLinear has an axis, and what files are lifted to.
OPSET_WITH_AXIS, OPSET = 13, 17
LARGEST = float(np.finfo(np.float16).max)  # 65504


def load_onnx(path: str, **options) -> onnx.ModelProto:
    """As ``onnx.load``; a ValueError if the file is none, or cut off."""
    try:
        model = onnx.load(path, **options)
    except FileNotFoundError:
        raise
    except Exception:  # of any kind, on a file that is none
        model = onnx.ModelProto()
    if model.graph.node and model.graph.output:
        return model
    raise ValueError(f'{path} is not an ONNX file, or is cut off')


def write_facts(model, facts: dict[str, Any]) -> None:
    """Put facts into an ONNX ModelProto; None is left out."""
    said = {pair.key: pair.value for pair in model.metadata_props}
    said |= {k: json.dumps(v) for k, v in facts.items() if v is not None}
    helper.set_model_props(model, said)


def read_facts(model) -> dict[str, Any]:
    """What a ModelProto says of its network."""
    return {
        pair.key: json.loads(pair.value)
        for pair in model.metadata_props
        if pair.key in (*FIELDS, *ABOUT)
    }


def prepared(path: str) -> onnx.ModelProto:
    """The model with constants folded and every node named; a ValueError for
    one that is not in float32."""
    model = load_onnx(path)
    versions = {x.domain: x.version for x in model.opset_import}
    if versions.get('', 0) < OPSET_WITH_AXIS:
        model = onnx.version_converter.convert_version(model, OPSET)
    model = _folded(model)
    kinds = {tensor.data_type for tensor in model.graph.initializer}
    if onnx.TensorProto.FLOAT16 in kinds or is_quantized(model):
        raise ValueError(
            f'{path} is not in float32: its weights are rounded; give the file '
            'that it was made from'
        )
    for i, node in enumerate(model.graph.node):
        node.name = node.name or f'{node.op_type}_{i}'
    return model


def is_quantized(model: onnx.ModelProto) -> bool:
    kinds = ('QuantizeLinear', 'DequantizeLinear', 'DynamicQuantizeLinear')
    return any(node.op_type in kinds for node in model.graph.node)


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


class NodeRange(NamedTuple):
    """Of one node, over a batch computed in FP32."""

    name: str
    op: str
    output: float  # largest magnitude
    # Largest sum of magnitudes that it adds up inside: what a partial sum
    # cannot exceed. The output where it adds nothing up; not known of a
    # convolution, which hardware adds up in FP32.
    inner: float

    @property
    def overflows(self) -> bool:
        return self.inner > LARGEST


def node_ranges(model: onnx.ModelProto, inputs: np.ndarray) -> list[NodeRange]:
    """Run an FP32 graph with one input (B, 3, H, W) and look at every tensor:
    the nodes with FP32 outputs, in the order of the graph."""
    values = constants(model) | _computed(model, inputs)
    ranges = []
    for node in model.graph.node:
        outputs = [values[name] for name in node.output if name in values]
        if outputs and node.op_type not in ('Constant', 'Identity'):
            largest = float(max(np.abs(x).max(initial=0) for x in outputs))
            inner = float(_sums(node, values).max(initial=largest))
            ranges.append(NodeRange(node.name, node.op_type, largest, inner))
    return ranges


def constants(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """Initializers and the values of Constant nodes by name."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    tensors |= {
        node.output[0]: attribute.t
        for node in model.graph.node
        for attribute in node.attribute
        if node.op_type == 'Constant' and attribute.name == 'value'
    }
    return {name: numpy_helper.to_array(x) for name, x in tensors.items()}


def _computed(
    model: onnx.ModelProto, inputs: np.ndarray
) -> dict[str, np.ndarray]:
    """Every FP32 tensor of a run."""
    model = shape_inference.infer_shapes(model)
    known = {value.name for value in model.graph.output}
    for value in model.graph.value_info:
        kind = value.type.tensor_type.elem_type
        if kind == onnx.TensorProto.FLOAT and value.name not in known:
            model.graph.output.append(
                helper.make_tensor_value_info(value.name, kind, None)
            )
    session = OnnxSession(model.SerializeToString(), 'cpu', optimize=False)
    return {model.graph.input[0].name: inputs, **session.run(inputs)}


def _sums(node, values: dict[str, np.ndarray]) -> np.ndarray:
    """Sums of magnitudes inside a node; none where it adds nothing up."""
    x, second = (*(values.get(name) for name in node.input), None, None)[:2]
    kind = node.op_type
    if kind == 'MatMul' and x is not None and second is not None:
        return np.abs(x) @ np.abs(second)
    if x is not None and kind == 'GlobalAveragePool':
        return np.abs(x).sum((2, 3))
    if x is not None and kind in ('ReduceL2', 'ReduceMean', 'ReduceSum'):
        # An attribute up to opset 17 (12 of ReduceSum), then an input.
        axes = next(
            (a.ints for a in node.attribute if a.name == 'axes'), second
        )
        every = axes is None or not len(axes)
        terms = np.square(x, dtype=float) if kind == 'ReduceL2' else np.abs(x)
        return terms.sum(None if every else tuple(axes))
    return np.zeros(0)
