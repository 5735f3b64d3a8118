"""Lets mmdeploy build engines where the ONNX file alone decides the types.

TensorRT 11 removed the weakly typed networks: no FP16 or INT8 flag, no
calibrator, and no EXPLICIT_BATCH among the creation flags. TensorRT 10 still
has all that mmdeploy's builder calls.
https://docs.nvidia.com/deeplearning/tensorrt/latest/api/migration/tensorrt-10x-to-11x.html
"""

import functools
from types import SimpleNamespace
from typing import Optional

from .import_hooks import after_import
from .shim import Shim

_MODULE = 'mmdeploy.backend.tensorrt.utils'


def probe() -> Optional[str]:
    import tensorrt as trt

    if hasattr(trt.BuilderFlag, 'FP16'):
        return None
    return f'TensorRT {trt.__version__} builds strongly typed networks only'


def half_precision(model):
    """``model`` (an ONNX ModelProto) in FP16, with inputs and outputs as
    before. One that holds FP16 values is returned as it is.

    Raises:
        ImportError: ONNX Runtime, whose converter does this, is missing.
    """
    import onnx

    if _holds(model.graph, onnx.TensorProto.FLOAT16):
        return model
    try:
        from onnxruntime.transformers.float16 import convert_float_to_float16
    except ImportError as error:
        raise ImportError(
            'fp16_mode on TensorRT 11 needs an FP16 ONNX file, or ONNX '
            'Runtime to make one: pip install onnxruntime'
        ) from error
    return convert_float_to_float16(model, keep_io_types=True)


def _holds(graph, dtype: int) -> bool:
    """Whether ``graph`` has weights of that type, or casts to it."""
    return any(
        tensor.data_type == dtype for tensor in graph.initializer
    ) or any(
        attribute.i == dtype
        for node in graph.node
        if node.op_type == 'Cast'
        for attribute in node.attribute
        if attribute.name == 'to'
    )


def _typed(onnx_model, fp16_mode: bool, int8_mode: bool):
    """``onnx_model`` (path or ModelProto) with the types of the two modes.

    A quantised graph keeps its own: a converter would have to round the
    scales too.

    Raises:
        ValueError: INT8 is asked of a graph that is not quantised.
    """
    import onnx
    from mmdeploy.utils import get_root_logger

    model = onnx_model
    if isinstance(model, str):
        model = onnx.load(model)
    if any(node.op_type == 'QuantizeLinear' for node in model.graph.node):
        if fp16_mode:
            get_root_logger().warning(
                'fp16_mode changes nothing in a quantised ONNX file'
            )
        return onnx_model
    if int8_mode:
        raise ValueError(
            'int8_mode on TensorRT 11 needs a quantised ONNX file (with '
            'QuantizeLinear nodes), since its builder calibrates no more'
        )
    return half_precision(model) if fp16_mode else onnx_model


def _from_onnx(weakly_typed):
    """mmdeploy's builder with its two precision modes put into the graph."""

    @functools.wraps(weakly_typed)
    def from_onnx(
        onnx_model,
        output_file_prefix,
        input_shapes,
        max_workspace_size=0,
        fp16_mode=False,
        int8_mode=False,
        int8_param=None,
        **kwargs,
    ):
        if fp16_mode or int8_mode:
            onnx_model = _typed(onnx_model, fp16_mode, int8_mode)
        return weakly_typed(
            onnx_model,
            output_file_prefix,
            input_shapes,
            max_workspace_size,
            **kwargs,
        )

    return from_onnx


class _TensorRT:
    """``tensorrt`` as mmdeploy's builder sees it: the same, with the flag
    EXPLICIT_BATCH. It was bit 0, now that of STRONGLY_TYPED, which is always
    on and ignored."""

    def __init__(self, trt) -> None:
        self._trt = trt
        self.NetworkDefinitionCreationFlag = SimpleNamespace(
            EXPLICIT_BATCH=trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED
        )

    def __getattr__(self, name):
        return getattr(self._trt, name)


def apply() -> None:
    import sys

    module = sys.modules[_MODULE]
    module.trt = _TensorRT(module.trt)
    module.from_onnx = _from_onnx(module.from_onnx)


def _schedule(run) -> None:
    after_import(_MODULE, run)


SHIM = Shim(
    name='tensorrt_11',
    problem='mmdeploy asks the builder, not the ONNX file, for FP16 and INT8',
    versions='TensorRT >= 11 with mmdeploy 1.3.1',
    remove_when='mmdeploy builds strongly typed networks',
    needs='tensorrt',
    probe=probe,
    apply=apply,
    schedule=_schedule,
)
