import dataclasses
import multiprocessing
import resource
import shutil
import stat
import threading
import zipfile
from pathlib import Path

from spinepose_mmpose.datasets import download
from spinepose_mmpose.datasets.download import (
    SPLITS,
    Options,
    checked_members,
    describe,
    place_of,
    prepare,
    wanted_entries,
)
from spinepose_mmpose.downloads import DownloadError
from spinepose_mmpose.utils import replaced

import pytest
from archive_files import (
    annotation_text,
    annotations_zip,
    expected_files,
    image_names,
    images_zip,
    make_zip,
    tree,
)

HOME = 'datasets/saifkhichi96/spinetrack/resolve/main/'
ANNOTATIONS, IMAGES = f'{HOME}annotations.zip', f'{HOME}images.zip'
OPTIONS = Options(progress=False, workers=3, retries=0)
ONE = dataclasses.replace(OPTIONS, workers=1)
LABELS = dataclasses.replace(OPTIONS, parts=('annotations',))


@pytest.fixture
def server(hub):
    """The published home, on this machine."""
    hub.files = {ANNOTATIONS: annotations_zip(), IMAGES: images_zip()}
    return hub


@pytest.fixture
def small_blocks(monkeypatch):
    """As with a large archive: many requests, many runs."""
    monkeypatch.setattr(download, 'BLOCK', 4096)
    monkeypatch.setattr(download, 'RUN', 8192)


@pytest.fixture
def root(tmp_path):
    return tmp_path / 'data' / 'spinetrack'


@pytest.fixture
def folder(tmp_path):
    """Archives that are there already."""
    folder = tmp_path / 'archives'
    folder.mkdir()
    (folder / 'annotations.zip').write_bytes(annotations_zip())
    (folder / 'images.zip').write_bytes(images_zip())
    return folder


def data_of(root):
    """The files of the set."""
    return {k: v for k, v in tree(root).items() if k != '.prepare.lock'}


def test_everything_lands_and_a_second_run_asks_nobody(
    server, root, small_blocks
):
    statuses = prepare(root, OPTIONS)
    assert data_of(root) == expected_files()
    assert [s.split for s in statuses] == list(SPLITS)
    assert describe(statuses[0]) == (
        'train-real-coco: 4 people, 4 images, all there'
    )
    assert all(r[2] for r in server.requests if r[0] == 'GET')  # pieces only
    server.requests.clear()
    before = {p: p.stat().st_mtime_ns for p in root.rglob('*')}
    prepare(root, OPTIONS)
    assert server.requests == []
    assert {p: p.stat().st_mtime_ns for p in before} == before


def test_one_split_is_read_out_of_the_archive_on_the_server(
    server, root, small_blocks
):
    options = dataclasses.replace(ONE, splits=('val2017',))
    (status,) = prepare(root, options)
    assert status.missing == []
    wanted = {k: v for k, v in expected_files().items() if 'val2017' in k}
    assert data_of(root) == wanted
    asked = [r[2] for r in server.requests if r[1] == IMAGES and r[2]]
    sizes = [int(b) - int(a) for a, b in (r[6:].split('-') for r in asked)]
    assert sum(sizes) < len(server.files[IMAGES]) / 2


def test_annotations_alone(server, root):
    (status, *_) = prepare(root, LABELS)
    assert set(server.asked()) == {ANNOTATIONS}
    assert len(data_of(root)) == 4
    assert describe(status) == (
        'train-real-coco: 4 people, 4 images listed, not looked for'
    )


def test_archive_is_downloaded_where_told(server, root):
    options = dataclasses.replace(OPTIONS, stream=False)
    prepare(root, options)
    assert (root / 'images.zip').read_bytes() == server.files[IMAGES]
    for name, content in expected_files().items():
        assert (root / name).read_bytes() == content
    shutil.rmtree(root / 'images')
    server.requests.clear()
    prepare(root, dataclasses.replace(options, remove_archives=True))
    assert server.requests == [] and not (root / 'images.zip').exists()
    assert len(list(root.rglob('*.jpg'))) == 16


