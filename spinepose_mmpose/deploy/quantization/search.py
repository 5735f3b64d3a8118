"""Which blocks stay in float: the worst, until the rest is good enough."""

from dataclasses import dataclass, field
from typing import Callable, Dict, List, Optional, Sequence, Tuple

import onnx

# Of a quantised model: AP lost (AP points; None without labels) and the mean
# shift of the keypoints, pixels of the network input.
Loss = Tuple[Optional[float], float]
# Allowed where AP cannot be measured and nothing is said.
SHIFT_WITHOUT_AP = 1.0


@dataclass(frozen=True)
class Tolerance:
    """What may be lost.

    Attributes:
        drop: AP points; where AP can be measured.
        shift: Mean shift of the keypoints in pixels of the network input;
            None asks nothing where AP is measured, and
            :data:`SHIFT_WITHOUT_AP` elsewhere.
    """

    drop: float = 1.0
    shift: Optional[float] = None

    def allows(self, loss: Loss) -> bool:
        drop, shift = loss
        limit = self.shift
        if limit is None and drop is None:
            limit = SHIFT_WITHOUT_AP
        return (drop is None or drop <= self.drop) and (
            limit is None or shift <= limit
        )


@dataclass
class Found:
    """What :func:`search_blocks` found.

    Attributes:
        model: Quantised.
        excluded: Blocks in float, in order of their exclusion.
        loss: Of the model.
        shifts: Block -> mean shift with this block alone in 8 bits; empty
            where all blocks could be.
    """

    model: onnx.ModelProto
    excluded: List[str]
    loss: Loss
    shifts: Dict[str, float] = field(default_factory=dict)


def search_blocks(
    blocks: Dict[str, Sequence[str]],
    quantize: Callable[[Sequence[str]], onnx.ModelProto],
    measure: Callable[[onnx.ModelProto], Loss],
    shift_of: Callable[[onnx.ModelProto], float],
    tolerance: Tolerance,
    report: Callable[[str], None] = lambda text: None,
) -> Found:
    """Quantise all blocks but the fewest of the most sensitive ones.

    Each block is quantised alone and the keypoints' shift measured; then the
    blocks are left out from the worst on until ``tolerance`` holds.

    Args:
        blocks: Nodes by block.
        quantize: The model with these nodes in 8 bits.
        measure: What it loses.
        shift_of: The mean shift alone, on fewer people if that is quicker.
        tolerance: What may be lost.
        report: Called with a line about each step.

    Raises:
        ValueError: Not even one block can be quantised.
    """
    model = quantize([node for nodes in blocks.values() for node in nodes])
    loss = measure(model)
    report(f'all blocks: {describe(loss)}')
    if tolerance.allows(loss):
        return Found(model, [], loss)
    shifts = {}
    for block, nodes in blocks.items():
        shifts[block] = shift_of(quantize(nodes))
        report(f'{block} alone: shift {shifts[block]:.3f} px')
    excluded = []
    for block in sorted(shifts, key=shifts.get, reverse=True)[:-1]:
        excluded.append(block)
        model = quantize(
            [
                node
                for name, nodes in blocks.items()
                if name not in excluded
                for node in nodes
            ]
        )
        loss = measure(model)
        report(f'without {", ".join(excluded)}: {describe(loss)}')
        if tolerance.allows(loss):
            return Found(model, excluded, loss, shifts)
    raise ValueError(
        'no block can be quantised within the loss allowed: the last one left '
        f'{describe(loss)}; more calibration samples or another --method may '
        'help'
    )


def describe(loss: Loss) -> str:
    drop, shift = loss
    lost = '' if drop is None else f'{drop:+.2f} AP lost, '
    return f'{lost}keypoints shifted by {shift:.3f} px'
