"""Drives a scheduler in an event loop: passes events in and orders out, and wakes it in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from xfd_api.errors import XfdError
from xfd_api.ids import NodeId
from xfd_api.orders import Order
from xfd_ray.unexpected import as_xfd_error
from xfd_scheduler.events import Event, Tick
from xfd_scheduler.scheduler import Scheduler


class SchedulerDriver:
    """Plans once for all events that come at the same time.

    An exception out of the scheduler is a bug, after which its state cannot be trusted. The driver
    then takes no more events, and calls `on_bug` once.

    Args:
        scheduler: decides.
        clock: seconds that never go back.
        send: takes the orders for a node.
        on_bug: takes the scheduler's exception.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        clock: Callable[[], float],
        send: Callable[[NodeId, Sequence[Order]], None],
        on_bug: Callable[[XfdError], None],
    ) -> None:
        self._scheduler = scheduler
        self._clock = clock
        self._send = send
        self._on_bug = on_bug
        self._loop = asyncio.get_running_loop()
        self._pending_plan: asyncio.Handle | None = None
        self._wakeup: asyncio.TimerHandle | None = None
        self.is_closed = False

    def handle(self, event: Event) -> None:
        """Passes an event to the scheduler; orders follow soon."""
        if self.is_closed:
            return
        try:
            self._scheduler.handle(event, self._clock())
        except Exception as error:
            self.fail(error)
            return
        if self._pending_plan is None:
            self._pending_plan = self._loop.call_soon(self._plan)

    def fail(self, error: Exception) -> None:
        """Ends the planning because of a bug, unless it has ended already."""
        if not self.is_closed:
            self.close()
            self._on_bug(as_xfd_error(error))

    def close(self) -> None:
        """Takes no more events, and sends no more orders."""
        self.is_closed = True
        for handle in (self._pending_plan, self._wakeup):
            if handle is not None:
                handle.cancel()

    def _plan(self) -> None:
        self._pending_plan = None
        try:
            planned = self._scheduler.plan(self._clock())
            at = self._scheduler.next_wakeup()
        except Exception as error:
            self.fail(error)
            return
        for node, orders in planned.items():
            self._send(node, orders)
        if self._wakeup is not None:
            self._wakeup.cancel()
            self._wakeup = None
        if at is not None:
            delay = max(0.0, at - self._clock())
            self._wakeup = self._loop.call_later(delay, self.handle, Tick())
