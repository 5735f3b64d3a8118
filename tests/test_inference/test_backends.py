import json
import sys
from pathlib import Path

from spinepose_mmpose.inference import SpinePoseEstimator
from spinepose_mmpose.inference.backends import (
    backend_names,
    backends_for,
    create_backend,
    half_on_cpu,
    onnxruntime,
    openvino,
)
from spinepose_mmpose.inference.backends.onnxruntime import (
    OnnxSession,
    split_device,
)
from spinepose_mmpose.inference.model_files import ModelFiles, find_files
from spinepose_mmpose.inference.preprocess import crop_people, regions_of

import numpy as np
import pytest
from tiny_network import ROOT, export


@pytest.fixture(scope='module')
def crops(people_image, people_boxes):
    regions = regions_of(people_boxes, (192, 256))
    return crop_people(people_image, regions, (192, 256))


@pytest.fixture(scope='module')
def simcc(tiny_config, tiny_checkpoint, crops):
    """The distributions by PyTorch."""
    files = find_files('', config=tiny_config, checkpoint=tiny_checkpoint)
    return create_backend(files, 'cpu').run(crops)


def test_onnx_gives_the_distributions_of_pytorch(tiny_onnx, crops, simcc):
    backend = create_backend(find_files(tiny_onnx), 'cpu', threads=1)
    assert backend.device == 'cpu' and backend.spec.input_size == (192, 256)
    for got, expected in zip(backend.run(crops), simcc):
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, expected, atol=1e-4)


def test_openvino_gives_the_distributions_of_pytorch(tiny_onnx, crops, simcc):
    pytest.importorskip('openvino')
    backend = create_backend(find_files(tiny_onnx, backend='openvino'))
    found = backend.run(crops)
    backend.run(np.ascontiguousarray(crops[:, :, ::-1]))  # leaves the first
    for got, expected in zip(found, simcc):
        np.testing.assert_allclose(got, expected, atol=1e-4)


@pytest.mark.parametrize('has_halves', [True, False])
def test_half_precision_on_a_cpu_is_openvino_s(
    monkeypatch, tiny_onnx, has_halves
):
    monkeypatch.setattr(openvino, 'has_fast_halves', lambda: has_halves)
    monkeypatch.setattr(onnxruntime, 'has_gpu', lambda: False)
    files = find_files(tiny_onnx)
    expected = 'openvino' if has_halves else 'onnxruntime'
    for device in ('auto', 'cpu'):
        assert half_on_cpu(files, device).backend == expected
    assert half_on_cpu(files, 'cuda') == files
    monkeypatch.setattr(onnxruntime, 'has_gpu', lambda: True)
    assert half_on_cpu(files, 'auto') == files
    by_name = SpinePoseEstimator(
        model=tiny_onnx,
        device='cpu',
        half=True,
        backend='onnxruntime',
        detector=None,
    )
    assert by_name.files.backend == 'onnxruntime'


def test_the_estimator_takes_halves_where_they_are(
    tiny_onnx, people_image, people_boxes
):
    pytest.importorskip('openvino')
    settings = dict(model=tiny_onnx, device='cpu', detector=None)
    whole = SpinePoseEstimator(**settings)
    half = SpinePoseEstimator(half=True, **settings)
    able = openvino.has_fast_halves()
    assert half.files.backend == ('openvino' if able else 'onnxruntime')
    _, scores = whole(people_image, people_boxes)
    _, half_scores = half(people_image, people_boxes)
    # bfloat16 has 8 bits.
    np.testing.assert_allclose(half_scores, scores, rtol=0.05, atol=1e-3)


@pytest.mark.parametrize('spinning', [True, False])
def test_waiting_threads(tiny_onnx, spinning):
    estimator = SpinePoseEstimator(
        model=tiny_onnx, device='cpu', detector=None, spinning=spinning
    )
    options = estimator.backend.engine.session.get_session_options()
    said = options.get_session_config_entry('session.intra_op.allow_spinning')
    assert said == str(int(spinning))


