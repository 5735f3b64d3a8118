"""Which operations of an ONNX graph would leave FP16's range, and how far."""

from dataclasses import dataclass
from typing import Dict, List

import numpy as np
import onnx
from onnx import helper, numpy_helper, shape_inference

LARGEST = float(np.finfo(np.float16).max)  # 65504


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
    """Run an FP32 graph with one input and look at every tensor.

    Args:
        model: Not changed.
        inputs: (B, 3, H, W) float32.

    Returns:
        In the order of the graph, the nodes with FP32 outputs.
    """
    values = all_tensors(model, inputs)
    values.update(
        (t.name, numpy_helper.to_array(t)) for t in model.graph.initializer
    )
    ranges = []
    for node in model.graph.node:
        outputs = [values[name] for name in node.output if name in values]
        if not outputs or node.op_type in ('Constant', 'Identity'):
            continue
        largest = max(_largest(output) for output in outputs)
        operands = [values.get(name) for name in node.input]
        ranges.append(
            NodeRange(
                node.name,
                node.op_type,
                largest,
                max(largest, _inner(node, operands)),
            )
        )
    return ranges


def all_tensors(
    model: onnx.ModelProto, inputs: np.ndarray
) -> Dict[str, np.ndarray]:
    """Every FP32 tensor of a run, by name."""
    import onnxruntime as ort

    model = shape_inference.infer_shapes(model)
    known = {value.name for value in model.graph.output}
    for value in model.graph.value_info:
        kind = value.type.tensor_type.elem_type
        if kind == onnx.TensorProto.FLOAT and value.name not in known:
            model.graph.output.append(
                helper.make_tensor_value_info(value.name, kind, None)
            )
    settings = ort.SessionOptions()
    settings.graph_optimization_level = (
        ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    )
    session = ort.InferenceSession(
        model.SerializeToString(), settings, ['CPUExecutionProvider']
    )
    (image,) = session.get_inputs()
    names = [output.name for output in session.get_outputs()]
    values = dict(zip(names, session.run(names, {image.name: inputs})))
    values[image.name] = inputs
    return values


def _largest(values: np.ndarray) -> float:
    return float(np.abs(values).max()) if values.size else 0.0


def _inner(node, operands) -> float:
    """Largest sum of magnitudes inside a node."""
    x = operands[0]
    if x is None:
        return 0.0
    if node.op_type == 'ReduceL2':
        return _largest(np.square(x, dtype=np.float64).sum(_axes(node)))
    if node.op_type in ('ReduceMean', 'ReduceSum'):
        return _largest(np.abs(x).sum(_axes(node)))
    if node.op_type == 'GlobalAveragePool':
        return _largest(np.abs(x).sum((2, 3)))
    if node.op_type == 'MatMul' and operands[1] is not None:
        return _largest(np.abs(x) @ np.abs(operands[1]))
    return 0.0


def _axes(node) -> tuple:
    for attribute in node.attribute:
        if attribute.name == 'axes':
            return tuple(attribute.ints)
    return (-1,)
