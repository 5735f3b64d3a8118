"""mmdeploy asks the builder, not the ONNX file, for FP16 and INT8.

TensorRT 11 removed the weakly typed networks: no FP16 or INT8 flag, no
calibrator, and no EXPLICIT_BATCH among the creation flags.
https://docs.nvidia.com/deeplearning/tensorrt/latest/api/migration/tensorrt-10x-to-11x.html
"""

import sys
from types import SimpleNamespace

from .shim import Overlay

VERSIONS = 'TensorRT >= 11 with mmdeploy 1.3.1'
REMOVE_WHEN = 'mmdeploy builds strongly typed networks'
AFTER = 'mmdeploy.backend.tensorrt.utils'


def probe() -> str | None:
    import tensorrt as trt

    if hasattr(trt.BuilderFlag, 'FP16'):
        return None
    return f'TensorRT {trt.__version__} builds strongly typed networks only'


def typed(onnx_model, fp16_mode: bool, int8_mode: bool):
    """``onnx_model`` (path or ModelProto) with the types of the two modes;
    inputs and outputs keep theirs. A quantised graph stays as it is: a
    converter would round the scales too."""
    import onnx
    from mmdeploy.utils import get_root_logger

    if not (fp16_mode or int8_mode):
        return onnx_model
    is_path = isinstance(onnx_model, str)
    model = onnx.load(onnx_model) if is_path else onnx_model
    quantised = any(n.op_type == 'QuantizeLinear' for n in model.graph.node)
    if int8_mode and not quantised:
        raise ValueError(
            'int8_mode on TensorRT 11 needs a quantised ONNX file (with '
            'QuantizeLinear nodes), since its builder calibrates no more'
        )
    half = onnx.TensorProto.FLOAT16
    if quantised or any(x.data_type == half for x in model.graph.initializer):
        get_root_logger().warning('fp16_mode changes nothing in this ONNX file')
        return onnx_model
    try:
        from onnxruntime.transformers.float16 import convert_float_to_float16
    except ImportError as error:
        raise ImportError(
            'fp16_mode on TensorRT 11 needs an FP16 ONNX file, or ONNX '
            'Runtime to make one: pip install onnxruntime'
        ) from error
    return convert_float_to_float16(model, keep_io_types=True)


def apply() -> None:
    module = sys.modules[AFTER]
    # EXPLICIT_BATCH was bit 0, now that of STRONGLY_TYPED, which is ignored.
    flags = module.trt.NetworkDefinitionCreationFlag
    flags = SimpleNamespace(EXPLICIT_BATCH=flags.STRONGLY_TYPED)
    module.trt = Overlay(module.trt, NetworkDefinitionCreationFlag=flags)
    weakly_typed = module.from_onnx

    def from_onnx(
        onnx_model, *args, fp16_mode=False, int8_mode=False, **kwargs
    ):
        """mmdeploy's, with its two precision modes put into the graph."""
        kwargs.pop('int8_param', None)
        onnx_model = typed(onnx_model, fp16_mode, int8_mode)
        return weakly_typed(onnx_model, *args, **kwargs)

    module.from_onnx = from_onnx
