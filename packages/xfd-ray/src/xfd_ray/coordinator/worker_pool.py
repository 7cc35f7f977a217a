"""The workers of a coordinator, one per node and terms, shared by swarms; `usage` ends them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from xfd_api.chunks import Catalog, FoundObject
from xfd_api.errors import NodeLostError, NodeUnavailableError, PeerPortError, XfdError
from xfd_api.ids import NodeId, SwarmId
from xfd_api.lookups import Lookup
from xfd_api.node_report import NodeReport
from xfd_api.reports import Inventory
from xfd_api.settings import NodeSettings, SwarmTicket
from xfd_api.stores import ObjectStoreConfigByProfile
from xfd_ray.coordinator.catalog_union import CatalogPart
from xfd_ray.coordinator.worker_usage import Key, Usage
from xfd_ray.environment import Environment
from xfd_ray.loop.running_clock import within
from xfd_ray.messages import WorkerTerms
from xfd_ray.placement import NodeInfo
from xfd_ray.telemetry.log import Log
from xfd_ray.telemetry.log_events import NODE_REFUSED, NODE_STARTED
from xfd_ray.telemetry.versions import check_versions, installed_versions
from xfd_ray.worker.node_worker import Exchange, Hello

START_TIMEOUT_S = 180.0


class WorkerClient(Protocol):
    """One worker as the coordinator sees it: `NodeWorker`, near or far.

    A call that fails because the worker's process is gone raises `NodeLostError`; one of which
    nobody knows whether it arrived raises `Unavailable`.
    """

    async def versions(self) -> dict[str, str | None]:
        """Of the xfd packages there."""
        ...

    async def follow(self) -> None:
        """Makes the worker end when the coordinator does."""
        ...

    async def hello(self, environment: Environment) -> Hello:
        """How the worker introduces itself; starts its servers at the first call."""
        ...

    async def reconfigure(self, settings: NodeSettings) -> None:
        """See `NodeWorker.reconfigure`."""
        ...

    async def find_objects(
        self, lookups: Sequence[Lookup], stores: ObjectStoreConfigByProfile
    ) -> list[list[FoundObject]]:
        """See `ObjectFinder`."""
        ...

    async def join(self, ticket: SwarmTicket) -> None:
        """Enters a swarm."""
        ...

    async def extend(
        self, swarm: SwarmId, catalog: Catalog, stores: ObjectStoreConfigByProfile
    ) -> Inventory:
        """See `DataPlane.extend`."""
        ...

    async def exchange(self, swarm: SwarmId, call: Exchange) -> NodeReport:
        """See `NodeWorker.exchange`."""
        ...

    async def leave(self, swarm: SwarmId) -> None:
        """Ends a swarm here."""
        ...

    async def close(self) -> None:
        """Stops what runs in the worker."""
        ...


class Cluster(Protocol):
    """What the coordinator needs of Ray."""

    async def live_nodes(self) -> tuple[NodeInfo, ...]:
        """The nodes that are alive now."""
        ...

    async def start_worker(self, node: NodeInfo, terms: WorkerTerms) -> WorkerClient:
        """Starts a worker process on the node; does not wait until it is up."""
        ...

    async def end_worker(self, worker: WorkerClient) -> None:
        """Makes sure that the worker's process ends. Raises nothing."""
        ...

    async def end_coordinator(self) -> None:
        """Ends the coordinator's own process."""
        ...


_Start = asyncio.Task[tuple[WorkerClient, Hello]]


def _is_up(start: _Start) -> bool:
    return start.done() and not start.cancelled() and start.exception() is None


