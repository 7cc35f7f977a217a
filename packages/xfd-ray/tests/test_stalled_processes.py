"""Coordinators, drivers and workers that are stopped for a while, and go on. No Ray anywhere.

A coordinator stands still here when its event loop is blocked; a driver, when its lease is not
renewed. Real drivers' clients run in threads of their own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import pytest
from inprocess import LocalCluster, lease, over, run_async, until

from xfd_api.results import DistributionReport
from xfd_ray.client.lease_client import LeaseClient
from xfd_ray.coordinator.coordinator import Coordinator
from xfd_ray.messages import LeaseRequest, LeaseState, LeaseStatus
from xfd_ray.report_format import report_text

MIB = 2**20
SIZES = {"big": 8 * MIB, "small": 100}
TTL_S = 0.4
TICK_S = 0.05


class ThreadSafeCoordinator:
    """A coordinator, as a driver in another thread calls it."""

    def __init__(self, coordinator: Coordinator, loop: asyncio.AbstractEventLoop) -> None:
        self._coordinator, self._loop = coordinator, loop
        self.attaches = 0

    def connect(self, request: LeaseRequest) -> None:
        pass

    def attach(self, request: LeaseRequest, timeout_s: float) -> LeaseStatus:
        self.attaches += 1
        return self._call(self._coordinator.attach(request), timeout_s)

    def watch(self, lease_id: str, wait_s: float, timeout_s: float) -> LeaseStatus:
        return self._call(self._coordinator.watch(lease_id, min(wait_s, 0.1)), timeout_s)

    def renew(self, lease_id: str, timeout_s: float) -> LeaseState:
        return self._call(self._coordinator.renew(lease_id), timeout_s)

    def detach(self, lease_id: str, timeout_s: float) -> None:
        self._call(self._coordinator.detach(lease_id), timeout_s)

    def _call(self, work: Coroutine[Any, Any, Any], timeout_s: float) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout_s)


class Scenario:
    """Two nodes that wait with their fetches, a coordinator, and a driver that waits for them."""

    def __init__(self, **options: Any) -> None:
        self.cluster = LocalCluster(2, SIZES)
        self.cluster.prepare = lambda plane: setattr(plane, "paused", True)
        self.coordinator = Coordinator(self.cluster, lease_ttl_s=TTL_S, tick_s=TICK_S, **options)
        self.api = ThreadSafeCoordinator(self.coordinator, asyncio.get_running_loop())
        self.client = LeaseClient(lease("l", "big", "small"), self.api)

    def drive(self) -> asyncio.Task[DistributionReport]:
        return asyncio.create_task(asyncio.to_thread(self.client.run))

    async def started(self) -> None:
        await until(lambda: any(plane.submitted for plane in self.cluster.planes.values()))

    def resume(self) -> None:
        self.cluster.prepare = lambda plane: None
        for plane in self.cluster.planes.values():
            plane.resume()


@pytest.mark.parametrize("pause_s", [2 * TTL_S, 6 * TTL_S])
def test_a_coordinator_that_is_stopped_costs_no_lease(pause_s: float) -> None:
    @run_async
    async def check() -> None:
        scenario = Scenario()
        report = scenario.drive()
        await scenario.started()
        time.sleep(pause_s)
        scenario.resume()
        found = await report
        assert scenario.api.attaches == 1
        assert (found.origin_bytes, found.cached_bytes) == (8 * MIB + 100, 0)
        assert found.elapsed_s >= pause_s

    check()


@run_async
async def test_a_held_lease_outlives_a_coordinator_that_is_stopped():
    scenario = Scenario()
    scenario.cluster.prepare = lambda plane: None
    await scenario.drive()
    time.sleep(4 * TTL_S)
    assert (await scenario.coordinator.watch("l", 0.0)).state is LeaseState.DONE
    await asyncio.sleep(2 * TICK_S)
    assert await scenario.coordinator.lease_ids() == ["l"]


@run_async
async def test_a_coordinator_that_was_stopped_still_notices_that_a_driver_is_gone():
    scenario = Scenario()
    await scenario.coordinator.attach(lease("l", "big", keep_s=0.1))
    time.sleep(2 * TTL_S)
    assert await scenario.coordinator.lease_ids() == ["l"]
    await until(lambda: scenario.cluster.ended.is_set())


@run_async
async def test_a_driver_that_was_stopped_gets_a_report_of_all_that_was_moved():
    """Its lease expires in the middle; it attaches again, and some of the chunks are there."""
    scenario = Scenario()
    request = lease("l", "big", "small", keep_s=0)
    await scenario.coordinator.attach(request)
    await scenario.started()
    scenario.resume()
    first = (await over(scenario.coordinator, "l")).report
    assert first is not None
    await until(lambda: not scenario.coordinator._leases)
    status = await scenario.coordinator.watch("l", 0.0)
    assert status.state is LeaseState.UNKNOWN
    assert (await scenario.coordinator.attach(request)).state is not LeaseState.UNKNOWN
    again = (await over(scenario.coordinator, "l")).report
    assert again is not None
    total = 8 * MIB + 100
    assert (again.origin_bytes, again.peer_bytes, again.cached_bytes) == (total, total, 0)
    assert again.missing_bytes == total
    assert again.amplification == 1.0
    assert again.elapsed_s == first.elapsed_s  # to the last file, though the driver slept on
    assert [item.origin_bytes for item in again.objects] == [8 * MIB, 100]
    assert again.traffic.origin_bytes == total
    assert scenario.cluster.origin.read_bytes == total
    sums_agree(again)


@run_async
async def test_a_driver_that_was_stopped_in_the_middle_goes_on_from_what_there_is():
    scenario = Scenario()
    await scenario.coordinator.attach(lease("l", "big", "small"))
    await scenario.started()
    await until(lambda: all(plane.left for plane in scenario.cluster.planes.values()))
    scenario.resume()
    report = await scenario.drive()
    assert (report.origin_bytes, report.peer_bytes) == (8 * MIB + 100, 8 * MIB + 100)
    sums_agree(report)


@run_async
async def test_a_report_says_what_a_lost_coordinator_had_counted_alone():
    scenario = Scenario()
    scenario.cluster.prepare = lambda plane: None
    await scenario.coordinator.attach(lease("l", "big", running_s=12.5))
    report = (await over(scenario.coordinator, "l")).report
    assert report is not None
    assert report.uncounted_s == 12.5
    assert report.elapsed_s > 12.5
    assert "lost: bytes moved in the first 12.5 s" in report_text(report)


@run_async
async def test_what_a_lease_found_is_kept_for_a_driver_that_comes_back():
    scenario = Scenario()
    request = lease("l", "big")
    await scenario.coordinator.attach(request)
    scenario.cluster.prepare = lambda plane: None
    await scenario.started()
    scenario.resume()
    assert (await over(scenario.coordinator, "l")).report is not None
    await until(lambda: not scenario.coordinator._leases)
    scenario.cluster.origin.versions["big"] += 1
    await scenario.coordinator.attach(request)
    report = (await over(scenario.coordinator, "l")).report
    assert report is not None
    assert scenario.cluster.origin.finds == 1
    assert scenario.cluster.origin.read_bytes == 8 * MIB


@run_async
async def test_a_driver_whose_lease_expires_while_it_waits_attaches_again():
    scenario = Scenario()
    report = scenario.drive()
    await scenario.started()
    known = scenario.coordinator._leases["l"]
    known[0].renewed = -1e9  # As if nothing had been heard of it.
    await scenario.coordinator.tick()
    scenario.resume()
    found = await report
    assert scenario.api.attaches == 2
    assert found.origin_bytes == 8 * MIB + 100
    sums_agree(found)


@run_async
async def test_a_worker_that_is_killed_is_not_called_cached_when_it_comes_back():
    scenario = Scenario()
    scenario.cluster.prepare = lambda plane: setattr(plane, "paused", plane.node == "n1")
    report = scenario.drive()
    await until(
        lambda: bool(scenario.cluster.planes.get("n1") and scenario.cluster.planes["n1"].submitted)
    )
    await until(lambda: scenario.cluster.planes["n0"].counted.origin_bytes > 0)
    scenario.cluster.kill_worker("n0")
    await until(lambda: scenario.cluster.starts["n0"] == 2)
    scenario.resume()
    found = await report
    assert found.cached_bytes == 0
    sums_agree(found)


def sums_agree(report: DistributionReport) -> None:
    """Each total is the sum of its parts, and each node's bytes came from somewhere."""
    nodes = [node for node in report.nodes if node.state == "done"]
    for name in ("origin_bytes", "peer_bytes", "cached_bytes", "resumed_bytes", "shared_bytes"):
        assert getattr(report, name) == sum(getattr(node, name) for node in report.nodes), name
    assert report.origin_bytes == sum(item.origin_bytes for item in report.objects)
    assert report.peer_bytes == sum(node.served_bytes for node in report.nodes)
    for node in nodes:
        found = node.cached_bytes + node.resumed_bytes + node.shared_bytes
        assert node.bytes == found + node.origin_bytes + node.peer_bytes, node


@run_async
async def test_a_driver_that_comes_back_takes_the_newer_version_that_another_brought_meanwhile():
    scenario = Scenario()
    scenario.cluster.prepare = lambda plane: None
    request = lease("l", "big")
    await scenario.coordinator.attach(request)
    assert (await over(scenario.coordinator, "l")).report is not None
    await until(lambda: not scenario.coordinator._leases)
    scenario.cluster.origin.versions["big"] += 1
    held = asyncio.create_task(over_and_over(scenario.coordinator))
    await scenario.coordinator.attach(lease("other", "big"))
    assert (await over(scenario.coordinator, "other")).report is not None
    await scenario.coordinator.attach(request)
    status = await over(scenario.coordinator, "l")
    held.cancel()
    assert status.report is not None, status.error
    assert scenario.cluster.origin.finds == 3


async def over_and_over(coordinator: Coordinator) -> None:
    """Renews the lease of another driver."""
    while True:
        await coordinator.watch("other", 0.0)
        await asyncio.sleep(TICK_S)
