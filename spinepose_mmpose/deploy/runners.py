"""An exported folder as a function of numpy arrays."""

import json
import os.path as osp
from dataclasses import dataclass
from typing import Callable, Dict, List, Tuple

import numpy as np

Outputs = Tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Export:
    """What the SDK's files say of an export.

    Attributes:
        backend: its name, ``onnxruntime`` for example.
        files: what the backend loads; the first one is the model.
        precision: ``FP32``, ``FP16`` or ``INT8``, as far as the files say.
        mean, std: of the channels in the order in which they are fed.
        to_rgb: whether BGR images are turned into RGB before.
        decodes: whether the outputs are keypoints and scores.
    """

    backend: str
    files: Tuple[str, ...]
    precision: str
    mean: Tuple[float, ...]
    std: Tuple[float, ...]
    to_rgb: bool
    decodes: bool

    def normalise(self, crops: np.ndarray) -> np.ndarray:
        """(B, H, W, 3) uint8, BGR to (B, 3, H, W) float32."""
        if self.to_rgb:
            crops = crops[..., ::-1]
        values = (crops - np.float32(self.mean)) / np.float32(self.std)
        return np.ascontiguousarray(
            values.transpose(0, 3, 1, 2), dtype=np.float32
        )


def read_export(folder: str) -> Export:
    """
    Raises:
        FileNotFoundError: The folder lacks a file of an export.
        ValueError: It is the export of another kind of model.
    """
    deploy = _read_json(folder, 'deploy.json')
    pipeline = _read_json(folder, 'pipeline.json')['pipeline']['tasks']
    model = deploy['models'][0]
    post = pipeline[-1]
    if post.get('component') != 'SimCCLabelDecode':
        raise ValueError(
            f'{folder} is the export of a model with the decoder '
            f'{post.get("component")!r}, expected SimCCLabelDecode'
        )
    normalise = next(
        step
        for step in pipeline[0]['transforms']
        if step['type'] == 'Normalize'
    )
    files = [osp.join(folder, model['net'])]
    if model['weights']:
        files.append(osp.join(folder, model['weights']))
    for path in files:
        if not osp.isfile(path):
            raise FileNotFoundError(f'no such file: {path}')
    return Export(
        backend=model['backend'],
        files=tuple(files),
        precision=precision_of(files[0], model['precision']),
        mean=tuple(normalise['mean']),
        std=tuple(normalise['std']),
        to_rgb=normalise['to_rgb'],
        decodes=post['params'].get('export_postprocess', False),
    )


def _read_json(folder: str, name: str) -> dict:
    path = osp.join(folder, name)
    if not osp.isfile(path):
        raise FileNotFoundError(
            f'{folder} has no {name}: it is no export, or one without the '
            "SDK's files"
        )
    with open(path, encoding='utf-8') as file:
        return json.load(file)


def precision_of(path: str, stated: str) -> str:
    """mmdeploy states FP32 for every ONNX file; its tensors know better."""
    if not path.endswith('.onnx'):
        return stated
    import onnx

    graph = onnx.load(path).graph
    if any(node.op_type == 'QuantizeLinear' for node in graph.node):
        return 'INT8'
    half = onnx.TensorProto.FLOAT16
    return (
        'FP16'
        if any(t.data_type == half for t in graph.initializer)
        else (stated)
    )


def open_export(
    export: Export, device: str = 'cpu', threads: int = 0
) -> Callable[[np.ndarray], Outputs]:
    """A function from (B, 3, H, W) to (simcc_x, simcc_y) or (keypoints,
    scores).

    Args:
        export: What to run.
        device: ``cpu`` or ``cuda:0``.
        threads: of ONNX Runtime; 0 for its own choice.

    Raises:
        ValueError: The backend is none of those here, or not installed.
    """
    if export.backend not in RUNNERS:
        raise ValueError(
            f'the export is for {export.backend!r}, expected one of '
            f'{tuple(RUNNERS)}'
        )
    try:
        return RUNNERS[export.backend](export, device, threads)
    except ImportError as error:
        raise ValueError(
            f'{export.backend} cannot be imported: {error}'
        ) from error


def output_names(decodes: bool) -> List[str]:
    return ['keypoints', 'scores'] if decodes else ['simcc_x', 'simcc_y']


def _onnxruntime(export: Export, device: str, threads: int):
    import onnxruntime as ort

    settings = ort.SessionOptions()
    settings.intra_op_num_threads = threads
    kind = 'CUDA' if device.startswith('cuda') else 'CPU'
    session = ort.InferenceSession(
        export.files[0], settings, providers=[f'{kind}ExecutionProvider']
    )
    (image,) = session.get_inputs()
    names = output_names(export.decodes)

    def run(inputs: np.ndarray) -> Outputs:
        return tuple(
            output.astype(np.float32)
            for output in session.run(names, {image.name: inputs})
        )

    return run


def _openvino(export: Export, device: str, threads: int):
    import openvino

    # Processors with bfloat16 would use it.
    settings = {'INFERENCE_PRECISION_HINT': 'f32'}
    if threads:
        settings['INFERENCE_NUM_THREADS'] = threads
    compiled = openvino.Core().compile_model(export.files[0], 'CPU', settings)
    names = output_names(export.decodes)

    def run(inputs: np.ndarray) -> Outputs:
        results = compiled([inputs])
        return tuple(np.array(results[name]) for name in names)

    return run


def _mmdeploy(export: Export, device: str, threads: int):
    """TensorRT and ncnn through mmdeploy's wrappers."""
    import torch
    from mmdeploy.backend.base import get_backend_manager

    names = output_names(export.decodes)
    wrapper = get_backend_manager(export.backend).build_wrapper(
        export.files, device, ['input'], names
    )

    def run(inputs: np.ndarray) -> Outputs:
        tensors: Dict[str, torch.Tensor] = wrapper(
            dict(input=torch.from_numpy(inputs).to(device))
        )
        return tuple(tensors[name].float().cpu().numpy() for name in names)

    return run


RUNNERS = dict(
    onnxruntime=_onnxruntime,
    openvino=_openvino,
    tensorrt=_mmdeploy,
    ncnn=_mmdeploy,
)
