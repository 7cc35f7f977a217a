"""Metrics through Ray: absolute counts become increments, once each. No Ray."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from inprocess import LocalCluster, lease, over, run_async, scrape, until
from structlog.testing import capture_logs

from xfd_api.ids import ChunkIndex, NodeId, OrderId
from xfd_api.metrics import METRICS, Metric
from xfd_api.reports import ChunkHeld, NodeCounters
from xfd_ray.coordinator.coordinator import Coordinator
from xfd_ray.metrics.choice import MetricsChoice
from xfd_ray.metrics.figures import WorkerFigures
from xfd_ray.metrics.increments import Increments
from xfd_ray.metrics.outlets import MetricsOutlets
from xfd_ray.metrics.publisher import MIDDLES_S, Publisher
from xfd_ray.metrics.readings import BUCKETS_S, Readings, node_readings
from xfd_ray.metrics.targets import MetricsTarget
from xfd_ray.metrics.transfer_times import TransferTimes
from xfd_ray.placement import NodeInfo
from xfd_ray.telemetry.log import Log
from xfd_ray.worker.metrics import NodeMetrics

MIB = 2**20


@dataclass
class Exported:
    """An `Exporter` that adds up what it takes, as Ray's agent does."""

    counters: Counter[tuple[str, str]] = field(default_factory=Counter)
    gauges: dict[tuple[str, str], float] = field(default_factory=dict)
    times: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    calls: int = 0

    def add(self, row: Metric, label: str, amount: float) -> None:
        assert (row.kind, amount >= 0) == ("counter", True)
        self.calls += 1
        self.counters[row.name, label] += amount  # type: ignore[assignment]

    def set(self, row: Metric, label: str, value: float) -> None:
        assert row.kind == "gauge"
        self.gauges[row.name, label] = value

    def observe(self, row: Metric, label: str, seconds: float) -> None:
        assert row.kind == "histogram"
        self.times.setdefault((row.name, label), []).append(seconds)


def readings(counters: NodeCounters, times: TransferTimes | None = None) -> Readings:
    read = (times or TransferTimes()).read()
    return node_readings(counters, WorkerFigures(), read, root="/data", version="1")


ORIGIN = ("xfd_bytes_total", "origin")


@pytest.mark.parametrize(
    ("counts", "total"),
    [
        ([0, 5, 5, 8], 8),  # only grows
        ([8], 8),  # a short run: one look at its end
        ([5, 9, 0, 4], 13),  # begun anew, and seen at zero
        ([5, 9, 4], 13),  # begun anew, and seen later
        ([2**53 - 1], 2**53 - 1),
    ],
)
def test_increments_add_up_to_what_was_counted(counts: list[int], total: int):
    exported = Exported()
    publisher = Publisher(exported)
    for count in counts:
        publisher.publish(readings(NodeCounters(origin_bytes=count)))
    assert exported.counters[ORIGIN] == total


def test_a_counter_is_known_from_the_start_and_told_only_what_changes():
    exported = Exported()
    publisher = Publisher(exported)
    publisher.publish(readings(NodeCounters()))
    known = {
        (row.name, label)
        for row in METRICS
        if row.kind == "counter" and row.origin == "data plane"
        for label in row.series
    }
    assert set(exported.counters) == known
    assert set(exported.counters.values()) == {0}
    before = exported.calls
    publisher.publish(readings(NodeCounters()))
    assert exported.calls == before
    publisher.publish(readings(NodeCounters(retries=2)))
    assert exported.calls == before + 1


def test_a_gauge_is_told_every_time():
    exported = Exported()
    publisher = Publisher(exported)
    for active in (3, 3, 0):
        exported.gauges.clear()
        publisher.publish(readings(NodeCounters(active_peer=active)))
        assert exported.gauges["xfd_active_transfers", "peer"] == active


