"""Who holds leases, and which swarms there are for them. Knows no Ray.

A coordinator ends itself, and the workers with it, `keep_s` after its last lease was given back or
expired (where leases asked for different times, at the latest of these ends), and also if no lease
is ever opened: it is a detached actor, and nobody else would. What
it knows is all in memory: after a loss the drivers attach to a new one, which finds the state of
the nodes in their inventories.

A lease expires by the time in which the coordinator ran: while it stands still it hears nobody,
and that is not the drivers' fault. A driver that stood still itself finds its lease UNKNOWN and
attaches again; what the expired lease had found and moved is kept for that.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from xfd_api.ids import NodeId
from xfd_ray.coordinator.cluster_api import Cluster
from xfd_ray.coordinator.destinations import Claim
from xfd_ray.coordinator.lease import Lease
from xfd_ray.coordinator.lookup import LeaseEnds
from xfd_ray.coordinator.swarm_controller import SwarmController
from xfd_ray.coordinator.worker_pool import WorkerPool
from xfd_ray.loop.running_clock import RunningClock
from xfd_ray.messages import (
    LATE_NODE_POLL_S,
    LEASE_TTL_S,
    LeaseRequest,
    LeaseState,
    LeaseStatus,
    Terms,
    worker_terms,
)
from xfd_ray.placement import NodeInfo
from xfd_ray.telemetry import log_events
from xfd_ray.telemetry.log import Log
from xfd_ray.telemetry.versions import check_versions, installed_versions
from xfd_ray.worker_api import WorkerClient

FIRST_LEASE_S = 30.0

ABSENT_TICKS = 3
"""A tick that comes so many times later than it should was kept from coming."""

COMES_BACK_TERMS = 2.5
"""A coordinator stays for so many terms of a lease after one has expired, in case its driver only
stood still: a driver that finds another coordinator cannot be told what was moved before."""

EXPIRED_KEPT = 16
"""So many expired leases wait for their drivers to come back."""


class Coordinator:
    """See the module. Everything happens in one event loop, which runs already.

    Invariant: `_idle_since` is None only while there are leases, or the last one is taken off.
    While a lease is being opened (`_opening` counts these), the end is put off.

    Args:
        cluster: reaches the nodes.
        lease_ttl_s: how long a lease lives without being renewed.
        tick_s: how often expired leases and new nodes are looked for.
        first_lease_s: how long to wait for the first lease.
        clock: seconds that never go back; the event loop's where None.
    """

    def __init__(
        self,
        cluster: Cluster,
        *,
        lease_ttl_s: float = LEASE_TTL_S,
        tick_s: float = LATE_NODE_POLL_S,
        first_lease_s: float = FIRST_LEASE_S,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._clock = clock or asyncio.get_running_loop().time
        self._awake = RunningClock(self._clock, ABSENT_TICKS * tick_s)
        self._cluster = cluster
        self._lease_ttl_s = lease_ttl_s
        self._tick_s = tick_s
        self._pool = WorkerPool(cluster)
        self._versions = installed_versions()
        self._sessions: dict[Terms, SwarmController] = {}
        self._leases: dict[str, tuple[Lease, SwarmController]] = {}
        self._expired: dict[str, Lease] = {}
        self._closing: dict[asyncio.Task[None], Terms] = {}
        self._lease_ends = LeaseEnds()
        self._opening = 0
        self._idle_since: float | None = self._awake()
        self._keep_until = self._idle_since + first_lease_s
        self._had_leases = False
        self._ended = False
        self._log = Log()
        self._log.emit(log_events.COORDINATOR_STARTED)
        self._ticking = asyncio.create_task(self._tick_forever())

    async def attach(
        self, request: LeaseRequest, workers: Sequence[tuple[NodeInfo, WorkerClient]] = ()
    ) -> LeaseStatus:
        """Opens a lease, or renews the one with this id.

        Args:
            request: what is wanted.
            workers: those that the driver started for it. Where they are not taken on, they end by
                themselves.

        Raises:
            VersionMismatchError: the driver's packages are not ours.
        """
        if self._ended:
            return LeaseStatus(LeaseState.UNKNOWN)
        if request.id not in self._leases:
            if request.versions:
                check_versions(self._versions, request.versions, node="driver")
            terms = worker_terms(self._terms_for(request), request.limits)
            for node, worker in workers:
                self._pool.take_on(node, terms, worker)
            self._opening += 1
            try:
                await self._open(request)
            finally:
                self._opening -= 1
        lease, _ = self._leases[request.id]
        lease.renewed = self._awake()
        return lease.status(self._clock())

    async def watch(self, lease_id: str, timeout_s: float) -> LeaseStatus:
        """Renews the lease, and waits until it is over or time is up."""
        known = self._leases.get(lease_id)
        if known is None:
            return LeaseStatus(LeaseState.UNKNOWN)
        lease, _ = known
        lease.renewed = self._awake()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(lease.over.wait(), timeout_s)
        if self._leases.get(lease_id) is not known:  # Its end says nothing of what is wanted.
            return LeaseStatus(LeaseState.UNKNOWN)
        lease.renewed = self._awake()
        return lease.status(self._clock())

    async def detach(self, lease_id: str) -> None:
        """Gives a lease back; when this returns, what only it wanted is released on the nodes."""
        self._expired.pop(lease_id, None)
        known = self._leases.pop(lease_id, None)
        if known is not None:
            self._log.emit(log_events.LEASE_CLOSED, lease=lease_id)
            await self._take_off(*known)

    async def metrics_addresses(self) -> dict[NodeId, list[str]]:
        """The Prometheus endpoints of the workers that are up, by node."""
        return {
            node: [hello.metrics_address for hello in hellos]
            for node, hellos in self._pool.hellos().items()
        }

    async def lease_ids(self) -> list[str]:
        """The leases there are."""
        return list(self._leases)

    async def tick(self) -> None:
        """What is to be done from time to time: look for expired leases, new nodes, idle
        workers and the end.
        """
        now = self._awake()
        for lease_id, known in list(self._leases.items()):
            if now - known[0].renewed > self._lease_ttl_s:
                if self._leases.pop(lease_id, None) is None:
                    continue  # It was given back while another one was taken off.
                self._log.emit(log_events.LEASE_EXPIRED, lease=lease_id)
                self._keep_expired(known[0])
                await self._take_off(*known)
        self._pool.end_idle()
        if self._leases:
            live = await self._cluster.live_nodes()
            for session in list(self._sessions.values()):
                session.see_nodes(live)
        elif self._is_forsaken(now):
            await self._end()

    def _keep_expired(self, lease: Lease) -> None:
        """Its driver may come back."""
        comes_back_s = COMES_BACK_TERMS * self._lease_ttl_s
        self._keep_until = max(self._keep_until, self._awake() + comes_back_s)
        while len(self._expired) >= EXPIRED_KEPT:
            del self._expired[next(iter(self._expired))]
        self._expired[lease.request.id] = lease

    async def _open(self, request: LeaseRequest) -> None:
        now = self._clock()
        terms = self._terms_for(request)
        live = await self._cluster.live_nodes()
        broken = self._sessions.get(terms)
        if broken is not None and broken.is_broken:
            self._close(broken)
        # Two swarms would keep each other from the same destinations, and from a worker that this
        # one may have when it is idle.
        own = worker_terms(terms, request.limits)
        while closing := [
            task
            for task, of in self._closing.items()
            if worker_terms(of, request.limits).blocks(own)
        ]:
            await asyncio.wait(closing)
        if request.id in self._leases:  # The driver asked twice, and this is the slower call.
            return
        session = self._sessions.get(terms)
        if session is None:
            session = self._sessions[terms] = SwarmController(
                self._pool,
                terms,
                request.limits,
                ends=self._lease_ends,
                others=partial(self._claims_of_others, terms),
                clock=self._clock,
                awake=self._awake,
            )
        elif request.terms is not None and request.limits != session.limits:
            # A swarm of its own would fetch again what this one brings.
            self._log.emit(
                log_events.LIMITS_DIFFER,
                lease=request.id,
                asked=repr(request.limits),
                used=repr(session.limits),
            )
        earlier = self._expired.pop(request.id, None)
        lease = Lease(request, now, self._awake(), earlier)
        self._leases[request.id] = (lease, session)
        self._idle_since = None
        if not self._had_leases:
            self._had_leases, self._keep_until = True, self._awake()
        session.open(lease, live)
        self._log.emit(log_events.LEASE_OPENED, lease=request.id, lookups=len(request.lookups))

    def _claims_of_others(self, terms: Terms) -> Iterator[Claim]:
        """What leases of other swarms have, to one of these terms."""
        for other, session in self._sessions.items():
            if other != terms:
                yield from session.claims()

    def _is_forsaken(self, now: float) -> bool:
        """Whether nobody wants anything, nor is about to, and no `keep_s` lasts any longer."""
        return self._idle_since is not None and not self._opening and now >= self._keep_until

    async def _take_off(self, lease: Lease, session: SwarmController) -> None:
        try:
            await session.close_lease(lease)
            if not session.leases and self._sessions.get(session.terms) is session:
                await asyncio.shield(self._close(session))
        finally:
            now = self._awake()
            self._keep_until = max(self._keep_until, now + lease.request.keep_s)
            if not self._leases:
                self._idle_since = now

    def _close(self, session: SwarmController) -> asyncio.Task[None]:
        """Ends a session for good, whoever waits for it."""
        del self._sessions[session.terms]
        closing = asyncio.create_task(session.close())
        self._closing[closing] = session.terms
        closing.add_done_callback(self._closing.pop)
        return closing

    def _terms_for(self, request: LeaseRequest) -> Terms:
        """Who names no terms joins the oldest swarm of the same environment."""
        own = request.own_terms
        if request.terms is not None:
            return own
        same = (terms for terms in self._sessions if terms.environment == own.environment)
        return next(same, own)

    async def _tick_forever(self) -> None:
        while not self._ended:
            await asyncio.sleep(self._tick_s)
            try:
                await self.tick()
            except Exception as error:
                # One bad second must not end the coordinator, whose leases then never expire.
                self._log.emit(log_events.INTERNAL_ERROR, error=repr(error))

    async def _end(self) -> None:
        self._ended = True
        self._log.emit(log_events.COORDINATOR_ENDING)
        try:
            await self._pool.close()
        finally:
            # Nobody else would end a coordinator that takes no leases any more.
            await self._cluster.end_coordinator()
