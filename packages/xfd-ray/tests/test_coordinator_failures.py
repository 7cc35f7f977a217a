"""Nodes, workers and stores that fail while a lease runs. No Ray anywhere."""

from __future__ import annotations

import pytest
from inprocess import LocalCluster, lease, over, run_async, until

from xfd_api.errors import (
    AccessDeniedError,
    DiskFullError,
    InternalError,
    NodeLostError,
    ObjectNotFoundError,
    OriginThrottledError,
    PeerPortError,
    RuntimeEnvError,
    VersionMismatchError,
)
from xfd_api.ids import ChunkIndex
from xfd_api.testing import FakeFault
from xfd_ray.coordinator.coordinator import Coordinator
from xfd_ray.telemetry import log, log_events

MIB = 2**20
SIZES = {"big": 8 * MIB, "small": 100, "other": 2 * MIB}


@run_async
async def test_a_node_that_dies_is_lost_and_the_others_finish():
    cluster = LocalCluster(3, SIZES)
    cluster.prepare = lambda plane: setattr(plane, "paused", plane.node == "n1")
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("l", "big"))
    await until(lambda: "n1" in cluster.planes and bool(cluster.planes["n1"].submitted))
    cluster.remove_node("n1")
    report = (await over(coordinator, "l")).report
    assert report is not None
    assert report.nodes_lost == ("n1",)
    assert [node.state for node in report.nodes] == ["done", "lost", "done"]
    assert {item.nodes_landed for item in report.objects} == {2}


@run_async
async def test_a_node_that_dies_ends_a_distribution_that_is_to_fail():
    cluster = LocalCluster(2, SIZES)
    cluster.prepare = lambda plane: setattr(plane, "paused", True)
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("l", "big", on_node_failure="fail"))
    await until(lambda: "n1" in cluster.planes and bool(cluster.planes["n1"].submitted))
    cluster.remove_node("n1")
    error = (await over(coordinator, "l")).error
    assert isinstance(error, NodeLostError)
    assert error.node == "n1"


@run_async
async def test_a_worker_that_dies_on_a_living_node_is_started_again():
    cluster = LocalCluster(2, SIZES)
    cluster.prepare = lambda plane: setattr(plane, "paused", plane.node == "n1")
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("l", "big"))
    await until(lambda: "n1" in cluster.planes and bool(cluster.planes["n1"].submitted))
    cluster.planes["n1"].paused = False
    cluster.kill_worker("n1")
    report = (await over(coordinator, "l")).report
    assert report is not None
    assert report.nodes_lost == ()
    assert [node.state for node in report.nodes] == ["done", "done"]
    assert len(cluster.workers) == 3


@run_async
async def test_a_worker_that_falls_silent_is_replaced():
    cluster = LocalCluster(2, SIZES)
    cluster.prepare = lambda plane: setattr(plane, "paused", plane.node == "n1")
    coordinator = Coordinator(cluster, tick_s=0.05)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xfd_ray.loop.node_channel.QUIET_S", 0.05)
        patch.setattr("xfd_ray.loop.node_channel.SILENCE_S", 0.1)
        await coordinator.attach(lease("l", "big"))
        await until(lambda: "n1" in cluster.planes and bool(cluster.planes["n1"].submitted))
        cluster.planes["n1"].paused = False
        cluster.worker_of("n1").delays_s["exchange"] = 3600
        await until(lambda: cluster.starts["n1"] == 2)
    report = (await over(coordinator, "l")).report
    assert report is not None
    assert [node.state for node in report.nodes] == ["done", "done"]


@run_async
async def test_answers_that_get_lost_are_given_again():
    cluster = LocalCluster(2, SIZES)
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("l", "big"))
    await until(lambda: len(cluster.workers) == 2)
    for worker in cluster.workers:
        worker.drop_answers = 2
    report = (await over(coordinator, "l")).report
    assert report is not None
    assert report.nodes_lost == ()
    assert cluster.origin.read_bytes == 8 * MIB
    assert report.peer_bytes == 8 * MIB


