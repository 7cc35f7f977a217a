"""The calls of a task or an actor: files for its own node."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import ray

from xfd_api.configuration import load
from xfd_api.ids import NodeId
from xfd_api.lookups import Lookup
from xfd_api.node_selector import NodeSelector
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.progress_modes import ProgressMode
from xfd_api.request_forms import Requests
from xfd_api.results import DistributionReport
from xfd_api.stores import ObjectStoreConfig
from xfd_ray.client.in_thread import in_thread
from xfd_ray.client.lease_call import LeaseCall
from xfd_ray.client.lease_client import LeaseClient
from xfd_ray.cluster.connect import connect_to_ray
from xfd_ray.cluster.coordinator_client import CoordinatorClient, wait_by_future
from xfd_ray.cluster.raylet import inherited_variables
from xfd_ray.configured import configured_rates
from xfd_ray.distribute import plan_of
from xfd_ray.environment import Environment
from xfd_ray.messages import LeaseRequest
from xfd_ray.metrics.choice import MetricsChoice, MetricsMode
from xfd_ray.placement import matches, nodes_of_ray
from xfd_ray.telemetry.versions import installed_versions
from xfd_ray.validation import check_option

NOTHING = DistributionReport(0.0, None, None, 0, 0, 0, 0, 0, 0, (), ())
"""The report of a call without a request for its node."""


def ensure_local(
    download_requests: Requests,
    object_store_config: ObjectStoreConfig | ObjectStoreConfigByProfile | None = None,
    *,
    deadline_s: float | None = None,
    keep_s: float | None = None,
    progress: ProgressMode | None = None,
    metrics: MetricsMode | None = None,
    metrics_ports: tuple[int, int] | None = None,
) -> DistributionReport:
    """Brings the files to the node of this task or actor, and returns when they are there.

    Joins the swarm that runs, if one does: what that brings anyway is not fetched again. It comes
    in the version that the open call pinned, whatever the store has by now. Any number of processes
    of a node may call it at once. The call blocks; an asynchronous actor awaits
    `ensure_local_async`.

    Requests that select other nodes are left out. If none is for this node, the report is empty.

    Args:
        download_requests: see `download_distributed`.
        object_store_config: see `download_distributed`.
        deadline_s: longest time until the files are there, in seconds; None is as configured, by
            default no limit.
        keep_s: how long coordinator and workers stay after the last lease, in seconds; None is as
            configured, by default 60.
        progress: see `download_distributed`.
        metrics: see `download_distributed`.
        metrics_ports: see `download_distributed`.

    Returns:
        What was moved to this node.

    Raises:
        XfdError: see `download_distributed`.

    Example:
        >>> import ray, xfd_ray
        >>> from xfd_api import ObjectStoreConfig, local_path
        >>> store = ObjectStoreConfig.make_for_s3(bucket="my-models")
        >>> @ray.remote
        ... def size_of(uri):
        ...     xfd_ray.ensure_local(uri, store)
        ...     return local_path(uri).stat().st_size
        >>> ray.get(size_of.remote("llama/config.json"))
        2
    """
    call = call_on_this_node(**locals())  # All arguments, by their names.
    return NOTHING if call is None else call.once()


async def ensure_local_async(
    download_requests: Requests,
    object_store_config: ObjectStoreConfig | ObjectStoreConfigByProfile | None = None,
    *,
    deadline_s: float | None = None,
    keep_s: float | None = None,
    progress: ProgressMode | None = None,
    metrics: MetricsMode | None = None,
    metrics_ports: tuple[int, int] | None = None,
) -> DistributionReport:
    """Awaits the files on the node of this actor; other tasks of the event loop go on.

    It is `ensure_local` for asynchronous actors. Any number of calls may be awaited at once; each
    has a thread. A call that is cancelled ends at once, and gives its lease back within seconds.

    Args:
        download_requests: see `download_distributed`.
        object_store_config: see `download_distributed`.
        deadline_s: see `ensure_local`.
        keep_s: see `ensure_local`.
        progress: see `download_distributed`.
        metrics: see `download_distributed`.
        metrics_ports: see `download_distributed`.

    Returns:
        What was moved to this node.

    Raises:
        XfdError: see `download_distributed`.

    Example:
        >>> import ray, xfd_ray
        >>> from xfd_api import ObjectStoreConfig, local_path
        >>> store = ObjectStoreConfig.make_for_s3(bucket="my-models")
        >>> @ray.remote
        ... class Sizes:
        ...     async def size_of(self, uri):
        ...         await xfd_ray.ensure_local_async(uri, store)
        ...         return local_path(uri).stat().st_size
        >>> ray.get(Sizes.remote().size_of.remote("llama/config.json"))
        2
    """
    call = call_on_this_node(**locals(), wait=wait_by_future)  # All arguments, by their names.
    return NOTHING if call is None else await in_thread(call.once, call.cancel)


def call_on_this_node(
    download_requests: Requests,
    object_store_config: ObjectStoreConfig | ObjectStoreConfigByProfile | None,
    *,
    deadline_s: float | None,
    keep_s: float | None,
    progress: ProgressMode | None,
    metrics: MetricsMode | None,
    metrics_ports: tuple[int, int] | None,
    **client: Callable[[Any, float], Any],
) -> LeaseCall | None:
    """The call behind `ensure_local`, which has not begun; None if no request is for this node.

    `wait` is that of `CoordinatorClient`.

    Raises:
        InvalidRequestError, UnknownProfileError, UnsafePathError, UnknownArchiveError,
            DestinationConflictError, ClusterConnectionError: see `download_distributed`.
    """
    plan = plan_of(download_requests, object_store_config)
    check_option("deadline_s", deadline_s)
    check_option("keep_s", keep_s)
    check_option("progress", progress)
    check_option("metrics", metrics)
    check_option("metrics_ports", metrics_ports)
    configuration = load()
    connect_to_ray()
    here = NodeId(ray.get_runtime_context().get_node_id())
    lookups = _for_node(here, plan.lookups)
    if not lookups:
        return None
    request = LeaseRequest(
        id=uuid.uuid4().hex,
        lookups=lookups,
        stores=plan.stores,
        selector=NodeSelector(ids=(here,)),
        terms=None,
        on_version_conflict="pinned",
        environment=Environment.of(inherited_variables()),
        keep_s=configuration.resolve("keep_s", keep_s),
        rates=configured_rates(configuration),
        versions=installed_versions(),
        driver=socket.gethostname(),
        metrics=MetricsChoice.of(
            configuration.resolve("metrics", metrics),
            configuration.resolve("metrics_ports", metrics_ports),
        ),
    )
    return LeaseCall(
        LeaseClient(request, CoordinatorClient(**client)),
        mode=configuration.resolve("progress", progress) or "none",
        deadline_s=configuration.resolve("deadline_s", deadline_s),
    )


def _for_node(node: NodeId, lookups: Sequence[Lookup]) -> tuple[Lookup, ...]:
    """The lookups of the requests that are for a node, for all nodes of a call."""
    if all(lookup.nodes is None for lookup in lookups):
        return tuple(lookups)
    here = [each for each in nodes_of_ray(ray.nodes()) if each.id == node]
    return tuple(
        replace(lookup, nodes=None)
        for lookup in lookups
        if lookup.nodes is None or any(matches(lookup.nodes, each) for each in here)
    )
