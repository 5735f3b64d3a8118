"""MMPose's functions as they are exported: the same, inside FP16's range."""

import math
from typing import Tuple

import torch
from mmdeploy.core import FUNCTION_REWRITER
from mmdeploy.utils import Backend, get_backend, get_codebase_config
from torch import Tensor

# The smallest normal FP16 number; backends may round smaller ones to 0.
TINY = 2.0**-14


def scale_norm(x: Tensor, g: Tensor, eps: float) -> Tensor:
    r""":math:`g x / \max(\mathrm{rms}(x), \epsilon)` over the last axis.

    The sum of squares leaves FP16's range from an rms of 37 on for 48
    elements, 25 for 108. With :math:`m = \max |x|` and :math:`t = x / m` the
    same is :math:`g t / \max(\mathrm{rms}(t), \epsilon / m)`, for every
    :math:`m > 0`; no term exceeds 1 before g.

    Args:
        x: (..., C).
        g: Broadcast to x.
        eps: Smallest rms.
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
) -> Tuple[Tensor, Tensor]:
    r""":math:`\mathrm{relu}(q k^T)^2 v` as ``r ** 2 * values``.

    The squares leave FP16's range from a product of 256 on. Each row of
    weights is divided by its largest and by the root of the number of keys
    (the next power of two, which rounds nothing), so that the values are at
    most those of v. The factor r goes to the end: what follows is linear.

    Args:
        q: Queries, scaled by the root of their length, (B, N, S).
        k: Keys, (B, K, S).
        v: (B, K, E).
        num_keys: K, as a number: a traced size would become part of the
            graph.

    Returns:
        values (B, N, E) and r (B, N, 1).
    """
    weights = torch.relu(q @ k.transpose(-2, -1))  # B, N, K
    root = 2 ** math.ceil(math.log2(num_keys) / 2)
    peak = weights.amax(-1, keepdim=True).clamp(min=TINY)
    weights = weights / peak * (1 / root)
    return weights.square() @ v, peak * root


def global_mean(x: Tensor) -> Tensor:
    """Mean over the picture, (B, C, H, W) to (B, C, 1, 1), one axis after the
    other: at 384x288 the first stage of RTMPose has 6912 places, whose sum
    leaves FP16's range from a mean of 9.5 on, and 96 rows."""
    return x.mean(-1, keepdim=True).mean(-2, keepdim=True)


BLOCK = 'mmpose.models.utils.rtmcc_block'


def is_wanted(cfg) -> bool:
    return (
        get_codebase_config(cfg).get('fp16_safe', True)
        and get_backend(cfg) != Backend.NCNN
    )


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
