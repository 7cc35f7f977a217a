"""The scheduling loop: carries events to the scheduler and orders to the nodes. Knows no Ray.

A `Scheduler` decides, and a `SwarmTransport` reaches the nodes. Each node has a channel of its own:
it joins, is extended by the parts of the catalog that it wants, and is then polled. Orders that
come up during a poll go out with a second poll, at which the node answers the first. So there are
at most two at a time, and reports are taken in the order in which they were asked for. Polls of a
node start no closer together than the loop's interval, which grows with the number of nodes.

If a node is lost, in whichever call, that is an event. The loop raises nothing: an exception out of
the scheduler is a bug, after which the loop stops and reports it once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from xfd_api.chunks import Catalog
from xfd_api.errors import NodeLostError, XfdError
from xfd_api.ids import NodeId, ObjectIndex
from xfd_api.node_report import NodeReport
from xfd_api.orders import Order, Release
from xfd_api.reports import Inventory
from xfd_ray.catalog_part import CatalogPart
from xfd_ray.loop.node_channel import NodeChannel
from xfd_ray.loop.observer import LoopObserver
from xfd_ray.loop.scheduler_driver import SchedulerDriver
from xfd_ray.unexpected import as_xfd_error
from xfd_ray.worker_api import Exchange
from xfd_scheduler.events import (
    CatalogGrew,
    InventoryTaken,
    NodeJoined,
    NodeLost,
    NodeStarting,
    NodeTraits,
    Released,
    Reported,
)
from xfd_scheduler.links.windows import report_interval
from xfd_scheduler.scheduler import Scheduler
from xfd_scheduler.trace import Recorder

LOOK_AGAIN_S = (0.5, 1.0, 2.0, 4.0)
LOOK_TOGETHER_S = 0.25


class SwarmTransport(Protocol):
    """How the loop reaches nodes. Each method raises `NodeLostError` where the node is gone."""

    async def join(self, node: NodeId) -> str:
        """Makes the node a member; returns its peer address."""
        ...

    async def extend(self, node: NodeId, part: CatalogPart) -> Inventory:
        """Adds a part of the catalog on the node, and asks what of it is there."""
        ...

    async def exchange(self, node: NodeId, call: Exchange) -> NodeReport:
        """Makes one call of the long poll; see `NodeWorker.exchange`.

        Raises:
            NodeLostError: the node is gone.
            Unavailable: ask again, with the same call.
        """
        ...


@dataclass(slots=True)
class _Member:
    """A node of the loop; `wants` wakes its extender."""

    id: NodeId
    traits: NodeTraits
    wants: asyncio.Queue[tuple[CatalogPart, tuple[ObjectIndex, ...], int]]
    talk: NodeChannel
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    joined: bool = False


class SchedulingLoop:
    """See the module. To be used in one event loop; `close` ends all its tasks.

    Args:
        transport: reaches the nodes.
        scheduler: decides.
        watcher: is told.
        clock: seconds that never go back; the event loop's where None.
    """

    def __init__(
        self,
        transport: SwarmTransport,
        scheduler: Scheduler | Recorder,
        watcher: LoopObserver,
        *,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._transport = transport
        self._scheduler = scheduler
        self._watcher = watcher
        self._loop = asyncio.get_running_loop()
        self._clock = clock or self._loop.time
        self._members: dict[NodeId, _Member] = {}
        self._failures_told: set[tuple[NodeId, ObjectIndex]] = set()
        self._planning = SchedulerDriver(scheduler, self._clock, self._give, self._broke)
        self._tell = self._planning.tell
        self._released: set[ObjectIndex] = set()
        self._looking = 0
        self._looked = asyncio.Event()

    @property
    def nodes(self) -> tuple[NodeId, ...]:
        """The nodes that were added and are not lost."""
        return tuple(self._members)

    def is_joined(self, node: NodeId) -> bool:
        """Whether the node is a member by now."""
        member = self._members.get(node)
        return member is not None and member.joined

    def add_node(self, node: NodeId, traits: NodeTraits | None = None) -> None:
        """Lets a node join, if it is not there already."""
        if node in self._members or self._planning.is_closed:
            return
        talk = NodeChannel(
            node,
            partial(self._transport.exchange, node),
            lambda report: self._take_report(node, report),
            interval_s=lambda: report_interval(len(self._members)),
        )
        member = _Member(node, traits or NodeTraits(), asyncio.Queue(), talk)
        self._members[node] = member
        self._tell(NodeStarting(node))
        self._start(member, partial(self._join, member))

    def remove_node(self, node: NodeId, error: XfdError) -> None:
        """Takes a node that is known to be gone out of the loop."""
        member = self._members.pop(node, None)
        if member is None:
            return
        current = asyncio.current_task()
        for task in member.tasks:
            if task is not current:
                task.cancel()
        self._tell(NodeLost(node))
        self._watcher.lost(node, error)

    def grow(self, catalog: Catalog) -> None:
        """The swarm's catalog has a new part; `want` says who wants what of it."""
        self._tell(CatalogGrew(catalog))

    def want(self, node: NodeId, part: CatalogPart, objects: Sequence[ObjectIndex]) -> None:
        """The node is to have these objects of the part."""
        member = self._members.get(node)
        if member is not None:
            self._failures_told -= {(node, index) for index in objects}
            member.wants.put_nowait((part, tuple(objects), 0))

    def release(self, objects: Sequence[ObjectIndex]) -> None:
        """Nobody wants these objects any more. Their indexes are never used again."""
        self._released.update(objects)
        self._tell(Released(tuple(objects)))

    def landed(self, node: NodeId) -> int:
        """See `Scheduler.landed`."""
        return self._scheduler.landed(node)

    async def close(self) -> None:
        """Ends all conversations."""
        self._stop()
        tasks = [task for member in self._members.values() for task in member.tasks]
        self._members.clear()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _join(self, member: _Member) -> None:
        address = await self._transport.join(member.id)
        member.joined = True
        self._tell(NodeJoined(member.id, address, member.traits))
        self._watcher.joined(member.id)
        self._start(member, member.talk.run)
        self._start(member, partial(self._extend, member))

    async def _extend(self, member: _Member) -> None:
        while True:
            part, objects, looks = await member.wants.get()
            objects = self._still_wanted(objects)
            if not objects:
                continue
            part = part.only(objects)
            try:
                whole = await self._look(member.id, part)
            except NodeLostError:
                raise
            except XfdError as error:
                self._watcher.failed(member.id, objects, error.at_node(member.id))
                continue
            if gone := tuple(index for index in objects if index in self._released):
                # Given back while the node looked, and claimed by that.
                member.talk.give((Release(gone),))
                objects = self._still_wanted(objects)
            inventory = inventory_of(part.catalog, whole, objects)
            if len(inventory.landed) < len(objects):
                await self._others_have_looked()
            self._tell(InventoryTaken(member.id, objects, inventory))
            self._watcher.took_inventory(member.id, objects, inventory, again=looks > 0)
            busy = tuple(index for index, _ in inventory.elsewhere)
            if busy:
                delay = LOOK_AGAIN_S[min(looks, len(LOOK_AGAIN_S) - 1)]
                self._loop.call_later(delay, self._look_again, member, part, busy, looks + 1)

    def _still_wanted(self, objects: tuple[ObjectIndex, ...]) -> tuple[ObjectIndex, ...]:
        return tuple(index for index in objects if index not in self._released)

    async def _look(self, node: NodeId, part: CatalogPart) -> Inventory:
        self._looking += 1
        self._looked.clear()
        try:
            return await self._transport.extend(node, part)
        finally:
            self._looking -= 1
            if self._looking == 0:
                self._looked.set()

    async def _others_have_looked(self) -> None:
        """What a node lacks, another that looks at the same moment may have: no need to ask the
        origin for it. A node that looks for long, or is not up yet, is not waited for.
        """
        if self._looking:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._looked.wait(), LOOK_TOGETHER_S)

    def _look_again(
        self, member: _Member, part: CatalogPart, objects: tuple[ObjectIndex, ...], looks: int
    ) -> None:
        if self._members.get(member.id) is member:
            member.wants.put_nowait((part, objects, looks))

    def _take_report(self, node: NodeId, report: NodeReport) -> None:
        if self._planning.is_closed:
            return
        if report.events or report.full is not None:
            self._tell(Reported(node, report))
        self._watcher.reported(node, report)
        for (where, index), error in self._scheduler.failures().items():
            if (where, index) not in self._failures_told:
                self._failures_told.add((where, index))
                self._watcher.failed(where, (index,), error.at_node(where))

    def _broke(self, error: XfdError) -> None:
        self._stop()
        self._watcher.broke(error)

    def _stop(self) -> None:
        self._planning.close()
        current = asyncio.current_task()
        for member in self._members.values():
            for task in member.tasks:
                if task is not current:
                    task.cancel()

    def _give(self, node: NodeId, orders: Sequence[Order]) -> None:
        member = self._members.get(node)
        if member is not None:
            member.talk.give(orders)

    def _start(self, member: _Member, work: Callable[[], Coroutine[None, None, None]]) -> None:
        task = self._loop.create_task(self._guard(member, work))
        member.tasks.append(task)

    async def _guard(
        self, member: _Member, work: Callable[[], Coroutine[None, None, None]]
    ) -> None:
        """Whatever ends a node's task ends the node, and no more than the node."""
        try:
            await work()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            try:
                self.remove_node(member.id, as_xfd_error(error, member.id))
            except Exception as another:
                self._planning.fail(another)


def inventory_of(catalog: Catalog, whole: Inventory, objects: Sequence[ObjectIndex]) -> Inventory:
    """The inventory of a part, cut down to some of its objects; held chunks stay, to be served."""
    wanted = set(objects)
    if len(wanted) == len(catalog.objects):
        return whole
    landed = tuple(index for index in whole.landed if index in wanted)
    sizes = {item.index: item.found.size for item in catalog.objects}
    return Inventory(
        held=whole.held,
        landed=landed,
        elsewhere=tuple(entry for entry in whole.elsewhere if entry[0] in wanted),
        cached_bytes=sum(sizes[index] for index in landed),
    )
