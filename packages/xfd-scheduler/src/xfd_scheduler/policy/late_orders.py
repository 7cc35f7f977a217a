"""Finds orders that run far longer than usual, and says whose link is slow.

Nodes report the end of an order but no progress, so an order is judged by its age. It is late after
several times the seconds that a chunk of its size usually takes to that node, plus the time that
the node's queue takes. At a node that has nothing left to be ordered it is late sooner, because
one more request takes nothing from its other streams. That needs two queues' worth of chunks:
the first that arrive are those of the quickest streams, and say little of the others. Each move of
an order doubles its limit, so on a link that is slower than anything known it ends after a few
moves. Orders that wait for a relay depend on the order above.

    less than half as many orders are late as     the sources' links are slow
    the node has slots, all of them have one
    source, or others arrived meanwhile at a
    node that is not slow
    otherwise                                     its own: other sources would not help

A data plane breaks off a silent or starved stream by itself, and long before this. These are orders
that it does not notice, or considers good enough.
"""

from __future__ import annotations

from typing import NamedTuple

from xfd_api.ids import OrderId
from xfd_scheduler.bounds import LATE_ORDERS_PER_LOOK
from xfd_scheduler.links import windows
from xfd_scheduler.state.bitset import positions
from xfd_scheduler.state.keys import ORIGIN, key_of, split_key
from xfd_scheduler.state.swarm_state import SwarmState
from xfd_scheduler.tuning import (
    AHEAD,
    LATE_IDLE_DIVISOR,
    LATE_MIN_AGE_S,
    LATE_PACE_FACTOR,
    LATE_UNKNOWN_S,
    MOST,
    WATCHED_S,
)


class _Late(NamedTuple):
    """An order that is late, and a time at which it ran for certain."""

    chunk: int
    source: int
    since: float


class LateOrders:
    """Examines the ages of pending orders at intervals.

    Attributes:
        next: when to examine them again.
        origin_is_slow: whether more reads were late the last time than half of those that may run
            at a time: reading again would not help.
    """

    def __init__(self, swarm: SwarmState) -> None:
        self.swarm = swarm
        self.next = 0.0
        self.origin_is_slow = False
        self._since: dict[OrderId, float] = {}
        """Times at which orders that no tree made ran for certain."""

    def find(self, now: float) -> dict[int, int]:
        """Nodes that another source may help, as bit sets, by chunk; empty between two looks."""
        if now < self.next:
            return {}
        swarm = self.swarm
        singles = [swarm.order_id(*split_key(key)) for key in swarm.single_sources]
        self._since = {order: self._since.get(order, now) for order in singles}
        examined = 0
        late: dict[int, list[_Late]] = {}
        for chunk in positions(swarm.pending_chunks):
            launched_at = swarm.launched_at[chunk]
            if now - launched_at < LATE_MIN_AGE_S:
                continue
            for node in positions(swarm.pending[chunk]):
                examined += 1
                source = swarm.source_of(node, chunk)
                if source != ORIGIN and not swarm.holders[chunk] >> source & 1:
                    continue
                is_single = key_of(node, chunk) in swarm.single_sources
                since = self._since[swarm.order_id(node, chunk)] if is_single else launched_at
                if now - since >= self._limit_s(node, chunk):
                    late.setdefault(node, []).append(_Late(chunk, source, since))
        self.next = now + WATCHED_S * (1 + examined / LATE_ORDERS_PER_LOOK)
        return self._by_chunk(late, now)

    def _by_chunk(self, late: dict[int, list[_Late]], now: float) -> dict[int, int]:
        """Leaves nodes out whose own links are slow."""
        many = MOST * self.swarm.settings.download_slots
        reads = sum(order.source == ORIGIN for orders in late.values() for order in orders)
        self.origin_is_slow = reads > MOST * self.swarm.origin_window
        found: dict[int, int] = {}
        for node, orders in late.items():
            is_of_many = len(orders) > many and len({order.source for order in orders}) > 1
            if is_of_many and not self._is_receiving(node, orders, now):
                continue
            for order in orders:
                found[order.chunk] = found.get(order.chunk, 0) | 1 << node
        return found

    def _is_receiving(self, node: int, late: list[_Late], now: float) -> bool:
        """Whether chunks arrived while these ran, in the second half of the time at least."""
        member = self.swarm.members[node]
        if member.speed_class or not member.recent_transfers:
            return False
        arrived_at, _, _ = member.recent_transfers[-1]
        return 2 * arrived_at >= now + min(order.since for order in late)

    def _limit_s(self, node: int, chunk: int) -> float:
        """The age from which on the order is late."""
        swarm = self.swarm
        member = swarm.members[node]
        settings = swarm.settings
        size = swarm.catalog.sizes[chunk]
        pace = member.typical_pace or swarm.links.typical_pace
        pace_s = LATE_PACE_FACTOR * pace * size if pace else LATE_UNKNOWN_S
        interval = windows.assumed_interval(settings, len(swarm.members))
        queue_s = max(settings.queue_s, settings.report_intervals * interval)
        if member.rate:
            queue_s = max(queue_s, member.queued_bytes / member.rate)
        moves = swarm.generations.get(key_of(node, chunk), 0)
        limit_s = LATE_MIN_AGE_S + pace_s + queue_s
        is_idle = swarm.starving & ~swarm.has_open_chunks & member.bit
        if is_idle and member.samples >= AHEAD * settings.download_slots:
            limit_s = max(LATE_MIN_AGE_S, limit_s / LATE_IDLE_DIVISOR)
        return limit_s * float(2**moves)
