import os
from pathlib import Path

import spinepose_mmpose  # noqa: F401  the compatibility layer before mmpose

import cv2
import numpy as np
import pytest
from tiny_network import CONFIG, export


@pytest.fixture(scope='session')
def tiny_config():
    """Config of SpinePose-t."""
    return str(CONFIG)


@pytest.fixture(scope='session')
def tiny_model():
    """SpinePose-t with random weights, without teacher."""
    import torch
    from mmpose.apis import init_model

    torch.manual_seed(0)
    return init_model(str(CONFIG), None, device='cpu')


@pytest.fixture(scope='session')
def tiny_checkpoint(tiny_model, tmp_path_factory):
    """Its weights as a file."""
    import torch

    path = tmp_path_factory.mktemp('tiny') / 'tiny.pth'
    torch.save({'state_dict': tiny_model.state_dict(), 'meta': {}}, path)
    return str(path)


@pytest.fixture(scope='session')
def tiny_onnx(tiny_model, tmp_path_factory):
    """The same network as an ONNX file that takes any batch."""
    path = tmp_path_factory.mktemp('tiny') / 'tiny.onnx'
    export(tiny_model, path)
    return str(path)


@pytest.fixture(scope='session')
def people_image():
    """(480, 640, 3) uint8: smooth noise in which every pixel matters."""
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3))
    return cv2.resize(
        noise.astype(np.uint8), (640, 480), interpolation=cv2.INTER_CUBIC
    )


@pytest.fixture(scope='session')
def people_boxes():
    """(3, 4) float32: a tall one, a wide one, one that leaves the image."""
    return np.float32(
        [[50.5, 20.25, 210, 460], [200, 300, 600, 430], [-40, 380, 90, 520]]
    )


@pytest.fixture(scope='session')
def sample_dir():
    """The folder with the real images."""
    return _from_environment('SPINEPOSE_SAMPLE_DIR', Path.is_dir)


@pytest.fixture(scope='session')
def detector_file():
    """A real RTMDet in an ONNX file."""
    return _from_environment('SPINEPOSE_DETECTOR', Path.is_file)


def _from_environment(variable: str, is_there) -> Path:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f'{variable} is not set')
    assert is_there(Path(value)), f'{variable}={value} does not exist'
    return Path(value)
