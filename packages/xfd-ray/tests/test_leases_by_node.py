"""Leases whose requests are for different nodes: who gets what, and how it is counted."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from inprocess import STORES, LocalCluster, lease, over, run_async, until

from xfd_api.errors import (
    DestinationConflictError,
    NodeLostError,
    NoNodesError,
    ObjectNotFoundError,
)
from xfd_api.ids import NodeId
from xfd_api.lookups import plan_downloads
from xfd_api.node_selector import Nodes, NodeSelector, as_selector
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest, PrefixDownloadRequest
from xfd_api.results import DistributionReport
from xfd_api.testing import FakeDataPlane
from xfd_ray.coordinator.coordinator import Coordinator
from xfd_ray.messages import LeaseRequest, LeaseStatus

MIB = 2**20
SIZES = {
    "common": 8 * MIB,
    "rank0": 4 * MIB,
    "rank1": 6 * MIB,
    "config": 100,
    "small/0": 200,
    "small/1": 300,
}
RANKS: list[Nodes] = [{"rank": "0"}, {"rank": "1"}]


def one(key: str, nodes: Nodes = None, destination: str | None = None) -> DownloadRequest:
    return DownloadRequest(ObjectDownloadRequest(key, Path(destination or f"out/{key}")), nodes)


def by_rank(*more: DownloadRequest) -> list[DownloadRequest]:
    """`common` for both ranks, and its own shard for each."""
    shards = [one(f"rank{k}", nodes) for k, nodes in enumerate(RANKS)]
    return [*shards, *(one("common", nodes) for nodes in RANKS), *more]


def wants(name: str, requests: list[DownloadRequest], **options: Any) -> LeaseRequest:
    options.setdefault("chunk_size_bytes", MIB)
    nodes = options.pop("nodes", None)
    lookups = plan_downloads(requests, STORES).lookups
    return LeaseRequest(
        id=name, lookups=lookups, stores=STORES, selector=as_selector(nodes), **options
    )


def cluster_of_ranks(*more: str) -> LocalCluster:
    """Nodes `r0` and `r1` with the ranks 0 and 1 as labels, and `plain` without."""
    cluster = LocalCluster(0, SIZES)
    for name, labels in (("r0", {"rank": "0"}), ("r1", {"rank": "1"}), ("plain", {})):
        cluster.add_node(name, **labels)
    for name in more:
        cluster.add_node(name)
    return cluster


async def report_of(coordinator: Coordinator, request: LeaseRequest) -> DistributionReport:
    await coordinator.attach(request)
    status = await over(coordinator, request.id)
    assert status.report is not None, status.error
    return status.report


async def ended(coordinator: Coordinator, request: LeaseRequest) -> LeaseStatus:
    await coordinator.attach(request)
    return await over(coordinator, request.id)


@run_async
async def test_each_node_gets_its_own_and_what_they_share_leaves_the_origin_once():
    cluster = cluster_of_ranks()
    coordinator = Coordinator(cluster, tick_s=0.05)
    report = await report_of(coordinator, wants("l", by_rank()))
    assert cluster.origin.read_bytes == 18 * MIB
    assert cluster.planes["r0"].destinations() == {"out/common", "out/rank0"}
    assert cluster.planes["r1"].destinations() == {"out/common", "out/rank1"}
    assert cluster.starts == {"r0": 1, "r1": 1}
    assert {node.node: (node.bytes, node.files) for node in report.nodes} == {
        "r0": (12 * MIB, 2),
        "r1": (14 * MIB, 2),
    }
    assert (report.catalog_bytes, report.missing_bytes) == (18 * MIB, 18 * MIB)
    assert (report.origin_bytes, report.peer_bytes) == (18 * MIB, 8 * MIB)
    assert report.amplification == 1.0
    assert {item.key: item.nodes_landed for item in report.objects} == {
        "common": 2,
        "rank0": 1,
        "rank1": 1,
    }


@run_async
async def test_progress_counts_for_each_node_what_it_gets():
    cluster = cluster_of_ranks()
    cluster.prepare = lambda plane: setattr(plane, "paused", True)
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(wants("l", by_rank()))
    await until(lambda: sum(bool(plane.submitted) for plane in cluster.planes.values()) == 2)
    progress = (await coordinator.watch("l", 0)).progress
    assert progress is not None
    assert (progress.total_bytes, progress.nodes, progress.objects) == (26 * MIB, 2, 3)
    assert {each.node: each.total_bytes for each in progress.per_node} == {
        "r0": 12 * MIB,
        "r1": 14 * MIB,
    }
    for plane in cluster.planes.values():
        plane.resume()
    progress = (await over(coordinator, "l")).progress
    assert progress is not None
    assert (progress.done_bytes, progress.objects_done, progress.nodes_done) == (26 * MIB, 3, 2)


@run_async
async def test_small_objects_of_other_nodes_come_in_no_pack():
    cluster = cluster_of_ranks()
    coordinator = Coordinator(cluster, tick_s=0.05)
    small = [one(f"small/{k}", nodes) for k, nodes in enumerate(RANKS)]
    report = await report_of(coordinator, wants("l", [*small, one("config")]))
    assert cluster.planes["r0"].destinations() == {"out/config", "out/small/0"}
    assert cluster.planes["plain"].destinations() == {"out/config"}
    assert cluster.origin.read_bytes == 600
    assert sum(node.origin_bytes + node.peer_bytes for node in report.nodes) == 800


@run_async
async def test_a_pack_of_another_lease_counts_only_as_far_as_a_node_gets_it():
    cluster = cluster_of_ranks()
    coordinator = Coordinator(cluster, tick_s=0.05)
    packed = [one("small/0"), one("small/1")]
    await report_of(coordinator, wants("first", packed, nodes=["plain"]))
    split = [one(f"small/{k}", nodes) for k, nodes in enumerate(RANKS)]
    report = await report_of(coordinator, wants("second", split))
    assert {node.node: node.peer_bytes for node in report.nodes} == {"r0": 200, "r1": 300}
    assert report.origin_bytes == 0


@run_async
async def test_a_node_that_joins_gets_what_the_requests_for_its_labels_ask_for():
    cluster = cluster_of_ranks()
    coordinator = Coordinator(cluster, tick_s=0.05)
    requests = [*by_rank(), one("config", ["plain"])]
    await report_of(coordinator, wants("l", requests))
    late = cluster.add_node("late", rank="1")
    cluster.add_node("other", rank="7")
    await coordinator.watch("l", 0)
    await until(lambda: late in cluster.planes)
    await until(lambda: cluster.planes[late].counted.peer_bytes == 14 * MIB)
    await until(lambda: cluster.planes[late].destinations() == {"out/common", "out/rank1"})
    assert cluster.starts["other"] == 0
    assert cluster.origin.read_bytes == 18 * MIB + 100


@run_async
async def test_a_request_for_no_node_fails_before_anything_starts():
    cluster = cluster_of_ranks()
    coordinator = Coordinator(cluster, tick_s=0.05)
    status = await ended(coordinator, wants("l", by_rank(one("config", {"rank": "2"}))))
    assert isinstance(status.error, NoNodesError)
    assert status.error.object == "config"
    assert not cluster.starts


@run_async
async def test_a_request_that_finds_nothing_fails_the_call():
    cluster = cluster_of_ranks()
    coordinator = Coordinator(cluster, tick_s=0.05)
    status = await ended(coordinator, wants("l", by_rank(one("missing", {"rank": "0"}))))
    assert isinstance(status.error, ObjectNotFoundError)
    assert cluster.origin.read_bytes == 0


@run_async
async def test_different_objects_have_one_destination_on_different_nodes():
    cluster = cluster_of_ranks()
    coordinator = Coordinator(cluster, tick_s=0.05)
    shards = [one(f"rank{k}", nodes, "model/shard") for k, nodes in enumerate(RANKS)]
    report = await report_of(coordinator, wants("l", shards))
    assert {node.node: node.bytes for node in report.nodes} == {"r0": 4 * MIB, "r1": 6 * MIB}
    # Another lease beside it, and a task that joins it, are compared node by node too.
    await report_of(coordinator, wants("other", [one("config")]))
    task = wants("task", shards[:1], nodes=["r0"], terms=None, on_version_conflict="pinned")
    joined = await report_of(coordinator, task)
    assert (joined.cached_bytes, joined.origin_bytes) == (4 * MIB, 0)
    other = [one("rank1", destination="model/shard")]
    status = await ended(coordinator, wants("in the way", other, nodes=["r0"]))
    assert isinstance(status.error, DestinationConflictError)
    again = wants("again", [one("rank0", {"rank": "0"}, "model/shard"), one("common", RANKS[1])])
    assert (await report_of(coordinator, again)).origin_bytes == 8 * MIB


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (None, {"rank": "0"}),
        ({"rank": "0"}, {"rank": "0"}),
        ({"rank": "0"}, ["r0"]),
        ({"rank": "0"}, NodeSelector(exclude_head=True)),
    ],
    ids=str,
)
def test_two_objects_of_one_node_cannot_have_one_destination(first: Nodes, second: Nodes) -> None:
    @run_async
    async def story() -> None:
        cluster = cluster_of_ranks()
        coordinator = Coordinator(cluster, tick_s=0.05)
        both = [one("rank0", first, "model/shard"), one("rank1", second, "model/shard")]
        status = await ended(coordinator, wants("l", both))
        assert isinstance(status.error, DestinationConflictError)
        assert cluster.origin.read_bytes == 0

    story()


@pytest.mark.parametrize(
    ("requests", "busy", "is_refused"),
    [
        ([("rank0", RANKS[0], "model/w"), ("rank1", RANKS[1], "model/w")], "model/w", True),
        ([("common", RANKS[0], "model/w"), ("common", RANKS[1], "model/w")], "model/w", False),
        ([("common", None, "model/w")], "model/w", False),
    ],
)
def test_nodes_of_one_disk_cannot_keep_different_objects_at_one_place(
    requests: list[tuple[str, Nodes, str]], busy: str, *, is_refused: bool
) -> None:
    @run_async
    async def story() -> None:
        cluster = cluster_of_ranks()

        def share(plane: FakeDataPlane) -> None:
            if plane.node == "r1":
                plane.busy[busy] = NodeId("r0")

        cluster.prepare = share
        coordinator = Coordinator(cluster, tick_s=0.05)
        status = await ended(coordinator, wants("l", [one(*each) for each in requests]))
        if is_refused:
            assert isinstance(status.error, DestinationConflictError)
            assert status.error.path == busy
            assert "host-r0 (r0) has the same disk" in str(status.error)
        else:
            assert status.report is not None

    story()


@run_async
async def test_one_object_has_different_destinations_on_different_nodes():
    cluster = cluster_of_ranks()
    coordinator = Coordinator(cluster, tick_s=0.05)
    twice = [one("rank0", RANKS[0], "here/w"), one("rank0", RANKS[1], "there/w")]
    report = await report_of(coordinator, wants("l", twice))
    assert cluster.planes["r0"].destinations() == {"here/w"}
    assert cluster.planes["r1"].destinations() == {"there/w"}
    assert {node.node: node.bytes for node in report.nodes} == {"r0": 4 * MIB, "r1": 4 * MIB}


@run_async
async def test_prefixes_that_overlap_share_their_objects():
    cluster = cluster_of_ranks()
    coordinator = Coordinator(cluster, tick_s=0.05)
    folder = PrefixDownloadRequest("small", Path("out/small"))
    first = PrefixDownloadRequest("small", Path("out/small"), include=("0",))
    both = [DownloadRequest(folder, RANKS[0]), DownloadRequest(first, RANKS[1])]
    report = await report_of(coordinator, wants("l", both))
    assert cluster.planes["r0"].destinations() == {"out/small/0", "out/small/1"}
    assert cluster.planes["r1"].destinations() == {"out/small/0"}
    assert (report.origin_bytes, report.peer_bytes) == (500, 200)


@run_async
async def test_a_request_whose_only_node_is_lost_fails_the_call():
    cluster = cluster_of_ranks()
    cluster.prepare = lambda plane: setattr(plane, "paused", True)
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(wants("l", by_rank()))
    await until(lambda: len(cluster.planes) == 2)
    cluster.remove_node("r1")
    for plane in cluster.planes.values():
        plane.resume()
    assert isinstance((await over(coordinator, "l")).error, NodeLostError)


@run_async
async def test_a_node_that_is_lost_is_named_if_another_gets_the_same():
    cluster = cluster_of_ranks()
    cluster.add_node("r1b", rank="1")
    cluster.prepare = lambda plane: setattr(plane, "paused", True)
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(wants("l", by_rank()))
    await until(lambda: len(cluster.planes) == 3)
    cluster.remove_node("r1")
    for plane in cluster.planes.values():
        plane.resume()
    report = (await over(coordinator, "l")).report
    assert report is not None
    assert report.nodes_lost == ("r1",)
    assert cluster.planes["r1b"].destinations() == {"out/common", "out/rank1"}


@run_async
async def test_what_no_node_wants_any_more_is_released():
    cluster = cluster_of_ranks()
    coordinator = Coordinator(cluster, tick_s=0.05)
    await report_of(coordinator, wants("keeps", [one("common")]))
    await report_of(coordinator, wants("goes", by_rank()))
    await coordinator.detach("goes")
    again = await report_of(coordinator, wants("again", by_rank()))
    assert again.catalog_bytes == 18 * MIB
    assert cluster.planes["plain"].destinations() == {"out/common"}


@run_async
async def test_a_lease_that_expired_goes_on_with_each_nodes_share():
    cluster = cluster_of_ranks()
    cluster.prepare = lambda plane: setattr(plane, "paused", True)
    coordinator = Coordinator(cluster, lease_ttl_s=0.3, tick_s=0.05)
    request = wants("l", by_rank(), keep_s=30.0)
    await coordinator.attach(request)
    await until(lambda: len(cluster.planes) == 2)
    while "l" in await coordinator.lease_ids():
        await asyncio.sleep(0.02)
    await coordinator.attach(request)
    for plane in cluster.planes.values():
        plane.resume()
    report = (await over(coordinator, "l")).report
    assert report is not None
    assert {node.node: node.bytes for node in report.nodes} == {"r0": 12 * MIB, "r1": 14 * MIB}


@run_async
async def test_a_call_for_all_beside_calls_by_node():
    cluster = cluster_of_ranks()
    coordinator = Coordinator(cluster, tick_s=0.05)
    _, everything = await asyncio.gather(
        report_of(coordinator, wants("ranks", by_rank())),
        report_of(coordinator, lease("all", "common", "rank0", "rank1")),
    )
    assert cluster.origin.read_bytes == 18 * MIB
    assert [node.bytes for node in everything.nodes] == [18 * MIB] * 3
