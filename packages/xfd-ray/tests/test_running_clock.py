"""Time-outs and clocks that leave out the time for which a process was stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from inprocess import run_async

from xfd_api.errors import NodeLostError
from xfd_ray.loop.running_clock import RunningClock, within


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_clock_that_leaves_pauses_out():
    clock = Clock()
    running = RunningClock(clock, longest_s=3.0)
    for step, runs in ((1.0, 1.0), (3.0, 3.0), (20.0, 3.0), (0.5, 0.5), (3600.0, 3.0)):
        before = running()
        clock.now += step
        assert running() - before == pytest.approx(runs)


@pytest.mark.parametrize(
    ("answers_after_s", "is_stopped_s", "comes"),
    [(0.05, 0.0, True), (0.05, 2.0, True), (9.0, 0.0, False), (9.0, 2.0, False)],
)
def test_a_time_out_is_not_used_up_by_a_pause(
    answers_after_s: float, is_stopped_s: float, comes: bool
) -> None:
    """When the process continues, the answer is there, and the time-out would be over."""

    @run_async
    async def check() -> None:
        loop = asyncio.get_running_loop()
        answer = loop.create_future()

        async def answered() -> str:
            return await answer

        if answers_after_s < 1:
            loop.call_later(answers_after_s, loop.call_soon, answer.set_result, "here")
        waiting = asyncio.create_task(within(answered(), 0.4))
        await asyncio.sleep(0)
        time.sleep(is_stopped_s)
        if comes:
            assert await waiting == "here"
        else:
            with pytest.raises(asyncio.TimeoutError):
                await waiting
            assert answer.cancelled()

    check()


def raising(error: Exception) -> Callable[[], Coroutine[Any, Any, None]]:
    async def work() -> None:
        raise error

    return work


@run_async
async def test_what_is_waited_for_may_fail():
    with pytest.raises(NodeLostError):
        await within(raising(NodeLostError("gone"))(), 1.0)
