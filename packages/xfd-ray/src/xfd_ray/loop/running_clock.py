"""The time for which a process ran, for time-outs that must not expire while it is stopped.

A process may be stopped for a while (SIGSTOP, a container without processor time, a virtual machine
that is moved). The monotonic clock goes on meanwhile. Every time-out would then expire as soon as
the process continues, before it has read the answers that lie in its sockets. The clock here counts
such a pause as next to nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

SLICES = 8
"""A time-out is waited for in this many pieces. A pause of the process uses up one at most."""


class RunningClock:
    """Seconds that leave out the time for which this process was stopped.

    Args:
        clock: seconds that never go back.
        longest_s: a running process asks at least this often; a longer interval is a pause.
    """

    def __init__(self, clock: Callable[[], float], longest_s: float) -> None:
        self._clock = clock
        self._longest_s = longest_s
        self._last = clock()
        self.paused_s = 0.0

    def __call__(self) -> float:
        """The clock's time without the pauses so far."""
        now = self._clock()
        pause, self._last = now - self._last, now
        if pause > self._longest_s:
            self.paused_s += pause - self._longest_s
        return now - self.paused_s


async def within(work: Awaitable[T], timeout_s: float) -> T:
    """Waits for `work` as `asyncio.wait_for` does, for seconds in which this process runs.

    Raises:
        asyncio.TimeoutError: it took longer, and was cancelled.
    """
    task = asyncio.ensure_future(work)
    try:
        for _ in range(SLICES):
            await asyncio.wait({task}, timeout=timeout_s / SLICES)
            if task.done():
                return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
    if not task.cancelled():
        return task.result()
    raise asyncio.TimeoutError
