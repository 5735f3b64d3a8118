import hashlib
import multiprocessing
import os
import random
import shutil
import signal
import socket
import threading
from collections import namedtuple
from urllib.request import Request

from spinepose_mmpose.model_zoo import (
    DigestMismatch,
    DownloadError,
    download,
    download_file,
)
from spinepose_mmpose.model_zoo.digests import read_record
from spinepose_mmpose.model_zoo.transport import _Redirects

import pytest

DATA = bytes(random.Random(0).choices(range(256), k=300_000))
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def dest(tmp_path):
    return tmp_path / 'cache' / 'model.pth'


@pytest.fixture
def url(server):
    server.files['model.pth'] = DATA
    return server.url('model.pth')


def names(dest):
    """What lies in the folder; no lock and no part may be left."""
    return sorted(p.name for p in dest.parent.iterdir())


DONE = ['model.pth', 'model.pth.sha256']


def test_plain(server, url, dest):
    assert download_file(url, dest, DIGEST, len(DATA)) == dest
    assert dest.read_bytes() == DATA
    assert names(dest) == DONE
    assert read_record(dest).sha256 == DIGEST
    # sha256sum -c reads the last line
    assert (
        (dest.parent / 'model.pth.sha256')
        .read_text()
        .endswith(f'\n{DIGEST}  model.pth\n')
    )


def test_second_call_asks_nobody(server, url, dest):
    download_file(url, dest)
    server.requests.clear()
    download_file(url, dest)
    download_file(url, dest, DIGEST[:8])
    assert server.requests == []


def test_broken_off_is_resumed_by_the_next_call(server, url, dest):
    server.cuts = [100_000]
    with pytest.raises(DownloadError, match='broke off.*100.0 kB of 300.0 kB'):
        download_file(url, dest, retries=0)
    assert not dest.exists()
    assert (dest.parent / 'model.pth.part').read_bytes() == DATA[:100_000]
    download_file(url, dest, retries=0)
    assert dest.read_bytes() == DATA
    assert server.requests[1][1] == 'bytes=100000-'
    assert read_record(dest).sha256 == DIGEST
    assert names(dest) == DONE


def test_retries_go_on_while_bytes_arrive(server, url, dest):
    server.cuts = [50_000] * 5  # more often than there are retries
    download_file(url, dest, retries=1)
    assert dest.read_bytes() == DATA
    assert [r[1] for r in server.requests] == [None] + [
        f'bytes={n}-' for n in range(50_000, 300_000, 50_000)
    ]


def test_server_without_ranges_starts_over(server, url, dest):
    server.ranges, server.cuts = False, [100_000]
    download_file(url, dest, retries=1)
    assert dest.read_bytes() == DATA


def test_server_without_ranges_that_always_breaks_ends(server, url, dest):
    server.ranges, server.cuts = False, [100_000] * 20
    with pytest.raises(DownloadError, match='broke off'):
        download_file(url, dest, retries=2)
    assert len(server.requests) == 3


def test_changed_file_is_not_glued(server, url, dest):
    server.cuts = [100_000]
    with pytest.raises(DownloadError):
        download_file(url, dest, retries=0)
    new = DATA[::-1]
    server.files['model.pth'] = new
    download_file(url, dest)
    assert server.requests[1][2] is not None  # If-Range
    assert dest.read_bytes() == new


def test_changed_file_behind_a_server_that_ignores_if_range(server, url, dest):
    server.cuts, server.etags = [100_000], {'model.pth': '"old"'}
    with pytest.raises(DownloadError):
        download_file(url, dest, retries=0)
    new = DATA[::-1]
    server.files['model.pth'] = new
    # It honours the range of the old version, but names the new one.
    server.headers = {'ETag': '"new"'}
    download_file(url, dest)
    assert dest.read_bytes() == new


def test_wrong_content_range_starts_over(server, url, dest):
    server.cuts = [100_000]
    with pytest.raises(DownloadError):
        download_file(url, dest, retries=0)
    server.headers = {'Content-Range': 'bytes 5-299999/300000'}
    download_file(url, dest)
    assert dest.read_bytes() == DATA
    assert [r[1] for r in server.requests] == [None, 'bytes=100000-', None]