@pytest.mark.parametrize('stream', [True, False])
def test_mirror_url(server, root, monkeypatch, stream):
    server.files = {
        'm/annotations.zip': annotations_zip('spinetrack/annotations/'),
        'm/images.zip': images_zip(''),
    }
    server.whole = () if stream else set(server.files)
    monkeypatch.setenv('SPINEPOSE_MIRROR', server.url('m'))
    prepare(root, dataclasses.replace(OPTIONS, stream=stream))
    for name, content in expected_files().items():
        assert (root / name).read_bytes() == content


def test_what_a_mirror_cannot_do_the_hub_does(
    server, root, monkeypatch, caplog
):
    monkeypatch.setenv('SPINEPOSE_MIRROR', server.url('m'))
    server.files['m/images.zip'], server.whole = b'whole', {'m/images.zip'}
    prepare(root, dataclasses.replace(OPTIONS, remove_archives=True))
    assert 'm/annotations.zip: HTTP 404' in caplog.text
    assert 'm/images.zip: the server does not send parts' in caplog.text
    assert data_of(root) == expected_files()


def test_archives_that_are_there_are_only_read(
    server, root, folder, monkeypatch
):
    prepare(root, dataclasses.replace(OPTIONS, archives=folder))
    monkeypatch.setenv('SPINEPOSE_MIRROR', str(folder))
    prepare(root.with_name('other'), OPTIONS)
    for each in (root, root.with_name('other')):
        assert data_of(each) == expected_files()
    assert sorted(tree(folder)) == ['annotations.zip', 'images.zip']
    assert server.requests == []
    (folder / 'images.zip').unlink()
    options = dataclasses.replace(OPTIONS, archives=folder, verify=True)
    with pytest.raises(FileNotFoundError, match='does not hold images.zip'):
        prepare(root, options)


def test_broken_off_is_continued_by_the_next_run(
    server, root, small_blocks, monkeypatch
):
    prepare(root, LABELS)
    real, count = download._unpack_one, []

    def dies(*args):
        count.append(1)
        if len(count) > 10:
            raise KeyboardInterrupt
        real(*args)

    monkeypatch.setattr(download, '_unpack_one', dies)
    with pytest.raises(KeyboardInterrupt):
        prepare(root, ONE)
    there = {p: p.stat().st_mtime_ns for p in (root / 'images').rglob('*.jpg')}
    assert len(there) == 10
    monkeypatch.setattr(download, '_unpack_one', real)
    done = root / 'images' / 'train-real-coco'  # nothing is left to do there
    with monkeypatch.context() as patch:
        patch.setattr('os.getpid', lambda: 2**22 + 1)  # of no process
        with replaced(str(done / 'x.jpg')) as temporary:
            Path(temporary).touch()
    (done / 'x.jpg').rename(temporary)  # what kill -9 leaves
    prepare(root, OPTIONS)
    assert data_of(root) == expected_files()
    assert {p: p.stat().st_mtime_ns for p in there} == there


def test_a_further_attempt_goes_on(server, root, monkeypatch, caplog):
    from huggingface_hub import HfFileSystem

    real, count = HfFileSystem.open, []

    def fails_twice(*args, **kwargs):
        count.append(1)
        if len(count) in (3, 5):
            raise OSError('the line is dead')
        return real(*args, **kwargs)

    monkeypatch.setattr(HfFileSystem, 'open', fails_twice)
    prepare(root, dataclasses.replace(ONE, retries=2))
    assert caplog.text.count('the line is dead; trying again') == 2
    assert data_of(root) == expected_files()


def test_a_server_that_drips_is_given_up(server, root):
    server.drip = 0.05
    with pytest.raises(
        DownloadError, match='zip: the server sent .. bytes in 1 s'
    ):
        prepare(root, OPTIONS)


def test_a_mirror_that_changes_between_two_halves(
    server, root, small_blocks, monkeypatch
):
    prepare(root, LABELS)
    server.files['m/images.zip'] = images_zip()
    monkeypatch.setenv('SPINEPOSE_MIRROR', server.url('m'))

    def change():
        if len(server.asked()) > 12:
            server.files['m/images.zip'] = images_zip('other/')

    server.during = change
    server.requests.clear()
    with pytest.raises(DownloadError, match='changed on the server meanwhile'):
        prepare(root, OPTIONS)
    server.during = None
    prepare(root, OPTIONS)
    assert data_of(root) == expected_files()


