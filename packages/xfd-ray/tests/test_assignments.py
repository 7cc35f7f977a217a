"""What a lease that joins a running swarm learns of the nodes' state. No Ray anywhere."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from inprocess import LocalCluster, lease, over, run_async, until

from xfd_api.chunks import Catalog
from xfd_api.errors import DiskFullError
from xfd_api.ids import ChunkIndex, NodeId, ObjectIndex, OrderId
from xfd_api.node_report import NodeReport
from xfd_api.node_selector import NodeSelector
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.reports import (
    ChunkHeld,
    ChunkLost,
    HeldRun,
    Inventory,
    NodeCounters,
    NodeEvent,
    ObjectLanded,
)
from xfd_api.testing import catalog_of
from xfd_api.traffic import Traffic
from xfd_ray.catalog_part import CatalogPart
from xfd_ray.coordinator.assignments import MAX_CUT_OBJECTS, Assignments
from xfd_ray.coordinator.coordinator import Coordinator
from xfd_ray.coordinator.lease import new_progress
from xfd_ray.coordinator.lease_objects import LeaseObjects
from xfd_ray.coordinator.lease_report import report_of
from xfd_ray.coordinator.lease_summary import summary_of

MIB = 2**20
A, B = NodeId("a"), NodeId("b")
BIG, SMALL = ObjectIndex(0), ObjectIndex(1)
TOTAL = 3 * MIB + 100
SIZES = {ChunkIndex(0): MIB, ChunkIndex(1): MIB, ChunkIndex(2): MIB, ChunkIndex(3): 100}


def swarm() -> tuple[Catalog, LeaseObjects]:
    """Two objects: chunks 0 to 2 and chunk 3."""
    catalog = catalog_of({"big": 3 * MIB, "small": 100})
    part = CatalogPart(catalog, ObjectStoreConfigByProfile({}))
    everywhere = frozenset((NodeSelector(),))
    return catalog, LeaseObjects({everywhere: ((part, (BIG, SMALL)),)}, (part,))


def came(chunk: int) -> ChunkHeld:
    return ChunkHeld(OrderId(chunk), ChunkIndex(chunk), 1, None, SIZES[ChunkIndex(chunk)], 0.5, 0.5)


def report(*events: NodeEvent, full: Inventory | None = None) -> NodeReport:
    return NodeReport(seq=1, events=events, counters=NodeCounters(), full=full)


FOUND = Inventory(held=(HeldRun(ChunkIndex(0), (1,)),))


def join(
    assignments: Assignments,
    node: NodeId,
    wanted: LeaseObjects,
    landed: tuple[ObjectIndex, ...],
    inventory: Inventory | None = None,
) -> Inventory:
    """What a lease learns that joins. The node looks again for what has landed, and finds that, or
    this inventory.
    """
    (joined,) = assignments.assign(node, wanted.objects)
    assert joined.wanted == landed
    assert set(joined.known) == {BIG, SMALL}.difference(landed)
    assert joined.inventory.landed == ()
    found = Inventory(landed=landed) if inventory is None else inventory
    assignments.took_inventory(node, landed, found)
    return replace(joined.inventory, landed=found.landed, left_out=found.left_out)


@pytest.mark.parametrize(
    ("first", "before", "cached", "resumed"),
    [
        (Inventory(), (), 0, 0),
        (Inventory(), (came(0), came(3)), 0, MIB + 100),
        (Inventory(), (came(3), ObjectLanded(SMALL)), 100, 0),
        (Inventory(), (came(1), came(3), ObjectLanded(SMALL)), 100, MIB),
        (FOUND, (), 0, MIB),
        (FOUND, (came(1),), 0, 2 * MIB),
        (FOUND, (came(1), ChunkLost(ChunkIndex(0))), 0, MIB),
        (Inventory(landed=(SMALL,)), (came(0),), 100, MIB),
    ],
    ids=[
        "nothing",
        "two chunks",
        "one object",
        "an object and a chunk",
        "a chunk of an earlier run",
        "that and another",
        "one of them lost",
        "an object of an earlier run",
    ],
)
def test_a_lease_that_joins_starts_at_what_is_there_and_its_sums_add_up(
    first: Inventory, before: tuple[NodeEvent, ...], cached: int, resumed: int
) -> None:
    catalog, wanted = swarm()
    assignments = Assignments()
    list(assignments.assign(A, wanted.objects))
    assignments.took_inventory(A, (BIG, SMALL), first)
    assignments.reported(A, report(*before))

    landed = (SMALL,) if cached else ()
    joined = join(assignments, A, wanted, landed)
    progress = new_progress(wanted, began=10.0)
    progress.add_node(A, 10.0)
    progress.took_inventory(A, (BIG, SMALL), joined, 10.0)
    assert summary_of(progress, 11.0, {}).done_bytes == cached + resumed
    present = {run.first_chunk for run in joined.held}
    for chunk in catalog.chunks:
        if chunk.index not in present and chunk.spans[0].object not in landed:
            progress.held(A, came(chunk.index), 12.0)
    for index in {BIG, SMALL}.difference(landed):
        progress.landed(A, ObjectLanded(index), 13.0)
    made = report_of(progress, 14.0, retries=0, rates=None, traffic=Traffic())
    assert (made.cached_bytes, made.resumed_bytes) == (cached, resumed)
    assert made.missing_bytes == made.origin_bytes == TOTAL - cached - resumed


def test_an_inventory_that_is_on_its_way_is_not_anticipated() -> None:
    _, wanted = swarm()
    assignments = Assignments()
    list(assignments.assign(A, wanted.objects))
    (joined,) = assignments.assign(A, wanted.objects)
    assert (joined.wanted, joined.known) == ((), ())
    assert joined.inventory == Inventory()


def test_objects_that_another_node_of_the_disk_writes_are_no_missing_ones() -> None:
    _, wanted = swarm()
    assignments = Assignments()
    for node in (A, B):
        list(assignments.assign(node, wanted.objects))
    assignments.took_inventory(A, (BIG, SMALL), Inventory())
    assignments.took_inventory(B, (BIG, SMALL), Inventory(elsewhere=((BIG, A), (SMALL, A))))
    assignments.reported(A, report(came(3), ObjectLanded(SMALL)))
    progress = new_progress(wanted, began=10.0)
    for node in (B, A):
        progress.add_node(node, 10.0)
        joined = join(assignments, node, wanted, (SMALL,) if node == A else ())
        progress.took_inventory(node, (BIG, SMALL), joined, 10.0)
    assert progress.nodes[B].missing_bytes == 0
    assert progress.nodes[B].shared_bytes == 100
    for chunk in (0, 1, 2):
        progress.held(A, came(chunk), 12.0)
    progress.landed(A, ObjectLanded(BIG), 13.0)
    assert progress.is_done
    made = report_of(progress, 14.0, retries=0, rates=None, traffic=Traffic())
    assert [node.bytes for node in made.nodes] == [TOTAL, TOTAL]
    assert made.shared_bytes == TOTAL


def test_after_a_gap_in_its_reports_a_node_has_what_its_full_inventory_names() -> None:
    _, wanted = swarm()
    assignments = Assignments()
    list(assignments.assign(A, wanted.objects))
    assignments.took_inventory(A, (BIG, SMALL), FOUND)
    full = Inventory(held=(HeldRun(ChunkIndex(1), (1, 1)),), landed=(SMALL,))
    assignments.reported(A, report(full=full))
    joined = join(assignments, A, wanted, (SMALL,))
    assert [run.first_chunk for run in joined.held] == [1, 2]


@pytest.mark.parametrize("gone", [(BIG,), (SMALL,), (BIG, SMALL)])
def test_what_was_removed_since_it_landed_is_missing_for_a_lease_that_joins(
    gone: tuple[ObjectIndex, ...],
) -> None:
    _, wanted = swarm()
    assignments = Assignments()
    list(assignments.assign(A, wanted.objects))
    every = (HeldRun(ChunkIndex(0), (1, 1, 1, 1)),)
    assignments.took_inventory(A, (BIG, SMALL), Inventory(held=every, landed=(BIG, SMALL)))
    left = tuple(index for index in (BIG, SMALL) if index not in gone)
    joined = join(assignments, A, wanted, (BIG, SMALL), Inventory(landed=left))
    progress = new_progress(wanted, began=10.0)
    progress.add_node(A, 10.0)
    progress.took_inventory(A, (BIG, SMALL), joined, 10.0)
    size_of = {BIG: 3 * MIB, SMALL: 100}
    assert progress.nodes[A].cached_bytes == sum(size_of[index] for index in left)
    assert progress.nodes[A].missing_bytes == sum(size_of[index] for index in gone)
    assert not progress.is_done
    (third,) = assignments.assign(A, wanted.objects)
    assert (third.wanted, third.known) == (left, gone)
    assert third.inventory.held == ()


def test_many_objects_are_looked_for_again_when_all_of_them_have_landed() -> None:
    """Each node would need a catalog of its own to look for some of them."""
    count = MAX_CUT_OBJECTS + 1
    catalog = catalog_of(dict.fromkeys(map(str, range(count)), 1))
    part = CatalogPart(catalog, ObjectStoreConfigByProfile({}))
    every = tuple(map(ObjectIndex, range(count)))
    assignments = Assignments()
    list(assignments.assign(A, [(part, every)]))
    assignments.took_inventory(A, every, Inventory(landed=every[1:]))
    (joined,) = assignments.assign(A, [(part, every)])
    assert (joined.wanted, joined.known) == ((), every)
    assert joined.inventory.landed == every[1:]
    assignments.reported(A, report(ObjectLanded(every[0])))
    (joined,) = assignments.assign(A, [(part, every)])
    assert (joined.wanted, joined.known) == (every, ())


def test_what_failed_and_what_a_lost_node_had_is_assigned_again() -> None:
    _, wanted = swarm()
    assignments = Assignments()
    list(assignments.assign(A, wanted.objects))
    assignments.took_inventory(A, (BIG, SMALL), Inventory(landed=(SMALL,)))
    assignments.failed(A, (BIG,))
    (again,) = assignments.assign(A, wanted.objects)
    assert (again.wanted, again.known) == ((BIG, SMALL), ())
    assignments.forget(A)
    (anew,) = assignments.assign(A, wanted.objects)
    assert (anew.wanted, anew.known) == ((BIG, SMALL), ())


@pytest.mark.parametrize("paused", [("n0", "n1"), ("n1",), ()])
def test_a_driver_that_joins_a_swarm_under_way_reports_all_its_bytes(
    paused: tuple[str, ...],
) -> None:
    """The first driver was killed, say: its lease lasts on until it expires."""

    @run_async
    async def check() -> None:
        cluster = LocalCluster(2, {"big": 8 * MIB, "small": 100})
        cluster.prepare = lambda plane: setattr(plane, "paused", plane.node in paused)
        coordinator = Coordinator(cluster, tick_s=0.05)
        await coordinator.attach(lease("killed", "big"))
        await until(lambda: len(cluster.planes) == 2)
        await until(lambda: all(p.submitted for p in cluster.planes.values()))
        if not paused:
            await over(coordinator, "killed")
        await asyncio.sleep(0.1)
        await coordinator.attach(lease("second", "big", "small"))
        await coordinator.watch("second", 0.1)
        for plane in cluster.planes.values():
            plane.resume()
        made = (await over(coordinator, "second")).report
        assert made is not None
        for node in made.nodes:
            found = node.cached_bytes + node.resumed_bytes + node.shared_bytes
            assert node.bytes == found + node.origin_bytes + node.peer_bytes == 8 * MIB + 100
        assert made.missing_bytes >= (8 * MIB + 100 if paused else 100)
        assert cluster.origin.read_bytes == 8 * MIB + 100

    check()


@run_async
async def test_a_node_that_failed_for_one_lease_is_asked_again_for_the_next() -> None:
    cluster = LocalCluster(1, {"big": MIB})
    full = DiskFullError("no room", path="/data")
    cluster.prepare = lambda plane: setattr(plane, "extend_error", full)
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("first", "big"))
    assert isinstance((await over(coordinator, "first")).error, DiskFullError)
    await coordinator.attach(lease("second", "big"))
    made = (await over(coordinator, "second")).report
    assert made is not None
    assert made.origin_bytes == MIB


@pytest.mark.parametrize("where", [("n0",), ("n0", "n1")])
def test_files_that_somebody_removes_under_a_lease_are_brought_again(
    where: tuple[str, ...],
) -> None:
    @run_async
    async def check() -> None:
        cluster = LocalCluster(2, {"big": 4 * MIB, "small": 100})
        coordinator = Coordinator(cluster, tick_s=0.05)
        await coordinator.attach(lease("first", "big", "small"))
        await over(coordinator, "first")
        for plane in cluster.planes.values():
            if plane.node in where:
                (place,) = (each for each in plane.destinations() if each.endswith("big"))
                plane.forget(place)
        await coordinator.attach(lease("second", "big", "small"))
        made = (await over(coordinator, "second")).report
        assert made is not None
        assert [node.state for node in made.nodes] == ["done", "done"]
        assert made.missing_bytes == 4 * MIB
        left = 2 - len(where)
        assert made.cached_bytes == left * 4 * MIB + 200
        assert made.origin_bytes == (0 if left else 4 * MIB)
        assert made.origin_bytes + made.peer_bytes == len(where) * 4 * MIB

    check()
