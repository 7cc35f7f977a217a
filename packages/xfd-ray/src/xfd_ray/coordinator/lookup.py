"""Finds what leases want: from the store, from what open leases have pinned, or once these end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from xfd_api.chunks import FoundObject
from xfd_api.errors import ObjectNotFoundError, VersionConflictError
from xfd_api.ids import NodeId
from xfd_ray.coordinator.catalog_union import Wanted, WantedUnion
from xfd_ray.coordinator.lease import Lease
from xfd_ray.coordinator.leases import Leases
from xfd_ray.coordinator.pins import pinned_answers
from xfd_ray.coordinator.worker_pool import WorkerClient
from xfd_ray.telemetry import log_events

Found = list[list[FoundObject]]


class Finding:
    """Of one swarm, with the union of what its leases want."""

    def __init__(self, union: WantedUnion, leases: Leases, log: Any) -> None:
        self._union = union
        self._leases = leases
        self._log = log
        self._dropped = asyncio.Event()

    def lease_is_over(self) -> None:
        """What a lease wanted is wanted by one less."""
        self._dropped.set()

    async def take_up(
        self, lease: Lease, ask: Callable[[], Awaitable[tuple[NodeId, Found]]]
    ) -> Wanted:
        """Finds a lease's objects and adds them to the union; sets the lease's `found`.

        Args:
            lease: one that goes on after it had expired keeps its objects' versions, whatever the
                store has by now, unless another lease has brought newer ones meanwhile.
            ask: calls `answers` with some worker, and says of which node.

        Raises:
            VersionConflictError: an open lease has another version, and the lease does not wait.
            XfdError: see `WantedUnion.add`, and what `ask` raises.
        """
        if lease.found is not None:
            try:
                return self._add(lease, None, lease.found)
            except VersionConflictError:
                lease.found = None
        while True:
            self._dropped.clear()
            finder, found = await ask()
            try:
                wanted = self._add(lease, finder, found)
            except VersionConflictError as error:
                if lease.request.on_version_conflict != "wait":
                    raise
                self._log.emit(log_events.LEASE_WAITS, lease=lease.request.id, error=str(error))
                lease.waits_for = f"it waited for another call to end. {error.what}"
                await self._dropped.wait()
                lease.waits_for = None
            else:
                lease.found = found
                return wanted

    async def answers(self, lease: Lease, worker: WorkerClient) -> Found:
        """What the lookups find; for a lease that joins others, first what these have pinned."""
        lookups, stores = lease.request.lookups, lease.request.stores
        known: list[list[FoundObject] | None] = [None] * len(lookups)
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
        unknown = [lookup for lookup, answer in zip(lookups, known, strict=True) if answer is None]
        asked = iter(await worker.find_objects(unknown, stores) if unknown else ())
        return [next(asked) if answer is None else answer for answer in known]

    def _add(self, lease: Lease, finder: NodeId | None, found: Found) -> Wanted:
        request = lease.request
        try:
            return self._union.add(
                request.lookups,
                found,
                request.stores,
                request.chunk_size_bytes,
                as_pinned=request.on_version_conflict == "pinned",
            )
        except ObjectNotFoundError as error:
            raise (error if finder is None else error.at_node(finder)) from error
