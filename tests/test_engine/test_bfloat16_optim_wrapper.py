import pytest
import torch
from mmpose.registry import OPTIM_WRAPPERS
from torch import nn


class Model(nn.Module):
    """Records the precision that its parts see."""

    def __init__(self):
        super().__init__()
        self.backbone = Backbone()
        self.head = nn.Linear(4, 1)

    def forward(self, x):
        (features,) = self.backbone(x)
        self.features = features
        self.prediction = self.head(features)
        return self.prediction.square().mean()


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 4)
        self.fails = False

    def forward(self, x):
        if self.fails:
            raise FloatingPointError('no')
        out = self.layer(x)
        self.precision = out.dtype
        return (out,)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Model()


def wrapper(model):
    return OPTIM_WRAPPERS.build(
        dict(type='Bfloat16OptimWrapper'),
        default_args=dict(optimizer=torch.optim.SGD(model.parameters(), 0.1)),
    )


def test_backbone_alone_is_in_bfloat16(model):
    wrap = wrapper(model)
    with wrap.optim_context(model):
        loss = model(torch.randn(8, 3))
    assert model.backbone.precision == torch.bfloat16
    assert model.features.dtype == torch.float32
    assert model.prediction.dtype == torch.float32
    before = model.backbone.layer.weight.detach().clone()
    wrap.update_params(loss)
    assert model.backbone.layer.weight.dtype == torch.float32
    assert not torch.equal(before, model.backbone.layer.weight)


def test_off_outside_of_the_context_and_after_an_error(model):
    wrap = wrapper(model)
    model.backbone.fails = True
    with pytest.raises(FloatingPointError), wrap.optim_context(model):
        model(torch.randn(8, 3))
    assert not torch.is_autocast_enabled('cpu')
    model.backbone.fails = False
    model(torch.randn(8, 3))
    assert model.backbone.precision == torch.float32


def test_gradient_is_close_to_float32(model):
    x = torch.randn(64, 3)
    model(x).backward()
    exact = model.backbone.layer.weight.grad.clone()
    model.zero_grad()
    with wrapper(model).optim_context(model):
        model(x).backward()
    error = (model.backbone.layer.weight.grad - exact).norm() / exact.norm()
    assert 0 < error < 0.02
