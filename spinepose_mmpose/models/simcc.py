"""SimCC distributions: accuracy and soft decoding on the device, in float32."""

from contextlib import contextmanager
from typing import Iterator, Tuple

import torch
from torch import Tensor


@contextmanager
def full_precision(*tensors: Tensor) -> Iterator[Tuple[Tensor, ...]]:
    """Autocast off, and the tensors in float32 or, where they are, float64.

    A squared pixel distance overflows float16 (65504) and bfloat16 keeps only
    eight bits of a coordinate, so no loss here is computed in either.
    """
    with torch.autocast(tensors[0].device.type, enabled=False):
        yield tuple(
            t.to(torch.promote_types(t.dtype, torch.float32)) for t in tensors
        )


Simcc = Tuple[Tensor, Tensor]


def simcc_accuracy(
    output: Simcc,
    target: Simcc,
    mask: Tensor,
    split_ratio: float = 2.0,
) -> Tensor:
    """The ``acc_pose`` of MMPose's heads, on the device.

    MMPose's ``simcc_pck_accuracy`` takes 68 MB of a batch of 256 from the GPU
    in each step and decodes them on the CPU, which the GPU waits for. The
    value is the same: the share of keypoints within 0.05, averaged over
    people, then over keypoints. As there, x is measured in heights and y in
    widths of the input.

    Args:
        output, target: Logits and labels, (B, K, Wx) and (B, K, Wy).
        mask: Which keypoints count, (B, K) bool; the result is 0 if none does.
        split_ratio: Bins in a pixel of the network input.
    """
    height, width = (int(axis.size(-1) / split_ratio) for axis in target[::-1])
    x, y = (_peaks(output) - _peaks(target)).div(split_ratio).unbind(-1)
    distance = torch.hypot(x / height, y / width)  # B, K
    right = ((distance < 0.05) & mask).sum(0)
    counted = mask.sum(0)
    accuracy = right / counted.clamp(min=1)
    return accuracy.sum() / (counted > 0).sum().clamp(min=1)


def _peaks(simcc: Simcc) -> Tensor:
    """(B, K, 2) bins; as ``get_simcc_maximum`` has them, -1 for none."""
    values, bins = zip(*(axis.detach().max(-1) for axis in simcc))
    nowhere = torch.minimum(*values) <= 0
    return torch.stack(bins, -1).float().masked_fill(nowhere[..., None], -1)


def simcc_soft_argmax(
    simcc_x: Tensor,
    simcc_y: Tensor,
    split_ratio: float = 2.0,
    beta: float = 10.0,
) -> Tensor:
    """Expected keypoint position under the SimCC distributions.

    The differentiable counterpart of MMPose's ``get_simcc_maximum``.

    ``beta``, an inverse temperature, should be that of the SimCC loss:
    ``softmax(beta * logits)`` is then the very distribution that training
    fits. The expectation lies a little towards the centre of the crop, since
    ``softmax`` leaves every far bin a weight of ``exp(-beta)`` of the peak:
    about 0.5 % of the distance at 256x192. It cancels between prediction and
    label, which shift alike.

    Args:
        simcc_x, simcc_y: Logits or Gaussian labels, (B, K, Wx) and (B, K, Wy).
        split_ratio: Bins in a pixel of the network input.

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
