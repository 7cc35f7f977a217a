"""One node's side of the control channel: a data plane behind asynchronous calls.

A plain class; `worker_actor` makes a Ray actor of it. Calls of the data plane block, so they run in
threads. One task per swarm moves the data plane's events into an outbox; `exchange` is the long
poll that hands orders in and reports out.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol, TypeVar

from xfd_api.chunks import Catalog, FoundObject
from xfd_api.errors import InternalError, XfdError
from xfd_api.ids import NodeId, SwarmId
from xfd_api.lookups import Lookup
from xfd_api.node_report import NodeReport
from xfd_api.orders import Discard, Fetch, Order
from xfd_api.ports import DataPlane, ObjectFinder
from xfd_api.reports import ChunkHeld, Inventory, NodeEvent, ObjectLanded
from xfd_api.settings import NodeSettings, SwarmTicket
from xfd_api.stores import ObjectStoreConfigByProfile
from xfd_ray.environment import Environment
from xfd_ray.telemetry import log_events
from xfd_ray.telemetry.log import Log, log_to_stderr, lowest_level, process_age_s
from xfd_ray.telemetry.versions import installed_versions
from xfd_ray.unexpected import as_xfd_error
from xfd_ray.worker.metrics import NodeMetrics
from xfd_ray.worker.swarm_state import Desk
from xfd_ray.worker_api import Exchange, Hello

T = TypeVar("T")

POLL_S = 20.0
"""What happens, and the end of a swarm, end a poll at once; an idle node is to stay asleep."""
MISSING_EXCHANGE_S = 5.0


class NodePlane(DataPlane, ObjectFinder, Protocol):
    """What a worker needs: `xfd_dataplane.Node`, or a stand-in for it."""


DataPlaneFactory = Callable[[NodeId, NodeSettings], NodePlane]


def real_data_plane(node: NodeId, settings: NodeSettings) -> NodePlane:
    """The data plane in Rust; imported where it runs, so that drivers need not load it."""
    from xfd_dataplane import Node

    return Node(node, settings)


class NodeWorker:
    """See the module. Every method raises the data plane's errors with the node filled in."""

    def __init__(
        self,
        node: NodeId,
        host: str,
        *,
        settings: NodeSettings | None = None,
        peer_ports: tuple[int, int] | None = None,
        data_plane: DataPlaneFactory = real_data_plane,
    ) -> None:
        log_to_stderr("worker", node)
        self._log = Log(node=node)
        self._log.emit(log_events.WORKER_UP, process_age_s=process_age_s())
        self._node = node
        self._host = host
        self._ports = peer_ports
        self._settings = settings or NodeSettings()
        self._make_plane = data_plane
        self._plane: NodePlane | None = None
        self._hello: Hello | None = None
        self._metrics: NodeMetrics | None = None
        self._desks: dict[SwarmId, Desk] = {}
        self._threads = ThreadPoolExecutor(max_workers=16, thread_name_prefix="xfd")
        self._lock: asyncio.Lock | None = None

    async def versions(self) -> dict[str, str | None]:
        """Of the xfd packages on this node; asked before anything else is used."""
        return installed_versions()

    async def hello(self, environment: Environment) -> Hello:
        """Starts the data plane and its servers at the first call, with these environment.

        Raises:
            PeerPortError: no port of the range is free.
            InvalidRequestError: the node's root is relative.
        """
        self._lock = self._lock or asyncio.Lock()
        async with self._lock:
            if self._hello is None:
                self._apply_environment(environment)
                self._settings = self._settings.rooted()
                self._hello = await self._start()
            return self._hello

    async def reconfigure(self, settings: NodeSettings) -> None:
        """See `DataPlane.reconfigure`; the root stays."""
        settings = replace(settings, root=self._settings.root)
        await self._call(lambda: self._running().reconfigure(settings))
        self._settings = settings

    async def find_objects(
        self, lookups: Sequence[Lookup], stores: ObjectStoreConfigByProfile
    ) -> list[list[FoundObject]]:
        """See `ObjectFinder`."""
        found = await self._call(lambda: self._running().find_objects(lookups, stores))
        self._log.emit(log_events.OBJECTS_FOUND, objects=sum(map(len, found)))
        return found

    async def join(self, ticket: SwarmTicket) -> None:
        """Enters a swarm, with an empty catalog."""
        desk = self._desks[ticket.swarm] = Desk()
        async with desk.door:
            try:
                await self._call(lambda: self._running().join(ticket))
            except BaseException:
                self._desks.pop(ticket.swarm, None)
                raise
        desk.pump = asyncio.create_task(self._pump(ticket.swarm, desk))
        self._log.emit(log_events.WORKER_JOINED, swarm=ticket.swarm)

    async def extend(
        self, swarm: SwarmId, catalog: Catalog, stores: ObjectStoreConfigByProfile
    ) -> Inventory:
        """See `DataPlane.extend`."""
        desk = self._desk(swarm)
        inventory = await self._call(lambda: self._running().extend(swarm, catalog, stores))
        desk.outbox.take_stock(inventory)
        self._log.emit(log_events.WORKER_EXTENDED, swarm=swarm, landed=len(inventory.landed))
        return inventory

    async def exchange(self, swarm: SwarmId, call: Exchange) -> NodeReport:
        """Takes orders; answers once something happened, a later call came, or time is up.

        Orders of a call that came before are not taken twice, and calls are taken in the order of
        their numbers.
        """
        desk = self._desk(swarm)
        desk.latest_caller = max(desk.latest_caller, call.number)
        await self._in_turn(swarm, desk, call)
        # One news wakes every call that waits; the lock lets in who came first, so that reports
        # are numbered in the order of the calls that they answer.
        async with desk.answering:
            await desk.until(
                lambda: desk.outbox.has_news or desk.latest_caller > call.number or call.again,
                call.max_wait_s,
            )
            if desk.failure is not None:
                raise desk.failure
            counters = self._running().counters(swarm)
            self._pass_log_on()
            return desk.outbox.report(call.ack, counters, again=call.again)

    async def leave(self, swarm: SwarmId) -> None:
        """Ends the swarm here; see `DataPlane.leave`."""
        desk = self._desks.pop(swarm, None)
        if desk is None:
            return
        desk.ended = True
        await desk.tell()
        # A coordinator that gave the swarm up while the node joined does not wait for that.
        async with desk.door:
            await self._call(lambda: self._running().leave(swarm))
        self._log.emit(log_events.WORKER_LEFT, swarm=swarm)

    async def close(self) -> None:
        """Leaves every swarm and stops the servers."""
        for swarm in list(self._desks):
            await self.leave(swarm)
        if self._plane is not None:
            await self._call(self._plane.close)
            self._pass_log_on()
        if self._metrics is not None:
            await self._call(self._metrics.close)

    def _apply_environment(self, environment: Environment) -> None:
        """Gives the worker its environment; only a process of its own can have some."""

    async def _start(self) -> Hello:
        plane = await self._call(lambda: self._make_plane(self._node, self._settings))
        self._plane = plane
        plane.log_from(lowest_level())
        address = await self._call(lambda: plane.serve(self._host, self._ports))
        self._metrics = NodeMetrics(plane.counters)
        metrics_address = self._metrics.serve(self._host)
        self._log.emit(log_events.WORKER_SERVING)
        return Hello(self._node, address, metrics_address, self._settings.root, os.getpid())

    async def _in_turn(self, swarm: SwarmId, desk: Desk, call: Exchange) -> None:
        await desk.until(lambda: desk.next_number >= call.number, MISSING_EXCHANGE_S)
        if call.number < desk.next_number and call.number not in desk.skipped:
            return
        # A call that broke on its way comes once more, after those behind it gave up waiting.
        desk.skipped.discard(call.number)
        desk.skipped.update(range(desk.next_number, call.number))
        desk.next_number = max(desk.next_number, call.number + 1)
        if call.orders:
            for order in call.orders:
                if isinstance(order, Discard):
                    desk.outbox.forget(order.chunks)
            self._tell_of_orders(swarm, call.orders)
            # Orders are queued by the data plane at once; no thread is worth it, and without one
            # they cannot overtake each other.
            try:
                self._running().submit(swarm, call.orders)
            except XfdError as error:
                raise error.at_node(self._node) from error
        await desk.tell()

    async def _pump(self, swarm: SwarmId, desk: Desk) -> None:
        while not desk.ended:
            try:
                events = await self._call(lambda: self._running().poll(swarm, POLL_S))
                self._pass_log_on()
                if events:
                    self._count(swarm, events)
                    desk.outbox.add(events)
                    await desk.tell()
            except Exception as error:
                # Nobody waits for this task: what ends it must reach the coordinator.
                if not desk.ended:
                    desk.failure = as_xfd_error(error, self._node)
                    await desk.tell()
                return

    def _count(self, swarm: SwarmId, events: Sequence[NodeEvent]) -> None:
        if self._metrics is not None:
            self._metrics.observe(events)
        for event in events:
            if isinstance(event, ChunkHeld):
                self._log.emit(
                    log_events.CHUNK_HELD,
                    swarm=swarm,
                    order=event.order,
                    chunk=event.chunk,
                    source=event.source,
                    size=event.size,
                    seconds=event.seconds,
                    transfer_seconds=event.transfer_seconds,
                )
            elif isinstance(event, ObjectLanded):
                self._log.emit(log_events.OBJECT_LANDED, swarm=swarm, object=event.object)

    def _pass_log_on(self) -> None:
        """Writes what the data plane has logged since the last call."""
        if self._plane is None:
            return
        for event in self._plane.drain_log():
            logged = log_events.data_plane_event(event.name, event.level)
            self._log.emit(logged, at_s=event.at_s, **event.fields)

    def _tell_of_orders(self, swarm: SwarmId, orders: Sequence[Order]) -> None:
        fetches = [order for order in orders if isinstance(order, Fetch)]
        if fetches:
            runs = [(order.first_order, order.count) for order in fetches]
            self._log.emit(log_events.ORDERS_TAKEN, swarm=swarm, runs=runs)

    def _running(self) -> NodePlane:
        if self._plane is None:
            raise InternalError("The node's data plane is not running", node=self._node)
        return self._plane

    def _desk(self, swarm: SwarmId) -> Desk:
        if swarm not in self._desks:
            raise InternalError(f"The node is not in swarm {swarm}", node=self._node)
        return self._desks[swarm]

    async def _call(self, function: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, function)
        except XfdError as error:
            raise error.at_node(self._node) from error
