from typing import Tuple

import torch
from torch import Tensor

Simcc = Tuple[Tensor, Tensor]


def simcc_accuracy(
    output: Simcc,
    target: Simcc,
    mask: Tensor,
    split_ratio: float = 2.0,
    thr: float = 0.05,
) -> Tensor:
    """The ``acc_pose`` of MMPose's heads, on the device.

    MMPose's ``simcc_pck_accuracy`` takes 68 MB of a batch of 256 from the GPU
    in each step and decodes them on the CPU, which the GPU waits for. The
    value is the same: the share of keypoints within ``thr``, averaged over
    people, then over keypoints. As there, x is measured in heights and y in
    widths of the input.

    Args:
        output: Logits (B, K, Wx) and (B, K, Wy).
        target: Labels of the same shapes.
        mask: Which keypoints count, (B, K) bool.
        split_ratio: Bins in a pixel of the network input.
        thr: Distance that still counts, as a share.

    Returns:
        A scalar; 0 where no keypoint counts.
    """
    height, width = (int(axis.size(-1) / split_ratio) for axis in target[::-1])
    x, y = (_peaks(output) - _peaks(target)).div(split_ratio).unbind(-1)
    distance = torch.hypot(x / height, y / width)  # B, K
    right = ((distance < thr) & mask).sum(0)
    counted = mask.sum(0)
    accuracy = right / counted.clamp(min=1)
    return accuracy.sum() / (counted > 0).sum().clamp(min=1)


def _peaks(simcc: Simcc) -> Tensor:
    """(B, K, 2) bins; as ``get_simcc_maximum`` has them, -1 for none."""
    values, bins = zip(*(axis.detach().max(-1) for axis in simcc))
    nowhere = torch.minimum(*values) <= 0
    return torch.stack(bins, -1).float().masked_fill(nowhere[..., None], -1)
