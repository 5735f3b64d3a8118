import dataclasses
import hashlib
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

from spinepose_mmpose import zoo
from spinepose_mmpose.downloads import (
    DigestMismatch,
    DownloadError,
    cache_dir,
    digest_in_name,
    fetch,
)
from spinepose_mmpose.zoo import all_models, find_model, resolve_weights

import pytest

ROOT = Path(__file__).parents[1]
DATA = b'checkpoint ' * 5000
DIGEST = hashlib.sha256(DATA).hexdigest()
OTHER = DATA[::-1]
MAIN = 'dfki-av/spinepose/resolve/main/'
V1 = 'spinepose-s_32xb256-10e_spinetrack-256x192'
V2 = 'spinepose-s_32xb256-10e_simspine-256x192'
TEACHER = find_model('rtmpose-s-halpe26').aliases[0]
FILE = f'{MAIN}simspine/2d/pytorch/{V2}.pth'


@pytest.fixture
def change(monkeypatch):
    """Change the row of a model in the table."""

    def change_row(name, **fields):
        new = dataclasses.replace(find_model(name), **fields)
        rows = (new if m.name == name else m for m in zoo._TABLE)
        monkeypatch.setattr(zoo, '_TABLE', tuple(rows))

    return change_row


# The table ------------------------------------------------------------------


def test_names_are_unique_and_found():
    names = [n.lower() for m in all_models() for n in m.names]
    assert len(names) == len(set(names))
    for model in all_models():
        for name in model.names:
            assert find_model(name) is find_model(name.upper()) is model
    assert [m.name for m in all_models('spinepose')] == [
        *(f'spinepose-{s}' for s in ('t', 't-demo', 's', 'm', 'l', 'x')),
        *(f'spinepose-{s}-v2' for s in 'sml'),
    ]
    assert [m.name for m in all_models('teacher')] == [
        f'rtmpose-{s}-halpe26' for s in 'tsmlx'
    ]
    assert [m.name for m in all_models('lifter')] == [
        'spinepose-lifter',
        'spinepose-lifter-simspine',
    ]


def test_published_addresses():
    urls = [
        (model, url)
        for model in all_models()
        for kind in ('weights', 'onnx')
        for url in model.urls(kind)
    ]
    assert len({url for _, url in urls}) == 4 * 3 + 3 + 5 + 4 + 3 + 1
    for model, url in urls:
        assert url.startswith('https://')
        assert Path(url).stem == model.aliases[0]
        assert find_model(f'{url}?download=true') is model
        assert find_model(Path(url).name) is model
    base = 'https://huggingface.co/dfki-av/spinepose/resolve/'
    commit = 'db5dcd910c3b98da7dc24cc2422c1d15b12d4613'
    assert find_model(V1).weights == (
        f'{base}main/spinetrack/pytorch/{V1}.pth',
        f'{base}main/{V1}.pth',
        f'{base}{commit}/{V1}.pth',
    )
    assert find_model(V1).onnx == (f'{base}main/{V1}.onnx',)
    assert find_model('spinepose-x').aliases[0] == (
        'spinepose-x_32xb128-10e_spinetrack-384x288'
    )
    assert find_model(V2).weights == (f'https://huggingface.co/{FILE}',)
    assert find_model('rtmpose-x-halpe26').weights == (
        'https://download.openmmlab.com/mmpose/v1/projects/rtmposev1/rtmpose-x'
        '_simcc-body7_pt-body7-halpe26_700e-384x288-7fb6e239_20230606.pth',
    )


def test_facts():
    for model in all_models():
        size = (288, 384) if '-x' in model.name else (192, 256)
        if model.family == 'lifter':  # x and y of the keypoints
            size = (2, 37)
        assert model.input_size == size
        assert model.num_keypoints == (26 if model.family == 'teacher' else 37)
        for ap, ar in model.results.values():
            assert 0 < ap <= ar <= 100
        if model.sha256:
            assert re.fullmatch('[0-9a-f]{8}|[0-9a-f]{64}', model.sha256)
    m = find_model('spinepose-m-v2')
    assert (m.params, m.flops) == (14.34, 1.98)
    assert m.results == dict(body=(82.1, 84.6), spine=(92.8, 93.7))


def test_configs_of_the_teachers_exist():
    mmpose = Path(importlib.util.find_spec('mmpose').origin).parent
    for model in all_models('teacher'):
        package, path = model.config.split('::')
        assert package == 'mmpose'
        assert (mmpose / '.mim' / 'configs' / path).is_file()


