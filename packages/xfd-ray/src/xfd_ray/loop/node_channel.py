"""The long polls of one node: orders out, reports in, at most two calls at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from xfd_api.errors import InternalError, NodeLostError, XfdError
from xfd_api.ids import NodeId
from xfd_api.node_report import NodeReport
from xfd_api.orders import Order
from xfd_ray.loop.running_clock import within
from xfd_ray.worker_api import Exchange, Unavailable

CONCURRENT_CALLS = 2
"""Calls of one channel at once: orders need not wait for the end of a poll."""

REPEAT_AFTER_S = 0.5
"""How long after a call without an answer its repetition is sent."""

POLL_S = 2.0
LONGEST_POLL_S = 20.0
"""Events and orders end a poll at once. After a poll in which no byte came either, the next one
waits twice as long, up to this limit: an idle node sleeps, and a lost answer is noticed soon after
the last event."""

IDLE_INTERVALS = 4
"""A poll waits for at least this many of the channel's intervals."""

SILENCE_S = 40.0
"""A worker that answers this much later than it was asked to counts as lost; it may be frozen."""


class NodeChannel:
    """Polls one node until it is cancelled or the node is lost.

    Invariant: `_calls` are the unanswered calls in the order of their numbers. The reports of all
    calls before them have been passed on.

    Args:
        node: the node.
        exchange: makes one call; see `SwarmTransport.exchange`.
        on_report: takes each report once, in order.
        interval_s: the least time between two polls, in seconds.
    """

    def __init__(
        self,
        node: NodeId,
        exchange: Callable[[Exchange], Awaitable[NodeReport]],
        on_report: Callable[[NodeReport], None],
        *,
        interval_s: Callable[[], float],
    ) -> None:
        self._node = node
        self._exchange = exchange
        self._on_report = on_report
        self._interval_s = interval_s
        self._poll_s = POLL_S
        self._orders: list[Order] = []
        self._has_orders = asyncio.Event()
        self._calls: deque[tuple[Exchange, asyncio.Task[NodeReport]]] = deque()
        self._number = 0
        self._ack = 0
        self._moved_bytes = 0

    def send(self, orders: Sequence[Order]) -> None:
        """Queues orders for the next call, which follows soon."""
        self._orders.extend(orders)
        self._poll_s = POLL_S
        self._has_orders.set()

    async def run(self) -> None:
        """Polls the node, without end.

        Raises:
            NodeLostError: the node is gone.
        """
        loop = asyncio.get_running_loop()
        next_call_at = loop.time()
        try:
            while True:
                wait_s = next_call_at - loop.time()
                has_room = len(self._calls) < CONCURRENT_CALLS
                has_reason = not self._calls or (self._orders and has_room)
                if has_reason and wait_s <= 0:
                    next_call_at = loop.time() + self._interval_s()
                    self._call()
                elif has_reason:
                    await self._wait(wait_s)
                else:
                    await self._wait(None)
                while self._calls and self._calls[0][1].done():
                    await self._take_answer()
        finally:
            for _, task in self._calls:
                task.cancel()

    def _call(self) -> None:
        self._number += 1
        orders, self._orders = tuple(self._orders), []
        self._has_orders.clear()
        # Idle polls of many nodes must not use up the calls that Ray can carry.
        max_wait_s = max(self._poll_s, IDLE_INTERVALS * self._interval_s())
        self._start_call(Exchange(self._number, orders, self._ack, max_wait_s=max_wait_s))

    def _start_call(self, call: Exchange) -> None:
        self._calls.append((call, asyncio.ensure_future(self._answer_in_time(call))))

    async def _answer_in_time(self, call: Exchange) -> NodeReport:
        answer = self._exchange(call)
        try:
            return await within(answer, call.max_wait_s + SILENCE_S)
        except XfdError:  # Some errors of xfd are a TimeoutError as well.
            raise
        except asyncio.TimeoutError:
            raise NodeLostError(
                f"Its worker has not answered for {call.max_wait_s + SILENCE_S:g} s",
                node=self._node,
            ) from None

    async def _wait(self, timeout_s: float | None) -> None:
        """Waits for the oldest answer, for orders if a call may be added, or until time is up."""
        waits: list[asyncio.Future[object]] = []
        if self._calls:
            waits.append(self._calls[0][1])  # type: ignore[arg-type]
        orders = None
        if not self._orders and len(self._calls) < CONCURRENT_CALLS:
            orders = asyncio.ensure_future(self._has_orders.wait())
            waits.append(orders)  # type: ignore[arg-type]
        try:
            if waits:
                await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            elif timeout_s is not None:
                await asyncio.sleep(timeout_s)
        finally:
            if orders is not None:
                orders.cancel()

    async def _take_answer(self) -> None:
        call, task = self._calls[0]
        try:
            report = task.result()
        except Unavailable:
            await self._repeat_calls()
            return
        self._calls.popleft()
        if report.seq != self._ack + 1 and not call.again:
            raise InternalError(
                f"The node's report {report.seq} follows report {self._ack}", node=self._node
            )
        self._ack = report.seq
        moved_bytes = report.counters.origin_bytes + report.counters.peer_bytes
        is_idle = not report.events and moved_bytes == self._moved_bytes
        self._poll_s = min(2 * self._poll_s, LONGEST_POLL_S) if is_idle else POLL_S
        self._moved_bytes = moved_bytes
        self._on_report(report)

    async def _repeat_calls(self) -> None:
        """Repeats all unanswered calls in order; the first of them asks for the lost reports."""
        unanswered = [call for call, _ in self._calls]
        await asyncio.gather(*(task for _, task in self._calls), return_exceptions=True)
        self._calls.clear()
        await asyncio.sleep(REPEAT_AFTER_S)
        for place, call in enumerate(unanswered):
            self._start_call(replace(call, ack=self._ack, again=place == 0))
