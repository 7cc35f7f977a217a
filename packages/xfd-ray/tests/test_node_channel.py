"""The long polls of one node: how long each waits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from inprocess import run_async

from xfd_api.ids import NodeId, ObjectIndex
from xfd_api.node_report import NodeReport
from xfd_api.reports import NodeEvent, ObjectLanded
from xfd_ray.loop import node_channel
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
async def test_a_node_that_answers_late_is_silent_meanwhile():
    heard: list[str] = []
    answers = asyncio.Event()

    async def exchange(call: Exchange) -> NodeReport:
        if call.number > 1:
            await asyncio.Event().wait()
        await answers.wait()
        return NodeReport(call.number, NEWS)

    def on_silence(silent: bool) -> None:
        heard.append("silent" if silent else "heard")
        answers.set()

    reported = asyncio.Event()

    def on_report(report: NodeReport) -> None:
        heard.append("report")
        reported.set()

    talk = NodeChannel(NodeId("n0"), exchange, on_report, on_silence, interval_s=lambda: 0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(node_channel, "POLL_S", 0.01)
        patch.setattr(node_channel, "QUIET_S", 0.01)
        talking = asyncio.create_task(talk.run())
        await reported.wait()
        talking.cancel()
    assert heard == ["silent", "heard", "report"]


@run_async
async def test_news_make_the_next_poll_a_short_one():
    polls = await waits(Answers((), (), NEWS))

    assert polls == [POLL_S, 2 * POLL_S, 4 * POLL_S, POLL_S]