def test_unknown_name_lists_choices_and_near_ones():
    with pytest.raises(ValueError) as error:
        find_model('spinpose-m')
    assert 'did you mean spinepose-m' in str(error.value)
    assert 'rtmpose-x-halpe26' in str(error.value)
    for name in ('qqqqqqqqq', 'spinepose-m.pth'):
        with pytest.raises(ValueError, match='Choose from'):
            find_model(name)


def test_the_table_needs_the_standard_library_only():
    """-S leaves out site-packages: no torch, no mmpose, no numpy."""
    # Without the package's own __init__: others answer for what it imports.
    code = (
        'import sys, types; p = types.ModuleType("spinepose_mmpose"); '
        'p.__path__ = ["spinepose_mmpose"]; sys.modules[p.__name__] = p; '
        'from spinepose_mmpose.zoo import *; '
        'assert find_model("spinepose-m").num_keypoints == 37'
    )
    subprocess.run([sys.executable, '-S', '-c', code], cwd=ROOT, check=True)


@pytest.mark.parametrize(
    'name, digest',
    [
        ('rtmpose-m_x-256x192-4d3e73dd_20230605.pth', '4d3e73dd'),
        ('resnet50-11ad3fa6.pth', '11ad3fa6'),
        ('model-20230605.pth', None),
        ('model-20230605_20230605.pth', '20230605'),
        ('rtmdet_nano-person-05d8511e.zip', None),
        ('epoch_10.pth', None),
    ],
)
def test_digest_in_a_name(name, digest):
    assert digest_in_name(name) == digest


# Files from the Hub ---------------------------------------------------------


def test_from_a_name_to_a_file_in_the_hubs_cache(hub, tmp_path, caplog):
    hub.files[FILE] = DATA
    path = resolve_weights('SpinePose-S-v2')
    assert path.read_bytes() == DATA
    assert tmp_path / 'hub' in path.parents
    assert caplog.text.count('CC-BY-NC-4.0') == 1
    hub.requests.clear()
    for name in (f'spinepose://{V2}', V2, f'{V2}.pth'):
        assert resolve_weights(name) == path
    assert resolve_weights(f'https://huggingface.co/{FILE}') == path
    assert hub.requests == []


def test_onnx(hub):
    hub.files[f'{MAIN}{V2}.onnx'] = DATA
    path = resolve_weights('spinepose-s-v2', kind='onnx')
    assert path.name == f'{V2}.onnx' and path.read_bytes() == DATA
    assert resolve_weights(f'{V2}.onnx') == path
    assert resolve_weights(f'https://huggingface.co/{MAIN}{V2}.onnx') == path
    with pytest.raises(ValueError, match="'weights', 'onnx'"):
        resolve_weights('spinepose-s', kind='engine')


def test_a_file_that_was_replaced_is_passed_over_unread(hub, change, caplog):
    """The digest that the host states is another one than the published."""
    new, old = f'{MAIN}spinetrack/pytorch/{V1}.pth', f'{MAIN}{V1}.pth'
    hub.files = {new: OTHER, old: DATA}
    change('spinepose-s', sha256=DIGEST)
    assert resolve_weights('spinepose-s').read_bytes() == DATA
    assert 'the host offers another file' in caplog.text
    assert hub.asked() == [old]


def test_a_file_that_changes_between_two_halves_is_refused(hub, tmp_path):
    """The library goes on after a broken connection, and the sizes agree."""
    before, after = DATA * 300, OTHER * 300  # it writes 10 MiB at a time
    hub.files[FILE], hub.cuts = before, [len(before) - 1000]

    def change():
        if len(hub.asked()) == 2:
            hub.files[FILE] = after

    hub.during = change
    with pytest.raises(DownloadError) as error:
        resolve_weights('spinepose-s-v2')
    assert [r[2] for r in hub.requests if r[0] == 'GET'] == [
        None,
        f'bytes={10 << 20}-',
    ]
    digest = hashlib.sha256(before).hexdigest()
    assert f'expected {digest}; it is deleted' in str(error.value)
    kept = [p for p in (tmp_path / 'hub').rglob('*') if p.is_file()]
    assert max(p.stat().st_size for p in kept) < 1000
    hub.during = None
    assert resolve_weights('spinepose-s-v2').read_bytes() == after


def test_a_damaged_file_in_the_cache_is_refused(hub, change):
    hub.files[f'{MAIN}{V1}.pth'] = DATA
    change('spinepose-s', sha256=DIGEST)
    path = resolve_weights('spinepose-s')
    path.write_bytes(OTHER)
    with pytest.raises(DigestMismatch, match='delete it to have it downloaded'):
        resolve_weights('spinepose-s')


