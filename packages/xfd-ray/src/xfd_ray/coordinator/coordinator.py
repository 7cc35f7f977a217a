"""Opens, renews and ends leases, and keeps a swarm for each set of terms. Knows no Ray.

A coordinator is a detached actor, so it ends itself, and the workers with it: `keep_s` after its
last lease was given back or expired, or if no lease is ever opened. If leases ask for different
times, the latest of these ends counts. All its state is in memory. After a loss the drivers attach
to a new coordinator, which learns the state of the nodes from their inventories.

A lease expires by the time for which the coordinator ran, because a coordinator that is stopped
hears of no renewal. A driver that was stopped finds its lease UNKNOWN and attaches again. What the
expired lease had found and moved is kept for that.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from xfd_ray.coordinator.cluster_api import Cluster
from xfd_ray.coordinator.destinations import Claim
from xfd_ray.coordinator.lease import Lease
from xfd_ray.coordinator.lease_totals import LeaseTotals
from xfd_ray.coordinator.lookup import LeaseEnds
from xfd_ray.coordinator.metrics import CoordinatorMetrics, coordinator_figures
from xfd_ray.coordinator.status import StatusReader
from xfd_ray.coordinator.swarm_controller import SwarmController
from xfd_ray.coordinator.worker_pool import WorkerPool
from xfd_ray.coordinator_status import CoordinatorStatus
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
from xfd_ray.metrics.choice import MetricsChoice
from xfd_ray.metrics.figures import CoordinatorFigures
from xfd_ray.metrics.targets import MetricsTarget
from xfd_ray.placement import NodeInfo
from xfd_ray.telemetry import log_events
from xfd_ray.telemetry.log import Log
from xfd_ray.telemetry.versions import check_versions, installed_versions
from xfd_ray.worker_api import WorkerClient

FIRST_LEASE_S = 30.0
"""How long a coordinator waits for its first lease."""

PAUSED_TICKS = 3
"""A tick that is this many times later than it should be means that the process was stopped."""

EXPIRED_KEPT_TTLS = 2.5
"""After a lease has expired, the coordinator stays for this many lease lifetimes. Its driver may
only have been stopped, and another coordinator would not know what was moved before."""

MAX_EXPIRED_KEPT = 16
"""How many expired leases are kept for drivers that attach again."""


class Coordinator:
    """See the module. It lives in one event loop, which is running already.

    Invariant: `_idle_since` is None only while there are leases, or the last one is being closed.
    The coordinator does not end while a lease is being opened (`_opening` counts these).

    Args:
        cluster: reaches the nodes.
        lease_ttl_s: how long a lease lives without being renewed, in seconds.
        tick_s: how often to look for expired leases and new nodes, in seconds.
        first_lease_s: how long to wait for the first lease, in seconds.
        clock: seconds that never go back; None for the event loop's.
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
        self._running_clock = RunningClock(self._clock, PAUSED_TICKS * tick_s)
        self._cluster = cluster
        self._lease_ttl_s = lease_ttl_s
        self._tick_s = tick_s
        self._pool = WorkerPool(cluster)
        self._versions = installed_versions()
        self._status = StatusReader(self._pool, self._versions, self._clock)
        self._swarms: dict[Terms, SwarmController] = {}
        self._leases: dict[str, tuple[Lease, SwarmController]] = {}
        self._expired: dict[str, Lease] = {}
        self._closing: dict[asyncio.Task[None], Terms] = {}
        self._lease_ends = LeaseEnds()
        self._opening = 0
        self._idle_since: float | None = self._running_clock()
        self._keep_until = self._idle_since + first_lease_s
        self._had_leases = False
        self._ended = False
        self._log = Log()
        self._totals = LeaseTotals()
        self._metrics = CoordinatorMetrics(
            self._figures, cluster.metrics_exporter(), self._log, self._clock
        )
        self._log.emit(log_events.COORDINATOR_STARTED)
        self._ticking = asyncio.create_task(self._tick_forever())

    async def attach(
        self, request: LeaseRequest, workers: Sequence[tuple[NodeInfo, WorkerClient]] = ()
    ) -> LeaseStatus:
        """Opens a lease, or renews the one with this id.

        Args:
            request: what is wanted.
            workers: workers that the driver has started for it. Those that are not adopted end by
                themselves.

        Raises:
            VersionMismatchError: the driver has other packages than the coordinator.
        """
        if self._ended:
            return LeaseStatus(LeaseState.UNKNOWN)
        if request.id not in self._leases:
            if request.versions:
                check_versions(self._versions, request.versions, node="driver")
            terms = worker_terms(self._terms_for(request), request.limits)
            self._pool.export(request.metrics)
            for node, worker in workers:
                self._pool.adopt(node, terms, worker)
            self._opening += 1
            try:
                await self._export(request.metrics)
                await self._open(request)
            finally:
                self._opening -= 1
        lease, _ = self._leases[request.id]
        lease.renewed = self._running_clock()
        return lease.status(self._clock())

    async def watch(self, lease_id: str, timeout_s: float) -> LeaseStatus:
        """Renews the lease; returns its status when it is over, or after `timeout_s`."""
        known = self._leases.get(lease_id)
        if known is None:
            return LeaseStatus(LeaseState.UNKNOWN)
        lease, _ = known
        lease.renewed = self._running_clock()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(lease.over.wait(), timeout_s)
        if self._leases.get(lease_id) is not known:  # It ended while this waited.
            return LeaseStatus(LeaseState.UNKNOWN)
        lease.renewed = self._running_clock()
        return lease.status(self._clock())

    async def renew(self, lease_id: str) -> LeaseState:
        """Renews the lease, which may be over: its report is not sent again."""
        known = self._leases.get(lease_id)
        if known is None:
            return LeaseState.UNKNOWN
        known[0].renewed = self._running_clock()
        return known[0].state

    async def detach(self, lease_id: str) -> None:
        """Gives a lease back. When this returns, the nodes have released what only it wanted."""
        self._expired.pop(lease_id, None)
        known = self._leases.pop(lease_id, None)
        if known is not None:
            self._log.emit(log_events.LEASE_CLOSED, lease=lease_id)
            self._totals.end(known[0])
            await self._close_lease(*known)

    async def metrics_targets(self) -> list[MetricsTarget]:
        """The Prometheus endpoints of workers that are up and have one, and of this process."""
        targets = [
            MetricsTarget(each.hello.metrics_address, "worker", each.node.id, each.node.host)
            for each in self._pool.up()
            if each.hello.metrics_address
        ]
        if self._metrics.address:
            here = await self._cluster.here()
            own = MetricsTarget(self._metrics.address, "coordinator", here.id, here.host)
            targets.append(own)
        return targets

    async def status(self) -> CoordinatorStatus:
        """Swarms, leases and nodes as they are now; waits for the nodes' disks for 2 s at most."""
        status = await self._status.read(self._swarms.values())
        return replace(status, metrics_address=self._metrics.address)

    async def lease_ids(self) -> list[str]:
        """The ids of all open leases."""
        return list(self._leases)

    async def tick(self) -> None:
        """Ends expired leases and idle workers, admits new nodes, and ends an idle coordinator."""
        now = self._running_clock()
        for lease_id, known in list(self._leases.items()):
            if now - known[0].renewed > self._lease_ttl_s:
                if self._leases.pop(lease_id, None) is None:
                    continue  # It was given back while another one was closed.
                self._log.emit(log_events.LEASE_EXPIRED, lease=lease_id)
                self._totals.end(known[0], expired=True)
                self._keep_expired(known[0])
                await self._close_lease(*known)
        self._pool.end_idle()
        self._metrics.publish_if_due()
        if self._leases:
            live = await self._cluster.live_nodes()
            for swarm in list(self._swarms.values()):
                swarm.see_nodes(live)
        elif self._is_abandoned(now):
            await self._end()

    def _keep_expired(self, lease: Lease) -> None:
        """Keeps an expired lease, because its driver may attach again."""
        kept_s = EXPIRED_KEPT_TTLS * self._lease_ttl_s
        self._keep_until = max(self._keep_until, self._running_clock() + kept_s)
        while len(self._expired) >= MAX_EXPIRED_KEPT:
            oldest = next(iter(self._expired))
            del self._expired[oldest]
            self._totals.forget(oldest)
        self._expired[lease.request.id] = lease

    async def _export(self, metrics: MetricsChoice) -> None:
        """Exports metrics of this process as a call asks for it."""
        host = (await self._cluster.here()).address if metrics.port else ""
        self._metrics.open(metrics, host)

    def _figures(self) -> CoordinatorFigures:
        for lease, _ in self._leases.values():
            self._totals.count(lease)
        status = self._status.known(self._swarms.values())
        return coordinator_figures(status, self._totals, workers_lost=self._pool.workers_lost)

    async def _open(self, request: LeaseRequest) -> None:
        now = self._clock()
        terms = self._terms_for(request)
        live = await self._cluster.live_nodes()
        broken = self._swarms.get(terms)
        if broken is not None and broken.is_broken:
            self._close_swarm(broken)
        # A swarm that is closing still locks its destinations, and uses a worker that this one may
        # take over once it is idle.
        own = worker_terms(terms, request.limits)
        while closing := [
            task
            for task, of in self._closing.items()
            if worker_terms(of, request.limits).blocks(own)
        ]:
            await asyncio.wait(closing)
        if request.id in self._leases:  # Another call of the driver was faster.
            return
        swarm = self._swarms.get(terms)
        if swarm is None:
            swarm = self._swarms[terms] = SwarmController(
                self._pool,
                terms,
                request.limits,
                ends=self._lease_ends,
                others=partial(self._claims_of_others, terms),
                clock=self._clock,
                running_clock=self._running_clock,
            )
        elif request.terms is not None and request.limits != swarm.limits:
            # A swarm of its own would fetch the same objects again.
            self._log.emit(
                log_events.LIMITS_DIFFER,
                lease=request.id,
                asked=repr(request.limits),
                used=repr(swarm.limits),
            )
        earlier = self._expired.pop(request.id, None)
        lease = Lease(request, now, self._running_clock(), earlier)
        self._leases[request.id] = (lease, swarm)
        self._idle_since = None
        if not self._had_leases:
            self._had_leases, self._keep_until = True, self._running_clock()
        swarm.open(lease, live)
        self._log.emit(log_events.LEASE_OPENED, lease=request.id, lookups=len(request.lookups))

    def _claims_of_others(self, terms: Terms) -> Iterator[Claim]:
        """What leases of swarms of other terms have."""
        for other, swarm in self._swarms.items():
            if other != terms:
                yield from swarm.claims()

    def _is_abandoned(self, now: float) -> bool:
        """Whether there is no lease, none is being opened, and every `keep_s` is over."""
        return self._idle_since is not None and not self._opening and now >= self._keep_until

    async def _close_lease(self, lease: Lease, swarm: SwarmController) -> None:
        try:
            await swarm.close_lease(lease)
            if not swarm.leases and self._swarms.get(swarm.terms) is swarm:
                await asyncio.shield(self._close_swarm(swarm))
        finally:
            now = self._running_clock()
            self._keep_until = max(self._keep_until, now + lease.request.keep_s)
            if not self._leases:
                self._idle_since = now

    def _close_swarm(self, swarm: SwarmController) -> asyncio.Task[None]:
        """Starts to end a swarm; it ends even if no task waits for that."""
        del self._swarms[swarm.terms]
        closing = asyncio.create_task(swarm.close())
        self._closing[closing] = swarm.terms
        closing.add_done_callback(self._closing.pop)
        return closing

    def _terms_for(self, request: LeaseRequest) -> Terms:
        """The request's terms; without any, those of the oldest swarm of the same environment."""
        own = request.own_terms
        if request.terms is not None:
            return own
        same = (terms for terms in self._swarms if terms.environment == own.environment)
        return next(same, own)

    async def _tick_forever(self) -> None:
        while not self._ended:
            await asyncio.sleep(self._tick_s)
            try:
                await self.tick()
            except Exception as error:
                # Without further ticks no lease would ever expire.
                self._log.emit(log_events.INTERNAL_ERROR, error=repr(error))

    async def _end(self) -> None:
        self._ended = True
        self._log.emit(log_events.COORDINATOR_ENDING)
        try:
            await asyncio.to_thread(self._metrics.close)
            await self._pool.close()
        finally:
            # No other process ends a coordinator that takes no more leases.
            await self._cluster.end_coordinator()
