import json
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import threading

from spinepose_mmpose.datasets.preparation import (
    SPLITS,
    Options,
    layout,
    prepare,
    remote,
    sources,
    space,
)
from spinepose_mmpose.datasets.preparation.contents import describe
from spinepose_mmpose.datasets.preparation.remote import RemoteFile
from spinepose_mmpose.datasets.preparation.space import NoSpace
from spinepose_mmpose.datasets.preparation.zip_safety import BadArchive
from spinepose_mmpose.model_zoo import DownloadError, download

import pytest
from archive_files import (
    annotation_text,
    annotations_zip,
    expected_files,
    image_names,
    images_zip,
    load_server_module,
    make_zip,
    tree,
)

OPTIONS = Options(progress=False, workers=3, timeout=5, retries=0)
ANNOTATIONS = Options(**{**vars(OPTIONS), 'parts': ('annotations',)})
LEFT = {
    'prepared.json',
    'annotations.zip',
    'annotations.zip.sha256',
    'images.zip',
    'images.zip.sha256',
}


@pytest.fixture
def server(monkeypatch):
    """The published home, on this machine."""
    server = load_server_module().FileServer()
    server.files = {
        'annotations.zip': annotations_zip(),
        'images.zip': images_zip(),
    }
    monkeypatch.setattr(sources, 'HOME', server.address)
    monkeypatch.setattr(download, 'BACKOFF', 0.001)
    monkeypatch.delenv('SPINEPOSE_MIRROR', raising=False)
    monkeypatch.setenv('no_proxy', '*')
    yield server
    server.close()


@pytest.fixture
def root(tmp_path):
    return tmp_path / 'data' / 'spinetrack'


def data_of(root):
    """The files of the set, without archives and records."""
    return {k: v for k, v in tree(root).items() if k not in LEFT}


def test_everything_lands_and_a_second_run_asks_nobody(server, root):
    statuses = prepare(root, OPTIONS)
    assert data_of(root) == expected_files()
    assert set(tree(root)) - set(data_of(root)) == LEFT
    assert [s.split for s in statuses] == list(SPLITS)
    assert describe(statuses[0]) == (
        'train-real-coco: 4 people, 4 images, all there'
    )
    server.requests.clear()
    before = {p: p.stat().st_mtime_ns for p in root.rglob('*')}
    prepare(root, OPTIONS)
    assert server.requests == []
    assert {p: p.stat().st_mtime_ns for p in before} == before


@pytest.mark.parametrize(
    'prefixes', [('', ''), ('spinetrack/annotations/', 'spinetrack/images/')]
)
def test_other_folders_in_the_archives(server, root, prefixes):
    server.files = {
        'annotations.zip': annotations_zip(prefixes[0]),
        'images.zip': images_zip(prefixes[1]),
    }
    prepare(root, OPTIONS)
    assert data_of(root) == expected_files()


def test_only_annotations_of_one_split_then_the_rest(server, root):
    options = Options(**{**vars(ANNOTATIONS), 'splits': ('val2017',)})
    (status,) = prepare(root, options)
    assert list(data_of(root)) == ['annotations/person_keypoints_val2017.json']
    assert {r[0] for r in server.requests} == {'annotations.zip'}
    assert describe(status) == (
        'val2017: 4 people, 4 images listed, not looked for'
    )
    server.requests.clear()
    prepare(root, OPTIONS)
    assert {r[0] for r in server.requests} == {'images.zip'}
    assert data_of(root) == expected_files()


def test_broken_off_is_continued_by_the_next_run(server, root):
    size = len(server.files['images.zip'])
    # The first request of an archive only asks for its size.
    server.cuts = [None, None, None, 20_000]
    with pytest.raises(DownloadError, match='broke off'):
        prepare(root, OPTIONS)
    assert len(data_of(root)) == 4 + 2  # annotations, .part and its .json
    server.requests.clear()
    prepare(root, OPTIONS)
    assert ('images.zip', 'bytes=20000-') in [r[:2] for r in server.requests]
    assert data_of(root) == expected_files()
    assert size == len((root / 'images.zip').read_bytes())


def test_slow_and_range_less_server(server, root):
    server.ranges, server.delay = False, 0.05
    server.cuts = [None, None, None, 20_000, None]
    prepare(root, Options(**{**vars(OPTIONS), 'retries': 1}))
    assert data_of(root) == expected_files()


