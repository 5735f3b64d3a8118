"""Batch norm over all processes, in plain torch."""

import torch
import torch.distributed as dist
from torch import Tensor


class _Sum(torch.autograd.Function):
    """Sum over the processes; so is the gradient."""

    @staticmethod
    def forward(ctx, x: Tensor, group) -> Tensor:
        ctx.group = group
        x = x.clone()
        dist.all_reduce(x, group=group)
        return x

    @staticmethod
    def backward(ctx, grad: Tensor):
        return _Sum.apply(grad.contiguous(), ctx.group), None


def forward(self, input: Tensor) -> Tensor:
    """``SyncBatchNorm.forward`` in training; statistics are in float32.

    Args:
        input: (B, C, *) of this process; B may differ between processes.
    """
    self._check_input_dim(input)
    channels = input.size(1)
    shape = (1, channels) + (1,) * (input.dim() - 2)
    full = input.to(torch.promote_types(input.dtype, torch.float32))
    x = full.transpose(0, 1).reshape(channels, -1)  # C, B * rest
    count = x.new_tensor([x.size(1)])
    sums = _Sum.apply(torch.cat([count, x.sum(1)]), self.process_group)
    total, mean = sums[:1].detach(), sums[1:] / sums[:1]
    if total < 2:
        raise ValueError(
            'Expected more than 1 value per channel when '
            f'training, got input size {tuple(input.shape)}'
        )
    # Deviations from the common mean: no cancellation as in E[x2] - E[x]2.
    var = (
        _Sum.apply((x - mean[:, None]).square().sum(1), self.process_group)
        / total
    )
    if self.track_running_stats:
        self.num_batches_tracked.add_(1)
        momentum = self.momentum
        if momentum is None:
            momentum = 1.0 / self.num_batches_tracked.item()
        with torch.no_grad():
            unbiased = var * total / (total - 1)
            self.running_mean.lerp_(mean.to(self.running_mean), momentum)
            self.running_var.lerp_(unbiased.to(self.running_var), momentum)
    out = (full - mean.view(shape)) * (var + self.eps).rsqrt().view(shape)
    if self.affine:
        out = out * self.weight.view(shape) + self.bias.view(shape)
    return out.to(input.dtype)
