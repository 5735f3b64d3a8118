"""mmdeploy calls torch.onnx.export for the TorchScript exporter, which is no
longer the default."""

import inspect
import sys

from .shim import Overlay

VERSIONS = 'torch >= 2.9 with mmdeploy 1.3.1'
REMOVE_WHEN = 'mmdeploy passes dynamo=False'
AFTER = 'mmdeploy.apis.onnx.export'


def probe() -> str | None:
    import torch

    default = inspect.signature(torch.onnx.export).parameters.get('dynamo')
    if default is None or default.default is not True:
        return None
    return f'torch {torch.__version__} exports through dynamo by default'


def apply() -> None:
    module = sys.modules[AFTER]
    torch = module.torch

    def export(*args, **kwargs):
        return torch.onnx.export(*args, **{'dynamo': False, **kwargs})

    module.torch = Overlay(torch, onnx=Overlay(torch.onnx, export=export))
