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
