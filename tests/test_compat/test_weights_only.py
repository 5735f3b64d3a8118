"""MMEngine's checkpoints load; a pickle that runs something does not."""

import pickle
import zipfile

from spinepose_mmpose.compat import weights_only

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader, load_checkpoint
from torch.serialization import safe_globals


def checkpoint(model, optimizer):
    """What a Runner of MMPose writes after an epoch."""
    return dict(
        meta=dict(
            epoch=1,
            iter=2,
            cfg='model = dict()',
            dataset_meta=dict(
                dataset_name='spinetrack',
                sigmas=np.linspace(0.02, 0.1, 37, dtype=np.float32),
                keypoint_colors=np.arange(6, dtype=np.uint8).reshape(2, 3),
                flip_indices=[0, 2, 1],
                hand=np.asfortranarray(np.eye(2, 3)),
                empty=np.zeros((0, 2)),
            ),
        ),
        state_dict=model.state_dict(),
        optimizer=optimizer.state_dict(),
        message_hub=dict(
            log_scalars={
                'train/loss': HistoryBuffer([3.0, 1.0, 2.0], [1, 1, 1]),
                'val/loss': HistoryBuffer(),
            },
            runtime_info=dict(
                best_score=np.float64(0.75),
                seed=np.int64(21),
                small=np.float32(0.5),
                flag=np.bool_(True),
            ),
        ),
    )


@pytest.fixture
def trained():
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return model, optimizer


def assert_same(loaded, model):
    meta = loaded['meta']['dataset_meta']
    np.testing.assert_array_equal(
        meta['sigmas'], np.linspace(0.02, 0.1, 37, dtype=np.float32)
    )
    np.testing.assert_array_equal(meta['hand'], np.eye(2, 3))
    assert meta['empty'].shape == (0, 2)
    assert meta['keypoint_colors'].dtype == np.uint8
    assert meta['keypoint_colors'].tolist() == [[0, 1, 2], [3, 4, 5]]
    hub = loaded['message_hub']
    log = hub['log_scalars']['train/loss']
    assert (log.min(), log.max(), log.current(), log.mean()) == (1, 3, 2, 2)
    assert log.statistics('max') == 3
    log.update(5.0)  # as after a resume
    assert log.current() == 5
    hub['log_scalars']['val/loss'].update(7.0)
    assert hub['log_scalars']['val/loss'].mean() == 7
    assert hub['runtime_info'] == dict(
        best_score=0.75, seed=21, small=0.5, flag=True
    )
    assert isinstance(hub['runtime_info']['best_score'], np.float64)
    state = loaded['optimizer']['state'][0]
    assert state['step'] == 1 and state['exp_avg'].shape == (2, 3)
    for name, value in model.state_dict().items():
        assert torch.equal(loaded['state_dict'][name], value)


@pytest.mark.parametrize('zipped', [True, False])
def test_checkpoint_of_a_runner(trained, tmp_path, zipped):
    path = str(tmp_path / 'epoch_1.pth')
    torch.save(
        checkpoint(*trained), path, _use_new_zipfile_serialization=zipped
    )
    assert_same(torch.load(path), trained[0])
    assert_same(CheckpointLoader.load_checkpoint(path), trained[0])
    fresh = torch.nn.Linear(3, 2)
    load_checkpoint(fresh, path, map_location='cpu', strict=True)
    assert torch.equal(fresh.weight, trained[0].weight)


@pytest.mark.parametrize('core', ['numpy.core', 'numpy._core'])
def test_checkpoint_of_either_numpy(trained, tmp_path, core):
    """A file written with numpy 1 names numpy.core, with 2 numpy._core."""
    path = tmp_path / 'epoch_1.pth'
    torch.save(checkpoint(*trained), path)
    here = np.float64(1).__reduce__()[0].__module__.encode()
    data = members(path)
    assert data['data.pkl'].count(b'c' + here) >= 2
    data['data.pkl'] = data['data.pkl'].replace(
        b'c' + here, f'c{core}.multiarray'.encode()
    )
    assert_same(torch.load(write(path, data)), trained[0])


def members(path):
    """The files of a checkpoint by name, without the folder."""
    with zipfile.ZipFile(path) as file:
        return {n.split('/', 1)[1]: file.read(n) for n in file.namelist()}


def write(path, data):
    with zipfile.ZipFile(path, 'w') as file:
        for name, content in data.items():
            file.writestr(f'archive/{name}', content)
    return path