def test_range_not_satisfiable_starts_over(server, url, dest):
    server.headers, server.cuts = {'Content-Length': None}, [250_000]
    server.files['model.pth'] = DATA + b'x'  # length unknown to the client
    with pytest.raises(DownloadError):
        # No length, so only the digest shows the cut; the part is deleted...
        download_file(url, dest, DIGEST, retries=0)
    # ... and a part that is too long for the file is as well.
    part = dest.parent / 'model.pth.part'
    part.write_bytes(DATA + b'more')
    (dest.parent / 'model.pth.part.json').write_text(
        f'{{"url": "{url}", "total": null, "validator": "", "linked": null}}'
    )
    server.headers, server.files['model.pth'] = {}, DATA
    server.requests.clear()
    download_file(url, dest, DIGEST)
    assert [r[1] for r in server.requests] == ['bytes=300004-', None]
    assert dest.read_bytes() == DATA


def test_part_without_validator_is_resumed_only_with_a_digest(
    server, url, dest
):
    server.etags = {'model.pth': ''}
    for digest, asked in ((None, None), (DIGEST, 'bytes=100000-')):
        server.cuts = [100_000]
        with pytest.raises(DownloadError):
            download_file(url, dest, digest, retries=0)
        server.requests.clear()
        download_file(url, dest, digest)
        assert server.requests[0][1] == asked
        assert dest.read_bytes() == DATA
        dest.unlink()


def test_part_of_another_url_is_not_used(server, url, dest):
    server.cuts = [100_000]
    with pytest.raises(DownloadError):
        download_file(url, dest, retries=0)
    server.files['other.pth'] = DATA[::-1]
    download_file(server.url('other.pth'), dest)
    assert server.requests[-1] == ('other.pth', None, None)
    assert dest.read_bytes() == DATA[::-1]


def test_complete_part_needs_only_the_rename(server, url, dest):
    server.cuts = [299_999]
    with pytest.raises(DownloadError):
        download_file(url, dest, retries=0)
    with open(f'{dest}.part', 'ab') as f:
        f.write(DATA[-1:])
    server.requests.clear()
    download_file(url, dest)
    assert dest.read_bytes() == DATA and server.requests == []


def test_corrupt_body(server, url, dest):
    server.files['model.pth'] = DATA[:-1] + b'?'
    got = hashlib.sha256(server.files['model.pth']).hexdigest()
    with pytest.raises(DigestMismatch) as e:
        download_file(url, dest, DIGEST)
    for text in (url, f'sha256 {got}', f'expected {DIGEST}'):
        assert text in str(e.value)
    assert names(dest) == []
    assert len(server.requests) == 1  # wrong bytes are no transient failure


def test_corrupt_part_is_downloaded_anew(server, url, dest):
    server.cuts = [100_000]
    with pytest.raises(DownloadError):
        download_file(url, dest, retries=0)
    (dest.parent / 'model.pth.part').write_bytes(bytes(100_000))
    download_file(url, dest, DIGEST[:8])
    assert dest.read_bytes() == DATA


def test_corrupt_cached_file_is_replaced(server, url, dest):
    dest.parent.mkdir()
    dest.write_bytes(DATA[:1000])  # what a client without checks leaves
    download_file(url, dest, DIGEST)
    assert dest.read_bytes() == DATA
    dest.write_bytes(DATA[:1000])
    download_file(url, dest, size=len(DATA))
    assert dest.read_bytes() == DATA and names(dest) == DONE


def test_corrupt_cached_file_stays_if_nothing_better_comes(server, url, dest):
    dest.parent.mkdir()
    dest.write_bytes(b'mine')
    server.status = 404
    with pytest.raises(DownloadError, match='404'):
        download_file(url, dest, DIGEST)
    assert dest.read_bytes() == b'mine'


def test_first_use_is_trusted_and_later_damage_found(server, url, dest):
    download_file(url, dest)
    dest.write_bytes(DATA[:-1])
    with pytest.raises(DigestMismatch, match='changed since') as e:
        download_file(url, dest)
    assert e.value.local
    assert dest.read_bytes() == DATA[:-1]


def test_wrong_size(server, url, dest):
    with pytest.raises(DigestMismatch, match='300000 bytes, expected 299999'):
        download_file(url, dest, size=299_999)
    server.headers = {'Content-Length': None}
    with pytest.raises(DigestMismatch, match='300000 bytes, expected 299999'):
        download_file(url, dest, size=299_999)
    assert names(dest) == []


@pytest.mark.parametrize(
    'body, headers',
    [
        (b' <!DOCTYPE html><title>Sign in</title>', {}),
        (b'<html>', {}),
        (DATA, {'Content-Type': 'text/html; charset=utf-8'}),
    ],
)
def test_web_page_instead_of_a_file(server, url, dest, body, headers):
    server.files['model.pth'], server.headers = body, headers
    with pytest.raises(DownloadError, match='web page instead of model.pth'):
        download_file(url, dest)
    assert names(dest) == []