def test_server_that_never_answers(server, root):
    server.delay = 3
    server.headers = {'Content-Length': None}
    options = Options(**{**vars(ANNOTATIONS), 'timeout': 0.2})
    with pytest.raises(DownloadError, match='no answer for 0.2 s'):
        prepare(root, options)


def test_bytes_that_changed_on_the_way(server, root):
    """The host states a digest, and the body has another one."""
    server.headers = {'X-Linked-ETag': f'"{"0" * 64}"'}
    with pytest.raises(DownloadError, match='expected 0000'):
        prepare(root, OPTIONS)
    assert tree(root) == {}
    server.headers = {}
    prepare(root, OPTIONS)
    assert data_of(root) == expected_files()


@pytest.mark.parametrize('by_header', [True, False])
def test_web_page_in_place_of_an_archive(server, root, by_header):
    page = b'<!DOCTYPE html><title>502</title>'
    server.files['annotations.zip'] = page
    if by_header:
        server.headers = {'Content-Type': 'text/html; charset=utf-8'}
    with pytest.raises(DownloadError, match='answered with a web page'):
        prepare(root, OPTIONS)
    assert tree(root) == {}


def bad_file(root, content, name='annotations.zip'):
    root.mkdir(parents=True)
    (root / name).write_bytes(content)


@pytest.mark.parametrize(
    'content, words',
    [
        (b'<html>404</html>', 'is a web page, not a zip archive'),
        (annotations_zip()[:300], 'is cut off or damaged'),
        (b'', 'is empty'),
        (b'version https://git-lfs.github.com/spec/v1\n', 'Git LFS pointer'),
        (b'{"error": "no"}', 'begins with b\'{"error'),
    ],
)
def test_bad_archive_in_the_folder_is_set_aside(server, root, content, words):
    bad_file(root, content)
    with pytest.raises(BadArchive) as error:
        prepare(root, OPTIONS)
    message = str(error.value)
    assert words in message and '\n' not in message
    assert message.endswith(
        'renamed to annotations.zip.bad, and the next run fetches it anew'
    )
    assert (root / 'annotations.zip.bad').read_bytes() == content
    prepare(root, OPTIONS)
    (root / 'annotations.zip.bad').unlink()
    assert data_of(root) == expected_files()


def test_bad_archive_of_others_is_left_alone(server, root, tmp_path):
    folder = tmp_path / 'archives'
    bad_file(folder, b'<html>')
    options = Options(**{**vars(ANNOTATIONS), 'archives': folder})
    with pytest.raises(BadArchive, match='is a web page'):
        prepare(root, options)
    assert list(tree(folder)) == ['annotations.zip']


def test_archives_that_are_there_are_only_read(server, root, tmp_path):
    folder = tmp_path / 'archives'
    bad_file(folder, server.files['annotations.zip'])
    options = Options(**{**vars(OPTIONS), 'archives': folder})
    with pytest.raises(FileNotFoundError, match='does not hold images.zip'):
        prepare(root, options)
    (folder / 'images.zip').write_bytes(server.files['images.zip'])
    prepare(root, options)
    assert data_of(root) == expected_files()
    assert sorted(tree(folder)) == ['annotations.zip', 'images.zip']
    assert server.requests == []
    recorded = json.loads((root / 'prepared.json').read_text())['parts']
    assert len(recorded['images']['sha256']) == 64


def test_mirror_folder_and_mirror_url(server, root, tmp_path, monkeypatch):
    folder = tmp_path / 'mirror'
    bad_file(folder, server.files['annotations.zip'])
    monkeypatch.setenv('SPINEPOSE_MIRROR', str(folder))
    prepare(root, ANNOTATIONS)
    assert server.requests == []
    server.files['m/images.zip'] = server.files.pop('images.zip')
    monkeypatch.setenv('SPINEPOSE_MIRROR', server.url('m'))
    prepare(root, OPTIONS)
    assert data_of(root) == expected_files()


def test_json_cut_in_the_middle_in_the_archive(server, root):
    text = annotation_text('val2017', image_names('val2017'))
    server.files['annotations.zip'] = annotations_zip(val2017=text[:90])
    with pytest.raises(BadArchive, match='no complete COCO JSON'):
        prepare(root, OPTIONS)
    assert not (root / 'annotations/person_keypoints_val2017.json').exists()
    server.files['annotations.zip'] = annotations_zip()
    prepare(root, OPTIONS)
    (root / 'annotations.zip.bad').unlink()
    assert data_of(root) == expected_files()