def archive(path, code: bytes):
    """A checkpoint file whose pickle is ``code``."""
    torch.save({}, path)
    return write(path, dict(members(path), **{'data.pkl': code}))


# Pickle code, protocol 2: a name, a text, and a call with n arguments on the
# stack (n <= 3).
HEAD, STOP = b'\x80\x02', b'.'
BUFFER = b'cmmengine.logging.history_buffer\nHistoryBuffer\n'


def name(module, attribute):
    return f'c{module}\n{attribute}\n'.encode()


def text(value):
    data = value.encode()
    return b'X' + len(data).to_bytes(4, 'little') + data


def call(function, *arguments):
    return (
        function
        + b''.join(arguments)
        + [b')', b'\x85', b'\x86', b'\x87'][len(arguments)]
        + b'R'
    )


def attribute(owner, member):
    return call(name('builtins', 'getattr'), owner, text(member))


def code_that_makes(marker):
    opened = f'open({str(marker)!r}, "w").close()'
    return {
        'os.system': call(name('os', 'system'), text(f'touch {marker}')),
        'posix.system': call(name('posix', 'system'), text(f'touch {marker}')),
        'eval': call(name('builtins', 'eval'), text(opened)),
        'exec': call(name('builtins', 'exec'), text(opened)),
        'getattr of a module': call(
            attribute(
                call(name('importlib', 'import_module'), text('os')), 'system'
            ),
            text(f'touch {marker}'),
        ),
        'globals of a method': call(
            call(
                name('operator', 'getitem'),
                call(
                    name('operator', 'getitem'),
                    attribute(attribute(BUFFER, 'min'), '__globals__'),
                    text('__builtins__'),
                ),
                text('eval'),
            ),
            text(opened),
        ),
    }


@pytest.mark.parametrize('how', code_that_makes(''))
def test_code_is_refused_and_has_not_run(how, tmp_path):
    marker = tmp_path / 'marker'
    code = HEAD + code_that_makes(marker)[how] + STOP
    path = archive(tmp_path / 'bad.pth', code)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path)
    with pytest.raises(pickle.UnpicklingError):
        CheckpointLoader.load_checkpoint(str(path))
    assert not marker.exists()
    # The code is alive: whoever turns the check off runs it.
    pickle.loads(code)
    assert marker.exists()


def test_code_is_refused_where_the_default_is_to_run_it(tmp_path, monkeypatch):
    """MMEngine leaves weights_only to the environment, and to torch.hub."""
    marker, url = tmp_path / 'marker', 'https://example.invalid/bad.pth'
    cached = tmp_path / 'hub' / 'checkpoints' / 'bad.pth'
    cached.parent.mkdir(parents=True)
    archive(cached, HEAD + code_that_makes(marker)['eval'] + STOP)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    for path in (str(cached), url):
        with pytest.raises(pickle.UnpicklingError):
            CheckpointLoader.load_checkpoint(path)
    assert not marker.exists()
    for load in (torch.load, lambda _: torch.hub.load_state_dict_from_url(url)):
        load(cached)
        assert marker.exists()
        marker.unlink()


def test_probe_sees_through_the_environment(monkeypatch):
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    test_probe()


@pytest.mark.parametrize(
    'owner, member',
    [
        (BUFFER, '__init__'),
        (BUFFER, 'update'),
        (BUFFER, 'statistics'),
        (BUFFER, 'register_statistics'),
        (BUFFER, '__dict__'),
        (BUFFER, '__class__'),
        (name('numpy', 'ndarray'), 'tofile'),
        (name('numpy', 'ndarray'), 'min'),
        (name('numpy', 'dtype'), 'newbyteorder'),
        (name('torch', 'FloatStorage'), 'from_file'),
        (attribute(BUFFER, 'min'), '__globals__'),
        (attribute(BUFFER, 'min'), '__code__'),
        (call(BUFFER), 'min'),
    ],
)
def test_getattr_knows_four_methods_only(owner, member, tmp_path):
    path = archive(tmp_path / 'bad.pth', HEAD + attribute(owner, member) + STOP)
    with pytest.raises(pickle.UnpicklingError, match=member):
        torch.load(path)


