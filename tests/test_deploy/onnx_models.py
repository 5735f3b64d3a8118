"""RTMPoses with random weights and norms, exported as mmdeploy does."""

import os.path as osp

from spinepose_mmpose.utils import config_file

import numpy as np
import onnx
import onnxruntime
import torch
from mmengine.config import Config
from mmengine.model.utils import revert_sync_batchnorm
from mmpose.registry import MODELS
from mmpose.utils import register_all_modules
from torch.nn.modules.batchnorm import _BatchNorm

NAMES = dict(
    input_names=['input'], output_names=['simcc_x', 'simcc_y'], dynamo=False
)


class PoseNetwork(torch.nn.Module):
    """Backbone and head of a config: images to SimCC logits."""

    def __init__(self, model_cfg):
        super().__init__()
        register_all_modules()
        self.backbone = MODELS.build(model_cfg['backbone'])
        self.head = MODELS.build(model_cfg['head'])

    def forward(self, images):
        return self.head(self.backbone(images))


def build_network(config, num_keypoints, input_size=None):
    model = config.copy().model
    head = model.head
    head.out_channels = num_keypoints
    if input_size is not None:
        head.input_size = tuple(input_size)
        head.in_featuremap_size = tuple(size // 32 for size in input_size)
        if head.get('decoder'):
            head.decoder.input_size = tuple(input_size)
    return revert_sync_batchnorm(PoseNetwork(model)).eval()


def run_tensor(model, images, name):
    """A tensor from within the graph, one image at a time."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.graph.output.append(onnx.ValueInfoProto(name=name))
    session = onnxruntime.InferenceSession(
        copy.SerializeToString(), providers=['CPUExecutionProvider']
    )
    (feed,) = [value.name for value in session.get_inputs()]
    runs = [session.run([name], {feed: image[None]})[0] for image in images]
    return np.concatenate(runs)


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
