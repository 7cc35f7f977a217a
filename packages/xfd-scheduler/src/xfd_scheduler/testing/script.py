"""Tells a scheduler what happened in one line each, and keeps the orders it gives.

The language of the tests, and of anyone who wants to see what the scheduler would do:

    story = Story.of_nodes(3, chunks=6)
    story.plan()
    story.holds("n0", 0)
"""

from __future__ import annotations

from dataclasses import dataclass

from xfd_api.chunks import Catalog, CatalogObject, Chunk, FoundObject, Span
from xfd_api.errors import OriginTimeoutError, XfdError
from xfd_api.ids import ChunkIndex, NodeId, ObjectIndex, OrderId
from xfd_api.node_report import NodeReport
from xfd_api.orders import Cancel, Fetch, Order
from xfd_api.reports import (
    ChunkHeld,
    ChunkLost,
    Fault,
    HeldRun,
    Inventory,
    NodeEvent,
    ObjectFailed,
    ObjectLanded,
    OrderFailed,
)
from xfd_scheduler.events import (
    CatalogGrew,
    InventoryTaken,
    NodeJoined,
    NodeLost,
    NodeStarting,
    NodeTraits,
    Released,
    Reported,
    Tick,
)
from xfd_scheduler.scheduler import DEFAULTS, Scheduler, SchedulerSettings

MIB = 2**20
UNKNOWN = NodeTraits()


@dataclass(frozen=True, slots=True)
class Errand:
    """One chunk that a node was ordered to fetch."""

    order: OrderId
    chunk: int
    source: NodeId | None


def catalog_of(
    chunks_of_objects: list[int],
    *,
    size: int = 8 * MIB,
    first_object: int = 0,
    first_chunk: int = 0,
    priorities: list[int] | None = None,
) -> Catalog:
    """A catalog of objects with this many chunks of one size each."""
    objects = []
    chunks: list[Chunk] = []
    for place, count in enumerate(chunks_of_objects):
        index = ObjectIndex(first_object + place)
        priority = priorities[place] if priorities else 0
        key = f"object-{index}"
        found = FoundObject(key, count * size)
        objects.append(CatalogObject(index, None, None, found, key, priority=priority))
        for part in range(count):
            span = Span(index, part * size, size)
            at = ChunkIndex(first_chunk + len(chunks))
            chunks.append(Chunk(at, (span,), size, priority))
    return Catalog(tuple(objects), tuple(chunks), first_object, first_chunk)


def crc_of(chunk: int) -> int:
    """The checksum that chunks of a story have."""
    return 0xC0DE_0000 + chunk


