"""A node's endpoint: what it tells, and what it leaves behind."""

import threading

import pytest
from inprocess import scrape

from xfd_api.ids import ChunkIndex, NodeId, OrderId
from xfd_api.reports import ChunkHeld, NodeCounters
from xfd_ray.metrics import NodeMetrics


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
def test_transfers_are_told_as_a_histogram(metrics: NodeMetrics, host: str):
    address = metrics.serve(host)
    metrics.observe([held(0.004, "a"), held(0.25, "b"), held(70.0, "a"), held(1.5, None)])
    told = scrape(address)
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
        assert line in told


def test_a_second_scrape_tells_what_came_since(metrics: NodeMetrics):
    address = metrics.serve("127.0.0.1")
    assert not any("xfd_transfer_seconds_count" in line for line in scrape(address))
    metrics.observe([held(0.5, None)])
    assert 'xfd_transfer_seconds_count{source="origin"} 1.0' in scrape(address)


def test_an_endpoint_that_nobody_scraped_ends_at_once(metrics: NodeMetrics):
    address = metrics.serve("127.0.0.1")
    metrics.close()
    with pytest.raises(OSError, match="refused"):
        scrape(address)
