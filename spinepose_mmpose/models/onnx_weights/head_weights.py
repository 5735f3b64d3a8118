"""Weights of an RTMCC head from a graph, however its norms are written."""

from typing import Dict, List

import numpy as np
import torch
from torch import Tensor, nn

from .graph import Graph
from .layers import (
    Convolution,
    Linear,
    attention_product,
    query_or_key,
    residual_scale,
    scalar_factors,
)

# mlp.1, gau.uv, gau.o, cls_x, cls_y
HEAD_LINEARS = 5
NORM_EPS = 1e-5
# Relative; measured values that differ less from an exact one are it.
MEASURED = 1e-5


def probed_tensors(last: Convolution, chain: List[Linear]) -> List[str]:
    """What :func:`head_weights` and :func:`fit_attention` look at."""
    first, uv, _, logits_x, _ = chain
    return [last.output, first.input, first.output, uv.input, logits_x.input]


def head_weights(
    graph: Graph,
    last: Convolution,
    chain: List[Linear],
    tensors: Dict[str, np.ndarray],
) -> Dict[str, Tensor]:
    """The head's state, whose attention may be scaled otherwise.

    Args:
        graph: Of the model.
        last: The convolution with an output for each keypoint.
        chain: The :data:`HEAD_LINEARS` products.
        tensors: :func:`probed_tensors` by name, of some images.

    Raises:
        ValueError: It has no gated attention unit.
    """
    first, uv, out, logits_x, logits_y = chain
    hidden = len(out.weight)
    size = len(uv.weight) - 2 * out.weight.shape[1]
    product = attention_product(graph)
    if product is None or size < 1:
        raise ValueError('it has no gated attention unit')
    gamma, beta = zip(
        *(query_or_key(graph, product, row, size) for row in (0, 1))
    )
    scalars = scalar_factors(graph)
    weights = {
        'final_layer.weight': last.weight,
        'final_layer.bias': last.bias,
        'mlp.0.g': _gain(tensors[last.output], tensors[first.input], scalars),
        'mlp.1.weight': first.weight,
        'gau.ln.g': _gain(tensors[first.output], tensors[uv.input], scalars),
        'gau.uv.weight': uv.weight,
        'gau.gamma': np.stack(gamma),
        'gau.beta': np.stack(beta),
        'gau.o.weight': out.weight,
        'gau.res_scale.scale': residual_scale(graph, first.output, hidden),
        'cls_x.weight': logits_x.weight,
        'cls_y.weight': logits_y.weight,
    }
    return {f'head.{k}': torch.from_numpy(x) for k, x in weights.items()}


def _gain(
    before: np.ndarray, after: np.ndarray, scalars: np.ndarray
) -> np.ndarray:
    """g of a ScaleNorm, (1, ), from its input and output, (B, K, ...).

    Measured, since exporters write the norm in many ways; where the nearest
    scalar of the graph is as large, it is that one.
    """
    before, after = (
        x.astype(np.float64).reshape(*x.shape[:2], -1) for x in (before, after)
    )
    norm = np.linalg.norm(before, axis=-1, keepdims=True)
    unit = before / np.maximum(norm * before.shape[-1] ** -0.5, NORM_EPS)
    gain = (unit * after).sum() / np.square(unit).sum()
    if len(scalars):
        nearest = scalars[np.abs(scalars - gain).argmin()]
        if abs(nearest - gain) <= MEASURED * abs(gain):
            gain = nearest
    return np.array([gain], np.float32)


@torch.no_grad()
def fit_attention(
    head: nn.Module, chain: List[Linear], tensors: Dict[str, np.ndarray]
) -> None:
    """Scale the queries of ``head`` as the graph does.

    It may divide them by the root of their length before the product instead
    of after it, or by a root rounded to float16. The attention is the square
    of the product, so a factor r of the result is one of sqrt(r) here.

    Nothing is done where the attention lets nothing through.

    Raises:
        ValueError: No such factor exists.
    """
    before = torch.from_numpy(tensors[chain[0].output])
    branch = torch.from_numpy(tensors[chain[3].input]) - head.gau.res_scale(
        before
    )
    own = head.gau._forward(before)
    power = float(own.double().square().sum())
    if power == 0:
        return
    factor = float((branch * own).double().sum()) / power
    if not 0 < factor < float('inf'):
        raise ValueError('its attention is none of a gated attention unit')
    if abs(factor - 1) > MEASURED:
        head.gau.gamma[0] *= factor**0.5
        head.gau.beta[0] *= factor**0.5
