"""Calls with other settings, which have swarms of their own, at the same destinations. No Ray."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from inprocess import STORES, LocalCluster, lease, over, run_async, until

from xfd_api.errors import DestinationConflictError, VersionConflictError
from xfd_api.ids import NodeId
from xfd_api.lookups import plan_downloads
from xfd_api.node_selector import as_selector
from xfd_api.profiles import ObjectStoreConfigByProfile, by_profile
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest, PrefixDownloadRequest
from xfd_api.settings import Durability, NodeSettings
from xfd_api.stores import ObjectStoreConfig
from xfd_api.testing import catalog_of
from xfd_ray.coordinator.coordinator import Coordinator
from xfd_ray.coordinator.destinations import Claim, reconcile
from xfd_ray.environment import Environment
from xfd_ray.messages import LeaseRequest, LeaseState, Terms

MIB = 2**20
SIZES = {"a.bin": 4 * MIB, "b.bin": 2 * MIB, "dir/x": 10, "dir/y": 20}
OTHER_SETTINGS = Terms(durability=Durability.NONE)
OTHER_ENVIRONMENT = Environment((("AWS_PROFILE", "other"),))
OTHER_ROOT = Terms(node_settings=NodeSettings(root="/elsewhere"))
OTHER_BUCKET = by_profile(ObjectStoreConfig.make_for_s3("second"))
OTHER_KEYS = by_profile(
    ObjectStoreConfig.make_for_s3("bucket", access_key_id="id", secret_access_key="s")
)


def one(key: str, destination: str = "out/a.bin") -> DownloadRequest:
    return DownloadRequest(ObjectDownloadRequest(key, Path(destination)))


def request(
    name: str,
    what: DownloadRequest,
    *,
    stores: ObjectStoreConfigByProfile = STORES,
    nodes: Any = None,
    **options: Any,
) -> LeaseRequest:
    return LeaseRequest(
        id=name,
        lookups=plan_downloads([what], stores).lookups,
        stores=stores,
        selector=as_selector(nodes),
        chunk_size_bytes=MIB,
        **options,
    )


FOLDER = DownloadRequest(PrefixDownloadRequest("dir", Path("out/a.bin")))
ABSOLUTE = one("a.bin", "/data/a.bin")


@pytest.mark.parametrize(
    ("held", "asked", "options", "words"),
    [
        (one("a.bin"), one("a.bin"), {}, None),
        (one("a.bin"), one("a.bin"), {"stores": OTHER_KEYS}, None),
        (one("a.bin"), one("b.bin", "out/b.bin"), {}, None),
        (one("a.bin"), one("b.bin"), {}, ("s3://bucket/a.bin", "s3://bucket/b.bin")),
        (one("a.bin"), one("b.bin"), {"on_version_conflict": "pinned"}, ("b.bin",)),
        (one("a.bin"), one("a.bin"), {"stores": OTHER_BUCKET}, ("s3://bucket/", "s3://second/")),
        (one("a.bin"), FOLDER, {}, ("a.bin", "dir/x", "still open")),
        (FOLDER, one("a.bin"), {}, ("dir/x", "still open")),
        (one("a.bin"), one("b.bin"), {"nodes": ["n1"]}, None),
        (one("a.bin"), one("b.bin"), {"environment": OTHER_ENVIRONMENT}, ("b.bin",)),
        (
            one("a.bin"),
            one("b.bin"),
            {"environment": OTHER_ENVIRONMENT, "terms": OTHER_ROOT},
            None,
        ),
        (
            ABSOLUTE,
            one("b.bin", "/data/a.bin"),
            {"environment": OTHER_ENVIRONMENT, "terms": OTHER_ROOT},
            ("s3://bucket/a.bin",),
        ),
    ],
)
def test_other_content_at_a_destination_is_refused_by_name(
    held: DownloadRequest,
    asked: DownloadRequest,
    options: dict[str, Any],
    words: tuple[str, ...] | None,
) -> None:
    @run_async
    async def check() -> None:
        cluster = LocalCluster(2, SIZES)
        coordinator = Coordinator(cluster, tick_s=0.05)
        await coordinator.attach(request("first", held, nodes=["n0"]))
        assert (await over(coordinator, "first")).report is not None
        choices = {"nodes": ["n0"], "terms": OTHER_SETTINGS, **options}
        await coordinator.attach(request("second", asked, **choices))
        status = await over(coordinator, "second")
        if words is None:
            assert status.report is not None, status.error
            return
        assert isinstance(status.error, DestinationConflictError)
        assert not isinstance(status.error, VersionConflictError)
        for word in (*words, "on_version_conflict='wait'"):
            assert word in str(status.error)
        await coordinator.detach("first")
        await coordinator.attach(request("third", asked, **choices))
        assert (await over(coordinator, "third")).report is not None

    check()


@pytest.mark.parametrize("choice", ["fail", "pinned", "wait"])
@pytest.mark.parametrize("terms", [OTHER_SETTINGS, Terms()], ids=["other settings", "same"])
def test_another_version_is_a_choice_with_any_settings(choice: str, terms: Terms) -> None:
    @run_async
    async def check() -> None:
        cluster = LocalCluster(2, SIZES)
        coordinator = Coordinator(cluster, tick_s=0.05)
        await coordinator.attach(request("first", one("a.bin")))
        assert (await over(coordinator, "first")).report is not None
        cluster.origin.versions["a.bin"] += 1
        second = request("second", one("a.bin"), terms=terms, on_version_conflict=choice)
        await coordinator.attach(second)
        if choice == "wait":
            status = await coordinator.watch("second", 0.5)
            assert status.state is LeaseState.RUNNING
            assert "another call to end" in str(status.waits_for)
            assert "s3://bucket/a.bin" in str(status.waits_for)
            await coordinator.detach("first")
        status = await over(coordinator, "second")
        if choice == "fail":
            assert isinstance(status.error, VersionConflictError)
            for words in ("s3://bucket/a.bin", '-1"', '-2"', "'pinned'", "'wait'"):
                assert words in str(status.error)
            return
        assert status.report is not None, status.error
        assert status.waits_for is None
        read = {"pinned": 0, "wait": 4 * MIB}[choice]
        assert status.report.origin_bytes == read
        assert status.report.cached_bytes == (0 if read else 2 * 4 * MIB)

    check()


@pytest.mark.parametrize("terms", [OTHER_SETTINGS, Terms()], ids=["other settings", "same"])
def test_a_call_may_wait_for_another_object_to_go(terms: Terms) -> None:
    @run_async
    async def check() -> None:
        cluster = LocalCluster(1, SIZES)
        coordinator = Coordinator(cluster, tick_s=0.05)
        await coordinator.attach(request("first", one("a.bin")))
        await coordinator.attach(request("unrelated", one("dir/x", "out/x")))
        for name in ("first", "unrelated"):
            assert (await over(coordinator, name)).report is not None
        for name in ("second", "third"):  # Both are to hear of each end.
            waiting = request(name, one("b.bin"), terms=terms, on_version_conflict="wait")
            await coordinator.attach(waiting)
            assert (await coordinator.watch(name, 0.3)).waits_for is not None
        await coordinator.detach("unrelated")
        assert (await coordinator.watch("second", 0.3)).state is LeaseState.RUNNING
        await coordinator.detach("first")
        for name in ("second", "third"):
            assert (await over(coordinator, name)).report is not None

    check()


@run_async
async def test_a_request_that_is_wrong_in_itself_does_not_wait() -> None:
    cluster = LocalCluster(1, SIZES)
    coordinator = Coordinator(cluster, tick_s=0.05)
    twice = LeaseRequest(
        id="l",
        lookups=plan_downloads([one("a.bin"), FOLDER], STORES).lookups,
        stores=STORES,
        selector=as_selector(None),
        on_version_conflict="wait",
    )
    await coordinator.attach(twice)
    assert isinstance((await over(coordinator, "l")).error, DestinationConflictError)


@run_async
async def test_a_status_names_the_process_that_a_lease_waits_for() -> None:
    cluster = LocalCluster(1, SIZES)
    cluster.prepare = lambda plane: plane.busy.update({"out/a.bin": None})
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("l", "a.bin"))
    await until(lambda: bool(cluster.workers) and "extend" in cluster.workers[0].calls)
    status = await coordinator.watch("l", 0.2)
    assert "another process on node host-n0 (n0), which writes out/a.bin" in str(status.waits_for)
    assert status.progress is not None
    assert status.progress.waits_for == status.waits_for
    cluster.planes[cluster.live[0].id].busy.clear()
    status = await over(coordinator, "l")
    assert status.report is not None
    assert status.waits_for is None


@pytest.mark.parametrize("roots", [(None, None), (None, "/r"), ("/r", None)])
def test_absolute_destinations_are_compared_before_all_roots_are_known(
    roots: tuple[str | None, str | None],
) -> None:
    node = NodeId("n0")

    def claim(key: str, destination: str, root: str | None, environment: Environment) -> Claim:
        [item] = catalog_of({key: 10}).objects
        item = replace(item, destination=destination)
        return Claim([item], STORES.profiles, {node: root}, environment)

    def both(destination: str) -> tuple[Claim, Claim]:
        return (
            claim("a.bin", destination, roots[0], Environment()),
            claim("b.bin", destination, roots[1], OTHER_ENVIRONMENT),
        )

    first, second = both("out/a.bin")
    assert reconcile(second, [first], as_pinned=False) == second.objects
    first, second = both("/data/a.bin")
    with pytest.raises(DestinationConflictError, match=r"b\.bin"):
        reconcile(second, [first], as_pinned=False)
