"""The accuracy of MMPose's heads without leaving the device."""

from spinepose_mmpose.models.utils import simcc_accuracy

import numpy as np
import pytest
import torch
from mmpose.evaluation.functional import simcc_pck_accuracy

B, K = 6, 9


def case(seed, width=64, height=96):
    generator = torch.Generator().manual_seed(seed)

    def draw(bins, low=0.0):
        return torch.rand(B, K, bins, generator=generator) + low

    output = draw(width, -0.5), draw(height, -0.5)
    # Half of the predictions lie near the label.
    target = tuple(axis.clone() for axis in output)
    for axis in target:
        axis[::2] = torch.rand(axis[::2].shape, generator=generator)
    return output, target, torch.rand(B, K, generator=generator) > 0.3


@pytest.mark.parametrize('split_ratio', [1.0, 2.0])
@pytest.mark.parametrize('seed', range(4))
def test_is_mmposes(seed, split_ratio):
    output, target, mask = case(seed)
    output[0][0, 0] = -1  # no peak above 0: nowhere
    mask[:, 4] = False  # a keypoint of nobody
    _, expected, _ = simcc_pck_accuracy(
        *(tuple(a.numpy() for a in pair) for pair in (output, target)),
        split_ratio,
        mask.numpy(),
    )
    found = simcc_accuracy(output, target, mask, split_ratio)
    assert 0.2 < expected < 0.8
    np.testing.assert_allclose(found.item(), expected, rtol=0, atol=1e-6)


def test_nobody_labelled():
    output, target, mask = case(0)
    assert simcc_accuracy(output, target, mask & False) == 0


def test_no_gradient():
    output, target, mask = case(0)
    output = tuple(axis.requires_grad_() for axis in output)
    assert not simcc_accuracy(output, target, mask).requires_grad
