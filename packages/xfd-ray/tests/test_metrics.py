"""A node's Prometheus endpoint: the table that it follows, its answers, its threads."""

import contextlib
import gzip
import re
import socket
import threading
import time
import urllib.error
import urllib.request
from dataclasses import fields, replace
from pathlib import Path

import pytest
from inprocess import scrape

from xfd_api.ids import ChunkIndex, NodeId, OrderId
from xfd_api.metrics import METRICS, Metric
from xfd_api.reports import ChunkHeld, NodeCounters
from xfd_ray.worker import metrics_server
from xfd_ray.worker.exposition import NodeCollector
from xfd_ray.worker.metrics import NodeMetrics
from xfd_ray.worker.transfer_times import TransferTimes


def held(seconds: float, source: str | None) -> ChunkHeld:
    peer = None if source is None else NodeId(source)
    return ChunkHeld(OrderId(1), ChunkIndex(1), 0, peer, 10, seconds, transfer_seconds=seconds)


@pytest.fixture
def metrics():
    others = set(threading.enumerate())
    made = NodeMetrics(NodeCounters)
    yield made
    made.close()
    for thread in set(threading.enumerate()) - others:
        thread.join(5)
        assert not thread.is_alive()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_transfer_times_are_exported_as_a_histogram(metrics: NodeMetrics, host: str):
    address = metrics.serve(host)
    metrics.observe([held(0.004, "a"), held(0.25, "b"), held(70.0, "a"), held(1.5, None)])
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
    ):
        assert line in lines


def test_a_second_scrape_has_what_was_counted_since(metrics: NodeMetrics):
    address = metrics.serve("127.0.0.1")
    assert not any("xfd_transfer_seconds_count" in line for line in scrape(address))
    metrics.observe([held(0.5, None)])
    assert 'xfd_transfer_seconds_count{source="origin"} 1.0' in scrape(address)


def test_an_endpoint_that_was_never_scraped_ends_at_once(metrics: NodeMetrics):
    address = metrics.serve("127.0.0.1")
    metrics.close()
    with pytest.raises(OSError, match="refused"):
        scrape(address)


def samples(counters: NodeCounters) -> dict[tuple[str, str], float]:
    collected = NodeCollector(lambda: counters, TransferTimes()).collect()
    return {
        (sample.name, "".join(sample.labels.values())): sample.value
        for family in collected
        for sample in family.samples
    }


@pytest.mark.parametrize("name", [item.name for item in fields(NodeCounters)])
def test_every_counter_of_the_data_plane_changes_what_is_exported(name: str):
    zeros = samples(NodeCounters())
    assert samples(replace(NodeCounters(), **{name: 7})) != zeros


def test_the_values_of_a_label_never_overlap():
    exported = samples(
        NodeCounters(objects_landed=3, objects_cached=4, origin_answers=8, origin_failures=2)
    )
    assert exported["xfd_objects_total", "landed"] == 3
    assert exported["xfd_objects_total", "cache"] == 4
    assert exported["xfd_origin_requests_total", "answered"] == 8
    assert exported["xfd_origin_requests_total", "failed"] == 2


def test_each_counter_of_the_data_plane_has_one_series_of_the_table():
    series = [
        field for row in METRICS if row.origin == "data plane" for field in row.series.values()
    ]
    assert sorted(series) == sorted(item.name for item in fields(NodeCounters))


def test_each_row_reads_fields_that_there_are():
    for row in METRICS:
        reported = NodeCounters if row.origin == "data plane" else ChunkHeld
        assert {item.name for item in fields(reported)} >= set(row.series.values()), row.name
        assert (row.label is None) == (list(row.series) == [""]), row.name


def test_names_follow_the_conventions_of_prometheus():
    assert len({row.name for row in METRICS}) == len(METRICS)
    for row in METRICS:
        assert re.fullmatch(r"xfd(_[a-z]+)+", row.name)
        assert row.name.endswith("_total") is (row.kind == "counter")
        assert row.unit is None or row.name.removesuffix("_total").endswith(f"_{row.unit}")
        assert not row.help.endswith(".")


def test_an_endpoint_exports_the_metrics_of_the_table_and_no_others():
    times = TransferTimes()
    for source in ("origin", "peer"):
        times.add(source, 0.5)
    exported = {
        (re.sub(r"_(bucket|count|sum)$", "", sample.name), label, value)
        for family in NodeCollector(NodeCounters, times).collect()
        for sample in family.samples
        for label, value in list(sample.labels.items()) or [(None, "")]
        if label != "le"
    }
    assert exported == {(row.name, row.label, value) for row in METRICS for value in row.series}


def test_the_documents_have_the_same_table():
    lines = (Path(__file__).parents[3] / "docs/telemetry.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| `xfd_")]
    assert rows == [document_row(row) for row in METRICS]


def document_row(row: Metric) -> str:
    values = ", ".join(f"`{value}`" for value in row.series if value)
    label = f"`{row.label}`: {values}" if row.label else ""
    return f"| `{row.name}` | {row.kind} | {label} | {row.help} |"


def connected(address: str) -> socket.socket:
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=10)


BAD_CLIENTS = {
    "idle": b"",
    "half a request": b"GET /metr",
    "no HTTP": b"\x16\x03\x01\r\n\r\n",
    "a body that never comes": b"POST / HTTP/1.1\r\nContent-Length: 9999\r\n\r\n",
    "a head without end": b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 10_000,
    "an answer that is never read": b"GET /metrics HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("sent", BAD_CLIENTS.values(), ids=BAD_CLIENTS.keys())
def test_no_number_of_connections_makes_threads_or_delays_a_scrape(
    metrics: NodeMetrics, sent: bytes
):
    address = metrics.serve("127.0.0.1")
    scrape(address)
    before = threading.active_count()
    with contextlib.ExitStack() as held:
        for _ in range(3 * metrics_server.CONNECTIONS):
            client = held.enter_context(connected(address))
            with contextlib.suppress(OSError):
                client.sendall(sent)
        start = time.monotonic()
        assert "xfd_retries_total 0.0" in scrape(address)
        assert time.monotonic() - start < 2
        assert threading.active_count() <= before  # Threads of earlier tests may end meanwhile.


def test_a_connection_without_a_request_is_closed(metrics: NodeMetrics):
    with connected(metrics.serve("127.0.0.1")) as idle:
        start = time.monotonic()
        with contextlib.suppress(ConnectionError):
            assert idle.recv(1) == b""
        assert time.monotonic() - start < 2 * metrics_server.HEAD_S


def test_paths_methods_and_formats_of_requests_are_honoured(metrics: NodeMetrics):
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
