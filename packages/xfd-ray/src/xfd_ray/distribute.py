"""What a driver, a task or an actor calls."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any

import ray

from xfd_api.errors import InvalidRequestError
from xfd_api.ids import NodeId
from xfd_api.lookups import Lookup, plan_lookups
from xfd_api.request_forms import Requests, as_requests
from xfd_api.results import DistributionReport, Progress
from xfd_api.settings import Durability, NodeSettings
from xfd_api.stores import ObjectStoreConfig, ObjectStoreConfigByProfile, by_profile
from xfd_api.traffic import Prices
from xfd_ray.client.lease_client import LeaseClient
from xfd_ray.cluster.connect import connect_to_ray
from xfd_ray.cluster.coordinator_client import RayCoordinator
from xfd_ray.cluster.raylet import inherited_variables
from xfd_ray.cluster.spawn import find_coordinators
from xfd_ray.coordinator.lower_bound import LinkRates
from xfd_ray.environment import Surroundings
from xfd_ray.messages import (
    LeaseRequest,
    Limits,
    OnNodeFailure,
    OnVersionConflict,
    OriginPolicy,
    Terms,
)
from xfd_ray.placement import Nodes, NodeSelector, as_selector
from xfd_ray.progress import ProgressBar
from xfd_ray.signatures import takes_the_arguments_of
from xfd_ray.telemetry.versions import installed_versions
from xfd_ray.validation import (
    at_least,
    check_deadline,
    checked_chunk_size,
    checked_durability,
    checked_node_settings,
    checked_origin_policy,
    checked_ports,
    checked_version_conflict,
)


class Distribution:
    """Files on every node for as long as a `with` block lasts; see `distribution`.

    Attributes:
        report: what the first distribution did; nodes that come later are filled, but not in it.
    """

    report: DistributionReport

    def __init__(
        self,
        request: LeaseRequest,
        *,
        verbose: bool,
        deadline_s: float | None,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        self._lease = LeaseClient(request, RayCoordinator())
        self._verbose = verbose
        self._deadline_s = deadline_s
        self._on_progress = on_progress

    def __enter__(self) -> Distribution:
        """Distributes, and then holds the lease."""
        self._run()
        self._lease.hold()
        return self

    def once(self) -> DistributionReport:
        """Distributes, and gives the lease back; the deadline holds for both."""
        self._run()
        self._lease.close()
        return self.report

    def _run(self) -> None:
        try:
            with ProgressBar(shown=self._verbose, then=self._on_progress) as bar:
                self.report = self._lease.run(
                    deadline_s=self._deadline_s,
                    on_progress=bar if bar.wants_news else None,
                )
        except BaseException:
            self._lease.close()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Gives the lease back."""
        self._lease.close()


def distribution(
    download_requests: Requests,
    object_store_config: ObjectStoreConfig | ObjectStoreConfigByProfile,
    *,
    chunk_size_bytes: int | None = None,
    node_parallelism: int | None = None,
    object_store_parallelism: int = 1000,
    verbose: bool = False,
    nodes: Nodes = None,
    on_node_failure: OnNodeFailure = "continue",
    on_version_conflict: OnVersionConflict = "fail",
    origin_policy: OriginPolicy = "once-per-cluster",
    peer_tls: bool = False,
    peer_ports: tuple[int, int] | None = None,
    durability: Durability | str = Durability.OBJECT,
    deadline_s: float | None = None,
    keep_s: float = 60.0,
    on_progress: Callable[[Progress], None] | None = None,
    rates: LinkRates | None = None,
    prices: Prices | None = None,
    node_settings: NodeSettings | None = None,
    priorities: Sequence[int] | None = None,
) -> Distribution:
    """A distribution whose lease lasts as long as its `with` block.

    Meanwhile nodes that join the cluster get the files as well (where `nodes` is no list of ids).
    For arguments and errors see `download_distributed`: what makes no sense is refused here, before
    Ray is needed; all else is raised where the block is entered.
    """
    stores = by_profile(object_store_config)
    if peer_tls:
        raise InvalidRequestError(
            "TLS between peers is not available yet", remedy="Leave peer_tls at False"
        )
    if on_node_failure not in ("continue", "fail"):
        raise InvalidRequestError(
            f"on_node_failure is {on_node_failure!r}", remedy="Use 'continue' or 'fail'"
        )
    settings = checked_node_settings(node_settings)
    request = LeaseRequest(
        id=uuid.uuid4().hex,
        lookups=_lookups(download_requests, stores, priorities),
        stores=stores,
        selector=as_selector(nodes),
        terms=Terms(
            checked_durability(durability),
            checked_origin_policy(origin_policy),
            checked_ports(peer_ports),
            peer_tls,
            settings,
        ),
        limits=Limits(
            at_least(
                1,
                "node_parallelism",
                settings.node_parallelism if node_parallelism is None else node_parallelism,
            ),
            at_least(1, "object_store_parallelism", object_store_parallelism),
        ),
        chunk_size_bytes=checked_chunk_size(chunk_size_bytes),
        on_node_failure=on_node_failure,
        on_version_conflict=checked_version_conflict(on_version_conflict),
        keep_s=at_least(0.0, "keep_s", keep_s),
        rates=rates or LinkRates.from_environment(),
        prices=prices,
        versions=installed_versions(),
    )
    check_deadline(deadline_s)
    connect_to_ray()
    request = replace(request, surroundings=Surroundings.of(inherited_variables()))
    return Distribution(request, verbose=verbose, deadline_s=deadline_s, on_progress=on_progress)


