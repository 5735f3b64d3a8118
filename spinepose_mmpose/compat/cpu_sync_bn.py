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

    from . import sync_batch_norm

    cls = torch.nn.SyncBatchNorm
    forward = cls.forward

    def forward_anywhere(self, input):
        distributed = torch.distributed.is_initialized()
        if input.device.type == 'cpu' and self.training and distributed:
            return sync_batch_norm.forward(self, input)
        return forward(self, input)

    cls.forward = forward_anywhere
    # All that it does is to refuse such layers on a CPU.
    wrapper = torch.nn.parallel.DistributedDataParallel
    wrapper._passing_sync_batchnorm_handle = lambda self, module: None


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
