"""Leases of repositories: blobs are shared, and each lease's snapshot reaches every node."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from inprocess import LocalCluster, over, run_async

from xfd_api.chunks import FoundObject
from xfd_api.errors import (
    AccessDeniedError,
    CredentialsError,
    DestinationNotWritableError,
    HubOfflineError,
    MissingPackageError,
    XfdError,
)
from xfd_api.lookups import Lookup, plan_downloads
from xfd_api.node_selector import as_selector
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.request_forms import Requests
from xfd_api.requests import ObjectDownloadRequest
from xfd_api.stores import ObjectStoreConfig
from xfd_api.testing import FakeDataPlane
from xfd_dataplane.finding import find_objects
from xfd_ray.coordinator.coordinator import Coordinator
from xfd_ray.messages import LeaseRequest, LeaseState, LeaseStatus
from xfd_testing.hub import HubServer, running

FIRST = {"config.json": b"{}", "model.safetensors": b"w" * 1000}
SECOND = {**FIRST, "config.json": b"{1}"}


@pytest.fixture(scope="module")
def hub() -> Iterator[HubServer]:
    with running() as server:
        server.add("org/bert", {"main": FIRST, "v2": SECOND, "same": FIRST})
        yield server


def wants(
    hub: HubServer, name: str, requests: Requests, token: str | None = None, **options: object
) -> LeaseRequest:
    plan = plan_downloads(requests, ObjectStoreConfig.make_for_hub(hub.url, token))
    return LeaseRequest(
        id=name, lookups=plan.lookups, stores=plan.stores, selector=as_selector(None), **options
    )  # type: ignore[arg-type]


def cluster_of(
    nodes: int,
    lacking: frozenset[str] = frozenset(),
    lack: type[XfdError] = MissingPackageError,
) -> LocalCluster:
    """Nodes that ask the real finder; some lack its package, or the repository."""
    cluster = LocalCluster(nodes, {})

    def prepare(plane: FakeDataPlane) -> None:
        def find(
            lookups: Sequence[Lookup], stores: ObjectStoreConfigByProfile
        ) -> list[list[FoundObject]]:
            if plane.node in lacking:
                raise lack("It is not here")
            return find_objects(cluster.origin, lookups, stores)

        plane.find_objects = find  # type: ignore[method-assign]

    cluster.prepare = prepare
    return cluster


async def ended(coordinator: Coordinator, request: LeaseRequest) -> LeaseStatus:
    await coordinator.attach(request)
    return await over(coordinator, request.id)


def revisions(plane: FakeDataPlane) -> list[str | None]:
    return [snapshot.revision for snapshot in plane.snapshots]


def test_each_blob_leaves_the_hub_once_and_every_node_links_it(hub: HubServer) -> None:
    @run_async
    async def story() -> None:
        cluster = cluster_of(3)
        coordinator = Coordinator(cluster, tick_s=0.05)

        status = await ended(coordinator, wants(hub, "one", "hf://org/bert"))

        assert status.state is LeaseState.DONE, status.error
        assert cluster.origin.read_bytes == sum(map(len, FIRST.values()))
        for plane in cluster.planes.values():
            assert revisions(plane) == ["main"]
            assert plane.snapshots[0].is_whole
        assert status.report is not None
        assert {result.destination.partition("/")[0] for result in status.report.objects} == {
            "hf-cache:models--org--bert"
        }

    story()


def test_a_second_revision_fetches_what_differs(hub: HubServer) -> None:
    @run_async
    async def story() -> None:
        cluster = cluster_of(2)
        coordinator = Coordinator(cluster, tick_s=0.05)
        await ended(coordinator, wants(hub, "one", "hf://org/bert"))
        before = cluster.origin.read_bytes

        status = await ended(coordinator, wants(hub, "two", "hf://org/bert@v2"))

        assert status.state is LeaseState.DONE, status.error
        assert cluster.origin.read_bytes - before == len(SECOND["config.json"])
        assert [revisions(plane) for plane in cluster.planes.values()] == [["main", "v2"]] * 2

    story()


def test_a_revision_without_new_blobs_is_linked_too(hub: HubServer) -> None:
    @run_async
    async def story() -> None:
        cluster = cluster_of(2)
        coordinator = Coordinator(cluster, tick_s=0.05)
        await ended(coordinator, wants(hub, "one", "hf://org/bert"))

        status = await ended(coordinator, wants(hub, "two", "hf://org/bert@same"))

        assert status.state is LeaseState.DONE, status.error
        assert [revisions(plane) for plane in cluster.planes.values()] == [["main", "same"]] * 2

    story()


def test_a_late_node_and_a_new_worker_link_it_too(hub: HubServer) -> None:
    @run_async
    async def story() -> None:
        cluster = cluster_of(1)
        coordinator = Coordinator(cluster, tick_s=0.05)
        await ended(coordinator, wants(hub, "one", "hf://org/bert"))
        late = cluster.add_node("late")

        await coordinator.tick()
        status = await ended(coordinator, wants(hub, "two", "hf://org/bert@v2"))

        assert status.state is LeaseState.DONE, status.error
        assert sorted(map(str, revisions(cluster.planes[late]))) == ["main", "v2"]

    story()


def test_a_node_that_cannot_link_fails_the_lease_by_name(hub: HubServer) -> None:
    @run_async
    async def story() -> None:
        cluster = cluster_of(1)
        coordinator = Coordinator(cluster, tick_s=0.05)
        await ended(coordinator, wants(hub, "one", "hf://org/bert"))
        (plane,) = cluster.planes.values()
        plane.extend_error = DestinationNotWritableError("The cache is read-only", path="/hub")

        status = await ended(coordinator, wants(hub, "two", "hf://org/bert@same"))

        assert status.state is LeaseState.FAILED
        assert isinstance(status.error, DestinationNotWritableError)
        again = await ended(coordinator, wants(hub, "three", "hf://org/bert@same"))
        assert again.state is LeaseState.DONE, again.error

    story()


def test_a_call_without_a_checksum_does_not_stand_in_for_one_with_it(hub: HubServer) -> None:
    @run_async
    async def story() -> None:
        coordinator = Coordinator(cluster_of(1), tick_s=0.05)
        plain = ObjectDownloadRequest("hf://org/bert/config.json", "c.json")  # type: ignore[arg-type]
        pinned = ObjectDownloadRequest(
            "hf://org/bert/config.json",
            "c.json",  # type: ignore[arg-type]
            sha256="a" * 64,
        )
        first = await ended(coordinator, wants(hub, "one", plain))
        assert first.state is LeaseState.DONE, first.error

        status = await ended(coordinator, wants(hub, "two", pinned))

        assert "without this checksum" in str(status.error)

    story()


@pytest.mark.parametrize("lacking", [{"n0"}, {"n0", "n1"}])
@pytest.mark.parametrize(
    "lack", [MissingPackageError, HubOfflineError, AccessDeniedError, CredentialsError]
)
def test_a_node_without_the_package_the_repository_or_the_rights_is_passed_over(
    hub: HubServer, lacking: set[str], lack: type[XfdError]
) -> None:
    @run_async
    async def story() -> None:
        coordinator = Coordinator(cluster_of(2, frozenset(lacking), lack), tick_s=0.05)

        status = await ended(coordinator, wants(hub, "one", "hf://org/bert"))

        if len(lacking) == 1:
            assert status.state is LeaseState.DONE, status.error
        else:
            assert isinstance(status.error, lack)

    story()