def test_chunked_answer(server, url, dest, caplog):
    server.chunked, server.cuts = True, [100_000]
    with pytest.raises(DownloadError, match='broke off; 100.0 kB kept'):
        download_file(url, dest, retries=0)
    download_file(url, dest)
    assert server.requests[1][1] is not None
    assert dest.read_bytes() == DATA
    assert 'cut short' not in caplog.text


def test_answer_of_unknown_length_is_warned_of(server, url, dest, caplog):
    server.headers = {'Content-Length': None}
    download_file(url, dest)
    assert 'may be cut short' in caplog.text


def test_web_page_does_not_cost_the_part(server, url, dest):
    server.cuts = [100_000]
    with pytest.raises(DownloadError):
        download_file(url, dest, retries=0)
    server.files['model.pth'] = b'<html>log in first</html>'
    with pytest.raises(DownloadError, match='web page'):
        download_file(url, dest)
    server.files['model.pth'] = DATA
    server.requests.clear()
    download_file(url, dest)
    assert server.requests[0][1] == 'bytes=100000-'
    assert dest.read_bytes() == DATA


def test_missing_file_is_not_tried_again(server, dest):
    with pytest.raises(DownloadError, match='HTTP 404.*no such file there'):
        download_file(server.url('none.pth'), dest)
    assert len(server.requests) == 1 and names(dest) == []


def test_server_error_is_tried_again(server, url, dest):
    server.status = 503
    with pytest.raises(DownloadError, match='HTTP 503'):
        download_file(url, dest, retries=2)
    assert len(server.requests) == 3


def test_server_that_asks_to_wait(server, url, dest, monkeypatch):
    waits = []
    monkeypatch.setattr(download.time, 'sleep', waits.append)
    server.status, server.error_headers = 429, {'Retry-After': '7'}
    with pytest.raises(DownloadError, match='HTTP 429'):
        download_file(url, dest, retries=1)
    assert waits == [7.0]


def test_empty_answer(server, url, dest):
    server.files['model.pth'] = b''
    with pytest.raises(DownloadError, match='empty file'):
        download_file(url, dest)
    assert not dest.exists()


def test_silent_server(server, url, dest):
    server.delay = 1.0
    with pytest.raises(DownloadError, match='no answer for 0.1 s'):
        download_file(url, dest, timeout=0.1, retries=1)
    assert len(server.requests) == 2


def test_closed_port_fails_at_once(dest):
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    with pytest.raises(DownloadError, match='connection was refused'):
        download_file(f'http://127.0.0.1:{port}/model.pth', dest)


def test_digest_that_the_host_states(server, url, dest):
    """Hugging Face states it in a redirect to its storage."""
    server.files['blob'] = DATA
    stated = {'X-Linked-ETag': f'"{DIGEST}"'}
    server.redirects['r/model.pth'] = (server.url('blob'), stated)
    download_file(server.url('r/model.pth'), dest)
    assert dest.read_bytes() == DATA
    dest.unlink()

    server.files['blob'] = DATA[::-1]
    with pytest.raises(DigestMismatch, match=f'expected {DIGEST}'):
        download_file(server.url('r/model.pth'), dest)
    with pytest.raises(DigestMismatch, match='host offers another file'):
        download_file(server.url('r/model.pth'), dest, 'a' * 64)
    assert not dest.exists()


def test_redirects_that_are_refused(server, dest, tmp_path):
    (tmp_path / 'secret').write_bytes(DATA)
    for target, text in (
        ((tmp_path / 'secret').as_uri(), 'not allowed'),
        ('ftp://127.0.0.1/model.pth', 'refused to follow'),
    ):
        server.redirects['model.pth'] = (target, {})
        with pytest.raises(DownloadError, match=text):
            download_file(server.url('model.pth'), dest)
    assert not dest.exists()
    # From https on, the way must not lead back to http.
    secure = Request('https://127.0.0.1/model.pth')
    with pytest.raises(DownloadError, match='refused to follow'):
        _Redirects().redirect_request(
            secure, None, 302, 'Found', {}, 'http://127.0.0.1/model.pth'
        )


def test_file_url(tmp_path, dest):
    source = tmp_path / 'a b.pth'
    source.write_bytes(DATA)
    download_file(source.as_uri(), dest, DIGEST)
    assert dest.read_bytes() == DATA
    with pytest.raises(DownloadError, match='no such file'):
        download_file((tmp_path / 'none').as_uri(), tmp_path / 'x.pth')