@takes_the_arguments_of(distribution)
def download_distributed(*args: Any, **options: Any) -> DistributionReport:  # noqa: D417
    """Brings the requested files to every selected node; each chunk leaves the origin once.

    Ray is initialised as `ray.init()` would where it is not yet. Relative destinations lie where
    `xfd_api.local_path` finds them in this driver's tasks; keys, proxies and certificates that are
    not in `object_store_config` are those of its tasks as well (see `xfd_ray.environment`).

    Args:
        download_requests: what to bring where; also bare requests, uris, or a single one of these.
        object_store_config: the store, or one per profile.
        chunk_size_bytes: size of a chunk, at most 100 MiB; None chooses from the object's size.
        node_parallelism: chunks that a node fetches at once; None for 16.
        object_store_parallelism: chunks read from the origin at once, in the whole cluster. Calls
            that run at the same time are one swarm, so that nothing is fetched twice; both limits
            are those of the call that came first, and the coordinator logs it where another's
            differ.
        verbose: show progress on standard error: a bar on a terminal, else (a job, a notebook) a
            line at each phase and every ten seconds.
        nodes: None for all live nodes; ids, a dictionary of labels, or a `NodeSelector`.
        on_node_failure: "continue": a lost node is named in the report, and where a living node
            cannot get its files the others finish before its error is raised. "fail": the first
            lost or failed node ends the distribution.
        on_version_conflict: an object was overwritten at its store, and a call that is still open
            has the older version at the same destination. "fail": a `VersionConflictError` that
            names both; "wait": start when that call is over; "pinned": take that call's version.
        origin_policy: "once-per-cluster"; "once-per-zone": each chunk is read once in each zone (a
            Ray node label: `ray.io/availability-zone` or `topology.kubernetes.io/zone`), so that
            none crosses zones; or a number of times, in different zones first.
        peer_tls: encrypt what peers send each other.
        peer_ports: first and last port that peer servers may use; None for any free one.
        durability: "object": a file is on disk before it has its name; "none".
        deadline_s: longest time until the files are there, in seconds. Giving back what was begun
            by then takes up to a second more.
        keep_s: how long coordinator and workers stay after the last lease.
        on_progress: called some times a second.
        rates: what the links and disks can do, for the bound in the report; else those of the
            `XFD_*_BYTES_PER_S` variables, else the highest that were observed.
        prices: what moving bytes costs, for the estimate in the report's `traffic`.
        node_settings: memory budget, rate limits, patience and unpacking's caps of each node; calls
            with other settings that run at the same time get workers of their own. The root is no
            setting of a call: set `XFD_ROOT` in the `env_vars` of Ray's `runtime_env`, which
            workers and tasks heed.
        priorities: a number per request; what is smaller is needed sooner.

    Raises:
        InvalidRequestError, UnknownProfileError, UnsafePathError, UnknownArchiveError,
            DestinationConflictError: before anything is started or asked.
        ClusterConnectionError: Ray is not initialised, and `ray.init()` finds no cluster, or one
            that asks for a token which this process has not.
        NoNodesError: no live node is selected.
        DeadlineExceededError: `deadline_s` is over; a second run goes on where this one stopped.
        XfdError: any other, with object, node and remedy; of the type it had where it happened.
    """
    return distribution(*args, **options).once()


def ensure_local(
    download_requests: Requests,
    object_store_config: ObjectStoreConfig | ObjectStoreConfigByProfile,
    *,
    deadline_s: float | None = None,
    keep_s: float = 60.0,
) -> DistributionReport:
    """Brings the files to the node that a task or an actor runs on, and returns when they are here.

    Joins the swarm that runs, if one does: what it brings anyway is not fetched again, and comes in
    the version that the open call pinned, whatever the store has by now. Blocks; call it from a
    thread in an asynchronous actor. For errors see `download_distributed`.
    """
    stores = by_profile(object_store_config)
    lookups = _lookups(download_requests, stores)
    check_deadline(deadline_s)
    connect_to_ray()
    here = NodeId(ray.get_runtime_context().get_node_id())
    request = LeaseRequest(
        id=uuid.uuid4().hex,
        lookups=lookups,
        stores=stores,
        selector=NodeSelector(ids=(here,)),
        terms=None,
        on_version_conflict="pinned",
        surroundings=Surroundings.of(inherited_variables()),
        keep_s=at_least(0.0, "keep_s", keep_s),
        rates=LinkRates.from_environment(),
        versions=installed_versions(),
    )
    return Distribution(request, verbose=False, deadline_s=deadline_s, on_progress=None).once()


def metrics_addresses() -> dict[NodeId, list[str]]:
    """The Prometheus endpoints of the workers that are up: `host:port`, by Ray node id."""
    addresses: dict[NodeId, list[str]] = {}
    for coordinator in find_coordinators():
        for node, known in ray.get(coordinator.metrics_addresses.remote()).items():
            addresses.setdefault(node, []).extend(known)
    return addresses


def _lookups(
    download_requests: Requests,
    stores: ObjectStoreConfigByProfile,
    priorities: Sequence[int] | None = None,
) -> tuple[Lookup, ...]:
    requests = as_requests(download_requests)
    if not requests:
        raise InvalidRequestError("There is nothing to download", remedy="Give a request")
    return plan_lookups(requests, stores, priorities=priorities)
