"""What runs a pose network."""

from typing import Protocol, Union

import numpy as np

from ..network import NetworkSpec
from ..simcc import Points, Simcc


class Backend(Protocol):
    """A pose network that is ready to run.

    Attributes:
        name: ``onnxruntime``, ``pytorch`` or ``openvino``.
        device: where it runs, e.g. ``cpu``, ``cuda:0``.
        spec: what the network takes and gives.
    """

    name: str
    device: str
    spec: NetworkSpec

    def run(self, crops: np.ndarray) -> Union[Simcc, Points]:
        """Predict for (B, h, w, 3) uint8 BGR crops, B >= 1."""
        ...


def outputs_of(arrays, kind: str) -> Union[Simcc, Points]:
    """The output arrays of a network as what they are.

    Args:
        arrays: two arrays, or the single one (B, K, 3).
        kind: ``simcc`` or ``points``.
    """
    arrays = [np.asarray(a, dtype=np.float32) for a in arrays]
    if kind == 'simcc':
        return Simcc(*arrays)
    if len(arrays) == 1:
        return Points(arrays[0][..., :2], arrays[0][..., 2])
    return Points(*arrays)


def run_in_batches(run, inputs: np.ndarray, batch) -> list:
    """Feed a network that takes one batch size alone.

    Args:
        run: (B, 3, h, w) to a list of arrays (B, ...).
        inputs: (N, 3, h, w).
        batch: B, or None if any number will do.
    """
    if batch in (None, len(inputs)):
        return run(inputs)
    parts = []
    for start in range(0, len(inputs), batch):
        part = inputs[start : start + batch]
        count = len(part)
        if count < batch:
            padding = np.zeros((batch - count, *part.shape[1:]), part.dtype)
            part = np.concatenate([part, padding])
        parts.append([array[:count] for array in run(part)])
    return [np.concatenate(arrays) for arrays in zip(*parts)]
