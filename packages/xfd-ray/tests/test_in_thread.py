"""A blocking call that is awaited: its result, its error, and its end by cancellation."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest

from xfd_ray.client.in_thread import in_thread


def test_many_calls_are_awaited_at_once_and_the_loop_goes_on() -> None:
    """All of them are inside at the same time, or the barrier would break."""
    inside = threading.Barrier(41, timeout=30)

    def call() -> int:
        return inside.wait()

    async def all_of_them() -> list[int]:
        calls = [asyncio.create_task(in_thread(call, lambda: None)) for _ in range(40)]
        while inside.n_waiting < 40:
            await asyncio.sleep(0)
        inside.wait()
        return await asyncio.gather(*calls)

    assert len(set(asyncio.run(all_of_them()))) == 40


def test_an_error_is_raised_as_it_is() -> None:
    def call() -> None:
        raise FileNotFoundError("no such object")

    with pytest.raises(FileNotFoundError, match="no such object"):
        asyncio.run(in_thread(call, lambda: None))


def test_the_thread_has_the_variables_of_its_context() -> None:
    who = contextvars.ContextVar("who", default="nobody")

    async def asks() -> str:
        who.set("the caller")
        return await in_thread(who.get, lambda: None)

    assert asyncio.run(asks()) == "the caller"


def test_a_cancelled_call_is_told_and_not_waited_for() -> None:
    began, cancelled = threading.Event(), threading.Event()

    def call() -> bool:
        began.set()
        return cancelled.wait(30)

    async def gives_up() -> None:
        waiting = asyncio.create_task(in_thread(call, cancelled.set))
        while not began.is_set():
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert cancelled.is_set()

    asyncio.run(gives_up())