def test_json_cut_in_the_middle_on_disk_is_unpacked_again(server, root, caplog):
    prepare(root, OPTIONS)
    path = root / 'annotations' / 'person_keypoints_val2017.json'
    path.write_bytes(path.read_bytes()[:50])
    prepare(root, OPTIONS)
    assert '1 files of val2017 are missing or damaged' in caplog.text
    assert data_of(root) == expected_files()


def test_mended_annotations_are_kept_unless_told(server, root):
    prepare(root, OPTIONS)
    path = root / 'annotations' / 'person_keypoints_val2017.json'
    own = annotation_text('val2017', image_names('val2017')[:2])
    path.write_text(own)
    prepare(root, OPTIONS)
    assert path.read_text() == own
    prepare(root, Options(**{**vars(OPTIONS), 'overwrite': True}))
    assert data_of(root) == expected_files()


def test_lost_and_cut_images_are_unpacked_again(server, root):
    prepare(root, OPTIONS)
    server.requests.clear()
    (root / 'images/val2017/val2017-0.jpg').unlink()
    (root / 'images/val2017/val2017-1.jpg').write_bytes(b'cut')
    prepare(root, OPTIONS)
    assert data_of(root) == expected_files() and server.requests == []


def test_verify_finds_bytes_that_rotted(server, root):
    prepare(root, OPTIONS)
    for split in ('train-unreal', 'val2017'):
        path = root / f'images/{split}/{split}-2.jpg'
        path.write_bytes(b'?' * path.stat().st_size)
    prepare(root, OPTIONS)
    assert data_of(root) != expected_files()
    prepare(root, Options(**{**vars(OPTIONS), 'verify': True}))
    assert data_of(root) == expected_files()


def test_removed_archives_are_not_missed(server, root):
    prepare(root, Options(**{**vars(OPTIONS), 'remove_archives': True}))
    assert sorted(set(tree(root)) - set(data_of(root))) == ['prepared.json']
    server.requests.clear()
    prepare(root, OPTIONS)
    assert server.requests == []


def test_unpacked_by_hand_is_accepted(server, root):
    for name, content in expected_files().items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    prepare(root, OPTIONS)
    assert server.requests == []
    (root / 'images/val2017/val2017-0.jpg').write_bytes(b'')
    prepare(root, OPTIONS)
    assert data_of(root) == expected_files()


def test_damaged_entry_names_itself_and_keeps_the_rest(server, root):
    content = bytearray(server.files['images.zip'])
    at = content.index(b'val2017/val2017-3.jpg') + 1000
    content[at] ^= 255
    server.files['images.zip'] = bytes(content)
    with pytest.raises(BadArchive, match='val2017-3.jpg.*Bad CRC'):
        prepare(root, Options(**{**vars(OPTIONS), 'workers': 1}))
    assert len(list((root / 'images').rglob('*.jpg'))) == 15
    server.files['images.zip'] = images_zip()
    prepare(root, OPTIONS)
    (root / 'images.zip.bad').unlink()
    assert data_of(root) == expected_files()


def test_new_archive_with_other_bytes_of_the_same_size(server, root):
    """An image that was replaced upstream is told by its CRC."""
    prepare(root, OPTIONS)
    content = server.files['images.zip']
    old = expected_files()['images/val2017/val2017-3.jpg']
    entries = []
    for name, data in expected_files().items():
        if name.startswith('images/'):
            entries.append((name, data[::-1] if data == old else data))
    new = make_zip(entries)
    assert new != content
    (root / 'images.zip').write_bytes(new)
    (root / 'images.zip.sha256').unlink()
    (root / 'images/val2017/val2017-0.jpg').unlink()  # something to do
    prepare(root, OPTIONS)
    assert tree(root)['images/val2017/val2017-3.jpg'] == old[::-1]


def test_archive_without_a_split(server, root):
    server.files['annotations.zip'] = make_zip([('a/readme.txt', 'x')])
    with pytest.raises(BadArchive, match='holds no annotations of train-real-'):
        prepare(root, OPTIONS)


def test_no_space_is_said_before_anything_is_begun(server, root, monkeypatch):
    usage = shutil._ntuple_diskusage(10**6, 10**6, 10_000)
    monkeypatch.setattr(space.shutil, 'disk_usage', lambda path: usage)
    with pytest.raises(NoSpace) as error:
        prepare(root, OPTIONS)
    assert 'no room for annotations.zip and images.zip' in str(error.value)
    assert '10.0 kB free; nothing was begun' in str(error.value)
    assert tree(root) == {}
    monkeypatch.undo()
    monkeypatch.setattr(sources, 'HOME', server.address)
    prepare(root, OPTIONS)
    assert data_of(root) == expected_files()


