"""Non-maximum suppression without a compiled mmcv."""

from functools import lru_cache

import torch
from torch import Tensor


def nms(
    boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int = 0
) -> Tensor:
    """Greedy NMS with the meaning of ``mmcv._ext.nms``.

    Args:
        boxes: (N, 4) corners x1, y1, x2, y2 in pixels.
        scores: (N, ). Equal scores keep the order of the input.
        iou_threshold: A box is dropped if its IoU with a kept one is larger.
        offset: 1 if the corner pixels belong to the box, else 0.

    Returns:
        Tensor: (M, ) int64 indices of the kept boxes, best score first.
    """
    if boxes.numel() == 0:
        return boxes.new_zeros((0,), dtype=torch.long)
    if offset == 0 and _torchvision_nms() is not None:
        order = scores.sort(descending=True, stable=True).indices
        # torchvision sorts once more: ranks as scores keep ties in order.
        ranks = torch.arange(
            len(order), 0, -1, device=boxes.device, dtype=boxes.dtype
        )
        if len(order) < 2**24 or boxes.dtype == torch.float64:
            return order[_torchvision_nms()(boxes[order], ranks, iou_threshold)]
    return nms_torch(boxes, scores, iou_threshold, offset)


def nms_torch(
    boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int = 0
) -> Tensor:
    """The same in plain torch: one row of IoUs for each kept box."""
    order = scores.sort(descending=True, stable=True).indices
    x1, y1, x2, y2 = boxes[order].unbind(1)
    areas = (x2 - x1 + offset) * (y2 - y1 + offset)
    alive = torch.ones_like(order, dtype=torch.bool)
    keep = []
    for i in range(len(order)):
        if not alive[i]:
            continue
        keep.append(i)
        rest = slice(i + 1, None)
        w = (
            torch.minimum(x2[i], x2[rest])
            - torch.maximum(x1[i], x1[rest])
            + offset
        ).clamp_min(0)
        h = (
            torch.minimum(y2[i], y2[rest])
            - torch.maximum(y1[i], y1[rest])
            + offset
        ).clamp_min(0)
        inter = w * h
        # 0 / 0 of two empty boxes is NaN, which suppresses nothing.
        iou = inter / (areas[i] + areas[rest] - inter)
        alive[rest] &= ~(iou > iou_threshold)
    return order[torch.tensor(keep, device=boxes.device, dtype=torch.long)]


@lru_cache(maxsize=None)
def _torchvision_nms():
    """torchvision's operator where it runs, else None."""
    try:
        from torchvision.ops import nms as operator

        operator(torch.zeros(1, 4), torch.zeros(1), 0.5)
    except Exception:  # a wheel for another torch fails in many ways
        return None
    return operator
