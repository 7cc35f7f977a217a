"""Objects that are overwritten, deleted or added at the store while a lease is open. No Ray."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from inprocess import STORES, LocalCluster, lease, over, run_async, until

from xfd_api.errors import DestinationConflictError, ObjectNotFoundError, VersionConflictError
from xfd_api.lookups import plan_downloads
from xfd_api.node_selector import as_selector
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest, PrefixDownloadRequest
from xfd_api.results import DistributionReport
from xfd_api.testing import FakeOrigin
from xfd_ray.coordinator.coordinator import Coordinator
from xfd_ray.messages import LeaseRequest, LeaseState, LeaseStatus

MIB = 2**20
SIZES = {"model/a.bin": 4 * MIB, "model/b.bin": 100, "other": 10}

PREFIX = DownloadRequest(PrefixDownloadRequest("model", Path("m")))
OBJECT = DownloadRequest(ObjectDownloadRequest("model/a.bin", Path("m/a.bin")))


def overwritten(origin: FakeOrigin) -> None:
    origin.versions["model/a.bin"] += 1


def deleted(origin: FakeOrigin) -> None:
    del origin.sizes["model/a.bin"]


def added(origin: FakeOrigin) -> None:
    origin.sizes["model/c.bin"] = 7
    origin.versions["model/c.bin"] = 1


def all_deleted(origin: FakeOrigin) -> None:
    origin.sizes.clear()


def wants(name: str, *requests: DownloadRequest, **options: object) -> LeaseRequest:
    nodes = options.pop("nodes", None)
    return LeaseRequest(
        id=name,
        lookups=plan_downloads(requests, STORES).lookups,
        stores=STORES,
        selector=as_selector(nodes),  # type: ignore[arg-type]
        chunk_size_bytes=MIB,
        **options,  # type: ignore[arg-type]
    )


async def ended(coordinator: Coordinator, request: LeaseRequest) -> LeaseStatus:
    """Attaches a lease; its status when the lease is over."""
    await coordinator.attach(request)
    return await over(coordinator, request.id)


async def report_of(coordinator: Coordinator, request: LeaseRequest) -> DistributionReport:
    """The same, for a lease that succeeds."""
    status = await ended(coordinator, request)
    assert status.report is not None, status.error
    return status.report


async def cluster_with(
    request: LeaseRequest, nodes: int = 2
) -> tuple[LocalCluster, Coordinator, DistributionReport]:
    """A cluster on which a first lease has brought what it wants, and stays open."""
    cluster = LocalCluster(nodes, SIZES)
    coordinator = Coordinator(cluster, tick_s=0.05)
    return cluster, coordinator, await report_of(coordinator, request)


@pytest.mark.parametrize("change", [overwritten, deleted, added, all_deleted])
@pytest.mark.parametrize(
    ("held", "task"),
    [(PREFIX, PREFIX), (OBJECT, OBJECT), (PREFIX, OBJECT)],
    ids=["prefix", "object", "object of the prefix"],
)
def test_a_late_task_gets_the_version_that_is_pinned(
    held: DownloadRequest, task: DownloadRequest, change: Callable[[FakeOrigin], None]
) -> None:
    """On a node that has nothing yet: what the store does not have any more comes from peers."""

    @run_async
    async def check() -> None:
        cluster, coordinator, _ = await cluster_with(wants("pipeline", held, nodes=["n0"]))
        read, finds = cluster.origin.read_bytes, cluster.origin.finds
        change(cluster.origin)
        late = wants("task", task, nodes=["n1"], terms=None, on_version_conflict="pinned")
        report = await report_of(coordinator, late)
        assert "m/a.bin" in {item.destination for item in report.objects}
        assert "m/c.bin" not in {item.destination for item in report.objects}
        assert report.peer_bytes == report.catalog_bytes
        assert cluster.origin.read_bytes == read
        assert cluster.origin.finds == finds

    check()


@run_async
async def test_a_prefix_that_others_hold_object_by_object_comes_in_their_versions():
    cluster, coordinator, _ = await cluster_with(wants("one", OBJECT, nodes=["n0"]))
    overwritten(cluster.origin)
    late = wants("task", PREFIX, nodes=["n1"], terms=None, on_version_conflict="pinned")
    report = await report_of(coordinator, late)
    assert (report.origin_bytes, report.peer_bytes) == (100, 4 * MIB)


@run_async
async def test_a_late_node_gets_the_version_that_is_pinned():
    cluster, coordinator, _ = await cluster_with(wants("pipeline", PREFIX))
    read = cluster.origin.read_bytes
    all_deleted(cluster.origin)
    late = cluster.add_node("n9")
    await coordinator.watch("pipeline", 0)
    await until(lambda: late in cluster.planes)
    await until(lambda: cluster.planes[late].counted.peer_bytes == 4 * MIB + 100)
    assert cluster.origin.read_bytes == read


@run_async
async def test_the_error_of_another_driver_names_both_versions_and_its_choices():
    cluster, coordinator, _ = await cluster_with(wants("first", PREFIX))
    overwritten(cluster.origin)
    error = (await ended(coordinator, wants("second", PREFIX))).error
    assert isinstance(error, VersionConflictError)
    assert isinstance(error, DestinationConflictError)  # As it was called before.
    assert (error.object, error.path) == ("model/a.bin", "m/a.bin")
    for words in ('-1"', '-2"', "'pinned'", "'wait'", "another destination"):
        assert words in str(error)
    # Nothing was changed by that.
    third = wants("third", OBJECT, on_version_conflict="pinned")
    report = await report_of(coordinator, third)
    assert report.cached_bytes == 2 * 4 * MIB


@run_async
async def test_a_driver_may_wait_for_the_other_call_to_end():
    cluster, coordinator, _ = await cluster_with(lease("unrelated", "other"))
    await report_of(coordinator, wants("first", OBJECT))
    overwritten(cluster.origin)
    await coordinator.attach(wants("second", OBJECT, on_version_conflict="wait"))
    status = await coordinator.watch("second", 0.5)
    assert status.state is LeaseState.RUNNING
    assert "another call to end" in str(status.waits_for)
    await coordinator.detach("first")
    report = (await over(coordinator, "second")).report
    assert report is not None
    assert (report.origin_bytes, report.peer_bytes) == (4 * MIB, 4 * MIB)
    assert [item.key for item in report.objects] == ["model/a.bin"]


@run_async
async def test_a_driver_that_waits_can_give_up():
    cluster, coordinator, _ = await cluster_with(wants("first", OBJECT), nodes=1)
    overwritten(cluster.origin)
    await coordinator.attach(wants("second", OBJECT, on_version_conflict="wait"))
    await asyncio.sleep(0.1)
    await coordinator.detach("second")
    assert await coordinator.lease_ids() == ["first"]


@run_async
async def test_with_no_lease_open_a_task_gets_what_the_store_has():
    cluster, coordinator, _ = await cluster_with(wants("first", OBJECT), nodes=1)
    await coordinator.detach("first")
    overwritten(cluster.origin)
    task = wants("task", OBJECT, terms=None, on_version_conflict="pinned")
    report = await report_of(coordinator, task)
    assert report.origin_bytes == 4 * MIB
    await coordinator.detach("task")
    all_deleted(cluster.origin)
    late = wants("late", OBJECT, terms=None, on_version_conflict="pinned")
    assert isinstance((await ended(coordinator, late)).error, ObjectNotFoundError)


@run_async
async def test_another_destination_may_have_the_new_version():
    cluster, coordinator, _ = await cluster_with(wants("first", OBJECT), nodes=1)
    overwritten(cluster.origin)
    beside = DownloadRequest(ObjectDownloadRequest("model/a.bin", Path("m/new.bin")))
    for name, choice in (("task", "pinned"), ("driver", "fail")):
        request = wants(name, beside, on_version_conflict=choice)
        report = await report_of(coordinator, request)
    assert report.cached_bytes == 4 * MIB
    assert cluster.origin.read_bytes == 8 * MIB