def test_each_transfer_time_is_observed_once_in_its_bucket():
    times, exported = TransferTimes(), Exported()
    publisher = Publisher(exported)
    for seconds in (0.004, 0.3, 99.0):
        times.add("peer", seconds)
        publisher.publish(readings(NodeCounters(), times))
    publisher.publish(readings(NodeCounters(), times))
    observed = exported.times["xfd_transfer_seconds", "peer"]
    assert observed == [MIDDLES_S[0], MIDDLES_S[6], MIDDLES_S[-1]]
    lows = (0.0, *BUCKETS_S)
    highs = (*BUCKETS_S, float("inf"))
    assert all(
        low < middle < high for low, middle, high in zip(lows, MIDDLES_S, highs, strict=True)
    )


def test_histograms_that_begin_anew_count_whole():
    increments = Increments()
    first, second = TransferTimes(), TransferTimes()
    for _ in range(3):
        first.add("peer", 0.3)
    second.add("peer", 0.3)
    increments.of_times(readings(NodeCounters(), first))
    (added,) = increments.of_times(readings(NodeCounters(), second)).values()
    assert sum(added) == 1


def test_choices_of_several_calls_add_up_and_the_first_ports_stay():
    choice = MetricsChoice.of("off")
    for later in (
        MetricsChoice.of("ray"),
        MetricsChoice.of("port", (9300, 9310)),
        MetricsChoice.of("both", (1, 2)),
        MetricsChoice.of("off"),
    ):
        choice = choice.plus(later)
    assert choice == MetricsChoice(ray=True, port=True, ports=(9300, 9310))


class Broken(Exported):
    def set(self, row: Metric, label: str, value: float) -> None:
        raise RuntimeError("Ray is not well")


def test_an_exporter_that_fails_is_left_alone():
    outlets = MetricsOutlets(lambda: readings(NodeCounters()), Broken, Log())
    outlets.open(MetricsChoice(ray=True), "127.0.0.1")
    outlets.publish()
    outlets.close()


def test_a_process_that_finds_no_port_says_so_and_goes_on():
    exported = Exported()
    outlets = MetricsOutlets(lambda: readings(NodeCounters(retries=1)), lambda: exported, Log())
    with socket.create_server(("127.0.0.1", 0)) as taken, capture_logs() as logged:
        port = taken.getsockname()[1]
        outlets.open(MetricsChoice(ray=True, port=True, ports=(port, port)), "127.0.0.1")
    assert outlets.address == ""
    assert exported.counters["xfd_retries_total", ""] == 1
    (event,) = logged
    assert event["event"] == "xfd.metrics.unavailable"
    assert str(port) in event["error"]
    outlets.close()


@run_async
async def test_a_worker_publishes_the_rest_when_it_closes():
    exported = Exported()
    counted = [NodeCounters()]
    metrics = NodeMetrics(lambda: counted[0], "/", "127.0.0.1", lambda: exported, Log())
    assert metrics.open(MetricsChoice(ray=True)) == ""
    counted[0] = NodeCounters(origin_bytes=5)
    metrics.observe(
        [ChunkHeld(OrderId(1), ChunkIndex(1), 0, NodeId("n1"), 10, 0.5, transfer_seconds=0.5)]
    )
    await until(lambda: bool(metrics._room))
    await metrics.close()
    assert exported.counters[ORIGIN] == 5
    assert len(exported.times["xfd_transfer_seconds", "peer"]) == 1
    assert metrics._room is not None
    figures: Any = metrics.read().values
    assert figures["xfd_disk_size_bytes", "/"] == metrics._room.size_bytes


@run_async
async def test_nothing_listens_unless_a_call_asks_for_it():
    cluster = LocalCluster(2, {"big": 8 * MIB})
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("first", "big"))
    await over(coordinator, "first")
    assert await coordinator.metrics_targets() == []
    assert (await coordinator.status()).metrics_address == ""
    await coordinator.attach(lease("second", "big", metrics=MetricsChoice(port=True)))
    await over(coordinator, "second")

    targets: list[MetricsTarget] = []
    while len(targets) < 3:  # Running workers get theirs a moment later.
        targets = await coordinator.metrics_targets()
    status = await coordinator.status()
    assert {target.address for target in targets if target.role == "worker"} == {
        node.metrics_address for node in status.nodes
    }
    (own,) = (target for target in targets if target.role == "coordinator")
    assert own == MetricsTarget(status.metrics_address, "coordinator", NodeId("n0"), "host-n0")

    lines = await asyncio.to_thread(scrape, status.metrics_address)
    assert any(line.startswith('xfd_nodes{state="done"}') for line in lines)
    await coordinator.detach("first")
    await coordinator.detach("second")


