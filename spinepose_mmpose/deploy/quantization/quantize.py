"""An ONNX pose model in 8 bits, with the figures that say what it costs."""

import json
from dataclasses import dataclass
from typing import Callable, List, Optional, Sequence

import onnx

from .blocks import node_blocks, prepared
from .latency import latencies, load_note, openvino_runner
from .predictions import (
    Predicted,
    average_precision,
    mean_shift,
    open_session,
    predict,
    runner,
)
from .samples import Crops
from .search import Found, Loss, Tolerance, describe, search_blocks
from .static import (
    STYLES,
    activation_ranges,
    num_int8_weights,
    quantized,
)

# People that a block alone is judged by.
SENSITIVITY_PEOPLE = 64
AUTO, NONE = 'auto', 'none'


@dataclass(frozen=True)
class Settings:
    """How to quantise.

    Attributes:
        method: Of calibration, see :data:`.static.METHODS`.
        exclude: ``auto``, ``none`` or names of blocks.
        tolerance: What may be lost.
        backend: That shall run the file, see :data:`.static.STYLES`.
        order: Channels that the file takes.
        reduce_range: See :func:`.static.quantized`.
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
        settings: Settings,
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

    def __call__(self, calibration: Crops, judges: Crops) -> Found:
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
        found = Found(model, self.excluded, measure(model))
        check_loss(found, settings.tolerance)
        return found

    def loss(self, before: Predicted, after: Predicted, crops: Crops) -> Loss:
        own, other = (average_precision(x, crops) for x in (before, after))
        drop = None if own is None else 100 * (own - other)
        return drop, mean_shift(before, after)

    def table(self, found: Found, judges: Crops, rounds: int = 50) -> str:
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
        threads = self.settings.threads
        if self.settings.backend == 'openvino':
            try:
                runs = {
                    name: openvino_runner(model, threads)
                    for name, model in models.items()
                }
            except ImportError:
                return {}
        else:
            runs = {name: self._run(model) for name, model in models.items()}
        image = next(judges.inputs(order=self.settings.order))
        return latencies(runs, image, rounds)

    def described(self, found: Found, calibration: Crops) -> onnx.ModelProto:
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
        return runner(open_session(model, self.settings.threads))

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


def check_loss(found: Found, tolerance: Tolerance) -> None:
    """Refuse a model that loses more than allowed.

    Raises:
        ValueError: It does.
    """
    if not tolerance.allows(found.loss):
        raise ValueError(
            f'{describe(found.loss)}, which is more than allowed; nothing was '
            'written. --exclude auto looks for the blocks to leave out'
        )