@run_async
async def test_a_missing_object_fails_before_anything_moves():
    cluster = LocalCluster(2, SIZES)
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("l", "big", "absent"))
    error = (await over(coordinator, "l")).error
    assert isinstance(error, ObjectNotFoundError)
    assert error.object == "absent"
    assert error.node in {"n0", "n1"}
    assert cluster.origin.read_bytes == 0


@run_async
async def test_a_full_disk_is_an_error_after_the_others_have_finished():
    cluster = LocalCluster(3, SIZES)
    full = DiskFullError("8 MiB are missing", path="/data")
    cluster.prepare = lambda plane: setattr(
        plane, "extend_error", full if plane.node == "n2" else None
    )
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("l", "big"))
    error = (await over(coordinator, "l")).error
    assert isinstance(error, DiskFullError)
    assert (error.node, error.path) == ("n2", "/data")
    assert cluster.planes["n0"].counted.origin_bytes + cluster.planes["n0"].counted.peer_bytes > 0


@run_async
async def test_all_nodes_wait_for_the_reset_of_a_rate_limit_and_say_so():
    events = []
    cluster = LocalCluster(3, SIZES)
    busy = OriginThrottledError("The origin answered with status 429")
    fault = FakeFault(busy, retry_after_s=1.0)
    faults = {ChunkIndex(chunk): fault for chunk in range(3)}
    cluster.prepare = lambda plane: plane.faults.update(faults)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log.Log, "emit", lambda _, event, **fields: events.append(event))
        coordinator = Coordinator(cluster, tick_s=0.05)
        await coordinator.attach(lease("l", "big"))
        await until(lambda: log_events.ORIGIN_RESTS in events)
        status = await coordinator.watch("l", 0.1)
        assert "the origin's rate limit, which is reset at" in str(status.waits_for)
        status = await over(coordinator, "l")
    assert status.report is not None
    assert status.waits_for is None
    assert 1.0 <= status.report.elapsed_s < 10.0
    assert events.count(log_events.ORIGIN_RESTS) < events.count(log_events.ORDER_FAILED)


@run_async
async def test_an_origins_final_refusal_fails_with_its_own_type():
    cluster = LocalCluster(2, SIZES)
    denied = AccessDeniedError("403", object="big")
    fault = FakeFault(denied, "origin", final=True, times=99)
    cluster.prepare = lambda plane: plane.faults.update({ChunkIndex(3): fault})
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("l", "big"))
    error = (await over(coordinator, "l")).error
    assert isinstance(error, AccessDeniedError)
    assert error.object == "big"


@run_async
async def test_a_node_of_other_packages_is_refused_by_name():
    for kind in (VersionMismatchError, RuntimeEnvError):
        cluster = LocalCluster(2, SIZES)
        cluster.start_errors[cluster.live[1].id] = kind("xfd_ray is missing", node="n1")
        coordinator = Coordinator(cluster, tick_s=0.05)
        await coordinator.attach(lease("l", "big"))
        error = (await over(coordinator, "l")).error
        assert isinstance(error, kind)
        assert error.node == "n1"


@run_async
async def test_a_worker_that_cannot_start_is_not_tried_again_and_the_others_finish():
    cluster = LocalCluster(2, SIZES)
    broken = InternalError("A process of xfd could not start: ValueError: bad", node="n1")
    cluster.start_errors[cluster.live[1].id] = broken
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("l", "big"))
    status = await over(coordinator, "l")
    assert isinstance(status.error, InternalError)
    assert cluster.starts == {"n0": 1, "n1": 1}
    assert cluster.planes["n0"].counted.origin_bytes == 8 * MIB


@run_async
async def test_a_node_that_was_refused_is_tried_again_for_a_later_lease():
    cluster = LocalCluster(2, SIZES)
    cluster.start_errors[cluster.live[1].id] = PeerPortError("no port is free", node="n1")
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("held", "big"))
    assert isinstance((await over(coordinator, "held")).error, PeerPortError)
    cluster.start_errors.clear()
    await coordinator.attach(lease("later", "big"))
    report = (await over(coordinator, "later")).report
    assert report is not None
    assert [node.state for node in report.nodes] == ["done", "done"]
