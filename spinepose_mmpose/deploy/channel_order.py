"""Lets a network trained on RGB take BGR images, exactly."""

from typing import Sequence

import torch
from torch import Tensor, nn

CHANNEL_ORDERS = ('rgb', 'bgr')


def first_convolution(model: nn.Module) -> nn.Conv2d:
    """The convolution that reads the image.

    Raises:
        ValueError: the first one of the model does not take three channels.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            if module.in_channels == 3:
                return module
            break
    raise ValueError(
        'channel_order="bgr" needs a model whose first convolution takes '
        'three channels'
    )


def swap_input_channels(
    conv: nn.Conv2d, mean: Sequence[float], std: Sequence[float]
) -> None:
    r"""Rewrite ``conv`` in place for BGR images.

    Clients that skip the swap to RGB normalise by position: channel c of the
    BGR image becomes :math:`y_c = (p_c - mean_c) / std_c` with the figures of
    R first. The network was trained on
    :math:`x_{2-c} = (p_c - mean_{2-c}) / std_{2-c}`, so

    .. math::
        x_{2-c} = \frac{std_c}{std_{2-c}}
            \left(y_c + \frac{mean_c - mean_{2-c}}{std_c}\right).

    The exchange and the factor go into the weights. The summand is added to
    the input, not to the bias: the convolution pads with zeros, which mean
    the average colour.

    Args:
        conv: Takes three channels.
        mean: Of the channels R, G, B.
        std: Likewise.
    """
    mean, std = torch.tensor(mean), torch.tensor(std)
    factor, shift = std / std.flip(0), (mean - mean.flip(0)) / std
    with torch.no_grad():
        conv.weight.copy_(conv.weight.flip(1) * factor.view(1, 3, 1, 1))
    if not shift.any():
        return
    conv.register_buffer('input_shift', shift.view(1, 3, 1, 1))
    conv.register_forward_pre_hook(_add_input_shift)


def _add_input_shift(conv: nn.Conv2d, args: tuple) -> Tensor:
    return args[0] + conv.input_shift
