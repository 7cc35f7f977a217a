"""The calls of a driver: files for all selected nodes."""

from __future__ import annotations

import asyncio
import socket
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType

from xfd_api.configuration import load
from xfd_api.errors import InvalidRequestError
from xfd_api.lookups import DownloadPlan, plan_downloads
from xfd_api.node_selector import Nodes
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.progress import OnProgress
from xfd_api.progress_modes import ProgressMode
from xfd_api.request_forms import Requests, as_requests
from xfd_api.results import DistributionReport
from xfd_api.settings import Durability, NodeSettings
from xfd_api.stores import ObjectStoreConfig
from xfd_api.traffic import Prices
from xfd_ray.client.in_thread import in_thread
from xfd_ray.client.lease_call import LeaseCall
from xfd_ray.client.lease_client import LeaseClient
from xfd_ray.cluster.connect import connect_to_ray
from xfd_ray.cluster.coordinator_client import CoordinatorClient, wait_by_future
from xfd_ray.cluster.raylet import inherited_variables
from xfd_ray.configured import ConfiguredOptions, configured
from xfd_ray.environment import Environment
from xfd_ray.link_rates import LinkRates
from xfd_ray.messages import (
    LeaseRequest,
    Limits,
    OnNodeFailure,
    OnVersionConflict,
    OriginReads,
    Terms,
)
from xfd_ray.metrics.choice import MetricsMode
from xfd_ray.options import DistributionOptions
from xfd_ray.telemetry.versions import installed_versions


def download_distributed(
    download_requests: Requests,
    object_store_config: ObjectStoreConfig | ObjectStoreConfigByProfile | None = None,
    *,
    chunk_size_bytes: int | None = None,
    node_parallelism: int | None = None,
    object_store_parallelism: int | None = None,
    verbose: bool = False,
    nodes: Nodes = None,
    on_node_failure: OnNodeFailure | None = None,
    on_version_conflict: OnVersionConflict | None = None,
    origin_policy: OriginReads | None = None,
    peer_tls: bool | None = None,
    peer_ports: tuple[int, int] | None = None,
    durability: Durability | str | None = None,
    deadline_s: float | None = None,
    keep_s: float | None = None,
    progress: ProgressMode | None = None,
    on_progress: OnProgress | None = None,
    rates: LinkRates | None = None,
    prices: Prices | None = None,
    node_settings: NodeSettings | None = None,
    metrics: MetricsMode | None = None,
    metrics_ports: tuple[int, int] | None = None,
    priorities: Sequence[int] | None = None,
) -> DistributionReport:
    """Brings the requested files to every selected node; each chunk leaves the origin once.

    Connects to Ray as `ray.init()` does, unless this process is connected. A relative destination
    lies where `xfd_api.local_path` finds it in this driver's tasks. Keys, proxies and certificates
    that `object_store_config` lacks are those of its tasks as well (see `xfd_ray.environment`).

    An option that is None is as configured (docs/configuration.md), else has its default.

    Args:
        download_requests: the objects and prefixes, and their destinations. A list of
            `DownloadRequest`s, bare requests or uris, or a single one of these.
        object_store_config: the store, or one per profile. None is enough for full uris, which are
            then read with the credentials of their stores' own chains on each node.
        chunk_size_bytes: size of a chunk in bytes, from 1 to 100 MiB. By default chosen from
            each object's size: 4 to 16 MiB for most, up to 100 MiB.
        node_parallelism: chunks that a node fetches at once; by default 16.
        object_store_parallelism: chunks that the whole cluster reads from the origin at once. Calls
            that run at the same time share one swarm, so that nothing is fetched twice. Both limits
            are those of the first call; the coordinator logs it if a later call has others. By
            default 1,000.
        verbose: the same as `progress="auto"`.
        nodes: a list of Ray node ids, a dictionary of node labels, or a `NodeSelector`. By default
            all live nodes. A `DownloadRequest` selects with `nodes=` among these; nodes that no
            request is for take no part.
        on_node_failure: "continue", the default, names a lost node in the report. If a living node
            cannot get its files, the others finish before its error is raised. "fail" ends the
            distribution at the first lost or failed node.
        on_version_conflict: what to do if an object was overwritten at its store, while a call that
            is still open has the older version at the same destination. "fail", the default, raises
            a `VersionConflictError` that names both versions, "wait" starts when the other call is
            over, and "pinned" takes the other call's version. If the other call has another object
            there, "wait" waits as well, and the others raise a `DestinationConflictError`.
        origin_policy: how often each chunk is read from the origin: "once-per-cluster", the
            default, "once-per-zone", or a number of times, in different zones first. A zone is the
            value of the Ray node label `ray.io/availability-zone` or `topology.kubernetes.io/zone`.
        peer_tls: nodes show each other certificates of the call's own, and encrypt what they send
            (default: False). It takes more of the processors.
        peer_ports: first and last port that peer servers may use; by default any free port.
        durability: "object", the default, syncs a file to disk before it gets its name; "none"
            syncs nothing.
        deadline_s: longest time until the files are there, in seconds; by default no limit. Giving
            the lease back takes up to a second more.
        keep_s: how long coordinator and workers stay after the last lease, in seconds; by default
            60.
        progress: the display on standard error. "bar" draws bars on a terminal, and one output that
            changes in a notebook; "lines" prints a line at each phase and every ten seconds; "json"
            prints a JSON object a line, at most one a second; "none" shows nothing. "auto" is "bar"
            on a terminal and in a notebook, else "lines". By default
            "auto" with `verbose`, else "none".
        on_progress: called some times a second with a `Progress`, in the calling thread.
        rates: what links and disks can do, for the bound in the report. By default the highest
            rates that were observed.
        prices: what moving bytes costs, for the estimate in the report's `traffic`.
        node_settings: memory budget, rate limits, time-outs and unpacking's caps of each node.
            Calls with other settings that run at the same time get workers of their own. Set the
            root by `XFD_ROOT` in the `env_vars` of Ray's `runtime_env`: workers and tasks use it.
        metrics: "ray" exports metrics through Ray's agent on each node, which is scraped already;
            "port" lets each process of xfd listen on a port of its own; "both" and "off" as they
            say. The default is "ray". Calls share coordinator and workers, so what one of them asks
            for holds for all until the coordinator ends.
        metrics_ports: first and last port of the processes' own endpoints; by default any free one.
            A node needs one for each worker, and one for the coordinator.
        priorities: one number per request; a smaller one is needed sooner.

    Returns:
        What was moved, how long it took, and the result of each node and object.

    Raises:
        InvalidRequestError: a request or an option makes no sense. Like UnknownProfileError,
            UnsafePathError, UnknownArchiveError and DestinationConflictError it is raised before
            anything is started or read.
        ClusterConnectionError: this process is not connected to Ray, and `ray.init()` finds no
            cluster, or one that asks for a token which this process lacks.
        NoNodesError: the call, or a request in it, selects no live node.
        DeadlineExceededError: `deadline_s` is over; a second call goes on where this one stopped.
        XfdError: any other error, of the type that it had on its node, with object, node and
            remedy.

    Example:
        >>> import xfd_ray
        >>> from xfd_api import ObjectStoreConfig
        >>> store = ObjectStoreConfig.make_for_s3(bucket="my-models")
        >>> report = xfd_ray.download_distributed("llama/config.json", store, deadline_s=600)
        >>> {node.state for node in report.nodes}
        {'done'}
    """
    return Distribution(**locals()).once()  # All arguments, by their names.


