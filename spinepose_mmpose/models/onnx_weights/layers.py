"""Layers of a CSPNeXt with an RTMCC head, found in a graph by data flow."""

from dataclasses import dataclass
from typing import List, Optional, Tuple

import numpy as np
from onnx import NodeProto

from .graph import MOVES, Graph


@dataclass(frozen=True)
class BatchNorm:
    """One that the exporter has not folded into the convolution."""

    weight: np.ndarray
    bias: np.ndarray
    mean: np.ndarray
    var: np.ndarray
    eps: float


@dataclass(frozen=True)
class Convolution:
    """Weight (out, in / groups, kh, kw), bias (out, ) and what follows."""

    output: str
    weight: np.ndarray
    bias: np.ndarray
    norm: Optional[BatchNorm]


@dataclass(frozen=True)
class Linear:
    """Weight (out, in), as in torch, between two tensors of the graph."""

    input: str
    output: str
    weight: np.ndarray


def convolutions(graph: Graph) -> List[Convolution]:
    """All of a graph, each after those it depends on."""
    followers = {
        node.input[0]: node
        for node in graph.nodes
        if node.op_type == 'BatchNormalization'
    }
    return [
        _convolution(graph, node, followers.get(node.output[0]))
        for node in graph.nodes
        if node.op_type == 'Conv' and node.input[1] in graph.constants
    ]


def _convolution(
    graph: Graph, node: NodeProto, norm: Optional[NodeProto]
) -> Convolution:
    weight = _float(graph, node.input[1])
    has_bias = len(node.input) > 2 and node.input[2]
    return Convolution(
        node.output[0],
        weight,
        _float(graph, node.input[2])
        if has_bias
        else np.zeros(len(weight), np.float32),
        None
        if norm is None
        else BatchNorm(
            *(_float(graph, name) for name in norm.input[1:5]),
            eps=_attribute(norm, 'epsilon', 1e-5),
        ),
    )


def linears(graph: Graph) -> List[Linear]:
    """Products with a constant matrix, each after those it depends on."""
    found = []
    for node in graph.nodes:
        if node.op_type not in ('MatMul', 'Gemm'):
            continue
        dynamic = graph.dynamic_inputs(node)
        if len(dynamic) != 1 or dynamic[0] != node.input[0]:
            continue
        weight = _float(graph, node.input[1])
        if not (node.op_type == 'Gemm' and _attribute(node, 'transB', 0)):
            weight = weight.T
        found.append(
            Linear(dynamic[0], node.output[0], np.ascontiguousarray(weight))
        )
    return found


def attention_product(graph: Graph) -> Optional[NodeProto]:
    """The product of queries and keys: the first of two tensors."""
    for node in graph.nodes:
        if node.op_type == 'MatMul' and len(graph.dynamic_inputs(node)) == 2:
            return node
    return None


def query_or_key(
    graph: Graph, product: NodeProto, row: int, size: int
) -> Tuple[np.ndarray, np.ndarray]:
    """gamma and beta, (size, ) each, of gamma * base + beta.

    Args:
        graph: Of the model.
        product: :func:`attention_product`.
        row: 0 for the queries, 1 for the keys: the input of ``product`` and
            the row where one constant serves both.
        size: Length of a query.
    """
    gamma = np.ones(size, np.float32)
    beta = np.zeros(size, np.float32)
    tensor = product.input[row]
    while (node := graph.producer.get(tensor)) is not None:
        if node.op_type in MOVES:
            tensor = node.input[0]
            continue
        constant = graph.constant_input(node)
        if constant is None or constant.size not in (1, size, 2 * size):
            break  # the activation
        if constant.size == 2 * size:
            constant = constant.reshape(2, size)[row]
        constant = constant.reshape(-1)
        (tensor,) = graph.dynamic_inputs(node)
        if node.op_type == 'Mul':
            gamma = gamma * constant
        elif node.op_type == 'Div' and node.input[0] == tensor:
            gamma = gamma / constant
        elif node.op_type == 'Add':
            beta = beta + gamma * constant
        else:
            break
    return gamma, beta


def residual_scale(graph: Graph, tensor: str, size: int) -> np.ndarray:
    """The constant of length ``size`` that ``tensor`` is multiplied by; ones
    where there is none, as an optimiser leaves an unused one."""
    for node in graph.nodes:
        constant = graph.constant_input(node)
        if (
            node.op_type == 'Mul'
            and constant is not None
            and constant.size == size
            and graph.source(graph.dynamic_inputs(node)[0]) == tensor
        ):
            return constant.reshape(-1)
    return np.ones(size, np.float32)


def scalar_factors(graph: Graph) -> np.ndarray:
    """All constants of one value that something is multiplied by."""
    found = [
        constant.reshape(-1)[0]
        for node in graph.nodes
        if node.op_type == 'Mul'
        and (constant := graph.constant_input(node)) is not None
        and constant.size == 1
    ]
    return np.array(found, np.float32)


def _float(graph: Graph, name: str) -> np.ndarray:
    return graph.constants[name].astype(np.float32)


def _attribute(node: NodeProto, name: str, default):
    for attribute in node.attribute:
        if attribute.name == name:
            return attribute.f if isinstance(default, float) else attribute.i
    return default
