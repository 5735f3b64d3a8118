"""ONNX and OpenVINO files, run by OpenVINO."""

import os
from pathlib import Path
from typing import Dict, Optional, Sequence

import numpy as np

from ...utils import need, one_line
from ..network import ABOUT, FIELDS, GraphNetwork

SUFFIXES = ('.onnx', '.xml')


def create(files, device, threads, half, spinning) -> GraphNetwork:
    """See :func:`.create_backend`; OpenVINO's threads do not spin."""
    engine = OpenVinoSession(files.path, device, threads, half=half)
    return GraphNetwork(engine, files.defaults)


def has_fast_halves() -> bool:
    """Whether OpenVINO is there and this CPU computes in bfloat16 itself."""
    try:
        import openvino
    except ImportError:
        return False
    able = openvino.Core().get_property('CPU', 'OPTIMIZATION_CAPABILITIES')
    return 'BF16' in able


class OpenVinoSession:
    """What :class:`.OnnxSession` is, by OpenVINO, for an ``.onnx`` file or its
    content, or an ``.xml`` file with its ``.bin``; ``device`` is ``auto`` or
    ``cpu`` for the CPU, or what OpenVINO calls a device, e.g. ``gpu``."""

    def __init__(
        self,
        model,
        device: str = 'auto',
        threads: Optional[int] = None,
        *,
        half: bool = False,
    ) -> None:
        command = 'pip install openvino'
        openvino = need('openvino', 'the backend openvino', command)
        in_memory = isinstance(model, bytes)
        self.source = 'the ONNX model' if in_memory else os.fspath(model)
        weights = Path(self.source).with_suffix('.bin')
        if self.source.lower().endswith('.xml') and not weights.is_file():
            raise FileNotFoundError(
                f'{self.source} needs its weights beside it: there is no '
                f'{weights}'
            )
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
            model = core.read_model(model if in_memory else self.source)
            compiled = core.compile_model(model, wanted, options)
        except RuntimeError as error:
            raise self._failed('cannot be read', error) from error
        self.device = wanted.lower()
        self.input_shape = _shape(model.inputs[0])
        self.outputs = {
            min(output.get_names(), default=f'output {i}'): _shape(output)
            for i, output in enumerate(model.outputs)
        }
        # Of an ONNX file, which OpenVINO keeps.
        self.metadata = {
            key: model.get_rt_info(['framework', key]).astype(str)
            for key in (*FIELDS, *ABOUT)
            if model.has_rt_info(['framework', key])
        }
        self._request = compiled.create_infer_request()

    def run(
        self, array: np.ndarray, names: Optional[Sequence[str]] = None
    ) -> Dict[str, np.ndarray]:
        """The outputs for an input, see :meth:`.OnnxSession.run`."""
        try:
            self._request.infer([array], share_inputs=True)
        except RuntimeError as error:
            raise self._failed('cannot be run', error) from error
        index = {name: i for i, name in enumerate(self.outputs)}
        # The request writes the next outputs over these.
        return {
            name: self._request.get_output_tensor(index[name]).data.copy()
            for name in (self.outputs if names is None else names)
        }

    def _failed(self, what: str, error: Exception) -> ValueError:
        return ValueError(
            f'{self.source} {what} by OpenVINO: {one_line(error)}'
        )


def _shape(port) -> list:
    return [
        size.get_length() if size.is_static else None
        for size in port.get_partial_shape()
    ]
