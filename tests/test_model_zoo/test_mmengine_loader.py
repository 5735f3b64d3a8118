import hashlib

from spinepose_mmpose.model_zoo import (
    DownloadError,
    all_models,
    mmengine_loader,
    register_loader,
)
from spinepose_mmpose.model_zoo.mmengine_loader import load_from_spinepose

import mmengine.runner.checkpoint as checkpoint
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.model import BaseModule
from mmengine.runner import CheckpointLoader


@pytest.fixture(autouse=True)
def schemes(monkeypatch):
    monkeypatch.setattr(
        CheckpointLoader, '_schemes', CheckpointLoader._schemes.copy()
    )


@pytest.fixture
def model(server, tmp_path, put_model):
    file = tmp_path / 'made.pth'
    torch.save(dict(state_dict={'fc.weight': torch.full((2, 3), 7.0)}), file)
    data = file.read_bytes()
    server.files['stem.pth'] = data
    return put_model(
        aliases=('stem',),
        weights=(server.url('stem.pth'),),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def loader_of(url):
    return CheckpointLoader._get_checkpoint_loader(url)


def test_our_addresses_go_to_our_loader_and_no_others():
    others = [
        'https://download.pytorch.org/models/resnet50-11ad3fa6.pth',
        'https://huggingface.co/someone/else/resolve/main/x.pth',
        'https://downloadXopenmmlab.com/x.pth',
        'work_dirs/x.pth',
        's3://b/x.pth',
        'mmcls://resnet50',
    ]
    before = [loader_of(u) for u in others]
    register_loader()
    register_loader()
    for m in all_models():
        for url in (*m.weights, f'spinepose://{m.name}'):
            assert loader_of(url) is load_from_spinepose
    assert [loader_of(u) for u in others] == before
    # What mmpose pretrains its backbones from.
    assert (
        loader_of(
            'https://download.openmmlab.com/mmpose/v1/projects/'
            'rtmposev1/cspnext-m_udp-body7_210e-256x192-e0c9327b_'
            '20230504.pth'
        )
        is load_from_spinepose
    )


def test_load_checkpoint_by_alias(server, model, home):
    register_loader()
    loaded = checkpoint._load_checkpoint('spinepose://stem', 'cpu')
    assert loaded['state_dict']['fc.weight'].sum() == 42
    assert (home / 'stem.pth').exists()


def test_pretrained_init_cfg(server, model):
    register_loader()

    class Net(BaseModule):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.fc = torch.nn.Linear(3, 2, bias=False)

    net = Net(
        init_cfg=ConfigDict(
            type='Pretrained', checkpoint='spinepose://spinepose-s'
        )
    )
    net.init_weights()
    assert net.fc.weight.sum() == 42


def test_corrupted_checkpoint_is_refused(server, model, home, monkeypatch):
    """Through mmengine, at an address like the published ones."""
    monkeypatch.setattr(mmengine_loader, 'PREFIXES', (server.address,))
    register_loader()
    server.files['stem.pth'] = bytes(2000)
    with pytest.raises(DownloadError, match=f'expected {model.sha256}'):
        checkpoint._load_checkpoint(model.weights[0], map_location='cpu')
    assert list(home.iterdir()) == []


def test_code_in_a_checkpoint_is_not_run(server, tmp_path, put_model):

    class Bad:
        def __reduce__(self):
            return (print, ('run',))

    file = tmp_path / 'bad.pth'
    torch.save(dict(state_dict=Bad()), file)
    server.files['stem.pth'] = file.read_bytes()
    put_model(weights=(server.url('stem.pth'),))
    register_loader()
    with pytest.raises(Exception, match='[Ww]eights.only'):
        checkpoint._load_checkpoint('spinepose://spinepose-s')


@pytest.mark.parametrize('family', ['teacher', 'spinepose'])
def test_download_failure_tells_how_to_train_without(family, server, put_model):
    model = put_model(weights=(server.url('absent.pth'),), family=family)
    with pytest.raises(DownloadError) as error:
        load_from_spinepose(f'spinepose://{model.name}')
    assert ('load_from=None model.beta=0' in str(error.value)) == (
        family == 'teacher'
    )
