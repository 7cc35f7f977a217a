"""Leases, from the coordinator to the data planes and back. No Ray anywhere."""

from __future__ import annotations

import asyncio

import structlog
from inprocess import LocalCluster, lease, over, run_async, until
from structlog.testing import capture_logs

from xfd_api.errors import (
    NoNodesError,
)
from xfd_ray.coordinator.coordinator import Coordinator
from xfd_ray.messages import LeaseState, Limits
from xfd_ray.telemetry.log import log_to_stderr
from xfd_ray.telemetry.log_events import LIMITS_DIFFER

MIB = 2**20
SIZES = {"big": 8 * MIB, "small": 100, "other": 2 * MIB}


@run_async
async def test_every_node_gets_everything_and_the_origin_is_read_once():
    cluster = LocalCluster(5, SIZES)
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("l", "big", "small", limits=Limits(node_parallelism=4)))
    status = await over(coordinator, "l")
    report = status.report
    assert report is not None, status.error
    assert cluster.origin.read_bytes == report.origin_bytes == 8 * MIB + 100
    assert report.peer_bytes == 4 * (8 * MIB + 100)
    assert report.amplification == 1.0
    assert [node.state for node in report.nodes] == ["done"] * 5
    assert {item.nodes_landed for item in report.objects} == {5}
    assert sum(node.served_bytes for node in report.nodes) == report.peer_bytes
    assert cluster.origin.finds == 2  # once, not once a node
    assert status.progress is not None
    assert status.progress.done_bytes == status.progress.total_bytes
    await coordinator.detach("l")
    assert all(len(plane.left) == 1 for plane in cluster.planes.values())


@run_async
async def test_a_second_call_is_served_from_the_cache_by_the_same_workers():
    cluster = LocalCluster(2, SIZES)
    coordinator = Coordinator(cluster, tick_s=0.05)
    for name in ("first", "second"):
        await coordinator.attach(lease(name, "big"))
        report = (await over(coordinator, name)).report
        await coordinator.detach(name)
    assert report is not None
    assert (report.origin_bytes, report.peer_bytes) == (0, 0)
    assert report.cached_bytes == 2 * 8 * MIB
    assert (report.bound_s, report.bound_source) == (None, None)
    assert len(cluster.workers) == 2


@run_async
async def test_a_file_that_is_gone_comes_from_a_peer_that_takes_inventory_at_the_same_time():
    cluster = LocalCluster(3, SIZES)
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("first", "big"))
    await over(coordinator, "first")
    await coordinator.detach("first")
    cluster.planes["n1"].forget("out/big")
    for node in ("n0", "n2"):
        cluster.worker_of(node).delays_s["extend"] = 0.05
    await coordinator.attach(lease("second", "big"))
    report = (await over(coordinator, "second")).report
    assert report is not None
    assert (report.origin_bytes, report.peer_bytes) == (0, 8 * MIB)


@run_async
async def test_a_node_gets_only_the_parts_that_it_wants():
    cluster = LocalCluster(2, SIZES)
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("both", "big", "other", nodes=["n0"]))
    await over(coordinator, "both")
    await coordinator.attach(lease("one", "other", nodes=["n1"]))
    report = (await over(coordinator, "one")).report
    assert report is not None
    assert (report.origin_bytes, report.peer_bytes) == (0, 2 * MIB)
    assert cluster.planes["n1"].destinations() == {"out/other"}
    await coordinator.attach(lease("more", "big", nodes=["n1"]))
    report = (await over(coordinator, "more")).report
    assert report is not None
    assert (report.origin_bytes, report.peer_bytes) == (0, 8 * MIB)


@run_async
async def test_two_drivers_that_want_the_same_get_it_fetched_once():
    cluster = LocalCluster(3, SIZES)
    cluster.prepare = lambda plane: setattr(plane, "paused", True)
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("a", "big", "small"))
    await until(lambda: any(plane.submitted for plane in cluster.planes.values()))
    await coordinator.attach(lease("b", "big", "other"))
    for plane in cluster.planes.values():
        plane.resume()
    first, second = await asyncio.gather(over(coordinator, "a"), over(coordinator, "b"))
    assert first.report is not None
    assert second.report is not None
    assert cluster.origin.read_bytes == 10 * MIB + 100
    assert first.report.catalog_bytes == 8 * MIB + 100
    assert second.report.catalog_bytes == 10 * MIB
    await coordinator.detach("a")
    assert not any(plane.left for plane in cluster.planes.values())
    await coordinator.detach("b")
    assert all(plane.left for plane in cluster.planes.values())


