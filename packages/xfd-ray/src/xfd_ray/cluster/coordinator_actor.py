"""The coordinator as a Ray actor.

Whoever gets a handle of it, each worker for one, loads this module: it is to load little.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from xfd_ray.telemetry.log import Log, log_to_stderr, process_age_s
from xfd_ray.telemetry.log_events import COORDINATOR_UP

if TYPE_CHECKING:
    from xfd_api.ids import NodeId
    from xfd_ray.messages import LeaseRequest, LeaseStatus
    from xfd_ray.placement import NodeInfo


class CoordinatorActor:
    """A `Coordinator` whose workers are Ray actors; the actor `coordinator` of the namespace `xfd`.

    Its methods are the coordinator's, but for those that are told of here.
    """

    def __init__(self) -> None:
        from xfd_ray.cluster.nodes import RayCluster
        from xfd_ray.coordinator.coordinator import Coordinator

        log_to_stderr("coordinator")
        self._coordinator = Coordinator(RayCluster())
        Log().emit(COORDINATOR_UP, process_age_s=process_age_s())

    async def attach(
        self, request: LeaseRequest, started: Sequence[tuple[NodeInfo, Any]]
    ) -> LeaseStatus:
        """See `Coordinator.attach`; with the handles of workers that the driver has started."""
        from xfd_ray.cluster.nodes import RayWorkerClient

        workers = [(node, RayWorkerClient(node.id, handle)) for node, handle in started]
        return await self._coordinator.attach(request, workers)

    async def watch(self, lease_id: str, timeout_s: float) -> LeaseStatus:
        """Renews a lease, and waits for its end."""
        return await self._coordinator.watch(lease_id, timeout_s)

    async def detach(self, lease_id: str) -> None:
        """Gives a lease back."""
        await self._coordinator.detach(lease_id)

    async def metrics_addresses(self) -> dict[NodeId, list[str]]:
        """The workers' Prometheus endpoints."""
        return await self._coordinator.metrics_addresses()

    async def lease_ids(self) -> list[str]:
        """The leases there are."""
        return await self._coordinator.lease_ids()

    async def until_end(self) -> None:
        """Never returns: the call fails when this actor ends, which tells the caller of it."""
        await asyncio.Event().wait()
