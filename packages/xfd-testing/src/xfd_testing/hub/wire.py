"""A small HTTP/1.1 server on loopback that answers from a function and records each request."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

PIECE_BYTES = 256 * 1024
IDLE_S = 60.0
POLL_S = 0.05


@dataclass(frozen=True)
class Request:
    """What was asked.

    Attributes:
        method: GET, HEAD, POST or PUT.
        path: as it was sent, still quoted, without the query.
        query: its fields.
        raw_query: the same as it was sent.
        headers: with names in lower case.
        body: of a POST.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str] = field(repr=False)
    body: bytes = b""
    raw_query: str = ""


@dataclass
class Answer:
    """What is answered.

    Attributes:
        status: of HTTP.
        headers: beside Content-Length.
        body: the whole body, of which `Range` may have left a part.
        blob: the blob id of the file that the body comes from, if it is one.
        cut_after: the connection ends after so many bytes of the body.
        bytes_per_s: the rate of the body; None for as fast as it goes.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    blob: str | None = None
    cut_after: int | None = None
    bytes_per_s: float | None = None


@dataclass
class Exchange:
    """One request and what was answered, for assertions.

    Attributes:
        host: the server's name, "hub" or "cdn".
        method: GET, HEAD, POST or PUT.
        path: as it was sent, without the query.
        token: the bearer token that came with it.
        range: the Range header.
        status: of the answer.
        blob: the blob id of the file that was sent.
        sent_bytes: of the body, so far.
    """

    host: str
    method: str
    path: str
    token: str | None = field(repr=False)
    range: str | None
    status: int = 0
    blob: str | None = None
    sent_bytes: int = 0


class Service(Protocol):
    """What a `WebServer` answers from; called from many threads."""

    def answer(self, request: Request) -> Answer:
        """The answer to one request."""


class WebServer:
    """Serves a service on a free port of loopback until `stop`.

    Attributes:
        url: its address, without a slash at the end.
        exchanges: all requests so far, in the order in which they came.
    """

    def __init__(self, name: str, service: Service) -> None:
        self._name = name
        self._service = service
        self._stopping = threading.Event()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.exchanges: list[Exchange] = []
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(POLL_S,), name=name, daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Ends the server and all connections to it."""
        self._stopping.set()
        self._server.shutdown()
        self._server.end_connections()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            timeout = IDLE_S

            def do_GET(self) -> None:
                web._exchange(self)

            def do_HEAD(self) -> None:
                web._exchange(self)

            def do_POST(self) -> None:
                web._exchange(self)

            def do_PUT(self) -> None:
                web._exchange(self)

            def log_message(self, format: str, *args: Any) -> None:
                """Says nothing: `exchanges` has it."""

        return Handler

    def _exchange(self, handler: BaseHTTPRequestHandler) -> None:
        request = _read(handler)
        seen = Exchange(
            self._name,
            request.method,
            request.path,
            bearer(request.headers),
            request.headers.get("range"),
        )
        self.exchanges.append(seen)
        answer = self._service.answer(request)
        seen.status, seen.blob = answer.status, answer.blob
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(answer.body)))
        handler.end_headers()
        if request.method == "HEAD":
            return
        for piece in _pieces(answer):
            seen.sent_bytes += len(piece)
            handler.wfile.write(piece)
            if answer.bytes_per_s and self._stopping.wait(len(piece) / answer.bytes_per_s):
                break
        if answer.cut_after is not None:
            handler.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of clients that went away."""

    def end_connections(self) -> None:
        for request in list(self._open):
            with suppress(OSError):  # Its client may have been faster.
                request.shutdown(socket.SHUT_RDWR)


def bearer(headers: Mapping[str, str]) -> str | None:
    """The token of an Authorization header; a header of another kind is returned whole."""
    value = headers.get("authorization")
    return value.removeprefix("Bearer ") if value is not None else None


def part_of(
    content: bytes, range_header: str | None, headers: Mapping[str, str], blob: str
) -> Answer:
    """A file, or the range of it that was asked for.

    Args:
        content: the whole file.
        range_header: for example `bytes=0-99`, `bytes=100-` or `bytes=-5`.
        headers: of the answer.
        blob: the file's blob id.
    """
    answer = Answer(200, {**headers, "Accept-Ranges": "bytes"}, content, blob)
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", range_header or "")
    if match is None or not any(match.groups()):
        return answer
    first, last = match.groups()
    size = len(content)
    begin = int(first) if first else max(size - int(last), 0)
    end = min(int(last) + 1, size) if first and last else size
    if begin >= end:
        return Answer(416, {"Content-Range": f"bytes */{size}"}, blob=blob)
    answer.status = 206
    answer.headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
    answer.body = content[begin:end]
    return answer


def _read(handler: BaseHTTPRequestHandler) -> Request:
    address = urlsplit(handler.path)
    headers = {name.lower(): value for name, value in handler.headers.items()}
    body = handler.rfile.read(int(headers.get("content-length", 0)))
    query = dict(parse_qsl(address.query, keep_blank_values=True))
    return Request(handler.command, address.path, query, headers, body, address.query)


def _pieces(answer: Answer) -> Iterator[bytes]:
    size = len(answer.body) if answer.cut_after is None else answer.cut_after
    rate = answer.bytes_per_s
    step = PIECE_BYTES if rate is None else max(1, min(PIECE_BYTES, int(rate / 20)))
    view = memoryview(answer.body)[:size]
    for begin in range(0, len(view), step):
        yield bytes(view[begin : begin + step])
