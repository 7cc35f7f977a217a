"""Inventories that are taken at the same time: the first plan is for all their nodes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from inprocess import LocalCluster, lease, over, run_async

from xfd_api.ids import NodeId, ObjectIndex
from xfd_api.orders import Fetch, Order
from xfd_api.reports import Inventory
from xfd_ray.coordinator.coordinator import Coordinator
from xfd_ray.loop import inventories_together
from xfd_ray.loop.inventories_together import InventoriesTogether
from xfd_scheduler.events import InventoryTaken
from xfd_scheduler.scheduler import Scheduler

MIB = 2**20
OBJECT = ObjectIndex(0)
EMPTY = Inventory()
WHOLE = Inventory(landed=(OBJECT,))


class Planned:
    """What inventories each plan follows, when plans come right after the present step."""

    def __init__(self) -> None:
        self.plans: list[list[str]] = []
        self._handled: list[str] = []
        self.together = InventoriesTogether(self._handle)

    def _handle(self, taken: InventoryTaken) -> None:
        if not self._handled:
            asyncio.get_running_loop().call_soon(self._plan)
        self._handled.append(taken.node)

    def _plan(self) -> None:
        self.plans.append(self._handled)
        self._handled = []

    async def inspect(
        self, name: str, answer: asyncio.Event | None = None, inventory: Inventory = EMPTY
    ) -> None:
        """A node takes an inventory, which is over at once or with its answer."""
        with self.together.inspecting():
            if answer is not None:
                await answer.wait()
        await self.together.take(InventoryTaken(NodeId(name), (OBJECT,), inventory))

    @asynccontextmanager
    async def slow_one(self) -> AsyncIterator[None]:
        """Meanwhile another node takes an inventory that is never over."""
        task = asyncio.create_task(self.inspect("slow", asyncio.Event()))
        await asyncio.sleep(0)
        yield
        task.cancel()


@run_async
async def test_the_plan_after_the_last_inventory_is_for_all_nodes():
    planned = Planned()
    answers = [asyncio.Event() for _ in range(4)]
    nodes = [
        asyncio.create_task(planned.inspect(f"n{place}", answer))
        for place, answer in enumerate(answers)
    ]
    for answer in answers:
        await asyncio.sleep(0)
        answer.set()
    await asyncio.gather(*nodes)

    assert planned.plans == [["n0", "n1", "n2", "n3"]]


@run_async
async def test_a_node_that_has_everything_waits_for_no_other():
    planned = Planned()
    async with planned.slow_one():
        await planned.inspect("whole", inventory=WHOLE)
        await asyncio.sleep(0)

        assert planned.plans == [["whole"]]


@pytest.fixture
def _short(monkeypatch):
    monkeypatch.setattr(inventories_together, "QUIET_S", 0.01)


@pytest.mark.usefixtures("_short")
@run_async
async def test_nobody_waits_for_long():
    planned = Planned()
    async with planned.slow_one():
        await asyncio.gather(planned.inspect("n0"), planned.inspect("n1"))

        assert planned.plans == [["n0", "n1"]]


@run_async
async def test_a_node_that_is_lost_meanwhile_is_left_out():
    planned = Planned()
    last = asyncio.Event()
    other = asyncio.create_task(planned.inspect("other", last))
    lost = asyncio.create_task(planned.inspect("lost"))
    await asyncio.sleep(0)
    lost.cancel()
    last.set()
    await other
    await asyncio.sleep(0)

    assert planned.plans == [["other"]]


def test_the_first_orders_of_a_call_are_for_all_nodes(monkeypatch):
    plans: list[set[str]] = []
    plan = Scheduler.plan

    def noted(scheduler: Scheduler, now: float) -> dict[NodeId, list[Order]]:
        orders = plan(scheduler, now)
        plans.append({node for node, given in orders.items() if any(map(is_fetch, given))})
        return orders

    def is_fetch(order: Order) -> bool:
        return isinstance(order, Fetch)

    @run_async
    async def call() -> None:
        cluster = LocalCluster(6, {"big": 32 * MIB})
        coordinator = Coordinator(cluster, tick_s=0.05)
        await coordinator.attach(lease("l", "big"))
        assert (await over(coordinator, "l")).report is not None

    monkeypatch.setattr(Scheduler, "plan", noted)
    call()

    assert next(filter(None, plans)) == {f"n{place}" for place in range(6)}
