"""``--launcher pytorch`` on a machine without a GPU."""

from typing import Optional

from .import_hooks import after_import
from .shim import Shim

DIST = 'mmengine.dist.utils'
WRAPPER = 'mmengine.model.wrappers.distributed'


def probe() -> Optional[str]:
    import torch

    if torch.cuda.is_available() or not torch.distributed.is_available():
        return None
    try:
        torch.cuda.set_device(0)
    except Exception as error:  # AttributeError on a CPU build
        return f'{type(error).__name__}: {error}'.splitlines()[0]
    return None


def apply() -> None:
    after_import(DIST, _patch_init)
    after_import(WRAPPER, _patch_wrapper)


def _patch_init() -> None:
    import sys

    import torch.distributed as torch_dist

    module = sys.modules[DIST]
    init_on_gpu = module._init_dist_pytorch

    def init(backend, init_backend='torch', **kwargs):
        if init_backend != 'torch':
            return init_on_gpu(backend, init_backend, **kwargs)
        torch_dist.init_process_group(backend='gloo', **kwargs)

    module._init_dist_pytorch = init


def _patch_wrapper() -> None:
    import sys

    cls = sys.modules[WRAPPER].MMDistributedDataParallel
    construct = cls.__init__

    def __init__(self, module, *args, device_ids=None, **kwargs):
        # A module on the CPU is refused together with device ids.
        construct(self, module, *args, device_ids=None, **kwargs)

    cls.__init__ = __init__


def _schedule(run) -> None:
    after_import(DIST, run)


SHIM = Shim(
    name='cpu_distributed',
    problem='mmengine calls torch.cuda.set_device and passes device ids to '
    'DistributedDataParallel also where there is no GPU',
    versions='mmengine 0.10.7 with a CPU torch',
    remove_when='mmengine trains through gloo on CPUs',
    needs='mmengine',
    probe=probe,
    apply=apply,
    schedule=_schedule,
)
