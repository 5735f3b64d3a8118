"""Training in bfloat16 on any device."""

from contextlib import ExitStack, contextmanager

import torch
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper
from mmpose.registry import OPTIM_WRAPPERS
from torch import nn


@OPTIM_WRAPPERS.register_module()
class Bfloat16OptimWrapper(OptimWrapper):
    """Trains the backbone under bfloat16 autocast on any device.

    MMEngine's ``AmpOptimWrapper`` refuses to run without a GPU. bfloat16 has
    the range of float32, so that no loss scaling is needed. The backbone's
    features are handed on as float32: heads, losses, weights and optimizer
    stay in it. Worth it on CPUs with the instructions for it (AVX512-BF16,
    AMX); others emulate them slowly.
    """

    @contextmanager
    def optim_context(self, model: nn.Module):
        plain = model.module if is_model_wrapper(model) else model
        with ExitStack() as stack:
            stack.enter_context(super().optim_context(model))
            for handle in autocast_bfloat16(plain.backbone):
                stack.callback(handle.remove)
            yield


def autocast_bfloat16(module: nn.Module) -> tuple:
    """Run ``module`` in bfloat16, its outputs (a tuple) in float32.

    Returns:
        Handles whose ``remove`` undoes it.
    """
    device = next(module.parameters()).device.type
    context = torch.autocast(device, torch.bfloat16)

    def enter(*_) -> None:
        context.__enter__()

    def leave(_, __, outputs):
        context.__exit__(None, None, None)
        return outputs and tuple(output.float() for output in outputs)

    return (
        module.register_forward_pre_hook(enter),
        module.register_forward_hook(leave, always_call=True),
    )
