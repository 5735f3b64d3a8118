"""A pose network in 8 bits; blocks that this costs too much stay in float."""

import contextlib
import importlib.util
import io
import math
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationMethod, QuantType
from onnxruntime.quantization.calibrate import create_calibrator
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from tqdm import tqdm

from ..utils import quietly
from .crops import Crops, Run, average_precision, latencies, mean_shift, predict
from .onnx_files import SESSIONS, prepared, read_facts, write_facts

METHODS = {method.name.lower(): method for method in CalibrationMethod}
WEIGHTED = ('Conv', 'MatMul', 'Gemm')
# What a backend wants in 8 bits to be quick, and of this what with its inputs
# only. ONNX Runtime: a kernel is 8-bit where the node's output is, too; what
# lies between the convolutions should stay so. OpenVINO: a quantised output
# costs a step of its own; the rest is fused in float.
OPERATORS = dict(
    onnxruntime=(*WEIGHTED, 'Add', 'Concat', 'MaxPool', 'Mul'),
    openvino=WEIGHTED,
)
FLOAT_OUTPUTS = dict(onnxruntime=(), openvino=WEIGHTED)
OUTPUTS = (['simcc_x', 'simcc_y'], ['keypoints', 'scores'])
# PyTorch names nodes by the modules, mmdeploy without that of the head.
BLOCK = re.compile(
    r'/backbone/(stem|stage\d)/(?:stage\d\.(\d))?|'
    r'/(final_layer|mlp|gau|cls_x|cls_y)/'
)
# Images whose activations are held at once.
CHUNK = 8
# People that a block alone is judged by.
SENSITIVITY_PEOPLE = 64
AUTO, NONE = 'auto', 'none'


def node_blocks(model: onnx.ModelProto) -> dict[str, list[str]]:
    """Names of the nodes in each block of an RTMPose, in order of data flow.

    Blocks carry the names of the modules: ``backbone.stem``,
    ``backbone.stage1.0``, ..., ``head.gau``. A node that is not named by its
    module belongs to the block before, or is a block if it has weights.

    Raises:
        ValueError: It is not an RTMPose.
    """
    outputs = [output.name for output in model.graph.output]
    if outputs not in OUTPUTS:
        raise ValueError(
            f'the ONNX file is not an RTMPose: its outputs are {outputs}, not '
            f'one of {OUTPUTS}'
        )
    weights = {tensor.name for tensor in model.graph.initializer}
    blocks: dict[str, list[str]] = {}
    makers: dict[str, str] = {}  # by output of a node
    block = 'input'
    for node in model.graph.node:
        found = BLOCK.match(node.name.removeprefix('/head'))
        if found:
            stage, row, module = found.groups()
            block = f'head.{module}' if module else f'backbone.{stage}'
            block += f'.{row}' if row else ''
        elif node.op_type in WEIGHTED and weights & set(node.input):
            block = node.name
        blocks.setdefault(block, []).append(node.name)
        makers.update(dict.fromkeys(node.output, block))
    # Side by side in the graph: as the outputs are.
    for output in outputs:
        blocks[makers[output]] = blocks.pop(makers[output])
    return blocks


@contextlib.contextmanager
def _silence():
    with quietly(), contextlib.redirect_stdout(io.StringIO()):
        yield


@_silence()
def activation_ranges(
    model: onnx.ModelProto,
    images: Iterable[np.ndarray],
    method: str,
    backend: str = 'onnxruntime',
):
    """Range of every activation over the images, (1, 3, H, W) each, by one of
    :data:`METHODS`; of the backend's :data:`OPERATORS`."""
    feeds = [{model.graph.input[0].name: image} for image in images]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'model.onnx')
        onnx.save(model, path)
        calibrator = create_calibrator(
            path,
            list(OPERATORS[backend]),
            os.path.join(folder, 'augmented.onnx'),
            METHODS[method],
            extra_options=dict(symmetric=False),  # also of percentiles
        )
        for i in tqdm(range(0, len(feeds), CHUNK), 'calibration'):
            chunk = iter(feeds[i : i + CHUNK])
            reader = SimpleNamespace(get_next=partial(next, chunk, None))
            calibrator.collect_data(reader)
        ranges = calibrator.compute_data()
        del calibrator  # it holds the files open
    return ranges


