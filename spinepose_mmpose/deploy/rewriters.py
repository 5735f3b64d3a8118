"""What mmdeploy gets to know: its pose detection task for our training configs,
and MMPose's functions as they are exported, the same inside FP16's range."""

import math
from collections.abc import Sequence
from copy import deepcopy

import torch
from mmdeploy.codebase.mmpose.deploy.pose_detection import (
    MMPOSE_TASK,
    PoseDetection,
)
from mmdeploy.core import FUNCTION_REWRITER
from mmdeploy.utils import Backend, Task, get_backend, get_codebase_config
from mmengine import Config
from mmpose.models.data_preprocessors import PoseDataPreprocessor
from mmpose.models.pose_estimators import TopdownPoseEstimator
from torch import Tensor, nn

from ..utils import plain_config

CHANNEL_ORDERS = ('rgb', 'bgr')


def swap_input_channels(
    model: nn.Module, mean: Sequence[float], std: Sequence[float]
) -> None:
    r"""Rewrite the convolution that reads the image in place, for BGR.

    Clients that skip the swap to RGB normalise by position: channel c of the
    BGR image becomes :math:`y_c = (p_c - mean_c) / std_c` with the figures of
    R first. The network was trained on
    :math:`x_{2-c} = (p_c - mean_{2-c}) / std_{2-c}`, so

    .. math::
        x_{2-c} = \frac{std_c}{std_{2-c}}
            \left(y_c + \frac{mean_c - mean_{2-c}}{std_c}\right).

    The exchange and the factor go into the weights. The summand is added to
    the input, not to the bias: the convolution pads with zeros, which mean
    the average colour.

    Raises:
        ValueError: the first convolution does not take three channels.
    """
    conv = next((m for m in model.modules() if isinstance(m, nn.Conv2d)), None)
    if conv is None or conv.in_channels != 3:
        raise ValueError(
            'channel_order="bgr" needs a model whose first convolution takes '
            'three channels'
        )
    mean, std = torch.tensor(mean), torch.tensor(std)
    factor, shift = std / std.flip(0), (mean - mean.flip(0)) / std
    with torch.no_grad():
        conv.weight.copy_(conv.weight.flip(1) * factor.view(1, 3, 1, 1))
    conv.register_buffer('input_shift', shift.view(1, 3, 1, 1))
    conv.register_forward_pre_hook(lambda conv, x: x[0] + conv.input_shift)


# Of our own classes: what they are in MMPose, which mmdeploy knows.
MMPOSE_NAMES = dict(
    FastTopdownAffine='TopdownAffine', LoadPoseImage='LoadImage'
)
PARENTS = dict(
    SpinePoseDistiller=TopdownPoseEstimator,
    SpinePoseDataPreprocessor=PoseDataPreprocessor,
)


@MMPOSE_TASK.register_module(Task.POSE_DETECTION.value, force=True)
class SpinePoseDetection(PoseDetection):
    """mmdeploy's pose detection task for training configs too.

    - A ``SpinePoseDistiller`` is the ``TopdownPoseEstimator`` that it is
      outside of training: mmdeploy goes by that name, and neither builds nor
      looks for a teacher.
    - ``channel_order='bgr'`` in ``codebase_config`` makes a model for clients
      that normalise BGR images with the RGB figures.

    The configs passed in are not modified.
    """

    def __init__(
        self, model_cfg: Config, deploy_cfg: Config, device: str
    ) -> None:
        order = channel_order(deploy_cfg)
        super().__init__(deployed_config(model_cfg, order), deploy_cfg, device)
        trained = model_cfg.model.data_preprocessor
        self._is_swapped = order == 'bgr' and trained.get('bgr_to_rgb', False)

    def build_pytorch_model(self, *args, **kwargs) -> torch.nn.Module:
        model = super().build_pytorch_model(*args, **kwargs)
        if self._is_swapped:
            colours = self.model_cfg.model.data_preprocessor
            swap_input_channels(model, colours.mean, colours.std)
        return model


def channel_order(deploy_cfg: Config) -> str:
    """``codebase_config.channel_order``, checked."""
    order = deploy_cfg.codebase_config.get('channel_order', 'rgb')
    if order not in CHANNEL_ORDERS:
        raise ValueError(
            f'codebase_config.channel_order is {order!r}, expected one of '
            f'{CHANNEL_ORDERS}'
        )
    return order


def deployed_config(model_cfg: Config, order: str = 'rgb') -> Config:
    """A copy of a model config as mmdeploy and the SDK should see it."""
    model_cfg = deepcopy(model_cfg)
    model_cfg.model = _in_mmpose(model_cfg.model)
    model = model_cfg.model
    model.data_preprocessor = _in_mmpose(model.data_preprocessor)
    if order == 'bgr':
        model.data_preprocessor.bgr_to_rgb = False
    for step in model_cfg.test_dataloader.dataset.pipeline:
        step.type = MMPOSE_NAMES.get(step.type, step.type)
        for setting in ('lazy', 'on_bad_image'):
            step.pop(setting, None)
    return model_cfg


