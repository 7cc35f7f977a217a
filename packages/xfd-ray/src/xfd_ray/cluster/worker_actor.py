"""A worker as a Ray actor, and when that ends. Every node loads this: it imports little."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ray
from ray import exceptions as ray_errors

from xfd_ray.cluster.raylet import environment_of_raylet, inherited_variables, metrics_exporter
from xfd_ray.cluster.without_arrow import keep_out_arrow
from xfd_ray.environment import Environment, apply_environment
from xfd_ray.worker.node_worker import NodeWorker

if TYPE_CHECKING:
    from xfd_ray.metrics.publisher import Exporter
    from xfd_ray.worker_api import WorkerApi

ALONE_S = 60.0
"""How long a worker without a coordinator lives, in seconds."""

CALL_AGAIN_S = 1.0
"""The pause before an unreachable coordinator is called again."""


class NodeWorkerActor(NodeWorker):
    """A worker that ends with its coordinator, or if it gets none within `alone_s` seconds.

    It is a detached actor, because a driver may have started it along with the coordinator, and
    what a driver owns ends with the driver. All other arguments are those of `NodeWorker`.
    """

    def __init__(self, *args: Any, alone_s: float = ALONE_S, **options: Any) -> None:
        super().__init__(*args, **options)
        self._ending = asyncio.create_task(_end_after(alone_s))

    async def follow(self, coordinator: Any) -> None:
        """Ends with this actor from now on. Its method `until_end` must never return."""
        self._ending.cancel()
        self._ending = asyncio.create_task(_end_with(coordinator))

    async def exchange_packed(self, call: bytes) -> bytes:
        """See `exchange`; its arguments and the report are pickled already."""
        swarm, exchange = pickle.loads(call)  # noqa: S301 (pickled by our coordinator)
        return pickle.dumps(await self.exchange(swarm, exchange))

    def _apply_environment(self, environment: Environment) -> None:
        apply_environment(environment, inherited_variables(), environment_of_raylet())

    def _metrics_exporter(self) -> Callable[[], Exporter]:
        return metrics_exporter


keep_out_arrow(NodeWorkerActor.__name__)


if TYPE_CHECKING:

    def _is_a_worker(worker: NodeWorkerActor) -> WorkerApi:
        """A type checker compares the methods here."""
        return worker


async def _end_after(seconds: float) -> None:
    await asyncio.sleep(seconds)
    end_this_actor()


async def _end_with(coordinator: Any) -> None:
    while True:
        try:
            await coordinator.until_end.remote()
        except ray_errors.ActorUnavailableError:
            await asyncio.sleep(CALL_AGAIN_S)
        except ray_errors.RayError:
            end_this_actor()
            return


def end_this_actor() -> None:
    """Ends the process of the actor that calls this."""
    ray.kill(ray.get_runtime_context().current_actor, no_restart=True)