@pytest.mark.parametrize('url', [f'https://huggingface.co/{FILE}', 'mirror'])
def test_a_server_that_drips_is_given_up(hub, url):
    hub.files = {FILE: DATA, 'net.pth': DATA}
    hub.drip = 0.05
    url = hub.url('net.pth') if url == 'mirror' else url
    with pytest.raises(DownloadError) as error:
        resolve_weights(url)
    assert re.search(
        r'sent \d\d bytes in 1 s and was given up', str(error.value)
    )


def test_a_server_that_never_answers_is_given_up(hub):
    hub.files['net.pth'], hub.drip = DATA, 5
    with pytest.raises(DownloadError, match='timed out'):
        resolve_weights(hub.url('net.pth'))


def test_offline_what_is_cached_still_works(hub, monkeypatch):
    from huggingface_hub import constants

    hub.files[FILE] = DATA
    path = resolve_weights('spinepose-s-v2')
    hub.requests.clear()
    monkeypatch.setattr(constants, 'HF_HUB_OFFLINE', True)
    assert resolve_weights('spinepose-s-v2') == path
    for name in ('spinepose-s', hub.url('net.pth')):
        with pytest.raises(DownloadError, match='offline mode is enabled'):
            resolve_weights(name)
    assert hub.requests == []


def test_the_environment_of_the_hub(hub, tmp_path):
    hub.files[FILE] = DATA
    environment = {
        **os.environ,
        'HF_ENDPOINT': hub.address,
        'HF_HOME': str(tmp_path / 'hf home'),
        'HF_TOKEN': 'hf_secret',
    }
    code = (
        'from spinepose_mmpose.zoo import resolve_weights\n'
        'print(resolve_weights("spinepose-s-v2", progress=False))'
    )
    command = [sys.executable, '-c', code]
    run = dict(env=environment, cwd=ROOT, text=True, capture_output=True)
    path = subprocess.run(command, check=True, **run).stdout.strip()
    assert Path(path).read_bytes() == DATA
    assert tmp_path / 'hf home' in Path(path).parents
    assert set(hub.tokens) == {'Bearer hf_secret'}


# Files from elsewhere -------------------------------------------------------


@pytest.mark.parametrize(
    'env, expected',
    [
        (dict(TORCH_HOME='/t'), '/t/hub/checkpoints'),
        (dict(XDG_CACHE_HOME='/c'), '/c/torch/hub/checkpoints'),
        (dict(HOME='/h'), '/h/.cache/torch/hub/checkpoints'),
        (dict(HOME='/h', TORCH_HOME='~/t'), '/h/t/hub/checkpoints'),
    ],
)
def test_their_cache_is_that_of_torch_hub(monkeypatch, env, expected):
    import torch.hub

    for name in ('TORCH_HOME', 'XDG_CACHE_HOME'):
        monkeypatch.delenv(name, raising=False)
    for item in env.items():
        monkeypatch.setenv(*item)
    assert str(cache_dir()) == expected
    assert torch.hub.get_dir() + '/checkpoints' == expected


def test_other_urls_are_checked_by_their_name(hub, home):
    good, bad = f'net-{DIGEST[:8]}.pth', 'net-00000000_20230605.pth'
    hub.files = {good: DATA, bad: DATA, 'plain.pth': DATA}
    assert resolve_weights(hub.url(good)) == home / good
    assert resolve_weights(hub.url('plain.pth')) == home / 'plain.pth'
    with pytest.raises(DownloadError, match='expected 00000000; it is deleted'):
        resolve_weights(hub.url(bad))
    assert {p.name for p in home.glob('*.pth')} == {good, 'plain.pth'}
    hub.requests.clear()
    resolve_weights(hub.url(good))
    assert hub.requests == []


def test_broken_off_is_never_taken_for_whole(hub, home):
    hub.files['net.pth'], hub.cuts = DATA, [1000]
    with pytest.raises(DownloadError, match='net.pth'):
        resolve_weights(hub.url('net.pth'))
    assert not (home / 'net.pth').exists()
    assert resolve_weights(hub.url('net.pth')).read_bytes() == DATA


def test_a_page_for_a_file(hub, home):
    hub.files['net.pth'] = b'<html>Log in to download</html>'
    hub.headers = {'Content-Type': 'text/html'}
    with pytest.raises(DownloadError, match='answered with a web page'):
        resolve_weights(hub.url('net.pth'))
    assert not (home / 'net.pth').exists()


def test_of_several_processes_one_downloads(hub, home):
    hub.files['net.pth'] = DATA[:100]
    hub.drip = 0.005
    code = (
        'from spinepose_mmpose.zoo import resolve_weights\n'
        f'print(resolve_weights("{hub.url("net.pth")}", progress=False))'
    )
    processes = [
        subprocess.Popen([sys.executable, '-c', code], cwd=ROOT) for _ in 'ab'
    ]
    assert [process.wait() for process in processes] == [0, 0]
    assert hub.asked() == ['net.pth']
    assert (home / 'net.pth').read_bytes() == DATA[:100]