def _limited(root, home, queue):
    """A real failing write: no file may grow beyond 2000 bytes."""
    sources.HOME = home
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
    try:
        prepare(root, OPTIONS)
    except OSError as error:
        queue.put((type(error).__name__, str(error)))


def test_full_disk_while_unpacking(server, root):
    root.mkdir(parents=True)
    for name, content in server.files.items():
        (root / name).write_bytes(content)
    context = multiprocessing.get_context('fork')
    queue = context.Queue()
    process = context.Process(
        target=_limited, args=(root, server.address, queue)
    )
    process.start()
    kind, message = queue.get(timeout=20)
    process.join()
    assert kind == 'OSError' and message.startswith(f'cannot write {root}')
    assert '.jpg: File too large; the files unpacked so far' in message
    assert not list((root / 'images').rglob('*.*'))  # nothing half-written
    prepare(root, OPTIONS)
    assert data_of(root) == expected_files()


def _prepare(root, home, queue):
    sources.HOME = home
    prepare(root, OPTIONS)
    queue.put(len(data_of(root)))


def test_two_processes_prepare_one_folder(server, root):
    server.delay = 0.1
    context = multiprocessing.get_context('fork')
    queue = context.Queue()
    processes = [
        context.Process(target=_prepare, args=(root, server.address, queue))
        for _ in range(2)
    ]
    for process in processes:
        process.start()
    assert [queue.get(timeout=20) for _ in processes] == [20, 20]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    # One asked for both sizes and both files, the other for nothing.
    assert len(server.requests) == 4
    assert data_of(root) == expected_files()


def test_killed_while_unpacking_goes_on(server, root, monkeypatch):
    from spinepose_mmpose.datasets.preparation import extraction

    real, count = extraction._unpack_one, [0]

    def dies(*args):
        count[0] += 1
        if count[0] > 10:
            raise KeyboardInterrupt
        real(*args)

    monkeypatch.setattr(extraction, '_unpack_one', dies)
    with pytest.raises(KeyboardInterrupt):
        prepare(root, Options(**{**vars(OPTIONS), 'workers': 1}))
    left = root / 'images' / 'val2017' / 'x.123.tmp.jpg'
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_bytes(b'half')  # as kill -9 leaves it
    monkeypatch.setattr(extraction, '_unpack_one', real)
    unpacked = []
    monkeypatch.setattr(
        extraction,
        '_unpack_one',
        lambda *args: (unpacked.append(args[1].target.name), real(*args)),
    )
    prepare(root, OPTIONS)
    assert 0 < len(unpacked) < 16
    assert data_of(root) == expected_files()


@pytest.mark.parametrize(
    'settings, words',
    [
        (dict(splits=('val',)), 'split is val, expected one or more of train'),
        (dict(parts=()), 'part is empty'),
        (dict(workers=0), 'workers is 0'),
    ],
)
def test_bad_options(settings, words):
    with pytest.raises(ValueError, match=words):
        Options(**settings)


def test_file_in_place_of_the_folder(server, tmp_path):
    (tmp_path / 'set').write_text('x')
    with pytest.raises(NotADirectoryError, match='is no folder'):
        prepare(tmp_path / 'set', OPTIONS)


@pytest.mark.skipif(os.name != 'posix', reason='POSIX permissions')
def test_no_permission(server, tmp_path):
    """As a user who may only read: the super-user may write anywhere."""
    folder = tmp_path / 'set'
    folder.mkdir(mode=0o555)
    if os.geteuid():
        with pytest.raises(PermissionError):
            prepare(folder, OPTIONS)
        return

    def run(queue):
        os.chdir(folder)  # the parents may be closed to others
        os.setuid(65534)
        try:
            prepare('.', OPTIONS)
        except PermissionError as error:
            queue.put(str(error.filename))

    queue = multiprocessing.get_context('fork').Queue()
    process = multiprocessing.get_context('fork').Process(
        target=run, args=(queue,)
    )
    process.start()
    assert queue.get(timeout=20).endswith('.prepare.lock')
    process.join()


