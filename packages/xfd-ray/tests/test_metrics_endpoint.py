"""The Prometheus endpoint of a process: its answers, its ports, its threads."""

import contextlib
import gzip
import os
import resource
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from inprocess import scrape

from xfd_api.reports import NodeCounters
from xfd_ray.metrics import server
from xfd_ray.metrics.endpoint import MetricsEndpoint
from xfd_ray.metrics.figures import WorkerFigures
from xfd_ray.metrics.readings import Readings, node_readings
from xfd_ray.metrics.transfer_times import TransferTimes


@dataclass
class Endpoint:
    """An endpoint of a node that has moved nothing; its times are added by the test."""

    times: TransferTimes = field(default_factory=TransferTimes)

    def __post_init__(self) -> None:
        self.endpoint = MetricsEndpoint(self.read)
        self.serve, self.close = self.endpoint.serve, self.endpoint.close

    def read(self) -> Readings:
        return node_readings(
            NodeCounters(), WorkerFigures(7, 9), self.times.read(), root="/data", version="1.2.3"
        )


@pytest.fixture
def metrics() -> Iterator[Endpoint]:
    others = set(threading.enumerate())
    made = Endpoint()
    yield made
    made.close()
    for thread in set(threading.enumerate()) - others:
        thread.join(5)
        assert not thread.is_alive()


def test_a_process_with_many_open_files_answers_too(metrics: Endpoint):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 2048), hard), hard))
    with contextlib.ExitStack() as files:
        while files.enter_context(open(os.devnull)).fileno() <= 1024:  # noqa: PTH123
            pass
        address = metrics.serve("127.0.0.1")
        assert any(line.startswith("xfd_build_info") for line in scrape(address))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_transfer_times_are_exported_as_a_histogram(metrics: Endpoint, host: str):
    address = metrics.serve(host)
    for source, seconds in (("peer", 0.004), ("peer", 0.25), ("peer", 70.0), ("origin", 1.5)):
        metrics.times.add(source, seconds)
    lines = scrape(address)
    for line in (
        'xfd_transfer_seconds_bucket{le="0.005",source="peer"} 1.0',
        'xfd_transfer_seconds_bucket{le="0.1",source="peer"} 1.0',
        'xfd_transfer_seconds_bucket{le="0.25",source="peer"} 2.0',
        'xfd_transfer_seconds_bucket{le="60.0",source="peer"} 2.0',
        'xfd_transfer_seconds_bucket{le="+Inf",source="peer"} 3.0',
        'xfd_transfer_seconds_count{source="peer"} 3.0',
        'xfd_transfer_seconds_sum{source="origin"} 1.5',
        "xfd_retries_total 0.0",
        'xfd_disk_free_bytes{root="/data"} 7.0',
        'xfd_build_info{version="1.2.3"} 1.0',
    ):
        assert line in lines


def test_a_second_scrape_has_what_was_counted_since(metrics: Endpoint):
    address = metrics.serve("127.0.0.1")
    assert not any("xfd_transfer_seconds_count" in line for line in scrape(address))
    metrics.times.add("origin", 0.5)
    assert 'xfd_transfer_seconds_count{source="origin"} 1.0' in scrape(address)


def test_an_endpoint_that_was_never_scraped_ends_at_once(metrics: Endpoint):
    address = metrics.serve("127.0.0.1")
    metrics.close()
    with pytest.raises(OSError, match="refused"):
        scrape(address)


def connected(address: str) -> socket.socket:
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=10)


def test_an_endpoint_takes_a_free_port_of_its_range_or_none():
    with contextlib.ExitStack() as opened:
        taken = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
        first = taken.getsockname()[1]
        endpoint = Endpoint()
        opened.callback(endpoint.close)
        address = endpoint.serve("127.0.0.1", (first, first + 20))
        assert first < int(address.rpartition(":")[2]) <= first + 20
        with pytest.raises(OSError, match="in use"):
            Endpoint().serve("127.0.0.1", (first, first))


BAD_CLIENTS = {
    "idle": b"",
    "half a request": b"GET /metr",
    "no HTTP": b"\x16\x03\x01\r\n\r\n",
    "a body that never comes": b"POST / HTTP/1.1\r\nContent-Length: 9999\r\n\r\n",
    "a head without end": b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 10_000,
    "an answer that is never read": b"GET /metrics HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("sent", BAD_CLIENTS.values(), ids=BAD_CLIENTS.keys())
def test_no_number_of_connections_makes_threads_or_delays_a_scrape(metrics: Endpoint, sent: bytes):
    address = metrics.serve("127.0.0.1")
    scrape(address)
    before = threading.active_count()
    with contextlib.ExitStack() as held:
        for _ in range(3 * server.CONNECTIONS):
            client = held.enter_context(connected(address))
            with contextlib.suppress(OSError):
                client.sendall(sent)
        start = time.monotonic()
        assert "xfd_retries_total 0.0" in scrape(address)
        assert time.monotonic() - start < 2
        assert threading.active_count() <= before  # Threads of earlier tests may end meanwhile.


def test_a_connection_without_a_request_is_closed(metrics: Endpoint):
    with connected(metrics.serve("127.0.0.1")) as idle:
        start = time.monotonic()
        with contextlib.suppress(ConnectionError):
            assert idle.recv(1) == b""
        assert time.monotonic() - start < 2 * server.HEAD_S


def test_paths_methods_and_formats_of_requests_are_honoured(metrics: Endpoint):
    address = metrics.serve("127.0.0.1")

    def ask(path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        request = urllib.request.Request(f"http://{address}{path}", method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as refused:
            return refused.code, dict(refused.headers), b""

    status, headers, body = ask("/metrics", **{"Accept-Encoding": "gzip"})
    assert (status, headers["Content-Encoding"]) == (200, "gzip")
    assert b"xfd_retries_total" in gzip.decompress(body)
    status, headers, body = ask("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert "openmetrics" in headers["Content-Type"]
    assert body.endswith(b"# EOF\n")
    status, _, body = ask("/metrics?name[]=xfd_retries_total")
    assert b"xfd_retries_total" in body
    assert b"xfd_bytes" not in body
    assert ask("/metrics", "HEAD")[0::2] == (200, b"")
    assert ask("/metrics", "POST")[0] == 405
