"""MMPose's functions as they are exported; see fp16_safe.py.

For every backend but ncnn, for which mmdeploy has rewrites of its own.
``codebase_config.fp16_safe=False`` leaves the originals.
"""

import torch
from mmdeploy.core import FUNCTION_REWRITER
from mmdeploy.utils import Backend, get_backend, get_codebase_config

from .fp16_safe import global_mean, scale_norm, squared_relu_attention

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
