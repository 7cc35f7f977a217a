"""What the coordinator needs of the cluster that it runs in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from xfd_ray.messages import WorkerTerms
from xfd_ray.metrics.publisher import Exporter
from xfd_ray.placement import NodeInfo
from xfd_ray.worker_api import WorkerClient


class Cluster(Protocol):
    """What the coordinator needs of Ray."""

    async def live_nodes(self) -> tuple[NodeInfo, ...]:
        """The nodes that are alive now."""
        ...

    async def start_worker(self, node: NodeInfo, terms: WorkerTerms) -> WorkerClient:
        """Starts a worker process on the node; does not wait until it is up."""
        ...

    async def end_worker(self, worker: WorkerClient) -> None:
        """Makes sure that the worker's process ends. Raises nothing."""
        ...

    async def here(self) -> NodeInfo:
        """The coordinator's own node."""
        ...

    def metrics_exporter(self) -> Callable[[], Exporter] | None:
        """Makes what exports this process's metrics through Ray; None without a Ray."""
        ...

    async def end_coordinator(self) -> None:
        """Ends the coordinator's own process."""
        ...