def test_mirror_url_comes_first_and_can_be_incomplete(
    hub, home, change, monkeypatch, caplog
):
    monkeypatch.setenv('SPINEPOSE_MIRROR', hub.url('m/'))
    hub.files = {f'm/{V2}.pth': DATA, f'm/{V1}.pth': OTHER}
    assert resolve_weights('spinepose-s-v2') == home / f'{V2}.pth'
    assert hub.asked() == [f'm/{V2}.pth']
    hub.files[f'{MAIN}{V1}.pth'] = DATA
    change('spinepose-s', sha256=DIGEST)
    assert resolve_weights('spinepose-s').read_bytes() == DATA
    assert f'm/{V1}.pth: the file received has sha256' in caplog.text


def test_mirror_folder_is_used_in_place(hub, change, tmp_path, monkeypatch):
    folder = tmp_path / 'mirror'
    folder.mkdir()
    change('spinepose-s', sha256=DIGEST)
    file = folder / f'{V1}.pth'
    file.write_bytes(DATA)
    for value in (str(folder), folder.as_uri()):
        monkeypatch.setenv('SPINEPOSE_MIRROR', value)
        assert resolve_weights('spinepose-s') == file
    assert hub.requests == [] and list(folder.iterdir()) == [file]
    file.write_bytes(DATA[:-1])
    with pytest.raises(DigestMismatch, match=f'expected {DIGEST}'):
        resolve_weights('spinepose-s')
    monkeypatch.setenv('SPINEPOSE_MIRROR', str(tmp_path / 'none'))
    with pytest.raises(FileNotFoundError, match='SPINEPOSE_MIRROR=.*none'):
        resolve_weights('spinepose-s')


def test_a_failure_says_what_to_put_where(hub, home):
    url = f'http://127.0.0.1:9/{TEACHER}.pth'
    with pytest.raises(DownloadError) as error:
        resolve_weights(url)
    message = str(error.value)
    assert message.startswith(f'could not get {TEACHER}.pth: {url}: ')
    assert 'refused' in message and '\n' not in message
    assert f'put it at {home / TEACHER}.pth, or set SPINEPOSE_MIRROR' in message
    (home / f'{V2}.pth').write_bytes(DATA)  # as told
    assert resolve_weights('spinepose-s-v2') == home / f'{V2}.pth'


def test_one_reason_is_said_once(hub):
    with pytest.raises(DownloadError) as error:
        resolve_weights('spinepose-s')
    assert (
        f'{V1}.pth: HTTP 404 (no such file there) (3 addresses tried). '
        'Download it'
    ) in str(error.value)


def test_trouble_on_this_machine_ends_the_search(hub, home):
    hub.files['a.pth'] = DATA
    home.parent.mkdir(parents=True)
    home.write_text('a file where the folder belongs')
    with pytest.raises(DownloadError, match='^cannot write .*File exists'):
        fetch([hub.url('a.pth'), hub.url('b.pth')])
    assert hub.requests == []


# Names and paths ------------------------------------------------------------


def test_unpublished_models_say_so():
    with pytest.raises(ValueError) as error:
        resolve_weights('spinepose-t')
    assert 'spinepose-t has no published weights' in str(error.value)
    assert 'pose2d_weights=' in str(error.value) and 'train' in str(error.value)
    with pytest.raises(ValueError, match='no published ONNX file'):
        resolve_weights('rtmpose-m-halpe26', kind='onnx')


def test_local_files(hub, home, tmp_path, monkeypatch):
    own = tmp_path / 'epoch_10.pth'
    own.write_bytes(b'x')
    for name in (own, str(own), own.as_uri()):
        assert resolve_weights(name) == own
    monkeypatch.chdir(tmp_path)
    assert str(resolve_weights('epoch_10.pth')) == 'epoch_10.pth'
    # A published file at hand goes before a download; an alias does not.
    (tmp_path / f'{V2}.pth').write_bytes(b'x')
    assert str(resolve_weights(f'{V2}.pth')) == f'{V2}.pth'
    (tmp_path / 'spinepose-s-v2').write_bytes(b'x')
    hub.files[FILE] = DATA
    assert resolve_weights('spinepose-s-v2').read_bytes() == DATA


@pytest.mark.parametrize(
    'name, error, text',
    [
        ('nowhere/epoch_10.pth', FileNotFoundError, 'no such file: nowhere/'),
        ('epoch_10.pth', FileNotFoundError, 'no such file: epoch_10.pth'),
        ('file:///nowhere.pth', FileNotFoundError, 'no such file: /nowhere'),
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
