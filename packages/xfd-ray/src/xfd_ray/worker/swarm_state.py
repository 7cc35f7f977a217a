"""One swarm's share of a worker: its report buffer, and the sequence of its long polls."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence

from xfd_api.errors import XfdError
from xfd_api.orders import Order
from xfd_api.reports import NodeEvent
from xfd_ray.order_backlog import GATHER_S, OrderBacklog, are_usual, ended_orders
from xfd_ray.worker.report_buffer import ReportBuffer
from xfd_ray.worker_api import Exchange

MISSING_CALL_S = 5.0
"""How long a call waits for an earlier one that has not arrived."""


class SwarmState:
    """State and waiting; `NodeWorker` calls the data plane.

    Attributes:
        membership: held while the node joins or leaves.
        reports: the events that the coordinator has not acknowledged.
        answering: held by the call that is answered next, so that reports keep the calls' sequence.
        collector: the task that moves the data plane's events into `reports`.
        failure: the error that ended the collector.
        ended: the swarm was left.
        has_news: something else than an event is worth a report.
    """

    def __init__(self) -> None:
        self.membership = asyncio.Lock()
        self.reports = ReportBuffer()
        self.answering = asyncio.Lock()
        self.collector: asyncio.Task[None] | None = None
        self.failure: XfdError | None = None
        self.ended = False
        self.has_news = False
        self._loop = asyncio.get_running_loop()
        self._waiters: set[asyncio.Future[None]] = set()
        self._next_number = 1
        self._latest_number = 0
        self._skipped: set[int] = set()
        self._backlog = OrderBacklog()
        self._ended_orders = 0
        self._is_urgent = False
        self._answered_at = -math.inf

    def notify(self) -> None:
        """Wakes the calls that wait, so that each looks at the state again."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def take_orders(self, orders: Sequence[Order]) -> None:
        """The data plane has these orders now."""
        self._backlog.submit(orders)

    def add(self, events: Sequence[NodeEvent]) -> None:
        """Adds events to the next report, which follows at once if they cannot wait."""
        self.reports.add(events)
        ended = ended_orders(events)
        self._backlog.end(ended)
        self._ended_orders += ended
        self._is_urgent = self._is_urgent or not are_usual(events)
        self.notify()

    def answered(self) -> None:
        """The report of all events so far was made."""
        self.has_news = self._is_urgent = False
        self._ended_orders = 0
        self._answered_at = self._loop.time()

    async def is_first_arrival(self, call: Exchange) -> bool:
        """Waits for the calls before this one; whether its orders have not been taken yet.

        A call that is missing for `MISSING_CALL_S` is skipped. If it was lost on its way and is
        sent again, its orders are taken then.
        """
        self._latest_number = max(self._latest_number, call.number)
        await self._wait_until(
            lambda: 0.0 if self._next_number >= call.number else math.inf, MISSING_CALL_S
        )
        if call.number < self._next_number and call.number not in self._skipped:
            return False
        self._skipped.discard(call.number)
        self._skipped.update(range(self._next_number, call.number))
        self._next_number = max(self._next_number, call.number + 1)
        return True

    async def wait_for_report(self, call: Exchange) -> None:
        """Waits until there is something to report, a later call has come, or time is up.

        Raises:
            XfdError: the collector failed.
        """
        await self._wait_until(
            lambda: 0.0 if self._latest_number > call.number or call.again else self._due_in_s(),
            call.max_wait_s,
        )
        if self.failure is not None:
            raise self.failure

    def _due_in_s(self) -> float:
        """Seconds until the next report is due, if nothing else happens."""
        if self.has_news or self._is_urgent:
            return 0.0
        if not self.reports.has_events:
            return math.inf
        if not self._backlog.may_wait(self._ended_orders):
            return 0.0
        return self._answered_at + GATHER_S - self._loop.time()

    async def _wait_until(self, due_in_s: Callable[[], float], timeout_s: float) -> None:
        """Waits until nothing is left of the seconds, or of the time.

        The swarm's end and its failure end it too.
        """
        end = self._loop.time() + timeout_s
        while not self.ended and self.failure is None:
            left_s = min(due_in_s(), end - self._loop.time())
            if left_s <= 0:
                return
            waiter = self._loop.create_future()
            self._waiters.add(waiter)
            timer = self._loop.call_later(left_s, _end, waiter)
            try:
                await waiter
            finally:
                timer.cancel()
                self._waiters.discard(waiter)


def _end(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
