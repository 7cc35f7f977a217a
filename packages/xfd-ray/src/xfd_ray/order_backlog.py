"""How long the orders of a node last, and so what may wait for the next exchange. Pure.

An exchange costs coordinator and node half a millisecond of a core each, whatever it brings: that
is Ray's. A chunk costs some 20 microseconds. So a node whose orders last gathers what happened
before it reports, and its new orders are gathered too. A node that would soon be idle does not
wait, and neither does a failure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xfd_api.orders import Cancel, Fetch, MeetPeers, Order, Pin, Release
from xfd_api.reports import ChunkHeld, NodeEvent, ObjectLanded, OrderFailed
from xfd_api.wire_format import EventColumns

GATHER_S = 0.15
"""How long orders and events are gathered, in seconds since the exchange before."""

URGENT_DIVISOR = 3
"""New orders, and ended ones, wait as long as they are fewer than this part of the open ones."""


class OrderBacklog:
    """Counts one node's open orders as one side of the exchange knows them.

    An order counts from its submission until its end is reported. Cancelled orders may be counted
    twice, and released ones never end. Then an exchange comes too early or `GATHER_S` later.

    >>> from xfd_api.ids import ChunkIndex, OrderId
    >>> backlog = OrderBacklog()
    >>> backlog.submit([Fetch(OrderId(0), ChunkIndex(0), 9, None)])
    >>> backlog.may_wait(2), backlog.may_wait(3)
    (True, False)
    """

    def __init__(self) -> None:
        self.open = 0

    def submit(self, orders: Iterable[Order]) -> None:
        """The node gets these orders."""
        for order in orders:
            if isinstance(order, Fetch):
                self.open += order.count
            elif isinstance(order, Cancel):
                self.open = max(0, self.open - order.count)
            elif isinstance(order, Release):
                self.open = 0

    def end(self, orders: int) -> None:
        """So many orders have ended."""
        self.open = max(0, self.open - orders)

    def may_wait(self, orders: int) -> bool:
        """Whether so many orders, new ones or ended ones, are few beside the open ones."""
        return orders * URGENT_DIVISOR < self.open


def ended_orders(events: Sequence[NodeEvent]) -> int:
    """How many orders have ended, by the events of a node."""
    if isinstance(events, EventColumns):
        return len(events.chunks) + sum(isinstance(each, OrderFailed) for each in events.others)
    return sum(isinstance(event, (ChunkHeld, OrderFailed)) for event in events)


def are_usual(events: Iterable[NodeEvent]) -> bool:
    """Whether all went well: nothing in these events that anybody has to act on at once."""
    return all(isinstance(event, (ChunkHeld, ObjectLanded)) for event in events)


def new_orders(orders: Iterable[Order]) -> int | None:
    """How many chunks are ordered; None if there is an order that must not wait."""
    count = 0
    for order in orders:
        if isinstance(order, Fetch):
            count += order.count
        elif not isinstance(order, (MeetPeers, Pin)):
            return None
    return count
