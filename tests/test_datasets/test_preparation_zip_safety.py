import stat
import zipfile

from spinepose_mmpose.datasets.preparation.layout import place_of
from spinepose_mmpose.datasets.preparation.zip_safety import (
    BadArchive,
    checked_members,
    open_archive,
)

import pytest
from archive_files import make_zip


def refusal(tmp_path, *entries, content=None):
    path = tmp_path / 'a.zip'
    path.write_bytes(content or make_zip(entries))
    with open_archive(path) as archive:
        with pytest.raises(BadArchive) as error:
            checked_members(archive)
    assert '\n' not in str(error.value) and 'a.zip is refused' in str(
        error.value
    )
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


@pytest.mark.parametrize(
    'mode, words',
    [(stat.S_IFLNK, 'is a link'), (stat.S_IFIFO, 'is no ordinary file')],
)
def test_links_and_devices(mode, words, tmp_path):
    info = zipfile.ZipInfo('images/val2017/1.jpg')
    info.external_attr = (mode | 0o777) << 16
    assert words in refusal(tmp_path, (info, b'/etc/passwd'))


def test_bomb(tmp_path):
    text = refusal(tmp_path, ('a.json', bytes(10**6)))
    assert 'to 1000000, more than 200 times' in text


def test_overlapping_entries(tmp_path):
    """Both entries of the directory point at one body."""
    content = bytearray(make_zip([('a.jpg', b'a' * 50), ('b.jpg', b'b' * 50)]))
    second = content.rindex(b'PK\x01\x02')
    content[second + 42 : second + 46] = bytes(4)  # its header's offset
    assert "'a.jpg' and 'b.jpg' overlap" in refusal(
        tmp_path, content=bytes(content)
    )


def test_encrypted(tmp_path):
    content = bytearray(make_zip([('a.jpg', b'a' * 50)]))
    directory = content.rindex(b'PK\x01\x02')
    content[directory + 8] |= 1
    assert 'is encrypted' in refusal(tmp_path, content=bytes(content))


def test_harmless(tmp_path):
    path = tmp_path / 'a.zip'
    path.write_bytes(
        make_zip([('images/', b''), ('images/a..b.jpg', b'x'), ('c', b'')])
    )
    with open_archive(path) as archive:
        names = [info.filename for info in checked_members(archive)]
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
