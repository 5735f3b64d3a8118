import torch
from mmengine.hooks import Hook
from mmpose.registry import HOOKS

FORMATS = {
    'channels_last': torch.channels_last,
    'contiguous': torch.contiguous_format,
}


@HOOKS.register_module()
class MemoryFormatHook(Hook):
    """Lays out the weights of convolutions as the kernels like them.

    ``channels_last`` is faster on CPUs, and on GPUs with tensor cores under
    AMP. Values, state-dict keys and checkpoints stay as they are.

    Args:
        memory_format (str): ``'channels_last'`` or ``'contiguous'``.
    """

    # Before the EMA hook copies the model.
    priority = 'VERY_HIGH'

    def __init__(self, memory_format: str = 'channels_last') -> None:
        if memory_format not in FORMATS:
            raise ValueError(
                f'memory_format is {memory_format!r}, expected one of '
                f'{", ".join(FORMATS)}'
            )
        self.memory_format = FORMATS[memory_format]

    def before_run(self, runner) -> None:
        runner.model.to(memory_format=self.memory_format)