@pytest.mark.parametrize(
    'content, words',
    [
        (b'<html>404</html>', 'is a web page, not a zip archive'),
        (annotations_zip()[:300], 'is cut off or damaged'),
        (b'', "begins with b''"),
        (b'version https://git-lfs.github.com/spec/v1\n', 'Git LFS pointer'),
        (b'{"error": "no"}', 'begins with b\'{"error'),
        (
            make_zip([('a/readme.txt', 'x')]),
            'contains no annotations of train-re',
        ),
        (
            annotations_zip(
                val2017=annotation_text('val2017', image_names('val2017'))[:90]
            ),
            'it is not a complete COCO JSON file',
        ),
    ],
)
@pytest.mark.parametrize('remote', [False, True])
def test_bad_archive(server, root, folder, content, words, remote):
    (folder / 'annotations.zip').write_bytes(content)
    server.files[ANNOTATIONS] = content
    options = LABELS
    if not remote:
        options = dataclasses.replace(LABELS, archives=folder)
    with pytest.raises(ValueError) as error:
        prepare(root, options)
    assert words in str(error.value) and '\n' not in str(error.value)
    assert 'annotations.zip ' in str(error.value)
    assert not (root / 'annotations/person_keypoints_val2017.json').exists()


def test_damaged_entry_names_itself_and_keeps_the_rest(server, root):
    content = bytearray(server.files[IMAGES])
    content[content.index(b'val2017/val2017-3.jpg') + 1000] ^= 255
    server.files[IMAGES] = bytes(content)
    with pytest.raises(ValueError, match='val2017-3.jpg.*Bad CRC'):
        prepare(root, ONE)
    assert len(list((root / 'images').rglob('*.jpg'))) == 15
    server.files[IMAGES] = images_zip()
    prepare(root, OPTIONS)
    assert data_of(root) == expected_files()


def test_lost_and_empty_files_are_unpacked_again(server, root):
    prepare(root, OPTIONS)
    (root / 'images/val2017/val2017-0.jpg').unlink()
    (root / 'images/val2017/val2017-1.jpg').write_bytes(b'')
    label = root / 'annotations/person_keypoints_val2017.json'
    label.write_bytes(label.read_bytes()[:50])
    prepare(root, OPTIONS)
    assert data_of(root) == expected_files()


def test_verify_finds_other_bytes(server, root):
    prepare(root, OPTIONS)
    path = root / 'images/val2017/val2017-2.jpg'
    path.write_bytes(b'?' * path.stat().st_size)
    prepare(root, OPTIONS)
    assert data_of(root) != expected_files()
    prepare(root, dataclasses.replace(OPTIONS, verify=True))
    assert data_of(root) == expected_files()


def test_corrected_annotations_are_kept_unless_told(server, root, caplog):
    prepare(root, OPTIONS)
    path = root / 'annotations' / 'person_keypoints_val2017.json'
    own = annotation_text('val2017', image_names('val2017')[:2])
    path.write_text(own)
    prepare(root, dataclasses.replace(OPTIONS, verify=True))
    assert path.read_text() == own and '--overwrite' in caplog.text
    prepare(root, dataclasses.replace(OPTIONS, overwrite=True))
    assert data_of(root) == expected_files()


def test_no_space_is_said_before_anything_is_begun(server, root, monkeypatch):
    usage = shutil._ntuple_diskusage(10**6, 10**6, 10_000)
    monkeypatch.setattr(download.shutil, 'disk_usage', lambda path: usage)
    with pytest.raises(
        OSError, match='no room for 20 files.*nothing was begun'
    ):
        prepare(root, OPTIONS)
    assert data_of(root) == {}


