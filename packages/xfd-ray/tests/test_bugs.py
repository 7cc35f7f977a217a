"""A bug in the scheduler is an error with its words, not a distribution that hangs."""

from __future__ import annotations

import pytest
from inprocess import LocalCluster, lease, over, run_async, until

from xfd_api.errors import InternalError
from xfd_ray.coordinator.coordinator import Coordinator

MIB = 2**20
SIZES = {"big": 8 * MIB, "other": 2 * MIB}
SCHEDULER = "xfd_scheduler.scheduler.Scheduler"


def broken(*args: object) -> None:
    raise KeyError("chunk 7")


@run_async
async def test_a_bug_in_planning_fails_every_lease_once_and_the_next_lease_works():
    cluster = LocalCluster(2, SIZES)
    coordinator = Coordinator(cluster, tick_s=0.05)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{SCHEDULER}.plan", broken)
        for name, key in (("a", "big"), ("b", "other")):
            await coordinator.attach(lease(name, key))
        for name in ("a", "b"):
            error = (await over(coordinator, name)).error
            assert isinstance(error, InternalError)
            assert "KeyError: 'chunk 7'" in str(error)
    await coordinator.attach(lease("c", "big"))
    assert (await over(coordinator, "c")).report is not None
    for name in ("a", "b", "c"):
        await coordinator.detach(name)
    assert all(not worker.worker._swarms for worker in cluster.workers)


@run_async
async def test_a_bug_that_a_report_brings_to_light_fails_the_lease():
    cluster = LocalCluster(2, SIZES)
    cluster.prepare = lambda plane: setattr(plane, "paused", True)
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("a", "big"))
    await until(lambda: any(plane.submitted for plane in cluster.planes.values()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{SCHEDULER}.handle", broken)
        for plane in cluster.planes.values():
            plane.resume()
        error = (await over(coordinator, "a")).error
    assert isinstance(error, InternalError)
    assert "KeyError: 'chunk 7'" in str(error)
    await coordinator.detach("a")
    assert all(not worker.worker._swarms for worker in cluster.workers)


@run_async
async def test_a_bug_in_the_handling_of_a_lost_node_fails_the_lease():
    cluster = LocalCluster(2, SIZES)
    cluster.prepare = lambda plane: setattr(plane, "paused", True)
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("a", "big"))
    await until(lambda: "n1" in cluster.planes and bool(cluster.planes["n1"].submitted))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xfd_ray.coordinator.lease_progress.LeaseProgress.start_over", broken)
        cluster.kill_worker("n1")
        error = (await over(coordinator, "a")).error
    assert isinstance(error, InternalError)
    await coordinator.detach("a")
