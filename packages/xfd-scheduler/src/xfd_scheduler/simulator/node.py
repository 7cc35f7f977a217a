"""A simulated node: its queue of orders, its slots, what it holds and has to report."""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass

from xfd_api.ids import NodeId
from xfd_api.orders import Cancel, Discard, Fetch, Order
from xfd_api.reports import NodeEvent


@dataclass(slots=True)
class Errand:
    """One chunk to fetch from one source (None: the origin)."""

    order: int
    chunk: int
    source: int | None
    flow: int = -1
    began: float = 0.0
    first_byte: float = 0.0
    fails: bool = False
    uploading: bool = False


class SimNode:
    """One node, alive or dead."""

    def __init__(self, index: int, zone: int, flows: range, joined: float) -> None:
        self.index = index
        self.id = NodeId(f"n{index:05d}")
        self.zone = zone
        self.joined = joined
        self.alive = True
        self.finished: float | None = None
        self.free = list(reversed(flows))
        self.queue: list[tuple[int, int, Errand]] = []
        self.arrivals = 0
        self.running: dict[int, Errand] = {}
        """By flow."""
        self.coming: dict[int, int] = {}
        """Chunk to the flow that brings it, once bytes arrive."""
        self.held: set[int] = set()
        self.cancelled: set[int] = set()
        self.events: list[NodeEvent] = []
        self.mail: list[Order] = []
        self.uploads = 0
        self.upload_queue: deque[tuple[int, int]] = deque()
        """Flows (with their generation) that wait for an upload slot here."""
        self.seq = 0
        self.sent_bytes = 0.0
        self.received_bytes = 0.0
        self.origin_bytes = 0.0

    def accept(self, orders: list[Order], number_of: dict[str, int]) -> list[int]:
        """Takes orders; returns running flows that they cancel."""
        stopped: list[int] = []
        for order in orders:
            if isinstance(order, Fetch):
                source = None if order.source is None else number_of[order.source]
                for step in range(order.count):
                    self.arrivals += 1
                    errand = Errand(order.first_order + step, order.first_chunk + step, source)
                    heapq.heappush(self.queue, (order.priority, self.arrivals, errand))
            elif isinstance(order, Cancel):
                ids = range(order.first_order, order.first_order + order.count)
                flows = [flow for flow, one in self.running.items() if one.order in ids]
                stopped.extend(flows)
                if len(flows) < order.count:
                    self.cancelled.update(ids)
            elif isinstance(order, Discard):
                self.held.difference_update(order.chunks)
        return stopped

    def next_errand(self) -> Errand | None:
        """The next order that still stands."""
        while self.queue:
            _, _, errand = heapq.heappop(self.queue)
            if errand.order not in self.cancelled:
                return errand
        return None
