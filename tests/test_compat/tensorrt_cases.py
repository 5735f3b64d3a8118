"""mmdeploy builds and runs an engine on a fake TensorRT.

Run as a script with a JSON list of cases (arguments of ``attempt``); prints
the list of their outcomes. Each case has a process of its own.
"""

import json
import multiprocessing
import os
import sys
import tempfile
import warnings
from types import ModuleType, SimpleNamespace

import fake_tensorrt
import numpy as np
import onnx
import torch
import torch.export  # noqa: F401  # once, and not in each case's process

WEIGHT = np.array([[1, 0, -1, 2], [0, 3, 1, -1], [2, -2, 0, 1]], np.float32)
SHAPES = dict(
    image=dict(
        min_shape=[1, 3, 4, 2], opt_shape=[2, 3, 4, 2], max_shape=[8, 3, 4, 2]
    ),
    offset=dict(min_shape=[1, 1], opt_shape=[2, 1], max_shape=[8, 1]),
)
STREAM = 4711


def graph(quantized: bool = False) -> onnx.ModelProto:
    """scores = mean over the image's pixels @ WEIGHT (B, 4),
    best = argmax of scores + offset, both 64-bit integers (B, 1)."""
    helper, kinds = onnx.helper, onnx.TensorProto
    nodes = [
        helper.make_node('GlobalAveragePool', ['image'], ['pooled']),
        helper.make_node('Flatten', ['pooled'], ['flat']),
        helper.make_node('MatMul', ['flat', 'weight'], ['scores']),
        helper.make_node('ArgMax', ['scores'], ['index'], axis=1),
        helper.make_node('Add', ['index', 'offset'], ['best']),
    ]
    constants = [onnx.numpy_helper.from_array(WEIGHT, 'weight')]
    if quantized:  # in steps of 1/4
        nodes[2:2] = [
            helper.make_node('QuantizeLinear', ['flat', 'step'], ['whole']),
            helper.make_node('DequantizeLinear', ['whole', 'step'], ['back']),
        ]
        nodes[4].input[0] = 'back'
        constants.append(onnx.numpy_helper.from_array(np.float32(0.25), 'step'))
    value = helper.make_tensor_value_info
    made = helper.make_graph(
        nodes,
        'net',
        [
            value('image', kinds.FLOAT, ['batch', 3, 4, 2]),
            value('offset', kinds.INT64, ['batch', 1]),
        ],
        [
            value('scores', kinds.FLOAT, ['batch', 4]),
            value('best', kinds.INT64, ['batch', 1]),
        ],
        constants,
    )
    return helper.make_model(
        made, opset_imports=[helper.make_opsetid('', 17)], ir_version=8
    )


def inputs(batch: int = 3):
    image = np.arange(batch * 24, dtype=np.float32).reshape(batch, 3, 4, 2) % 7
    for b in range(batch):  # so that the best is 3, 1, 0, 3 ...
        image[b, b % 3] += 20
    offset = 2**33 + 10 * np.arange(batch)[:, None]  # more than 32 bits
    return dict(image=torch.from_numpy(image), offset=torch.from_numpy(offset))


class OnGpu(torch.Tensor):
    """A tensor of the CPU that says otherwise."""

    device = torch.device('cuda')


class CalibrationFile(dict):
    """As h5py's File."""

    def close(self):
        pass


def attempt(
    version,
    skip=(),
    fp16=False,
    int8=False,
    quantized=False,
    location='HOST',
    ops='',
    wrong=(),
) -> dict:
    """What mmdeploy does on that version: the shims at work, what was built
    and run, and the error if it comes to one; further runs by name.

    Args:
        version: Major version of TensorRT.
        skip: Shims left out.
        fp16, int8: mmdeploy's modes.
        quantized: The graph is.
        location: Where the engine wants its tensors.
        ops: The library of mmdeploy's operators; none if empty.
        wrong: What is wrong with each further run.
    """
    os.environ['SPINEPOSE_SKIP_SHIMS'] = ','.join(skip)
    sys.modules['tensorrt'] = trt = fake_tensorrt.make(version, location)
    trt.__spec__ = SimpleNamespace()
    stand_in_for_cuda()
    from spinepose_mmpose import compat  # isort: skip  # before mmdeploy
    import mmdeploy.utils

    mmdeploy.utils.get_file_path = lambda *args: ops
    with tempfile.TemporaryDirectory() as folder:
        outcome = described(trt, build, folder, fp16, int8, quantized)
        if outcome['error'] is None:
            outcome.update(described(trt, run, folder, trt))
        for name in wrong:
            outcome[name] = described(trt, run, folder, trt, name)
    outcome['active'] = [s for s in compat.active if s.startswith('tensorrt')]
    return outcome


