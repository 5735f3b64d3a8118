"""Tensors of a TensorRT engine, by name, and what torch calls their parts.

For tensorrt_10.py. ``engine`` is a ``tensorrt.ICudaEngine`` of version 10 or
later.
"""

from typing import List

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
