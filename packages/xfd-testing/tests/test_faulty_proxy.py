"""Each fault of the proxy reaches a client as what it is, and none of it is left for the next."""

from __future__ import annotations

import functools
import http.client
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from xfd_testing.faults import (
    Alter,
    Break,
    Drip,
    Endless,
    Fault,
    Flip,
    Hang,
    Refuse,
    Shorten,
    spoiled,
)
from xfd_testing.faulty_proxy import FaultyProxy, faulty_proxy, no_fault

BODY = bytes(range(256)) * 100


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[FaultyProxy]:
    """In front of a server of one file."""
    (tmp_path / "file").write_bytes(BODY)
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        try:
            with faulty_proxy(f"http://127.0.0.1:{server.server_port}") as proxy:
                yield proxy
        finally:
            server.shutdown()


def get(proxy: FaultyProxy, most: int | None = None) -> tuple[int, bytes]:
    """The status, and the body or the first bytes of it."""
    connection = http.client.HTTPConnection(proxy.endpoint.removeprefix("http://"), timeout=1)
    try:
        connection.request("GET", "/file")
        answer = connection.getresponse()
        return answer.status, answer.read(most)
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        (None, 200, BODY),
        (Refuse(503, "SlowDown"), 503, None),
        (Shorten(100), 200, BODY[:-100]),
        (Flip(1000), 200, BODY[:1000] + bytes([BODY[1000] ^ 1]) + BODY[1001:]),
        (Alter(lambda head: head.replace(b"200 OK", b"404 Gone")), 404, BODY),
        (Break(after=10**9), 200, BODY),
    ],
)
def test_what_comes_to_its_end(
    fault: Fault | None, status: int, body: bytes | None, proxy: FaultyProxy
) -> None:
    proxy.rule = lambda request: fault
    found = get(proxy)
    assert found[0] == status
    assert body is None or found[1] == body


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Break(), ConnectionResetError),
        (Break(after=1000), (ConnectionResetError, http.client.IncompleteRead)),
        (Hang(), TimeoutError),
        (Hang(after=1000), TimeoutError),
        (Drip(pause_s=1.5), TimeoutError),
    ],
)
def test_what_comes_to_none(
    fault: Fault, error: type[Exception] | tuple[type[Exception], ...], proxy: FaultyProxy
) -> None:
    proxy.rule = lambda request: fault
    with pytest.raises(error):
        get(proxy)
    proxy.rule = no_fault
    assert get(proxy) == (200, BODY)


def test_a_body_without_end_goes_on_behind_the_real_one(proxy: FaultyProxy) -> None:
    proxy.rule = lambda request: Endless()
    _, found = get(proxy, 10 * len(BODY))
    assert found == BODY + bytes(9 * len(BODY))


def test_a_body_whose_length_is_not_known_ends_in_order_after_so_many_bytes() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    answered = spoiled(Shorten(5), head, None)
    assert answered.is_chunked
    assert answered.ends is None
    assert [list(answered.pieces(piece, at)) for piece, at in ((b"abc", 0), (b"defg", 3))] == [
        [(b"abc", 0.0)],
        [(b"de", 0.0)],
    ]


def test_a_server_that_is_gone_comes_back_at_its_address(proxy: FaultyProxy) -> None:
    proxy.go()
    with pytest.raises(ConnectionRefusedError):
        get(proxy)
    proxy.come_back()
    assert get(proxy) == (200, BODY)
    assert [each.target for each in proxy.requests] == ["/file"]
