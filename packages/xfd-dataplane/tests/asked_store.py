"""A server that stands in for every store and every proxy, and writes down what it is asked."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY = b"twelve bytes"


class Asked(ThreadingHTTPServer):
    """Answers every object with `BODY`, and refuses to be a tunnel.

    Attributes:
        requests: method and address of each request; as a proxy, with scheme and host.
        hosts: the `Host` header of each.
        url: where it listens.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[str] = []
        self.hosts: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.answer: Callable[[_Handler], bool] = lambda _: False
        self.url = f"http://127.0.0.1:{self.server_port}"

    def forget(self) -> None:
        """Forgets what it was asked."""
        self.requests.clear()
        self.hosts.clear()
        self.headers.clear()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Asked

    def _note(self) -> None:
        address = self.path.partition("?")[0]
        self.server.requests.append(f"{self.command} {address}")
        self.server.hosts.append(self.headers.get("Host", ""))
        self.server.headers.append({k.lower(): v for k, v in self.headers.items()})

    def reply(self, status: int, body: bytes = b"", **headers: str) -> bool:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        return True

    def do_HEAD(self) -> None:
        self._note()
        if not self.server.answer(self):
            self.reply(200, BODY, ETag='"one"')

    def do_GET(self) -> None:
        self.do_HEAD()

    def do_CONNECT(self) -> None:
        self._note()
        self.reply(403)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextlib.contextmanager
def asked_store() -> Iterator[Asked]:
    """A running server."""
    with Asked() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
