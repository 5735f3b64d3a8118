"""Which blocks stay in float, and what 8 bits cost."""

import importlib.util
import json
import os
import time
from dataclasses import dataclass, field
from typing import Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np
import onnx

from .crops import (
    Crops,
    Predicted,
    Run,
    average_precision,
    mean_shift,
    open_run,
    predict,
)
from .int8 import (
    STYLES,
    activation_ranges,
    node_blocks,
    num_int8_weights,
    quantized,
)
from .onnx_files import prepared

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
class QuantizedModel:
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
) -> QuantizedModel:
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
        return QuantizedModel(model, [], loss)
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
            return QuantizedModel(model, excluded, loss, shifts)
    raise ValueError(
        'no block can be quantised within the loss allowed: the last one left '
        f'{describe(loss)}; more calibration samples or another --method may '
        'help'
    )


def describe(loss: Loss) -> str:
    drop, shift = loss
    lost = '' if drop is None else f'{drop:+.2f} AP lost, '
    return f'{lost}keypoints shifted by {shift:.3f} px'


def latencies(
    runs: Dict[str, Run], image: np.ndarray, rounds: int = 50
) -> Dict[str, float]:
    """Median time of each in milliseconds.

    They take turns, so that whatever else the machine does hits all alike.

    Args:
        runs: By name.
        image: (B, 3, H, W), what each is called with.
        rounds: Calls of each, after two that do not count.
    """
    times: Dict[str, list] = {name: [] for name in runs}
    for turn in range(rounds + 2):
        for name, run in runs.items():
            start = time.perf_counter()
            run(image)
            if turn > 1:
                times[name].append(time.perf_counter() - start)
    return {name: 1e3 * float(np.median(x)) for name, x in times.items()}


def load_note() -> str:
    """What else the machine was doing, for a reader of the figures."""
    busy = os.getloadavg()[0] if hasattr(os, 'getloadavg') else float('nan')
    return (
        f'{os.cpu_count()} cores, load {busy:.1f} in the last minute: '
        'compare the two figures with each other, not with other runs'
    )


# People that a block alone is judged by.
SENSITIVITY_PEOPLE = 64
AUTO, NONE = 'auto', 'none'


@dataclass(frozen=True)
class QuantizationSettings:
    """How to quantise.

    Attributes:
        method: Of calibration, see :data:`.int8.METHODS`.
        exclude: ``auto``, ``none`` or names of blocks.
        tolerance: What may be lost.
        backend: That shall run the file, see :data:`.int8.STYLES`.
        order: Channels that the file takes.
        reduce_range: See :func:`.int8.quantized`.
        threads: Of the backend; 0 for its own choice.
    """

    method: str = 'percentile'
    exclude: Sequence[str] = (AUTO,)
    tolerance: Tolerance = Tolerance()
    backend: str = 'onnxruntime'
    order: str = 'rgb'
    reduce_range: bool = False
    threads: int = 0


