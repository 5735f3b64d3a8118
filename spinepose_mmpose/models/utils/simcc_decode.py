import torch
from torch import Tensor

from .full_precision import full_precision


def simcc_soft_argmax(
    simcc_x: Tensor,
    simcc_y: Tensor,
    split_ratio: float = 2.0,
    beta: float = 10.0,
) -> Tensor:
    """Expected keypoint position under the SimCC distributions.

    The differentiable counterpart of MMPose's ``get_simcc_maximum``: of a
    distribution with a single sharp peak it returns the bin of that peak.

    ``beta`` should be that of the SimCC loss (``KLDiscretLoss(beta=10)`` in
    every RTMPose): ``softmax(beta * logits)`` is then the very distribution
    that training fits, and decoding the labels with ``label_beta`` gives the
    place where it should end. Even then the expectation lies a little towards
    the centre of the crop, since ``softmax`` leaves every far bin a weight of
    ``exp(-beta)`` of the peak: about 0.5 % of the distance at 256x192. It
    cancels between prediction and label, which shift alike.

    Args:
        simcc_x: Logits or Gaussian labels along x, (B, K, Wx).
        simcc_y: Logits or Gaussian labels along y, (B, K, Wy).
        split_ratio: Bins in a pixel of the network input.
        beta: Factor before the softmax, an inverse temperature.

    Returns:
        (B, K, 2), [x, y] in pixels of the network input; float32, or float64
        where the input is.
    """
    coords = []
    with full_precision(simcc_x, simcc_y) as axes:
        for simcc in axes:
            bins = torch.arange(
                simcc.size(-1), dtype=simcc.dtype, device=simcc.device
            )
            # B, K, W -> B, K
            coords.append(((beta * simcc).softmax(-1) * bins).sum(-1))
        return torch.stack(coords, dim=-1) / split_ratio
