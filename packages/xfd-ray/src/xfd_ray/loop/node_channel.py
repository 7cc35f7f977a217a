"""The long polls of one node: orders out, reports in, at most two calls at a time.

Orders go out with the poll that follows a report. If the node would soon have none, or one of them
must not wait, they go out during a poll, with a second call.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from xfd_api.errors import InternalError, NodeLostError, XfdError
from xfd_api.ids import NodeId
from xfd_api.node_report import NodeReport
from xfd_api.orders import Order
from xfd_ray.loop.running_clock import within
from xfd_ray.order_backlog import GATHER_S, OrderBacklog, ended_orders, new_orders
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

QUIET_S = 4.0
"""A worker that answers this much later than it was asked to is silent: nobody waits for it
meanwhile. Exchanges vary by as much on busy machines; a false alarm costs some bytes, no more."""

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
        on_silence: hears that the node does not answer, and later, before its report, that it does.
        interval_s: the least time between two polls, in seconds.
    """

    def __init__(
        self,
        node: NodeId,
        exchange: Callable[[Exchange], Awaitable[NodeReport]],
        on_report: Callable[[NodeReport], None],
        on_silence: Callable[[bool], None] = lambda _: None,
        *,
        interval_s: Callable[[], float],
    ) -> None:
        self._node = node
        self._exchange = exchange
        self._on_report = on_report
        self._on_silence = on_silence
        self._is_silent = False
        self._interval_s = interval_s
        self._poll_s = POLL_S
        self._orders: list[Order] = []
        self._backlog = OrderBacklog()
        self._wakeup: asyncio.Future[None] | None = None
        self._calls: deque[tuple[Exchange, asyncio.Task[NodeReport]]] = deque()
        self._number = 0
        self._ack = 0
        self._moved_bytes = 0

    def send(self, orders: Sequence[Order]) -> None:
        """Queues orders for the next call, which follows soon."""
        self._orders.extend(orders)
        self._poll_s = POLL_S
        self._wake()

    async def run(self) -> None:
        """Polls the node, without end.

        Raises:
            NodeLostError: the node is gone.
        """
        loop = asyncio.get_running_loop()
        called_at = -math.inf
        try:
            while True:
                wait_s = called_at + self._pause_s() - loop.time()
                if wait_s <= 0:
                    called_at = loop.time()
                    self._call()
                else:
                    await self._wait(wait_s)
                while self._calls and self._calls[0][1].done():
                    await self._take_answer()
                    await asyncio.sleep(0)  # Orders that follow from the report go out with a poll.
        finally:
            for _, task in self._calls:
                task.cancel()

    def _pause_s(self) -> float:
        """Seconds from the last call to the next one, as things stand."""
        if not self._calls:
            return self._interval_s()
        if not self._orders or len(self._calls) == CONCURRENT_CALLS:
            return math.inf
        count = new_orders(self._orders)
        may_wait = count is not None and self._backlog.may_wait(count)
        return max(self._interval_s(), GATHER_S if may_wait else 0.0)

    def _call(self) -> None:
        self._number += 1
        orders, self._orders = tuple(self._orders), []
        self._backlog.submit(orders)
        # Idle polls of many nodes must not use up the calls that Ray can carry.
        max_wait_s = max(self._poll_s, IDLE_INTERVALS * self._interval_s())
        self._start_call(Exchange(self._number, orders, self._ack, max_wait_s=max_wait_s))

    def _start_call(self, call: Exchange) -> None:
        task = asyncio.ensure_future(self._answer_in_time(call))
        task.add_done_callback(lambda _: self._wake())
        self._calls.append((call, task))

    async def _answer_in_time(self, call: Exchange) -> NodeReport:
        answer = asyncio.ensure_future(self._exchange(call))
        try:
            with contextlib.suppress(asyncio.TimeoutError):
                return await within(asyncio.shield(answer), call.max_wait_s + QUIET_S)
            if not answer.done():
                self._set_silent(True)
            return await within(answer, SILENCE_S - QUIET_S)
        except XfdError:  # Some errors of xfd are a TimeoutError as well.
            raise
        except asyncio.TimeoutError:
            raise NodeLostError(
                f"Its worker has not answered for {call.max_wait_s + SILENCE_S:g} s",
                node=self._node,
            ) from None
        finally:
            answer.cancel()

    def _set_silent(self, is_silent: bool) -> None:
        if is_silent is not self._is_silent:
            self._is_silent = is_silent
            self._on_silence(is_silent)

    async def _wait(self, timeout_s: float) -> None:
        """Waits for an answer, for orders, or until time is up."""
        loop = asyncio.get_running_loop()
        self._wakeup = loop.create_future()
        timer = None if timeout_s == math.inf else loop.call_later(timeout_s, self._wake)
        try:
            await self._wakeup
        finally:
            self._wakeup = None
            if timer is not None:
                timer.cancel()

    def _wake(self) -> None:
        if self._wakeup is not None and not self._wakeup.done():
            self._wakeup.set_result(None)

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
        self._backlog.end(ended_orders(report.events))
        moved_bytes = report.counters.origin_bytes + report.counters.peer_bytes
        is_idle = not report.events and moved_bytes == self._moved_bytes
        self._poll_s = min(2 * self._poll_s, LONGEST_POLL_S) if is_idle else POLL_S
        self._moved_bytes = moved_bytes
        self._set_silent(False)
        self._on_report(report)

    async def _repeat_calls(self) -> None:
        """Repeats all unanswered calls in order; the first of them asks for the lost reports."""
        unanswered = [call for call, _ in self._calls]
        await asyncio.gather(*(task for _, task in self._calls), return_exceptions=True)
        self._calls.clear()
        await asyncio.sleep(REPEAT_AFTER_S)
        for place, call in enumerate(unanswered):
            self._start_call(replace(call, ack=self._ack, again=place == 0))