class WorkerPool:
    """Starts workers when they are asked for, and checks who they are."""

    def __init__(self, cluster: Cluster, *, start_timeout_s: float = START_TIMEOUT_S) -> None:
        self._cluster = cluster
        self._start_timeout_s = start_timeout_s
        self._versions = installed_versions()
        self._starting: dict[Key, _Start] = {}
        self._usage = Usage()
        self._endings: set[asyncio.Future[None]] = set()
        self._log = Log()

    async def worker(self, node: NodeInfo, terms: WorkerTerms) -> tuple[WorkerClient, Hello]:
        """The node's worker, up and checked; in use until it is released or dropped.

        An idle worker of other terms is changed to these, if it can be.

        Raises:
            NodeLostError: it did not come up, or was dropped meanwhile.
            VersionMismatchError: it is not of our versions.
            PeerPortError: it found no port.
        """
        key = (node.id, terms)
        if key not in self._starting:
            if self._usage.has_no_port(key):
                raise PeerPortError(
                    f"A call with other settings uses the ports {terms.peer_ports} at the moment",
                    node=node.id,
                    remedy="Give peer_ports more ports, or call again when the other is over",
                )
            self._add(key, self._change(node, terms) or self._begin(node, terms, None))
        task = self._starting[key]
        self._usage.begin(key, self._now())
        # Others wait for the same start: who stops waiting must not stop it, and a start that was
        # stopped must not look to those who wait as if they had been.
        try:
            await asyncio.wait({task})
            if task.cancelled():
                raise NodeLostError("Its worker was given up while it started", node=node.id)
            return task.result()
        except BaseException:
            if self._starting.get(key) is task:
                self._usage.end(key, self._now())
                if task.done() and not _is_up(task):
                    self._remove(key)
            raise

    def release(self, node: NodeId, terms: WorkerTerms, worker: WorkerClient) -> None:
        """One who asked for this worker does not use it any more."""
        task = self._starting.get((node, terms))
        if task is not None and _is_up(task) and task.result()[0] is worker:
            self._usage.end((node, terms), self._now())

    def end_idle(self) -> None:
        """Ends workers that nobody has used for long, while others are."""
        for key in self._usage.idle_too_long(self._now()):
            if self._starting[key].done():
                self._retire(key)

    def take_on(self, node: NodeInfo, terms: WorkerTerms, worker: WorkerClient) -> None:
        """A worker that somebody else has started, as if it had been asked for here.

        Where the node has one of these terms already, this one is ended.
        """
        key = (node.id, terms)
        if key in self._starting:
            self._end(worker)
        else:
            self._add(key, self._begin(node, terms, worker))

    def drop(self, node: NodeId, terms: WorkerTerms, lost: WorkerClient | None) -> None:
        """The node's worker of these terms is gone: the next call starts a new one.

        `lost` is the worker that is gone; one that was started after it is left alone. It is None
        where nobody has seen one yet, which gives up the start that is under way.
        """
        task = self._starting.get((node, terms))
        if task is None or (lost is not None and not (_is_up(task) and task.result()[0] is lost)):
            return
        self._remove((node, terms))
        task.add_done_callback(self._end_when_up)
        task.cancel()

    def hellos(self) -> dict[NodeId, list[Hello]]:
        """How the workers that are up introduced themselves."""
        told: dict[NodeId, list[Hello]] = {}
        for (node, _), task in self._starting.items():
            if _is_up(task):
                told.setdefault(node, []).append(task.result()[1])
        return told

    async def close(self) -> None:
        """Ends every worker."""
        tasks, self._starting = list(self._starting.values()), {}
        up = [task for task in tasks if _is_up(task)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(
            *(self._cluster.end_worker(task.result()[0]) for task in up), return_exceptions=True
        )

    def _add(self, key: Key, start: _Start) -> None:
        self._starting[key] = start
        self._usage.add(key, self._now())

    def _remove(self, key: Key) -> _Start:
        self._usage.forget(key)
        return self._starting.pop(key)

    def _retire(self, key: Key) -> asyncio.Future[None] | None:
        """Ends an idle worker, if it is up."""
        task = self._remove(key)
        return self._end(task.result()[0]) if _is_up(task) else None

    def _begin(self, node: NodeInfo, terms: WorkerTerms, worker: WorkerClient | None) -> _Start:
        in_the_way = [
            key for key in self._usage.in_the_way((node.id, terms)) if self._starting[key].done()
        ]
        ending = [end for end in map(self._retire, in_the_way) if end is not None]
        return asyncio.create_task(self._start_in_time(node, terms, worker, ending))

    def _change(self, node: NodeInfo, terms: WorkerTerms) -> _Start | None:
        """Makes an idle worker one of these terms; None if none can be."""
        for key in self._usage.changeable((node.id, terms)):
            if _is_up(self._starting[key]):
                worker, hello = self._remove(key).result()
                return asyncio.create_task(self._reconfigure(node, terms, worker, hello))
        return None

    async def _reconfigure(
        self, node: NodeInfo, terms: WorkerTerms, worker: WorkerClient, hello: Hello
    ) -> tuple[WorkerClient, Hello]:
        try:
            await worker.reconfigure(terms.settings)
        except BaseException as error:
            await self._cluster.end_worker(worker)
            if not isinstance(error, XfdError):
                raise
            # It has died while nobody looked.
            return await self._start_in_time(node, terms, None, ())
        return worker, hello

    async def _start_in_time(
        self,
        node: NodeInfo,
        terms: WorkerTerms,
        worker: WorkerClient | None,
        ending: Sequence[asyncio.Future[None]],
    ) -> tuple[WorkerClient, Hello]:
        """Ray tries for ever where it cannot start a process, and says so only in its logs."""
        try:
            if ending:  # What they have, a port for one, is free then.
                await asyncio.wait(ending)
            return await within(self._start(node, terms, worker), self._start_timeout_s)
        except XfdError:  # Some of ours are a TimeoutError as well.
            raise
        except asyncio.TimeoutError:
            raise NodeUnavailableError(
                f"Its worker was not up after {self._start_timeout_s:g} s", node=node.id
            ) from None

    async def _start(
        self, node: NodeInfo, terms: WorkerTerms, worker: WorkerClient | None
    ) -> tuple[WorkerClient, Hello]:
        if worker is None:
            worker = await self._cluster.start_worker(node, terms)
        try:
            check_versions(self._versions, await worker.versions(), node=node.id)
            await worker.follow()
            hello = await worker.hello(terms.environment)
        except BaseException as error:
            await self._cluster.end_worker(worker)
            if isinstance(error, XfdError) and not isinstance(error, NodeLostError):
                self._log.emit(NODE_REFUSED, node=node.id, error=str(error))
            raise
        self._log.emit(
            NODE_STARTED,
            node=node.id,
            peer_address=hello.peer_address,
            metrics_address=hello.metrics_address,
            root=hello.root,
            pid=hello.pid,
        )
        return worker, hello

    def _end_when_up(self, task: _Start) -> None:
        if _is_up(task):
            self._end(task.result()[0])

    def _end(self, worker: WorkerClient) -> asyncio.Future[None]:
        ending = asyncio.ensure_future(self._cluster.end_worker(worker))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)
        return ending

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


