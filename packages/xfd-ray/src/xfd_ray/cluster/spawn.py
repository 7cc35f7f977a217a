"""How our Ray actors are started. Drivers load this: it is to load little."""

from __future__ import annotations

import functools
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from xfd_ray.cluster.coordinator_actor import CoordinatorActor
from xfd_ray.cluster.raylet import inherited_variables
from xfd_ray.cluster.worker_actor import NodeWorkerActor
from xfd_ray.environment import blanked
from xfd_ray.messages import WorkerTerms
from xfd_ray.placement import NodeInfo

NAMESPACE = "xfd"
COORDINATOR_NAME = "coordinator"
CALLS_AT_ONCE = 10_000


def find_coordinator(packages: str = "") -> Any:
    """The cluster's coordinator of these packages (see `package_identity`), or None."""
    try:
        return ray.get_actor(_name(packages), namespace=NAMESPACE)
    except ValueError:
        return None


def find_coordinators() -> list[Any]:
    """The cluster's coordinators, of whatever packages."""
    listed = ray.util.list_named_actors(all_namespaces=True)
    names = [actor["name"] for actor in listed if actor["namespace"] == NAMESPACE]
    found = [find_coordinator(name.partition("-")[2]) for name in names]
    return [coordinator for coordinator in found if coordinator is not None]


def _name(packages: str) -> str:
    return f"{COORDINATOR_NAME}-{packages}" if packages else COORDINATOR_NAME


def start_coordinator(packages: str = "", *, or_elsewhere: bool = False) -> Any:
    """A coordinator on this node, or the one that another driver started meanwhile.

    On this node, since its packages are what the nodes are compared with.

    Args:
        packages: see `xfd_ray.cluster.package_identity`.
        or_elsewhere: Ray starts nothing on this node any more, because it is being drained.
    """
    actor = ray.remote(CoordinatorActor).options(
        **_placed_on(ray.get_runtime_context().get_node_id(), or_elsewhere=or_elsewhere),
        name=_name(packages),
        namespace=NAMESPACE,
        get_if_exists=True,
    )
    return actor.remote()


def start_worker(node: NodeInfo, terms: WorkerTerms) -> Any:
    """The handle of a new worker; does not wait for it."""
    actor = _worker_actor().options(**_placed_on(node.id))
    return actor.remote(node.id, node.host, settings=terms.settings, peer_ports=terms.peer_ports)


@functools.cache
def _worker_actor() -> Any:
    """Made once: each time Ray looks through the class and publishes it anew, for 20 ms."""
    return ray.remote(NodeWorkerActor)


def _placed_on(node: str, *, or_elsewhere: bool = False) -> dict[str, Any]:
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
