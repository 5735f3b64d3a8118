"""MMPose's values from whole batches, on any device."""

from spinepose_mmpose.models.data_preprocessor import (
    Distortions,
    SpinePoseDataPreprocessor,
    distort,
    draw_distortions,
    turn_colours,
)

import cv2
import numpy as np
import pytest
import torch
from mmpose.datasets.transforms import PhotometricDistortion
from mmpose.models.data_preprocessors import PoseDataPreprocessor
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

SETTINGS = dict(
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
)


def batch(sizes=((16, 12),) * 5, stacked=False):
    generator = torch.Generator().manual_seed(0)
    images = [
        torch.randint(0, 256, (3, *s), generator=generator, dtype=torch.uint8)
        for s in sizes
    ]
    return dict(
        inputs=torch.stack(images) if stacked else images,
        data_samples=[PoseDataSample() for _ in sizes],
    )


@pytest.mark.parametrize('training', [False, True])
@pytest.mark.parametrize(
    'data',
    [
        {},
        dict(stacked=True),
        dict(sizes=((16, 12), (9, 20))),
        dict(sizes=((5, 7),)),
    ],
)
@pytest.mark.parametrize(
    'settings',
    [{}, dict(pad_size_divisor=8, pad_value=3), dict(bgr_to_rgb=False)],
)
def test_values_are_mmposes(training, data, settings):
    settings = {**SETTINGS, **settings}
    ours = SpinePoseDataPreprocessor(**settings)(batch(**data), training)
    # Of a stacked batch MMPose's gives wrong pad shapes.
    data = dict(data, stacked=False)
    theirs = PoseDataPreprocessor(**settings)(batch(**data), training)
    assert ours.keys() == theirs.keys()
    assert torch.equal(ours['inputs'], theirs['inputs'])
    assert ours['inputs'].dtype == torch.float32
    for a, b in zip(ours['data_samples'], theirs['data_samples']):
        assert a.metainfo == b.metainfo


def test_the_batch_of_the_loader_is_left_alone():
    data = batch()
    before = [image.clone() for image in data['inputs']]
    SpinePoseDataPreprocessor(photometric={}, **SETTINGS)(data, True)
    assert all(torch.equal(a, b) for a, b in zip(data['inputs'], before))


def test_channels_last():
    plain, last = (
        SpinePoseDataPreprocessor(channels_last=on, **SETTINGS)(batch())
        for on in (False, True)
    )
    assert torch.equal(plain['inputs'], last['inputs'])
    assert last['inputs'].is_contiguous(memory_format=torch.channels_last)
    assert plain['inputs'].is_contiguous()


def test_registered_without_state():
    model = MODELS.build(
        dict(type='SpinePoseDataPreprocessor', photometric={}, **SETTINGS)
    )
    assert isinstance(model, SpinePoseDataPreprocessor)
    assert not model.state_dict()


def test_photometric_in_training_alone():
    model = SpinePoseDataPreprocessor(photometric={}, **SETTINGS)
    plain = SpinePoseDataPreprocessor(**SETTINGS)(batch(), True)['inputs']
    assert torch.equal(model(batch(), False)['inputs'], plain)
    torch.manual_seed(3)
    first = model(batch(), True)['inputs']
    assert not torch.equal(first, plain)
    torch.manual_seed(3)
    assert torch.equal(model(batch(stacked=True), True)['inputs'], first)
    assert not torch.equal(model(batch(), True)['inputs'], first)


def photo(seed):
    """Colours of all kinds, smooth enough for hue to be stable."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (6, 5, 3), dtype=np.uint8)
    return cv2.resize(small, (40, 48), interpolation=cv2.INTER_LINEAR)


class Given(PhotometricDistortion):
    """MMPose's with the numbers of another."""

    def __init__(self, **flags):
        super().__init__()
        self.flags = flags

    def _random_flags(self):
        f = self.flags
        return (
            int(f['contrast'] != 1),
            1,
            1,
            3,
            1,
            f['offset'],
            f['contrast'],
            f['saturation'],
            f['hue'],
            np.array(f['order']),
        )


