"""Checkpoints that MMEngine loads by a name or an address of ours."""

import io

from spinepose_mmpose.downloads import DownloadError
from spinepose_mmpose.registration import load_from_zoo
from spinepose_mmpose.zoo import all_models

import mmengine.runner.checkpoint as checkpoint
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.model import BaseModule
from mmengine.runner import CheckpointLoader

STEM = 'spinepose-s_32xb256-10e_simspine-256x192'
FILE = f'dfki-av/spinepose/resolve/main/simspine/2d/pytorch/{STEM}.pth'


def saved(content) -> bytes:
    out = io.BytesIO()
    torch.save(dict(state_dict=content), out)
    return out.getvalue()


@pytest.fixture
def published(hub):
    hub.files[FILE] = saved({'fc.weight': torch.full((2, 3), 7.0)})


def loader_of(url):
    return CheckpointLoader._get_checkpoint_loader(url)


def test_our_addresses_go_to_our_loader_and_no_others():
    for m in all_models():
        for url in (*m.weights, f'spinepose://{m.name}'):
            assert loader_of(url) is load_from_zoo
    # What mmpose pretrains its backbones from.
    assert (
        loader_of(
            'https://download.openmmlab.com/mmpose/v1/projects/rtmposev1/'
            'cspnext-m_udp-body7_210e-256x192-e0c9327b_20230504.pth'
        )
        is load_from_zoo
    )
    for url in (
        'https://download.pytorch.org/models/resnet50-11ad3fa6.pth',
        'https://huggingface.co/someone/else/resolve/main/x.pth',
        'https://downloadXopenmmlab.com/x.pth',
        'work_dirs/x.pth',
        's3://b/x.pth',
        'mmcls://resnet50',
    ):
        assert loader_of(url) is not load_from_zoo


@pytest.mark.parametrize(
    'name', [f'spinepose://{STEM}', f'https://huggingface.co/{FILE}']
)
def test_load_checkpoint(published, name):
    loaded = checkpoint._load_checkpoint(name, 'cpu')
    assert loaded['state_dict']['fc.weight'].sum() == 42


def test_pretrained_init_cfg(published):
    class Net(BaseModule):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.fc = torch.nn.Linear(3, 2, bias=False)

    name = 'spinepose://spinepose-s-v2'
    net = Net(init_cfg=ConfigDict(type='Pretrained', checkpoint=name))
    net.init_weights()
    assert net.fc.weight.sum() == 42


class Bad:
    def __reduce__(self):
        return (print, ('run',))


@pytest.mark.parametrize(
    'content', [bytes(3000), b'PK\x03\x04' * 99, saved(Bad())]
)
def test_what_is_no_checkpoint_of_weights(hub, content, capsys):
    """Of v2 no digest is known: what arrives is only seen when it is read."""
    hub.files[FILE] = content
    with pytest.raises(
        DownloadError, match='is not a readable checkpoint .*: delete it'
    ):
        checkpoint._load_checkpoint('spinepose://spinepose-s-v2')
    assert 'run' not in capsys.readouterr().out


@pytest.mark.parametrize('name', ['rtmpose-s-halpe26', 'spinepose-s'])
def test_download_failure_tells_how_to_train_without(hub, monkeypatch, name):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, 'HF_HUB_OFFLINE', True)
    with pytest.raises(DownloadError) as error:
        load_from_zoo(f'spinepose://{name}')
    advised = 'load_from=None model.beta=0' in str(error.value)
    assert advised == name.startswith('rtmpose')
