"""Half the file: weights as FP16, arithmetic as before."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Smaller tensors are not worth a node.
MIN_ELEMENTS = 256
LARGEST = float(np.finfo(np.float16).max)


def store_weights_as_fp16(model: onnx.ModelProto) -> int:
    """Store FP32 initializers as FP16, each with a Cast back to FP32.

    Runtimes do the casts once, when they load the file. A tensor with a value
    that FP16 cannot hold stays as it is.

    Args:
        model: Changed in place.

    Returns:
        How many tensors were changed.
    """
    graph = model.graph
    casts, inputs = [], {value.name for value in graph.input}
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or tensor.name in inputs:
            continue
        values = numpy_helper.to_array(tensor)
        if values.size < MIN_ELEMENTS or np.abs(values).max() > LARGEST:
            continue
        name = tensor.name
        tensor.CopyFrom(
            numpy_helper.from_array(values.astype(np.float16), f'{name}_fp16')
        )
        casts.append(
            helper.make_node(
                'Cast', [f'{name}_fp16'], [name], to=TensorProto.FLOAT
            )
        )
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return len(casts)
