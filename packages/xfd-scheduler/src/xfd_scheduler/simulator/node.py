"""A simulated node: its queue of orders, its slots, what it holds and has to report.

The queue follows the data plane's rules: an order whose source lets it wait takes no slot but one
of `PLACES_PER_SLOT` places for each slot, at most as many for one source as there are slots; of two
orders for one chunk the first to begin fetches it, and the other stands behind it.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass

from xfd_api.ids import NodeId
from xfd_api.orders import Cancel, Discard, Fetch, Order
from xfd_api.reports import NodeEvent

PLACES_PER_SLOT = 4
"""Orders that may wait for their source, for each download slot; as in the data plane."""
NO_FLOW = -1


@dataclass(slots=True, eq=False)
class Errand:
    """One chunk to fetch from one source (None: the origin)."""

    order: int
    chunk: int
    source: int | None
    node: int
    rank: tuple[int, int]
    flow: int = NO_FLOW
    began: float = 0.0
    first_byte: float = 0.0
    fails: bool = False
    starves: bool = False
    uploading: bool = False
    waits: bool = False
    over: bool = False


def name_of(index: int) -> NodeId:
    """What the scheduler calls the node."""
    return NodeId(f"n{index:05d}")


class SimNode:
    """One node, alive or dead."""

    def __init__(self, index: int, zone: int, flows: range, joined: float) -> None:
        self.index = index
        self.id = name_of(index)
        self.zone = zone
        self.joined = joined
        self.alive = True
        self.finished: float | None = None
        self.slowed_at: float | None = None
        self.slots = len(flows)
        self.free = list(reversed(flows))
        self.queue: list[tuple[int, int, Errand]] = []
        self.origin_queue: list[tuple[int, int, Errand]] = []
        self.parked: dict[int | None, list[tuple[int, int, Errand]]] = {}
        """Orders whose source lets as many wait as may wait for one."""
        self.ready: list[tuple[int, int, Errand]] = []
        """Their bytes are here, but no slot is free."""
        self.arrivals = 0
        self.active: dict[int, Errand] = {}
        """By chunk: what is running, waiting or ready."""
        self.behind: dict[int, list[Errand]] = {}
        self.waiting: dict[int | None, int] = {}
        """How many wait for each source."""
        self.all_waiting = 0
        self.coming: dict[int, int] = {}
        """Chunk to the flow that brings it, once bytes arrive."""
        self.held: set[int] = set()
        self.cancelled: set[int] = set()
        self.events: list[NodeEvent] = []
        self.mail: list[Order] = []
        self.uploads = 0
        self.upload_queue: deque[Errand] = deque()
        """Errands of other nodes that wait for an upload slot here."""
        self.seq = 0
        self.sent_bytes = 0.0
        self.received_bytes = 0.0
        self.thrown_bytes = 0.0
        """Of transfers that were broken off: an order is carried out anew where it is moved."""
        self.origin_bytes = 0.0

    def accept(self, orders: list[Order], number_of: dict[str, int]) -> list[Errand]:
        """Takes orders; returns those under way that they cancel."""
        stopped: list[Errand] = []
        for order in orders:
            if isinstance(order, Fetch):
                source = None if order.source is None else number_of[order.source]
                for step in range(order.count):
                    self.arrivals += 1
                    rank = (order.priority, self.arrivals)
                    chunk = order.first_chunk + step
                    errand = Errand(order.first_order + step, chunk, source, self.index, rank)
                    self.queue_up(errand)
            elif isinstance(order, Cancel):
                ids = range(order.first_order, order.first_order + order.count)
                for errand in self.active.values():
                    if errand.order in ids:
                        stopped.append(errand)
                self.cancelled.update(ids)
            elif isinstance(order, Discard):
                self.held.difference_update(order.chunks)
        return stopped

    def has_other_order(self, chunk: int) -> bool:
        """Whether an order for the chunk stands beside the one that is under way."""
        return chunk in self.behind or any(
            one.chunk == chunk and one.order not in self.cancelled
            for queue in (self.queue, self.origin_queue, *self.parked.values())
            for _, _, one in queue
        )

    def queue_up(self, errand: Errand) -> None:
        """An errand waits for its turn, or has its old turn again after it stood behind another."""
        queue = self.origin_queue if errand.source is None else self.queue
        heapq.heappush(queue, (*errand.rank, errand))

    def next_errand(self) -> Errand | None:
        """The next order that still stands and whose source may let another one wait."""
        places = self.slots * PLACES_PER_SLOT
        while True:
            queue = self.origin_queue
            if self.all_waiting < places and (self.queue or self._unpark()):
                queue = min(queue, self.queue, key=_head)
            if not queue:
                return None
            entry = heapq.heappop(queue)
            errand = entry[2]
            if errand.order in self.cancelled or errand.chunk in self.held:
                continue
            if errand.chunk in self.active:
                self.behind.setdefault(errand.chunk, []).append(errand)
                continue
            source = errand.source
            if source is not None and self.waiting.get(source, 0) >= self.slots:
                heapq.heappush(self.parked.setdefault(source, []), entry)
                continue
            return errand

    def _unpark(self) -> bool:
        """Queues the first parked order of each source that there is a place for again."""
        for source, parked in list(self.parked.items()):
            if self.waiting.get(source, 0) < self.slots:
                heapq.heappush(self.queue, heapq.heappop(parked))
                if not parked:
                    del self.parked[source]
        return bool(self.queue)

    def waits(self, errand: Errand) -> None:
        """The source has no bytes for it yet."""
        errand.waits = True
        self.waiting[errand.source] = self.waiting.get(errand.source, 0) + 1
        self.all_waiting += 1

    def waits_no_more(self, errand: Errand) -> None:
        """Bytes came, or the errand is over."""
        if not errand.waits:
            return
        errand.waits = False
        self.waiting[errand.source] -= 1
        self.all_waiting -= 1
        if parked := self.parked.get(errand.source):
            heapq.heappush(self.queue, heapq.heappop(parked))
            if not parked:
                del self.parked[errand.source]


def _head(queue: list[tuple[int, int, Errand]]) -> tuple[float, int]:
    """The rank of a queue's first order."""
    return queue[0][:2] if queue else (float("inf"), 0)
