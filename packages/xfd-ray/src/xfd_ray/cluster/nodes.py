"""The cluster as the coordinator reaches it by Ray."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

import ray

from xfd_api.errors import XfdError
from xfd_api.ids import NodeId
from xfd_ray.cluster.raylet import metrics_exporter
from xfd_ray.cluster.spawn import start_worker
from xfd_ray.cluster.worker_actor import end_this_actor
from xfd_ray.cluster.worker_client import RayWorkerClient
from xfd_ray.messages import WorkerTerms
from xfd_ray.metrics.publisher import Exporter
from xfd_ray.placement import NodeInfo, nodes_of_ray
from xfd_ray.worker_api import WorkerApi, WorkerClient

CLOSE_TIMEOUT_S = 5.0
"""A worker that takes longer to close is killed."""


class RayCluster:
    """The coordinator's `Cluster`."""

    def __init__(self) -> None:
        self._here: NodeInfo | None = None

    async def live_nodes(self) -> tuple[NodeInfo, ...]:
        """Lists what `ray.nodes()` has as alive."""
        return nodes_of_ray(await asyncio.to_thread(ray.nodes))

    async def start_worker(self, node: NodeInfo, terms: WorkerTerms) -> WorkerClient:
        """Starts a worker on this node, or nowhere."""
        return RayWorkerClient(node.id, start_worker(node, terms))

    async def end_worker(self, worker: WorkerClient) -> None:
        """Lets the worker close, then ends its process."""
        if not isinstance(worker, RayWorkerClient):
            return
        with contextlib.suppress(asyncio.TimeoutError, XfdError):
            await asyncio.wait_for(worker.call(WorkerApi.close), CLOSE_TIMEOUT_S)
        ray.kill(worker.handle, no_restart=True)

    async def here(self) -> NodeInfo:
        """Looks this process's node up in the list, once."""
        if self._here is None:
            own = ray.get_runtime_context().get_node_id()
            address, host = ray.util.get_node_ip_address(), socket.gethostname()
            listed = [node for node in await self.live_nodes() if node.id == own]
            self._here = listed[0] if listed else NodeInfo(NodeId(own), address, host=host)
        return self._here

    def metrics_exporter(self) -> Callable[[], Exporter]:
        """Returns the exporter to `ray.util.metrics`."""
        return metrics_exporter

    async def end_coordinator(self) -> None:
        """Ends this process; workers that are left notice that, and end too."""
        end_this_actor()