@pytest.mark.parametrize('member', ['min', 'max', 'current', 'mean'])
def test_those_four(member, tmp_path):
    path = archive(
        tmp_path / 'good.pth', HEAD + attribute(BUFFER, member) + STOP
    )
    assert torch.load(path) is getattr(HistoryBuffer, member)


def test_a_method_cannot_be_called_while_loading(tmp_path):
    code = call(attribute(BUFFER, 'min'), call(BUFFER))
    path = archive(tmp_path / 'bad.pth', HEAD + code + STOP)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path)


class Marks:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (open, (str(self.marker), 'w'))


@pytest.mark.parametrize('zipped', [True, False])
def test_an_object_beside_weights_is_refused(tmp_path, zipped):
    marker, path = tmp_path / 'marker', tmp_path / 'bad.pth'
    torch.save(
        dict(state_dict=dict(w=torch.ones(1)), meta=Marks(marker)),
        path,
        _use_new_zipfile_serialization=zipped,
    )
    with pytest.raises(pickle.UnpicklingError, match='open'):
        torch.load(path)
    assert not marker.exists()


# Pickle code of an array of one pointer, 0x4141414141414141: reading it as an
# object ends the process, or worse.
POINTER = call(name('_codecs', 'encode'), text('A' * 8), text('latin1'))
ONE = b'K\x01\x85'
NDARRAY = name('numpy', 'ndarray')
FALSE, TRUE, NONE = b'\x89', b'\x88', b'N'


def numpys(function):
    core = np.float64(1).__reduce__()[0].__module__
    return name(core, function)


def dtype_with(code, *state):
    """A dtype whose pickled state says more than its code."""
    return call(name('numpy', 'dtype'), text(code), FALSE, TRUE) + (
        b'(K\x03' + text('|') + b''.join(state) + b'tb'
    )


def array_with(dtype):
    empty = call(numpys('_reconstruct'), NDARRAY, b'K\x00\x85', text('b'))
    return empty + b'(K\x01' + ONE + dtype + FALSE + POINTER + b'tb'


FORGED = {
    'objects made of bytes': call(NDARRAY, ONE, text('O'), POINTER),
    'the same by __new__': NDARRAY + ONE + text('O') + POINTER + b'\x87\x81',
    'object type without its flags': array_with(
        dtype_with('O8', NONE * 3, b'K\x08K\x08K\x00')
    ),
    'object array': call(numpys('_reconstruct'), NDARRAY, ONE, text('O')),
    'numbers that contain objects': array_with(
        dtype_with(
            'f8',
            call(name('numpy', 'dtype'), text('O8')) + ONE + b'\x86',
            NONE * 2,
            b'K\x08K\x08K\x00',
        )
    ),
    'texts': array_with(dtype_with('U2', NONE * 3, b'K\x08K\x04K\x00')),
    'records': array_with(dtype_with('V8', NONE * 3, b'K\x08K\x04K\x00')),
}


@pytest.mark.parametrize('how', FORGED)
def test_arrays_do_not_read_forged_memory(how, tmp_path):
    path = archive(tmp_path / 'bad.pth', HEAD + FORGED[how] + STOP)
    with pytest.raises((pickle.UnpicklingError, TypeError)):
        torch.load(path)


def test_a_forged_number_type_stays_a_number(tmp_path):
    """The state says that a float64 takes no bytes and holds objects."""
    code = array_with(dtype_with('f8', NONE * 3, b'K\x00K\x00K\x3f'))
    path = archive(tmp_path / 'bad.pth', HEAD + code + STOP)
    assert torch.load(path) == np.frombuffer(b'A' * 8)
    assert np.dtype('f8').itemsize == 8 and not np.dtype('f8').hasobject


def test_objects_and_texts_in_arrays_are_refused(tmp_path):
    path = tmp_path / 'bad.pth'
    for array in (np.array([1, 'x', None], object), np.array(['a', 'b'])):
        torch.save(dict(meta=array), path)
        with pytest.raises(
            pickle.UnpicklingError, match="'[OU][0-9]'.*numbers alone"
        ):
            torch.load(path)


def test_probe():
    """None once the types are allowed, as on a stack that does it itself."""
    assert weights_only.probe() is None
    import torch.serialization as s

    before = s.get_safe_globals()
    s.clear_safe_globals()
    try:
        assert 'UnpicklingError' in weights_only.probe()
        with safe_globals(weights_only.safe_types()):
            assert weights_only.probe() is None
    finally:
        s.add_safe_globals(before)
