"""The scheduling loop: carries events to the scheduler and orders to the nodes. Knows no Ray.

A `Scheduler` decides, and a `SwarmTransport` reaches the nodes. Each node has a channel of its own:
it joins, gets the parts of the catalog that are assigned to it, and is then polled. Orders that
come up during a poll, and cannot wait for its end, go out with a second poll, at which the node
answers the first. So there are at most two at a time, and reports are taken in the order in which
they were asked for. Polls of a node start no closer together than the loop's interval, which grows
with the number of nodes.

If a node is lost, in whichever call, that is an event. The loop raises nothing: an exception out of
the scheduler is a bug, after which the loop stops and reports it once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial

from xfd_api.chunks import Catalog
from xfd_api.errors import NodeLostError, XfdError
from xfd_api.ids import NodeId, ObjectIndex
from xfd_api.node_report import NodeReport
from xfd_api.orders import Order, Release
from xfd_api.reports import Inventory
from xfd_ray.catalog_part import CatalogPart
from xfd_ray.loop.inventories_together import InventoriesTogether
from xfd_ray.loop.node_channel import NodeChannel
from xfd_ray.loop.observer import LoopObserver
from xfd_ray.loop.scheduler_driver import SchedulerDriver
from xfd_ray.loop.transport import SwarmTransport
from xfd_ray.unexpected import as_xfd_error
from xfd_scheduler.events import (
    CatalogGrew,
    InventoryTaken,
    NodeHeard,
    NodeJoined,
    NodeLost,
    NodeSilent,
    NodeStarting,
    NodeTraits,
    Released,
    Reported,
)
from xfd_scheduler.links.windows import report_interval
from xfd_scheduler.scheduler import Scheduler

INSPECT_AGAIN_S = (0.5, 1.0, 2.0, 4.0)
"""How long after each inventory a node inspects objects again that another process was writing."""


@dataclass(slots=True)
class _Member:
    """A node of the loop. `assigned` queues objects to inspect, with their earlier attempts."""

    id: NodeId
    traits: NodeTraits
    assigned: asyncio.Queue[tuple[CatalogPart, tuple[ObjectIndex, ...], int]]
    channel: NodeChannel
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    joined: bool = False


class SchedulingLoop:
    """See the module. It lives in one event loop; `close` ends all its tasks.

    Args:
        transport: reaches the nodes.
        scheduler: decides.
        observer: hears what happens.
        clock: seconds that never go back; None for the event loop's.
    """

    def __init__(
        self,
        transport: SwarmTransport,
        scheduler: Scheduler,
        observer: LoopObserver,
        *,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._transport = transport
        self._scheduler = scheduler
        self._observer = observer
        self._loop = asyncio.get_running_loop()
        self._clock = clock or self._loop.time
        self._members: dict[NodeId, _Member] = {}
        self._reported_failures: set[tuple[NodeId, ObjectIndex]] = set()
        self._driver = SchedulerDriver(scheduler, self._clock, self._send, self._stop_for_bug)
        self._handle = self._driver.handle
        self._released: set[ObjectIndex] = set()
        self._inventories = InventoriesTogether(self._handle)

    @property
    def nodes(self) -> tuple[NodeId, ...]:
        """The nodes that were added and are not lost."""
        return tuple(self._members)

    def has_node(self, node: NodeId) -> bool:
        """Whether the node was added, and is not lost."""
        return node in self._members

    def is_joined(self, node: NodeId) -> bool:
        """Whether the node is a member."""
        member = self._members.get(node)
        return member is not None and member.joined

    def add_node(self, node: NodeId, traits: NodeTraits | None = None) -> None:
        """Lets a node join, unless it is in the loop already."""
        if node in self._members or self._driver.is_closed:
            return
        channel = NodeChannel(
            node,
            partial(self._transport.exchange, node),
            lambda report: self._take_report(node, report),
            lambda silent: self._handle(NodeSilent(node) if silent else NodeHeard(node)),
            interval_s=lambda: report_interval(len(self._members)),
        )
        member = _Member(node, traits or NodeTraits(), asyncio.Queue(), channel)
        self._members[node] = member
        self._handle(NodeStarting(node))
        self._start(member, partial(self._join, member))

    def remove_node(self, node: NodeId, error: XfdError) -> None:
        """Takes a node out of the loop that is known to be gone."""
        member = self._members.pop(node, None)
        if member is None:
            return
        current = asyncio.current_task()
        for task in member.tasks:
            if task is not current:
                task.cancel()
        self._handle(NodeLost(node))
        self._observer.lost(node, error)

    def grow(self, catalog: Catalog) -> None:
        """Adds a part to the swarm's catalog; `assign` gives its objects to nodes."""
        self._handle(CatalogGrew(catalog))

    def assign(self, node: NodeId, part: CatalogPart, objects: Sequence[ObjectIndex]) -> None:
        """Assigns objects of a part to a node."""
        member = self._members.get(node)
        if member is not None:
            self._reported_failures -= {(node, index) for index in objects}
            member.assigned.put_nowait((part, tuple(objects), 0))

    def link(self, node: NodeId, part: CatalogPart) -> None:
        """Has a node link the snapshots of a part without objects, after earlier assignments."""
        self.assign(node, part, ())

    def release(self, objects: Sequence[ObjectIndex]) -> None:
        """Gives up objects that no lease wants any more. Their indexes are never used again."""
        self._released.update(objects)
        self._handle(Released(tuple(objects)))

    async def close(self) -> None:
        """Ends all tasks of all nodes."""
        self._stop()
        tasks = [task for member in self._members.values() for task in member.tasks]
        self._members.clear()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _join(self, member: _Member) -> None:
        address = await self._transport.join(member.id)
        member.joined = True
        self._handle(NodeJoined(member.id, address, member.traits))
        self._observer.joined(member.id)
        self._start(member, member.channel.run)
        self._start(member, partial(self._extend, member))

    async def _extend(self, member: _Member) -> None:
        while True:
            part, objects, attempts = await member.assigned.get()
            if part.catalog.snapshots:
                await self._link(member.id, part)
                continue
            objects = self._still_wanted(objects)
            if not objects:
                continue
            part = part.only(objects)
            try:
                with self._inventories.inspecting():
                    whole = await self._transport.extend(member.id, part)
            except NodeLostError:
                raise
            except XfdError as error:
                self._observer.failed(member.id, objects, error.at_node(member.id))
                continue
            if gone := tuple(index for index in objects if index in self._released):
                # Released after the call went out: the node has locked their destinations by now.
                member.channel.send((Release(gone),))
                objects = self._still_wanted(objects)
            inventory = inventory_of(part.catalog, whole, objects)
            await self._inventories.take(InventoryTaken(member.id, objects, inventory))
            self._observer.took_inventory(member.id, objects, inventory, again=attempts > 0)
            busy = tuple(index for index, _ in inventory.elsewhere)
            if busy:
                delay = INSPECT_AGAIN_S[min(attempts, len(INSPECT_AGAIN_S) - 1)]
                self._loop.call_later(delay, self._inspect_again, member, part, busy, attempts + 1)

    async def _link(self, node: NodeId, part: CatalogPart) -> None:
        snapshots = part.catalog.snapshots
        try:
            await self._transport.extend(node, part)
        except NodeLostError:
            raise
        except XfdError as error:
            self._observer.not_linked(node, snapshots, error.at_node(node))
        else:
            self._observer.linked(node, snapshots)

    def _still_wanted(self, objects: tuple[ObjectIndex, ...]) -> tuple[ObjectIndex, ...]:
        return tuple(index for index in objects if index not in self._released)

    def _inspect_again(
        self, member: _Member, part: CatalogPart, objects: tuple[ObjectIndex, ...], attempts: int
    ) -> None:
        if self._members.get(member.id) is member:
            member.assigned.put_nowait((part, objects, attempts))

    def _take_report(self, node: NodeId, report: NodeReport) -> None:
        if self._driver.is_closed:
            return
        if report.events or report.full is not None:
            self._handle(Reported(node, report))
        self._observer.reported(node, report)
        for (failed_on, index), error in self._scheduler.failures().items():
            if (failed_on, index) not in self._reported_failures:
                self._reported_failures.add((failed_on, index))
                self._observer.failed(failed_on, (index,), error.at_node(failed_on))

    def _stop_for_bug(self, error: XfdError) -> None:
        self._stop()
        self._observer.stopped(error)

    def _stop(self) -> None:
        self._driver.close()
        current = asyncio.current_task()
        for member in self._members.values():
            for task in member.tasks:
                if task is not current:
                    task.cancel()

    def _send(self, node: NodeId, orders: Sequence[Order]) -> None:
        member = self._members.get(node)
        if member is not None:
            member.channel.send(orders)

    def _start(self, member: _Member, work: Callable[[], Coroutine[None, None, None]]) -> None:
        task = self._loop.create_task(self._guard(member, work))
        member.tasks.append(task)

    async def _guard(
        self, member: _Member, work: Callable[[], Coroutine[None, None, None]]
    ) -> None:
        """Runs a task of a node. An error out of it loses this node, and no other."""
        try:
            await work()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            try:
                self.remove_node(member.id, as_xfd_error(error, member.id))
            except Exception as another:
                self._driver.fail(another)


def inventory_of(catalog: Catalog, whole: Inventory, objects: Sequence[ObjectIndex]) -> Inventory:
    """Cuts the inventory of a part down to some of its objects; held chunks stay, to be served."""
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
        left_out=tuple(entry for entry in whole.left_out if entry[0] in wanted),
    )