@run_async
async def test_a_coordinator_does_not_end_while_it_opens_an_endpoint():
    cluster, now, is_known = LocalCluster(1, {"big": MIB}), [0.0], asyncio.Event()

    async def here() -> NodeInfo:
        await is_known.wait()
        return cluster.live[0]

    cluster.here = here  # type: ignore[method-assign]
    coordinator = Coordinator(cluster, tick_s=10.0, first_lease_s=5.0, clock=lambda: now[0])
    at_port = MetricsChoice(port=True)
    attaching = asyncio.create_task(coordinator.attach(lease("l", "big", metrics=at_port)))
    await asyncio.sleep(0)
    for _ in range(3):
        now[0] += 10.0
        await coordinator.tick()
    assert not cluster.ended.is_set()
    is_known.set()
    await attaching
    assert (await over(coordinator, "l")).report is not None
    await coordinator.detach("l")


@run_async
async def test_sums_over_leases_agree_with_their_reports():
    cluster = LocalCluster(3, {"big": 8 * MIB, "other": MIB})
    exported = cluster.exported = Exported()
    coordinator = Coordinator(cluster, tick_s=0.05)
    reports = []
    for name, keys in (("a", ("big",)), ("b", ("big", "other"))):
        await coordinator.attach(lease(name, *keys))
        report = (await over(coordinator, name)).report
        assert report is not None
        reports.append(report)
        await coordinator.detach(name)
    await coordinator.attach(lease("c", "missing"))
    await over(coordinator, "c")
    await coordinator.detach("c")
    coordinator._metrics.publish()
    counters = exported.counters
    for source, field_name in (
        ("origin", "origin_bytes"),
        ("peer", "peer_bytes"),
        ("cache", "cached_bytes"),
        ("resumed", "resumed_bytes"),
        ("shared", "shared_bytes"),
    ):
        expected = sum(getattr(report, field_name) for report in reports)
        assert counters["xfd_lease_bytes_total", source] == expected, source
    assert counters["xfd_lease_missing_bytes_total", ""] == 9 * MIB
    assert counters["xfd_leases_ended_total", "done"] == 2
    assert counters["xfd_leases_ended_total", "failed"] == 1
    assert exported.gauges["xfd_amplification_ratio", ""] == 1.0
    assert exported.gauges["xfd_nodes", "idle"] == 3
    assert sum(value for (name, _), value in exported.gauges.items() if name == "xfd_nodes") == 3


@run_async
async def test_a_lease_that_is_attached_again_counts_once():
    cluster = LocalCluster(2, {"big": 8 * MIB})
    exported = cluster.exported = Exported()
    coordinator = Coordinator(cluster, tick_s=0.05, lease_ttl_s=0.3)
    request = lease("a", "big")
    await coordinator.attach(request)
    await over(coordinator, "a")
    while await coordinator.lease_ids():
        await coordinator.tick()
    await coordinator.attach(replace(request, running_s=1.0))
    await over(coordinator, "a")
    await coordinator.detach("a")
    coordinator._metrics.publish()
    assert exported.counters["xfd_lease_bytes_total", "origin"] == 8 * MIB
    assert exported.counters["xfd_lease_missing_bytes_total", ""] == 8 * MIB
    assert exported.counters["xfd_leases_ended_total", "expired"] == 1
    assert exported.counters["xfd_leases_ended_total", "done"] == 1


@run_async
async def test_a_lost_worker_is_counted():
    cluster = LocalCluster(2, {"big": 8 * MIB})
    exported = cluster.exported = Exported()
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("a", "big"))
    await over(coordinator, "a")
    cluster.remove_node("n1")
    await until(lambda: coordinator._pool.workers_lost == 1)
    coordinator._metrics.publish()
    assert exported.counters["xfd_workers_lost_total", ""] == 1