@dataclass(frozen=True, eq=False)
class Distribution(DistributionOptions):
    """Files on every node for as long as a `with` block lasts; also named `distribution`.

    Nodes that join the cluster during the block get the files too, unless `nodes` is a list of ids.
    An asynchronous actor writes `async with`. Arguments and errors are those of
    `download_distributed`. Arguments that make no sense are refused here, before Ray is needed;
    other errors are raised when the block is entered.

    Attributes:
        report: what the distribution did when the block was entered. Nodes that join later are not
            in it.

    Example:
        >>> import xfd_ray
        >>> from xfd_api import ObjectStoreConfig
        >>> store = ObjectStoreConfig.make_for_s3(bucket="my-models")
        >>> with xfd_ray.distribution(["llama/config.json"], store) as files:
        ...     files.report.nodes_lost
        ()
    """

    download_requests: Requests
    object_store_config: ObjectStoreConfig | ObjectStoreConfigByProfile | None = field(
        default=None, repr=False
    )
    priorities: Sequence[int] | None = field(default=None, kw_only=True)
    _call: LeaseCall = field(init=False, repr=False)

    # Each distribution is itself, whatever options it shares with others.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __post_init__(self) -> None:
        DistributionOptions.__post_init__(self)
        options = configured(self, load())
        request = self._lease_request(options)
        connect_to_ray()
        call = LeaseCall(
            LeaseClient(
                replace(request, environment=Environment.of(inherited_variables())),
                CoordinatorClient(wait_by_future) if _is_awaited() else CoordinatorClient(),
            ),
            mode=options.progress,
            deadline_s=options.deadline_s,
            on_progress=self.on_progress,
        )
        object.__setattr__(self, "_call", call)

    def _lease_request(self, options: ConfiguredOptions) -> LeaseRequest:
        plan = plan_of(self.download_requests, self.object_store_config, self.priorities)
        return LeaseRequest(
            id=uuid.uuid4().hex,
            lookups=plan.lookups,
            stores=plan.stores,
            selector=options.nodes,
            terms=Terms(
                options.durability,
                options.origin_policy,
                options.peer_ports,
                options.peer_tls,
                options.node_settings,
            ),
            limits=Limits(options.node_parallelism, options.object_store_parallelism),
            chunk_size_bytes=options.chunk_size_bytes,
            on_node_failure=options.on_node_failure,
            on_version_conflict=options.on_version_conflict,
            keep_s=options.keep_s,
            rates=options.rates,
            prices=options.prices,
            versions=installed_versions(),
            driver=socket.gethostname(),
            metrics=options.metrics,
        )

    @property
    def report(self) -> DistributionReport:
        """See the class."""
        return self._call.report

    def once(self) -> DistributionReport:
        """Distributes, and gives the lease back; the deadline holds for both."""
        return self._call.once()

    def __enter__(self) -> Distribution:
        """Distributes, and then holds the lease."""
        self._call.hold()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Gives the lease back."""
        self._call.close()

    async def __aenter__(self) -> Distribution:
        """As `__enter__`; other tasks of the event loop go on."""
        await in_thread(self._call.hold, self._call.cancel)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """As `__exit__`."""
        await in_thread(self._call.close, self._call.cancel)


distribution = Distribution
"""The same by the name of a call: `with distribution(requests, store) as files:`."""


def _is_awaited() -> bool:
    """Whether an event loop runs in this thread, so that the call waits in another one."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def plan_of(
    download_requests: Requests,
    object_store_config: ObjectStoreConfig | ObjectStoreConfigByProfile | None,
    priorities: Sequence[int] | None = None,
) -> DownloadPlan:
    """What the requests of a call look up.

    Raises:
        InvalidRequestError, UnknownProfileError, UnsafePathError, UnknownArchiveError,
            DestinationConflictError: they make no sense.
    """
    requests = as_requests(download_requests)
    if not requests:
        raise InvalidRequestError("There is nothing to download", remedy="Give a request")
    return plan_downloads(requests, object_store_config, priorities=priorities)
