"""A `DataPlane` in memory: it carries out orders when they are submitted, without any bytes."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from xfd_api.chunks import Catalog, CatalogObject, Chunk, FoundObject
from xfd_api.errors import InternalError, InvalidRequestError, PeerError, XfdError
from xfd_api.hub_files import HubSnapshot
from xfd_api.ids import ChunkIndex, NodeId, SwarmId
from xfd_api.lookups import Lookup
from xfd_api.node_report import Stall
from xfd_api.orders import Order
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.reports import (
    ChunkHeld,
    Fault,
    Inventory,
    LogEvent,
    NodeCounters,
    NodeEvent,
    ObjectLanded,
    OrderFailed,
)
from xfd_api.settings import NodeSettings, SwarmTicket
from xfd_api.testing.fake_swarm import FakeOrder, FakeSwarm
from xfd_api.testing.origin import FakeOrigin

RETRY_S = 0.002
"""How often a poll retries the orders that wait for their source."""

ATTEMPTS = 2000
"""How often an order looks for its source before it fails."""


@dataclass(frozen=True, slots=True)
class FakeFault:
    """How the next orders for one chunk fail.

    Attributes:
        error: the error that is reported.
        fault: what is at fault.
        final: no retry can help.
        times: how many orders fail.
        retry_after_s: when the source asks to be tried again.
    """

    error: XfdError
    fault: Fault = "origin"
    final: bool = False
    times: int = 1
    retry_after_s: float | None = None


class FakeDataPlane:
    """The data plane of one node; also an `ObjectFinder`.

    An order waits, while the node is polled, if its source neither has the chunk nor an order for
    it. A peer that is not in `neighbours` counts as having every chunk, so that the nodes of a test
    may be in several processes.

    Attributes:
        paused: if True, fetches wait until `resume`.
        busy: the writers of destinations that are locked on this disk, by destination.
        extend_error: raised by the next `extend`.
        faults: by chunk.
        counted: the answer of `counters`.
        stalled: the answer of `stall`; a poll that waits ends when it changes.
        submitted: all orders so far.
        logs_from: the level of the last `log_from`.
        logged: the answer of the next `drain_log`.
        settings: those of the last `reconfigure`, or those that a test sets for the start.
        left: the swarms that were left.
        snapshots: those that were to be linked.
    """

    def __init__(
        self,
        node: NodeId,
        origin: FakeOrigin,
        neighbours: Mapping[NodeId, FakeDataPlane] | None = None,
    ) -> None:
        self.node = node
        self.origin = origin
        self.neighbours = {} if neighbours is None else neighbours
        self.paused = False
        self.busy: dict[str, NodeId | None] = {}
        self.extend_error: XfdError | None = None
        self.faults: dict[ChunkIndex, FakeFault] = {}
        self.counted = NodeCounters()
        self.stalled: Stall | None = None
        self._stall_told: Stall | None = None
        self.submitted: list[Order] = []
        self.logs_from: str | None = None
        self.logged: list[LogEvent] = []
        self.settings: NodeSettings | None = None
        self.left: list[SwarmId] = []
        self.snapshots: list[HubSnapshot] = []
        self.closed = False
        self._lock = threading.RLock()
        self._cache: dict[str, FoundObject] = {}
        self._swarms: dict[SwarmId, FakeSwarm] = {}

    def find_objects(
        self, lookups: Sequence[Lookup], stores: ObjectStoreConfigByProfile
    ) -> list[list[FoundObject]]:
        """See `ObjectFinder`."""
        return self.origin.find_objects(lookups, stores)

    def serve(self, host: str, ports: tuple[int, int] | None) -> str:
        """Returns an address on which nothing listens."""
        return f"{host}:{ports[0] if ports else 1}"

    def reconfigure(self, settings: NodeSettings) -> None:
        """See `DataPlane`.

        Raises:
            InvalidRequestError: the settings differ from the present ones in a fixed field.
        """
        fixed = (self.settings or settings).fixed_that_differ(settings)
        if fixed:
            raise InvalidRequestError(f"A running node cannot change {', '.join(fixed)}")
        self.settings = settings

    def join(self, ticket: SwarmTicket) -> None:
        """See `DataPlane`."""
        self._swarms[ticket.swarm] = FakeSwarm()

    def extend(
        self,
        swarm: SwarmId,
        catalog: Catalog,
        stores: ObjectStoreConfigByProfile,  # noqa: ARG002
    ) -> Inventory:
        """See `DataPlane`.

        Raises:
            XfdError: `extend_error`, once.
        """
        if self.extend_error is not None:
            error, self.extend_error = self.extend_error, None
            raise error
        self.snapshots += catalog.snapshots
        here = self._swarm(swarm)
        here.forget(i.index for i in catalog.objects if i.destination not in self._cache)
        cached = [item for item in catalog.objects if self._is_cached(item)]
        elsewhere = tuple(
            (item.index, self.busy[item.destination])
            for item in catalog.objects
            if item.destination in self.busy
        )
        return replace(here.extend(catalog, cached), elsewhere=elsewhere)

    def submit(self, swarm: SwarmId, orders: Sequence[Order]) -> None:
        """See `DataPlane`."""
        with self._lock:
            self.submitted.extend(orders)
            here = self._swarm(swarm)
            here.submit(orders)
            self._carry_out(here)

    def resume(self) -> None:
        """Carries out the fetches that waited."""
        self.paused = False
        for here in self._swarms.values():
            self._carry_out(here)

    def destinations(self) -> set[str]:
        """The destinations of all objects in the catalogs of its swarms."""
        return {
            item.destination for here in self._swarms.values() for item in here.objects.values()
        }

    def forget(self, destination: str) -> None:
        """Removes the file at a destination from its cache."""
        self._cache.pop(destination, None)

    def poll(self, swarm: SwarmId, timeout_s: float) -> list[NodeEvent]:
        """See `DataPlane`."""
        here = self._swarm(swarm)
        events: list[NodeEvent] = []
        for _ in range(max(1, round(timeout_s / RETRY_S))):
            # A change between two polls ends the second one, as in the data plane.
            if events or swarm not in self._swarms or self.stalled != self._stall_told:
                break
            with self._lock:
                self._carry_out(here)
            with contextlib.suppress(queue.Empty):
                events.append(here.events.get(timeout=RETRY_S))
                while True:
                    events.append(here.events.get_nowait())
        self._stall_told = self.stalled
        return events

    def leave(self, swarm: SwarmId) -> None:
        """See `DataPlane`."""
        self._swarms.pop(swarm, None)
        self.left.append(swarm)

    def counters(self, swarm: SwarmId | None = None) -> NodeCounters:  # noqa: ARG002
        """Returns the totals over all swarms, for each swarm too."""
        return self.counted

    def stall(self, swarm: SwarmId | None = None) -> Stall | None:
        """Returns `stalled` for each swarm, and None for lookups."""
        return None if swarm is None else self.stalled

    def log_from(self, level: str | None) -> None:
        """See `DataPlane`."""
        self.logs_from = level

    def drain_log(self) -> list[LogEvent]:
        """See `DataPlane`."""
        logged, self.logged = self.logged, []
        return logged

    def close(self) -> None:
        """See `DataPlane`."""
        for swarm in list(self._swarms):
            self.leave(swarm)
        self.closed = True

    def has_or_expects(self, chunk: ChunkIndex) -> bool:
        """Whether some swarm of this node holds the chunk, or has an order for it."""
        return any(here.has_or_expects(chunk) for here in self._swarms.values())

    def _swarm(self, swarm: SwarmId) -> FakeSwarm:
        if swarm not in self._swarms:
            raise InternalError(f"The node is not in swarm {swarm}")
        return self._swarms[swarm]

    def _is_cached(self, item: CatalogObject) -> bool:
        return item.cache and self._cache.get(item.destination) == item.found

    def _carry_out(self, here: FakeSwarm) -> None:
        if self.paused:
            return
        waiting, here.waiting = here.waiting, []
        for order in waiting:
            chunk = here.chunks[order.chunk]
            if self._has_to_wait(here, order):
                here.waiting.append(order)
            elif (failure := self._failure(order)) is not None:
                here.events.put(failure)
            else:
                self._fetch(here, order, chunk)

    def _fetch(self, here: FakeSwarm, order: FakeOrder, chunk: Chunk) -> None:
        self._count(chunk, order.source)
        landed = here.hold(chunk)
        checksum = here.held[chunk.index]
        here.events.put(
            ChunkHeld(order.order, chunk.index, checksum, order.source, chunk.size, 0.001, 0.001)
        )
        for item in landed:
            self._cache[item.destination] = item.found
            here.events.put(ObjectLanded(item.index))

    def _has_to_wait(self, here: FakeSwarm, order: FakeOrder) -> bool:
        peer = self._peer(order)
        if peer is None or peer.closed or peer.has_or_expects(order.chunk):
            return False
        here.attempts[order.order] = here.attempts.get(order.order, 0) + 1
        return here.attempts[order.order] < ATTEMPTS

    def _failure(self, order: FakeOrder) -> OrderFailed | None:
        fault = self.faults.get(order.chunk)
        if fault is not None:
            if fault.times > 1:
                self.faults[order.chunk] = replace(fault, times=fault.times - 1)
            else:
                del self.faults[order.chunk]
            return OrderFailed(
                order.order,
                order.chunk,
                order.source,
                fault.error,
                fault.fault,
                final=fault.final,
                retry_after_s=fault.retry_after_s,
            )
        peer = self._peer(order)
        if peer is not None and (peer.closed or not peer.has_or_expects(order.chunk)):
            error = PeerError("The peer has no such chunk", node=self.node)
            return OrderFailed(order.order, order.chunk, order.source, error, "peer")
        return None

    def _peer(self, order: FakeOrder) -> FakeDataPlane | None:
        return None if order.source is None else self.neighbours.get(order.source)

    def _count(self, chunk: Chunk, source: NodeId | None) -> None:
        before = self.counted
        if source is None:
            self.origin.count_read(chunk.index, chunk.size)
            self.counted = replace(
                before,
                origin_bytes=before.origin_bytes + chunk.size,
                chunks_from_origin=before.chunks_from_origin + 1,
            )
        else:
            self.counted = replace(
                before,
                peer_bytes=before.peer_bytes + chunk.size,
                chunks_from_peers=before.chunks_from_peers + 1,
            )