def _limited(root, archives, queue):
    """A real failing write: no file may grow beyond 2000 bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
    try:
        prepare(root, dataclasses.replace(OPTIONS, archives=archives))
    except OSError as error:
        queue.put(str(error))


def test_full_disk_while_unpacking(root, folder):
    context = multiprocessing.get_context('fork')
    queue = context.Queue()
    process = context.Process(target=_limited, args=(root, folder, queue))
    process.start()
    message = queue.get(timeout=20)
    process.join()
    assert message.startswith(f'cannot write {root}/images')
    assert message.endswith('.jpg: File too large')
    assert not list((root / 'images').rglob('*.*'))  # nothing half-written


def test_two_at_once_prepare_one_folder(server, root):
    threads = [
        threading.Thread(target=prepare, args=(root, OPTIONS)) for _ in 'ab'
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert data_of(root) == expected_files()


def test_file_in_place_of_the_folder(tmp_path):
    (tmp_path / 'set').write_text('x')
    with pytest.raises(NotADirectoryError, match='is not a folder'):
        prepare(tmp_path / 'set', OPTIONS)


def refusal(tmp_path, *entries, content=None):
    path = tmp_path / 'a.zip'
    path.write_bytes(content or make_zip(entries))
    with zipfile.ZipFile(path) as archive:
        with pytest.raises(ValueError, match='a.zip is refused') as error:
            checked_members(path, archive)
    return str(error.value)


@pytest.mark.parametrize(
    'name',
    [
        '../evil.jpg',
        'images/../../evil.jpg',
        '/etc/evil.jpg',
        'C:/evil.jpg',
        'images\\..\\..\\evil.jpg',
        '\\evil.jpg',
        'good.jpg\0/../evil.jpg',
    ],
)
def test_paths_that_lead_out(name, tmp_path):
    info = zipfile.ZipInfo('x')
    info.filename = info.orig_filename = name
    assert 'leads out of the folder' in refusal(
        tmp_path, ('images/val2017/1.jpg', b'x'), (info, b'evil')
    )


@pytest.mark.parametrize('mode', [stat.S_IFLNK, stat.S_IFIFO])
def test_links_and_devices(mode, tmp_path):
    info = zipfile.ZipInfo('images/val2017/1.jpg')
    info.external_attr = (mode | 0o777) << 16
    assert 'is a link or no ordinary' in refusal(tmp_path, (info, b'/etc'))


def test_bomb(tmp_path):
    text = refusal(tmp_path, ('a.json', bytes(10**6)))
    assert 'unpacks to more than 200 times its bytes' in text


def test_overlapping_and_encrypted_entries(tmp_path):
    content = bytearray(make_zip([('a.jpg', b'a' * 50), ('b.jpg', b'b' * 50)]))
    second = content.rindex(b'PK\x01\x02')
    content[second + 42 : second + 46] = bytes(4)  # its header's offset
    text = refusal(tmp_path, content=bytes(content))
    assert "'b.jpg' overlaps another one" in text
    content[second + 8] |= 1
    content[content.index(b'PK\x01\x02') + 8] |= 1
    assert 'is encrypted' in refusal(tmp_path, content=bytes(content))


def test_two_files_for_one_place(tmp_path):
    def wanted(*contents):
        path = tmp_path / 'a.zip'
        names = ('a/images/val2017/1.jpg', 'b/images/val2017/1.jpg')
        path.write_bytes(make_zip([*zip(names, contents)]))
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
        return wanted_entries('a.zip', 'images', members, ['val2017'])

    assert len(wanted(b'x', b'x')) == 1
    with pytest.raises(ValueError, match='two different files for .*1.jpg'):
        wanted(b'x', b'y')


def test_harmless(tmp_path):
    path = tmp_path / 'a.zip'
    path.write_bytes(
        make_zip([('images/', b''), ('images/a..b.jpg', b'x'), ('c', b'')])
    )
    with zipfile.ZipFile(path) as archive:
        names = [info.filename for info in checked_members(path, archive)]
    assert names == ['images/a..b.jpg', 'c']


@pytest.mark.parametrize(
    'name, part, place',
    [
        ('images/val2017/1.jpg', 'images', 'images/val2017/1.jpg'),
        ('x/images/val2017/a/1.PNG', 'images', 'images/val2017/a/1.PNG'),
        ('val2017/1.jpg', 'images', 'images/val2017/1.jpg'),
        ('val2017.jpg', 'images', None),
        ('images/val2017/notes.txt', 'images', None),
        ('images/val2017/.1.jpg', 'images', None),
        ('images/test2017/1.jpg', 'images', None),
        ('x/person_keypoints_val2017.json', 'annotations', 'annotations/'
         'person_keypoints_val2017.json'),
        ('person_keypoints_test2017.json', 'annotations', None),
    ],
)  # fmt: skip
def test_place_of(name, part, place):
    found = place_of(name, part)
    assert found == (None if place is None else ('val2017', place))
