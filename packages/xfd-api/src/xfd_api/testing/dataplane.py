"""A `DataPlane` in memory: orders are carried out as they are submitted, without any bytes."""

from __future__ import annotations

import contextlib
import queue
import threading
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from xfd_api.chunks import Catalog, CatalogObject, Chunk, FoundObject
from xfd_api.errors import InternalError, InvalidRequestError, PeerError, XfdError
from xfd_api.ids import ChunkIndex, NodeId, ObjectIndex, OrderId, SwarmId
from xfd_api.lookups import Lookup
from xfd_api.orders import Cancel, Discard, Fetch, Order, Release
from xfd_api.reports import (
    ChunkHeld,
    HeldRun,
    Inventory,
    LogEvent,
    NodeCounters,
    NodeEvent,
    ObjectFailed,
    ObjectLanded,
    OrderFailed,
)
from xfd_api.settings import NodeSettings, SwarmTicket
from xfd_api.stores import ObjectStoreConfigByProfile
from xfd_api.testing.origin import FakeOrigin
from xfd_api.testing.state import FakeFault, FakeSwarm

LOOK_S = 0.002
"""How often an order that waits for its source looks again."""


class FakeDataPlane:
    """One node's hands, and an `ObjectFinder` as well.

    An order whose source has neither the chunk nor an order for it waits, while somebody polls. A
    peer that is not in `neighbours` is taken to hold whatever it is asked for, so that nodes of
    several processes can play together.

    Attributes:
        paused: while True, fetches wait; `resume` carries them out.
        busy: destinations that another writer of this disk has, and whose it is.
        extend_error: raised by the next `extend`.
        faults: by chunk.
        landing_errors: by key: objects that cannot land.
        counted: what `counters` answers.
        logs_from: the level that was last asked for.
        logged: what the next `drain_log` answers.
        settings: those of the last `reconfigure`, or what a test says that it was started with.
        relay_looks: how often an order looks for its source before it fails.
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
        self.landing_errors: dict[str, XfdError] = {}
        self.counted = NodeCounters()
        self.submitted: list[Order] = []
        self.logs_from: str | None = None
        self.logged: list[LogEvent] = []
        self.settings: NodeSettings | None = None
        self.left: list[SwarmId] = []
        self.closed = False
        self.relay_looks = 2000
        self._turn = threading.RLock()
        self._cache: dict[str, FoundObject] = {}
        self._swarms: dict[SwarmId, FakeSwarm] = {}

    def find_objects(
        self, lookups: Sequence[Lookup], stores: ObjectStoreConfigByProfile
    ) -> list[list[FoundObject]]:
        """See `ObjectFinder`."""
        return self.origin.find_objects(lookups, stores)

    def serve(self, host: str, ports: tuple[int, int] | None) -> str:
        """An address that nobody listens on."""
        return f"{host}:{ports[0] if ports else 1}"

    def reconfigure(self, settings: NodeSettings) -> None:
        """See `DataPlane`.

        Raises:
            InvalidRequestError: something else differs from the settings that it was given first.
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
        here = self._swarm(swarm)
        here.objects.update((item.index, item) for item in catalog.objects)
        here.chunks.update((chunk.index, chunk) for chunk in catalog.chunks)
        elsewhere = tuple(
            (item.index, self.busy[item.destination])
            for item in catalog.objects
            if item.destination in self.busy
        )
        cached = [item for item in catalog.objects if self._is_cached(item)]
        here.landed.update(item.index for item in cached)
        for chunk in catalog.chunks:
            if all(span.object in here.landed for span in chunk.spans):
                here.held[chunk.index] = self.crc_of(here.objects, chunk)
        empty = [item.index for item in catalog.objects if item.is_directory]
        here.landed.update(empty)
        return Inventory(
            held=tuple(
                HeldRun(chunk.index, (here.held[chunk.index],))
                for chunk in catalog.chunks
                if chunk.index in here.held
            ),
            landed=tuple(item.index for item in catalog.objects if item.index in here.landed),
            elsewhere=elsewhere,
            cached_bytes=sum(item.found.size for item in cached),
        )

    def submit(self, swarm: SwarmId, orders: Sequence[Order]) -> None:
        """See `DataPlane`."""
        with self._turn:
            self._submit(self._swarm(swarm), orders)

    def _submit(self, here: FakeSwarm, orders: Sequence[Order]) -> None:
        self.submitted.extend(orders)
        for order in orders:
            if isinstance(order, Fetch):
                here.waiting.extend(
                    (
                        OrderId(order.first_order + k),
                        ChunkIndex(order.first_chunk + k),
                        order.source,
                    )
                    for k in range(order.count)
                )
            elif isinstance(order, Cancel):
                cancelled = range(order.first_order, order.first_order + order.count)
                here.waiting = [entry for entry in here.waiting if entry[0] not in cancelled]
            elif isinstance(order, Discard):
                for chunk in order.chunks:
                    here.held.pop(chunk, None)
            elif isinstance(order, Release):
                for item in order.objects:
                    here.objects.pop(item, None)
        if not self.paused:
            self._work(here)

    def resume(self) -> None:
        """Carries out what waited."""
        self.paused = False
        for here in self._swarms.values():
            self._work(here)

    def destinations(self) -> set[str]:
        """Of all objects that it was told of, in the swarms that it is in."""
        return {
            item.destination for here in self._swarms.values() for item in here.objects.values()
        }

    def forget(self, destination: str) -> None:
        """Somebody removed the file there."""
        self._cache.pop(destination, None)

    def poll(self, swarm: SwarmId, timeout_s: float) -> list[NodeEvent]:
        """See `DataPlane`."""
        here = self._swarm(swarm)
        events: list[NodeEvent] = []
        for _ in range(max(1, round(timeout_s / LOOK_S))):
            if events or swarm not in self._swarms:
                break
            with self._turn:
                if here.waiting and not self.paused:
                    self._work(here)
            with contextlib.suppress(queue.Empty):
                events.append(here.events.get(timeout=LOOK_S))
                while True:
                    events.append(here.events.get_nowait())
        return events

    def leave(self, swarm: SwarmId) -> None:
        """See `DataPlane`."""
        self._swarms.pop(swarm, None)
        self.left.append(swarm)

    def counters(self, swarm: SwarmId | None = None) -> NodeCounters:  # noqa: ARG002
        """Totals over all swarms, whichever is asked for."""
        return self.counted

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

    def holds(self, chunk: ChunkIndex) -> bool:
        """Whether some swarm of this node has the chunk, or has been told to fetch it."""
        return any(
            chunk in here.held or any(entry[1] == chunk for entry in here.waiting)
            for here in self._swarms.values()
        )

    @staticmethod
    def crc_of(objects: Mapping[ObjectIndex, CatalogObject], chunk: Chunk) -> int:
        """A stand-in for the chunk's checksum: the same on every node, another per version."""
        told = [(objects[s.object].found.etag, s.offset, s.length) for s in chunk.spans]
        return zlib.crc32(repr(told).encode())

    def _swarm(self, swarm: SwarmId) -> FakeSwarm:
        if swarm not in self._swarms:
            raise InternalError(f"The node is not in swarm {swarm}")
        return self._swarms[swarm]

    def _is_cached(self, item: CatalogObject) -> bool:
        return item.cache and self._cache.get(item.destination) == item.found

    def _work(self, here: FakeSwarm) -> None:
        waiting, here.waiting = here.waiting, []
        for order, index, source in waiting:
            chunk = here.chunks[index]
            if self._is_to_wait(here, order, index, source):
                here.waiting.append((order, index, source))
                continue
            failure = self._failure(order, chunk, source)
            if failure is not None:
                here.events.put(failure)
                continue
            self._count(chunk, source)
            crc = here.held[index] = self.crc_of(here.objects, chunk)
            here.events.put(ChunkHeld(order, index, crc, source, chunk.size, 0.001, 0.001))
            for span in chunk.spans:
                self._land_if_whole(here, span.object)

    def _is_to_wait(
        self, here: FakeSwarm, order: OrderId, chunk: ChunkIndex, source: NodeId | None
    ) -> bool:
        peer = None if source is None else self.neighbours.get(source)
        if peer is None or peer.closed or peer.holds(chunk):
            return False
        here.looks[order] = here.looks.get(order, 0) + 1
        return here.looks[order] < self.relay_looks

    def _failure(self, order: OrderId, chunk: Chunk, source: NodeId | None) -> OrderFailed | None:
        fault = self.faults.get(chunk.index)
        if fault is not None:
            if fault.times > 1:
                self.faults[chunk.index] = replace(fault, times=fault.times - 1)
            else:
                del self.faults[chunk.index]
            return OrderFailed(
                order, chunk.index, source, fault.error, fault.fault, final=fault.final
            )
        peer = None if source is None else self.neighbours.get(source)
        if peer is not None and (peer.closed or not peer.holds(chunk.index)):
            error = PeerError("The peer has no such chunk", node=self.node)
            return OrderFailed(order, chunk.index, source, error, "peer")
        return None

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

    def _land_if_whole(self, here: FakeSwarm, index: ObjectIndex) -> None:
        item = here.objects.get(index)
        if item is None or index in here.landed:
            return
        needed = {
            chunk.index
            for chunk in here.chunks.values()
            if any(span.object == index for span in chunk.spans)
        }
        if any(chunk not in here.held for chunk in needed):
            return
        error = self.landing_errors.get(item.found.key)
        if error is not None:
            here.events.put(ObjectFailed(index, error))
            return
        here.landed.add(index)
        self._cache[item.destination] = item.found
        here.events.put(ObjectLanded(index))
