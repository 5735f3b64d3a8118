# isort: split
import pytest
import torch
from mmengine.registry import DefaultScope
from tiny_rtmpose import HALPE26, save_teacher, tiny


@pytest.fixture(scope='module', autouse=True)
def mmpose_scope():
    with DefaultScope.overwrite_default_scope('mmpose'):
        yield


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.fixture(scope='module')
def weights(mmpose_scope, tmp_path_factory):
    return save_teacher(tmp_path_factory.mktemp('teacher') / 'halpe26.pth')


@pytest.fixture
def teacher(weights):
    return dict(config=tiny(26), checkpoint=weights, metainfo=HALPE26)
