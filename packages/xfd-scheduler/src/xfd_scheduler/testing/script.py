"""Scripts a swarm: one line for each event, and all orders that the scheduler gives.

For tests, and to try what the scheduler would do:

    script = Script.of_nodes(3, chunks=6)
    script.plan()
    script.holds("n0", 0)
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
    NodeHeard,
    NodeJoined,
    NodeLost,
    NodeSilent,
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
class Assignment:
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
    """The checksum of a chunk in scripts."""
    return 0xC0DE_0000 + chunk


class Script:
    """A scheduler, its clock, and the orders of each node.

    Attributes:
        now: the time, which moves if the script says so.
        assignments: for each node and chunk, what it is ordered to fetch and did not report.
        orders: all orders with their nodes, in the order in which they were given.
        origin_reads: for each chunk, how many orders read it from the origin.
    """

    def __init__(self, settings: SchedulerSettings = DEFAULTS, *, seed: int = 0) -> None:
        self.scheduler = Scheduler(settings, seed=seed)
        self.now = 0.0
        self.assignments: dict[NodeId, dict[int, Assignment]] = {}
        self.orders: list[tuple[NodeId, Order]] = []
        self.origin_reads: dict[int, int] = {}
        self._seq: dict[NodeId, int] = {}

    @staticmethod
    def of_nodes(count: int, chunks: int, settings: SchedulerSettings = DEFAULTS) -> Script:
        """Nodes `n0`, `n1` ... that all want one object."""
        script = Script(settings)
        script.grow([chunks])
        for index in range(count):
            script.joins(f"n{index}")
        return script

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
        """These nodes are asked to join."""
        for node in nodes:
            self.scheduler.handle(NodeStarting(NodeId(node)), self.now)

    def joins(
        self,
        node: str,
        *,
        wants: tuple[int, ...] | None = None,
        held: tuple[int, ...] = (),
        landed: tuple[int, ...] = (),
        locked: tuple[tuple[int, str | None], ...] = (),
        traits: NodeTraits = UNKNOWN,
    ) -> None:
        """A node joins and takes its inventory; it wants every object unless `wants` is given."""
        name = NodeId(node)
        self.assignments[name] = {}
        self._seq[name] = 0
        self.scheduler.handle(NodeJoined(name, f"{node}:1", traits), self.now)
        self.takes_inventory(node, wants=wants, held=held, landed=landed, locked=locked)

    def takes_inventory(
        self,
        node: str,
        *,
        wants: tuple[int, ...] | None = None,
        held: tuple[int, ...] = (),
        landed: tuple[int, ...] = (),
        locked: tuple[tuple[int, str | None], ...] = (),
    ) -> None:
        """A node of the swarm takes an inventory."""
        objects = range(self.scheduler.catalog_size()[0]) if wants is None else wants
        inventory = Inventory(
            held=tuple(HeldRun(ChunkIndex(chunk), (crc_of(chunk),)) for chunk in held),
            landed=tuple(ObjectIndex(item) for item in landed),
            elsewhere=tuple(
                (ObjectIndex(item), None if owner is None else NodeId(owner))
                for item, owner in locked
            ),
        )
        event = InventoryTaken(
            NodeId(node), tuple(ObjectIndex(item) for item in objects), inventory
        )
        self.scheduler.handle(event, self.now)

    def falls_silent(self, node: str) -> None:
        """The node does not answer."""
        self.scheduler.handle(NodeSilent(NodeId(node)), self.now)

    def is_heard(self, node: str) -> None:
        """It answers again."""
        self.scheduler.handle(NodeHeard(NodeId(node)), self.now)

    def plan(self) -> dict[NodeId, list[Order]]:
        """Plans, and books the orders."""
        given = self.scheduler.plan(self.now)
        for node, orders in given.items():
            for order in orders:
                self.orders.append((node, order))
                if isinstance(order, Fetch):
                    self._book(node, order)
                elif isinstance(order, Cancel):
                    ids = range(order.first_order, order.first_order + order.count)
                    mine = self.assignments[node]
                    for assignment in [one for one in mine.values() if one.order in ids]:
                        del mine[assignment.chunk]
        return given

    def reports(self, node: str, *events: NodeEvent, full: Inventory | None = None) -> None:
        """A node reports."""
        name = NodeId(node)
        self._seq[name] = self._seq.get(name, 0) + 1
        report = NodeReport(self._seq[name], events, full=full)
        self.scheduler.handle(Reported(name, report), self.now)

    def holds(self, node: str, *chunks: int, crc: int | None = None, seconds: float = 0.1) -> None:
        """The node reports that it fetched these chunks, or all if none is given."""
        mine = self.assignments[NodeId(node)]
        events = []
        for chunk in chunks or tuple(mine):
            assignment = mine.pop(chunk)
            reported = crc_of(chunk) if crc is None else crc
            at = ChunkIndex(chunk)
            events.append(
                ChunkHeld(
                    assignment.order, at, reported, assignment.source, 8 * MIB, seconds, seconds
                )
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
        seconds: float = 0.0,
    ) -> Assignment:
        """The node reports that its order for the chunk failed; returns that order."""
        assignment = self.assignments[NodeId(node)].pop(chunk)
        self.reports(
            node,
            OrderFailed(
                assignment.order,
                ChunkIndex(chunk),
                assignment.source,
                error or OriginTimeoutError("It took too long"),
                fault,
                bad_bytes=bad_bytes,
                final=final,
                retry_after_s=retry_after_s,
                seconds=seconds,
            ),
        )
        return assignment

    def loses(self, node: str, chunk: int) -> None:
        """The node reports that it lost a chunk."""
        self.reports(node, ChunkLost(ChunkIndex(chunk)))

    def lands(self, node: str, item: int) -> None:
        """The node reports that an object has landed."""
        self.reports(node, ObjectLanded(ObjectIndex(item)))

    def cannot_land(
        self, node: str, item: int, error: XfdError, *, chunks_suspect: bool = False
    ) -> None:
        """The node reports that an object cannot land."""
        self.reports(node, ObjectFailed(ObjectIndex(item), error, chunks_suspect))

    def is_lost(self, node: str) -> None:
        """A node is gone."""
        self.assignments.pop(NodeId(node), None)
        self.scheduler.handle(NodeLost(NodeId(node)), self.now)

    def releases(self, *objects: int) -> None:
        """No lease wants these objects any more."""
        items = tuple(ObjectIndex(item) for item in objects)
        self.scheduler.handle(Released(items), self.now)

    def waits(self) -> float:
        """Moves the clock to the next wake-up; returns how long that takes."""
        then = self.scheduler.next_wakeup()
        if then is None:
            return 0.0
        waited = then - self.now
        self.now = then
        self.scheduler.handle(Tick(), self.now)
        return waited

    def source(self, node: str, chunk: int) -> str | None:
        """The source of a chunk that the node is ordered to fetch."""
        return self.assignments[NodeId(node)][chunk].source

    def reader(self, chunk: int) -> str:
        """The node that is ordered to read the chunk from the origin.

        Raises:
            LookupError: there is no such node.
        """
        for node, mine in self.assignments.items():
            if chunk in mine and mine[chunk].source is None:
                return node
        raise LookupError(f"no node is ordered to read chunk {chunk} from the origin")

    def runs_to_the_end(self, steps: int = 10_000) -> None:
        """All nodes carry out their orders, until there are none.

        Raises:
            AssertionError: that takes more than `steps` exchanges.
        """
        for _ in range(steps):
            if not self.exchanges() and not self.waits():
                return
        raise AssertionError("the swarm is still busy")

    def exchanges(self) -> bool:
        """All nodes receive orders, carry them out and report; returns whether there were any."""
        self.plan()
        busy = [node for node, mine in self.assignments.items() if mine]
        for node in busy:
            self.holds(node)
        self.now += 0.05
        return bool(busy)

    def _book(self, node: NodeId, fetch: Fetch) -> None:
        for step in range(fetch.count):
            chunk = fetch.first_chunk + step
            assignment = Assignment(OrderId(fetch.first_order + step), chunk, fetch.source)
            self.assignments[node][chunk] = assignment
            if fetch.source is None:
                self.origin_reads[chunk] = self.origin_reads.get(chunk, 0) + 1
