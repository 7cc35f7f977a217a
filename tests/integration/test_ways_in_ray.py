"""Any Ray program: files before its tasks and actors, by a setup hook or by an awaited call."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import ray
from ray import cloudpickle
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

import xfd_ray
from xfd_api.errors import DeadlineExceededError, ObjectNotFoundError
from xfd_api.paths import local_path
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest
from xfd_api.stores import ObjectStoreConfig
from xfd_ray.cluster.each_node import on_each_node
from xfd_testing import artifacts
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import ONCE, S3Server
from xfd_testing.slow_link import slow_link
from xfd_testing.waiting import until

MIB = 2**20
BODY = b"".join(artifacts.random_bytes(8 * MIB, seed=20))


@pytest.fixture
def place(bucket: str, cluster: RayCluster, s3_server: S3Server) -> Iterator[str]:
    """A folder below each node's root that is this test's own; `big` is in the bucket."""
    s3_server.put(bucket, "big", BODY)
    yield bucket
    for root in cluster.roots:
        shutil.rmtree(root / bucket, ignore_errors=True)


@contextmanager
def connected(cluster: RayCluster, **runtime_env: Any) -> Iterator[None]:
    """A driver with this environment."""
    module = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(module)
    ray.init(
        address=cluster.address, runtime_env=runtime_env, log_to_driver=False, logging_level="ERROR"
    )
    try:
        yield
    finally:
        cloudpickle.unregister_pickle_by_value(module)
        ray.shutdown()


def request(place: str, key: str = "big") -> list[DownloadRequest]:
    return [DownloadRequest(ObjectDownloadRequest(key, Path(place, key)))]


def on(cluster: RayCluster, number: int) -> dict[str, Any]:
    node = cluster.nodes[number].id
    return {"scheduling_strategy": NodeAffinitySchedulingStrategy(node, soft=False)}


def seen(place: str) -> tuple[int, int]:
    """The process that ran this, and the size of the file that it found."""
    return os.getpid(), local_path(Path(place, "big")).stat().st_size


class Seer:
    """An actor that finds the file in its constructor."""

    def __init__(self, place: str) -> None:
        self.found = seen(place)

    def seen(self) -> tuple[int, int]:
        return self.found


class Awaiting:
    """An actor whose methods await files."""

    def __init__(self) -> None:
        self.ticks = 0

    async def all_of(self, places: list[str], store: ObjectStoreConfig) -> int:
        async def ticking() -> None:
            while True:
                self.ticks += 1
                await asyncio.sleep(0.001)

        ticks = asyncio.create_task(ticking())
        calls = [xfd_ray.ensure_local_async(request(place), store) for place in places]
        await asyncio.gather(*calls)
        ticks.cancel()
        return self.ticks

    async def late(self, place: str, store: ObjectStoreConfig) -> None:
        await xfd_ray.ensure_local_async(request(place), store, deadline_s=0.0)

    async def given_up(self, place: str, store: ObjectStoreConfig) -> None:
        self.waiting = asyncio.create_task(xfd_ray.ensure_local_async(request(place), store))

    async def give_up(self) -> bool:
        self.waiting.cancel()
        await asyncio.wait([self.waiting])
        return self.waiting.cancelled()


def test_a_setup_hook_brings_files_before_tasks_and_actors(
    bucket: str, place: str, cluster: RayCluster, s3_server: S3Server
) -> None:
    hook = xfd_ray.setup_hook(request(place), ObjectStoreConfig.make_for_s3(bucket))
    with connected(cluster, worker_process_setup_hook=hook):
        task, actor = ray.remote(seen), ray.remote(Seer)
        tasks = [task.options(**on(cluster, n)).remote(place) for n in range(3)]
        actors = [actor.options(**on(cluster, n)).remote(place) for n in range(3)]
        found = ray.get([*tasks, *(each.seen.remote() for each in actors)], timeout=60)
        assert {size for _, size in found} == {len(BODY)}
        assert len({pid for pid, _ in found}) == 6
    # A node that comes when another is done already reads the origin again.
    assert s3_server.sent_bytes(bucket) <= 3 * ONCE * len(BODY)


def test_what_a_setup_hook_cannot_bring_fails_the_task_and_the_actor(
    bucket: str, place: str, cluster: RayCluster
) -> None:
    hook = xfd_ray.setup_hook(request(place, "nothing"), ObjectStoreConfig.make_for_s3(bucket))
    with connected(cluster, worker_process_setup_hook=hook):
        with pytest.raises(ObjectNotFoundError, match=r"nothing.*Check the uri"):
            ray.get(ray.remote(seen).remote(place), timeout=60)
        with pytest.raises(ray.exceptions.ActorDiedError, match=r"nothing.*Check the uri"):
            ray.get(ray.remote(Seer).remote(place).seen.remote(), timeout=60)
        # What xfd itself asks of nodes does not wait for the hook.
        assert all(isinstance(each, Path) for each in on_each_node(local_path, place).values())


def test_an_actor_awaits_many_files_and_goes_on(
    bucket: str, place: str, cluster: RayCluster, s3_server: S3Server
) -> None:
    store = ObjectStoreConfig.make_for_s3(bucket)
    with connected(cluster):
        actor = ray.remote(Awaiting).remote()
        places = [f"{place}/{n}" for n in range(12)]
        assert ray.get(actor.all_of.remote(places, store), timeout=60) > 3
        with pytest.raises(DeadlineExceededError):
            ray.get(actor.late.remote(f"{place}/late", store), timeout=60)


def test_a_call_that_is_cancelled_gives_its_lease_back(
    bucket: str, place: str, cluster: RayCluster, s3_server: S3Server
) -> None:
    with connected(cluster), slow_link(s3_server.endpoint, MIB / 8) as endpoint:
        store = ObjectStoreConfig.make_for_s3(bucket, endpoint=endpoint)
        actor = ray.remote(Awaiting).remote()
        ray.get(actor.given_up.remote(f"{place}/slow", store), timeout=60)
        until(lambda: len(xfd_ray.status()[0].leases) == 1, 30, "no lease is open")
        assert ray.get(actor.give_up.remote(), timeout=5)
        until(lambda: not xfd_ray.status()[0].leases, 5, "the lease is still open")
