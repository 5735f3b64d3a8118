from types import SimpleNamespace

from spinepose_mmpose.engine.hooks import MemoryFormatHook

import torch
from torch import nn


def test_weights_are_laid_out_and_keep_their_values():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    before = {k: v.clone() for k, v in model.state_dict().items()}
    MemoryFormatHook().before_run(SimpleNamespace(model=model))
    weight = model[0].weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert not weight.is_contiguous()
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
    out = model(torch.ones(2, 3, 8, 8))
    assert out.is_contiguous(memory_format=torch.channels_last)
