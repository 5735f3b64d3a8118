"""A checkpoint to a finished export folder, through mmdeploy."""

import contextlib
import os
import os.path as osp
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from mmdeploy.apis import torch2onnx, visualize_model
from mmdeploy.apis.utils import to_backend
from mmdeploy.backend.sdk.export_info import export2SDK
from mmdeploy.utils import Backend, get_ir_config
from mmengine import Config
from onnx import TensorProto, helper, numpy_helper

from ..utils import read_config
from ..zoo import SCHEME, UnknownModel, find_model, resolve_weights
from . import checks
from .onnx_files import LARGEST, write_facts
from .rewriters import channel_order as channel_order_of
from .rewriters import deployed_config


@contextlib.contextmanager
def replaced_folder(path: str) -> Iterator[str]:
    """Yield a new folder beside ``path`` and rename it to that at the end.

    An error within the block leaves an older folder untouched and no new one.
    """
    path = osp.abspath(path)
    above, name = osp.split(path)
    os.makedirs(above, exist_ok=True)
    # Both in one hidden folder: a rename within a file system is at once.
    with tempfile.TemporaryDirectory(prefix=f'.{name}.', dir=above) as hidden:
        new = osp.join(hidden, name)
        os.mkdir(new)
        yield new
        old = f'{new}.old'
        if osp.isdir(path):
            os.rename(path, old)
        try:
            os.rename(new, path)
        except OSError:
            if osp.isdir(old):
                os.rename(old, path)
            raise


def model_facts(
    model_cfg, checkpoint: str, licence: str | None
) -> dict[str, Any]:
    """Value by key for the config (mmengine's) of a SimCC model.

    ``mean`` and ``std`` are in the order in which the network takes the
    channels, ``input_size`` is (w, h). Keypoints are those of the test set,
    None where they are not those of the head.
    """
    from mmpose.apis.inference import dataset_meta_from_config

    from ..version import __version__

    codec, model = model_cfg.codec, model_cfg.model
    names = flip_indices = None
    meta = dataset_meta_from_config(model_cfg, dataset_mode='test')
    if meta and meta['num_keypoints'] == model.head.out_channels:
        names = [name for _, name in sorted(meta['keypoint_id2name'].items())]
        flip_indices = list(map(int, meta['flip_indices']))
    return dict(
        keypoint_names=names,
        flip_indices=flip_indices,
        input_size=list(codec['input_size']),
        mean=list(model.data_preprocessor.mean),
        std=list(model.data_preprocessor.std),
        bgr_to_rgb=bool(model.data_preprocessor.get('bgr_to_rgb', False)),
        simcc_split_ratio=codec['simcc_split_ratio'],
        model=Path(model_cfg.filename or '').stem or None,
        checkpoint=osp.basename(checkpoint),
        licence=licence,
        exported_by=f'spinepose-mmpose {__version__}',
    )


def store_weights_as_fp16(model: onnx.ModelProto, least: int = 256) -> int:
    """Store FP32 initializers as FP16, each with a Cast back to FP32.

    Runtimes do the casts once, when they load the file. A tensor with a value
    that FP16 cannot hold stays as it is, and so does one of fewer than
    ``least``, not worth a node. Returns how many tensors were changed.
    """
    graph = model.graph
    casts, inputs = [], {value.name for value in graph.input}
    for tensor in graph.initializer:
        name, values = tensor.name, numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or name in inputs:
            continue
        if values.size < least or np.abs(values).max() > LARGEST:
            continue
        tensor.CopyFrom(
            numpy_helper.from_array(values.astype(np.float16), f'{name}_fp16')
        )
        casts.append(
            helper.make_node(
                'Cast', [f'{name}_fp16'], [name], to=TensorProto.FLOAT
            )
        )
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return len(casts)


