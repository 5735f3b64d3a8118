import json

from spinepose_mmpose.downloads import DownloadError
from spinepose_mmpose.inference import model_files
from spinepose_mmpose.inference.model_files import (
    find_files,
    find_pose_model,
)

import pytest


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    """Published files come from an empty mirror, or not at all."""
    (tmp_path / 'mirror').mkdir()
    monkeypatch.setenv('SPINEPOSE_MIRROR', str(tmp_path / 'mirror'))
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'cache'))
    return tmp_path


@pytest.mark.parametrize(
    'name, version, found',
    [
        ('medium', 'latest', 'spinepose-m-v2'),
        ('Medium', 'v1', 'spinepose-m'),
        ('s', 'v2', 'spinepose-s-v2'),
        ('large', 'v2', 'spinepose-l-v2'),
        ('xlarge', 'latest', 'spinepose-x'),
        ('x', 'v1', 'spinepose-x'),
        ('t', 'latest', 'spinepose-t'),
        ('spinepose-m', 'latest', 'spinepose-m'),
        ('spinepose-m-v2', 'v2', 'spinepose-m-v2'),
        (
            'spinepose-l_32xb256-10e_simspine-256x192.onnx',
            'latest',
            'spinepose-l-v2',
        ),
        ('rtmpose-m-halpe26', 'latest', 'rtmpose-m-halpe26'),
    ],
)
def test_names(name, version, found):
    assert find_pose_model(name, version).name == found


@pytest.mark.parametrize(
    'name, version, sentence',
    [
        ('huge', 'latest', "no model is called 'huge'.*or a size.*or the path"),
        ('medium', 'v3', "no model version 'v3': choose from latest, v2, v1"),
        ('xlarge', 'v2', 'spinepose-x has no v2 weights, but v1'),
        ('spinepose-m', 'v2', "spinepose-m is v1, but .* 'v2' was asked for"),
    ],
)
def test_names_that_mean_nothing(name, version, sentence):
    with pytest.raises(ValueError, match=sentence):
        find_pose_model(name, version)


def test_a_published_onnx_file(offline):
    name = 'spinepose-m_32xb256-10e_simspine-256x192.onnx'
    (offline / 'mirror' / name).write_bytes(b'network')
    files = find_files('medium')
    assert files.backend == 'onnxruntime'
    assert files.path == offline / 'mirror' / name
    assert files.info.name == 'spinepose-m-v2'


def test_a_published_checkpoint_for_pytorch(offline, monkeypatch):
    wanted = []

    def resolve(name, kind, progress):
        wanted.append((name, kind))
        return offline / 'm.pth'

    monkeypatch.setattr(model_files, 'resolve_weights', resolve)
    files = find_files('medium', 'v1', backend='pytorch')
    assert wanted == [('spinepose-m', 'weights')]
    assert files.backend == 'pytorch'
    assert files.config.endswith('configs/spinepose-m.py')


def test_weights_that_cannot_be_had(hub):
    name = 'spinepose-s_32xb256-10e_simspine-256x192.onnx'
    place = f'put it at .*{name}'
    with pytest.raises(DownloadError, match=f'https://.*/{name}.*{place}'):
        find_files('small')


def test_models_that_nobody_published():
    with pytest.raises(ValueError, match='spinepose-t has no published'):
        find_files('tiny')
    with pytest.raises(ValueError, match='rtmpose-m-halpe26 .*ONNX file'):
        find_files('rtmpose-m-halpe26', backend='onnxruntime')


def test_files(tmp_path):
    for name in ('a.onnx', 'a.xml', 'a.pth', 'a.py'):
        (tmp_path / name).touch()
    assert find_files(tmp_path / 'a.onnx').backend == 'onnxruntime'
    assert find_files(tmp_path / 'a.xml').backend == 'openvino'
    onnx = find_files(str(tmp_path / 'a.onnx'), backend='openvino')
    assert onnx.backend == 'openvino'
    checkpoint = find_files(tmp_path / 'a.pth')
    assert checkpoint.backend == 'pytorch'
    assert checkpoint.config == str(tmp_path / 'a.py')
    both = find_files('m', config='c.py', checkpoint=tmp_path / 'a.pth')
    assert (both.config, both.path) == ('c.py', tmp_path / 'a.pth')


def test_a_checkpoint_with_its_published_name(tmp_path):
    path = tmp_path / 'spinepose-l_32xb256-10e_spinetrack-256x192.pth'
    path.touch()
    assert find_files(path).config.endswith('configs/spinepose-l.py')


@pytest.mark.parametrize(
    'arguments, sentence',
    [
        (dict(model='a.onnx', backend='pytorch'), 'pytorch does not run'),
        (dict(model='a.xml', backend='onnxruntime'), 'openvino does'),
        (dict(model='b.pth'), 'b.pth belong to.*none beside it'),
        (dict(model='a.onnx', backend='tvm'), "no backend 'tvm': choose"),
        (
            dict(model='m', checkpoint='b.pth', backend='openvino'),
            'the backend openvino does not run b.pth: pytorch does',
        ),
        (dict(model='m', config='c.py'), 'needs its weights'),
        (dict(model='a.onnx', config='c.py'), 'needs its weights'),
    ],
)
def test_files_that_do_not_fit(tmp_path, monkeypatch, arguments, sentence):
    for name in ('a.onnx', 'a.xml', 'b.pth'):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=sentence):
        find_files(**arguments)


@pytest.mark.parametrize('name', ['none/a.onnx', './b.pth', 'c.xml', 'd.onnx'])
def test_files_that_are_absent(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match='no such'):
        find_files(name)


def test_the_folder_of_an_export(tmp_path):
    with pytest.raises(FileNotFoundError, match='contains no end2end.onnx'):
        find_files(tmp_path)
    (tmp_path / 'end2end.onnx').touch()
    assert find_files(tmp_path).defaults == {}
    transforms = [{'type': 'Normalize', 'mean': [1, 2, 3], 'std': [4, 5, 6]}]
    said = {'pipeline': {'tasks': [{'transforms': transforms}]}}
    (tmp_path / 'pipeline.json').write_text(json.dumps(said))
    for path in (tmp_path, tmp_path / 'end2end.onnx'):
        files = find_files(path)
        assert files.path == tmp_path / 'end2end.onnx'
        assert files.defaults['mean'] == [1, 2, 3]
