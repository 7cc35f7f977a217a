"""When a coordinator ends itself, and when it must not. No Ray anywhere."""

from __future__ import annotations

import asyncio

import pytest
from inprocess import LocalCluster, lease, over, run_async, until

from xfd_api.errors import VersionMismatchError
from xfd_ray.coordinator.coordinator import Coordinator
from xfd_ray.messages import LeaseState

MIB = 2**20
SIZES = {"big": 8 * MIB}
SOON_S = 15.0


def coordinator_of(cluster: LocalCluster) -> Coordinator:
    return Coordinator(cluster, tick_s=0.02, first_lease_s=0.1)


@run_async
async def test_a_coordinator_that_nobody_ever_asks_ends():
    cluster = LocalCluster(1, SIZES)
    coordinator = coordinator_of(cluster)
    await asyncio.wait_for(cluster.ended.wait(), SOON_S)
    assert (await coordinator.attach(lease("l", "big"))).state is LeaseState.UNKNOWN


@run_async
async def test_a_coordinator_that_refused_its_only_driver_ends():
    cluster = LocalCluster(1, SIZES)
    coordinator = coordinator_of(cluster)
    with pytest.raises(VersionMismatchError):
        await coordinator.attach(lease("l", "big", versions={"xfd_ray": "0.0.1"}))
    await asyncio.wait_for(cluster.ended.wait(), SOON_S)


@run_async
async def test_a_coordinator_whose_only_lease_could_not_be_opened_ends():
    cluster = LocalCluster(1, SIZES)
    coordinator = coordinator_of(cluster)
    cluster.listing.clear()
    attaching = asyncio.create_task(coordinator.attach(lease("l", "big")))
    await asyncio.sleep(0)
    attaching.cancel()
    cluster.listing.set()
    await asyncio.wait_for(cluster.ended.wait(), SOON_S)


@run_async
async def test_a_coordinator_does_not_end_while_a_lease_is_being_opened():
    cluster = LocalCluster(1, SIZES)
    coordinator = coordinator_of(cluster)
    await coordinator.attach(lease("first", "big", keep_s=0))
    await over(coordinator, "first")
    await coordinator.detach("first")
    cluster.listing.clear()
    attaching = asyncio.create_task(coordinator.attach(lease("second", "big", keep_s=0)))
    await asyncio.sleep(0)
    for _ in range(3):
        await coordinator.tick()
    cluster.listing.set()
    assert (await attaching).state is LeaseState.RUNNING
    assert (await over(coordinator, "second")).report is not None
    assert not cluster.ended.is_set()
    await coordinator.detach("second")
    await asyncio.wait_for(cluster.ended.wait(), SOON_S)


@pytest.mark.parametrize(
    ("keeps", "lasts"), [((0.0, 0.6), True), ((0.6, 0.0), True), ((0.0, 0.0), False)]
)
def test_the_latest_of_all_ends_that_calls_asked_for_is_the_end(keeps, lasts):
    @run_async
    async def check():
        cluster = LocalCluster(1, SIZES)
        coordinator = coordinator_of(cluster)
        for k, keep_s in enumerate(keeps):
            await coordinator.attach(lease(f"l{k}", "big", keep_s=keep_s))
            await over(coordinator, f"l{k}")
            await coordinator.detach(f"l{k}")
        await asyncio.sleep(0.3)
        assert cluster.ended.is_set() is not lasts
        await asyncio.wait_for(cluster.ended.wait(), SOON_S)

    check()


@run_async
async def test_a_driver_that_asks_twice_opens_one_lease():
    cluster = LocalCluster(1, SIZES)
    coordinator = coordinator_of(cluster)
    cluster.listing.clear()
    twice = [asyncio.create_task(coordinator.attach(lease("l", "big"))) for _ in range(2)]
    await asyncio.sleep(0)
    cluster.listing.set()
    await asyncio.gather(*twice)
    assert (await over(coordinator, "l")).report is not None
    assert cluster.origin.finds == 1
    await coordinator.detach("l")
    await until(lambda: len(cluster.planes["n0"].left) == 1)


@run_async
async def test_a_bug_while_a_lease_is_taken_off_keeps_no_coordinator():
    cluster = LocalCluster(1, SIZES)
    coordinator = coordinator_of(cluster)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "xfd_ray.coordinator.catalog_union.CatalogUnion.drop", lambda self, wanted: [][0]
        )
        await coordinator.attach(lease("l", "big", keep_s=0))
        await over(coordinator, "l")
        with pytest.raises(IndexError):
            await coordinator.detach("l")
    await asyncio.wait_for(cluster.ended.wait(), SOON_S)


@run_async
async def test_a_bug_in_ending_the_workers_keeps_no_coordinator():
    cluster = LocalCluster(1, SIZES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xfd_ray.coordinator.worker_pool.WorkerPool.close", lambda self: [][0])
        coordinator_of(cluster)
        await asyncio.wait_for(cluster.ended.wait(), SOON_S)


@run_async
async def test_a_renewal_of_a_lease_that_is_done_brings_its_state_alone():
    coordinator = coordinator_of(LocalCluster(1, SIZES))
    await coordinator.attach(lease("l", "big", keep_s=0))
    await over(coordinator, "l")
    assert await coordinator.renew("l") is LeaseState.DONE
    assert await coordinator.renew("another") is LeaseState.UNKNOWN
    await coordinator.detach("l")
    assert await coordinator.renew("l") is LeaseState.UNKNOWN