class Story:
    """A scheduler, a clock that the story turns, and what each node has been ordered to do.

    Attributes:
        errands: for each node, what it is ordered to fetch and did not report, by chunk.
        orders: all orders, in the order they were given.
        origin_reads: for each chunk, the orders to read it from the origin.
    """

    def __init__(self, settings: SchedulerSettings = DEFAULTS, *, seed: int = 0) -> None:
        self.scheduler = Scheduler(settings, seed=seed)
        self.now = 0.0
        self.errands: dict[NodeId, dict[int, Errand]] = {}
        self.orders: list[tuple[NodeId, Order]] = []
        self.origin_reads: dict[int, int] = {}
        self._seq: dict[NodeId, int] = {}

    @staticmethod
    def of_nodes(count: int, chunks: int, settings: SchedulerSettings = DEFAULTS) -> Story:
        """Nodes `n0`, `n1` ... that all want one object."""
        story = Story(settings)
        story.grow([chunks])
        for index in range(count):
            story.joins(f"n{index}")
        return story

    def grow(self, chunks_of_objects: list[int], priorities: list[int] | None = None) -> None:
        """The catalog grows by objects with this many chunks each."""
        known = self.scheduler.catalog_size()
        catalog = catalog_of(
            chunks_of_objects,
            first_object=known[0],
            first_chunk=known[1],
            priorities=priorities,
        )
        self.scheduler.handle(CatalogGrew(catalog), self.now)

    def starts(self, *nodes: str) -> None:
        """These nodes were asked to join."""
        for node in nodes:
            self.scheduler.handle(NodeStarting(NodeId(node)), self.now)

    def joins(
        self,
        node: str,
        *,
        wants: tuple[int, ...] | None = None,
        held: tuple[int, ...] = (),
        landed: tuple[int, ...] = (),
        elsewhere: tuple[tuple[int, str | None], ...] = (),
        traits: NodeTraits = UNKNOWN,
    ) -> None:
        """A node joins and takes its inventory; `wants` is every object where it is not given."""
        name = NodeId(node)
        self.errands[name] = {}
        self._seq[name] = 0
        self.scheduler.handle(NodeJoined(name, f"{node}:1", traits), self.now)
        self.asks(node, wants=wants, held=held, landed=landed, elsewhere=elsewhere)

    def asks(
        self,
        node: str,
        *,
        wants: tuple[int, ...] | None = None,
        held: tuple[int, ...] = (),
        landed: tuple[int, ...] = (),
        elsewhere: tuple[tuple[int, str | None], ...] = (),
    ) -> None:
        """A node that is there already takes an inventory."""
        objects = range(self.scheduler.catalog_size()[0]) if wants is None else wants
        inventory = Inventory(
            held=tuple(HeldRun(ChunkIndex(chunk), (crc_of(chunk),)) for chunk in held),
            landed=tuple(ObjectIndex(item) for item in landed),
            elsewhere=tuple(
                (ObjectIndex(item), None if owner is None else NodeId(owner))
                for item, owner in elsewhere
            ),
        )
        event = InventoryTaken(
            NodeId(node), tuple(ObjectIndex(item) for item in objects), inventory
        )
        self.scheduler.handle(event, self.now)

    def plan(self) -> dict[NodeId, list[Order]]:
        """Asks for orders and books them."""
        given = self.scheduler.plan(self.now)
        for node, orders in given.items():
            for order in orders:
                self.orders.append((node, order))
                if isinstance(order, Fetch):
                    self._book(node, order)
                elif isinstance(order, Cancel):
                    ids = range(order.first_order, order.first_order + order.count)
                    mine = self.errands[node]
                    for errand in [one for one in mine.values() if one.order in ids]:
                        del mine[errand.chunk]
        return given

    def reports(self, node: str, *events: NodeEvent, full: Inventory | None = None) -> None:
        """A node reports."""
        name = NodeId(node)
        self._seq[name] = self._seq.get(name, 0) + 1
        report = NodeReport(self._seq[name], events, full=full)
        self.scheduler.handle(Reported(name, report), self.now)

    def holds(self, node: str, *chunks: int, crc: int | None = None, seconds: float = 0.1) -> None:
        """The node carried out its orders for these chunks (for all where none is given)."""
        mine = self.errands[NodeId(node)]
        events = []
        for chunk in chunks or tuple(mine):
            errand = mine.pop(chunk)
            told = crc_of(chunk) if crc is None else crc
            at = ChunkIndex(chunk)
            events.append(
                ChunkHeld(errand.order, at, told, errand.source, 8 * MIB, seconds, seconds)
            )
        self.reports(node, *events)

    def fails(
        self,
        node: str,
        chunk: int,
        fault: Fault,
        *,
        error: XfdError | None = None,
        bad_bytes: bool = False,
        final: bool = False,
        retry_after_s: float | None = None,
    ) -> Errand:
        """The node's order for the chunk failed; returns that order."""
        errand = self.errands[NodeId(node)].pop(chunk)
        self.reports(
            node,
            OrderFailed(
                errand.order,
                ChunkIndex(chunk),
                errand.source,
                error or OriginTimeoutError("It took too long"),
                fault,
                bad_bytes=bad_bytes,
                final=final,
                retry_after_s=retry_after_s,
            ),
        )
        return errand

    def loses(self, node: str, chunk: int) -> None:
        """A chunk that the node said it holds is missing again."""
        self.reports(node, ChunkLost(ChunkIndex(chunk)))

    def lands(self, node: str, item: int) -> None:
        """An object is whole on a node."""
        self.reports(node, ObjectLanded(ObjectIndex(item)))

    def cannot_land(
        self, node: str, item: int, error: XfdError, *, chunks_suspect: bool = False
    ) -> None:
        """An object cannot land on a node."""
        self.reports(node, ObjectFailed(ObjectIndex(item), error, chunks_suspect))

    def is_lost(self, node: str) -> None:
        """A node is gone."""
        self.errands.pop(NodeId(node), None)
        self.scheduler.handle(NodeLost(NodeId(node)), self.now)

    def releases(self, *objects: int) -> None:
        """Nobody wants these objects any more."""
        items = tuple(ObjectIndex(item) for item in objects)
        self.scheduler.handle(Released(items), self.now)

    def waits(self) -> float:
        """Turns the clock to the next wake-up; returns how long that took."""
        then = self.scheduler.next_wakeup()
        if then is None:
            return 0.0
        waited = then - self.now
        self.now = then
        self.scheduler.handle(Tick(), self.now)
        return waited

    def source(self, node: str, chunk: int) -> str | None:
        """Whom the node was ordered to ask for a chunk it did not report yet."""
        return self.errands[NodeId(node)][chunk].source

    def reader(self, chunk: int) -> str:
        """The node that is ordered to read the chunk from the origin.

        Raises:
            LookupError: no node is.
        """
        for node, mine in self.errands.items():
            if chunk in mine and mine[chunk].source is None:
                return node
        raise LookupError(f"nobody reads chunk {chunk} from the origin")

    def runs_to_the_end(self, steps: int = 10_000) -> None:
        """Every node carries out its orders, until nobody has any.

        Raises:
            AssertionError: that never comes.
        """
        for _ in range(steps):
            if not self.exchanges() and not self.waits():
                return
        raise AssertionError("the swarm is still busy")

    def exchanges(self) -> bool:
        """Every node gets orders, carries out all that it has and reports; whether any had some."""
        self.plan()
        busy = [node for node, mine in self.errands.items() if mine]
        for node in busy:
            self.holds(node)
        self.now += 0.05
        return bool(busy)

    def _book(self, node: NodeId, fetch: Fetch) -> None:
        for step in range(fetch.count):
            chunk = fetch.first_chunk + step
            errand = Errand(OrderId(fetch.first_order + step), chunk, fetch.source)
            self.errands[node][chunk] = errand
            if fetch.source is None:
                self.origin_reads[chunk] = self.origin_reads.get(chunk, 0) + 1
