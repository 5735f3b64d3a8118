"""Engines of spinepose-t, built and run by mmdeploy on TensorRT.

Runs where TensorRT and a CUDA device are; see docs/tensorrt.md for the
commands on a fresh machine.
"""

import sys
from pathlib import Path

import spinepose_mmpose  # noqa: F401

import pytest
import torch

pytest.importorskip('mmdeploy', reason='mmdeploy is not installed')
pytest.importorskip('tensorrt', reason='TensorRT is not installed')
if not torch.cuda.is_available():
    pytest.skip('there is no CUDA device', allow_module_level=True)

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import spinepose_mmpose.deploy.rewriters  # noqa: E402, F401

from onnx_models import export_with_mmdeploy, random_network  # noqa: E402

SHAPES = dict(
    input=dict(
        min_shape=[1, 3, 256, 192],
        opt_shape=[8, 3, 256, 192],
        max_shape=[32, 3, 256, 192],
    )
)
# Of the largest logit: TensorRT computes float32 in TF32 where it can, with
# 10 bits of mantissa as float16.
TOLERANCE = {False: 5e-3, True: 2e-2}


@pytest.fixture(scope='module')
def network():
    return random_network().cuda()


@pytest.fixture(scope='module', params=[False, True], ids=['fp32', 'fp16'])
def engine(request, network, tmp_path_factory):
    """(mmdeploy's wrapper, whether it is of FP16)."""
    from mmdeploy.backend.tensorrt.utils import from_onnx
    from mmdeploy.backend.tensorrt.wrapper import TRTWrapper

    folder = tmp_path_factory.mktemp('engine')
    path = export_with_mmdeploy(
        random_network(), str(folder / 'end2end.onnx'), 'tensorrt'
    )
    from_onnx(
        path,
        str(folder / 'end2end'),
        SHAPES,
        max_workspace_size=1 << 30,
        fp16_mode=request.param,
    )
    outputs = ['simcc_x', 'simcc_y']
    return TRTWrapper(str(folder / 'end2end.engine'), outputs), request.param


def profile(engine):
    if hasattr(engine, 'get_tensor_profile_shape'):
        return engine.get_tensor_profile_shape('input', 0)
    return engine.get_profile_shape(0, 'input')


def test_the_profile_is_that_of_the_config(engine):
    wanted = list(SHAPES['input'].values())
    found = [list(shape) for shape in profile(engine[0].engine)]
    assert found == wanted


@pytest.mark.parametrize('batch', [1, 3, 32])
@torch.no_grad()
def test_outputs_are_those_of_pytorch(batch, engine, network):
    wrapper, half = engine
    torch.manual_seed(batch)
    images = torch.randn(batch, 3, 256, 192, device='cuda')
    wanted = network(images)
    found = wrapper(dict(input=images))
    torch.cuda.synchronize()
    for own, name in zip(wanted, ('simcc_x', 'simcc_y')):
        assert found[name].shape == own.shape
        assert found[name].isfinite().all()
        difference = (found[name].float() - own).abs().max()
        assert difference <= TOLERANCE[half] * own.abs().max(), name


@pytest.mark.parametrize('batch', [33])
def test_a_batch_beyond_the_profile_is_refused(batch, engine):
    images = torch.zeros(batch, 3, 256, 192, device='cuda')
    with pytest.raises((ValueError, AssertionError), match='33'):
        engine[0](dict(input=images))
