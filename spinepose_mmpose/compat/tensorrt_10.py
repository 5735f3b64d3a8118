"""Runs mmdeploy's TensorRT wrapper on engines that know tensors by name only.

TensorRT 10 removed the bindings by index. What replaces them here has the same
signature in 10.0 to 11.4. Two more things changed with it: 64-bit integers are
a type of their own (8.6 made them 32-bit ones, and mmdeploy still casts its
inputs so), and every output needs an address before a run.
"""

from typing import Dict, List, Optional

from .import_hooks import after_import
from .shim import Shim

_MODULE = 'mmdeploy.backend.tensorrt.wrapper'


# Called the same in TensorRT and torch. What a version lacks is left out.
_DTYPES = (
    'bool',
    'int8',
    'uint8',
    'int32',
    'int64',
    'float16',
    'bfloat16',
    'float32',
)


def torch_dtype_from_trt(dtype):
    """The torch dtype of a TensorRT one.

    Raises:
        TypeError: torch has none that this wrapper can hand out.
    """
    import tensorrt as trt
    import torch

    known = {
        getattr(trt, name): getattr(torch, name)
        for name in _DTYPES
        if hasattr(trt, name)
    }
    if dtype not in known:
        raise TypeError(f'TensorRT type {dtype} is none of {_DTYPES}')
    return known[dtype]


def tensor_names(engine, mode) -> List[str]:
    """Names of the engine's inputs or outputs, in the engine's order."""
    names = map(engine.get_tensor_name, range(engine.num_io_tensors))
    return [name for name in names if engine.get_tensor_mode(name) == mode]


def as_engine_wants(engine, name: str, tensor):
    """``tensor`` contiguous and of the engine's type.

    Raises:
        ValueError: It lies elsewhere, or outside the profile.
    """
    device = device_of(engine, name)
    if tensor.device.type != device.type:
        raise ValueError(
            f'input {name} is on {tensor.device}, the engine '
            f'wants it on {device}'
        )
    low, _, high = map(tuple, engine.get_tensor_profile_shape(name, 0))
    shape = tuple(tensor.shape)
    if len(shape) != len(low) or not all(
        a <= size <= b for a, size, b in zip(low, shape, high)
    ):
        raise ValueError(
            f'input {name} has the shape {shape}, the engine '
            f'takes {low} to {high}'
        )
    dtype = torch_dtype_from_trt(engine.get_tensor_dtype(name))
    return tensor.to(dtype).contiguous()


def device_of(engine, name: str):
    from mmdeploy.backend.tensorrt.wrapper import torch_device_from_trt

    return torch_device_from_trt(engine.get_tensor_location(name))


def probe() -> Optional[str]:
    import tensorrt as trt

    if hasattr(trt.ICudaEngine, 'get_binding_index'):
        return None
    return f'TensorRT {trt.__version__} has no bindings by index'


def load_io_names(self) -> None:
    import tensorrt as trt

    self._input_names = tensor_names(self.engine, trt.TensorIOMode.INPUT)
    outputs = tensor_names(self.engine, trt.TensorIOMode.OUTPUT)
    if self._output_names is None:
        self._output_names = outputs
    unknown = set(self._output_names) - set(outputs)
    if unknown:
        raise ValueError(
            f'the engine has the outputs {outputs}, not {sorted(unknown)}'
        )


def forward(self, inputs: Dict) -> Dict:
    """One run on the current CUDA stream.

    Args:
        inputs: Name -> tensor, for each input of the engine, where the engine
            wants it (``cuda``) and within its profile; the type is converted.

    Returns:
        Name -> tensor for each of ``output_names``.

    Raises:
        ValueError: The inputs are not those of the engine.
        RuntimeError: TensorRT refuses a step; its log says why.
    """
    import tensorrt as trt
    import torch

    engine, context = self.engine, self.context
    if set(inputs) != set(self._input_names):
        raise ValueError(
            f'the engine has the inputs {self._input_names}, not {list(inputs)}'
        )
    # Held until the run is on the stream: a converted copy has no other owner.
    held = {
        name: as_engine_wants(engine, name, tensor)
        for name, tensor in inputs.items()
    }
    for name, tensor in held.items():
        shape = tuple(tensor.shape)
        _must(context.set_input_shape(name, shape), f'shape {shape} of {name}')
        _must(
            context.set_tensor_address(name, tensor.data_ptr()),
            f'the address of {name}',
        )

    outputs = {}
    for name in tensor_names(engine, trt.TensorIOMode.OUTPUT):
        shape = tuple(context.get_tensor_shape(name))
        if -1 in shape:
            raise RuntimeError(
                f'output {name} has the shape {shape}, which '
                'depends on the data'
            )
        outputs[name] = torch.empty(
            shape,
            dtype=torch_dtype_from_trt(engine.get_tensor_dtype(name)),
            device=device_of(engine, name),
        )
        _must(
            context.set_tensor_address(name, outputs[name].data_ptr()),
            f'the address of {name}',
        )
    self._TRTWrapper__trt_execute()
    return {name: outputs[name] for name in self._output_names}


def _execute(self) -> None:
    import torch

    stream = torch.cuda.current_stream().cuda_stream
    _must(self.context.execute_async_v3(stream), 'the run')


def _must(done: bool, step: str) -> None:
    if not done:
        raise RuntimeError(f'TensorRT refused {step}')


def apply() -> None:
    import sys

    from mmdeploy.utils import Backend
    from mmdeploy.utils.timer import TimeCounter

    module = sys.modules[_MODULE]
    module.torch_dtype_from_trt = torch_dtype_from_trt
    wrapper, timer = module.TRTWrapper, Backend.TENSORRT.value
    wrapper._TRTWrapper__load_io_names = load_io_names
    wrapper.forward = forward
    TimeCounter.names.pop(timer)  # it takes a name once
    wrapper._TRTWrapper__trt_execute = TimeCounter.count_time(timer)(_execute)


def _schedule(run) -> None:
    after_import(_MODULE, run)


SHIM = Shim(
    name='tensorrt_10',
    problem='mmdeploy runs engines through bindings by index',
    versions='TensorRT >= 10 with mmdeploy 1.3.1',
    remove_when='mmdeploy runs engines through tensors by name',
    needs='tensorrt',
    probe=probe,
    apply=apply,
    schedule=_schedule,
)
