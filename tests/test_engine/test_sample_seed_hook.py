import pickle
import random

from spinepose_mmpose.engine.hooks import (
    SampleSeedHook,
    SeededSamples,
    mix_seeds,
)

import numpy as np
import pytest
import torch
from mmengine.dataset import Compose
from mmpose.datasets.transforms import Albumentation


class Dataset:
    """Draws from every source of randomness that a pipeline has."""

    def __init__(self):
        self.pipeline = Compose([])
        self.pipeline.transforms = [
            Albumentation(
                [
                    dict(
                        type='CoarseDropout',
                        max_holes=1,
                        max_height=0.4,
                        max_width=0.4,
                        min_holes=1,
                        min_height=0.2,
                        min_width=0.2,
                        p=1.0,
                    )
                ]
            )
        ]

    def prepare_data(self, idx):
        image = np.full((20, 20, 3), 255, np.uint8)
        image = self.pipeline.transforms[0](dict(img=image))['img']
        return idx, random.random(), np.random.rand(), image.tobytes()

    def __len__(self):
        return 4

    def __getitem__(self, idx):
        return self.prepare_data(idx)


class Runner:
    """What the hook reads of one."""

    seed, epoch = 3, 0

    def __init__(self, dataset):
        self.train_dataloader = torch.utils.data.DataLoader(
            dataset, num_workers=1, persistent_workers=True, collate_fn=list
        )
        self.warnings = []
        self.logger = self

    def warning(self, message):
        self.warnings.append(message)


def hooked(dataset=None, epoch=0, seed=3):
    runner, hook = Runner(dataset or Dataset()), SampleSeedHook()
    runner.epoch, runner.seed = epoch, seed
    hook.before_train(runner)
    hook.before_train_epoch(runner)
    return runner, hook


def draw(runner, indices=range(4)):
    dataset = runner.train_dataloader.dataset
    found = {i: dataset[i] for i in indices}
    return [found[i] for i in range(4)]


def test_depends_on_seed_epoch_and_index_alone():
    expected = draw(hooked()[0])
    assert len({sample[1:] for sample in expected}) == 4
    assert len({sample[3] for sample in expected}) > 1  # albumentations too
    np.random.rand(7), random.random()
    assert draw(hooked()[0], [2, 0, 3, 1]) == expected
    assert draw(hooked(epoch=1)[0]) != expected
    assert draw(hooked(seed=4)[0]) != expected


def test_workers_learn_of_the_epoch():
    """They outlive it."""
    runner, hook = hooked()
    for epoch in (0, 1, 0):
        runner.epoch = epoch
        hook.before_train_epoch(runner)
        found = [sample for (sample,) in runner.train_dataloader]
        assert found == draw(hooked(epoch=epoch)[0])


def test_training_twice_and_pickling():
    runner, hook = hooked()
    expected = draw(runner)
    again = SampleSeedHook()
    again.before_train(runner)
    again.before_train_epoch(runner)
    assert draw(runner) == expected
    runner.epoch = 5
    again.before_train_epoch(runner)
    assert draw(runner) == draw(hooked(epoch=5)[0])
    # As for workers that are spawned.
    dataset = pickle.loads(pickle.dumps(hooked()[0].train_dataloader.dataset))
    assert isinstance(dataset.prepare_data, SeededSamples)
    assert [dataset[i] for i in range(4)] == expected


def test_wrapped_and_other_datasets():
    class Wrapper(torch.utils.data.Dataset):
        def __init__(self, dataset):
            self.dataset = dataset

        def __len__(self):
            return 4

        def __getitem__(self, i):
            return self.dataset[i]

    assert draw(hooked(Wrapper(Dataset()))[0]) == draw(hooked()[0])
    runner, _ = hooked([1, 2, 3, 4])
    assert 'list has no prepare_data' in runner.warnings[0]


def test_dropout_of_the_model():
    runner, hook = hooked()
    first = torch.rand(3)
    torch.rand(5)
    hook.before_train_epoch(runner)
    assert torch.equal(torch.rand(3), first)


@pytest.mark.parametrize('other', [(3, 0, 2), (3, 1, 1), (4, 0, 1), (0, 3, 1)])
def test_mix_seeds(other):
    assert mix_seeds(3, 0, 1) != mix_seeds(*other)
    assert 0 <= mix_seeds(*other) < 2**32
