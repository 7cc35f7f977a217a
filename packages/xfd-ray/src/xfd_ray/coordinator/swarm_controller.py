"""One swarm and the leases that share it."""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from xfd_api.errors import (
    NodeLostError,
    NodeUnavailableError,
    XfdError,
)
from xfd_api.hub_files import HubSnapshot
from xfd_api.ids import NodeId, ObjectIndex, SwarmId
from xfd_api.node_report import NodeReport
from xfd_api.progress import origin_reset
from xfd_api.reports import Inventory, OrderFailed
from xfd_api.settings import SwarmTicket
from xfd_api.wire_format import event_columns
from xfd_ray.coordinator.assignments import Assignments
from xfd_ray.coordinator.catalog_union import CatalogUnion
from xfd_ray.coordinator.destinations import Claim
from xfd_ray.coordinator.last_progress import LastProgress
from xfd_ray.coordinator.lease import Lease
from xfd_ray.coordinator.lease_outcomes import by_share
from xfd_ray.coordinator.leases import Leases
from xfd_ray.coordinator.lookup import LeaseEnds, LeaseLookup
from xfd_ray.coordinator.node_activity import SwarmActivity
from xfd_ray.coordinator.peer_tls import authority_of
from xfd_ray.coordinator.pooled_transport import PooledTransport
from xfd_ray.coordinator.scheduler_settings import scheduler_settings
from xfd_ray.coordinator.shared_disk import kept_out
from xfd_ray.coordinator.swarm_nodes import SwarmNodes, dead
from xfd_ray.coordinator.swarm_view import SwarmView
from xfd_ray.coordinator.worker_pool import WorkerPool
from xfd_ray.loop.scheduling_loop import SchedulingLoop
from xfd_ray.messages import Limits, Terms, worker_terms
from xfd_ray.placement import NodeInfo
from xfd_ray.request_nodes import select_for
from xfd_ray.telemetry import log_events
from xfd_ray.telemetry.log import Log
from xfd_ray.telemetry.tracing import scheduler_of
from xfd_ray.unexpected import as_xfd_error
from xfd_scheduler.trace import Recorder

RESET_REPORT_S = 5.0
"""How long a report counts that a node waits for the reset of a rate limit."""

LEAVE_TIMEOUT_S = 20.0
"""How long the end of a swarm waits for its workers to leave."""


