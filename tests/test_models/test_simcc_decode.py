import math

from spinepose_mmpose.models.simcc import simcc_soft_argmax

import numpy as np
import pytest
import torch
from mmpose.codecs import SimCCLabel
from mmpose.codecs.utils import get_simcc_maximum

B, K, W, H = 2, 5, 64, 96


@pytest.mark.parametrize('split_ratio', [1.0, 2.0, 3.0])
def test_sharp_peak_equals_hard_decode(split_ratio):
    generator = torch.Generator().manual_seed(0)
    bins_x, bins_y = int(W * split_ratio), int(H * split_ratio)
    x = torch.randint(bins_x, (B, K), generator=generator)
    y = torch.randint(bins_y, (B, K), generator=generator)
    simcc_x = torch.zeros(B, K, bins_x).scatter_(-1, x[..., None], 5.0)
    simcc_y = torch.zeros(B, K, bins_y).scatter_(-1, y[..., None], 5.0)
    hard, _ = get_simcc_maximum(simcc_x.numpy(), simcc_y.numpy())

    coords = simcc_soft_argmax(simcc_x, simcc_y, split_ratio)

    expected = torch.stack([x, y], -1) / split_ratio
    torch.testing.assert_close(coords, expected, rtol=0, atol=5e-5)
    np.testing.assert_allclose(coords, hard / split_ratio, rtol=0, atol=5e-5)


def test_expectation_by_hand():
    simcc_x = torch.tensor([[[0.0, math.log(3) / 10]]])  # 1/4 and 3/4
    simcc_y = torch.zeros(1, 1, 5)
    coords = simcc_soft_argmax(simcc_x, simcc_y, split_ratio=2.0)
    torch.testing.assert_close(coords, torch.tensor([[[0.375, 1.0]]]))
    coords = simcc_soft_argmax(simcc_x, simcc_y, split_ratio=1.0, beta=20.0)
    torch.testing.assert_close(coords, torch.tensor([[[0.9, 2.0]]]))


def test_labels_of_the_published_codec():
    codec = SimCCLabel((192, 256), sigma=(4.9, 5.66), normalize=False)
    points = np.array([[[96.0, 128.0], [30.5, 200.0], [150.0, 40.0]]])
    encoded = codec.encode(points)
    coords = simcc_soft_argmax(
        torch.from_numpy(encoded['keypoint_x_labels']),
        torch.from_numpy(encoded['keypoint_y_labels']),
    ).numpy()
    # drawn towards the middle bin by 0.5 % of the distance, no more
    middle = np.array([95.75, 127.75])
    shrunk = np.abs(points - middle) - np.abs(coords - middle)
    assert (np.abs(shrunk) <= 0.0055 * np.abs(points - middle) + 5e-3).all()


def test_gradcheck():
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(2, 3, 7, generator=generator, dtype=torch.double)
    y = torch.rand(2, 3, 9, generator=generator, dtype=torch.double)
    assert torch.autograd.gradcheck(
        simcc_soft_argmax, (x.requires_grad_(), y.requires_grad_())
    )


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_logits_decode_in_float32(dtype):
    generator = torch.Generator().manual_seed(2)
    x = (30 * torch.randn(B, K, 2 * W, generator=generator)).to(dtype)
    y = (30 * torch.randn(B, K, 2 * H, generator=generator)).to(dtype)
    with torch.autocast('cpu', torch.bfloat16):
        coords = simcc_soft_argmax(x, y)
    assert coords.dtype == torch.float32
    assert torch.equal(coords, simcc_soft_argmax(x.float(), y.float()))
