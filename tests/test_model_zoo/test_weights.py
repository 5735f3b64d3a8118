import hashlib
import logging
import socket

from spinepose_mmpose.model_zoo import (
    DigestMismatch,
    DownloadError,
    cache_dir,
    fetch,
    resolve_weights,
)

import pytest

DATA = b'checkpoint ' * 5000
DIGEST = hashlib.sha256(DATA).hexdigest()
FILE = 'spinepose-s_stem.pth'


@pytest.fixture
def closed():
    """A URL where nobody listens."""
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    return f'http://127.0.0.1:{port}/'


@pytest.fixture
def model(server, put_model):
    """A model whose first address is gone, as with v1 before its move."""
    server.files[f'old/{FILE}'] = DATA
    return put_model(
        aliases=('spinepose-s_stem',),
        weights=(server.url(f'new/{FILE}'), server.url(f'old/{FILE}')),
        sha256=DIGEST,
        size=len(DATA),
    )


@pytest.mark.parametrize(
    'env, expected',
    [
        (dict(TORCH_HOME='/t'), '/t/hub/checkpoints'),
        (dict(XDG_CACHE_HOME='/c'), '/c/torch/hub/checkpoints'),
        (dict(HOME='/h'), '/h/.cache/torch/hub/checkpoints'),
        (dict(HOME='/h', TORCH_HOME='~/t'), '/h/t/hub/checkpoints'),
    ],
)
def test_cache_is_that_of_torch_hub(monkeypatch, env, expected):
    import torch.hub

    for name in ('TORCH_HOME', 'XDG_CACHE_HOME'):
        monkeypatch.delenv(name, raising=False)
    for item in env.items():
        monkeypatch.setenv(*item)
    assert str(cache_dir()) == expected
    assert torch.hub.get_dir() + '/checkpoints' == expected


def test_alias_falls_back_to_the_older_address(server, model, home):
    path = resolve_weights('SpinePose-S')
    assert path == home / FILE and path.read_bytes() == DATA
    assert [r[0] for r in server.requests] == [f'new/{FILE}', f'old/{FILE}']


@pytest.mark.parametrize(
    'name',
    [
        'spinepose-s_stem',
        FILE,
        'spinepose://spinepose-s',
        'spinepose://spinepose-s_stem',
    ],
)
def test_other_names(model, home, name):
    assert resolve_weights(name) == home / FILE


def test_cached_file_needs_no_request(server, model):
    resolve_weights('spinepose-s')
    server.requests.clear()
    resolve_weights('spinepose-s')
    resolve_weights(model.weights[0])
    assert server.requests == []


def test_any_address_of_a_model_is_the_model(model, home):
    assert resolve_weights(model.weights[0]) == home / FILE


def test_licence_is_shown_once_and_on_download_only(model, home, caplog):
    resolve_weights('spinepose-s')
    assert caplog.text.count('CC-BY-NC-4.0') == 1
    (home / FILE).unlink()
    resolve_weights('spinepose-s')
    assert caplog.text.count('CC-BY-NC-4.0') == 1


def test_licence_is_not_shown_for_cached_files(model, caplog, monkeypatch):
    from spinepose_mmpose.model_zoo import weights

    resolve_weights('spinepose-s')
    caplog.clear()
    monkeypatch.setattr(weights, '_licence_shown', False)
    resolve_weights('spinepose-s')
    assert 'CC-BY' not in caplog.text


def test_wrong_digest_everywhere(server, model, home):
    bad = bytes(len(DATA))
    server.files = {f'new/{FILE}': bad, f'old/{FILE}': bad}
    with pytest.raises(DownloadError) as e:
        resolve_weights('spinepose-s')
    assert f'expected {DIGEST}; what was received is deleted' in str(e.value)
    assert len(server.requests) == 2
    assert list(home.iterdir()) == []


def test_without_network_the_message_says_what_to_put_where(
    put_model, closed, home
):
    put_model(weights=(f'{closed}{FILE}',), sha256=DIGEST)
    with pytest.raises(DownloadError) as e:
        resolve_weights('spinepose-s', retries=0)
    message = str(e.value)
    assert message.startswith(f'could not get {FILE}: ')
    assert 'connection was refused' in message
    assert (
        f'Download it from {closed}{FILE} where there is a network and '
        f'put it at {home / FILE}, or set SPINEPOSE_MIRROR'
    ) in message
    assert '\n' not in message

    home.mkdir(parents=True, exist_ok=True)
    (home / FILE).write_bytes(DATA)  # as told
    assert resolve_weights('spinepose-s') == home / FILE


def test_being_offline_is_said_once(put_model, closed):
    put_model(weights=(f'{closed}{FILE}', f'{closed}old/{FILE}'))
    with pytest.raises(DownloadError) as e:
        resolve_weights('spinepose-s')
    assert 'the connection was refused (2 addresses tried). Download it' in str(
        e.value
    )


def test_no_such_host(put_model, monkeypatch):

    def fail(*args, **kwargs):
        raise socket.gaierror(-2, 'Name or service not known')

    monkeypatch.setattr(socket, 'getaddrinfo', fail)
    put_model(weights=(f'https://models.invalid/{FILE}',))
    with pytest.raises(DownloadError, match='no network, or no such host'):
        resolve_weights('spinepose-s')


def test_mirror_url_comes_first(server, model, home, monkeypatch):
    server.files[f'm/{FILE}'] = DATA
    monkeypatch.setenv('SPINEPOSE_MIRROR', server.url('m/'))
    assert resolve_weights('spinepose-s') == home / FILE
    assert [r[0] for r in server.requests] == [f'm/{FILE}']


