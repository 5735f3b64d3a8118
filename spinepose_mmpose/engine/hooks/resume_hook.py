import os
import os.path as osp
import re
import sys
from typing import Optional

from mmengine.config import Config
from mmengine.dist import barrier, is_main_process
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import Hook
from mmpose.registry import HOOKS

POINTER = 'last_checkpoint'


@register_backend('atomic')
class AtomicBackend(LocalBackend):
    """Local files that are either there as a whole or not at all.

    For ``CheckpointHook(backend_args=dict(backend='atomic'))``: a run killed
    while it saves keeps the checkpoint before, given ``max_keep_ckpts`` of 2
    or more, since older ones are removed first.
    """

    def put(self, obj: bytes, filepath) -> None:
        temporary = f'{filepath}.part'
        super().put(obj, temporary)
        os.replace(temporary, filepath)


@HOOKS.register_module()
class ResumeHook(Hook):
    """Makes ``--resume`` right however the run before it ended.

    - ``last_checkpoint`` cut off, or of a work folder that has moved: the
      newest checkpoint of the folder is taken.
    - No checkpoint yet: ``--resume`` has put the config's ``load_from`` aside
      and would train from random weights; this hook loads it after all.
    """

    priority = 'VERY_HIGH'

    def before_run(self, runner) -> None:
        if runner._resume and runner._load_from is None:
            if is_main_process():
                _mend_pointer(runner)
            barrier()

    def before_train(self, runner) -> None:
        if not runner._resume or runner._load_from or runner.iter:
            return
        start = _original_load_from(runner.cfg.filename)
        if not start:
            runner.logger.warning(
                f'There is nothing to resume in {runner.work_dir} and no '
                'load_from: starting from random weights.'
            )
            return
        runner.logger.info(
            f'There is nothing to resume in {runner.work_dir}: starting from '
            f'load_from of {runner.cfg.filename}.'
        )
        runner._resume = False  # so that hooks see a start
        runner._load_from = start
        runner.load_checkpoint(start)


def _original_load_from(filename: Optional[str]) -> Optional[str]:
    """What the config's file says, unless the command line overrules it."""
    if not filename or any(a.startswith('load_from=') for a in sys.argv):
        return None
    return Config.fromfile(filename).get('load_from')


def _mend_pointer(runner) -> None:
    """Let ``last_checkpoint`` name an existing file, or remove it."""
    pointer = osp.join(runner.work_dir, POINTER)
    if osp.isfile(pointer):
        with open(pointer) as file:
            if osp.exists(file.read().strip()):
                return
    numbers = {
        int(match[1]): match[0]
        for match in map(
            re.compile(r'(?:epoch|iter)_(\d+)\.pth$').match,
            os.listdir(runner.work_dir),
        )
        if match
    }
    if numbers:
        newest = osp.join(runner.work_dir, numbers[max(numbers)])
        runner.logger.warning(
            f'{pointer} names no checkpoint: resuming from {newest}.'
        )
        with open(pointer, 'w') as file:
            file.write(newest)
    elif osp.isfile(pointer):
        os.remove(pointer)