def test_a_network_that_takes_one_batch_alone(
    tiny_model, crops, simcc, tmp_path
):
    export(tiny_model, tmp_path / 'two.onnx', batch=2)
    backend = create_backend(find_files(tmp_path / 'two.onnx'), 'cpu')
    assert backend.spec.batch == 2
    for got, expected in zip(backend.run(crops), simcc):
        assert len(got) == 3
        np.testing.assert_allclose(got, expected, atol=1e-4)


def edited(path, out, edit) -> str:
    onnx = pytest.importorskip('onnx')
    model = onnx.load(path)
    edit(onnx, model)
    onnx.save(model, out)
    return str(out)


def test_metadata_of_the_file(tiny_onnx, tmp_path, crops):
    """A file made for blue first gets it so."""

    def edit(onnx, model):
        for key, value in (('bgr_to_rgb', False), ('mean', [1.0, 2.0, 3.0])):
            entry = model.metadata_props.add()
            entry.key, entry.value = key, json.dumps(value)

    path = edited(tiny_onnx, tmp_path / 'bgr.onnx', edit)
    backend = create_backend(find_files(path), 'cpu')
    assert not backend.spec.to_rgb and backend.spec.mean == (1, 2, 3)
    seen = backend._normalize(crops[:1])[0, :, 100, 100]
    value = (crops[0, 100, 100] - np.float32([1, 2, 3])) / backend.spec.std
    np.testing.assert_allclose(seen, value, rtol=1e-6)


def test_a_network_that_decodes_by_itself(
    tiny_model, tiny_onnx, people_image, people_boxes, tmp_path
):
    path = tmp_path / 'points.onnx'
    export(tiny_model, path, decode=True)
    points = SpinePoseEstimator(model=path, detector=None)
    simcc = SpinePoseEstimator(model=tiny_onnx, detector=None)
    for got, expected in zip(
        points(people_image, people_boxes), simcc(people_image, people_boxes)
    ):
        np.testing.assert_allclose(got, expected, atol=1e-3)
    with pytest.raises(ValueError, match='flip_test needs the SimCC'):
        SpinePoseEstimator(model=path, detector=None, flip_test=True)


@pytest.mark.parametrize('backend', ['onnxruntime', 'pytorch'])
def test_a_gpu_that_is_not_there(
    backend, tiny_onnx, tiny_config, tiny_checkpoint
):
    import torch

    if torch.cuda.is_available():
        pytest.skip('there is a GPU')
    files = (
        find_files(tiny_onnx)
        if backend == 'onnxruntime'
        else find_files('', config=tiny_config, checkpoint=tiny_checkpoint)
    )
    with pytest.raises(ValueError, match="device 'cuda' was asked") as error:
        create_backend(files, 'cuda')
    assert '\n' not in str(error.value)


def test_devices_of_onnx_runtime():
    assert split_device('auto') == ('auto', 0)
    assert split_device('CUDA:1') == ('cuda', 1)
    for device in ('gpu', 'cuda:first', ''):
        with pytest.raises(ValueError, match='choose from auto, cpu, cuda'):
            split_device(device)


@pytest.mark.parametrize(
    'module, backend, command',
    [
        ('onnxruntime', 'onnxruntime', 'pip install onnxruntime'),
        ('openvino', 'openvino', 'pip install openvino'),
        ('torch', 'pytorch', 'pip install torch'),
    ],
)
def test_what_is_not_installed(
    monkeypatch, tiny_onnx, module, backend, command
):
    monkeypatch.setitem(sys.modules, module, None)
    files = ModelFiles(backend, tiny_onnx, 'config.py')
    with pytest.raises(ValueError, match=command):
        create_backend(files)


def test_a_file_that_is_no_network(tmp_path):
    (tmp_path / 'a.onnx').write_text('hello')
    with pytest.raises(ValueError, match='a.onnx cannot be run by') as error:
        create_backend(find_files(tmp_path / 'a.onnx'))
    assert '\n' not in str(error.value)