def test_no_room(server, url, dest, monkeypatch):
    usage = namedtuple('usage', 'total used free')
    monkeypatch.setattr(shutil, 'disk_usage', lambda p: usage(9, 9, 299_999))
    with pytest.raises(
        DownloadError, match='no room for model.pth.*300.0 kB.*free'
    ):
        download_file(url, dest)
    assert not dest.exists()
    # What is there already needs no room again.
    monkeypatch.setattr(shutil, 'disk_usage', lambda p: usage(9, 9, 300_000))
    server.cuts = [100_000]
    with pytest.raises(DownloadError):
        download_file(url, dest, retries=0)
    monkeypatch.setattr(shutil, 'disk_usage', lambda p: usage(9, 9, 200_000))
    download_file(url, dest)
    assert dest.read_bytes() == DATA


@pytest.mark.skipif(os.name == 'nt', reason='POSIX signals')
def test_interrupt_keeps_the_part(server, url, dest):
    arrived, main = threading.Event(), threading.main_thread().ident

    def during():
        # Let the first half arrive, then press ctrl-C.
        part = dest.parent / 'model.pth.part'
        while not (part.exists() and part.stat().st_size):
            arrived.wait(0.005)
        signal.pthread_kill(main, signal.SIGINT)
        arrived.wait(0.3)

    server.during = during
    with pytest.raises(KeyboardInterrupt):
        download_file(url, dest)
    kept = (dest.parent / 'model.pth.part').read_bytes()
    assert kept and DATA.startswith(kept) and len(kept) < len(DATA)
    assert names(dest) == ['model.pth.part', 'model.pth.part.json']
    server.during = None
    server.requests.clear()
    download_file(url, dest)
    assert server.requests[0][1] == f'bytes={len(kept)}-'
    assert dest.read_bytes() == DATA


def _download(url, dest, start):
    start.wait()
    download_file(url, dest, progress=False)


def test_two_processes_at_once(server, url, dest):
    server.delay = 0.3
    fork = multiprocessing.get_context('fork')
    start = fork.Event()
    workers = [
        fork.Process(target=_download, args=(url, dest, start))
        for _ in range(2)
    ]
    for w in workers:
        w.start()
    start.set()
    for w in workers:
        w.join(20)
    assert [w.exitcode for w in workers] == [0, 0]
    assert len(server.requests) == 1
    assert dest.read_bytes() == DATA and names(dest) == DONE


def test_without_locks_two_downloads_do_not_share_a_part(
    server, url, dest, monkeypatch
):
    from spinepose_mmpose.model_zoo import locks

    def unsupported(fd):
        raise OSError('no locks here')

    monkeypatch.setattr(locks, '_try_lock', unsupported)
    server.delay = 0.1
    threads = [
        threading.Thread(target=download_file, args=(url, dest))
        for _ in range(2)
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(server.requests) == 2
    assert dest.read_bytes() == DATA and names(dest) == DONE


def test_progress_on_a_log_and_on_a_terminal():
    import io

    from spinepose_mmpose.model_zoo.progress import Progress

    log = io.StringIO()
    bar = Progress('model.pth', 2_000_000, stream=log)
    bar.update(500_000)
    assert log.getvalue() == ''  # a short download is silent in a log
    bar.drawn -= 5
    bar.update(500_000)
    bar.close()
    assert log.getvalue().startswith('model.pth: 1.0 MB of 2.0 MB (50 %), ')
    assert log.getvalue().count('\n') == 1 and '\r' not in log.getvalue()

    log = io.StringIO()
    log.isatty = lambda: True
    bar = Progress('model.pth', 2_000_000, stream=log)
    bar.update(2_000_000)
    bar.close()
    assert log.getvalue().startswith('\rmodel.pth: 2.0 MB of 2.0 MB (100 %)')
    assert log.getvalue().endswith('\n')


@pytest.mark.parametrize('url', ['ftp://x/y.pth', 'model.pth', 's3://b/k'])
def test_unknown_scheme(url, dest):
    with pytest.raises(ValueError, match='https://, http://, file://'):
        download_file(url, dest)


def test_folder_in_the_way(server, url, dest):
    dest.mkdir(parents=True)
    with pytest.raises(DownloadError, match='it is a folder'):
        download_file(url, dest)


def test_unwritable_place(server, url, tmp_path):
    (tmp_path / 'file').write_bytes(b'')
    with pytest.raises(DownloadError, match='cannot write .*file') as e:
        download_file(url, tmp_path / 'file' / 'model.pth')
    assert e.value.local