def _in_mmpose(settings: dict) -> dict:
    parent = PARENTS.get(settings.type.rpartition('.')[2])
    return plain_config(settings, parent) if parent else settings


# The smallest normal FP16 number; backends may round smaller ones to 0.
TINY = 2.0**-14


def scale_norm(x: Tensor, g: Tensor, eps: float) -> Tensor:
    r""":math:`g x / \max(\mathrm{rms}(x), \epsilon)` over the last axis.

    The sum of squares leaves FP16's range from an rms of 37 on for 48
    elements, 25 for 108. With :math:`m = \max |x|` and :math:`t = x / m` the
    same is :math:`g t / \max(\mathrm{rms}(t), \epsilon / m)`, for every
    :math:`m > 0`; no term exceeds 1 before g.
    """
    peak = x.abs().amax(-1, keepdim=True).clamp(min=TINY)
    x = x / peak
    rms = x.square().mean(-1, keepdim=True).sqrt()
    # eps itself is below TINY; both factors here are not.
    floor = (TINY / peak) * (eps / TINY)
    # The larger one. ONNX Runtime's converter leaves Max in FP32.
    rms = torch.relu(rms - floor) + floor
    return x / rms * g


def squared_relu_attention(
    q: Tensor, k: Tensor, v: Tensor, num_keys: int
) -> tuple[Tensor, Tensor]:
    r""":math:`\mathrm{relu}(q k^T)^2 v` as ``r ** 2 * values``, of q (B, N, S),
    k (B, K, S) and v (B, K, E); values (B, N, E), r (B, N, 1).

    The squares leave FP16's range from a product of 256 on. Each row of
    weights is divided by its largest and by the root of the number of keys
    (the next power of two, which rounds nothing), so that the values are at
    most those of v. The factor r goes to the end: what follows is linear.
    ``num_keys`` is K as a number: a traced size would become part of the graph.
    """
    weights = torch.relu(q @ k.transpose(-2, -1))  # B, N, K
    root = 2 ** math.ceil(math.log2(num_keys) / 2)
    peak = weights.amax(-1, keepdim=True).clamp(min=TINY)
    weights = weights / peak * (1 / root)
    return weights.square() @ v, peak * root


def global_mean(x: Tensor) -> Tensor:
    """Mean over the image, (B, C, H, W) to (B, C, 1, 1), one axis after the
    other: at 384x288 the first stage of RTMPose has 6912 places, whose sum
    leaves FP16's range from a mean of 9.5 on, and 96 rows."""
    return x.mean(-1, keepdim=True).mean(-2, keepdim=True)


BLOCK = 'mmpose.models.utils.rtmcc_block'


def is_wanted(cfg) -> bool:
    safe = get_codebase_config(cfg).get('fp16_safe', True)
    return safe and get_backend(cfg) != Backend.NCNN


@FUNCTION_REWRITER.register_rewriter(
    'mmdet.models.layers.se_layer.ChannelAttention.forward'
)
def channel_attention__forward(self, x):
    ctx = FUNCTION_REWRITER.get_context()
    if not is_wanted(ctx.cfg):
        return ctx.origin_func(self, x)
    return x * self.act(self.fc(global_mean(x)))


@FUNCTION_REWRITER.register_rewriter(f'{BLOCK}.ScaleNorm.forward')
def scale_norm__forward(self, x):
    ctx = FUNCTION_REWRITER.get_context()
    if not is_wanted(ctx.cfg):
        return ctx.origin_func(self, x)
    return scale_norm(x, self.g, self.eps)


@FUNCTION_REWRITER.register_rewriter(f'{BLOCK}.RTMCCBlock._forward')
def rtmcc_block___forward(self, inputs):
    """The self-attention of RTMPose; other settings stay as they are."""
    ctx = FUNCTION_REWRITER.get_context()
    if (
        not is_wanted(ctx.cfg)
        or self.attn_type != 'self-attn'
        or self.use_rel_bias
        or self.pos_enc
    ):
        return ctx.origin_func(self, inputs)
    return gated_attention(self, inputs)


def gated_attention(block, x):
    """``RTMCCBlock._forward`` with (B, K, C) inputs, inside FP16's range."""
    uv = block.act_fn(block.uv(block.ln(x)))
    u, v, base = torch.split(uv, [block.e, block.e, block.s], dim=2)
    # B, K, S; the attention's scale goes into constants
    q = base * (block.gamma[0] / block.sqrt_s) + block.beta[0] / block.sqrt_s
    k = base * block.gamma[1] + block.beta[1]
    values, row = squared_relu_attention(q, k, v, block.num_token)
    # Twice: its square may leave the range although the product does not.
    return block.o(u * values) * row * row
