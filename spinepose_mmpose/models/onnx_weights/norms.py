"""Batch norms for convolutions into which an exporter folded them."""

from typing import Dict, Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from .layers import BatchNorm


def identity_norm(bias: Tensor, eps: float) -> Dict[str, Tensor]:
    """State of a batch norm that adds ``bias`` (C, ) and does no more.

    Equal in evaluation only: in training a batch norm takes the statistics of
    the batch, which are not those of an identity; see
    :func:`recover_statistics`.
    """
    return dict(
        weight=torch.ones_like(bias),
        bias=bias,
        running_mean=torch.zeros_like(bias),
        # sqrt(var + eps) is 1
        running_var=torch.full_like(bias, 1 - eps),
        num_batches_tracked=torch.zeros((), dtype=torch.long),
    )


def own_norm(norm: BatchNorm, bias: Tensor, eps: float) -> Dict[str, Tensor]:
    """State of a batch norm that the file still has.

    Args:
        norm: In the file.
        bias: Of the convolution before it, which has none here, (C, ).
        eps: Of the batch norm here.
    """
    weight, shift, mean, var = map(
        torch.from_numpy, (norm.weight, norm.bias, norm.mean, norm.var)
    )
    return dict(
        weight=weight,
        bias=shift,
        running_mean=mean - bias,
        running_var=var + (norm.eps - eps),
        num_batches_tracked=torch.zeros((), dtype=torch.long),
    )


@torch.no_grad()
def recover_statistics(network: nn.Module, batches: Iterable[Tensor]) -> int:
    """Give each batch norm the statistics of what really reaches it.

    With the mean m and variance v of its input over the images, a batch norm
    of weight w, bias b, mean m0 and variance v0 becomes one of mean m,
    variance v, weight w sqrt((v + eps) / (v0 + eps)) and bias
    b + w (m - m0) / sqrt(v0 + eps): the same function in evaluation, and in
    training on such images nearly so.

    Args:
        network: In evaluation mode; changed in place.
        batches: (B, 3, H, W) each, as the network takes them.

    Returns:
        The number of images.

    Raises:
        ValueError: There are none.
    """
    norms = [m for m in network.modules() if isinstance(m, _BatchNorm)]
    sums = {
        norm: [torch.zeros(norm.num_features, dtype=torch.double)] * 2
        for norm in norms
    }
    counts = dict.fromkeys(norms, 0)

    def gather(norm, inputs):
        values = inputs[0].double()
        counts[norm] += values.numel() // values.size(1)
        sums[norm] = [
            total + power.sum((0, 2, 3))
            for total, power in zip(sums[norm], (values, values.square()))
        ]

    hooks = [norm.register_forward_pre_hook(gather) for norm in norms]
    try:
        images = sum(len(network.backbone(x)[0]) for x in batches)
    finally:
        for hook in hooks:
            hook.remove()
    if not images:
        raise ValueError('No images to take the statistics from.')
    for norm in norms:
        mean, square = (total / counts[norm] for total in sums[norm])
        _set_statistics(norm, mean, (square - mean.square()).clamp(min=0))
    return images


def _set_statistics(norm: _BatchNorm, mean: Tensor, var: Tensor) -> None:
    old = (norm.running_var.double() + norm.eps).sqrt()
    gain = norm.weight.double() / old
    norm.bias += (gain * (mean - norm.running_mean.double())).to(norm.bias)
    norm.weight.copy_(gain * (var + norm.eps).sqrt())
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(var)