@run_async
async def test_the_first_call_decides_the_limits_and_the_log_says_so():
    cluster = LocalCluster(1, SIZES)
    coordinator = Coordinator(cluster, tick_s=0.05)
    if not structlog.is_configured():
        structlog.configure()
    log_to_stderr()  # Else the first line that is logged sets it up, over what captures them.
    with capture_logs() as logged:
        await coordinator.attach(lease("a", "big", limits=Limits(4, 10)))
        await coordinator.attach(lease("b", "other", limits=Limits(4, 10)))
        await coordinator.attach(lease("c", "other", limits=Limits(8, 10)))
        await coordinator.attach(lease("task", "other", terms=None))
        for name in ("a", "b", "c", "task"):
            assert (await over(coordinator, name)).report is not None
    assert cluster.starts == {"n0": 1}
    warnings = [entry for entry in logged if entry["event"] == LIMITS_DIFFER.name]
    assert [(entry["lease"], entry["log_level"]) for entry in warnings] == [("c", "warning")]


@run_async
async def test_a_task_joins_the_swarm_that_runs():
    cluster = LocalCluster(3, SIZES)
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("pipeline", "big"))
    await over(coordinator, "pipeline")
    await coordinator.attach(lease("task", "big", nodes=["n1"], terms=None))
    report = (await over(coordinator, "task")).report
    assert report is not None
    assert [node.node for node in report.nodes] == ["n1"]
    assert (report.origin_bytes, report.cached_bytes) == (0, 8 * MIB)
    assert cluster.origin.read_bytes == 8 * MIB


@run_async
async def test_a_node_that_joins_late_is_filled_while_the_lease_is_held():
    cluster = LocalCluster(2, SIZES)
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("l", "big"))
    assert (await over(coordinator, "l")).report is not None
    late = cluster.add_node("n9")
    await coordinator.watch("l", 0)
    await until(lambda: late in cluster.planes)
    await until(lambda: cluster.planes[late].counted.peer_bytes == 8 * MIB)
    assert cluster.origin.read_bytes == 8 * MIB


@run_async
async def test_objects_that_another_node_of_the_disk_writes_count_once_landed():
    cluster = LocalCluster(2, SIZES)

    def share(plane):
        if plane.node == "n1":
            plane.busy["out/big"] = "n0"

    cluster.prepare = share
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("l", "big"))
    report = (await over(coordinator, "l")).report
    assert report is not None
    assert {node.node: node.files for node in report.nodes} == {"n0": 1, "n1": 1}
    assert cluster.planes["n1"].counted.peer_bytes == 0


@run_async
async def test_objects_that_another_process_writes_are_inspected_again():
    cluster = LocalCluster(1, SIZES)
    cluster.prepare = lambda plane: plane.busy.update({"out/big": None})
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("l", "big"))
    await until(lambda: cluster.workers[0].calls.count("extend") == 1 if cluster.workers else False)
    cluster.planes["n0"].busy.clear()
    report = (await over(coordinator, "l")).report
    assert report is not None
    assert report.origin_bytes == 8 * MIB


@run_async
async def test_a_lease_that_is_not_renewed_ends_and_so_does_everything():
    cluster = LocalCluster(2, SIZES)
    coordinator = Coordinator(cluster, lease_ttl_s=0.3, tick_s=0.05)
    await coordinator.attach(lease("l", "big", keep_s=0.1))
    await over(coordinator, "l")
    await asyncio.wait_for(cluster.ended.wait(), 15)
    assert all(plane.closed for plane in cluster.planes.values())
    assert await coordinator.lease_ids() == []
    assert (await coordinator.attach(lease("m", "big"))).state is LeaseState.UNKNOWN


@run_async
async def test_selected_nodes_only():
    cluster = LocalCluster(3, SIZES)
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("l", "big", nodes=["n1"]))
    report = (await over(coordinator, "l")).report
    assert report is not None
    assert list(cluster.planes) == ["n1"]
    await coordinator.attach(lease("m", "big", nodes=["n7"]))
    assert isinstance((await over(coordinator, "m")).error, NoNodesError)


@run_async
async def test_what_is_given_back_during_an_inventory_is_not_fetched():
    cluster = LocalCluster(1, SIZES)
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("keeps", "small"))
    await over(coordinator, "keeps")
    cluster.worker_of("n0").delays_s["extend"] = 0.2
    await coordinator.attach(lease("goes", "big"))
    await until(lambda: cluster.worker_of("n0").calls.count("extend") == 2)
    await coordinator.detach("goes")
    await coordinator.attach(lease("stays", "other"))
    assert (await over(coordinator, "stays")).report is not None
    assert cluster.origin.read_bytes == 100 + 2 * MIB
    assert "out/big" not in cluster.planes["n0"].destinations()
