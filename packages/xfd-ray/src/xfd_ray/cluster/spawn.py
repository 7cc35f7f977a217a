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

CALLS_AT_ONCE = 10_000


def start_worker(node: NodeInfo, terms: WorkerTerms) -> Any:
    """The handle of a new worker; does not wait for it."""
    actor = _worker_actor().options(**placed_on(node.id))
    return actor.remote(node.id, node.host, settings=terms.settings, peer_ports=terms.peer_ports)


@functools.cache
def _worker_actor() -> Any:
    """Made once: each time Ray looks through the class and publishes it anew, for 20 ms."""
    return ray.remote(NodeWorkerActor)


def placed_on(node: str, *, or_elsewhere: bool = False) -> dict[str, Any]:
    """An actor for this node, that takes no CPU, and that nobody owns.

    Nor has it the environment of whoever starts it: a worker is given its own by `hello`.
    """
    variables = blanked(inherited_variables())
    return {
        **({"runtime_env": {"env_vars": variables}} if variables else {}),
        "lifetime": "detached",
        "num_cpus": 0,
        "max_concurrency": CALLS_AT_ONCE,
        "max_restarts": 0,
        "scheduling_strategy": NodeAffinitySchedulingStrategy(node, soft=or_elsewhere),
    }