class Quantization:
    """One model, its calibration and the people it is judged by.

    Args:
        path: ONNX file of an RTMPose.
        settings: How.
        progress: Called with a line about each step.

    Raises:
        FileNotFoundError, ValueError: The file is no such model, or blocks
            are named that it does not have.
    """

    def __init__(
        self,
        path: str,
        settings: QuantizationSettings,
        progress: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.settings, self.progress = settings, progress
        self.model = prepared(path)
        try:
            self.blocks = node_blocks(self.model)
        except ValueError as error:
            raise ValueError(f'{path}: {error}') from error
        self.float_run = self._run(self.model)
        self.excluded = self._named()

    @property
    def input_size(self):
        """[w, h] in pixels."""
        shape = self.model.graph.input[0].type.tensor_type.shape.dim
        return shape[3].dim_value, shape[2].dim_value

    def __call__(self, calibration: Crops, judges: Crops) -> QuantizedModel:
        """Quantise.

        Args:
            calibration: People whose activations decide the ranges.
            judges: Other people, by whom the loss is measured.

        Raises:
            ValueError: More is lost than the tolerance allows.
        """
        settings = self.settings
        style = STYLES[settings.backend]
        ranges = activation_ranges(
            self.model,
            calibration.inputs(order=settings.order),
            settings.method,
            style,
            progress=True,
        )

        def quantize(nodes):
            return quantized(
                self.model, ranges, nodes, style, settings.reduce_range
            )

        few = calibration.take(SENSITIVITY_PEOPLE)
        wanted = self._predict(self.float_run, few)
        before = self._predict(self.float_run, judges)

        def shift_of(model):
            return mean_shift(self._predict(self._run(model), few), wanted)

        def measure(model):
            return self.loss(
                before, self._predict(self._run(model), judges), judges
            )

        if self.excluded is None:
            return search_blocks(
                self.blocks,
                quantize,
                measure,
                shift_of,
                settings.tolerance,
                self.progress,
            )
        model = quantize(
            [
                node
                for block, nodes in self.blocks.items()
                if block not in self.excluded
                for node in nodes
            ]
        )
        found = QuantizedModel(model, self.excluded, measure(model))
        check_loss(found, settings.tolerance)
        return found

    def loss(self, before: Predicted, after: Predicted, crops: Crops) -> Loss:
        own, other = (average_precision(x, crops) for x in (before, after))
        drop = None if own is None else 100 * (own - other)
        return drop, mean_shift(before, after)

    def table(
        self, found: QuantizedModel, judges: Crops, rounds: int = 50
    ) -> str:
        """AP, shift, size and latency before and after."""
        models = dict(FP32=self.model, INT8=found.model)
        shifts = dict(FP32=0.0, INT8=found.loss[1])
        times = self._latencies(models, judges, rounds)
        rows = [f'{"":6}{"AP":>8}{"shift px":>10}{"MB":>8}{"ms":>8}']
        for name, model in models.items():
            predicted = self._predict(self._run(model), judges)
            ap = average_precision(predicted, judges)
            score = '-' if ap is None else f'{100 * ap:.2f}'
            time = f'{times[name]:.2f}' if name in times else '-'
            rows.append(
                f'{name:6}{score:>8}{shifts[name]:>10.3f}'
                f'{model.ByteSize() / 1e6:>8.2f}{time:>8}'
            )
        rows += [
            f'{len(judges)} people of {judges.source}; boxes of the '
            'annotations, no flip test; batch 1',
            load_note()
            if times
            else f'no latency: {self.settings.backend} is not installed',
        ]
        return '\n'.join(rows)

    def _latencies(self, models, judges: Crops, rounds: int) -> dict:
        """Milliseconds by the backend; nothing where it is missing."""
        backend = self.settings.backend
        if importlib.util.find_spec(backend) is None:
            return {}
        runs = {
            name: open_run(model, self.settings.threads, backend)
            for name, model in models.items()
        }
        image = next(judges.inputs(order=self.settings.order))
        return latencies(runs, image, rounds)

    def described(
        self, found: QuantizedModel, calibration: Crops
    ) -> onnx.ModelProto:
        """The model with how it was made in its metadata."""
        onnx.helper.set_model_props(
            found.model,
            dict(
                quantization=json.dumps(
                    dict(
                        method=self.settings.method,
                        backend=self.settings.backend,
                        people=len(calibration),
                        excluded=found.excluded,
                        int8_weights=num_int8_weights(found.model),
                    )
                )
            ),
        )
        return found.model

    def _run(self, model: onnx.ModelProto):
        return open_run(model, self.settings.threads)

    def _predict(self, run, crops: Crops) -> Predicted:
        return predict(run, crops, self.settings.order)

    def _named(self) -> Optional[List[str]]:
        """Blocks that the user excludes; None for a search."""
        names = list(self.settings.exclude)
        if names == [AUTO]:
            return None
        if names == [NONE]:
            return []
        unknown = [name for name in names if name not in self.blocks]
        if unknown:
            raise ValueError(
                f'unknown blocks {unknown} to exclude; the blocks are '
                f'{list(self.blocks)}, or {AUTO}, or {NONE}'
            )
        return names


def check_loss(found: QuantizedModel, tolerance: Tolerance) -> None:
    """Refuse a model that loses more than allowed.

    Raises:
        ValueError: It does.
    """
    if not tolerance.allows(found.loss):
        raise ValueError(
            f'{describe(found.loss)}, which is more than allowed; nothing was '
            'written. --exclude auto looks for the blocks to leave out'
        )
