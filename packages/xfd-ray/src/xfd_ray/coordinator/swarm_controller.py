"""One swarm and the leases that share it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from xfd_api.errors import (
    NodeLostError,
    NodeUnavailableError,
    XfdError,
)
from xfd_api.ids import NodeId, ObjectIndex, SwarmId
from xfd_api.node_report import NodeReport
from xfd_api.reports import Inventory, OrderFailed
from xfd_api.settings import SwarmTicket
from xfd_ray.coordinator.assignments import Assignments
from xfd_ray.coordinator.catalog_union import CatalogUnion
from xfd_ray.coordinator.destinations import Claim
from xfd_ray.coordinator.lease import Lease
from xfd_ray.coordinator.leases import Leases
from xfd_ray.coordinator.lookup import Found, LeaseEnds, LeaseLookup
from xfd_ray.coordinator.pooled_transport import PooledTransport
from xfd_ray.coordinator.restarts import Restarts
from xfd_ray.coordinator.scheduler_settings import scheduler_settings
from xfd_ray.coordinator.worker_pool import WorkerPool
from xfd_ray.loop.scheduling_loop import SchedulingLoop
from xfd_ray.messages import Limits, Terms, worker_terms
from xfd_ray.placement import NodeInfo, select
from xfd_ray.telemetry import log_events
from xfd_ray.telemetry.log import Log
from xfd_ray.telemetry.tracing import scheduler_of
from xfd_ray.unexpected import as_xfd_error
from xfd_scheduler.events import NodeTraits
from xfd_scheduler.trace import Recorder

LEAVE_TIMEOUT_S = 20.0


class SwarmController:
    """Lives while a lease is on it. As the loop's observer it passes news on to its leases."""

    def __init__(
        self,
        pool: WorkerPool,
        terms: Terms,
        limits: Limits,
        *,
        ends: LeaseEnds | None = None,
        others: Callable[[], Iterable[Claim]] = tuple,
        clock: Callable[[], float] | None = None,
        awake: Callable[[], float] | None = None,
    ) -> None:
        self.terms = terms
        self.limits = limits
        self.id = SwarmId(secrets.token_hex(8))
        self.is_broken = False
        self._clock = clock or asyncio.get_running_loop().time
        # Decisions are taken in time that this process ran: to a scheduler that was absent all
        # orders seem slow, and to the pauses between restarts all is over.
        self._awake = awake or self._clock
        self._ticket = SwarmTicket(self.id, secrets.token_hex(32), terms.durability)
        self._swarm = PooledTransport(pool, self._ticket, worker_terms(terms, limits))
        self._scheduler = scheduler_of(self.id, scheduler_settings(terms, limits))
        self._loop = SchedulingLoop(
            self._swarm,
            self._scheduler,
            self,
            clock=self._awake,
        )
        self._union = CatalogUnion()
        self._live: dict[NodeId, NodeInfo] = {}
        self._assignments = Assignments()
        self._restarts = Restarts()
        self._retries: dict[NodeId, int] = {}
        self._retried = 0
        self._joined = asyncio.Event()
        self._log = Log(swarm=self.id)
        self.leases = Leases(self._log)
        self._ends = ends or LeaseEnds()
        self._lookup = LeaseLookup(self._union, self.leases, self._ends, others, self._log)
        self._log.emit(log_events.SWARM_STARTED, clock=self._awake())

    def open(self, lease: Lease, live: Sequence[NodeInfo]) -> None:
        """Puts a lease on the swarm. What goes wrong from here on is told by its status."""
        self.leases.add(lease)
        try:
            chosen = select(live, lease.request.selector)
        except XfdError as error:
            lease.fail(error)
            return
        self._live = {node.id: node for node in live}
        self._restarts.forgive(node.id for node in chosen)
        lease.finding = asyncio.create_task(self._find(lease, chosen))
        lease.finding.add_done_callback(lambda task: _fail_with(lease, task))

    async def close_lease(self, lease: Lease) -> None:
        """Takes a lease off; what only it wanted is released."""
        self.leases.remove(lease)
        if lease.finding is not None:
            lease.finding.cancel()
        lease.count(self._retried, self._scheduler.traffic())
        lease.fail(NodeLostError("The lease was given back"))
        if lease.wanted is not None:
            released = self._union.drop(lease.wanted)
            self._ends.note()
            if released and self.leases:
                self._loop.release(released)

    async def close(self) -> None:
        """Ends the swarm on every node."""
        await self._loop.close()
        if isinstance(self._scheduler, Recorder):
            self._scheduler.close()
        await self._swarm.leave(LEAVE_TIMEOUT_S)
        self._log.emit(log_events.SWARM_ENDED)

    def see_nodes(self, live: Sequence[NodeInfo]) -> None:
        """The cluster's live nodes as of now: some may be new, some gone, some back."""
        now = self._clock()
        self._live = {node.id: node for node in live}
        for node in sorted({*self._assignments, *self._restarts.pausing} - self._live.keys()):
            self._forget(node, NodeLostError("Ray lists the node as dead", node=node), now)
        self._joined.set()
        for lease in self.leases:
            if lease.progress is None or lease.error is not None:
                continue
            for info in live:
                progress = lease.progress.nodes.get(info.id)
                is_new = progress is None and lease.request.selector.takes_late_nodes
                if is_new and lease.request.selector.matches(info):
                    lease.progress.add_node(info.id, now, late=True)
                    self._bring(lease, info)
                elif progress is not None and not progress.is_lost and self._may_start(info.id):
                    self._bring(lease, info)
        self._settle(now)

    def claims(self) -> Iterator[Claim]:
        """What each open lease has on its nodes."""
        for lease, progress in self.leases.running():
            nodes = (node for node, state in progress.nodes.items() if not state.is_lost)
            yield Claim(
                progress.objects.values(),
                self._union.stores,
                self._roots_of(nodes),
                lease.request.environment,
            )

    # What the loop tells.

    def joined(self, node: NodeId) -> None:
        """See `LoopObserver`."""
        self._log.emit(log_events.NODE_JOINED, node=node)
        self._restarts.came_up(node, self._awake())
        self._joined.set()

    def took_inventory(
        self, node: NodeId, objects: Sequence[ObjectIndex], inventory: Inventory, *, again: bool
    ) -> None:
        """See `LoopObserver`."""
        now = self._clock()
        self._assignments.took_inventory(node, objects, inventory)
        self._log.emit(
            log_events.INVENTORY_TAKEN,
            node=node,
            objects=len(objects),
            landed=len(inventory.landed),
            elsewhere=len(inventory.elsewhere),
            again=again,
        )
        self.leases.took_inventory(node, objects, inventory, now)
        self._settle(now)

    def reported(self, node: NodeId, report: NodeReport) -> None:
        """See `LoopObserver`."""
        now = self._clock()
        self._count_retries(node, report.counters.retries)
        self._assignments.reported(node, report)
        for event in report.events:
            if isinstance(event, OrderFailed):
                self._log.emit(
                    log_events.ORDER_FAILED,
                    node=node,
                    chunk=event.chunk,
                    source=event.source,
                    fault=event.fault,
                    error=str(event.error),
                )
        self.leases.reported(node, report, now)
        self._settle(now)

    def failed(self, node: NodeId, objects: Sequence[ObjectIndex], error: XfdError) -> None:
        """See `LoopObserver`."""
        now = self._clock()
        self._log.emit(log_events.OBJECT_FAILED, node=node, objects=len(objects), error=str(error))
        self._assignments.failed(node, objects)
        self.leases.refuse(node, tuple(objects), error, now)
        self._settle(now)

    def lost(self, node: NodeId, error: XfdError) -> None:
        """See `LoopObserver`. A worker that dies on a living node is started again, some times."""
        now = self._clock()
        self._log.emit(log_events.NODE_LOST, node=node, error=str(error))
        self._swarm.forget(node)
        self._assignments.forget(node)
        self._joined.set()
        self._retries.pop(node, None)
        if self._restarts.lost(node, error, self._awake()):
            self.leases.start_over(node, error, now)
        elif isinstance(error, NodeUnavailableError):
            self.leases.lose(node, error, now)
        else:
            self.leases.refuse(node, None, error, now)
        self._settle(now)

    def stopped(self, error: XfdError) -> None:
        """See `LoopObserver`. Who comes later needs another session."""
        self._log.emit(log_events.INTERNAL_ERROR, error=str(error), exc_info=error.__cause__)
        self.is_broken = True
        self.leases.fail(error)

    async def _find(self, lease: Lease, chosen: Sequence[NodeInfo]) -> None:
        try:
            for node in chosen:
                if self._may_start(node.id):
                    self._admit(node)
            wanted = await self._lookup.look_up(
                lease,
                lambda: self._ask_first_up(lease, chosen),
                lambda: self._roots_of(node.id for node in chosen),
            )
        except XfdError as error:
            lease.fail(error)
            return
        progress = lease.start(wanted, self._retried, self._scheduler.traffic())
        if wanted.grown is not None:
            catalog = wanted.grown.catalog
            self._log.emit(
                log_events.CATALOG_GREW, objects=len(catalog.objects), chunks=len(catalog.chunks)
            )
            self._loop.grow(catalog)
        now = self._clock()
        for node in chosen:
            progress.add_node(node.id, now)
        for gone in progress.nodes.keys() - self._live.keys():
            lease.lose(gone, NodeLostError("Ray lists the node as dead", node=gone), now)
        # All of them first: whether a lost node was the last one shows only then.
        for node in chosen:
            refusal = self._restarts.refusal(node.id)
            if isinstance(refusal, NodeUnavailableError):
                lease.lose(node.id, refusal, now)
            elif refusal is not None:
                lease.refuse(node.id, None, refusal, now)
            elif node.id in self._loop.nodes:
                self._bring(lease, node)
        self._settle(now)

    async def _ask_first_up(self, lease: Lease, chosen: Sequence[NodeInfo]) -> tuple[NodeId, Found]:
        """Has the first node that is up find the objects; another one if that is lost."""
        while True:
            self._joined.clear()
            up = [node.id for node in chosen if self._loop.is_joined(node.id)]
            worker = self._swarm.member(up[0]) if up else None
            if worker is not None:
                try:
                    return up[0], await self._lookup.answers(lease, worker)
                except NodeLostError as error:
                    if self._swarm.member(up[0]) is worker:  # Another one may be there by now.
                        self._loop.remove_node(up[0], error)
                    continue
            refusals = {node.id: self._restarts.refusal(node.id) for node in chosen}
            hopeful = [n for n in chosen if n.id in self._live and refusals[n.id] is None]
            if not hopeful:
                told = [refusal for refusal in refusals.values() if refusal is not None]
                raise _why_nobody_starts(told)
            for node in hopeful:
                if self._may_start(node.id):
                    self._admit(node)
            await self._joined.wait()

    def _bring(self, lease: Lease, node: NodeInfo) -> None:
        """The node is to have what the lease wants."""
        if lease.wanted is None or lease.progress is None:
            return
        self._admit(node)
        for assignment in self._assignments.assign(node.id, lease.wanted):
            if assignment.known:
                lease.progress.took_inventory(
                    node.id, assignment.known, assignment.inventory, self._clock()
                )
            if assignment.new:
                self._loop.assign(node.id, assignment.part, assignment.new)

    def _roots_of(self, nodes: Iterable[NodeId]) -> Mapping[NodeId, str | None]:
        return {node: self._swarm.roots.get(node) for node in nodes}

    def _may_start(self, node: NodeId) -> bool:
        """Whether the node has no worker, and it is time to start one."""
        return node not in self._loop.nodes and self._restarts.may_start(node, self._awake())

    def _admit(self, node: NodeInfo) -> None:
        if node.id not in self._loop.nodes:
            self._restarts.asked(node.id, self._awake())
        self._swarm.know(node)
        self._loop.add_node(node.id, NodeTraits(zone=node.zone))

    def _forget(self, node: NodeId, error: XfdError, now: float) -> None:
        self._loop.remove_node(node, error)
        self._assignments.forget(node)
        self._restarts.forget(node)
        self.leases.lose(node, error, now)

    def _count_retries(self, node: NodeId, retries: int) -> None:
        """A worker counts from its start on."""
        self._retried += max(0, retries - self._retries.get(node, 0))
        self._retries[node] = retries

    def _settle(self, now: float) -> None:
        self.leases.settle(now, self._retried, self._scheduler.traffic, self._swarm.roots)


def _why_nobody_starts(refusals: Sequence[XfdError]) -> XfdError:
    """Of all selected nodes, which are not alive any more but for those that refuse."""
    if not refusals:
        return NodeLostError("No selected node is left")
    first = refusals[0]
    if len(refusals) == 1 or not all(isinstance(each, NodeUnavailableError) for each in refusals):
        return first
    return NodeUnavailableError(
        f"None of the {len(refusals)} selected nodes takes a worker. {first.what}", node=first.node
    )


def _fail_with(lease: Lease, task: asyncio.Task[None]) -> None:
    """A bug that ends the search for a lease's objects ends the lease, with its words."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        lease.fail(as_xfd_error(error))
