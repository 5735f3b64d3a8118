"""tools/deploy.py with what does not fit: one sentence, nothing written."""

import os
import tempfile

import pytest
import torch
from deploy_paths import CONFIGS, ONNXRUNTIME, ROOT

TOOL = 'tools/deploy.py'
TENSORRT = CONFIGS / 'pose-detection_simcc_tensorrt_dynamic-256x192.py'
LARGE = CONFIGS / 'pose-detection_simcc_tensorrt_dynamic-384x288.py'


@pytest.fixture
def refused(command, tmp_path):
    """The sentence; the folder above the result stays empty."""
    above = tmp_path / 'above'
    above.mkdir()

    def call(*arguments, work_dir=above / 'out'):
        code, out = command(TOOL, *arguments, '--work-dir', work_dir)
        assert isinstance(code, str) and code.startswith('error: ')
        assert '\n' not in code and out == ''
        assert not list(above.iterdir())
        return code

    return call


def test_other_files(refused, tiny, tmp_path):
    config, checkpoint = tiny
    assert 'no such config' in refused('no.py', config, checkpoint)
    assert 'not a deployment config' in refused(config, config, checkpoint)
    assert 'has no model' in refused(ONNXRUNTIME, ONNXRUNTIME, checkpoint)
    assert 'no such file' in refused(ONNXRUNTIME, config, 'no/t.pth')
    text = tmp_path / 'text.pth'
    text.write_text('text')
    assert 'cannot be loaded as a checkpoint' in refused(
        ONNXRUNTIME, config, text
    )
    broken = tmp_path / 'broken.py'
    broken.write_text('a = (')
    assert 'is not a config' in refused(broken, config, checkpoint)
    assert 'no such image' in refused(ONNXRUNTIME, config, checkpoint, 'no.jpg')


def test_checkpoint_of_another_model(refused, tiny, tmp_path):
    config, checkpoint = tiny
    other = ROOT / 'configs' / 'spinepose-s.py'
    sentence = refused(ONNXRUNTIME, other, checkpoint)
    assert 'not a checkpoint of' in sentence and 'of another shape' in sentence
    weights = torch.load(checkpoint)['state_dict']
    for name in ('head.final_layer.weight', 'head.final_layer.bias'):
        weights[name] = weights[name][:26]
    path = tmp_path / '26.pth'
    torch.save(dict(state_dict=weights), path)
    assert 'predicts 26 keypoints, but the config 37' in refused(
        ONNXRUNTIME, config, path
    )


def test_devices_and_backends(refused, tiny, monkeypatch):
    import importlib.util

    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    assert 'PyTorch sees 0 GPUs' in refused(
        ONNXRUNTIME, *tiny, '--device', 'cuda:0'
    )
    assert "'tpu'" in refused(ONNXRUNTIME, *tiny, '--device', 'tpu')
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        'find_spec',
        lambda name, *rest: None if name == 'tensorrt' else find(name, *rest),
    )
    assert 'pip install tensorrt' in refused(TENSORRT, *tiny)
    assert 'input of 288x384 pixels' in refused(LARGE, *tiny)


def test_places_that_cannot_be_written(refused, tiny, tmp_path, monkeypatch):
    file = tmp_path / 'file'
    file.write_text('kept')
    assert 'is a file' in refused(ONNXRUNTIME, *tiny, work_dir=file)
    mine = tmp_path / 'mine'
    mine.mkdir()
    (mine / 'thesis.txt').write_text('kept')
    sentence = refused(ONNXRUNTIME, *tiny, work_dir=mine)
    assert 'something else than an export' in sentence
    assert os.listdir(mine) == ['thesis.txt']

    make = tempfile.mkdtemp

    def refuse(suffix=None, prefix=None, dir=None):
        if prefix == '.writable-':
            raise PermissionError(13, 'Permission denied')
        return make(suffix, prefix, dir)

    monkeypatch.setattr('tempfile.mkdtemp', refuse)
    assert 'cannot be written: Permission denied' in refused(ONNXRUNTIME, *tiny)


def test_failure_on_the_way_leaves_the_older_export(
    command, tiny, tmp_path, monkeypatch
):
    folder = tmp_path / 'out'
    folder.mkdir()
    (folder / 'end2end.onnx').write_text('older')

    from spinepose_mmpose.deploy import export

    def fail(image, work_dir, name, *_):
        (tmp_path / work_dir / name).write_text('half')
        raise ValueError('disk full')

    monkeypatch.setattr(export, 'torch2onnx', fail)
    code, _ = command(TOOL, ONNXRUNTIME, *tiny, '--work-dir', folder)
    assert 'disk full' in code
    assert os.listdir(tmp_path) == ['out']
    assert (folder / 'end2end.onnx').read_text() == 'older'


@pytest.mark.slow
def test_an_older_export_is_replaced_as_a_whole(command, tiny, tmp_path):
    folder = tmp_path / 'out'
    folder.mkdir()
    (folder / 'deploy.json').write_text('older')
    (folder / 'stale.engine').write_text('older')
    code, out = command(TOOL, ONNXRUNTIME, *tiny, '--work-dir', folder)
    assert code == 0 and 'end2end.onnx: ' in out
    assert sorted(os.listdir(folder)) == [
        'deploy.json',
        'detail.json',
        'end2end.onnx',
        'pipeline.json',
    ]
    assert os.listdir(tmp_path) == ['out']
