"""RTMPoses with random weights and norms, exported as mmdeploy does."""

import os.path as osp

from spinepose_mmpose.models.onnx_weights.network import build_network
from spinepose_mmpose.utils import config_file

import torch
from mmengine.config import Config
from torch.nn.modules.batchnorm import _BatchNorm

NAMES = dict(
    input_names=['input'], output_names=['simcc_x', 'simcc_y'], dynamo=False
)


def random_network(size='t', num_keypoints=37, seed=0, config=None, input=None):
    """Whose batch norms, scales and attention are none of an untrained one."""
    config = config or Config.fromfile(
        config_file(f'configs/spinepose-{size}.py')
    )
    torch.manual_seed(seed)
    network = build_network(config, num_keypoints, input)
    gau = network.head.gau
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, _BatchNorm):
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.5, 2)
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.3)
        network.head.mlp[0].g.fill_(1.3)
        gau.ln.g.fill_(0.7)
        gau.res_scale.scale.uniform_(0.5, 1.5)
        gau.gamma.normal_()
        gau.beta.normal_()
    return network


def export(network, path, opset=17, batch=1, **options):
    width, height = network.head.input_size
    images = torch.zeros(batch, 3, height, width)
    torch.onnx.export(
        network, images, str(path), opset_version=opset, **{**NAMES, **options}
    )
    assert osp.getsize(path) > 1000
    return path


def export_with_mmdeploy(network, path, backend='onnxruntime', opset=17):
    """By mmdeploy's own call, with this package's rewrites at work."""
    from mmdeploy.apis.onnx import export as export_onnx

    width, height = network.head.input_size
    names = ('input', 'simcc_x', 'simcc_y')
    settings = dict(
        codebase_config=dict(type='mmpose', task='PoseDetection'),
        backend_config=dict(type=backend),
    )
    export_onnx(
        network,
        torch.zeros(1, 3, height, width),
        osp.splitext(path)[0],
        backend=backend,
        input_names=names[:1],
        output_names=names[1:],
        opset_version=opset,
        dynamic_axes={name: {0: 'batch'} for name in names},
        context_info=dict(deploy_cfg=settings),
    )
    return path
