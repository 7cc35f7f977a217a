"""A worker is asked for once its node's process is there, and not much later."""

from __future__ import annotations

import asyncio

from inprocess import story

from xfd_api.ids import NodeId
from xfd_ray import waking

N0, N1 = NodeId("n0"), NodeId("n1")


@story
async def test_a_node_that_is_waking_is_waited_for():
    process: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting = asyncio.ensure_future(waking.awake(N0, {N0: process}))
    await waking.awake(N1, {N0: process})  # nobody woke this one
    assert not waiting.done()
    process.set_result(None)
    await waiting


@story
async def test_a_node_that_cannot_be_woken_is_not_waited_for():
    lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    lost.set_exception(RuntimeError("the node is gone"))
    await waking.awake(N0, {N0: lost})


def test_a_node_that_never_wakes_is_given_up(monkeypatch):
    monkeypatch.setattr(waking, "WAKE_TIMEOUT_S", 0.01)

    async def never() -> None:
        await waking.awake(N0, {N0: asyncio.get_running_loop().create_future()})

    asyncio.run(asyncio.wait_for(never(), 5))