def test_an_openvino_file_without_its_weights(tmp_path):
    pytest.importorskip('openvino')
    (tmp_path / 'a.xml').write_text('<net/>')
    with pytest.raises(FileNotFoundError, match='a.xml needs .* no .*a.bin'):
        create_backend(find_files(tmp_path / 'a.xml'))
    (tmp_path / 'a.bin').touch()
    with pytest.raises(ValueError, match='a.xml cannot be read by') as error:
        create_backend(find_files(tmp_path / 'a.xml'))
    assert '\n' not in str(error.value)


def test_an_openvino_file_gives_what_its_onnx_file_gave(
    tiny_onnx, crops, simcc, tmp_path
):
    openvino = pytest.importorskip('openvino')
    path = str(tmp_path / 'tiny.xml')
    model = openvino.Core().read_model(tiny_onnx)
    openvino.save_model(model, path, compress_to_fp16=False)
    found = create_backend(find_files(path)).run(crops)
    for got, expected in zip(found, simcc):
        np.testing.assert_allclose(got, expected, atol=1e-4)


def test_backends_are_the_modules_of_their_folder():
    expected = ('blazepose', 'onnxruntime', 'openvino', 'pytorch')
    assert backend_names() == expected
    assert list(backends_for('.ONNX')) == ['onnxruntime', 'openvino']
    assert list(backends_for('.pt')) == ['pytorch']
    assert list(backends_for('.tflite')) == ['blazepose']
    assert not list(backends_for('.txt'))


def test_weights_of_another_model(tiny_checkpoint):
    config = str(ROOT / 'configs' / 'spinepose-s.py')
    files = find_files('', config=config, checkpoint=tiny_checkpoint)
    with pytest.raises(ValueError, match='are not those of the config'):
        create_backend(files, 'cpu')


@pytest.mark.parametrize('what', ['text', 'pickle'])
def test_nothing_is_unpickled(tiny_config, tmp_path, what):
    """A file that would run code when it is unpickled is refused."""
    import pickle

    class Code:
        def __reduce__(self):
            return open, (str(tmp_path / 'ran'), 'w')

    path = tmp_path / 'a.pth'
    content = {'text': b'hello', 'pickle': pickle.dumps({'a': Code()})}
    path.write_bytes(content[what])
    files = find_files('', config=tiny_config, checkpoint=path)
    with pytest.raises(
        ValueError, match='a.pth cannot be loaded as a checkpoint'
    ) as error:
        create_backend(files, 'cpu')
    assert '\n' not in str(error.value)
    assert not (tmp_path / 'ran').exists()


def test_models_that_work_otherwise(tiny_model, monkeypatch):
    from types import SimpleNamespace

    from spinepose_mmpose.inference.backends.pytorch import spec_of

    with pytest.raises(ValueError, match='it has the head SimpleNamespace, a'):
        spec_of(SimpleNamespace(head=SimpleNamespace()), 'it')
    spec_of(tiny_model, 'it')
    with monkeypatch.context() as patch:
        patch.setattr(tiny_model.head.decoder, 'use_dark', True)
        with pytest.raises(ValueError, match='it decodes with DARK'):
            spec_of(tiny_model, 'it')
    pipeline = tiny_model.cfg.test_dataloader.dataset.pipeline
    (step,) = (s for s in pipeline if s['type'] == 'GetBBoxCenterScale')
    monkeypatch.setitem(step, 'padding', 1.4)
    with pytest.raises(ValueError, match='it pads boxes by 1.4, 1.25'):
        spec_of(tiny_model, 'it')


def test_a_session_takes_an_array_and_gives_named_ones(tiny_onnx):
    content = Path(tiny_onnx).read_bytes()
    images = np.random.default_rng(0).normal(size=(2, 3, 256, 192))
    expected = OnnxSession(tiny_onnx, 'cpu', 1).run(images)
    assert list(expected) == ['simcc_x', 'simcc_y']
    plain = OnnxSession(content, 'cpu', threads=1, optimize=False)
    (found,) = plain.run(images.astype(np.float16), ['simcc_y']).values()
    np.testing.assert_allclose(found, expected['simcc_y'], atol=1e-2)
    with pytest.raises(ValueError, match='does not run .* shape') as error:
        plain.run(images[:, :2])
    assert '\n' not in str(error.value)
