"""An ONNX graph as data flow: who makes a tensor, and which are constant.

Nothing here goes by the names that an exporter chose, nor by the order of the
nodes in the file.
"""

from typing import Dict, List, Optional

import numpy as np
import onnx
from onnx import NodeProto, numpy_helper
from onnx.reference import ReferenceEvaluator

# Larger results are no constants worth folding.
FOLDED_VALUES = 1 << 26
# Move or reinterpret values, one by one.
MOVES = {
    'Cast',
    'Expand',
    'Flatten',
    'Gather',
    'Identity',
    'Reshape',
    'Slice',
    'Split',
    'Squeeze',
    'Transpose',
    'Unsqueeze',
}


def load_onnx(path: str) -> onnx.ModelProto:
    """The model in a file, complete and of float32 or float16.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no ONNX file, is cut off or is quantised.
    """
    try:
        model = onnx.load(path)
    except FileNotFoundError:
        raise
    except Exception as error:  # of any kind, on a file that is none
        raise ValueError(f'{path} is no ONNX file, or is cut off') from error
    if not model.graph.node or not model.graph.output:
        raise ValueError(f'{path} is no ONNX file, or is cut off')
    if any(
        node.op_type.endswith('QuantizeLinear') for node in model.graph.node
    ):
        raise ValueError(
            f'{path} is quantised: its weights are rounded; give the file '
            'that it was made from'
        )
    return model


class Graph:
    """Data flow of an ONNX graph.

    Attributes:
        constants: Tensor -> value, of initialisers and of all that follows
            from them alone.
        nodes: The others, each after what it reads, as a walk from the
            outputs back to the input meets them. A node's inputs are walked
            in their order, so that the result is the same however the file
            lists its nodes or orders the two inputs of an addition in which
            one holds the other.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        graph = model.graph
        self.producer: Dict[str, NodeProto] = {
            name: node for node in graph.node for name in node.output if name
        }
        self.constants: Dict[str, np.ndarray] = {
            tensor.name: numpy_helper.to_array(tensor)
            for tensor in graph.initializer
        }
        self.inputs = [
            value.name
            for value in graph.input
            if value.name not in self.constants
        ]
        self.outputs = [value.name for value in graph.output]
        for node in graph.node:
            self._fold(node, model.opset_import)
        self.nodes = self._walk()

    def dynamic_inputs(self, node: NodeProto) -> List[str]:
        return [x for x in node.input if x and x not in self.constants]

    def constant_input(self, node: NodeProto) -> Optional[np.ndarray]:
        """The constant of a node with one, as float32."""
        found = [x for x in node.input if x in self.constants]
        if len(found) != 1:
            return None
        return self.constants[found[0]].astype(np.float32)

    def source(self, tensor: str) -> str:
        """Where the values of ``tensor`` come from, through :data:`MOVES`."""
        while tensor in self.producer:
            node = self.producer[tensor]
            if node.op_type not in MOVES:
                break
            tensor = node.input[0]
        return tensor

    def _fold(self, node: NodeProto, opsets) -> None:
        if any(x and x not in self.constants for x in node.input) or any(
            attribute.HasField('g') for attribute in node.attribute
        ):
            return
        feeds = {x: self.constants[x] for x in node.input if x}
        try:
            body = onnx.helper.make_graph(
                [node],
                'constant',
                [onnx.ValueInfoProto(name=x) for x in feeds],
                [onnx.ValueInfoProto(name=x) for x in node.output if x],
            )
            values = ReferenceEvaluator(
                onnx.helper.make_model(body, opset_imports=opsets)
            ).run(None, feeds)
        except Exception:  # one of many operators: then it is no constant
            return
        if sum(np.size(value) for value in values) <= FOLDED_VALUES:
            self.constants.update(
                zip([x for x in node.output if x], map(np.asarray, values))
            )

    def _walk(self) -> List[NodeProto]:
        order, seen = [], set()
        # (tensor, whether its inputs have been walked)
        stack = [(name, False) for name in reversed(self.outputs)]
        while stack:
            tensor, done = stack.pop()
            node = self.producer.get(tensor)
            if node is None or tensor in self.constants:
                continue
            key = node.output[0]
            if done:
                order.append(node)
            elif key not in seen:
                seen.add(key)
                stack.append((tensor, True))
                stack += [(x, False) for x in reversed(node.input) if x]
        return order
