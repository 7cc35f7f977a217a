"""Drives a scheduler in an event loop: tells it events, asks it for orders, wakes it in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from xfd_api.errors import XfdError
from xfd_api.ids import NodeId
from xfd_api.orders import Order
from xfd_ray.unexpected import as_xfd_error
from xfd_scheduler.events import Event, Tick
from xfd_scheduler.scheduler import Scheduler
from xfd_scheduler.trace import Recorder


class SchedulerDriver:
    """Events that come at the same time are planned for together, once.

    An exception out of the scheduler is a bug, after which what it knows cannot be trusted: no
    event is taken any more, and `broke` is called, once.

    Args:
        scheduler: decides.
        clock: seconds that never go back.
        give: takes the orders of a node.
        broke: takes the scheduler's exception.
    """

    def __init__(
        self,
        scheduler: Scheduler | Recorder,
        clock: Callable[[], float],
        give: Callable[[NodeId, Sequence[Order]], None],
        broke: Callable[[XfdError], None],
    ) -> None:
        self._scheduler = scheduler
        self._clock = clock
        self._give = give
        self._broke = broke
        self._loop = asyncio.get_running_loop()
        self._planning: asyncio.Handle | None = None
        self._wakeup: asyncio.TimerHandle | None = None
        self.is_closed = False

    def tell(self, event: Event) -> None:
        """Something happened; orders follow soon."""
        if self.is_closed:
            return
        try:
            self._scheduler.handle(event, self._clock())
        except Exception as error:
            self.fail(error)
            return
        if self._planning is None:
            self._planning = self._loop.call_soon(self._plan)

    def fail(self, error: Exception) -> None:
        """Ends the planning over a bug, unless it has ended already."""
        if not self.is_closed:
            self.close()
            self._broke(as_xfd_error(error))

    def close(self) -> None:
        """Takes no events and gives no orders any more."""
        self.is_closed = True
        for handle in (self._planning, self._wakeup):
            if handle is not None:
                handle.cancel()

    def _plan(self) -> None:
        self._planning = None
        try:
            planned = self._scheduler.plan(self._clock())
            at = self._scheduler.next_wakeup()
        except Exception as error:
            self.fail(error)
            return
        for node, orders in planned.items():
            self._give(node, orders)
        if self._wakeup is not None:
            self._wakeup.cancel()
            self._wakeup = None
        if at is not None:
            delay = max(0.0, at - self._clock())
            self._wakeup = self._loop.call_later(delay, self.tell, Tick())
