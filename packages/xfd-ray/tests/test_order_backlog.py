"""What may wait for the next exchange: new orders, and what happened on a node."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from inprocess import run_async

from xfd_api.errors import OriginUnreachableError
from xfd_api.ids import ChunkIndex, NodeId, ObjectIndex, OrderId
from xfd_api.node_report import NodeReport
from xfd_api.orders import Cancel, Discard, Fetch, MeetPeers, Order, Pin, Release
from xfd_api.reports import ChunkHeld, ChunkLost, NodeEvent, ObjectFailed, ObjectLanded, OrderFailed
from xfd_api.wire_format import event_columns
from xfd_ray.loop.node_channel import NodeChannel
from xfd_ray.order_backlog import OrderBacklog, are_usual, ended_orders, new_orders
from xfd_ray.worker.swarm_state import SwarmState
from xfd_ray.worker_api import Exchange

NODE = NodeId("n0")
ERROR = OriginUnreachableError("no route")


@pytest.fixture(autouse=True)
def _wait_for_ever() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in ("loop.node_channel", "worker.swarm_state"):
            patch.setattr(f"xfd_ray.{module}.GATHER_S", 1000.0)
        yield


def fetch(first: int, count: int) -> Fetch:
    return Fetch(OrderId(first), ChunkIndex(first), count, None)


def held(chunk: int) -> ChunkHeld:
    return ChunkHeld(OrderId(chunk), ChunkIndex(chunk), 7, None, 100, 0.1, 0.1)


FAILED = OrderFailed(OrderId(1), ChunkIndex(1), None, ERROR, "origin")


@pytest.mark.parametrize(
    ("orders", "left"),
    [
        ([fetch(0, 9)], 9),
        ([fetch(0, 9), Cancel(OrderId(0), 4)], 5),
        ([fetch(0, 3), Cancel(OrderId(0), 9)], 0),
        ([fetch(0, 9), Release((ObjectIndex(0),))], 0),
        ([Pin(()), MeetPeers(())], 0),
    ],
)
def test_what_a_node_has_to_do(orders: list[Order], left: int):
    backlog = OrderBacklog()
    backlog.submit(orders)
    assert backlog.open == left


@pytest.mark.parametrize(
    ("orders", "count"),
    [
        ([fetch(0, 2), Pin(()), fetch(2, 3), MeetPeers(())], 5),
        ([fetch(0, 2), Cancel(OrderId(0))], None),
        ([Discard((ChunkIndex(1),))], None),
        ([Release((ObjectIndex(1),))], None),
    ],
)
def test_fetches_may_wait_and_whatever_stops_something_may_not(
    orders: list[Order], count: int | None
):
    assert new_orders(orders) == count


@pytest.mark.parametrize(
    ("events", "ended", "usual"),
    [
        ([held(0), ObjectLanded(ObjectIndex(0)), held(1)], 2, True),
        ([held(0), FAILED], 2, False),
        ([ChunkLost(ChunkIndex(1))], 0, False),
        ([ObjectFailed(ObjectIndex(1), ERROR)], 0, False),
    ],
)
def test_events_as_objects_and_as_columns(events: list[NodeEvent], ended: int, usual: bool):
    assert ended_orders(events) == ended_orders(event_columns(events)) == ended
    assert are_usual(events) == usual


async def reporting(state: SwarmState, number: int) -> asyncio.Task[None]:
    """A poll that waits for its report, once it does."""
    task = asyncio.create_task(state.wait_for_report(Exchange(number, (), 0, max_wait_s=1000)))
    await asyncio.sleep(0)
    return task


async def settled(task: asyncio.Task[None]) -> bool:
    for _ in range(5):
        await asyncio.sleep(0)
    return task.done()


async def busy_node() -> SwarmState:
    """A node with nine orders that has just reported."""
    state = SwarmState()
    state.take_orders([fetch(0, 9)])
    state.answered()
    return state


@run_async
async def test_a_node_with_enough_orders_gathers_what_happens():
    state = await busy_node()
    poll = await reporting(state, 1)
    state.add([held(0)])
    state.add([held(1), ObjectLanded(ObjectIndex(0))])
    assert not await settled(poll)
    state.add([held(2)])  # A third of what is left.
    assert await settled(poll)


@run_async
async def test_after_some_quiet_an_event_is_reported_at_once():
    state = SwarmState()
    state.take_orders([fetch(0, 9)])
    poll = await reporting(state, 1)
    state.add([held(0)])
    assert await settled(poll)


@run_async
async def test_a_failure_does_not_wait():
    state = await busy_node()
    poll = await reporting(state, 1)
    state.add([FAILED])
    assert await settled(poll)


@run_async
async def test_a_node_without_orders_reports_each_landing_at_once():
    state = await busy_node()
    state.add([held(chunk) for chunk in range(9)])
    state.answered()
    state.reports.next_report(0, counters=None)  # type: ignore[arg-type]
    poll = await reporting(state, 1)
    state.add([ObjectLanded(ObjectIndex(0))])
    assert await settled(poll)


@run_async
async def test_gathered_events_are_reported_when_their_time_is_up():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xfd_ray.worker.swarm_state.GATHER_S", 0.01)
        state = await busy_node()
        poll = await reporting(state, 1)
        state.add([held(0)])
        await asyncio.wait_for(poll, 30)


class Node:
    """Takes calls, and answers when it is told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[Order, ...]] = []
        self.answers: list[asyncio.Future[NodeReport]] = []
        self.channel = NodeChannel(NODE, self._exchange, self._reported, interval_s=lambda: 0.0)
        self.next_orders: list[Order] = []
        self.talking = asyncio.create_task(self.channel.run())

    async def _exchange(self, call: Exchange) -> NodeReport:
        self.calls.append(call.orders)
        self.answers.append(asyncio.get_running_loop().create_future())
        return await self.answers[-1]

    def _reported(self, report: NodeReport) -> None:
        # As the scheduler's driver, which plans once for all that happens at a time.
        asyncio.get_running_loop().call_soon(self.channel.send, self.next_orders)

    def answer(self, *events: NodeEvent) -> None:
        place = next(k for k, answer in enumerate(self.answers) if not answer.done())
        self.answers[place].set_result(NodeReport(place + 1, events))

    async def called(self, times: int) -> tuple[Order, ...]:
        """The orders of the last of so many calls."""
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(self.calls) == times
        return self.calls[-1]

    async def make_busy(self) -> None:
        """Gives it nine orders."""
        await self.called(1)
        self.channel.send([fetch(0, 9)])
        assert await self.called(2) == (fetch(0, 9),)
        self.answer()
        await self.called(2)


