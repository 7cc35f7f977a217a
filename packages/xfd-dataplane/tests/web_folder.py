"""A web server that shows a folder's files, with ETags and ranges, to who has the token."""

from __future__ import annotations

import contextlib
import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote


@contextlib.contextmanager
def web_folder(folder: Path, bearer: str) -> Iterator[str]:
    """A running server; its URL with a slash at the end."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def do_HEAD(self) -> None:
            path = folder / unquote(self.path).lstrip("/")
            if self.headers.get("Authorization") != f"Bearer {bearer}":
                self.reply(403)
            elif not path.is_file():
                self.reply(404)
            else:
                self.answer(path.read_bytes())

        def do_GET(self) -> None:
            self.do_HEAD()

        def answer(self, body: bytes) -> None:
            etag = f'"{hashlib.sha1(body).hexdigest()}"'
            if self.headers.get("If-Match", etag) != etag:
                self.reply(412)
                return
            span = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            if span is None or not body:
                self.reply(200, body, ETag=etag, Accept_Ranges="bytes")
                return
            first, last = int(span[1]), min(int(span[2]), len(body) - 1)
            place = f"bytes {first}-{last}/{len(body)}"
            self.reply(206, body[first : last + 1], ETag=etag, Content_Range=place)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()