@pytest.mark.parametrize('seed', range(20))
def test_colours_are_mmposes(seed):
    rng = np.random.default_rng(seed)
    flags = dict(
        offset=rng.uniform(-32, 32),
        contrast=rng.uniform(0.5, 1.5) if seed % 2 else 1.0,
        saturation=rng.uniform(0.5, 1.5),
        hue=int(rng.integers(-18, 18)),
        order=rng.permutation(3),
    )
    image = photo(seed)
    wanted = Given(**flags)(dict(img=image))['img'].astype(float)
    drawn = Distortions(
        torch.tensor([flags['offset']]),
        torch.tensor([flags['contrast']]),
        torch.tensor([flags['saturation']]),
        torch.tensor([flags['hue'] / 180]),
        torch.tensor(flags['order'].copy())[None],
    )
    tensor = torch.from_numpy(image).permute(2, 0, 1)[None]
    found = distort(tensor, drawn)[0].permute(1, 2, 0).numpy()
    # MMPose cuts to whole levels five times, OpenCV's hue has 180 of them.
    # MMPose's hue may leave 0..179, of which OpenCV makes other colours.
    hue = cv2.cvtColor(
        np.clip(image.astype(np.float32) + flags['offset'], 0, 255).astype(
            np.uint8
        ),
        cv2.COLOR_BGR2HSV,
    )[..., 0].astype(int)
    off = np.abs(found - wanted)[(hue + flags['hue'] >= 0)]
    assert off.mean() < 3
    assert np.quantile(off, 0.99) < 12


def test_nothing_drawn_changes_nothing():
    images = torch.from_numpy(photo(0)).permute(2, 0, 1)[None].float()
    one, zero = torch.ones(1), torch.zeros(1)
    none = Distortions(zero, one, one, zero, torch.arange(3)[None])
    assert torch.allclose(distort(images, none), images, atol=1e-3)


def test_turns_of_the_hue():
    """Red becomes green after a third of a turn, cyan after a half."""
    red = torch.tensor([0.0, 0.0, 200.0]).view(1, 3, 1, 1)
    one = torch.ones(1, 1, 1, 1)
    for turns, bgr in (
        (1 / 3, [0, 200, 0]),
        (-1 / 3, [200, 0, 0]),
        (1 / 2, [200, 200, 0]),
        (1, [0, 0, 200]),
    ):
        found = turn_colours(red, one, one * turns).flatten()
        assert torch.allclose(found, torch.tensor(bgr) * 1.0, atol=1e-2)
    grey = turn_colours(red, 0 * one, one).flatten()
    assert torch.allclose(grey, torch.full((3,), 200.0))


def test_shares_and_ranges():
    torch.manual_seed(0)
    n = 20_000
    drawn = draw_distortions(n)
    for values, none, low, high, share in (
        (drawn.offset, 0, -32, 32, 0.5),
        (drawn.contrast, 1, 0.5, 1.5, 0.25),
        (drawn.saturation, 1, 0.5, 1.5, 0.5),
        (drawn.hue, 0, -0.1, 17 / 180, 0.5 * 35 / 36),
    ):
        done = values[values != none]
        assert len(done) / n == pytest.approx(share, abs=0.015)
        assert low - 1e-6 <= done.min() < low + 0.02 * (high - low)
        assert high - 0.02 * (high - low) < done.max() <= high + 1e-6
    swapped = (drawn.order != torch.arange(3)).any(1).float().mean()
    assert swapped == pytest.approx(0.5 * 5 / 6, abs=0.015)


def test_unknown_setting():
    with pytest.raises(TypeError, match='gamma'):
        SpinePoseDataPreprocessor(photometric=dict(gamma=2))


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_gpu_and_cpu_agree():
    results = []
    for device in ('cpu', 'cuda'):
        model = SpinePoseDataPreprocessor(photometric={}, **SETTINGS)
        torch.manual_seed(0)
        found = model.to(device)(batch(), True)['inputs']
        assert found.device.type == device
        results.append(found.cpu())
    torch.testing.assert_close(*results, rtol=1e-4, atol=1e-4)
