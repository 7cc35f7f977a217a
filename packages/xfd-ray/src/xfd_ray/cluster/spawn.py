"""How the Ray actors of xfd are started. Drivers load this: it imports little."""

from __future__ import annotations

import functools
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from xfd_ray.cluster.raylet import inherited_variables
from xfd_ray.cluster.worker_actor import NodeWorkerActor
from xfd_ray.environment import blanked
from xfd_ray.messages import WorkerTerms
from xfd_ray.placement import NodeInfo

CONCURRENT_CALLS = 10_000
"""Calls that an actor takes at once: long polls of each node and each waiting driver."""


def start_worker(node: NodeInfo, terms: WorkerTerms) -> Any:
    """Starts a worker, without waiting for it; returns its handle."""
    actor = _worker_actor().options(**placed_on(node.id))
    return actor.remote(node.id, node.address, settings=terms.settings, peer_ports=terms.peer_ports)


@functools.cache
def _worker_actor() -> Any:
    """Makes the actor class once: Ray inspects and publishes it each time, which takes 20 ms."""
    return ray.remote(NodeWorkerActor)


def placed_on(node: str, *, or_elsewhere: bool = False) -> dict[str, Any]:
    """Options for an actor on this node that takes no CPU and outlives the process that starts it.

    It does not inherit that process's environment: a worker gets its own by `hello`.
    """
    variables = blanked(inherited_variables())
    return {
        **({"runtime_env": {"env_vars": variables}} if variables else {}),
        "lifetime": "detached",
        "num_cpus": 0,
        "max_concurrency": CONCURRENT_CALLS,
        "max_restarts": 0,
        "enable_task_events": False,  # Long polls are no tasks that anybody looks for in Ray.
        "scheduling_strategy": NodeAffinitySchedulingStrategy(node, soft=or_elsewhere),
    }
