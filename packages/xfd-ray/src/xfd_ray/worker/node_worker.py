"""One node's side of the control channel: asynchronous calls to a data plane.

`NodeWorker` is a plain class; `worker_actor` makes a Ray actor of it. Calls of the data plane
block, so they run in threads. One task for each swarm moves the data plane's events into the
swarm's report buffer. `exchange` is the long poll that takes orders and returns reports.
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
from xfd_api.orders import Discard, Order
from xfd_api.ports import DataPlane, ObjectFinder
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.reports import Inventory
from xfd_api.rows import as_rows
from xfd_api.settings import NodeSettings, SwarmTicket
from xfd_ray.coordinator_status import DiskRoom
from xfd_ray.environment import Environment
from xfd_ray.metrics.choice import MetricsChoice
from xfd_ray.metrics.publisher import Exporter
from xfd_ray.telemetry import log_events
from xfd_ray.telemetry.log import Log, log_to_stderr, lowest_level, process_age_s
from xfd_ray.telemetry.versions import installed_versions
from xfd_ray.unexpected import as_xfd_error
from xfd_ray.worker.disk import disk_room
from xfd_ray.worker.metrics import NodeMetrics
from xfd_ray.worker.swarm_state import SwarmState
from xfd_ray.worker.worker_log import log_data_plane, log_node_events, log_orders
from xfd_ray.worker_api import Exchange, Hello

T = TypeVar("T")

POLL_S = 20.0
"""How long a poll of the data plane lasts: long, so that an idle node sleeps. An event and the end
of a swarm end it at once."""


Condition = tuple[tuple[NodeId | None, str] | None, str, tuple[bool, bool, bool]]
"""Why nothing arrives, how lookups fail, and whether files are verified, unpacked and landed."""


class NodePlane(DataPlane, ObjectFinder, Protocol):
    """The data plane of a worker: `xfd_dataplane.Node`, or a test's."""


DataPlaneFactory = Callable[[NodeId, NodeSettings], NodePlane]


def real_data_plane(node: NodeId, settings: NodeSettings) -> NodePlane:
    """Makes the data plane in Rust; imports it here, because drivers do not need it."""
    from xfd_dataplane import Node

    return Node(node, settings)


