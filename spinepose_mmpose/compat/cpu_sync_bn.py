"""SyncBatchNorm between processes without GPUs."""

from functools import lru_cache
from typing import Optional

from .import_hooks import after_import
from .shim import Shim


def probe() -> Optional[str]:
    import inspect

    import torch

    if torch.cuda.is_available() or not torch.distributed.is_available():
        return None
    source = inspect.getsource(torch.nn.SyncBatchNorm.forward)
    if 'expected input tensor to be on GPU' not in source:
        return None
    return 'ValueError: SyncBatchNorm expected input tensor to be on GPU'


def apply() -> None:
    import torch

    cls = torch.nn.SyncBatchNorm
    forward = cls.forward

    def forward_anywhere(self, input):
        distributed = torch.distributed.is_initialized()
        if input.device.type == 'cpu' and self.training and distributed:
            return _forward(self, input)
        return forward(self, input)

    cls.forward = forward_anywhere
    # All that it does is to refuse such layers on a CPU.
    wrapper = torch.nn.parallel.DistributedDataParallel
    wrapper._passing_sync_batchnorm_handle = lambda self, module: None


@lru_cache(maxsize=None)
def _sum():
    """Sum over the processes as an autograd function; so is the gradient."""
    import torch

    class Sum(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, group):
            ctx.group = group
            x = x.clone()
            torch.distributed.all_reduce(x, group=group)
            return x

        @staticmethod
        def backward(ctx, grad):
            return Sum.apply(grad.contiguous(), ctx.group), None

    return Sum


def _forward(self, input):
    """``SyncBatchNorm.forward`` in training; statistics are in float32.

    Args:
        input (Tensor): (B, C, *); B may differ between processes.
    """
    import torch

    total_of = _sum().apply
    self._check_input_dim(input)
    channels = input.size(1)
    shape = (1, channels) + (1,) * (input.dim() - 2)
    full = input.to(torch.promote_types(input.dtype, torch.float32))
    x = full.transpose(0, 1).reshape(channels, -1)  # C, B * rest
    count = x.new_tensor([x.size(1)])
    sums = total_of(torch.cat([count, x.sum(1)]), self.process_group)
    total, mean = sums[:1].detach(), sums[1:] / sums[:1]
    if total < 2:
        raise ValueError(
            'Expected more than 1 value per channel when '
            f'training, got input size {tuple(input.shape)}'
        )
    # Deviations from the common mean: no cancellation as in E[x2] - E[x]2.
    var = (
        total_of((x - mean[:, None]).square().sum(1), self.process_group)
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


def _schedule(run) -> None:
    after_import('mmengine.dist.utils', run)


SHIM = Shim(
    name='cpu_sync_bn',
    problem='SyncBatchNorm, which the published configs use, refuses CPU '
    'tensors in distributed training',
    versions='torch 2.13',
    remove_when='SyncBatchNorm accepts CPU tensors',
    needs='mmengine',
    probe=probe,
    apply=apply,
    schedule=_schedule,
)
