"""Finds the cluster's coordinators by name, and starts them.

Drivers load this: it imports little.
"""

from __future__ import annotations

from typing import Any

import ray

from xfd_api.errors import VersionMismatchError
from xfd_ray.cluster.coordinator_actor import CoordinatorActor
from xfd_ray.cluster.spawn import placed_on

NAMESPACE = "xfd"
COORDINATOR_NAME = "coordinator"


def find_coordinator(packages: str = "") -> Any:
    """The cluster's coordinator for these packages (see `package_identity`), or None."""
    try:
        return ray.get_actor(_name(packages), namespace=NAMESPACE)
    except ValueError:
        return None


def find_coordinators() -> list[Any]:
    """The cluster's coordinators, for any packages."""
    listed = ray.util.list_named_actors(all_namespaces=True)
    names = [actor["name"] for actor in listed if actor["namespace"] == NAMESPACE]
    found = [find_coordinator(name.partition("-")[2]) for name in names]
    return [coordinator for coordinator in found if coordinator is not None]


def call(coordinator: Any, method: str, *args: Any) -> Any:
    """Calls a method of a coordinator; returns Ray's reference to the result.

    Raises:
        VersionMismatchError: it runs another version of xfd, which is called in another way.
    """
    # A handle has the methods of the class that its actor was started from.
    if not hasattr(coordinator, "call"):
        raise VersionMismatchError("The cluster's coordinator runs another version of xfd")
    return coordinator.call.remote(method, *args)


def _name(packages: str) -> str:
    return f"{COORDINATOR_NAME}-{packages}" if packages else COORDINATOR_NAME


def start_coordinator(packages: str = "", *, or_elsewhere: bool = False) -> Any:
    """Starts a coordinator on this node, or finds the one that another driver started meanwhile.

    It has to be this node, because the packages of all nodes are compared with those here.

    Args:
        packages: see `xfd_ray.cluster.package_identity`.
        or_elsewhere: any node will do, because Ray starts no more processes on this one.
    """
    actor = ray.remote(CoordinatorActor).options(
        **placed_on(ray.get_runtime_context().get_node_id(), or_elsewhere=or_elsewhere),
        name=_name(packages),
        namespace=NAMESPACE,
        get_if_exists=True,
    )
    return actor.remote()
