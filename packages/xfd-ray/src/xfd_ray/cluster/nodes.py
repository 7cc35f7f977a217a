"""The workers and the cluster as the coordinator reaches them by Ray."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import ray
from ray import exceptions as ray_errors

from xfd_api.chunks import Catalog, FoundObject
from xfd_api.errors import NodeLostError, XfdError
from xfd_api.ids import NodeId, SwarmId
from xfd_api.lookups import Lookup
from xfd_api.node_report import NodeReport
from xfd_api.reports import Inventory
from xfd_api.settings import NodeSettings, SwarmTicket
from xfd_api.stores import ObjectStoreConfigByProfile
from xfd_ray.cluster.errors import worker_error
from xfd_ray.cluster.spawn import start_worker
from xfd_ray.cluster.worker_actor import end_this_actor
from xfd_ray.coordinator.worker_pool import WorkerClient
from xfd_ray.environment import Environment
from xfd_ray.loop.node_channel import Unavailable
from xfd_ray.messages import WorkerTerms
from xfd_ray.placement import NodeInfo, nodes_of_ray
from xfd_ray.worker.node_worker import Exchange, Hello

CLOSE_TIMEOUT_S = 5.0


class RayWorkerClient:
    """A `WorkerClient` whose worker is a `NodeWorkerActor`."""

    def __init__(self, node: NodeId, handle: Any) -> None:
        self.node = node
        self.handle = handle

    async def versions(self) -> dict[str, str | None]:
        """See `NodeWorker`, as for all that follow."""
        versions: dict[str, str | None] = await self._call("versions")
        return versions

    async def follow(self) -> None:
        """Makes it end with the actor that this is called in."""
        await self._call("follow", ray.get_runtime_context().current_actor)

    async def hello(self, environment: Environment) -> Hello:
        """Starts the worker's servers."""
        hello: Hello = await self._call("hello", environment)
        return hello

    async def reconfigure(self, settings: NodeSettings) -> None:
        """Changes how it works."""
        await self._call("reconfigure", settings)

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

    async def live_nodes(self) -> tuple[NodeInfo, ...]:
        """What `ray.nodes()` lists as alive."""
        return nodes_of_ray(await asyncio.to_thread(ray.nodes))

    async def start_worker(self, node: NodeInfo, terms: WorkerTerms) -> WorkerClient:
        """On this node or nowhere."""
        return RayWorkerClient(node.id, start_worker(node, terms))

    async def end_worker(self, worker: WorkerClient) -> None:
        """Lets the worker close, and then ends its process."""
        if not isinstance(worker, RayWorkerClient):
            return
        with contextlib.suppress(asyncio.TimeoutError, XfdError):
            await asyncio.wait_for(worker.close(), CLOSE_TIMEOUT_S)
        ray.kill(worker.handle, no_restart=True)

    async def end_coordinator(self) -> None:
        """Ends this process; workers that are left see it, and follow."""
        end_this_actor()
