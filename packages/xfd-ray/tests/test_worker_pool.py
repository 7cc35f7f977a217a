"""Who shares a worker, and what the loss of one does to the others. No Ray anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from inprocess import LocalCluster, lease, over, run_async, until

from xfd_api.errors import NodeLostError
from xfd_ray.coordinator.coordinator import Coordinator
from xfd_ray.coordinator.worker_pool import WorkerPool
from xfd_ray.messages import Terms, WorkerTerms
from xfd_ray.placement import NodeInfo

MIB = 2**20
SIZES = {"big": 8 * MIB, "other": 2 * MIB}
TERMS = WorkerTerms()
OTHER_TERMS = WorkerTerms(peer_ports=(7000, 7100))


@asynccontextmanager
async def pool_of(
    cluster: LocalCluster, **options: float
) -> AsyncIterator[tuple[WorkerPool, NodeInfo]]:
    """The pool of workers of a cluster of one node, and that node."""
    pool = WorkerPool(cluster, **options)
    yield pool, cluster.live[0]
    await pool.close()


class SlowToStart(LocalCluster):
    """Workers say how they are only once `up` is set."""

    def __init__(self, nodes: int) -> None:
        super().__init__(nodes, SIZES)
        self.up = asyncio.Event()

    async def start_worker(self, node, terms):
        worker = await super().start_worker(node, terms)
        await self.up.wait()
        return worker


@run_async
async def test_a_lost_worker_takes_no_worker_of_other_terms_with_it():
    cluster = LocalCluster(1, SIZES)
    async with pool_of(cluster) as (pool, node):
        mine, _ = await pool.worker(node, TERMS)
        theirs, _ = await pool.worker(node, OTHER_TERMS)
        pool.drop(node.id, TERMS, mine)
        assert (await pool.worker(node, OTHER_TERMS))[0] is theirs
        assert (await pool.worker(node, TERMS))[0] is not mine


@run_async
async def test_a_worker_that_is_reported_lost_twice_is_replaced_once():
    cluster = LocalCluster(1, SIZES)
    async with pool_of(cluster) as (pool, node):
        lost, _ = await pool.worker(node, TERMS)
        pool.drop(node.id, TERMS, lost)
        new, _ = await pool.worker(node, TERMS)
        pool.drop(node.id, TERMS, lost)
        assert (await pool.worker(node, TERMS))[0] is new
        assert not new.dead.is_set()


@run_async
async def test_a_worker_that_a_driver_started_is_the_nodes_worker():
    cluster = LocalCluster(1, SIZES)
    async with pool_of(cluster) as (pool, node):
        started = await cluster.start_worker(node, TERMS)
        pool.adopt(node, TERMS, started)
        assert (await pool.worker(node, TERMS))[0] is started
        assert started.follows
        assert cluster.starts[node.id] == 1
    assert started.dead.is_set()


@run_async
async def test_a_worker_that_a_driver_started_beside_the_nodes_own_is_ended():
    cluster = LocalCluster(1, SIZES)
    async with pool_of(cluster) as (pool, node):
        own, _ = await pool.worker(node, TERMS)
        started = await cluster.start_worker(node, TERMS)
        pool.adopt(node, TERMS, started)
        await until(started.dead.is_set)
        assert (await pool.worker(node, TERMS))[0] is own
        assert not own.dead.is_set()


@run_async
async def test_a_worker_that_a_driver_started_in_vain_is_replaced():
    cluster = LocalCluster(1, SIZES)
    started = await cluster.start_worker(cluster.live[0], TERMS)
    started.dead.set()
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("a", "big"), [(cluster.live[0], started)])
    status = await over(coordinator, "a")
    assert status.report is not None, status.error
    assert [node.state for node in status.report.nodes] == ["done"]
    assert cluster.starts["n0"] == 2
    await coordinator.detach("a")


@run_async
async def test_a_start_that_is_given_up_is_a_loss_to_its_waiters():
    cluster = SlowToStart(1)
    async with pool_of(cluster) as (pool, node):
        waiting = asyncio.create_task(pool.worker(node, TERMS))
        await until(lambda: len(cluster.workers) == 1)
        pool.drop(node.id, TERMS, None)
        with pytest.raises(NodeLostError):
            await waiting
        cluster.up.set()
        await pool.worker(node, TERMS)
        assert len(cluster.workers) == 2


@run_async
async def test_a_worker_that_does_not_come_up_in_time_is_a_loss():
    cluster = SlowToStart(1)
    async with pool_of(cluster, start_timeout_s=0.05) as (pool, node):
        with pytest.raises(NodeLostError, match=r"not up after 0\.05 s"):
            await pool.worker(node, TERMS)


@run_async
async def test_a_cancelled_waiter_does_not_stop_a_start():
    cluster = SlowToStart(1)
    async with pool_of(cluster) as (pool, node):
        impatient = asyncio.create_task(pool.worker(node, TERMS))
        patient = asyncio.create_task(pool.worker(node, TERMS))
        await until(lambda: len(cluster.workers) == 1)
        impatient.cancel()
        await asyncio.wait({impatient})
        assert impatient.cancelled()
        cluster.up.set()
        assert (await patient)[0] is cluster.workers[0]


@run_async
async def test_a_swarm_gets_its_worker_although_another_loses_one_on_the_node():
    cluster = SlowToStart(2)
    cluster.up.set()
    cluster.prepare = lambda plane: setattr(plane, "paused", plane.node == "n1")
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("a", "big"))
    await until(lambda: "n1" in cluster.planes and bool(cluster.planes["n1"].submitted))
    cluster.up.clear()
    await coordinator.attach(lease("b", "other", terms=Terms(peer_ports=(7000, 7100))))
    await until(lambda: len(cluster.workers) == 4)
    cluster.planes["n1"].paused = False
    [first] = [worker for worker in cluster.workers[:2] if worker.node == "n1"]
    first.dead.set()
    await until(lambda: len(cluster.workers) == 5)
    cluster.up.set()
    for name in ("a", "b"):
        status = await over(coordinator, name)
        assert status.report is not None, status.error
        assert [node.state for node in status.report.nodes] == ["done", "done"]
        await coordinator.detach(name)