class PooledTransport:
    """A swarm's `Swarm` for the scheduling loop: the workers of a pool.

    Invariant: `_workers` has each node's worker from the moment the pool gave it; of these,
    `_joined` are in the swarm.

    Attributes:
        roots: the folders of relative destinations, of nodes that have joined.
    """

    def __init__(self, pool: WorkerPool, ticket: SwarmTicket, terms: WorkerTerms) -> None:
        self._pool = pool
        self._ticket = ticket
        self._terms = terms
        self._nodes: dict[NodeId, NodeInfo] = {}
        self._workers: dict[NodeId, WorkerClient] = {}
        self._joined: set[NodeId] = set()
        self.roots: dict[NodeId, str] = {}

    def know(self, node: NodeInfo) -> None:
        """The node may be asked to join."""
        self._nodes[node.id] = node

    def member(self, node: NodeId) -> WorkerClient | None:
        """The worker of a node that has joined."""
        return self._workers[node] if node in self._joined else None

    def forget(self, node: NodeId) -> None:
        """The node's worker is gone."""
        self._joined.discard(node)
        self._pool.drop(node, self._terms, self._workers.pop(node, None))

    async def join(self, node: NodeId) -> str:
        """See `Swarm.join`."""
        if node in self._workers:  # From a join that failed on its way.
            self._pool.release(node, self._terms, self._workers.pop(node))
        worker, hello = await self._pool.worker(self._nodes[node], self._terms)
        self._workers[node] = worker
        await worker.join(self._ticket)
        self._joined.add(node)
        self.roots[node] = hello.root
        return hello.peer_address

    async def extend(self, node: NodeId, part: CatalogPart) -> Inventory:
        """See `Swarm.extend`."""
        return await self._worker(node).extend(self._ticket.swarm, part.catalog, part.stores)

    async def exchange(self, node: NodeId, call: Exchange) -> NodeReport:
        """See `Reach.exchange`."""
        return await self._worker(node).exchange(self._ticket.swarm, call)

    async def leave(self, timeout_s: float) -> None:
        """Every worker leaves, also one that was about to join; those too slow are left behind."""
        workers, self._workers = self._workers, {}
        self._joined.clear()
        leaving = [
            asyncio.wait_for(worker.leave(self._ticket.swarm), timeout_s)
            for worker in workers.values()
        ]
        await asyncio.gather(*leaving, return_exceptions=True)
        for node, worker in workers.items():
            self._pool.release(node, self._terms, worker)

    def _worker(self, node: NodeId) -> WorkerClient:
        worker = self.member(node)
        if worker is None:
            raise NodeLostError("The node is not in the swarm", node=node)
        return worker
