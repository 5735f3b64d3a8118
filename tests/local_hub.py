"""A server on this machine that speaks what huggingface_hub asks the Hub, and
serves plain files; it can misbehave on purpose."""

import hashlib
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = 'c0ffee' + '0' * 34


class LocalHub:
    """Serves ``files`` (path -> bytes) and notes every request for one.

    ``owner/name/resolve/main/file`` is a file of the Hub.

    Attributes:
        requests: (method, path, Range) in their order.
        tokens: the Authorization headers of these.
        cuts: for each GET to come, bytes after which the connection is
            closed, or None for a whole answer; used up from the front.
        whole: paths for which Range is not understood.
        drip: seconds to wait after each byte of a body.
        during: called before the body of each GET.
        headers: sent with every answer, over the usual ones.
    """

    def __init__(self):
        self.files, self.requests, self.cuts = {}, [], []
        self.tokens = []
        self.whole, self.drip, self.during = (), 0.0, None
        self.headers = {}
        handler = type('Handler', (_Handler,), dict(hub=self))
        self.httpd = ThreadingHTTPServer(('127.0.0.1', 0), handler)
        self.httpd.daemon_threads = True
        self.address = f'http://127.0.0.1:{self.httpd.server_address[1]}'
        threading.Thread(
            target=self.httpd.serve_forever, args=(0.01,), daemon=True
        ).start()

    def url(self, path: str) -> str:
        return f'{self.address}/{path}'

    def asked(self, method='GET') -> list:
        """Paths that were asked for."""
        return [r[1] for r in self.requests if r[0] == method]

    def close(self) -> None:
        self.httpd.shutdown()
        self.httpd.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub = None
    protocol_version = 'HTTP/1.1'

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        self._serve(with_body=False)

    def do_GET(self):
        found = re.match(r'/api/(datasets/[^/]+/[^/]+)(/tree/)?', self.path)
        if found and found[2]:
            start = f'{found[1]}/resolve/main/'
            return self._json(
                [
                    dict(
                        type='file',
                        oid='',
                        path=path[len(start) :],
                        size=len(d),
                    )
                    for path, d in self.hub.files.items()
                    if path.startswith(start)
                ]
            )
        if found:
            return self._json(dict(id=found[1].partition('/')[2], sha=COMMIT))
        self._serve(with_body=True)

    def _json(self, content) -> None:
        self._answer(200, json.dumps(content).encode(), {}, True)

    def _serve(self, with_body: bool) -> None:
        hub = self.hub
        path = self.path.lstrip('/').replace(COMMIT, 'main')
        asked = self.headers.get('Range')
        if path.startswith('api/'):  # what the library wants beside files
            return self._answer(404, b'', {}, with_body)
        hub.requests.append((self.command, path, asked))
        hub.tokens.append(self.headers.get('Authorization'))
        if path not in hub.files:
            return self._answer(404, b'', {}, with_body)
        if with_body and hub.during is not None:
            hub.during()
        data, head, status = hub.files[path], {}, 200
        head['ETag'] = f'"{hashlib.sha256(data).hexdigest()}"'
        if '/resolve/' in path:
            head['X-Repo-Commit'] = COMMIT
        if asked and path not in hub.whole and with_body:
            first, last = re.fullmatch(r'bytes=(\d+)-(\d*)', asked).groups()
            end = min(int(last or len(data)), len(data) - 1)
            head['Content-Range'] = f'bytes {first}-{end}/{len(data)}'
            data, status = data[int(first) : end + 1], 206
        self._answer(status, data, {**head, **hub.headers}, with_body)

    def _answer(self, status, body, head, with_body) -> None:
        hub = self.hub
        self.send_response(status)
        for item in head.items():
            self.send_header(*item)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if not with_body:
            return
        cut = hub.cuts.pop(0) if hub.cuts and 'ETag' in head else None
        try:
            step = 1 if hub.drip and 'ETag' in head else len(body) or 1
            for start in range(0, len(body[:cut]), step):
                self.wfile.write(body[:cut][start : start + step])
                time.sleep(hub.drip)
        except OSError:  # the client has left
            pass
        self.close_connection = cut is not None
