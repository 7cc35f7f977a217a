"""Awaits a blocking call that runs in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable
from typing import Any, TypeVar

Answer = TypeVar("Answer")


async def in_thread(call: Callable[[], Answer], cancel: Callable[[], None]) -> Answer:
    """Awaits `call()`; calls `cancel` if the waiting task is cancelled, and does not wait for it.

    Each call has a thread of its own: the loop's executor has as few as five on a small node, so a
    call would wait there for others while its deadline has not begun.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Answer] = loop.create_future()
    context = contextvars.copy_context()

    def settle(set_it: Callable[[Any], None], value: Any) -> None:
        def unless_cancelled() -> None:
            if not answer.done():
                set_it(value)

        with contextlib.suppress(RuntimeError):  # The loop is closed: nobody waits any more.
            loop.call_soon_threadsafe(unless_cancelled)

    def run() -> None:
        try:
            value = context.run(call)
        except BaseException as error:
            settle(answer.set_exception, error)
        else:
            settle(answer.set_result, value)

    threading.Thread(target=run, name="xfd-call", daemon=True).start()
    try:
        return await answer
    except asyncio.CancelledError:
        cancel()
        raise
