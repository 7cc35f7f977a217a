"""Where Ray comes in: the actors, how they are started and reached, and what their errors mean."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import ray
from ray import exceptions as ray_errors
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from xfd_api.chunks import Catalog, FoundObject
from xfd_api.errors import CoordinatorLostError, InvalidRequestError, NodeLostError, XfdError
from xfd_api.ids import NodeId, SwarmId
from xfd_api.lookups import Lookup
from xfd_api.reports import Inventory, NodeReport
from xfd_api.settings import SwarmTicket
from xfd_api.stores import ObjectStoreConfigByProfile
from xfd_ray.conversation import Unavailable
from xfd_ray.coordinator import Coordinator
from xfd_ray.events import COORDINATOR_UP, log_to_stderr, logger, process_age_s
from xfd_ray.placement import NodeInfo, nodes_of_ray
from xfd_ray.pool import WorkerClient, WorkerTerms
from xfd_ray.rayerrors import coordinator_error, worker_error
from xfd_ray.terms import LeaseRequest, LeaseStatus
from xfd_ray.worker import DataPlaneFactory, Exchange, Hello, NodeWorker, real_data_plane

NAMESPACE = "xfd"
COORDINATOR_NAME = "coordinator"
CLOSE_TIMEOUT_S = 5.0
CALLS_AT_ONCE = 10_000


class RayWorker:
    """A `WorkerClient` whose worker is a Ray actor."""

    def __init__(self, node: NodeId, handle: Any) -> None:
        self.node = node
        self.handle = handle

    async def versions(self) -> dict[str, str | None]:
        """See `NodeWorker`, as for all that follow."""
        versions: dict[str, str | None] = await self._call("versions")
        return versions

    async def hello(self) -> Hello:
        """Starts the worker's servers."""
        hello: Hello = await self._call("hello")
        return hello

    async def find_objects(
        self, lookups: Sequence[Lookup], stores: ObjectStoreConfigByProfile
    ) -> list[list[FoundObject]]:
        """Asks the origins from this node."""
        found: list[list[FoundObject]] = await self._call("find_objects", tuple(lookups), stores)
        return found

    async def join(self, ticket: SwarmTicket) -> None:
        """Enters a swarm."""
        await self._call("join", ticket)

    async def extend(
        self, swarm: SwarmId, catalog: Catalog, stores: ObjectStoreConfigByProfile
    ) -> Inventory:
        """Adds a part of the catalog."""
        inventory: Inventory = await self._call("extend", swarm, _shipped(catalog), stores)
        return inventory

    async def exchange(self, swarm: SwarmId, call: Exchange) -> NodeReport:
        """The long poll."""
        report: NodeReport = await self._call("exchange", swarm, call, may_repeat=True)
        return report

    async def leave(self, swarm: SwarmId) -> None:
        """Leaves a swarm."""
        await self._call("leave", swarm)

    async def close(self) -> None:
        """Stops what runs in the worker."""
        await self._call("close")

    async def _call(self, method: str, *args: Any, may_repeat: bool = False) -> Any:
        try:
            return await getattr(self.handle, method).remote(*args)
        except (ray_errors.RayError, XfdError) as error:
            told = worker_error(error, self.node)
            if isinstance(told, Unavailable) and not may_repeat:
                told = NodeLostError("Its worker cannot be reached", node=self.node)
            raise told from error


_shipments: dict[int, tuple[Catalog, Any]] = {}
_SHIPMENTS_KEPT = 8


def _shipped(catalog: Catalog) -> Any:
    """The catalog in Ray's object store, put there once for all nodes."""
    known = _shipments.get(id(catalog))
    if known is not None and known[0] is catalog:
        return known[1]
    while len(_shipments) >= _SHIPMENTS_KEPT:
        del _shipments[next(iter(_shipments))]
    ref = ray.put(catalog)
    _shipments[id(catalog)] = (catalog, ref)
    return ref


