"""One swarm's share of a worker: its report buffer, and the sequence of its long polls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from xfd_api.errors import XfdError
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
        self._changed = asyncio.Condition()
        self._next_number = 1
        self._latest_number = 0
        self._skipped: set[int] = set()

    async def notify(self) -> None:
        """Wakes the calls that wait, so that each looks at the state again."""
        async with self._changed:
            self._changed.notify_all()

    async def is_first_arrival(self, call: Exchange) -> bool:
        """Waits for the calls before this one; whether its orders have not been taken yet.

        A call that is missing for `MISSING_CALL_S` is skipped. If it was lost on its way and is
        sent again, its orders are taken then.
        """
        self._latest_number = max(self._latest_number, call.number)
        await self._wait_until(lambda: self._next_number >= call.number, MISSING_CALL_S)
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
            lambda: (
                self.reports.has_events
                or self.has_news
                or self._latest_number > call.number
                or call.again
            ),
            call.max_wait_s,
        )
        if self.failure is not None:
            raise self.failure

    async def _wait_until(self, condition: Callable[[], bool], timeout_s: float) -> None:
        """Waits for the condition, the swarm's end or failure, or the time."""

        async def wait() -> None:
            async with self._changed:
                await self._changed.wait_for(
                    lambda: condition() or self.ended or self.failure is not None
                )

        try:
            await asyncio.wait_for(wait(), timeout_s)
        except asyncio.TimeoutError:
            return
