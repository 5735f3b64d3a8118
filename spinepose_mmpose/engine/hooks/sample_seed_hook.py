import random
from typing import Callable, List, Sequence

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmpose.registry import HOOKS


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


class SeededSamples:
    """Calls ``prepare_data`` with random states of that sample.

    Args:
        prepare_data: The dataset's own.
        seed: Of the run.
        epoch: A tensor with one element, shared with the workers.
        augmentations: What of albumentations has a random state.
    """

    def __init__(
        self,
        prepare_data: Callable[[int], dict],
        seed: int,
        epoch: torch.Tensor,
        augmentations: Sequence = (),
    ) -> None:
        self.prepare_data = prepare_data
        self.seed = seed
        self.epoch = epoch
        self.augmentations = augmentations

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
