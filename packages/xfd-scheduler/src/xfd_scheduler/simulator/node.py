"""A simulated node: its queue of orders, its slots, what it holds and has to report.

The queue follows the data plane's rules. An order that waits for its source takes no slot but one
of `PLACES_PER_SLOT` places for each slot, and there are at most as many for one source as slots. Of
two orders for one chunk, the first to start fetches it, and the other waits for that.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass

from xfd_api.ids import ChunkIndex, NodeId
from xfd_api.orders import Cancel, Discard, Fetch, Order
from xfd_api.reports import ChunkLost, NodeEvent

PLACES_PER_SLOT = 4
"""Orders that may wait for their source, for each download slot; as in the data plane."""
NO_FLOW = -1


@dataclass(slots=True, eq=False)
class FetchTask:
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
    is_waiting: bool = False
    over: bool = False


def node_id(index: int) -> NodeId:
    """The node's id."""
    return NodeId(f"n{index:05d}")


class SimNode:
    """One node, alive or dead."""

    def __init__(self, index: int, zone: int, flows: range, joined: float) -> None:
        self.index = index
        self.id = node_id(index)
        self.zone = zone
        self.joined = joined
        self.alive = True
        self.finished: float | None = None
        self.slowed_at: float | None = None
        self.slots = len(flows)
        self.free = list(reversed(flows))
        self.queue: list[tuple[int, int, FetchTask]] = []
        self.origin_queue: list[tuple[int, int, FetchTask]] = []
        self.parked: dict[int | None, list[tuple[int, int, FetchTask]]] = {}
        """Orders, by source, of which as many wait as may wait for one source."""
        self.ready: list[tuple[int, int, FetchTask]] = []
        """Orders whose bytes are ready, while no slot is free."""
        self.arrivals = 0
        self.active: dict[int, FetchTask] = {}
        """By chunk: orders that run, wait or are ready."""
        self.duplicates: dict[int, list[FetchTask]] = {}
        """By chunk: orders that wait for the active one."""
        self.waiting: dict[int | None, int] = {}
        """How many orders wait for each source."""
        self.all_waiting = 0
        self.incoming: dict[int, int] = {}
        """By chunk: the flow whose bytes arrive."""
        self.held: set[int] = set()
        self.cancelled: set[int] = set()
        self.events: list[NodeEvent] = []
        self.inbox: list[Order] = []
        self.uploads = 0
        self.upload_queue: deque[FetchTask] = deque()
        """Tasks of other nodes that wait for an upload slot here."""
        self.seq = 0
        self.received_bytes = 0.0
        self.wasted_bytes = 0.0
        """Of transfers that were broken off; a moved order starts again."""
        self.origin_bytes = 0.0

    def accept(self, orders: list[Order], number_of: dict[str, int]) -> list[FetchTask]:
        """Takes orders; returns the active ones that they cancel."""
        stopped: list[FetchTask] = []
        for order in orders:
            if isinstance(order, Fetch):
                source = None if order.source is None else number_of[order.source]
                for step in range(order.count):
                    self.arrivals += 1
                    rank = (order.priority, self.arrivals)
                    chunk = order.first_chunk + step
                    task = FetchTask(order.first_order + step, chunk, source, self.index, rank)
                    self.enqueue(task)
            elif isinstance(order, Cancel):
                ids = range(order.first_order, order.first_order + order.count)
                for task in self.active.values():
                    if task.order in ids:
                        stopped.append(task)
                self.cancelled.update(ids)
            elif isinstance(order, Discard):
                lost = self.held.intersection(order.chunks)
                self.held -= lost
                self.events.extend(ChunkLost(ChunkIndex(chunk)) for chunk in sorted(lost))
        return stopped

    def has_other_order(self, chunk: int) -> bool:
        """Whether there is another order for the chunk beside the active one."""
        return chunk in self.duplicates or any(
            one.chunk == chunk and one.order not in self.cancelled
            for queue in (self.queue, self.origin_queue, *self.parked.values())
            for _, _, one in queue
        )

    def enqueue(self, task: FetchTask) -> None:
        """Queues a task, with its old rank if it was a duplicate."""
        queue = self.origin_queue if task.source is None else self.queue
        heapq.heappush(queue, (*task.rank, task))

    def next_task(self) -> FetchTask | None:
        """The next task that is still needed and whose source may let one more wait."""
        places = self.slots * PLACES_PER_SLOT
        while True:
            queue = self.origin_queue
            if self.all_waiting < places and (self.queue or self._unpark()):
                queue = min(queue, self.queue, key=_head)
            if not queue:
                return None
            entry = heapq.heappop(queue)
            task = entry[2]
            if task.order in self.cancelled or task.chunk in self.held:
                continue
            if task.chunk in self.active:
                self.duplicates.setdefault(task.chunk, []).append(task)
                continue
            source = task.source
            if source is not None and self.waiting.get(source, 0) >= self.slots:
                heapq.heappush(self.parked.setdefault(source, []), entry)
                continue
            return task

    def _unpark(self) -> bool:
        """Queues the first parked task of each source that has a place again."""
        for source, parked in list(self.parked.items()):
            if self.waiting.get(source, 0) < self.slots:
                heapq.heappush(self.queue, heapq.heappop(parked))
                if not parked:
                    del self.parked[source]
        return bool(self.queue)

    def start_waiting(self, task: FetchTask) -> None:
        """Counts a task whose source has no bytes yet."""
        task.is_waiting = True
        self.waiting[task.source] = self.waiting.get(task.source, 0) + 1
        self.all_waiting += 1

    def stop_waiting(self, task: FetchTask) -> None:
        """The task's bytes arrive, or it is over."""
        if not task.is_waiting:
            return
        task.is_waiting = False
        self.waiting[task.source] -= 1
        self.all_waiting -= 1
        if parked := self.parked.get(task.source):
            heapq.heappush(self.queue, heapq.heappop(parked))
            if not parked:
                del self.parked[task.source]


def _head(queue: list[tuple[int, int, FetchTask]]) -> tuple[float, int]:
    """The rank of a queue's first order."""
    return queue[0][:2] if queue else (float("inf"), 0)
