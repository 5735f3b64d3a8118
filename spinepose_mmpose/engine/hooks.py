"""Hooks: other keypoints to start from, memory format, exact resuming."""

import os
import os.path as osp
import random
import re
from dataclasses import dataclass
from typing import Callable, List, Optional, Sequence

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dist import barrier, get_rank, is_main_process
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import BaseLoop
from mmpose.registry import HOOKS

from ..models.head_extension import (
    checkpoint_names,
    checkpoint_weights,
    count_keypoints,
    extend_head,
    find_mismatch,
    metainfo_names,
)


@HOOKS.register_module()
@dataclass(eq=False)  # hooks have a hash
class HeadExtensionHook(Hook):
    """Fits the checkpoint of ``load_from`` to the student's keypoints.

    MMEngine loads what fits and leaves the rest random, with a warning. Here
    the rows of the final layer are mapped by keypoint name and new ones drawn
    (see :func:`.extend_head`) where the checkpoint has other keypoints; the
    log says which. Whatever else does not fit is an error, and in testing all
    that does not. Resuming is left alone.

    The student's keypoints are ``model.keypoint_names`` or, by default, those
    of the training set, which a :class:`.SpinePoseDistiller` learns here. The
    checkpoint's are those that its metainfo says, else what their number says
    (17 COCO, 26 Halpe26, 133 COCO-WholeBody).

    Args:
        redraw: Keypoints to draw anew although the checkpoint has them, for
            instance ``('neck', 'hip')``, which lie elsewhere on the body in
            Halpe26. Copied by default: a point nearby is a better start than
            noise.
    """

    redraw: Sequence[str] = ()
    # Before EMAHook (49), which copies the same weights.
    priority = 'VERY_HIGH'

    def before_run(self, runner) -> None:
        """Tell the model its keypoints, or compare them.

        Raises:
            ValueError: when the training set has other keypoints.
        """
        if not isinstance(runner._train_loop, BaseLoop):
            return
        model, names = _plain_model(runner), _dataset_names(runner)
        if names is None or not hasattr(model, 'name_keypoints'):
            return
        if model.keypoint_names is None:
            model.name_keypoints(names)
        elif model.keypoint_names != names:
            raise ValueError(
                f'model.keypoint_names are {model.keypoint_names}, but the '
                f"training set's metainfo says {names}: leave "
                'model.keypoint_names out, or set the metainfo of the dataset'
            )

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Edit the checkpoint before it reaches the model.

        Raises:
            ValueError: when it is not a checkpoint of this network.
        """
        if runner._resume:
            return
        own = _plain_model(runner).state_dict()
        weights = checkpoint_weights(checkpoint)
        # Built by Runner.train() alone; val() and test() leave it a dict.
        if isinstance(runner._train_loop, BaseLoop):
            weights = self._extend(runner, weights, checkpoint.get('meta'))
        mismatch = find_mismatch(weights, own)
        if mismatch:
            raise ValueError(
                f'"{runner._load_from}" is not a checkpoint of this model: '
                f'{mismatch}. Set load_from to one of the same network.'
            )
        checkpoint['state_dict'] = weights

    def _extend(self, runner, weights: dict, meta: Optional[dict]) -> dict:
        rows = count_keypoints(weights)
        source = checkpoint_names(meta, rows)
        names = getattr(_plain_model(runner), 'keypoint_names', None)
        names = names or _dataset_names(runner)
        if names is None:
            raise ValueError(
                "The names of the model's keypoints are unknown: set "
                "model.keypoint_names, or the training set's metainfo."
            )
        outputs = _plain_model(runner).head.out_channels
        if len(names) != outputs:
            raise ValueError(
                f'model.head.out_channels is {outputs}, but there are '
                f'{len(names)} names of keypoints: set it, or the training '
                "set's metainfo."
            )
        if source == names and not self.redraw:
            return weights
        weights, report = extend_head(
            weights, source, names, runner.seed, self.redraw
        )
        runner.logger.info(
            f'Head extension from {rows} to {len(names)} '
            f'keypoints (seed {runner.seed}):\n{report}'
        )
        return weights


def _dataset_names(runner) -> Optional[List[str]]:
    metainfo = getattr(runner.train_dataloader.dataset, 'metainfo', {})
    if 'keypoint_id2name' not in metainfo:
        return None
    return metainfo_names(metainfo)


def _plain_model(runner) -> torch.nn.Module:
    model = runner.model
    return model.module if is_model_wrapper(model) else model


@HOOKS.register_module()
class MemoryFormatHook(Hook):
    """Lays out the weights of convolutions as channels_last.

    That is faster on CPUs, and on GPUs with tensor cores under AMP. Values,
    state-dict keys and checkpoints stay as they are.
    """

    # Before the EMA hook copies the model.
    priority = 'VERY_HIGH'

    def before_run(self, runner) -> None:
        runner.model.to(memory_format=torch.channels_last)


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
      and would train from random weights; this hook loads what the config's
      file says after all. To start from random weights, leave ``--resume`` out
      of the first run.
    """

    priority = 'VERY_HIGH'

    def before_run(self, runner) -> None:
        if runner._resume and runner._load_from is None:
            if is_main_process():
                _repair_pointer(runner)
            barrier()

    def before_train(self, runner) -> None:
        if not runner._resume or runner._load_from or runner.iter:
            return
        path = runner.cfg.filename
        start = Config.fromfile(path).get('load_from') if path else None
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