@run_async
async def test_orders_for_a_busy_node_go_out_after_its_next_report():
    node = Node()
    await node.make_busy()
    node.channel.send([fetch(9, 1)])
    await node.called(2)
    node.next_orders = [fetch(10, 1)]
    node.answer(held(0))
    assert await node.called(3) == (fetch(9, 1), fetch(10, 1))
    node.talking.cancel()


@run_async
async def test_orders_that_are_many_beside_those_of_the_node_go_out_at_once():
    node = Node()
    await node.make_busy()
    node.channel.send([fetch(9, 1)])
    await node.called(2)
    node.channel.send([fetch(10, 2)])
    assert await node.called(3) == (fetch(9, 1), fetch(10, 2))
    node.talking.cancel()


@run_async
async def test_a_cancelled_order_does_not_wait():
    node = Node()
    await node.make_busy()
    node.channel.send([Cancel(OrderId(3))])
    assert await node.called(3) == (Cancel(OrderId(3)),)
    node.talking.cancel()


@run_async
async def test_gathered_orders_go_out_when_their_time_is_up():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xfd_ray.loop.node_channel.GATHER_S", 0.01)
        node = Node()
        await node.make_busy()
        node.channel.send([fetch(9, 1)])
        while len(node.calls) < 3:
            await asyncio.sleep(0.005)
        node.talking.cancel()
