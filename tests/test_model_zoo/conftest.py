"""A small HTTP server on this machine that can misbehave on purpose."""

import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from spinepose_mmpose.model_zoo import download, models, weights

import pytest


class FileServer:
    """Serves ``files`` (path -> bytes) and notes every request.

    Attributes:
        cuts: for each request to come, bytes after which the connection is
            closed, or None for a whole answer; used up from the front.
        ranges: understand Range.
        etags: path -> ETag; by default one made of the content.
        status, error_headers: answer everything with this instead.
        headers: sent with every answer, over the usual ones.
        delay: seconds to wait before the body.
        during: called after the first half of each body.
        redirects: path -> (target, headers of the redirect).
        chunked: state no length, send the body in chunks.
    """

    def __init__(self):
        self.files, self.requests, self.cuts = {}, [], []
        self.ranges, self.etags, self.status = True, {}, None
        self.headers, self.delay, self.during = {}, 0.0, None
        self.redirects, self.chunked, self.error_headers = {}, False, {}
        handler = type('Handler', (_Handler,), dict(owner=self))
        self.httpd = ThreadingHTTPServer(('127.0.0.1', 0), handler)
        self.httpd.daemon_threads = True
        self.address = f'http://127.0.0.1:{self.httpd.server_address[1]}'
        threading.Thread(
            target=self.httpd.serve_forever, args=(0.01,), daemon=True
        ).start()

    def url(self, path: str) -> str:
        return f'{self.address}/{path}'

    def close(self) -> None:
        self.httpd.shutdown()
        self.httpd.server_close()


class _Handler(BaseHTTPRequestHandler):
    owner = None

    def log_message(self, *args):
        pass

    def do_GET(self):
        owner, path = self.owner, self.path.lstrip('/')
        asked = self.headers.get('Range')
        owner.requests.append((path, asked, self.headers.get('If-Range')))
        if path in owner.redirects:
            target, extra = owner.redirects[path]
            self.send_response(302)
            self.send_header('Location', target)
            for item in extra.items():
                self.send_header(*item)
            self.end_headers()
            return
        if owner.status or path not in owner.files:
            self.send_response(owner.status or 404)
            for item in owner.error_headers.items():
                self.send_header(*item)
            self.end_headers()
            return
        data = owner.files[path]
        etag = owner.etags.get(path, f'"{hash(data)}"')
        start = 0
        if (
            asked
            and owner.ranges
            and (self.headers.get('If-Range', etag) == etag)
        ):
            start = int(re.fullmatch(r'bytes=(\d+)-', asked).group(1))
            if start >= len(data):
                self.send_response(416)
                self.send_header('Content-Range', f'bytes */{len(data)}')
                self.end_headers()
                return
        head = {'Content-Type': 'application/octet-stream'}
        if etag:
            head['ETag'] = etag
        if start:
            head['Content-Range'] = f'bytes {start}-{len(data) - 1}/{len(data)}'
        head['Content-Length'] = str(len(data) - start)
        if owner.chunked:
            head.update(
                {'Content-Length': None, 'Transfer-Encoding': 'chunked'}
            )
        head.update(owner.headers)
        self.send_response(206 if start else 200)
        for name, value in head.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        time.sleep(owner.delay)
        body = data[start:]
        cut = owner.cuts.pop(0) if owner.cuts else None
        if owner.chunked:
            body = b'%x\r\n%s\r\n0\r\n\r\n' % (len(body), body)
        body = body if cut is None else body[:cut]
        half = len(body) // 2
        try:
            self.wfile.write(body[:half])
            self.wfile.flush()
            if owner.during is not None:
                owner.during()
            self.wfile.write(body[half:])
        except OSError:  # the client has left
            pass


@pytest.fixture
def server():
    server = FileServer()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A fresh cache, no mirror, no proxy, and hardly a wait before retries."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    monkeypatch.delenv('SPINEPOSE_MIRROR', raising=False)
    monkeypatch.setenv('no_proxy', '*')
    monkeypatch.setattr(download, 'BACKOFF', 0.001)
    monkeypatch.setattr(weights, '_licence_shown', False)
    return tmp_path / 'torch' / 'hub' / 'checkpoints'


@pytest.fixture
def put_model(monkeypatch):
    """Replace the model table by one model."""

    def put(name='spinepose-s', **fields):
        model = models.ModelInfo(
            name=name, config='configs/x.py', input_size=(192, 256), **fields
        )
        monkeypatch.setattr(models, '_TABLE', (model,))
        return model

    return put