class SwarmController:
    """Lives while a lease is on it. As the loop's observer it passes events on to its leases.

    Args:
        pool: has the workers.
        terms: of all leases of the swarm.
        limits: how much the swarm does at once.
        ends: announces the ends of leases of all swarms.
        others: what open leases of other swarms have.
        clock: seconds that never go back; None for the event loop's.
        running_clock: seconds for which this process ran. Decisions are taken in these: to a
            scheduler that was stopped all orders would seem slow, and all pauses over.

    Attributes:
        leases: those that were not given back.
        view: how the swarm looks from outside.
        is_broken: a bug has stopped the swarm; later leases need another one.
    """

    def __init__(
        self,
        pool: WorkerPool,
        terms: Terms,
        limits: Limits,
        *,
        ends: LeaseEnds | None = None,
        others: Callable[[], Iterable[Claim]] = tuple,
        clock: Callable[[], float] | None = None,
        running_clock: Callable[[], float] | None = None,
    ) -> None:
        self.terms = terms
        self.limits = limits
        self.id = SwarmId(secrets.token_hex(8))
        self.is_broken = False
        self._clock = clock or asyncio.get_running_loop().time
        now = running_clock or self._clock
        ticket = SwarmTicket(self.id, secrets.token_hex(32), terms.durability)
        self._transport = PooledTransport(
            pool, ticket, worker_terms(terms, limits), authority_of(self.id, terms)
        )
        self._scheduler = scheduler_of(self.id, scheduler_settings(terms, limits))
        self._loop = SchedulingLoop(self._transport, self._scheduler, self, clock=now)
        self._nodes = SwarmNodes(self._loop, self._transport, now)
        self._union = CatalogUnion()
        self._assignments = Assignments()
        self._retries_of: dict[NodeId, int] = {}
        self._retries = 0
        self._rate_limit: tuple[float, str] | None = None
        self._log = Log(swarm=self.id)
        self.leases = Leases(self._log)
        self._ends = ends or LeaseEnds()
        self._lookup = LeaseLookup(self._union, self.leases, self._ends, others, self._log)
        self._activity = SwarmActivity()
        began = self._clock()
        self._last_progress = LastProgress(began)
        self.view = SwarmView(
            self.id, self.leases, self._nodes, self._transport, self._last_progress, began
        )
        self._log.emit(log_events.SWARM_STARTED, clock=now())

    def open(self, lease: Lease, live: Sequence[NodeInfo]) -> None:
        """Puts a lease on the swarm. Its status reports whatever goes wrong from here on."""
        lease.rate_limit = self._rate_limit
        lease.activities = self._activity
        self.leases.add(lease)
        try:
            chosen = select_for(live, lease.request.selector, lease.request.lookups)
        except XfdError as error:
            lease.fail(error)
            return
        self._nodes.alive = {node.id: node for node in live}
        self._nodes.lift_refusals(chosen)
        lease.lookup = asyncio.create_task(self._look_up(lease, chosen))
        lease.lookup.add_done_callback(lambda task: _fail_with(lease, task))

    async def close_lease(self, lease: Lease) -> None:
        """Takes a lease off the swarm, and releases what no other lease wants."""
        self.leases.remove(lease)
        if lease.lookup is not None:
            lease.lookup.cancel()
        lease.count(self._retries, self._scheduler.traffic())
        lease.fail(NodeLostError("The lease was given back"))
        if lease.wanted is not None:
            released = self._union.drop(lease.wanted)
            self._ends.announce()
            if released and self.leases:
                self._loop.release(released)

    async def close(self) -> None:
        """Ends the swarm on every node."""
        await self._loop.close()
        if isinstance(self._scheduler, Recorder):
            self._scheduler.close()
        await self._transport.leave(LEAVE_TIMEOUT_S)
        self._log.emit(log_events.SWARM_ENDED)

    def see_nodes(self, live: Sequence[NodeInfo]) -> None:
        """Takes the cluster's live nodes: some may be new, some gone, some due for a worker."""
        now = self._clock()
        for gone in self._nodes.see(live, self._assignments):
            self._assignments.forget(gone)
            self.leases.lose(gone, dead(gone), now)
        for lease, progress in self.leases.running():
            if lease.error is not None:
                continue
            takes_late = lease.request.selector.takes_late_nodes
            for node in live:
                state = progress.nodes.get(node.id)
                if state is None and takes_late and (share := lease.share_of(node)) is not None:
                    progress.add_node(node.id, now, late=True, host=node.host, share=share)
                    self._assign(lease, node)
                elif state is not None and not state.is_lost and self._nodes.is_due(node.id):
                    self._assign(lease, node)
        self._settle(now)

    def claims(self) -> Iterator[Claim]:
        """What each open lease has on its nodes, by sets of nodes that get the same."""
        for lease, progress in self.leases.running():
            for objects, nodes in by_share(progress):
                yield Claim(
                    objects,
                    self._union.stores,
                    self._nodes.roots(nodes),
                    lease.request.environment,
                )

    # The methods of a LoopObserver.

    def joined(self, node: NodeId) -> None:
        """See `LoopObserver`."""
        self._log.emit(log_events.NODE_JOINED, node=node)
        self._nodes.joined(node)

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
        for _, progress in self.leases.running():
            for index, error in kept_out(progress, node, inventory.elsewhere):
                self.failed(node, (index,), error)
        self._settle(now)

    def linked(self, node: NodeId, snapshots: Sequence[HubSnapshot]) -> None:
        """See `LoopObserver`."""
        now = self._clock()
        self.leases.linked(node, snapshots, now)
        self._settle(now)

    def not_linked(self, node: NodeId, snapshots: Sequence[HubSnapshot], error: XfdError) -> None:
        """See `LoopObserver`."""
        now = self._clock()
        self._log.emit(log_events.OBJECT_FAILED, node=node, objects=0, error=str(error))
        self.leases.not_linked(node, snapshots, error, now)
        self._settle(now)

    def reported(self, node: NodeId, report: NodeReport) -> None:
        """See `LoopObserver`."""
        now = self._clock()
        events = event_columns(report.events)
        report = replace(report, events=events)
        self._count_retries(node, report.counters.retries)
        self._last_progress.reported(node, report.counters, now)
        self._activity.reported(node, report, now)
        self._assignments.reported(node, report)
        for event in events.others:
            if isinstance(event, OrderFailed):
                self._log.emit(
                    log_events.ORDER_FAILED,
                    node=node,
                    chunk=event.chunk,
                    source=event.source,
                    fault=event.fault,
                    error=str(event.error),
                )
                if event.reset_s is not None:
                    self._meet_rate_limit(node, event, event.reset_s, now)
        if report.counters.active_resets:
            self._keep_waiting(now)
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
        """See `LoopObserver`. A worker that died on a living node is started again, a few times."""
        now = self._clock()
        self._log.emit(log_events.NODE_LOST, node=node, error=str(error))
        self._assignments.forget(node)
        self._retries_of.pop(node, None)
        self._last_progress.forget(node)
        self._activity.lost(node, now)
        if self._nodes.lost(node, error):
            self.leases.start_over(node, error, now)
        elif isinstance(error, NodeUnavailableError):
            self.leases.lose(node, error, now)
        else:
            self.leases.refuse(node, None, error, now)
        self._settle(now)

    def stopped(self, error: XfdError) -> None:
        """See `LoopObserver`."""
        self._log.emit(log_events.INTERNAL_ERROR, error=str(error), exc_info=error.__cause__)
        self.is_broken = True
        self.leases.fail(error)

    async def _look_up(self, lease: Lease, chosen: Sequence[NodeInfo]) -> None:
        try:
            self._nodes.admit_due(chosen)
            wanted = await self._lookup.look_up(
                lease,
                lambda: self._nodes.ask_first(
                    chosen, lambda worker: self._lookup.answers(lease, worker)
                ),
                lambda: self._nodes.roots(node.id for node in chosen),
                lambda: self._nodes.alive,
            )
        except XfdError as error:
            lease.fail(error)
            return
        if not self.view.is_moving:
            self._last_progress.resumed(self._clock())
        progress = lease.start(wanted, self._retries, self._scheduler.traffic())
        for grown in wanted.grown:
            catalog = grown.catalog
            self._log.emit(
                log_events.CATALOG_GREW, objects=len(catalog.objects), chunks=len(catalog.chunks)
            )
            self._loop.grow(catalog)
        now = self._clock()
        # All nodes are added before any is lost: only then it shows whether that was the last one.
        for node in chosen:
            progress.add_node(node.id, now, host=node.host, share=lease.share_of(node))
        for gone in progress.nodes.keys() - self._nodes.alive.keys():
            lease.lose(gone, dead(gone), now)
        for node in chosen:
            refusal = self._nodes.refusal(node.id)
            if isinstance(refusal, NodeUnavailableError):
                lease.lose(node.id, refusal, now)
            elif refusal is not None:
                lease.refuse(node.id, None, refusal, now)
            elif self._nodes.has_worker(node.id):
                self._assign(lease, node)
        self._settle(now)

    def _assign(self, lease: Lease, node: NodeInfo) -> None:
        """Assigns to a node what it gets of the lease, and starts a worker there if it has none."""
        progress = lease.progress
        if progress is None or node.id not in progress.nodes:
            return
        self._nodes.admit(node)
        share = progress.nodes[node.id].share
        for assignment in self._assignments.assign(node.id, share.objects):
            if assignment.known:
                progress.took_inventory(
                    node.id, assignment.known, assignment.inventory, self._clock()
                )
            if assignment.wanted:
                self._loop.assign(node.id, assignment.part, assignment.wanted)
        if share.links is not None:
            self._loop.link(node.id, share.links)

    def _meet_rate_limit(
        self, node: NodeId, event: OrderFailed, reset_s: float, now: float
    ) -> None:
        """All nodes leave the origin alone until its reset: the leases wait for that."""
        known_until = -math.inf if self._rate_limit is None else self._rate_limit[0]
        if now >= known_until:
            self._log.emit(
                log_events.ORIGIN_RESTS, node=node, rest_s=round(reset_s, 1), error=str(event.error)
            )
        if now + reset_s <= known_until:
            return
        self._rate_limit = (now + reset_s, origin_reset(time.time() + reset_s))
        for lease in self.leases:
            lease.rate_limit = self._rate_limit

    def _keep_waiting(self, now: float) -> None:
        """A node waits for a reset that it alone knows, until its next reports say otherwise."""
        if self._rate_limit is None or now >= self._rate_limit[0]:
            self._rate_limit = (now + RESET_REPORT_S, origin_reset(None))
            for lease in self.leases:
                lease.rate_limit = self._rate_limit

    def _count_retries(self, node: NodeId, retries: int) -> None:
        """Adds what a worker has counted since its last report."""
        more = max(0, retries - self._retries_of.get(node, 0))
        self._retries_of[node] = retries
        if more:
            self._retries += more
            self.leases.retried(node, more)

    def _settle(self, now: float) -> None:
        self.leases.settle(now, self._retries, self._scheduler.traffic, self._transport.roots)


def _fail_with(lease: Lease, task: asyncio.Task[None]) -> None:
    """Fails the lease with the exception of a bug in its lookup."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        lease.fail(as_xfd_error(error))
