"""What the coordinators of the cluster say about themselves, for those who watch."""

from __future__ import annotations

from typing import Any

import ray
from ray import exceptions as ray_errors

from xfd_api.errors import VersionMismatchError
from xfd_api.ids import NodeId
from xfd_ray.cluster.connect import connect_to_ray
from xfd_ray.cluster.coordinator_registry import call, find_coordinators
from xfd_ray.cluster.errors import coordinator_error
from xfd_ray.coordinator_status import CoordinatorStatus
from xfd_ray.metrics.targets import MetricsTarget
from xfd_ray.telemetry.versions import check_versions, installed_versions

ANSWER_S = 10.0
"""How long a coordinator may take; it gives its nodes two seconds."""


def status() -> list[CoordinatorStatus]:
    """What runs on the cluster: swarms, leases and nodes of each coordinator; empty if none runs.

    A cluster has one coordinator, and more if drivers have packages of their own.

    Raises:
        ClusterConnectionError: see `download_distributed`.
        VersionMismatchError: a coordinator of the cluster runs another version of xfd.
        CoordinatorLostError: a coordinator does not answer.

    Example:
        >>> import xfd_ray
        >>> for coordinator in xfd_ray.status():
        ...     for node in coordinator.nodes:
        ...         assert node.state in {"starting", "working", "done", "idle"}, node.error
    """
    statuses = []
    for each in _ask_all("status"):
        versions = getattr(each, "versions", {})
        check_versions(installed_versions(), versions, node="coordinator")
        statuses.append(each)
    return statuses


def metrics_addresses() -> dict[NodeId, list[str]]:
    """The Prometheus endpoints of the workers that are up: `host:port`, by Ray node id.

    Raises:
        VersionMismatchError: a coordinator of the cluster runs another version of xfd.

    Example:
        >>> import xfd_ray
        >>> for node, addresses in xfd_ray.metrics_addresses().items():
        ...     assert all(address.rpartition(":")[2].isdigit() for address in addresses)
    """
    addresses: dict[NodeId, list[str]] = {}
    for target in metrics_targets():
        if target.role == "worker":
            addresses.setdefault(target.node, []).append(target.address)
    return addresses


def metrics_targets() -> list[MetricsTarget]:
    """All Prometheus endpoints of xfd's own, those of coordinators too.

    Raises:
        VersionMismatchError: a coordinator of the cluster runs another version of xfd.
    """
    return [target for known in _ask_all("metrics_targets") for target in known]


def _ask_all(method: str) -> list[Any]:
    """What each coordinator answers; one that has ended meanwhile is left out."""
    connect_to_ray()
    answers = []
    for reference in [call(coordinator, method) for coordinator in find_coordinators()]:
        try:
            answers.append(ray.get(reference, timeout=ANSWER_S))
        except ray_errors.ActorDiedError:
            continue
        except AttributeError as error:  # It has no such method.
            raise VersionMismatchError(
                "The cluster's coordinator runs another version of xfd"
            ) from error
        except ray_errors.RayError as error:
            raise coordinator_error(error, ANSWER_S) from error
    return answers