@_silence()  # the tools advise to preprocess, which has been done
def quantized(
    model: onnx.ModelProto,
    ranges,
    nodes: Sequence[str],
    backend: str = 'onnxruntime',
    reduce_range: bool = False,
) -> onnx.ModelProto:
    """A copy of ``model`` in which ``nodes`` are 8-bit.

    Activations are uint8 with a zero point, weights int8 with a scale for
    each output channel.

    Args:
        nodes: By name; those of other operators than the backend's stay.
        reduce_range: Weights of 7 bits, for CPUs without VNNI, whose sums of
            two products saturate at 16 bits.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    operators = OPERATORS[backend]
    kinds = {node.name: node.op_type for node in model.graph.node}
    chosen = [name for name in nodes if kinds[name] in operators]
    if not chosen:  # which would mean all
        return copy
    quantizer = QDQQuantizer(
        copy,
        per_channel=True,
        reduce_range=reduce_range,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=ranges,
        nodes_to_quantize=chosen,
        nodes_to_exclude=[],
        op_types_to_quantize=list(operators),
        extra_options=dict(
            OpTypesToExcludeOutputQuantization=list(FLOAT_OUTPUTS[backend])
        ),
    )
    quantizer.quantize_model()
    quantizer.model.topological_sort()
    return quantizer.model.model


class Loss(NamedTuple):
    """Of a quantised model: AP points, None without labels, and mean shift of
    the keypoints in pixels of the network input."""

    drop: float | None
    shift: float

    def __str__(self) -> str:
        lost = '' if self.drop is None else f'{self.drop:+.2f} AP lost, '
        return f'{lost}keypoints shifted by {self.shift:.3f} px'


class Tolerance(NamedTuple):
    """What may be lost; of the shift by default anything where AP is measured,
    and otherwise 1."""

    drop: float = 1.0
    shift: float | None = None

    def allows(self, loss: Loss) -> bool:
        if loss.drop is None and self.shift is None:
            return loss.shift <= 1
        limit = math.inf if self.shift is None else self.shift
        drops = loss.drop is not None and loss.drop > self.drop
        return not drops and loss.shift <= limit


class QuantizedModel(NamedTuple):
    """With the blocks that stay in float, in order of their exclusion."""

    model: onnx.ModelProto
    excluded: list[str]
    loss: Loss


def search_blocks(
    blocks: Iterable[str],
    without: Callable[[list[str]], QuantizedModel],
    shift_of: Callable[[str], float],
    tolerance: Tolerance,
    report: Callable[[str], None] = print,
) -> QuantizedModel:
    """Quantise all blocks but the fewest of the most sensitive ones.

    The shift of the keypoints is measured with one block alone in 8 bits
    (``shift_of``); then the blocks stay in float from the worst on
    (``without``) until ``tolerance`` holds.

    Raises:
        ValueError: Not even one block can be quantised.
    """
    found = without([])
    report(f'all blocks: {found.loss}')
    if tolerance.allows(found.loss):
        return found
    shifts = {}
    for block in blocks:
        shifts[block] = shift_of(block)
        report(f'{block} alone: shift {shifts[block]:.3f} px')
    worst = sorted(shifts, key=shifts.get, reverse=True)
    for count in range(1, len(worst)):
        found = without(worst[:count])
        report(f'without {", ".join(found.excluded)}: {found.loss}')
        if tolerance.allows(found.loss):
            return found
    raise ValueError(
        f'no block can be quantised within the loss allowed: the last one left '
        f'{found.loss}; more calibration samples or another --method may help'
    )


@dataclass
class Quantization:
    """One model, and how to quantise it.

    Raises:
        FileNotFoundError, ValueError: The file is no such model, or blocks
            are named that it does not have.
    """

    path: str  # ONNX file of an RTMPose
    method: str = 'percentile'  # of calibration, one of METHODS
    exclude: Sequence[str] = (AUTO,)  # or NONE, or names of blocks
    tolerance: Tolerance = Tolerance()
    backend: str = 'onnxruntime'  # that shall run the file, see OPERATORS
    order: str | None = None  # by default what the file says, else rgb
    reduce_range: bool = False  # see quantized()
    threads: int = 0  # of the backend; 0 for its own choice

    def __post_init__(self) -> None:
        self.model = prepared(self.path)
        self.blocks = node_blocks(self.model)
        if self.order is None:
            is_rgb = read_facts(self.model).get('bgr_to_rgb', True)
            self.order = 'rgb' if is_rgb else 'bgr'
        unknown = {*self.exclude} - {*self.blocks}
        if unknown and [*self.exclude] not in ([AUTO], [NONE]):
            raise ValueError(
                f'unknown blocks {sorted(unknown)} to exclude; the blocks are '
                f'{list(self.blocks)}, or {AUTO}, or {NONE}'
            )

    @property
    def input_size(self) -> tuple[int, int]:
        """[w, h] in pixels."""
        shape = self.model.graph.input[0].type.tensor_type.shape.dim
        return shape[3].dim_value, shape[2].dim_value

    def __call__(self, calibration: Crops, judges: Crops) -> QuantizedModel:
        """Quantise, with ranges of the activations for ``calibration``; what
        is lost is measured on ``judges``.

        Raises:
            ValueError: More is lost than the tolerance allows.
        """
        images = calibration.inputs(self.order)
        ranges = activation_ranges(
            self.model, images, self.method, self.backend
        )

        def quantize(blocks: Iterable[str]) -> onnx.ModelProto:
            nodes = [node for block in blocks for node in self.blocks[block]]
            return quantized(
                self.model, ranges, nodes, self.backend, self.reduce_range
            )

        def predicted(model, crops):
            return predict(open_run(model, self.threads), crops, self.order)

        few = calibration.take(SENSITIVITY_PEOPLE)
        wanted = predicted(self.model, few)
        before = predicted(self.model, judges)
        self.ap = average_precision(before, judges)

        def shift_of(block: str) -> float:
            return mean_shift(predicted(quantize([block]), few), wanted)

        def without(excluded: list[str]) -> QuantizedModel:
            model = quantize(x for x in self.blocks if x not in excluded)
            after = predicted(model, judges)
            drop = None
            if self.ap is not None:
                drop = 100 * (self.ap - average_precision(after, judges))
            loss = Loss(drop, mean_shift(before, after))
            return QuantizedModel(model, excluded, loss)

        if [*self.exclude] == [AUTO]:
            return search_blocks(self.blocks, without, shift_of, self.tolerance)
        found = without([block for block in self.exclude if block != NONE])
        if not self.tolerance.allows(found.loss):
            raise ValueError(
                f'{found.loss}, which is more than allowed; nothing was '
                'written. --exclude auto looks for the blocks to leave out'
            )
        return found

    def table(self, found: QuantizedModel, judges: Crops) -> str:
        """AP, shift, size and latency before and after."""
        rows = [f'{"":6}{"AP":>8}{"shift px":>10}{"MB":>8}{"ms":>8}']
        models = dict(FP32=self.model, INT8=found.model)
        times, note = {}, f'no latency: {self.backend} is not installed'
        if importlib.util.find_spec(self.backend) is not None:
            runs = {
                name: open_run(model, self.threads, self.backend)
                for name, model in models.items()
            }
            times = latencies(runs, next(judges.inputs(self.order)))
            busy = os.getloadavg()[0] if hasattr(os, 'getloadavg') else math.nan
            note = (
                f'{os.cpu_count()} cores, load {busy:.1f} in the last minute: '
                'compare the two figures with each other, not with other runs'
            )
        for name, (drop, shift) in zip(models, (Loss(0, 0), found.loss)):
            score = '-' if self.ap is None else f'{100 * self.ap - drop:.2f}'
            time = f'{np.median(times[name]):.2f}' if times else '-'
            rows.append(
                f'{name:6}{score:>8}{shift:>10.3f}'
                f'{models[name].ByteSize() / 1e6:>8.2f}{time:>8}'
            )
        rows.append(
            f'{len(judges)} people of {judges.source}; boxes of the '
            'annotations, no flip test; batch 1'
        )
        return '\n'.join([*rows, note])

    def describe(self, found: QuantizedModel, calibration: Crops) -> None:
        """Write into the model's metadata how it was made."""
        note = dict(
            method=self.method,
            backend=self.backend,
            people=len(calibration),
            excluded=found.excluded,
        )
        write_facts(found.model, dict(quantization=note))


def open_run(
    model: onnx.ModelProto, threads: int, backend: str = 'onnxruntime'
) -> Run:
    """ONNX Runtime or OpenVINO on the CPU, in float32 or 8 bits."""
    session = SESSIONS[backend](model.SerializeToString(), 'cpu', threads)
    return lambda images: list(session.run(images).values())