def test_mirror_url_is_checked_and_can_be_incomplete(
    server, model, home, monkeypatch, caplog
):
    server.files[f'm/{FILE}'] = bytes(len(DATA))  # a bad copy
    monkeypatch.setenv('SPINEPOSE_MIRROR', server.url('m'))
    resolve_weights('spinepose-s')
    assert (home / FILE).read_bytes() == DATA
    assert f'm/{FILE}: the file received has sha256' in caplog.text


def test_mirror_folder_is_used_in_place(
    server, model, home, tmp_path, monkeypatch
):
    folder = tmp_path / 'mirror'
    folder.mkdir()
    (folder / FILE).write_bytes(DATA)
    for value in (str(folder), folder.as_uri()):
        monkeypatch.setenv('SPINEPOSE_MIRROR', value)
        assert resolve_weights('spinepose-s') == folder / FILE
    assert server.requests == [] and not home.exists()
    assert [p.name for p in folder.iterdir()] == [FILE]  # nothing written

    (folder / FILE).write_bytes(DATA[:-1])
    with pytest.raises(DigestMismatch, match=f'expected {DIGEST}'):
        resolve_weights('spinepose-s')
    (folder / FILE).unlink()
    assert resolve_weights('spinepose-s') == home / FILE


def test_missing_mirror_folder(model, tmp_path, monkeypatch):
    monkeypatch.setenv('SPINEPOSE_MIRROR', str(tmp_path / 'none'))
    with pytest.raises(FileNotFoundError, match='SPINEPOSE_MIRROR=.*none'):
        resolve_weights('spinepose-s')


def test_fetch_of_an_archive(server, tmp_path, monkeypatch):
    """What the dataset tools use: any file, any place, the same mirror."""
    server.files['images.zip'] = DATA
    dest = tmp_path / 'data' / 'images.zip'
    assert fetch([server.url('images.zip')], dest) == dest
    assert dest.read_bytes() == DATA


def test_trouble_on_this_machine_ends_the_search(server, model, home):
    (home / FILE).mkdir(parents=True)
    with pytest.raises(DownloadError, match='^cannot write .*it is a folder'):
        resolve_weights('spinepose-s')
    assert server.requests == []


def test_onnx(server, put_model, home):
    server.files['stem.onnx'] = DATA
    put_model(onnx=(server.url('stem.onnx'),), weights=('http://x/stem.pth',))
    assert resolve_weights('spinepose-s', kind='onnx') == home / 'stem.onnx'
    assert resolve_weights('stem.onnx') == home / 'stem.onnx'
    assert resolve_weights(server.url('stem.onnx')) == home / 'stem.onnx'
    with pytest.raises(ValueError, match="'weights', 'onnx'"):
        resolve_weights('spinepose-s', kind='engine')


def test_unpublished_models_say_so():
    with pytest.raises(ValueError) as e:
        resolve_weights('spinepose-t')
    assert 'spinepose-t has no published weights' in str(e.value)
    assert 'pose2d_weights=' in str(e.value) and 'train' in str(e.value)
    with pytest.raises(ValueError, match='no published weights'):
        resolve_weights('spinepose-t', kind='onnx')
    with pytest.raises(ValueError, match='no published ONNX file'):
        resolve_weights('rtmpose-m-halpe26', kind='onnx')


def test_local_files(tmp_path, monkeypatch, model):
    own = tmp_path / 'epoch_10.pth'
    own.write_bytes(b'x')
    assert resolve_weights(own) == own
    assert resolve_weights(str(own)) == own
    assert resolve_weights(own.as_uri()) == own
    monkeypatch.chdir(tmp_path)
    assert str(resolve_weights('epoch_10.pth')) == 'epoch_10.pth'
    # A published file at hand goes before a download; an alias does not.
    (tmp_path / FILE).write_bytes(b'x')
    assert str(resolve_weights(FILE)) == FILE
    (tmp_path / 'spinepose-s').write_bytes(b'x')
    assert resolve_weights('spinepose-s') == cache_dir() / FILE


@pytest.mark.parametrize(
    'name, error, text',
    [
        ('nowhere/epoch_10.pth', FileNotFoundError, 'no such file: nowhere/'),
        ('epoch_10.pth', FileNotFoundError, 'no such file: epoch_10.pth'),
        (
            'file:///nowhere.pth',
            FileNotFoundError,
            'no such file: /nowhere.pth',
        ),
        ('spinpose-m', ValueError, 'did you mean spinepose-m'),
        ('spinepose://spinepose-z', ValueError, "called 'spinepose-z'"),
        ('s3://bucket/m.pth', ValueError, 'spinepose://, https://'),
        ('http://127.0.0.1/', ValueError, 'no file name'),
        ('', ValueError, 'Choose from'),
    ],
)
def test_bad_names(name, error, text):
    with pytest.raises(error, match=text):
        resolve_weights(name)


def test_other_urls_are_checked_by_their_name(server, home):
    good, bad = f'net-{DIGEST[:8]}.pth', 'net-00000000_20230605.pth'
    server.files.update({good: DATA, bad: DATA, 'plain.pth': DATA})
    assert resolve_weights(server.url(good)) == home / good
    assert resolve_weights(server.url('plain.pth')) == home / 'plain.pth'
    with pytest.raises(DownloadError, match='expected 00000000'):
        resolve_weights(server.url(bad))
    assert not (home / bad).exists()


def test_stated_digest_of_another_file_saves_the_download(
    server, model, home, caplog
):
    """A file that was replaced at its address is passed over unread."""
    server.files['blob'] = bytes(10_000_000)
    server.redirects[f'new/{FILE}'] = (
        server.url('blob'),
        {'X-Linked-ETag': f'"{"0" * 64}"'},
    )
    with caplog.at_level(logging.WARNING):
        resolve_weights('spinepose-s')
    assert 'the host offers another file' in caplog.text
    assert (home / FILE).read_bytes() == DATA
