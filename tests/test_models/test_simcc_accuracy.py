"""The accuracy of MMPose's heads without leaving the device."""

from spinepose_mmpose.models.simcc import simcc_accuracy

import numpy as np
import pytest
import torch
from mmpose.evaluation.functional import simcc_pck_accuracy

B, K = 6, 9


def peak(places, bins):
    return torch.zeros(B, K, bins).scatter_(-1, places[..., None], 1.0)


def case(seed, width=64, height=96):
    """Peaks 0 to 5 bins beside the labels' on each axis, about the limit."""
    generator = torch.Generator().manual_seed(seed)
    output, target = [], []
    for bins in (width, height):
        places = torch.randint(bins - 5, (B, K), generator=generator)
        beside = torch.randint(6, (B, K), generator=generator)
        target.append(peak(places, bins))
        output.append(peak(places + beside, bins))
    mask = torch.rand(B, K, generator=generator) > 0.3
    return tuple(output), tuple(target), mask


@pytest.mark.parametrize('split_ratio', [1.0, 2.0])
@pytest.mark.parametrize('seed', range(4))
def test_is_mmposes(seed, split_ratio):
    output, target, mask = case(seed)
    mask[:, 4] = False  # a keypoint of nobody
    _, expected, _ = simcc_pck_accuracy(
        *(tuple(a.numpy() for a in pair) for pair in (output, target)),
        split_ratio,
        mask.numpy(),
    )
    found = simcc_accuracy(output, target, mask, split_ratio)
    assert 0.1 < expected < 0.9
    np.testing.assert_allclose(found.item(), expected, rtol=0, atol=1e-6)


def test_a_network_that_sees_nothing_is_nowhere():
    """No value above 0: not at the first bin, where the label is."""
    mask = torch.ones(B, K, dtype=torch.bool)
    target = tuple(peak(mask.long() - 1, bins) for bins in (16, 16))
    nothing = tuple(-torch.ones_like(axis) for axis in target)
    for output, expected in ((target, 1), (nothing, 0)):
        _, theirs, _ = simcc_pck_accuracy(
            *(tuple(a.numpy() for a in pair) for pair in (output, target)),
            2.0,
            mask.numpy(),
        )
        found = simcc_accuracy(output, target, mask)
        assert found.item() == theirs == expected


def test_nobody_labelled():
    output, target, mask = case(0)
    assert simcc_accuracy(output, target, mask & False) == 0


def test_no_gradient():
    output, target, mask = case(0)
    output = tuple(axis.requires_grad_() for axis in output)
    assert not simcc_accuracy(output, target, mask).requires_grad
