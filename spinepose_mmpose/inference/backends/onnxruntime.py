"""Pose networks in ONNX files, run by ONNX Runtime."""

from typing import Optional, Union

import numpy as np

from ..network import NetworkSpec, read_spec
from ..preprocessing import Normalizer
from ..simcc import Points, Simcc
from .base import outputs_of, run_in_batches
from .ort_session import open_session

TYPES = {'tensor(float)': np.float32, 'tensor(float16)': np.float16}


class OnnxRuntimeBackend:
    """See :class:`.Backend`.

    Args:
        path: the ONNX file.
        device, threads, half, spinning: see :func:`.open_session`.
        defaults: what lies beside the file says of it, see
            :func:`.read_spec`.
    """

    name = 'onnxruntime'

    def __init__(
        self,
        path,
        device: str = 'auto',
        threads: Optional[int] = None,
        half: bool = False,
        defaults: Optional[dict] = None,
        spinning: bool = True,
    ) -> None:
        self.session, self.device = open_session(
            path, device, threads, half, spinning
        )
        inputs = self.session.get_inputs()
        if len(inputs) != 1 or inputs[0].type not in TYPES:
            raise ValueError(
                f'{path} takes '
                f'{", ".join(f"{i.name} {i.type}" for i in inputs)}, but a '
                f'pose network takes one of {", ".join(TYPES)}'
            )
        self._input, self._dtype = inputs[0].name, TYPES[inputs[0].type]
        self.spec = self._read_spec(str(path), inputs[0].shape, defaults)
        self._normalize = Normalizer(
            self.spec.mean, self.spec.std, self.spec.to_rgb
        )

    def _read_spec(self, path: str, shape, defaults) -> NetworkSpec:
        metadata = self.session.get_modelmeta().custom_metadata_map
        outputs = {o.name: o.shape for o in self.session.get_outputs()}
        unknown = any(
            not isinstance(size, int)
            for shape in outputs.values()
            for size in shape[1:]
        )
        if unknown and all(isinstance(size, int) for size in shape[1:]):
            # Exporters lose sizes that a run shows.
            batch = shape[0] if isinstance(shape[0], int) else 1
            probe = np.zeros((batch, *shape[1:]), self._dtype)
            arrays = self.session.run(list(outputs), {self._input: probe})
            outputs = {n: a.shape for n, a in zip(outputs, arrays)}
        return read_spec(path, shape, outputs, metadata, defaults)

    def run(self, crops: np.ndarray) -> Union[Simcc, Points]:
        inputs = self._normalize(crops).astype(self._dtype, copy=False)
        arrays = run_in_batches(self._forward, inputs, self.spec.batch)
        return outputs_of(arrays, self.spec.kind)

    def _forward(self, inputs: np.ndarray) -> list:
        return self.session.run(list(self.spec.outputs), {self._input: inputs})
