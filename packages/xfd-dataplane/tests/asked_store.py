"""A server that stands in for every store and every proxy, and writes down what it is asked."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from web_servers import ANY_PORT, Replies, serving

BODY = b"twelve bytes"


class Asked(ThreadingHTTPServer):
    """Answers every object with `BODY`, and refuses to be a tunnel.

    Attributes:
        requests: method and address of each request; as a proxy, with scheme and host.
        hosts: the `Host` header of each.
        url: where it listens.
    """

    def __init__(self) -> None:
        super().__init__(ANY_PORT, _Handler)
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


class _Handler(Replies, BaseHTTPRequestHandler):
    server: Asked

    def _note(self) -> None:
        address = self.path.partition("?")[0]
        self.server.requests.append(f"{self.command} {address}")
        self.server.hosts.append(self.headers.get("Host", ""))
        self.server.headers.append({k.lower(): v for k, v in self.headers.items()})

    def do_HEAD(self) -> None:
        self._note()
        if not self.server.answer(self):
            self.reply(200, BODY, ETag='"one"')

    def do_GET(self) -> None:
        self.do_HEAD()

    def do_CONNECT(self) -> None:
        self._note()
        self.reply(403)


@contextlib.contextmanager
def asked_store() -> Iterator[Asked]:
    """A running server."""
    server = Asked()
    with serving(server):
        yield server