class NodeWorker:
    """The worker of one node; a `WorkerApi`. Errors of its methods name the node.

    Args:
        node: the node that it runs on.
        host: the address that its servers listen on.
        settings: those of the data plane; their root may depend on the environment.
        peer_ports: first and last port that the peer server may use; any free port if None.
        data_plane: makes the data plane.
    """

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
        self._swarms: dict[SwarmId, SwarmState] = {}
        self._threads = ThreadPoolExecutor(max_workers=16, thread_name_prefix="xfd")
        self._lock: asyncio.Lock | None = None

    async def versions(self) -> dict[str, str | None]:
        """Returns the versions of the xfd packages here; a coordinator calls this first."""
        return installed_versions()

    async def hello(self, environment: Environment, metrics: MetricsChoice) -> Hello:
        """Starts the data plane and its servers in this environment, at the first call.

        Metrics are exported as chosen, beside what earlier calls have chosen.

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
            if self._metrics is not None:
                self._hello = replace(self._hello, metrics_address=self._metrics.open(metrics))
            return self._hello

    async def disk_room(self) -> DiskRoom:
        """The room that the root has.

        Raises:
            DestinationError: the file system does not answer.
        """
        return await self._in_thread(lambda: disk_room(self._settings.root))

    async def reconfigure(self, settings: NodeSettings) -> None:
        """See `DataPlane.reconfigure`; root and hub cache stay."""
        own = self._settings
        settings = replace(settings, root=own.root, hub_cache=own.hub_cache)
        await self._in_thread(lambda: self._running_plane().reconfigure(settings))
        self._settings = settings

    async def find_objects(
        self, lookups: Sequence[Lookup], stores: ObjectStoreConfigByProfile
    ) -> list[Sequence[FoundObject]]:
        """See `ObjectFinder`; the answers are `Rows`."""
        found = await self._in_thread(lambda: self._find_rows(lookups, stores))
        self._log.emit(log_events.OBJECTS_FOUND, objects=sum(map(len, found)))
        return found

    async def join(self, ticket: SwarmTicket) -> None:
        """Enters a swarm, with an empty catalog."""
        state = self._swarms[ticket.swarm] = SwarmState()
        async with state.membership:
            try:
                await self._in_thread(lambda: self._running_plane().join(ticket))
            except BaseException:
                self._swarms.pop(ticket.swarm, None)
                raise
        state.collector = asyncio.create_task(self._collect_events(ticket.swarm, state))
        self._log.emit(log_events.WORKER_JOINED, swarm=ticket.swarm)

    async def extend(
        self, swarm: SwarmId, catalog: Catalog, stores: ObjectStoreConfigByProfile
    ) -> Inventory:
        """See `DataPlane.extend`."""
        state = self._state(swarm)
        inventory = await self._in_thread(
            lambda: self._running_plane().extend(swarm, catalog, stores)
        )
        state.reports.add_inventory(catalog, inventory)
        self._log.emit(log_events.WORKER_EXTENDED, swarm=swarm, landed=len(inventory.landed))
        return inventory

    async def exchange(self, swarm: SwarmId, call: Exchange) -> NodeReport:
        """Takes orders, and answers after an event, after a later call or when time is up.

        A node whose orders last gathers events before it answers, see `order_backlog`.

        Calls are taken in the sequence of their numbers, and the orders of a repeated call once.
        """
        state = self._state(swarm)
        if await state.is_first_arrival(call):
            self._submit(swarm, state, call.orders)
            state.notify()
        # An event wakes all calls that wait. The lock admits them in the sequence of their arrival,
        # so that reports have the sequence of their calls.
        async with state.answering:
            await state.wait_for_report(call)
            plane = self._running_plane()
            counters, stall = plane.counters(swarm), plane.stall(swarm)
            self._forward_log()
            state.answered()
            return state.reports.next_report(
                call.ack, counters, stall, self._lookup_failure(), again=call.again
            )

    async def leave(self, swarm: SwarmId) -> None:
        """Ends the swarm on this node; see `DataPlane.leave`."""
        state = self._swarms.pop(swarm, None)
        if state is None:
            return
        state.ended = True
        state.notify()
        # The node may still be joining, if the coordinator gave the swarm up meanwhile.
        async with state.membership:
            await self._in_thread(lambda: self._running_plane().leave(swarm))
        self._log.emit(log_events.WORKER_LEFT, swarm=swarm)

    async def close(self) -> None:
        """Leaves every swarm and stops the servers."""
        for swarm in list(self._swarms):
            await self.leave(swarm)
        if self._plane is not None:
            await self._in_thread(self._plane.close)
            self._forward_log()
        if self._metrics is not None:
            await self._metrics.close()

    def _apply_environment(self, environment: Environment) -> None:
        """Sets the environment of the process; does nothing if the worker shares its process."""

    def _metrics_exporter(self) -> Callable[[], Exporter] | None:
        """Makes what exports metrics through Ray; None if the worker knows no Ray."""
        return None

    async def _start(self) -> Hello:
        plane = await self._in_thread(lambda: self._make_plane(self._node, self._settings))
        self._plane = plane
        plane.log_from(lowest_level())
        address = await self._in_thread(lambda: plane.serve(self._host, self._ports))
        self._metrics = NodeMetrics(
            plane.counters, self._settings.root, self._host, self._metrics_exporter(), self._log
        )
        self._log.emit(log_events.WORKER_SERVING)
        return Hello(self._node, address, "", self._settings.root, os.getpid())

    def _find_rows(
        self, lookups: Sequence[Lookup], stores: ObjectStoreConfigByProfile
    ) -> list[Sequence[FoundObject]]:
        found = self._running_plane().find_objects(lookups, stores)
        found.reverse()
        return [as_rows(found.pop()) for _ in lookups]  # Each list is freed before the next one.

    def _submit(self, swarm: SwarmId, state: SwarmState, orders: Sequence[Order]) -> None:
        if not orders:
            return
        for order in orders:
            if isinstance(order, Discard):
                state.reports.discard(order.chunks)
        log_orders(self._log, swarm, orders)
        # The data plane queues what takes time. In threads orders could overtake each other.
        try:
            self._running_plane().submit(swarm, orders)
        except XfdError as error:
            raise error.at_node(self._node) from error
        state.take_orders(orders)

    async def _collect_events(self, swarm: SwarmId, state: SwarmState) -> None:
        told: Condition = (None, "", (False, False, False))
        while not state.ended:
            try:
                events = await self._in_thread(lambda: self._running_plane().poll(swarm, POLL_S))
                self._forward_log()
                if events:
                    if self._metrics is not None:
                        self._metrics.observe(events)
                    log_node_events(self._log, swarm, events)
                    state.add(events)
                elif not state.ended and (now := self._condition(swarm)) != told:
                    told, state.has_news = now, True
                    state.notify()
            except Exception as error:
                # Nothing awaits this task, so `exchange` raises its error.
                if not state.ended:
                    state.failure = as_xfd_error(error, self._node)
                    state.notify()
                return

    def _condition(self, swarm: SwarmId) -> Condition:
        """What a report has besides events and totals, as far as a change of it is worth one."""
        plane = self._running_plane()
        counters, stall = plane.counters(swarm), plane.stall(swarm)
        work = (
            counters.active_verifications > 0,
            counters.active_unpacks > 0,
            counters.active_landings > 0,
        )
        reason = None if stall is None else (stall.source, stall.failure)
        return reason, self._lookup_failure(), work

    def _lookup_failure(self) -> str:
        stall = self._running_plane().stall()
        return "" if stall is None else stall.failure

    def _forward_log(self) -> None:
        """Logs what the data plane has logged since the last call."""
        if self._plane is not None:
            log_data_plane(self._log, self._plane.drain_log())

    def _running_plane(self) -> NodePlane:
        if self._plane is None:
            raise InternalError("The node's data plane is not running", node=self._node)
        return self._plane

    def _state(self, swarm: SwarmId) -> SwarmState:
        if swarm not in self._swarms:
            raise InternalError(f"The node is not in swarm {swarm}", node=self._node)
        return self._swarms[swarm]

    async def _in_thread(self, function: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, function)
        except XfdError as error:
            raise error.at_node(self._node) from error
