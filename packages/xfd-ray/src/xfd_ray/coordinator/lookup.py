"""Finds what leases want: at the store, in what open leases have pinned, or after these end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from xfd_api.chunks import FoundObject
from xfd_api.errors import DestinationConflictError, ObjectNotFoundError
from xfd_api.ids import NodeId
from xfd_ray.coordinator.catalog_union import CatalogUnion
from xfd_ray.coordinator.destinations import Claim
from xfd_ray.coordinator.lease import Lease
from xfd_ray.coordinator.lease_objects import LeaseObjects
from xfd_ray.coordinator.leases import Leases
from xfd_ray.coordinator.pins import pinned_answers, question
from xfd_ray.placement import NodeInfo
from xfd_ray.telemetry import log_events
from xfd_ray.worker_api import WorkerApi, WorkerClient

Found = Sequence[Sequence[FoundObject]]


class LeaseEnds:
    """Announces the end of each lease, of all swarms, to all that wait for one."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    @property
    def next(self) -> asyncio.Event:
        """An event that is set when the next lease has ended."""
        return self._next

    def announce(self) -> None:
        """A lease has ended; what only it wanted has been given up."""
        self._next.set()
        self._next = asyncio.Event()


class LeaseLookup:
    """The lookups of one swarm's leases.

    Args:
        union: the swarm's catalog.
        leases: of the swarm.
        ends: of leases of all swarms.
        others: what open leases of other swarms have.
        log: takes the events.
    """

    def __init__(
        self,
        union: CatalogUnion,
        leases: Leases,
        ends: LeaseEnds,
        others: Callable[[], Iterable[Claim]],
        log: Any,
    ) -> None:
        self._union = union
        self._leases = leases
        self._ends = ends
        self._others = others
        self._log = log

    async def look_up(
        self,
        lease: Lease,
        ask: Callable[[], Awaitable[tuple[NodeId, Found]]],
        roots: Callable[[], Mapping[NodeId, str | None]],
        live: Callable[[], Mapping[NodeId, NodeInfo]],
    ) -> LeaseObjects:
        """Finds a lease's objects and adds them to the union; sets the lease's `found`.

        A lease that continues after it had expired keeps the versions of its objects, whatever the
        store has by now, unless another lease has brought newer ones meanwhile.

        Args:
            lease: the lease.
            ask: calls `answers` with a worker, and returns the answers with the worker's node.
            roots: returns the roots of the lease's nodes; None for a node that is not up yet.
            live: returns the live nodes.

        Raises:
            DestinationConflictError: an open lease has another version or another object at a
                destination, and the lease does not wait.
            XfdError: see `CatalogUnion`, and what `ask` raises.
        """
        if lease.found is not None:
            try:
                return self._add(lease, None, lease.found, roots(), live())
            except _OpenLeaseConflict:
                lease.found = None
        while True:
            end = self._ends.next
            finder, found = await ask()
            try:
                wanted = self._add(lease, finder, found, roots(), live())
            except _OpenLeaseConflict as conflict:
                if lease.request.on_version_conflict != "wait":
                    raise conflict.error from None
                self._log.emit(
                    log_events.LEASE_WAITS, lease=lease.request.id, error=str(conflict.error)
                )
                lease.waits_for = f"another call to end. {conflict.error.what}"
                await end.wait()
                lease.waits_for = None
            else:
                lease.found = found
                return wanted

    async def answers(self, lease: Lease, worker: WorkerClient) -> Found:
        """What the lookups find. A lease with "pinned" gets what open leases have pinned first."""
        lookups, stores = lease.request.lookups, lease.request.stores
        known: list[Sequence[FoundObject] | None] = [None] * len(lookups)
        if lease.request.on_version_conflict == "pinned":
            others = [
                (each.request.lookups, each.request.stores, each.found)
                for each in self._leases
                if each is not lease and each.wanted is not None and each.found is not None
            ]
            known = [
                self._union.pinned(lookup, stores) if answer is None else answer
                for lookup, answer in zip(
                    lookups, pinned_answers(lookups, stores, others), strict=True
                )
            ]
        # Requests for different nodes may ask the same.
        unknown = {
            question(lookup, stores): lookup
            for lookup, answer in zip(lookups, known, strict=True)
            if answer is None
        }
        asked = list(unknown.values())
        found = await worker.call(WorkerApi.find_objects, asked, stores) if asked else []
        answers = dict(zip(unknown, found, strict=True))
        return [
            answers[question(lookup, stores)] if answer is None else answer
            for lookup, answer in zip(lookups, known, strict=True)
        ]

    def _add(
        self,
        lease: Lease,
        finder: NodeId | None,
        found: Found,
        roots: Mapping[NodeId, str | None],
        live: Mapping[NodeId, NodeInfo],
    ) -> LeaseObjects:
        request = lease.request
        try:
            requested = self._union.catalog_of(
                request.lookups,
                found,
                request.stores,
                request.chunk_size_bytes,
                nodes=request.selector,
                live=live,
            )
        except ObjectNotFoundError as error:
            raise (error if finder is None else error.at_node(finder)) from error
        try:
            return self._union.add(
                requested,
                request.chunk_size_bytes,
                as_pinned=request.on_version_conflict == "pinned",
                lease=Claim((), self._union.stores, roots, request.environment),
                others=self._others(),
            )
        except DestinationConflictError as error:
            raise _OpenLeaseConflict(error) from error


class _OpenLeaseConflict(Exception):
    """A destination is occupied until an open lease ends."""

    def __init__(self, error: DestinationConflictError) -> None:
        super().__init__(str(error))
        self.error = error
