"""mmdeploy runs engines through bindings by index, and stops where its own
library of operators does not load.

TensorRT 10 removed the bindings by index; the calls by name have the same
signature in 10.0 to 11.4. 64-bit integers are a type of their own since then
(mmdeploy casts its inputs to 32 bits, as 8.6 wants them), and every output
needs an address before a run. The library is linked to TensorRT 8 and CUDA 11;
top-down pose models use none of its operators.
"""

import ctypes
import os
import sys

from .import_hooks import after_import

VERSIONS = 'TensorRT >= 10 or CUDA >= 12 with mmdeploy 1.3.1'
REMOVE_WHEN = 'mmdeploy runs engines through tensors by name'
AFTER = 'mmdeploy.backend.tensorrt.init_plugins'

WRAPPER = 'mmdeploy.backend.tensorrt.wrapper'
# Called the same in TensorRT and torch. A version may lack some.
DTYPES = 'bool int8 uint8 int32 int64 float16 bfloat16 float32'.split()


def probe() -> str | None:
    try:
        import tensorrt as trt
    except ImportError:
        return None
    if not hasattr(trt.ICudaEngine, 'get_binding_index'):
        return f'TensorRT {trt.__version__} has no bindings by index'
    library = sys.modules[AFTER].get_ops_path()
    try:
        if os.path.exists(library):
            ctypes.CDLL(library)
    except OSError as error:
        return f'the library of operators does not load: {error}'
    return None


def apply() -> None:
    module = sys.modules[AFTER]
    load = module.load_tensorrt_plugin

    def load_tensorrt_plugin() -> bool:
        """False where the library does not load, as where it is missing."""
        try:
            return load()
        except OSError as error:
            module.get_root_logger().info(f'{error}; its operators are missing')
            return False

    module.load_tensorrt_plugin = load_tensorrt_plugin
    after_import(WRAPPER, _run_by_name)


def _run_by_name() -> None:
    module = sys.modules[WRAPPER]
    if not hasattr(module.trt.ICudaEngine, 'get_binding_index'):
        module.TRTWrapper._TRTWrapper__load_io_names = load_io_names
        module.TRTWrapper.forward = forward


def load_io_names(self) -> None:
    import tensorrt as trt

    self._input_names = _names(self.engine, trt.TensorIOMode.INPUT)
    outputs = _names(self.engine, trt.TensorIOMode.OUTPUT)
    self._output_names = self._output_names or outputs
    unknown = set(self._output_names) - set(outputs)
    if unknown:
        raise ValueError(
            f'the engine has the outputs {outputs}, not {sorted(unknown)}'
        )


def _names(engine, mode) -> list[str]:
    """In the engine's order."""
    names = map(engine.get_tensor_name, range(engine.num_io_tensors))
    return [name for name in names if engine.get_tensor_mode(name) == mode]


def forward(self, inputs: dict) -> dict:
    """One run on the current CUDA stream, name -> tensor in and out."""
    import tensorrt as trt
    import torch

    engine, context = self.engine, self.context
    if set(inputs) != set(self._input_names):
        raise ValueError(
            f'the engine has the inputs {self._input_names}, not {list(inputs)}'
        )
    # Until the run is on the stream: a converted copy has no other owner.
    held = {}
    for name, tensor in inputs.items():
        kind, shape = _kind(engine, name), tuple(tensor.shape)
        if tensor.device.type != kind['device'].type:
            raise ValueError(
                f'input {name} is on {tensor.device}, the engine wants it on '
                f'{kind["device"]}'
            )
        low, _, high = map(tuple, engine.get_tensor_profile_shape(name, 0))
        within = all(a <= size <= b for a, size, b in zip(low, shape, high))
        if len(shape) != len(low) or not within:
            raise ValueError(
                f'input {name} has the shape {shape}, the engine takes {low} '
                f'to {high}'
            )
        held[name] = tensor.to(kind['dtype']).contiguous()
        _must(context.set_input_shape(name, shape), f'shape {shape} of {name}')
    for name in _names(engine, trt.TensorIOMode.OUTPUT):
        shape = tuple(context.get_tensor_shape(name))
        held[name] = torch.empty(shape, **_kind(engine, name))
    for name, tensor in held.items():
        done = context.set_tensor_address(name, tensor.data_ptr())
        _must(done, f'the address of {name}')
    stream = torch.cuda.current_stream().cuda_stream
    _must(context.execute_async_v3(stream), 'the run')
    return {name: held[name] for name in self._output_names}


def _must(done: bool, step: str) -> None:
    if not done:
        raise RuntimeError(f'TensorRT refused {step}')


def _kind(engine, name: str) -> dict:
    """Torch's dtype and device of one of the engine's tensors."""
    import tensorrt as trt
    import torch

    dtypes = {getattr(trt, x, None): getattr(torch, x) for x in DTYPES}
    dtype, location = engine.get_tensor_dtype(name), engine.get_tensor_location
    device = sys.modules[WRAPPER].torch_device_from_trt(location(name))
    return dict(dtype=dtypes[dtype], device=device)
