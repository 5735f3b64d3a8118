"""Without a GPU mmengine calls torch.cuda.set_device, passes device ids to
DistributedDataParallel, and SyncBatchNorm refuses CPU tensors."""

import sys
from functools import lru_cache

from .import_hooks import after_import

VERSIONS = 'mmengine 0.10.7 with a CPU torch'
REMOVE_WHEN = 'mmengine trains through gloo and SyncBatchNorm on CPUs'
AFTER = 'mmengine.dist.utils'

WRAPPER = 'mmengine.model.wrappers.distributed'


def probe() -> str | None:
    import torch

    if torch.cuda.is_available() or not torch.distributed.is_available():
        return None
    try:
        torch.cuda.set_device(0)
    except Exception as error:  # AttributeError on a CPU build
        return f'{type(error).__name__}: {error}'.splitlines()[0]
    return None


def apply() -> None:
    import torch

    after_import(WRAPPER, _patch_wrapper)
    module = sys.modules[AFTER]
    init_on_gpu = module._init_dist_pytorch

    def init(backend, init_backend='torch', **kwargs):
        if init_backend != 'torch':
            return init_on_gpu(backend, init_backend, **kwargs)
        torch.distributed.init_process_group(backend='gloo', **kwargs)

    module._init_dist_pytorch = init
    _patch_sync_bn()


def _patch_wrapper() -> None:
    cls = sys.modules[WRAPPER].MMDistributedDataParallel
    construct = cls.__init__

    def __init__(self, module, *args, device_ids=None, **kwargs):
        # A module on the CPU is refused together with device ids.
        construct(self, module, *args, device_ids=None, **kwargs)

    cls.__init__ = __init__


def _patch_sync_bn() -> None:
    import torch

    cls = torch.nn.SyncBatchNorm
    forward = cls.forward

    def forward_anywhere(self, input):
        distributed = torch.distributed.is_initialized()
        if input.device.type == 'cpu' and self.training and distributed:
            return _sync_batch_norm(self, input)
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

    return Sum.apply


def _sync_batch_norm(self, input):
    """``SyncBatchNorm.forward`` in training of (B, C, *), where B may differ
    between processes; statistics are in float32."""
    import torch

    self._check_input_dim(input)
    channels, group = input.size(1), self.process_group
    shape = (1, channels) + (1,) * (input.dim() - 2)
    full = input.to(torch.promote_types(input.dtype, torch.float32))
    x = full.transpose(0, 1).reshape(channels, -1)  # C, B * rest
    count = x.new_tensor([x.size(1)])
    sums = _sum()(torch.cat([count, x.sum(1)]), group)
    total, mean = sums[:1].detach(), sums[1:] / sums[:1]
    if total < 2:
        raise ValueError(
            'Expected more than 1 value per channel when '
            f'training, got input size {tuple(input.shape)}'
        )
    # Deviations from the common mean: no cancellation as in E[x2] - E[x]2.
    var = _sum()((x - mean[:, None]).square().sum(1), group) / total
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
