"""What a coordinator says about its swarms, leases and nodes. No Ray."""

from __future__ import annotations

import asyncio
import pickle

import pytest
from inprocess import LocalCluster, lease, over, run_async

from xfd_api.errors import NodeLostError
from xfd_api.ids import NodeId
from xfd_api.reports import NodeCounters
from xfd_ray.coordinator import disk_rooms
from xfd_ray.coordinator.coordinator import Coordinator
from xfd_ray.coordinator.last_progress import LastProgress
from xfd_ray.coordinator_status import CoordinatorStatus
from xfd_ray.worker.disk import disk_room

MIB = 2**20
SIZES = {"big": 8 * MIB, "other": MIB}


def states(status: CoordinatorStatus) -> dict[str, str]:
    return {node.id: node.state for node in status.nodes}


@run_async
async def test_a_coordinator_without_leases_has_nothing_to_show():
    status = await Coordinator(LocalCluster(1, SIZES), tick_s=0.05).status()
    assert (status.swarms, status.nodes, status.leases) == ((), (), ())
    assert status.versions["xfd_ray"]
    assert status.since_s >= 0


@run_async
async def test_a_status_follows_a_lease_from_its_lookup_to_its_end():
    cluster = LocalCluster(2, SIZES)
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("l", "big", driver="laptop"))
    (held,) = (await coordinator.status()).leases
    assert (held.id, held.driver, held.state, held.progress) == ("l", "laptop", "finding", None)
    await over(coordinator, "l")
    status = await coordinator.status()
    (held,) = status.leases
    (swarm,) = status.swarms
    assert held.state == "done"
    assert held.progress is not None
    assert held.progress.done_bytes == 2 * 8 * MIB
    assert swarm.progress_age_s == 0
    assert states(status) == {"n0": "done", "n1": "done"}
    for node in status.nodes:
        assert (node.swarm, node.host) == (swarm.id, f"host-{node.id}")
        assert node.root
        assert node.peer_address
        assert node.disk is not None
        assert node.disk_free_bytes == pytest.approx(disk_room(node.root).free_bytes, rel=0.1)
    assert pickle.loads(pickle.dumps(status)) == status
    await coordinator.detach("l")
    status = await coordinator.status()
    assert status.leases == ()
    assert states(status) == {"n0": "idle", "n1": "idle"}
    assert [node.host for node in status.nodes] == ["host-n0", "host-n1"]


@run_async
async def test_a_node_whose_worker_is_lost_or_refused_is_listed_with_the_reason():
    cluster = LocalCluster(3, SIZES)
    cluster.start_errors[NodeId("n1")] = NodeLostError("gone", node="n1")
    cluster.start_errors[NodeId("n2")] = PermissionError("no such user")
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("l", "big"))
    seen: dict[str, str] = {}
    for _ in range(200):
        status = await coordinator.status()
        seen = states(status)
        if seen.get("n2") == "refused" and seen.get("n1") == "lost":
            break
        await asyncio.sleep(0.01)
    assert (seen["n1"], seen["n2"]) == ("lost", "refused")
    (refused,) = [node for node in status.nodes if node.id == "n2"]
    assert "no such user" in str(refused.error)
    assert (refused.root, refused.disk, refused.peer_address) == ("", None, "")


@run_async
async def test_a_node_that_is_gone_is_listed_with_the_reason():
    cluster = LocalCluster(2, SIZES)
    cluster.prepare = lambda plane: setattr(plane, "paused", True)
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("l", "big"))
    while (await coordinator.status()).leases[0].progress is None:
        await asyncio.sleep(0.01)
    cluster.remove_node("n1")
    await coordinator.tick()
    lost = [node for node in (await coordinator.status()).nodes if node.state == "lost"]
    assert [(node.id, str(node.error)) for node in lost] == [
        ("n1", str(NodeLostError("Ray lists the node as dead", node="n1")))
    ]


@run_async
async def test_a_disk_that_hangs_is_left_out():
    cluster = LocalCluster(2, SIZES)
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("l", "big"))
    await over(coordinator, "l")
    cluster.worker_of("n0").delays_s["disk_room"] = 60.0
    before, disk_rooms.ANSWER_S = disk_rooms.ANSWER_S, 0.1
    try:
        status = await coordinator.status()
    finally:
        disk_rooms.ANSWER_S = before
    assert [node.disk is None for node in status.nodes] == [True, False]


@run_async
async def test_two_may_ask_for_the_room_of_workers_that_come_and_go():
    cluster = LocalCluster(2, SIZES)
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("l", "big"))
    await over(coordinator, "l")
    one, two = ((disk_rooms.worker_id(each.hello), each.client) for each in coordinator._pool.up())
    now = [0.0]
    rooms = disk_rooms.DiskRooms(lambda: now[0])
    await rooms.of(dict([two]))
    cluster.worker_of("n0").delays_s["disk_room"] = 0.05
    both = asyncio.create_task(rooms.of(dict([one, two])))
    await asyncio.sleep(0.01)
    now[0] += disk_rooms.KEPT_S
    await rooms.of({})
    assert set(await both) == {one[0], two[0]}


@run_async
async def test_a_swarm_is_as_old_as_its_last_progress_while_bytes_are_to_come():
    now = [100.0]
    cluster = LocalCluster(1, SIZES)
    cluster.prepare = lambda plane: setattr(plane, "paused", True)
    coordinator = Coordinator(cluster, tick_s=0.05, clock=lambda: now[0])
    await coordinator.attach(lease("l", "big"))

    async def age_s() -> float:
        await asyncio.sleep(0.01)
        (swarm,) = (await coordinator.status()).swarms
        return swarm.progress_age_s

    assert await age_s() == 0  # Its objects are looked up.
    while (await coordinator.status()).leases[0].progress is None:
        await asyncio.sleep(0.01)
    now[0] += 50
    assert await age_s() == pytest.approx(50)
    now[0] += 50
    assert await age_s() == pytest.approx(100)


def test_progress_is_a_byte_that_moved_or_an_object_that_landed():
    last = LastProgress(0.0)
    last.reported(NodeId("a"), NodeCounters(origin_bytes=5), 1.0)
    last.reported(NodeId("a"), NodeCounters(origin_bytes=5, retries=9, active_origin=3), 2.0)
    assert last.at == 1.0
    last.reported(NodeId("b"), NodeCounters(objects_landed=1), 3.0)
    assert last.at == 3.0
    last.forget(NodeId("b"))
    last.reported(NodeId("b"), NodeCounters(), 4.0)
    assert last.at == 3.0
    last.reported(NodeId("b"), NodeCounters(unpacked_bytes=1), 5.0)
    assert last.at == 5.0
