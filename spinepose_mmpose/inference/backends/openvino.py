"""Pose networks in ONNX or OpenVINO files, run by OpenVINO."""

import os
from typing import Optional, Union

import numpy as np

from ..network import ABOUT_KEYS, METADATA_KEYS, read_spec
from ..preprocessing import Normalizer
from ..simcc import Points, Simcc
from .base import outputs_of, run_in_batches

PIP = 'pip install openvino'


def has_fast_halves() -> bool:
    """Whether OpenVINO is there and this CPU computes in bfloat16 itself."""
    try:
        import openvino
    except ImportError:
        return False
    able = openvino.Core().get_property('CPU', 'OPTIMIZATION_CAPABILITIES')
    return 'BF16' in able


class OpenVinoBackend:
    """See :class:`.Backend`.

    Args:
        path: an ``.onnx`` file, or an ``.xml`` file with its ``.bin``.
        device: ``auto`` or ``cpu`` for the CPU, or what OpenVINO calls a
            device, e.g. ``gpu``.
        threads: of the CPU; OpenVINO's choice if None.
        half: allow half precision where the device has it; else float32.
        defaults: see :func:`.read_spec`.
    """

    name = 'openvino'

    def __init__(
        self,
        path,
        device: str = 'auto',
        threads: Optional[int] = None,
        half: bool = False,
        defaults: Optional[dict] = None,
    ) -> None:
        try:
            import openvino
        except ImportError as error:
            raise ValueError(
                f'the OpenVINO backend needs OpenVINO ({error}): {PIP}'
            ) from error
        core = openvino.Core()
        wanted = 'CPU' if device in ('auto', 'cpu') else device.upper()
        kinds = {d.split('.')[0] for d in core.available_devices}
        if wanted.split('.')[0] not in kinds:
            raise ValueError(
                f'device {device!r} was asked for, but OpenVINO finds '
                f'{", ".join(sorted(kinds)).lower()} alone'
            )
        options = {} if half else {'INFERENCE_PRECISION_HINT': 'f32'}
        if threads and wanted == 'CPU':
            options['INFERENCE_NUM_THREADS'] = int(threads)
        try:
            model = core.read_model(os.fspath(path))
        except RuntimeError as error:
            text = ' '.join(str(error).split())
            raise ValueError(
                f'{path} cannot be read by OpenVINO: {text}'
            ) from error
        self.device = wanted.lower()
        self.spec = read_spec(
            str(path),
            _shape(model.inputs[0]),
            {_name(o, i): _shape(o) for i, o in enumerate(model.outputs)},
            _metadata(model),
            defaults,
        )
        self._normalize = Normalizer(
            self.spec.mean, self.spec.std, self.spec.to_rgb
        )
        names = [_name(o, i) for i, o in enumerate(model.outputs)]
        self._order = [names.index(name) for name in self.spec.outputs]
        self._request = core.compile_model(
            model, wanted, options
        ).create_infer_request()

    def run(self, crops: np.ndarray) -> Union[Simcc, Points]:
        inputs = self._normalize(crops)
        arrays = run_in_batches(self._forward, inputs, self.spec.batch)
        return outputs_of(arrays, self.spec.kind)

    def _forward(self, inputs: np.ndarray) -> list:
        self._request.infer([inputs], share_inputs=True)
        # The request writes the next batch over these.
        return [
            self._request.get_output_tensor(i).data.copy() for i in self._order
        ]


def _name(output, index: int) -> str:
    return min(output.get_names(), default=f'output {index}')


def _shape(port) -> list:
    return [
        size.get_length() if size.is_static else None
        for size in port.get_partial_shape()
    ]


def _metadata(model) -> dict:
    """Of the ONNX file that the model was, which OpenVINO keeps."""
    paths = {key: ['framework', key] for key in METADATA_KEYS + ABOUT_KEYS}
    return {
        key: model.get_rt_info(path).astype(str)
        for key, path in paths.items()
        if model.has_rt_info(path)
    }
