"""mmdeploy converts by OpenVINO's Model Optimizer and runs by
openvino.inference_engine; both are gone."""

import os.path as osp
import sys
from collections.abc import Sequence

VERSIONS = 'OpenVINO >= 2024 with mmdeploy 1.3.1'
REMOVE_WHEN = 'mmdeploy calls openvino.convert_model'
AFTER = 'mmdeploy.backend.openvino.wrapper'


def probe() -> str | None:
    try:
        import openvino
    except ImportError:
        return None
    if not hasattr(openvino, 'convert_model'):
        return None
    return (
        f'OpenVINO {openvino.__version__} has neither the command "mo" nor '
        'openvino.inference_engine'
    )


def from_onnx(
    onnx_model,
    output_file_prefix: str,
    input_info: dict[str, Sequence[int]],
    output_names: Sequence[str],
    mo_options=None,
) -> None:
    """Write OpenVINO's .xml and .bin with FP32 weights into the folder
    ``output_file_prefix``; the ONNX file decides where a shape is -1."""
    import openvino

    model = openvino.convert_model(onnx_model)
    shapes = {port.any_name: port.get_partial_shape() for port in model.inputs}
    for name, shape in shapes.items():
        for axis, size in enumerate(input_info.get(name, ())):
            if size != -1:
                shape[axis] = size
    model.reshape(shapes)
    stem = osp.splitext(osp.basename(onnx_model))[0]
    path = osp.join(output_file_prefix, f'{stem}.xml')
    openvino.save_model(model, path, compress_to_fp16=False)


def _init_wrapper(
    self, ir_model_file: str, output_names: Sequence[str] | None = None, **_
) -> None:
    import openvino
    from mmdeploy.backend.base import BaseWrapper

    self.compiled = openvino.Core().compile_model(ir_model_file, 'CPU')
    names = [port.any_name for port in self.compiled.outputs]
    BaseWrapper.__init__(self, output_names or names)


def _forward(self, inputs: dict) -> dict:
    import numpy as np
    import torch

    found = self.compiled({k: np.array(x.cpu()) for k, x in inputs.items()})
    return {k: torch.tensor(found[k]) for k in self.output_names}


def apply() -> None:
    from mmdeploy.backend.openvino import onnx2openvino

    onnx2openvino.from_onnx = from_onnx
    wrapper = sys.modules[AFTER].OpenVINOWrapper
    wrapper.__init__, wrapper.forward = _init_wrapper, _forward
