"""Static INT8 quantisation with ONNX Runtime's tools: QDQ, per channel."""

import contextlib
import os
import tempfile
from dataclasses import dataclass
from typing import Iterable, Sequence, Tuple

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantType,
)
from onnxruntime.quantization.calibrate import create_calibrator
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from tqdm import tqdm

METHODS = {
    'minmax': (CalibrationMethod.MinMax, {}),
    'entropy': (CalibrationMethod.Entropy, {}),
    'percentile': (
        CalibrationMethod.Percentile,
        dict(percentile=99.999, symmetric=False),
    ),
}
WEIGHTED = ('Conv', 'MatMul', 'Gemm')


@dataclass(frozen=True)
class Style:
    """What a backend wants in 8 bits to be quick.

    Attributes:
        operators: Types of nodes.
        float_outputs: Of these only the inputs are 8-bit.
    """

    operators: Tuple[str, ...]
    float_outputs: Tuple[str, ...]


STYLES = {
    # A kernel is 8-bit where the node's output is, too; what lies between the
    # convolutions should stay so.
    'onnxruntime': Style((*WEIGHTED, 'Add', 'Concat', 'MaxPool', 'Mul'), ()),
    # A quantised output costs a step of its own; the rest is fused in float.
    'openvino': Style(WEIGHTED, WEIGHTED),
}
# Images whose activations are held at once.
CHUNK = 8


class _Reader(CalibrationDataReader):
    def __init__(self, feeds: Iterable[dict]) -> None:
        self._feeds = iter(feeds)

    def get_next(self):
        return next(self._feeds, None)


def activation_ranges(
    model: onnx.ModelProto,
    images: Iterable[np.ndarray],
    method: str,
    style: Style = STYLES['onnxruntime'],
    progress: bool = False,
):
    """Range of every activation over the images.

    Args:
        model: From :func:`.blocks.prepared`.
        images: (1, 3, H, W) each.
        method: One of :data:`METHODS`.
        style: Whose operators are looked at.
        progress: Show it.

    Raises:
        ValueError: The method is unknown, or there are no images.
    """
    if method not in METHODS:
        raise ValueError(
            f'calibration method {method!r}, expected one of {sorted(METHODS)}'
        )
    kind, options = METHODS[method]
    feeds = [{model.graph.input[0].name: image} for image in images]
    if not feeds:
        raise ValueError('There are no images to calibrate on.')
    with tempfile.TemporaryDirectory() as folder, _quiet():
        path = os.path.join(folder, 'model.onnx')
        onnx.save(model, path)
        calibrator = create_calibrator(
            path,
            list(style.operators),
            os.path.join(folder, 'augmented.onnx'),
            kind,
            extra_options=options,
        )
        starts = range(0, len(feeds), CHUNK)
        for i in tqdm(starts, 'calibration', disable=not progress):
            calibrator.collect_data(_Reader(feeds[i : i + CHUNK]))
        ranges = calibrator.compute_data()
        del calibrator  # it holds the files open
    return ranges


def quantized(
    model: onnx.ModelProto,
    ranges,
    nodes: Sequence[str],
    style: Style = STYLES['onnxruntime'],
    reduce_range: bool = False,
) -> onnx.ModelProto:
    """A copy of ``model`` in which ``nodes`` are 8-bit.

    Activations are uint8 with a zero point, weights int8 with a scale for
    each output channel.

    Args:
        model: From :func:`.blocks.prepared`.
        ranges: From :func:`activation_ranges`.
        nodes: By name; those of other operators stay.
        style: One of :data:`STYLES`.
        reduce_range: Weights of 7 bits, for CPUs without VNNI, whose sums of
            two products saturate at 16 bits.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    chosen = [
        node.name
        for node in model.graph.node
        if node.name in set(nodes) and node.op_type in style.operators
    ]
    if not chosen:
        return copy
    with _quiet():
        quantizer = QDQQuantizer(
            copy,
            per_channel=True,
            reduce_range=reduce_range,
            weight_qType=QuantType.QInt8,
            activation_qType=QuantType.QUInt8,
            tensors_range=ranges,
            nodes_to_quantize=chosen,
            nodes_to_exclude=[],
            op_types_to_quantize=list(style.operators),
            extra_options=dict(
                OpTypesToExcludeOutputQuantization=list(style.float_outputs)
            ),
        )
        quantizer.quantize_model()
        quantizer.model.topological_sort()
    return quantizer.model.model


def num_int8_weights(model: onnx.ModelProto) -> int:
    """Values of the weights that are stored in 8 bits."""
    kinds = (onnx.TensorProto.INT8, onnx.TensorProto.UINT8)
    return sum(
        int(np.prod(tensor.dims))
        for tensor in model.graph.initializer
        if tensor.data_type in kinds
    )


@contextlib.contextmanager
def _quiet():
    """Without the tools' advice to preprocess, which has been done."""
    import logging

    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        with (
            open(os.devnull, 'w') as nowhere,
            contextlib.redirect_stdout(nowhere),
        ):
            yield
    finally:
        root.setLevel(level)
