"""SyncBatchNorm between processes without GPUs."""
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
        if input.device.type == 'cpu' and self.training and _world_size() > 1:
            return _forward_on_cpu(self, input)
        return forward(self, input)

    cls.forward = forward_anywhere


def _world_size() -> int:
    import torch.distributed as dist
    return dist.get_world_size() if dist.is_initialized() else 1


def _forward_on_cpu(self, input):
    """Batch norm over all processes; gradients flow through the statistics.

    Args:
        input: (B, C, *) of this process; B may differ between processes.
    """
    import torch
    from torch.distributed.nn.functional import all_reduce
    self._check_input_dim(input)
    channels = input.size(1)
    x = input.transpose(0, 1).reshape(channels, -1)  # C, B * rest
    count = torch.full_like(x[:1, 0], x.size(1))
    sums = all_reduce(torch.cat([count, x.sum(1)]))
    total, mean = sums[:1], sums[1:] / sums[:1]
    # Deviations from the common mean: no cancellation as in E[x2] - E[x]2.
    var = all_reduce((x - mean[:, None]).square().sum(1)) / total
    if self.track_running_stats:
        self.num_batches_tracked.add_(1)
        momentum = self.momentum
        if momentum is None:
            momentum = 1.0 / self.num_batches_tracked.item()
        with torch.no_grad():
            unbiased = var * total / (total - 1)
            self.running_mean.lerp_(mean.detach(), momentum)
            self.running_var.lerp_(unbiased.detach(), momentum)
    shape = (1, channels) + (1, ) * (input.dim() - 2)
    out = (input - mean.view(shape)) * (var + self.eps).rsqrt().view(shape)
    if self.affine:
        out = out * self.weight.view(shape) + self.bias.view(shape)
    return out


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
    schedule=_schedule)