class RayCluster:
    """The coordinator's `Cluster`."""

    def __init__(self, data_plane: DataPlaneFactory = real_data_plane) -> None:
        self._data_plane = data_plane

    async def live_nodes(self) -> tuple[NodeInfo, ...]:
        """What `ray.nodes()` lists as alive."""
        return nodes_of_ray(await asyncio.to_thread(ray.nodes))

    async def start_worker(self, node: NodeInfo, terms: WorkerTerms) -> WorkerClient:
        """An actor without CPUs, on this node or nowhere."""
        actor = ray.remote(NodeWorker).options(
            num_cpus=0,
            max_concurrency=CALLS_AT_ONCE,
            max_restarts=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False),
        )
        handle = actor.remote(
            node.id,
            node.host,
            settings=terms.settings,
            peer_ports=terms.peer_ports,
            data_plane=self._data_plane,
        )
        return RayWorker(node.id, handle)

    async def end_worker(self, worker: WorkerClient) -> None:
        """Lets the worker close, and then ends its process."""
        if not isinstance(worker, RayWorker):
            return
        with contextlib.suppress(asyncio.TimeoutError, XfdError):
            await asyncio.wait_for(worker.close(), CLOSE_TIMEOUT_S)
        ray.kill(worker.handle, no_restart=True)

    async def end_coordinator(self) -> None:
        """Ends this process; Ray ends the workers that it owns."""
        ray.kill(ray.get_runtime_context().current_actor, no_restart=True)


class CoordinatorActor(Coordinator):
    """The coordinator as the actor `coordinator` of the Ray namespace `xfd`."""

    def __init__(self, data_plane: DataPlaneFactory = real_data_plane) -> None:
        log_to_stderr("coordinator")
        super().__init__(RayCluster(data_plane))
        logger().debug(COORDINATOR_UP, process_age_s=process_age_s())


def coordinator_actor(data_plane: DataPlaneFactory = real_data_plane) -> Any:
    """The cluster's coordinator; started on this node if there is none.

    On this node and no other: its packages are what the nodes are compared with.
    """
    here = ray.get_runtime_context().get_node_id()
    actor = ray.remote(CoordinatorActor).options(
        name=COORDINATOR_NAME,
        namespace=NAMESPACE,
        lifetime="detached",
        get_if_exists=True,
        num_cpus=0,
        max_concurrency=CALLS_AT_ONCE,
        max_restarts=0,
        scheduling_strategy=NodeAffinitySchedulingStrategy(here, soft=False),
    )
    return actor.remote(data_plane)


class RayCoordinator:
    """A `CoordinatorDoor` to the cluster's coordinator.

    Args:
        connect: finds the coordinator, or starts it.
    """

    def __init__(self, connect: Callable[[], Any] = coordinator_actor) -> None:
        self._connect = connect
        self._handle: Any = None

    def connect(self) -> None:
        """Finds the coordinator, or starts it."""
        # Without Ray there is no cluster any more; a call would quietly start another one.
        if not ray.is_initialized():
            raise InvalidRequestError("Ray was shut down", remedy="Keep it up until the end")
        try:
            self._handle = self._connect()
        except ray_errors.RayError as error:
            raise coordinator_error(error, 0.0) from error

    def attach(self, request: LeaseRequest, timeout_s: float) -> LeaseStatus:
        """See `Coordinator`, as for all that follow."""
        status: LeaseStatus = self._call("attach", timeout_s, request)
        return status

    def watch(self, lease_id: str, wait_s: float, timeout_s: float) -> LeaseStatus:
        """Renews, and waits for news."""
        status: LeaseStatus = self._call("watch", timeout_s, lease_id, wait_s)
        return status

    def detach(self, lease_id: str, timeout_s: float) -> None:
        """Gives back."""
        self._call("detach", timeout_s, lease_id)

    def _call(self, method: str, timeout_s: float, *args: Any) -> Any:
        if self._handle is None or not ray.is_initialized():
            raise CoordinatorLostError("There is no connection to the coordinator")
        try:
            return ray.get(getattr(self._handle, method).remote(*args), timeout=timeout_s)
        except (ray_errors.RayError, XfdError) as error:
            raise coordinator_error(error, timeout_s) from error
