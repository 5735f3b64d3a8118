"""TensorRT's Python names that mmdeploy or a shim touches, by version.

Facts, compared with the bindings 8.6.1, 10.0.1, 10.16.1.11, 11.0.0.114 and
11.4.0.106. Run as a script it prints where the installed TensorRT disagrees;
the bindings alone do, beside empty libnvinfer*.so and libnvonnxparser.so.
"""

import inspect
import re
from typing import Dict, List

# Major versions, then a class's method with its arguments, its property, or an
# enumeration's member, with the value where one is relied on.
_TABLE = """
8 10 11  Logger.__init__(min_severity)
8 10 11  Logger.__enter__()
8 10 11  Logger.ERROR
8 10 11  Logger.WARNING
8 10 11  Logger.INFO
8 10 11  Logger.VERBOSE
8 10 11  Logger.Severity
8 10 11  Builder.__init__(logger)
8 10 11  Builder.create_network(flags: int)
8 10 11  Builder.create_builder_config()
8 10 11  Builder.create_optimization_profile()
8 10 11  Builder.build_serialized_network(network, config)
8        Builder.build_engine(network, config)
8 10     Builder.platform_has_fast_fp16
8 10     Builder.platform_has_fast_int8
8 10     NetworkDefinitionCreationFlag.EXPLICIT_BATCH = 0
10       NetworkDefinitionCreationFlag.STRONGLY_TYPED = 1
11       NetworkDefinitionCreationFlag.STRONGLY_TYPED = 0
8 10 11  OnnxParser.__init__(network, logger)
8 10 11  OnnxParser.parse_from_file(model: str)
8 10 11  OnnxParser.parse(model, path: str)
8 10 11  OnnxParser.num_errors
8 10 11  OnnxParser.get_error(index: int)
8 10 11  IBuilderConfig.set_memory_pool_limit(pool, pool_size: int)
8        IBuilderConfig.max_workspace_size
8 10 11  IBuilderConfig.add_optimization_profile(profile)
8 10 11  IBuilderConfig.set_flag(flag)
8 10     IBuilderConfig.int8_calibrator
8 10 11  IBuilderConfig.get_tactic_sources()
8 10 11  MemoryPoolType.WORKSPACE
8 10     BuilderFlag.FP16
8 10     BuilderFlag.INT8
8 10 11  BuilderFlag.TF32
8 10     CalibrationAlgoType.ENTROPY_CALIBRATION_2
8 10     IInt8Calibrator.__init__()
8 10 11  IOptimizationProfile.set_shape(input: str, min, opt, max)
8 10 11  IHostMemory.nbytes
8 10 11  Runtime.__init__(logger)
8 10 11  Runtime.__enter__()
8 10 11  Runtime.gpu_allocator
8 10 11  Runtime.deserialize_cuda_engine(serialized_engine)
8 10 11  IGpuAllocator.__init__()
8 10 11  ICudaEngine.create_execution_context()
8 10 11  ICudaEngine.serialize()
8 10 11  ICudaEngine.__getitem__(arg0: int)
8        ICudaEngine.binding_is_input(name: str)
8        ICudaEngine.get_binding_index(name: str)
8        ICudaEngine.get_profile_shape(profile_index: int, binding: str)
8        ICudaEngine.get_binding_dtype(index: int)
8        ICudaEngine.get_location(index: int)
8 10 11  ICudaEngine.num_io_tensors
8 10 11  ICudaEngine.get_tensor_name(index: int)
8 10 11  ICudaEngine.get_tensor_mode(name: str)
8 10 11  ICudaEngine.get_tensor_dtype(name: str)
8 10 11  ICudaEngine.get_tensor_location(name: str)
8 10 11  ICudaEngine.get_tensor_profile_shape(name: str, profile_index: int)
8 10 11  IExecutionContext.temporary_allocator
8        IExecutionContext.set_binding_shape(binding: int, shape)
8        IExecutionContext.get_binding_shape(binding: int)
8        IExecutionContext.execute_async_v2(bindings, stream_handle: int)
8 10 11  IExecutionContext.set_input_shape(name: str, shape)
8 10 11  IExecutionContext.set_tensor_address(name: str, memory: int)
8 10 11  IExecutionContext.get_tensor_shape(name: str)
8 10 11  IExecutionContext.execute_async_v3(stream_handle: int)
8 10 11  TensorIOMode.INPUT
8 10 11  TensorIOMode.OUTPUT
8 10 11  TensorLocation.DEVICE
8 10 11  TensorLocation.HOST
8 10 11  DataType.BOOL
8 10 11  DataType.INT8
8 10 11  DataType.UINT8
8 10 11  DataType.INT32
8 10 11  DataType.HALF
8 10 11  DataType.FLOAT
10 11    DataType.INT64
10 11    DataType.BF16
"""
# The module's own names of the data types.
DTYPES = dict(
    bool='BOOL',
    int8='INT8',
    uint8='UINT8',
    int32='INT32',
    int64='INT64',
    float16='HALF',
    bfloat16='BF16',
    float32='FLOAT',
)
_ROW = re.compile(r'([\d ]+?) +(\w+)\.(\w+)(\(.*\))?(?: = (\d+))?$')
_TYPES = dict(str=str, int=int)


