"""The long polls of one node: how long each waits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from inprocess import run_async

from xfd_api.ids import NodeId, ObjectIndex
from xfd_api.node_report import NodeReport
from xfd_api.reports import NodeEvent, ObjectLanded
from xfd_ray.loop.node_channel import LONGEST_POLL_S, POLL_S, NodeChannel
from xfd_ray.worker_api import Exchange

NEWS: Sequence[NodeEvent] = (ObjectLanded(ObjectIndex(0)),)


class Answers:
    """A node that answers each poll at once, and then falls silent."""

    def __init__(self, *reports: Sequence[NodeEvent]) -> None:
        self.reports = list(reports)
        self.waits: list[float] = []
        self.silent = asyncio.Event()

    async def exchange(self, call: Exchange) -> NodeReport:
        self.waits.append(call.max_wait_s)
        if len(self.waits) > len(self.reports):
            self.silent.set()
            await asyncio.Event().wait()
        return NodeReport(len(self.waits), self.reports[len(self.waits) - 1])


async def waits(node: Answers) -> list[float]:
    talk = NodeChannel(NodeId("n0"), node.exchange, lambda _: None, interval_s=lambda: 0.0)
    talking = asyncio.create_task(talk.run())
    await node.silent.wait()
    talking.cancel()
    return node.waits


@run_async
async def test_an_idle_node_is_left_asleep_for_longer_and_longer():
    polls = await waits(Answers((), (), (), (), ()))

    assert polls == [POLL_S, 2 * POLL_S, 4 * POLL_S, 8 * POLL_S, LONGEST_POLL_S, LONGEST_POLL_S]


@run_async
async def test_news_make_the_next_poll_a_short_one():
    polls = await waits(Answers((), (), NEWS))

    assert polls == [POLL_S, 2 * POLL_S, 4 * POLL_S, POLL_S]
