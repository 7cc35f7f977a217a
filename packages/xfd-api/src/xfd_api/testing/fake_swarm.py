"""One swarm of a `FakeDataPlane`: its catalog, what it holds, and the orders that wait."""

from __future__ import annotations

import queue
import zlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from xfd_api.chunks import Catalog, CatalogObject, Chunk
from xfd_api.ids import ChunkIndex, NodeId, ObjectIndex, OrderId
from xfd_api.orders import Cancel, Discard, Fetch, Order, Release
from xfd_api.reports import HeldRun, Inventory, NodeEvent


class FakeOrder(NamedTuple):
    """One chunk of a `Fetch`, which waits to be carried out."""

    order: OrderId
    chunk: ChunkIndex
    source: NodeId | None


@dataclass(slots=True)
class FakeSwarm:
    """The state of one node in one swarm.

    Attributes:
        held: the checksums of held chunks.
        attempts: how often each order has looked for its source in vain.
    """

    objects: dict[ObjectIndex, CatalogObject] = field(default_factory=dict)
    chunks: dict[ChunkIndex, Chunk] = field(default_factory=dict)
    held: dict[ChunkIndex, int] = field(default_factory=dict)
    waiting: list[FakeOrder] = field(default_factory=list)
    attempts: dict[OrderId, int] = field(default_factory=dict)
    landed: set[ObjectIndex] = field(default_factory=set)
    events: queue.SimpleQueue[NodeEvent] = field(default_factory=queue.SimpleQueue)

    def extend(self, catalog: Catalog, cached: Collection[CatalogObject]) -> Inventory:
        """Adds to the catalog; `cached` are its objects that are at their destination already."""
        self.objects.update((item.index, item) for item in catalog.objects)
        self.chunks.update((chunk.index, chunk) for chunk in catalog.chunks)
        self.landed.update(item.index for item in cached)
        for chunk in catalog.chunks:
            if all(span.object in self.landed for span in chunk.spans):
                self.held[chunk.index] = self.checksum(chunk)
        self.landed.update(item.index for item in catalog.objects if item.is_directory)
        return Inventory(
            held=tuple(
                HeldRun(chunk.index, (self.held[chunk.index],))
                for chunk in catalog.chunks
                if chunk.index in self.held
            ),
            landed=tuple(item.index for item in catalog.objects if item.index in self.landed),
            cached_bytes=sum(item.found.size for item in cached),
        )

    def forget(self, objects: Iterable[ObjectIndex]) -> None:
        """The files of these objects are not there any more, if they were."""
        gone = self.landed.intersection(objects)
        self.landed -= gone
        for chunk in self.chunks.values():
            if any(span.object in gone for span in chunk.spans):
                self.held.pop(chunk.index, None)

    def submit(self, orders: Sequence[Order]) -> None:
        """Queues fetches, and carries out all other orders at once; `Pin` does nothing."""
        for order in orders:
            if isinstance(order, Fetch):
                self.waiting.extend(
                    FakeOrder(
                        OrderId(order.first_order + k),
                        ChunkIndex(order.first_chunk + k),
                        order.source,
                    )
                    for k in range(order.count)
                )
            elif isinstance(order, Cancel):
                cancelled = range(order.first_order, order.first_order + order.count)
                self.waiting = [each for each in self.waiting if each.order not in cancelled]
            elif isinstance(order, Discard):
                for chunk in order.chunks:
                    self.held.pop(chunk, None)
            elif isinstance(order, Release):
                for item in order.objects:
                    self.objects.pop(item, None)

    def has_or_expects(self, chunk: ChunkIndex) -> bool:
        """Whether the chunk is held, or an order for it waits."""
        return chunk in self.held or any(each.chunk == chunk for each in self.waiting)

    def hold(self, chunk: Chunk) -> list[CatalogObject]:
        """Holds a chunk; returns the objects that are whole now, which count as landed."""
        self.held[chunk.index] = self.checksum(chunk)
        whole = [
            item
            for span in chunk.spans
            if (item := self.objects.get(span.object)) is not None
            and item.index not in self.landed
            and self._is_whole(item.index)
        ]
        self.landed.update(item.index for item in whole)
        return whole

    def checksum(self, chunk: Chunk) -> int:
        """Stands in for the chunk's checksum: alike on all nodes, another for each version."""
        spans = [(self.objects[s.object].found.etag, s.offset, s.length) for s in chunk.spans]
        return zlib.crc32(repr(spans).encode())

    def _is_whole(self, index: ObjectIndex) -> bool:
        return all(
            chunk.index in self.held
            for chunk in self.chunks.values()
            if any(span.object == index for span in chunk.spans)
        )
