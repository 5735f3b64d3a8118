"""mmpose and mmdet import mmcv.ops, which needs the compiled mmcv._ext;
mmcv-lite lacks it and a build of mmcv takes ~25 minutes."""

import importlib.util
import sys
from functools import lru_cache
from types import ModuleType

from .shim import stand_in

VERSIONS = 'mmcv-lite 2.0-2.2 with mmpose 1.3.2, mmdet 3.3.0'
REMOVE_WHEN = 'mmcv ships wheels for the PyTorch in use'
AFTER = 'mmcv'

MODULE = 'mmcv._ext'


def probe() -> str | None:
    if MODULE in sys.modules or importlib.util.find_spec(MODULE):
        return None
    return f"ModuleNotFoundError: No module named '{MODULE}'"


class _Operators(ModuleType):
    """Has every operator; calling one that is not written here raises."""

    def __getattr__(self, op: str):
        if op.startswith('__'):
            raise AttributeError(op)

        def missing(*args, **kwargs):
            raise NotImplementedError(
                f'mmcv.ops needs the compiled operator {op!r}, which mmcv-lite '
                'does not have: install mmcv==2.1.0 with its compiled '
                'operators to use it.'
            )

        missing.__name__ = op
        return missing


def apply() -> None:
    module = _Operators(MODULE)
    module.__dict__.update(
        stand_in(MODULE).__dict__,
        nms=nms,
        get_compiler_version=lambda: 'n/a (mmcv-lite)',
        get_compiling_cuda_version=lambda: 'n/a (mmcv-lite)',
    )
    sys.modules[MODULE] = module


def nms(boxes, scores, iou_threshold: float, offset: int = 0):
    """Greedy NMS with the meaning of ``mmcv._ext.nms``: of (N, 4) corners, the
    (M,) indices of the kept boxes, best score first. Equal scores keep the
    order of the input; with ``offset`` 1 corner pixels belong to the box."""
    import torch

    operator = _torchvision_nms()
    if offset or operator is None or boxes.numel() == 0:
        return nms_torch(boxes, scores, iou_threshold, offset)
    order = scores.sort(descending=True, stable=True).indices
    # torchvision sorts once more: ranks as scores keep ties in order.
    ranks = torch.arange(len(order), 0, -1).to(boxes)
    return order[operator(boxes[order], ranks, iou_threshold)]


def nms_torch(boxes, scores, iou_threshold: float, offset: int = 0):
    """The same in plain torch: one row of IoUs for each kept box."""
    import torch

    order = scores.sort(descending=True, stable=True).indices
    low, high = boxes[order].split(2, 1)
    areas = (high - low + offset).prod(1)
    alive = torch.ones_like(order, dtype=torch.bool)
    keep = []
    for i in range(len(order)):
        if not alive[i]:
            continue
        keep.append(i)
        rest = slice(i + 1, None)
        sides = torch.minimum(high[i], high[rest]) - torch.maximum(
            low[i], low[rest]
        )
        inter = (sides + offset).clamp_min(0).prod(1)
        # 0 / 0 of two empty boxes is NaN, which suppresses nothing.
        iou = inter / (areas[i] + areas[rest] - inter)
        alive[rest] &= ~(iou > iou_threshold)
    return order[torch.tensor(keep, device=boxes.device, dtype=torch.long)]


@lru_cache(maxsize=None)
def _torchvision_nms():
    """torchvision's operator where it runs, else None."""
    import torch

    try:
        from torchvision.ops import nms as operator

        operator(torch.zeros(1, 4), torch.zeros(1), 0.5)
    except Exception:  # a wheel for another torch fails in many ways
        return None
    return operator