def _repair_pointer(runner) -> None:
    """Let ``last_checkpoint`` name an existing file, or remove it."""
    pointer = osp.join(runner.work_dir, POINTER)
    if osp.isfile(pointer):
        with open(pointer) as file:
            if osp.exists(file.read().strip()):
                return
    names = os.listdir(runner.work_dir)
    found = (re.match(r'(?:epoch|iter)_(\d+)\.pth$', name) for name in names)
    numbers = {int(match[1]): match[0] for match in found if match}
    if numbers:
        newest = osp.join(runner.work_dir, numbers[max(numbers)])
        runner.logger.warning(
            f'{pointer} names no checkpoint: resuming from {newest}.'
        )
        with open(pointer, 'w') as file:
            file.write(newest)
    elif osp.isfile(pointer):
        os.remove(pointer)


@HOOKS.register_module()
class SampleSeedHook(Hook):
    """Augments a training sample by (seed, epoch, index) alone.

    A worker's random state goes on from epoch to epoch, and MMEngine starts
    it afresh on resuming: a resumed run then sees other augmentations than an
    uninterrupted one. With this hook it sees the same, whatever the number of
    workers and processes, and albumentations, which has random states of its
    own, follows the run's seed as well.

    It acts on by-epoch training through the dataset's ``prepare_data``; a
    mid-epoch stop repeats that epoch.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner) -> None:
        dataset = runner.train_dataloader.dataset
        while not hasattr(dataset, 'prepare_data'):
            if not hasattr(dataset, 'dataset'):
                runner.logger.warning(
                    f'{type(dataset).__name__} has no prepare_data to seed: a '
                    'resumed run will differ from an uninterrupted one.'
                )
                return
            dataset = dataset.dataset  # of a wrapper such as RepeatDataset
        # In shared memory: workers may outlive an epoch.
        self._epoch = torch.zeros(1, dtype=torch.long).share_memory_()
        if isinstance(dataset.prepare_data, SeededSamples):
            self._epoch = dataset.prepare_data.epoch
            return
        pipeline = getattr(dataset, 'pipeline', None)
        dataset.prepare_data = SeededSamples(
            dataset.prepare_data,
            runner.seed,
            self._epoch,
            _albumentations(getattr(pipeline, 'transforms', ())),
        )

    def before_train_epoch(self, runner) -> None:
        if hasattr(self, '_epoch'):
            self._epoch.fill_(runner.epoch)
        # What the model draws, such as dropout.
        torch.manual_seed(mix_seeds(runner.seed, runner.epoch, get_rank()))


@dataclass
class SeededSamples:
    """Calls the dataset's ``prepare_data`` with random states of that sample.

    ``epoch`` has one element, which the workers share; ``augmentations`` are
    what of albumentations has a random state.
    """

    prepare_data: Callable[[int], dict]
    seed: int
    epoch: torch.Tensor
    augmentations: Sequence = ()

    def __call__(self, idx: int) -> dict:
        seed = mix_seeds(self.seed, self.epoch.item(), idx)
        random.seed(seed)
        np.random.seed(seed)
        for augmentation in self.augmentations:
            augmentation.set_random_seed(seed)
        return self.prepare_data(idx)


def mix_seeds(*numbers: int) -> int:
    """32 bits that differ where any of the numbers does."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def _albumentations(transforms: Sequence) -> List:
    """Composed augmentations of albumentations >= 1.4.19."""
    found = []
    for transform in transforms:
        augmentation = getattr(transform, 'aug', None)
        if hasattr(augmentation, 'set_random_seed'):
            found.append(augmentation)
        found += _albumentations(getattr(transform, 'transforms', ()))
    return found
