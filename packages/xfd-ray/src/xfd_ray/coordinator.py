"""Who holds leases, and which swarms there are for them. Knows no Ray; `actors` makes an actor.

A coordinator ends itself, and the workers with it, `keep_s` after its last lease was given back or
expired. What it knows is all in memory: after a loss the drivers attach to a new one, which finds
the state of the nodes in their inventories.
"""

from __future__ import annotations

import asyncio
import contextlib

from xfd_api.ids import NodeId
from xfd_ray import events
from xfd_ray.lease import Lease
from xfd_ray.pool import Cluster, WorkerPool
from xfd_ray.session import Session
from xfd_ray.terms import (
    LATE_NODE_POLL_S,
    LEASE_TTL_S,
    LeaseRequest,
    LeaseState,
    LeaseStatus,
    Terms,
)
from xfd_ray.versions import check_versions, installed_versions

FIRST_LEASE_S = 30.0


class Coordinator:
    """See the module. Everything happens in one event loop.

    Args:
        cluster: reaches the nodes.
        lease_ttl_s: how long a lease lives without being renewed.
        tick_s: how often expired leases and new nodes are looked for.
    """

    def __init__(
        self,
        cluster: Cluster,
        *,
        lease_ttl_s: float = LEASE_TTL_S,
        tick_s: float = LATE_NODE_POLL_S,
    ) -> None:
        self._cluster = cluster
        self._lease_ttl_s = lease_ttl_s
        self._tick_s = tick_s
        self._pool = WorkerPool(cluster)
        self._versions = installed_versions()
        self._sessions: dict[Terms, Session] = {}
        self._leases: dict[str, tuple[Lease, Session]] = {}
        self._closing: dict[Terms, asyncio.Task[None]] = {}
        self._keep_s = FIRST_LEASE_S
        self._idle_since: float | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._ended = False
        self._log = events.logger()

    async def attach(self, request: LeaseRequest) -> LeaseStatus:
        """Opens a lease, or renews the one with this id.

        Raises:
            VersionMismatchError: the driver's packages are not ours.
        """
        if self._ended:
            return LeaseStatus(LeaseState.UNKNOWN)
        now = self._now()
        if request.id in self._leases:
            lease, _ = self._leases[request.id]
            lease.renewed = now
            return lease.status(now)
        if request.versions:
            check_versions(self._versions, request.versions, node="driver")
        self._tick_from_now_on()
        lease = Lease(request, now)
        # Before the first await, so that the last lease's `keep_s` cannot run out meanwhile.
        self._idle_since = None
        terms = self._terms_for(request)
        live = await self._cluster.live_nodes()
        while terms in self._closing:
            await asyncio.shield(self._closing[terms])
        session = self._sessions.get(terms)
        if session is None:
            session = self._sessions[terms] = Session(self._pool, terms, request.limits)
        self._leases[request.id] = (lease, session)
        session.open(lease, live)
        self._log.info(events.LEASE_OPENED, lease=request.id, lookups=len(request.lookups))
        return lease.status(now)

    async def watch(self, lease_id: str, timeout_s: float) -> LeaseStatus:
        """Renews the lease, and waits until it is over or time is up."""
        known = self._leases.get(lease_id)
        if known is None:
            return LeaseStatus(LeaseState.UNKNOWN)
        lease, _ = known
        lease.renewed = self._now()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(lease.over.wait(), timeout_s)
        lease.renewed = self._now()
        return lease.status(self._now())

    async def detach(self, lease_id: str) -> None:
        """Gives a lease back; when this returns, what only it wanted is released on the nodes."""
        known = self._leases.pop(lease_id, None)
        if known is not None:
            self._log.info(events.LEASE_CLOSED, lease=lease_id)
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
        """What is to be done from time to time: look for expired leases, new nodes and the end."""
        now = self._now()
        for lease_id, known in list(self._leases.items()):
            if now - known[0].renewed > self._lease_ttl_s:
                self._log.warning(events.LEASE_EXPIRED, lease=lease_id)
                del self._leases[lease_id]
                await self._take_off(*known)
        if self._leases:
            live = await self._cluster.live_nodes()
            for session in list(self._sessions.values()):
                session.see_nodes(live)
        elif self._idle_since is not None and now - self._idle_since >= self._keep_s:
            await self._end()

    async def _take_off(self, lease: Lease, session: Session) -> None:
        self._keep_s = lease.request.keep_s
        await session.close_lease(lease)
        if not session.leases and self._sessions.get(session.terms) is session:
            del self._sessions[session.terms]
            closing = asyncio.create_task(session.close())
            self._closing[session.terms] = closing
            closing.add_done_callback(lambda _: self._closing.pop(session.terms, None))
            await asyncio.shield(closing)
        if not self._leases:
            self._idle_since = self._now()
            if self._keep_s <= 0:
                self._end_soon()

    def _terms_for(self, request: LeaseRequest) -> Terms:
        """Who names no terms joins the oldest swarm there is."""
        if request.terms is not None:
            return request.terms
        return next(iter(self._sessions), Terms())

    def _tick_from_now_on(self) -> None:
        if self._ticking is None:
            self._log.info(events.COORDINATOR_STARTED)
            self._ticking = asyncio.create_task(self._tick_forever())

    async def _tick_forever(self) -> None:
        while not self._ended:
            await asyncio.sleep(self._tick_s)
            try:
                await self.tick()
            except Exception as error:
                # One bad second must not end the coordinator, whose leases then never expire.
                self._log.error(events.INTERNAL_ERROR, error=repr(error))

    def _end_soon(self) -> None:
        self._idle_since = self._now() - self._keep_s

    async def _end(self) -> None:
        self._ended = True
        self._log.info(events.COORDINATOR_ENDING)
        await self._pool.close()
        await self._cluster.end_coordinator()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
