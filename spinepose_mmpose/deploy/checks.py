"""What can be known to fail before an export starts, each as a ValueError or
OSError whose sentence names what was found and what was expected."""

import importlib.util
import os
import os.path as osp
import shutil
import tempfile

from mmdeploy.utils import get_input_shape

# Also the names of the packages.
BACKENDS = ('onnxruntime', 'tensorrt', 'openvino', 'ncnn')


def check_deploy_config(deploy_cfg, source: str) -> str:
    """That it is one for pose models here; the name of its backend."""
    if not {'backend_config', 'codebase_config'} <= {*deploy_cfg}:
        raise ValueError(
            f'{source} is not a deployment config: it has no backend_config or '
            'no codebase_config; configs/deploy/ holds some'
        )
    backend = deploy_cfg.backend_config.get('type')
    if backend not in BACKENDS:
        raise ValueError(
            f'{source} is for the backend {backend!r}, expected one of '
            f'{BACKENDS}'
        )
    codebase = deploy_cfg.codebase_config
    kind = codebase.get('type'), codebase.get('task')
    if kind != ('mmpose', 'PoseDetection'):
        raise ValueError(
            f'{source} is for {kind[0]}, {kind[1]}; expected mmpose, '
            'PoseDetection'
        )
    return backend


def check_backend(backend: str, deploy_cfg) -> None:
    """That the packages and tools of the backend are there."""
    require(backend, backend)
    config = deploy_cfg.backend_config
    if backend == 'onnxruntime' and config.get('precision') == 'fp16':
        require('onnxconverter-common', 'FP16 ONNX')
    if backend == 'ncnn':
        from mmdeploy.backend.ncnn.init_plugins import get_onnx2ncnn_path

        if not get_onnx2ncnn_path():
            raise ValueError(
                "the backend ncnn needs mmdeploy's converter: build "
                'mmdeploy_onnx2ncnn and put it into PATH (docs/deployment.md)'
            )


def require(package: str, what: str) -> None:
    """That a package, whose module has its name, can be found."""
    if importlib.util.find_spec(package.replace('-', '_')) is None:
        raise ValueError(
            f'{what} needs the package {package}, which is not installed: pip '
            f'install {package}'
        )


def check_device(device: str, backend: str) -> None:
    """That there is such a device, and that the backend runs on it."""
    import torch

    kind, _, index = device.partition(':')
    if kind not in ('cpu', 'cuda') or (index and not index.isdigit()):
        raise ValueError(
            f'device is {device!r}, expected cpu, cuda or cuda:NUMBER'
        )
    if kind == 'cuda':
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if int(index or 0) >= count:
            raise ValueError(
                f'device {device!r} is asked for, but PyTorch sees {count} '
                'GPUs here'
            )
    wanted = dict(tensorrt='cuda:0', openvino='cpu').get(backend, device)
    if not wanted.startswith(kind):
        raise ValueError(
            f'the backend {backend} does not run on {device!r}, expected '
            f'{wanted}'
        )


def check_model_config(model_cfg, source: str) -> None:
    """That it is the config of a SimCC model."""
    wanted = 'model', 'codec', 'test_dataloader'
    missing = [key for key in wanted if key not in model_cfg]
    if missing:
        raise ValueError(
            f'{source} has no {", ".join(missing)}: a config of a top-down '
            'pose model is expected, such as configs/spinepose-m.py'
        )
    if model_cfg.codec.type != 'SimCCLabel':
        raise ValueError(
            f'{source} has the codec {model_cfg.codec.type}, expected '
            'SimCCLabel'
        )


def check_input_size(deploy_cfg, model_cfg, source: str) -> None:
    """That the deployment config fixes no other input size."""
    fixed = get_input_shape(deploy_cfg)
    sizes = [fixed] if fixed else []
    for model_input in deploy_cfg.backend_config.get('model_inputs', []):
        shapes = list(model_input.get('opt_shapes', {}).values())
        for ranges in model_input.get('input_shapes', {}).values():
            shapes += ranges.values()
        sizes += [(shape[3], shape[2]) for shape in shapes if shape[3] > 0]
    w, h = model_cfg.codec['input_size']
    for other in map(tuple, sizes):
        if other != (w, h):
            raise ValueError(
                f'{source} is for an input of {other[0]}x{other[1]} pixels '
                f'(w x h), but the model takes {w}x{h}'
            )


def check_checkpoint(model_cfg, path: str) -> None:
    """That a file is a checkpoint of the config's model."""
    import torch
    from mmpose.registry import MODELS
    from mmpose.utils import register_all_modules

    from ..models.head_extension import (
        count_keypoints,
        find_mismatch,
        read_checkpoint,
    )

    weights, _ = read_checkpoint(path)
    expected = model_cfg.model.head.out_channels
    found = count_keypoints(weights)
    if found != expected:
        raise ValueError(
            f'{path} predicts {found} keypoints, but the config {expected}'
        )
    register_all_modules(init_default_scope=True)
    with torch.device('meta'):
        own = MODELS.build(model_cfg.model).state_dict()
    own = {k: v for k, v in own.items() if 'data_preproc' not in k}
    mismatch = find_mismatch(weights, own)
    if mismatch:
        raise ValueError(
            f'{path} is not a checkpoint of {model_cfg.filename}: {mismatch}'
        )


def check_output_folder(folder: str) -> None:
    """That it can be written, and holds nothing but an earlier export."""
    if osp.exists(folder) and not osp.isdir(folder):
        raise NotADirectoryError(f'{folder} is a file, expected a folder')
    names = os.listdir(folder) if osp.isdir(folder) else []
    is_export = any(n == 'deploy.json' or n.endswith('.onnx') for n in names)
    if names and not is_export:
        raise ValueError(
            f'{folder} holds something else than an export, which would be '
            'replaced: give a new or an empty --work-dir'
        )
    parent = osp.abspath(folder)
    while not osp.isdir(parent):
        parent = osp.dirname(parent)
    try:
        shutil.rmtree(tempfile.mkdtemp(dir=parent, prefix='.writable-'))
    except OSError as error:
        raise PermissionError(
            f'{folder} cannot be written: {error.strerror}'
        ) from error