def rows():
    """(versions, class, member, arguments or None, value or None) of each."""
    for line in _TABLE.strip().splitlines():
        versions, owner, member, arguments, value = _ROW.match(line).groups()
        if arguments is not None:
            pairs = re.findall(r'(\w+)(?:: (\w+))?', arguments)
            arguments = {name: _TYPES.get(kind) for name, kind in pairs}
        yield (
            tuple(map(int, versions.split())),
            owner,
            member,
            arguments,
            None if value is None else int(value),
        )


def members(version: int) -> Dict[str, Dict[str, tuple]]:
    """class -> member -> (arguments, value), of one major version."""
    api = {}
    for versions, owner, member, arguments, value in rows():
        if version in versions:
            api.setdefault(owner, {})[member] = arguments, value
    return api


def disagreements(trt) -> List[str]:
    """What the table says otherwise than the TensorRT module ``trt``."""
    version = int(trt.__version__.split('.')[0])
    there, found = members(version), []
    for owner, member in {row[1:3] for row in rows()}:
        real = None
        if hasattr(trt, owner):
            real = getattr(getattr(trt, owner), member, None)
        listed = there.get(owner, {}).get(member)
        if (real is None) != (listed is None):
            found.append(f'{owner}.{member} is listed: {listed is not None}')
        elif listed and listed[1] is not None and int(real) != listed[1]:
            found.append(f'{owner}.{member} is {int(real)}, not {listed[1]}')
        elif listed and listed[0] and not _takes(real, listed[0]):
            found.append(f'{owner}.{member} takes other arguments')
    for name, member in DTYPES.items():
        real, listed = getattr(trt, name, None), there['DataType'].get(member)
        if (real is None) != (listed is None) or (
            listed and real != getattr(trt.DataType, member)
        ):
            found.append(f'{name} is not DataType.{member}')
    return sorted(found)


def _takes(method, arguments) -> bool:
    """Whether an overload in pybind's docstring begins with ``arguments``."""
    own = {str: 'str', int: r'(?:int|typing\.SupportsInt)'}
    wanted = ', '.join(
        f'{name}: {own.get(kind, "[^,]+")}' for name, kind in arguments.items()
    )
    return bool(re.search(rf'\(self: [^,]+, {wanted}[,)= ]', method.__doc__))


def signature(arguments) -> inspect.Signature:
    return inspect.Signature(
        [
            inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD)
            for name in arguments
        ]
    )


def main() -> int:
    try:
        import tensorrt as trt
    except ImportError:
        import tensorrt_bindings as trt
    found = disagreements(trt)
    print(f'TensorRT {trt.__version__}: {found or "as listed"}')
    return 1 if found else 0


if __name__ == '__main__':
    raise SystemExit(main())