def described(trt, step, *args) -> dict:
    """What ``step`` returns or raises, and what it had TensorRT do."""
    outcome = dict(error=None)
    try:
        outcome['outputs'] = step(*args)
    except Exception as error:
        outcome['error'] = f'{type(error).__name__}: {error}'
    for kind, *rest in trt.log:
        outcome[kind] = plan(rest[0]) if kind == 'built' else rest
    trt.log.clear()
    return outcome


def stand_in_for_cuda():
    if not hasattr(torch._C, '_cuda_cudaCachingAllocator_raw_delete'):
        torch._C._cuda_cudaCachingAllocator_raw_delete = None
    torch.cuda.current_stream = lambda: SimpleNamespace(cuda_stream=STREAM)
    for name in ('pycuda', 'pycuda.autoinit', 'pycuda.driver', 'h5py'):
        sys.modules.setdefault(name, ModuleType(name))
        if '.' in name:
            setattr(sys.modules['pycuda'], name[7:], sys.modules[name])


def build(folder, fp16, int8, quantized):
    """As mmdeploy's tools/deploy.py does it, from an ONNX file."""
    from mmdeploy.backend.tensorrt import utils
    from mmdeploy.backend.tensorrt.onnx2tensorrt import onnx2tensorrt
    from mmengine import Config

    onnx.save(graph(quantized), f'{folder}/end2end.onnx')
    if int8:  # which wants calibration data
        images = {'0': np.ones((1, 3, 4, 2))}
        data = CalibrationFile(calib_data=dict(end2end=dict(image=images)))
        utils.from_onnx(
            f'{folder}/end2end.onnx',
            f'{folder}/end2end',
            SHAPES,
            max_workspace_size=1 << 20,
            fp16_mode=fp16,
            int8_mode=True,
            int8_param=dict(calib_file=data, model_type='end2end'),
        )
        return
    onnx2tensorrt(
        folder,
        'end2end.engine',
        0,
        Config(
            dict(
                onnx_config=dict(input_names=list(SHAPES)),
                backend_config=dict(
                    type='tensorrt',
                    common_config=dict(
                        fp16_mode=fp16, max_workspace_size=1 << 20
                    ),
                    model_inputs=[dict(input_shapes=SHAPES)],
                ),
            )
        ),
        f'{folder}/end2end.onnx',
    )


def run(folder, trt, wrong=''):
    from mmdeploy.backend.tensorrt import TensorRTManager

    names = ['best', 'scores']
    wrapper = TensorRTManager.build_wrapper(
        [f'{folder}/end2end.engine'],
        output_names=dict(name=['heatmap'], order=None).get(wrong, names),
    )
    given = inputs(9 if wrong == 'batch' else 3)
    if trt.__version__.startswith('8.'):
        # TensorRT 8 knows 32-bit integers only; mmdeploy wants a GPU.
        given['offset'] -= 2**33
        given = {k: v.as_subclass(OnGpu) for k, v in given.items()}
    if wrong == 'input':
        del given['offset']
    if wrong == 'strided':
        image = given['image'].permute(0, 2, 3, 1).contiguous()
        given['image'] = image.permute(0, 3, 1, 2).double()
    trt.refused = {wrong}
    outputs = wrapper(given)
    return [
        [name, str(value.dtype), value.tolist()]
        for name, value in outputs.items()
    ]


def plan(built):
    """What a build was asked for."""
    model = onnx.load_from_string(built['model'])
    kind = onnx.TensorProto.DataType.Name
    return dict(
        workspace=built['_limits'],
        profiles=built['_profiles'],
        flags=built.get('_flags', []),
        calibrated='int8_calibrator' in built,
        weight=[
            kind(tensor.data_type)
            for tensor in model.graph.initializer
            if tensor.name.startswith('weight')
        ],
        io=[
            kind(node.type.tensor_type.elem_type)
            for node in (*model.graph.input, *model.graph.output)
        ],
    )


def _attempt(case):
    warnings.simplefilter('ignore')
    sys.stdout = sys.stderr
    return attempt(**case)


def main():
    fork = multiprocessing.get_context('fork')
    with fork.Pool(1, maxtasksperchild=1) as pool:
        outcomes = pool.map(_attempt, json.loads(sys.argv[1]), chunksize=1)
    print(json.dumps(outcomes))


if __name__ == '__main__':
    main()
