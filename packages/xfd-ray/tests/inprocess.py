"""A cluster in one process: real workers and a real coordinator, with data planes in memory."""

from __future__ import annotations

import asyncio
import functools
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, ClassVar

from xfd_api.errors import NodeLostError
from xfd_api.ids import NodeId
from xfd_api.lookups import plan_downloads
from xfd_api.node_selector import as_selector
from xfd_api.profiles import by_profile
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest
from xfd_api.settings import NodeSettings
from xfd_api.stores import ObjectStoreConfig
from xfd_api.testing import FakeDataPlane, FakeOrigin
from xfd_ray.coordinator.coordinator import Coordinator
from xfd_ray.environment import Environment
from xfd_ray.messages import LeaseRequest, LeaseState, LeaseStatus, WorkerTerms
from xfd_ray.metrics.publisher import Exporter
from xfd_ray.placement import ZONE_LABELS, NodeInfo
from xfd_ray.worker.node_worker import NodeWorker
from xfd_ray.worker_api import Unavailable

STORES = by_profile(ObjectStoreConfig.make_for_s3("bucket"))


class LocalWorker:
    """A `WorkerClient` whose worker can be slow, lose answers or die.

    Attributes:
        calls: the names of the methods called so far.
        delays_s: by method name, the seconds by which calls are delayed.
        drop_answers: the number of exchanges whose answers get lost.
        follows: whether it ends with its coordinator.
    """

    def __init__(self, worker: NodeWorker, node: NodeId) -> None:
        self.worker = worker
        self.node = node
        self.dead = asyncio.Event()
        self.calls: list[str] = []
        self.drop_answers = 0
        self.delays_s: dict[str, float] = {}
        self.follows = False

    async def follow(self) -> None:
        self.follows = True

    async def call(self, method: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        name = method.__name__
        self.calls.append(name)
        await asyncio.sleep(self.delays_s.get(name, 0.0))
        work = asyncio.ensure_future(getattr(self.worker, name)(*args))
        dead = asyncio.ensure_future(self.dead.wait())
        await asyncio.wait({work, dead}, return_when=asyncio.FIRST_COMPLETED)
        dead.cancel()
        if self.dead.is_set():
            work.cancel()
            raise NodeLostError("Its worker is gone", node=self.node)
        if name == "exchange" and self.drop_answers:
            self.drop_answers -= 1
            work.result()
            raise Unavailable
        return work.result()


class LocalCluster:
    """A `Cluster` of nodes `n0`, `n1` ... that share one origin.

    Attributes:
        made: the clusters of the test that runs; `run_async` closes them.
        live: the nodes that are listed as alive.
        planes: each node's data plane; made when its worker starts, and kept when that dies.
        workers: all that were ever started.
        start_errors: by node, the error of a worker's start.
        starts: by node, the number of workers that were to start.
        settings: by node, those of its last worker.
        environment: by node, that of its last worker.
        plane_per_worker: each worker has a data plane of its own.
        exported: takes what the coordinator exports through Ray; None for nothing.
        listing: while it is cleared, a call of `live_nodes` does not return.
        prepare: sets a new data plane up.
    """

    made: ClassVar[list[LocalCluster]] = []

    def __init__(self, nodes: int, sizes: dict[str, int]) -> None:
        self.made.append(self)
        self.origin = FakeOrigin(sizes)
        self.planes: dict[NodeId, FakeDataPlane] = {}
        self.live: list[NodeInfo] = []
        self.workers: list[LocalWorker] = []
        self.start_errors: dict[NodeId, Exception] = {}
        self.starts: Counter[str] = Counter()
        self.settings: dict[NodeId, NodeSettings] = {}
        self.environment: dict[NodeId, Environment] = {}
        self.plane_per_worker = False
        self.exported: Any = None
        self.ended = asyncio.Event()
        self.listing = asyncio.Event()
        self.listing.set()
        self.prepare: Callable[[FakeDataPlane], None] = lambda plane: None
        for k in range(nodes):
            self.add_node(f"n{k}")

    def add_node(self, name: str, zone: str = "", **labels: str) -> NodeId:
        node = NodeId(name)
        labels |= {ZONE_LABELS[0]: zone} if zone else {}
        self.live.append(NodeInfo(node, "127.0.0.1", labels, host=f"host-{node}"))
        return node

    def remove_node(self, node: str) -> None:
        """Kills a node, and lists it no longer."""
        self.live = [info for info in self.live if info.id != node]
        self.kill_worker(node)

    def kill_worker(self, node: str) -> None:
        for worker in self.workers:
            if worker.node == node:
                worker.dead.set()
        self.planes[NodeId(node)].closed = True

    def worker_of(self, node: str) -> LocalWorker:
        return [worker for worker in self.workers if worker.node == node][-1]

    async def live_nodes(self) -> tuple[NodeInfo, ...]:
        await self.listing.wait()
        return tuple(self.live)

    async def start_worker(self, node: NodeInfo, terms: WorkerTerms) -> LocalWorker:
        self.starts[node.id] += 1
        if node.id in self.start_errors:
            raise self.start_errors[node.id]
        self.settings[node.id] = terms.settings
        self.environment[node.id] = terms.environment
        worker = NodeWorker(node.id, node.address, settings=terms.settings, data_plane=self._plane)
        self.workers.append(LocalWorker(worker, node.id))
        return self.workers[-1]

    async def end_worker(self, worker: Any) -> None:
        if not worker.dead.is_set():
            await worker.worker.close()
        worker.dead.set()

    async def here(self) -> NodeInfo:
        return self.live[0]

    def metrics_exporter(self) -> Callable[[], Exporter] | None:
        return None if self.exported is None else lambda: self.exported

    async def end_coordinator(self) -> None:
        self.ended.set()

    async def close(self) -> None:
        """Closes all workers: their threads would wait for events long after the test."""
        for worker in self.workers:
            await worker.worker.close()

    def _plane(self, node: NodeId, settings: NodeSettings) -> FakeDataPlane:
        if node in self.planes and not self.plane_per_worker:
            self.planes[node].closed = False
            self.planes[node].settings = settings
            return self.planes[node]
        plane = self.planes[node] = FakeDataPlane(node, self.origin, self.planes)
        plane.settings = settings
        self.prepare(plane)
        return plane


def requests(*keys: str) -> list[DownloadRequest]:
    return [DownloadRequest(ObjectDownloadRequest(key, Path(f"out/{key}"))) for key in keys]


def lease(name: str, *keys: str, nodes: Any = None, **options: Any) -> LeaseRequest:
    options.setdefault("chunk_size_bytes", 2**20)
    return LeaseRequest(
        id=name,
        lookups=plan_downloads(requests(*keys), STORES).lookups,
        stores=STORES,
        selector=as_selector(nodes),
        **options,
    )


async def over(coordinator: Coordinator, name: str, timeout_s: float = 20.0) -> LeaseStatus:
    """Waits until a lease is over, and returns its status."""
    for _ in range(int(timeout_s)):
        status = await coordinator.watch(name, 1.0)
        if status.state is not LeaseState.RUNNING:
            return status
    raise TimeoutError(f"lease {name} is not over: {status}")


async def until(holds: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Waits for a condition that no event signals."""
    for _ in range(int(timeout_s * 100)):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


def run_async(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Runs a coroutine as a test, for 60 s at most; ends the tasks and workers that it leaves."""

    async def whole() -> None:
        LocalCluster.made.clear()
        try:
            await asyncio.wait_for(test(), 60)
        finally:
            left = asyncio.all_tasks() - {asyncio.current_task()}
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            for cluster in LocalCluster.made:
                await asyncio.wait_for(cluster.close(), 10)

    @functools.wraps(test)
    def run() -> None:
        asyncio.run(whole())

    return run


def scrape(address: str) -> list[str]:
    """Returns the lines of a metrics endpoint's answer; blocks."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        lines: list[str] = answer.read().decode().splitlines()
    return lines
