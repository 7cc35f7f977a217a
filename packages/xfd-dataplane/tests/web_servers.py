"""Web servers of tests: how they run, and how they reply."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ANY_PORT = ("127.0.0.1", 0)


class Replies(BaseHTTPRequestHandler):
    """Replies with a body and its length, and says nothing on standard error."""

    protocol_version = "HTTP/1.1"

    def reply(self, status: int, body: bytes = b"", **headers: str) -> bool:
        """Replies; True, so that a lambda can say that it has."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        return True

    def log_message(self, *_: object) -> None:
        """Says nothing."""


class _Folder(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextlib.contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[str]:
    """Runs a server for the length of a block; its URL, without a slash at the end."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def serving_folder(folder: Path) -> Iterator[str]:
    """A server of a folder's files without ETags and ranges; its URL, without a slash."""
    handler = functools.partial(_Folder, directory=str(folder))
    with serving(ThreadingHTTPServer(ANY_PORT, handler)) as url:
        yield url
