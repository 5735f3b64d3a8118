"""Files for clients that feed BGR, with the exchange in the network."""

from dataclasses import dataclass
from typing import Optional

import numpy as np
import torch
from torch import Tensor

from .graph import Graph


@dataclass(frozen=True)
class BgrInput:
    r"""An input y of normalised BGR, made from the network's RGB one x.

    With mean and std of R, G, B, :math:`x_{2-c} = f_c (y_c + s_c)` where
    :math:`f_c = std_c / std_{2-c}`, :math:`s_c = (mean_c - mean_{2-c}) /
    std_c`. The file's first convolution holds the factor and the order, the
    summand is a node before it.
    """

    factor: Tensor
    shift: Tensor

    def rgb_weight(self, weight: Tensor) -> Tensor:
        """The first convolution's, (out, 3, kh, kw), without the exchange."""
        return (weight / self.factor.view(1, 3, 1, 1)).flip(1)

    def rgb_images(self, images: Tensor) -> Tensor:
        """The same images, (B, 3, H, W), as the network takes them."""
        shift, factor = (x.view(1, 3, 1, 1) for x in (self.shift, self.factor))
        return ((images + shift) * factor).flip(1)


def bgr_input(graph: Graph, preprocessor: dict) -> Optional[BgrInput]:
    """How the file takes BGR images; None where it takes what the config says.

    Args:
        graph: Of the model.
        preprocessor: ``data_preprocessor`` of the config.

    Raises:
        ValueError: Something else is added to the input.
    """
    found = [
        constant.reshape(-1)
        for node in graph.nodes
        if node.op_type == 'Add'
        and graph.dynamic_inputs(node) == graph.inputs[:1]
        and (constant := graph.constant_input(node)) is not None
    ]
    if not found:
        return None
    mean, std = (
        torch.tensor(preprocessor[name], dtype=torch.float32)
        for name in ('mean', 'std')
    )
    shift = (mean - mean.flip(0)) / std
    if found[0].size != 3 or not np.allclose(found[0], shift, atol=1e-5):
        raise ValueError(
            f'it adds {found[0].tolist()[:3]} to its input, which is not the '
            'step from BGR to RGB with the mean and std of the config'
        )
    return BgrInput(std / std.flip(0), shift)
