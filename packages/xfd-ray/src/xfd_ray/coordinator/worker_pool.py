"""The workers of a coordinator, one per node and terms, shared by swarms."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from xfd_api.errors import NodeLostError, NodeUnavailableError, PeerPortError, XfdError
from xfd_api.ids import NodeId
from xfd_ray.coordinator.cluster_api import Cluster
from xfd_ray.coordinator.worker_usage import WorkerKey, WorkerUsage
from xfd_ray.loop.running_clock import within
from xfd_ray.messages import WorkerTerms
from xfd_ray.metrics.choice import MetricsChoice
from xfd_ray.placement import NodeInfo
from xfd_ray.telemetry.log import Log
from xfd_ray.telemetry.log_events import NODE_REFUSED, NODE_STARTED
from xfd_ray.telemetry.versions import check_versions, installed_versions
from xfd_ray.worker_api import Hello, Unavailable, WorkerApi, WorkerClient

START_TIMEOUT_S = 180.0
"""A node whose worker is not up after this time is unavailable."""

_Start = asyncio.Task[tuple[WorkerClient, Hello]]


def _is_up(start: _Start) -> bool:
    return start.done() and not start.cancelled() and start.exception() is None


@dataclass(frozen=True, slots=True)
class UpWorker:
    """A worker that is up; `is_used` by a swarm, or idle."""

    node: NodeInfo
    client: WorkerClient
    hello: Hello
    is_used: bool


class WorkerPool:
    """Starts workers when swarms need them, checks their versions, and ends idle ones.

    Attributes:
        workers_lost: workers that were lost so far, while they started or later.
    """

    def __init__(self, cluster: Cluster, *, start_timeout_s: float = START_TIMEOUT_S) -> None:
        self._cluster = cluster
        self._start_timeout_s = start_timeout_s
        self._versions = installed_versions()
        self._starts: dict[WorkerKey, _Start] = {}
        self._nodes: dict[NodeId, NodeInfo] = {}
        self._usage = WorkerUsage()
        self._metrics = MetricsChoice()
        self.workers_lost = 0
        self._metrics_at: dict[WorkerClient, str] = {}
        self._unawaited: set[asyncio.Future[None]] = set()
        self._log = Log()

    async def worker(self, node: NodeInfo, terms: WorkerTerms) -> tuple[WorkerClient, Hello]:
        """The node's worker, up and checked. It is in use until it is released or dropped.

        An idle worker of other terms is changed to these terms, if that is possible.

        Raises:
            NodeLostError: it did not come up, or was dropped meanwhile.
            VersionMismatchError: it has other versions than the coordinator.
            PeerPortError: it found no port.
        """
        key = (node.id, terms)
        if key not in self._starts:
            if self._usage.lacks_port(key):
                raise PeerPortError(
                    f"A call with other settings uses the ports {terms.peer_ports} at the moment",
                    node=node.id,
                    remedy="Give peer_ports more ports, or call again when the other is over",
                )
            self._add(node, terms, self._change(node, terms) or self._begin(node, terms, None))
        task = self._starts[key]
        self._usage.begin(key, self._now())
        # Other tasks wait for the same start. A cancelled waiter must not cancel it, and to the
        # others a cancelled start must not look like their own cancellation.
        try:
            await asyncio.wait({task})
            if task.cancelled():
                raise NodeLostError("Its worker was given up while it started", node=node.id)
            return task.result()
        except BaseException:
            if self._starts.get(key) is task:
                self._usage.end(key, self._now())
                if task.done() and not _is_up(task):
                    self._remove(key)
            raise

    def release(self, node: NodeId, terms: WorkerTerms, worker: WorkerClient) -> None:
        """One swarm less uses this worker."""
        task = self._starts.get((node, terms))
        if task is not None and _is_up(task) and task.result()[0] is worker:
            self._usage.end((node, terms), self._now())

    def end_idle(self) -> None:
        """Ends workers that have been idle for too long."""
        for key in self._usage.idle_too_long(self._now()):
            if self._starts[key].done():
                self._retire(key)

    def adopt(self, node: NodeInfo, terms: WorkerTerms, worker: WorkerClient) -> None:
        """Takes over a worker that a driver has started.

        If the node has a worker of these terms already, the new one is ended.
        """
        key = (node.id, terms)
        if key in self._starts:
            self._end(worker)
        else:
            self._add(node, terms, self._begin(node, terms, worker))

    def drop(self, node: NodeId, terms: WorkerTerms, lost: WorkerClient | None) -> None:
        """Removes a lost worker, so that the next call starts a new one.

        `lost` is the worker that is gone; one that was started after it stays. With None, the start
        that is under way is given up.
        """
        task = self._starts.get((node, terms))
        if task is None or (lost is not None and not (_is_up(task) and task.result()[0] is lost)):
            return
        self._remove((node, terms))
        self.workers_lost += 1
        task.add_done_callback(self._end_when_up)
        task.cancel()

    def export(self, metrics: MetricsChoice) -> None:
        """Has all workers export their metrics as chosen, beside what they export already."""
        chosen = self._metrics.plus(metrics)
        if chosen == self._metrics:
            return
        self._metrics = chosen
        for key, task in self._starts.items():
            if _is_up(task):
                self._keep(asyncio.create_task(self._widen(key, task.result()[0])))

    def up(self) -> Iterator[UpWorker]:
        """The workers that are up."""
        for key, task in self._starts.items():
            if _is_up(task):
                worker, hello = task.result()
                if worker in self._metrics_at:
                    hello = replace(hello, metrics_address=self._metrics_at[worker])
                yield UpWorker(self._nodes[key[0]], worker, hello, self._usage.is_used(key))

    async def close(self) -> None:
        """Ends every worker."""
        tasks, self._starts = list(self._starts.values()), {}
        up = [task for task in tasks if _is_up(task)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(
            *(self._cluster.end_worker(task.result()[0]) for task in up), return_exceptions=True
        )

    def _add(self, node: NodeInfo, terms: WorkerTerms, start: _Start) -> None:
        key = (node.id, terms)
        self._nodes[node.id] = node
        self._starts[key] = start
        self._usage.add(key, self._now())

    def _remove(self, key: WorkerKey) -> _Start:
        self._usage.forget(key)
        return self._starts.pop(key)

    def _retire(self, key: WorkerKey) -> asyncio.Future[None] | None:
        """Ends an idle worker, if it is up."""
        task = self._remove(key)
        return self._end(task.result()[0]) if _is_up(task) else None

    def _begin(self, node: NodeInfo, terms: WorkerTerms, worker: WorkerClient | None) -> _Start:
        blocking = [
            key for key in self._usage.blocking((node.id, terms)) if self._starts[key].done()
        ]
        ending = [end for end in map(self._retire, blocking) if end is not None]
        return asyncio.create_task(self._start_in_time(node, terms, worker, ending))

    def _change(self, node: NodeInfo, terms: WorkerTerms) -> _Start | None:
        """Changes an idle worker to these terms; None if there is none that can change."""
        for key in self._usage.reconfigurable((node.id, terms)):
            if _is_up(self._starts[key]):
                worker, hello = self._remove(key).result()
                return asyncio.create_task(self._reconfigure(node, terms, worker, hello))
        return None

    async def _reconfigure(
        self, node: NodeInfo, terms: WorkerTerms, worker: WorkerClient, hello: Hello
    ) -> tuple[WorkerClient, Hello]:
        try:
            await worker.call(WorkerApi.reconfigure, terms.settings)
        except BaseException as error:
            await self._cluster.end_worker(worker)
            if not isinstance(error, XfdError):
                raise
            # It died while it was idle.
            return await self._start_in_time(node, terms, None, ())
        return worker, hello

    async def _start_in_time(
        self,
        node: NodeInfo,
        terms: WorkerTerms,
        worker: WorkerClient | None,
        ending: Sequence[asyncio.Future[None]],
    ) -> tuple[WorkerClient, Hello]:
        """Bounds the start: Ray tries for ever to start a process, and says so only in its logs."""
        try:
            if ending:  # They free a port, for example.
                await asyncio.wait(ending)
            return await within(self._start(node, terms, worker), self._start_timeout_s)
        except XfdError:  # Some errors of xfd are a TimeoutError as well.
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
            check_versions(self._versions, await worker.call(WorkerApi.versions), node=node.id)
            await worker.follow()
            hello = await self._greet(worker, terms)
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

    async def _greet(self, worker: WorkerClient, terms: WorkerTerms) -> Hello:
        """Starts the worker's servers, with the metrics that calls ask for by the time it is up."""
        while True:
            metrics = self._metrics
            hello = await worker.call(WorkerApi.hello, terms.environment, metrics)
            if self._metrics == metrics:
                return hello

    async def _widen(self, key: WorkerKey, worker: WorkerClient) -> None:
        with contextlib.suppress(XfdError, Unavailable):  # A lost worker is noticed elsewhere.
            hello = await self._greet(worker, key[1])
            self._metrics_at[worker] = hello.metrics_address

    def _end_when_up(self, task: _Start) -> None:
        if _is_up(task):
            self._end(task.result()[0])

    def _end(self, worker: WorkerClient) -> asyncio.Future[None]:
        self._metrics_at.pop(worker, None)
        return self._keep(asyncio.ensure_future(self._cluster.end_worker(worker)))

    def _keep(self, task: asyncio.Future[None]) -> asyncio.Future[None]:
        """Keeps a task that nothing awaits from being collected."""
        self._unawaited.add(task)
        task.add_done_callback(self._unawaited.discard)
        return task

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
