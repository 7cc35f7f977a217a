"""The coordinator as a Ray actor.

Each process that gets a handle of it loads this module, workers among them: it imports little.
"""

from __future__ import annotations

import asyncio
from typing import Any

from xfd_ray.cluster.without_arrow import keep_out_arrow
from xfd_ray.telemetry.log import Log, log_to_stderr, process_age_s
from xfd_ray.telemetry.log_events import COORDINATOR_UP


class CoordinatorActor:
    """A `Coordinator` whose workers are Ray actors; the actor `coordinator` of the namespace `xfd`.

    It is a class of its own so that a handle does not load the coordinator.
    """

    def __init__(self) -> None:
        from xfd_ray.cluster.nodes import RayCluster
        from xfd_ray.coordinator.coordinator import Coordinator

        log_to_stderr("coordinator")
        self._coordinator = Coordinator(RayCluster())
        Log().emit(COORDINATOR_UP, process_age_s=process_age_s())

    async def call(self, method: str, *args: Any) -> Any:
        """Calls a public method of `Coordinator` by its name."""
        return await getattr(self._coordinator, method)(*args)

    async def until_end(self) -> None:
        """Never returns: the call fails when this actor ends, so the caller notices."""
        await asyncio.Event().wait()


keep_out_arrow(CoordinatorActor.__name__)
