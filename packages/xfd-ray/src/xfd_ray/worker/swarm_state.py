"""One swarm's part of a worker: what waits to be told, who waits for it, and in which order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from xfd_api.errors import XfdError
from xfd_ray.worker.report_buffer import Outbox


class Desk:
    """State only; `NodeWorker` says what happens at it.

    Attributes:
        door: held by who joins or leaves.
        outbox: what happened and was not acknowledged.
        changed: notified when a poll may have something to answer.
        answering: held by the poll that is answered; the others are in line.
        next_number: of the call whose orders are taken next.
        latest_caller: the highest number of a call that has come.
        skipped: numbers of calls that were given up, and may come yet.
        pump: moves the data plane's events here.
        failure: what ended the pump.
        ended: the swarm was left.
    """

    def __init__(self) -> None:
        self.door = asyncio.Lock()
        self.outbox = Outbox()
        self.changed = asyncio.Condition()
        self.answering = asyncio.Lock()
        self.next_number = 1
        self.latest_caller = 0
        self.skipped: set[int] = set()
        self.pump: asyncio.Task[None] | None = None
        self.failure: XfdError | None = None
        self.ended = False

    async def tell(self) -> None:
        """Has those who wait look whether what they wait for happened."""
        async with self.changed:
            self.changed.notify_all()

    async def until(self, happened: Callable[[], bool], timeout_s: float) -> None:
        """Waits until it happened, the swarm failed or ended, or time is up."""

        async def wait() -> None:
            async with self.changed:
                await self.changed.wait_for(
                    lambda: happened() or self.ended or self.failure is not None
                )

        try:
            await asyncio.wait_for(wait(), timeout_s)
        except asyncio.TimeoutError:
            return
