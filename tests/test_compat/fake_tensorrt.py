"""A TensorRT of a given major version that runs engines on ONNX Runtime.

It has exactly the names, and checks the arguments, of tensorrt_api.py. Its
engines read and write the memory at the addresses that they are given.
"""

import ctypes
import enum
import pickle
from types import ModuleType

import numpy as np
import onnx
import onnxruntime
import tensorrt_api

FULL_VERSIONS = {8: '8.6.1', 10: '10.16.1.11', 11: '11.4.0.106'}


def make(version: int, location: str = 'HOST') -> ModuleType:
    """The module; its ``log`` lists what was built and run, and a method
    named in its ``refused`` answers False.

    Args:
        version: 8, 10 or 11.
        location: Where its engines want their tensors, 'HOST' or 'DEVICE'.
    """
    trt = ModuleType('tensorrt')
    trt.__version__ = FULL_VERSIONS[version]
    trt.log, trt.refused = [], set()
    trt.location = location
    written = {cls.__name__: cls for cls in _CLASSES}
    for owner, members in tensorrt_api.members(version).items():
        if owner in written:
            made = _restricted(written[owner], members, trt)
        else:
            made = _enumeration(owner, members)
        setattr(trt, owner, made)
    trt.Logger.Severity = object
    for name, member in tensorrt_api.DTYPES.items():
        if hasattr(trt.DataType, member):
            setattr(trt, name, getattr(trt.DataType, member))
    trt.init_libnvinfer_plugins = lambda logger, namespace: True
    return trt


def _enumeration(name, members):
    values = {
        member: index if value is None else value
        for index, (member, (_, value)) in enumerate(members.items())
    }
    made = enum.Enum(name, values)
    made.__int__ = lambda self: self.value
    return made


def _restricted(cls, members, trt):
    """``cls`` with those members alone, and arguments as they list them."""
    body = dict(trt=trt, __setattr__=_only(members), __exit__=_exit)
    for name, (arguments, _) in members.items():
        body[name] = cls.__dict__.get(name)
        if arguments is not None:
            body[name] = _checked(cls, name, arguments, trt)
    body.update(
        (name, member)
        for name, member in cls.__dict__.items()
        if name.startswith('_') and not name.startswith('__')
    )
    return type(cls.__name__, (), body)


def _only(members):

    def setattr_(self, name, value):
        # Python subclasses of TensorRT's interfaces have attributes.
        if (
            type(self).__module__ == __name__
            and name not in members
            and not name.startswith('_')
        ):
            raise AttributeError(f'{type(self).__name__} has no {name}')
        object.__setattr__(self, name, value)

    return setattr_


def _checked(cls, name, arguments, trt):
    signature = tensorrt_api.signature(arguments)
    method = cls.__dict__.get(name)

    def call(self, *args, **kwargs):
        # pybind's defaults are not listed: fewer arguments are let through.
        bound = signature.bind_partial(*args, **kwargs)
        for argument, value in bound.arguments.items():
            kind = arguments[argument]
            if kind is not None and not isinstance(value, kind):
                raise TypeError(f'{name}(): {argument}={value!r}')
        if name in trt.refused:
            return False
        if method is not None:
            return method(self, **bound.arguments)

    call.__name__ = name
    return call


def _exit(self, *error):
    pass


class Dims:
    """Neither tuple nor list, as TensorRT's."""

    def __init__(self, sizes):
        self._sizes = tuple(sizes)

    def __len__(self):
        return len(self._sizes)

    def __getitem__(self, index):
        return self._sizes[index]


class Logger:
    ERROR, WARNING, INFO, VERBOSE = range(1, 5)

    def __enter__(self):
        return self


class Builder:
    platform_has_fast_fp16 = platform_has_fast_int8 = True

    def create_network(self, flags=0):
        self.trt.log.append(('create_network', flags))
        return dict(model=None)

    def create_builder_config(self):
        return self.trt.IBuilderConfig()

    def create_optimization_profile(self):
        return self.trt.IOptimizationProfile()

    def build_serialized_network(self, network, config):
        made = dict(network, **config.__dict__)
        self.trt.log.append(('built', made))
        return _host_memory(self.trt, made)

    def build_engine(self, network, config):
        raise AssertionError('deprecated where build_serialized_network is')


def _host_memory(trt, made):
    # A buffer, and an IHostMemory.
    plan = dict(model=made['model'], profiles=made['_profiles'])
    cls = type('IHostMemory', (bytes,), {'nbytes': property(len)})
    return cls(pickle.dumps(plan))


class OnnxParser:
    num_errors = 0

    def __init__(self, network, logger):
        self._network = network

    def parse_from_file(self, model):
        return self._keep(onnx.load(model).SerializeToString())

    def parse(self, model, path=None):
        return self._keep(bytes(model))

    def _keep(self, model):
        self._network['model'] = model
        return True


class IBuilderConfig:
    def set_memory_pool_limit(self, pool, pool_size):
        self.__dict__.setdefault('_limits', {})[pool.name] = pool_size

    def add_optimization_profile(self, profile):
        self.__dict__.setdefault('_profiles', []).append(profile._shapes)
        return len(self._profiles) - 1

    def set_flag(self, flag):
        self.__dict__.setdefault('_flags', []).append(flag.name)


