"""Time that a process ran, for time-outs that must not end while it stands still.

A process may be stopped for a while (SIGSTOP, a container without processor time, a virtual
machine that is moved). The monotonic clock goes on meanwhile, so that every time-out is over at the
moment at which the process goes on, before it has read the answers that lie in its sockets. What is
measured here instead counts an absence as next to nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

SLICES = 8
"""A time-out waits in so many pieces, of which an absence uses up one at the most."""


class RunningClock:
    """Seconds that leave out the time in which this process stood still.

    Args:
        clock: seconds that never go back.
        longest_s: whoever runs asks at least so often; a longer pause is an absence.
    """

    def __init__(self, clock: Callable[[], float], longest_s: float) -> None:
        self._clock = clock
        self._longest_s = longest_s
        self._last = clock()
        self.absent_s = 0.0

    def __call__(self) -> float:
        """The clock's time without the absences until now."""
        now = self._clock()
        pause, self._last = now - self._last, now
        if pause > self._longest_s:
            self.absent_s += pause - self._longest_s
        return now - self.absent_s


async def within(work: Awaitable[T], timeout_s: float) -> T:
    """Waits for `work` as `asyncio.wait_for` does, for so many seconds in which this process ran.

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
