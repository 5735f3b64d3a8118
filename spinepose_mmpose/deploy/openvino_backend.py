"""mmdeploy's OpenVINO support on OpenVINO 2024 and later.

Its Model Optimizer (the command ``mo``) and ``openvino.inference_engine`` are
gone; ``openvino.convert_model`` and ``openvino.Core`` take their place.
"""

import os.path as osp
import sys
from typing import Dict, Optional, Sequence


def from_onnx(
    onnx_model,
    output_file_prefix: str,
    input_info: Dict[str, Sequence[int]],
    output_names: Sequence[str],
    mo_options=None,
) -> None:
    """ONNX to OpenVINO's .xml and .bin, with FP32 weights.

    Args:
        onnx_model: A file.
        output_file_prefix: Folder to write to.
        input_info: Shape by input; where it is -1 the ONNX file decides.
        output_names: All of the graph's are kept.
        mo_options: mmdeploy's; not read.
    """
    import openvino

    converted = openvino.convert_model(onnx_model)
    shapes = {}
    for port in converted.inputs:
        own = port.get_partial_shape()
        wanted = input_info.get(port.any_name)
        if wanted is not None:
            own = openvino.PartialShape(
                [
                    given if given != -1 else dimension
                    for given, dimension in zip(wanted, own)
                ]
            )
        shapes[port.any_name] = own
    converted.reshape(shapes)
    stem = osp.splitext(osp.basename(onnx_model))[0]
    openvino.save_model(
        converted,
        osp.join(output_file_prefix, f'{stem}.xml'),
        compress_to_fp16=False,
    )


def init_wrapper(
    self, ir_model_file: str, output_names: Optional[Sequence[str]] = None, **_
) -> None:
    import openvino
    from mmdeploy.backend.base import BaseWrapper

    self.compiled = openvino.Core().compile_model(ir_model_file, 'CPU')
    names = [port.any_name for port in self.compiled.outputs]
    BaseWrapper.__init__(self, output_names or names)


def forward(self, inputs: Dict) -> Dict:
    """Name -> tensor on the CPU, for inputs of any size that the model has."""
    import numpy as np
    import torch

    results = self.compiled(
        {name: np.ascontiguousarray(t.cpu()) for name, t in inputs.items()}
    )
    return {
        name: torch.from_numpy(np.array(results[name]))
        for name in self.output_names
    }


def is_needed() -> bool:
    """Whether the installed OpenVINO lacks what mmdeploy calls."""
    try:
        import openvino
    except ImportError:
        return False
    return hasattr(openvino, 'convert_model')


def install() -> None:
    if not is_needed():
        return
    package = 'mmdeploy.backend.openvino'
    sys.modules[f'{package}.onnx2openvino'].from_onnx = from_onnx
    wrapper = sys.modules[f'{package}.wrapper'].OpenVINOWrapper
    wrapper.__init__, wrapper.forward = init_wrapper, forward