class IOptimizationProfile:
    def set_shape(self, input, min, opt, max):
        shapes = tuple(map(tuple, (min, opt, max)))
        self.__dict__.setdefault('_shapes', {})[input] = shapes


class IHostMemory:
    nbytes = 0


class Runtime:
    def __enter__(self):
        return self

    def deserialize_cuda_engine(self, serialized_engine):
        engine = self.trt.ICudaEngine()
        engine._plan = bytes(serialized_engine)
        plan = pickle.loads(engine._plan)
        session = onnxruntime.InferenceSession(plan['model'])
        engine._session, engine._profiles = session, plan['profiles']
        engine._inputs = {node.name: node for node in session.get_inputs()}
        engine._outputs = {node.name: node for node in session.get_outputs()}
        return engine


class IGpuAllocator:
    pass


class IInt8Calibrator:
    pass


class ICudaEngine:
    # Outputs first, so that no order can be taken for granted.
    def _all(self):
        return {**self._outputs, **self._inputs}

    def _numpy_dtype(self, name):
        kind = self._all()[name].type  # such as tensor(float)
        kind = {
            'float': 'float32',
            'double': 'float64',
            'float16': 'float16',
        }.get(kind[7:-1], kind[7:-1])
        if kind == 'int64' and not hasattr(self.trt, 'int64'):
            kind = 'int32'  # 64-bit integers came with TensorRT 10
        return kind

    def _dtype(self, name):
        return getattr(self.trt, self._numpy_dtype(name))

    def _location(self):
        return getattr(self.trt.TensorLocation, self.trt.location)

    def create_execution_context(self):
        context = self.trt.IExecutionContext()
        context._engine, context._shapes, context._addresses = self, {}, {}
        return context

    def serialize(self):
        return self._plan

    def __getitem__(self, arg0):
        return list(self._all())[arg0]

    @property
    def num_io_tensors(self):
        return len(self._all())

    def get_tensor_name(self, index):
        return list(self._all())[index]

    def get_tensor_mode(self, name):
        mode = self.trt.TensorIOMode
        return mode.INPUT if name in self._inputs else mode.OUTPUT

    def get_tensor_dtype(self, name):
        return self._dtype(name)

    def get_tensor_location(self, name):
        return self._location()

    def get_tensor_profile_shape(self, name, profile_index):
        return list(map(Dims, self._profiles[profile_index][name]))

    def binding_is_input(self, name):
        return name in self._inputs

    def get_binding_index(self, name):
        return list(self._all()).index(name)

    def get_profile_shape(self, profile_index, binding):
        return list(map(Dims, self._profiles[profile_index][binding]))

    def get_binding_dtype(self, index):
        return self._dtype(self[index])

    def get_location(self, index):
        return self._location()


class IExecutionContext:
    def set_input_shape(self, name, shape):
        if name not in self._engine._inputs:
            return False
        self._shapes[name] = tuple(shape)
        return True

    def set_tensor_address(self, name, memory):
        if name not in self._engine._all() or not memory:
            return False
        self._addresses[name] = memory
        return True

    def get_tensor_shape(self, name):
        # The graphs of the tests: the first axis is the batch.
        batch = {shape[0] for shape in self._shapes.values()}.pop()
        node = self._engine._outputs[name]
        return Dims(
            [batch if isinstance(size, str) else size for size in node.shape]
        )

    def execute_async_v3(self, stream_handle):
        engine = self._engine
        if set(self._addresses) != set(engine._all()):
            return False
        feed = {
            name: self._memory(name, self._shapes[name]).astype(
                'int64' if 'int64' in node.type else engine._numpy_dtype(name)
            )
            for name, node in engine._inputs.items()
        }
        names = list(engine._outputs)
        for name, value in zip(names, engine._session.run(names, feed)):
            self._memory(name, value.shape)[...] = value
        self.trt.log.append(('ran', stream_handle, self._shapes))
        return True

    def _memory(self, name, shape):
        dtype = np.dtype(self._engine._numpy_dtype(name))
        count = int(np.prod(shape))
        buffer = (ctypes.c_char * (count * dtype.itemsize)).from_address(
            self._addresses[name]
        )
        return np.frombuffer(buffer, dtype).reshape(shape)

    def set_binding_shape(self, binding, shape):
        self._shapes[self._engine[binding]] = tuple(shape)
        return True

    def get_binding_shape(self, binding):
        return self.get_tensor_shape(self._engine[binding])

    def execute_async_v2(self, bindings, stream_handle):
        self._addresses = dict(zip(self._engine._all(), bindings))
        return self.execute_async_v3(stream_handle)


_CLASSES = (
    Logger,
    Builder,
    OnnxParser,
    IBuilderConfig,
    IOptimizationProfile,
    IHostMemory,
    Runtime,
    IGpuAllocator,
    IInt8Calibrator,
    ICudaEngine,
    IExecutionContext,
)
