"""Keeps mmdeploy on torch's TorchScript exporter."""

import inspect
from typing import Optional

from .import_hooks import after_import
from .shim import Shim


def probe() -> Optional[str]:
    import torch

    default = inspect.signature(torch.onnx.export).parameters.get('dynamo')
    if default is None or default.default is not True:
        return None
    return f'torch {torch.__version__} exports through dynamo by default'


class _TorchWithoutDynamo:
    """``torch`` as mmdeploy's export module sees it: the same, except that
    ``torch.onnx.export`` has ``dynamo=False`` unless told otherwise."""

    def __init__(self, torch) -> None:
        self._torch = torch
        self.onnx = _OnnxWithoutDynamo(torch.onnx)

    def __getattr__(self, name):
        return getattr(self._torch, name)


class _OnnxWithoutDynamo:
    def __init__(self, onnx) -> None:
        self._onnx = onnx

    def export(self, *args, **kwargs):
        return self._onnx.export(*args, **{'dynamo': False, **kwargs})

    def __getattr__(self, name):
        return getattr(self._onnx, name)


def apply() -> None:
    import sys

    module = sys.modules['mmdeploy.apis.onnx.export']
    module.torch = _TorchWithoutDynamo(module.torch)


def _schedule(run) -> None:
    after_import('mmdeploy.apis.onnx.export', run)


SHIM = Shim(
    name='onnx_dynamo',
    problem='mmdeploy calls torch.onnx.export for the TorchScript exporter, '
    'which is no longer the default',
    versions='torch >= 2.9 with mmdeploy 1.3.1',
    remove_when='mmdeploy passes dynamo=False',
    needs='mmdeploy',
    probe=probe,
    apply=apply,
    schedule=_schedule,
)
