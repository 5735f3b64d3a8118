"""Running an ONNX model: in float32, with tensors from within."""

from typing import Dict, Sequence

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

HALF, FLOAT = TensorProto.FLOAT16, TensorProto.FLOAT


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


def _widen(tensor: TensorProto) -> None:
    if tensor.data_type == HALF:
        values = numpy_helper.to_array(tensor).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def run_tensors(
    model: onnx.ModelProto, images: np.ndarray, names: Sequence[str]
) -> Dict[str, np.ndarray]:
    """Tensors of the graph, each with the images along its first axis.

    Args:
        model: With one input.
        images: (N, 3, H, W), fed one at a time, as a file of a fixed batch
            wants.
        names: Of the tensors.
    """
    import onnxruntime

    wanted = list(dict.fromkeys(names))
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    own = {value.name for value in copy.graph.output}
    copy.graph.output.extend(
        onnx.ValueInfoProto(name=name) for name in wanted if name not in own
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        copy.SerializeToString(), options, providers=['CPUExecutionProvider']
    )
    (feed,) = [value.name for value in session.get_inputs()]
    runs = [session.run(wanted, {feed: image[None]}) for image in images]
    return {
        name: np.concatenate(parts) for name, parts in zip(wanted, zip(*runs))
    }
