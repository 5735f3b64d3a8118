import hashlib
import os
import subprocess
import sys

from spinepose_mmpose.model_zoo import DigestMismatch, verify_file
from spinepose_mmpose.model_zoo.digests import (
    digest_in_name,
    normal_digest,
    read_record,
    sha256_of,
)

import pytest


@pytest.mark.parametrize(
    'name, digest',
    [
        (
            'rtmpose-m_simcc-body7_pt-body7-halpe26_700e-256x192-4d3e73dd_20230605'
            '.pth',
            '4d3e73dd',
        ),
        ('resnet50-19c8e357.pth', '19c8e357'),
        ('rtmdet_m_8xb32-100e_coco-obj365-person-235e8209.pth', '235e8209'),
        ('digits-12345678_20230605.pth', '12345678'),
        ('model-20230605.pth', None),  # a date alone
        ('model-99999999.pth', '99999999'),  # no date
        ('spinepose-m_32xb256-10e_spinetrack-256x192.pth', None),
        # the archive repeats the checkpoint's digest
        ('rtmpose-x-7fb6e239_20230606.zip', None),
        ('td-hm_hrnet-w48-0E67C616.pth', None),
    ],
)
def test_digest_in_name(name, digest):
    assert digest_in_name(name) == digest


def test_sha256_of_a_known_text(tmp_path):
    (tmp_path / 'f').write_bytes(b'abc')  # FIPS 180-2, example B.1
    assert sha256_of(tmp_path / 'f') == (
        'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    )


@pytest.mark.parametrize('bad', ['', 'xyz', '1234567', '0' * 65, 'g' * 8])
def test_bad_digest(bad):
    with pytest.raises(ValueError, match='no SHA-256 digest'):
        normal_digest(bad)


def test_good_digest():
    assert normal_digest('SHA256:ABCDEF01') == 'abcdef01'
    assert normal_digest(None) is None


@pytest.fixture
def file(tmp_path):
    path = tmp_path / 'model.pth'
    path.write_bytes(b'one')
    return path


def test_record_is_trusted_while_size_and_time_stay(file):
    digest = verify_file(file)
    assert digest == hashlib.sha256(b'one').hexdigest()
    stat = os.stat(file)
    file.write_bytes(b'two')
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert verify_file(file) == digest  # same size and time: not read
    with pytest.raises(DigestMismatch, match='has changed since'):
        verify_file(file, full=True)


def test_touched_file_is_hashed_and_recorded_anew(file):
    verify_file(file)
    os.utime(file, ns=(1, 1))
    verify_file(file)
    assert read_record(file).stamp == (3, 1)


def test_expected_digest_outranks_the_record(file):
    verify_file(file)
    file.write_bytes(b'four')
    digest = hashlib.sha256(b'four').hexdigest()
    assert verify_file(file, digest[:8]) == digest
    assert read_record(file).sha256 == digest
    with pytest.raises(DigestMismatch, match='expected 00000000'):
        verify_file(file, '00000000')


def test_read_only_use_writes_nothing(file):
    verify_file(file, record=False)
    assert [p.name for p in file.parent.iterdir() if p.is_file()] == [
        'model.pth'
    ]


def test_plain_sha256sum_file_is_honoured(file):
    digest = hashlib.sha256(b'other').hexdigest()
    (file.parent / 'model.pth.sha256').write_text(f'{digest}  model.pth\n')
    with pytest.raises(DigestMismatch, match=f'recorded {digest}'):
        verify_file(file)


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='coreutils')
def test_sha256sum_reads_the_record(file):
    verify_file(file)
    result = subprocess.run(
        ['sha256sum', '--check', '--strict', 'model.pth.sha256'],
        cwd=file.parent,
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stdout) == (0, 'model.pth: OK\n')