def export(
    deploy_cfg: str,
    model_cfg: str,
    checkpoint: str,
    work_dir: str,
    *,
    image: str | None = None,
    test_image: str | None = None,
    device: str | None = None,
    channel_order: str | None = None,
    argmax: bool = False,
    weights_fp16: bool = False,
    slim: bool = False,
    licence: str | None = None,
    sdk_files: bool = True,
) -> str:
    """Check, export, and put the finished folder into its place.

    Args:
        deploy_cfg: deployment config, a file.
        model_cfg: model config, a file.
        checkpoint: a file, a URL or a name of the model zoo.
        work_dir: folder of the result.
        image: any image, to trace the network with; a grey one by default.
        test_image: drawn on by the backend and by PyTorch, if given.
        device: ``cpu`` or ``cuda:0``; by default what the backend needs.
        channel_order: ``rgb`` or ``bgr``; by default the config's.
        argmax: keypoints and scores as outputs, not SimCC distributions.
        weights_fp16: store the weights as FP16.
        slim: remove what the graph does not need, with onnxslim.
        licence: of the weights; known for published ones.
        sdk_files: write those too.

    Returns:
        The file that the backend runs.

    Raises:
        ValueError, OSError: One sentence about what does not fit, before any
            work; nothing is written then, nor after a later failure.
    """
    deploy = read_config(deploy_cfg)
    backend = checks.check_deploy_config(deploy, deploy_cfg)
    if channel_order:
        deploy.codebase_config['channel_order'] = channel_order
    if argmax:
        put_argmax_in(deploy, deploy_cfg)
    order = channel_order_of(deploy)
    config = read_config(model_cfg)
    checks.check_model_config(config, model_cfg)
    checks.check_input_size(deploy, config, deploy_cfg)
    checks.check_backend(backend, deploy)
    device = device or ('cuda:0' if backend == 'tensorrt' else 'cpu')
    checks.check_device(device, backend)
    if weights_fp16 and backend != 'onnxruntime':
        raise ValueError(
            f'--weights-fp16 is for onnxruntime, the config is for {backend}'
        )
    if slim:
        checks.require('onnxslim', '--slim')
    for path in (image, test_image):
        if path is not None and not osp.isfile(path):
            raise FileNotFoundError(f'no such image: {path}')
    checks.check_output_folder(work_dir)
    weights = str(resolve_weights(checkpoint))
    plain = deployed_config(config, order)
    checks.check_checkpoint(plain, weights)

    name = get_ir_config(deploy)['save_file']
    with replaced_folder(work_dir) as folder:
        path = osp.join(folder, name)
        w, h = plain.codec['input_size']
        grey = np.full((h, w, 3), 127, dtype=np.uint8)
        torch2onnx(image or grey, folder, name, deploy, config, weights, device)
        model = onnx.load(path)
        if slim:
            import onnxslim

            model = onnxslim.slim(model)
        if weights_fp16:
            store_weights_as_fp16(model)
        named = checkpoint if checkpoint.startswith(SCHEME) else weights
        licence = licence or licence_of(checkpoint)
        write_facts(model, model_facts(plain, named, licence))
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, path)
        files = to_backend(
            backend, [path], folder, deploy_cfg=deploy, device=device
        )
        if sdk_files:
            export2SDK(deploy, config, folder, weights, device)
        pytorch = Backend.PYTORCH.value
        for kind, model in ((backend, files), (pytorch, [weights])):
            if test_image:
                visualize_model(
                    read_config(model_cfg),
                    deploy,
                    list(model),
                    test_image,
                    device,
                    backend=Backend.get(kind),
                    output_file=osp.join(folder, f'output_{kind}.jpg'),
                )
    return osp.join(work_dir, osp.basename(files[0]))


def put_argmax_in(deploy_cfg: Config, source: str) -> None:
    """Make keypoints and scores the outputs of the graph."""
    backend = deploy_cfg.backend_config
    if backend.type == 'ncnn' or backend.get('precision') == 'fp16':
        raise ValueError(
            f'{source} cannot have the argmax in the graph: neither ncnn nor '
            'an ONNX file in FP16 does it'
        )
    names = ['keypoints', 'scores']
    deploy_cfg.codebase_config.export_postprocess = True
    deploy_cfg.onnx_config.output_names = names
    deploy_cfg.onnx_config.dynamic_axes = {
        name: {0: 'batch'} for name in ('input', *names)
    }


def licence_of(checkpoint: str) -> str | None:
    """That of a model of the zoo, by its name, address or file name."""
    name = checkpoint.rpartition('/')[2].removesuffix('.pth')
    with contextlib.suppress(UnknownModel):
        return find_model(name).licence