def test_needs_the_standard_library_only():
    """-S leaves out site-packages: no torch, no mmpose, no numpy."""
    code = (
        'import sys, types\n'
        'p = types.ModuleType("spinepose_mmpose")\n'
        'p.__path__ = ["spinepose_mmpose"]; sys.modules[p.__name__] = p\n'
        'from spinepose_mmpose.datasets.preparation import SPLITS\n'
        'assert len(SPLITS) == 4'
    )
    result = subprocess.run(
        [sys.executable, '-S', '-c', code],
        cwd=layout.__file__.split('spinepose_mmpose')[0],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr


def test_threads_of_one_process(server, root):
    """Two threads wait for one another as two processes do."""
    threads = [
        threading.Thread(target=prepare, args=(root, OPTIONS)) for _ in 'ab'
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert data_of(root) == expected_files()


STREAM = Options(**{**vars(OPTIONS), 'stream': True})


def test_one_split_is_read_out_of_the_archive_on_the_server(server, root):
    options = Options(**{**vars(OPTIONS), 'splits': ('val2017',)})
    (status,) = prepare(root, options)
    assert status.missing == []
    assert data_of(root) == {
        k: v for k, v in expected_files().items() if 'val2017' in k
    }
    assert not (root / 'images.zip').exists()
    asked = [r[1] for r in server.requests if r[0] == 'images.zip']
    # After the question for the size, pieces only.
    assert asked[0] is None and all(asked[1:])
    server.requests.clear()
    prepare(root, OPTIONS)
    assert data_of(root) == expected_files()


def test_stream_goes_on_where_the_connection_broke_off(server, root):
    server.cuts = [None] * 6 + [15_000, 5_000, 9_000]
    options = Options(**{**vars(STREAM), 'retries': 1, 'workers': 1})
    prepare(root, options)
    assert server.cuts == [] and data_of(root) == expected_files()


@pytest.fixture
def data_request(server, tmp_path):
    """Number of the request that asks for the images' bytes: with one worker
    it is the last."""
    prepare(tmp_path / 'other', Options(**{**vars(STREAM), 'workers': 1}))
    count = sum(r[0] == 'images.zip' for r in server.requests)
    server.requests.clear()
    return count


def test_stream_that_ends_is_continued_by_the_next_run(
    server, root, data_request
):
    prepare(root, ANNOTATIONS)
    server.cuts = [None] * (data_request - 1) + [40_000] + [0] * 9
    with pytest.raises(DownloadError, match='images.zip: the connection broke'):
        prepare(root, Options(**{**vars(STREAM), 'workers': 1}))
    assert len(list((root / 'images').rglob('*.jpg'))) == 13
    server.cuts = []
    prepare(root, STREAM)
    assert data_of(root) == expected_files()


def test_stream_from_a_server_without_ranges_downloads(server, root, caplog):
    server.ranges = False
    prepare(root, STREAM)
    assert 'does not send pieces of a file' in caplog.text
    assert data_of(root) == expected_files()


def test_stream_of_a_file_that_changes_meanwhile(server, root, data_request):
    prepare(root, ANNOTATIONS)
    requests = []

    def change():
        requests.append(1)
        if len(requests) == data_request - 3:
            server.files['images.zip'] = images_zip('other/')

    server.during = change
    with pytest.raises(DownloadError, match='changed on the server meanwhile'):
        prepare(root, STREAM)
    server.during = None
    prepare(root, STREAM)
    assert data_of(root) == expected_files()


def test_stream_of_a_web_page(server, root):
    prepare(root, ANNOTATIONS)
    server.files['images.zip'] = b'<html>' + b' ' * 100
    with pytest.raises(BadArchive, match='/images.zip is no complete zip'):
        prepare(root, STREAM)


def test_remote_file_reads_as_the_file_itself(server, monkeypatch):
    monkeypatch.setattr(remote, '_NEAR', 1000)
    data = server.files['images.zip']
    with RemoteFile(server.url('images.zip')) as file:
        assert file.size == len(data) and file.tell() == 0
        assert file.read(10) == data[:10]
        file.seek(-7, os.SEEK_END)
        assert file.read(99) == data[-7:] and file.read(1) == b''
        file.seek(20_000)
        requests = len(server.requests)
        assert file.read(5) == data[20_000:20_005]
        file.seek(100, os.SEEK_CUR)  # near: no new request
        assert file.read(5) == data[20_105:20_110]
        assert len(server.requests) == requests + 1
        version = file.version
    RemoteFile(server.url('images.zip'), version=version).close()
    server.files['images.zip'] = data[::-1]
    with pytest.raises(DownloadError, match='changed on the server meanwhile'):
        RemoteFile(server.url('images.zip'), version=version)
