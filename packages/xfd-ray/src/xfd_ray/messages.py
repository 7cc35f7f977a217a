"""What a driver and the coordinator send each other, and what workers are started with."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from xfd_api.errors import XfdError
from xfd_api.lookups import Lookup
from xfd_api.node_selector import NodeSelector
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.progress import Progress
from xfd_api.results import DistributionReport
from xfd_api.settings import Durability, NodeSettings
from xfd_api.traffic import Prices
from xfd_ray.environment import NODE_ENVIRONMENT, Environment
from xfd_ray.link_rates import LinkRates
from xfd_ray.metrics.choice import THROUGH_RAY, MetricsChoice

LEASE_TTL_S = 6.0
"""A lease that was not renewed for this long has lost its driver."""

RENEW_EVERY_S = 2.0
"""How often a driver renews its lease."""

LATE_NODE_POLL_S = 1.0
"""How often the coordinator looks for nodes that have joined the cluster."""

OnNodeFailure = Literal["continue", "fail"]

OnVersionConflict = Literal["fail", "wait", "pinned"]
"""What to do if an object was overwritten at its store, and an open lease has the older version at
the same destination: raise an error, wait for the end of that lease, or take its version. If an
open lease has another object there, "wait" waits as well, and the others are an error."""

OriginReads = Literal["once-per-cluster", "once-per-zone"] | int
"""How often a chunk is read from the origin; a number is how many times at most."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What all calls that share a swarm have in common; a call with other terms has another swarm.

    `node_settings` are kept without their `node_parallelism`, which is one of the `Limits`.
    """

    durability: Durability = Durability.OBJECT
    origin_policy: OriginReads = "once-per-cluster"
    peer_ports: tuple[int, int] | None = None
    peer_tls: bool = False
    node_settings: NodeSettings = field(default_factory=NodeSettings)
    environment: Environment = NODE_ENVIRONMENT

    def __post_init__(self) -> None:
        settings = replace(self.node_settings, node_parallelism=NodeSettings().node_parallelism)
        object.__setattr__(self, "node_settings", settings)

    @property
    def origin_copies(self) -> int:
        """How often a chunk is read from the origin, unless it is read once per zone."""
        return self.origin_policy if isinstance(self.origin_policy, int) else 1


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a swarm does at once. The first call of a swarm decides.

    Attributes:
        node_parallelism: chunks that one node fetches at once.
        object_store_parallelism: chunks that the swarm reads from the origin at once.
    """

    node_parallelism: int = 16
    object_store_parallelism: int = 1000


@dataclass(frozen=True, slots=True)
class WorkerTerms:
    """What a worker is started with. `WorkerPool` says when one worker takes another's place."""

    settings: NodeSettings = field(default_factory=NodeSettings)
    peer_ports: tuple[int, int] | None = None
    environment: Environment = NODE_ENVIRONMENT

    def can_become(self, other: WorkerTerms) -> bool:
        """Whether a running worker can change to these terms."""
        return (self.peer_ports, self.environment) == (
            other.peer_ports,
            other.environment,
        ) and not self.settings.fixed_that_differ(other.settings)

    def shares_ports(self, other: WorkerTerms) -> bool:
        """Whether one worker may take a port that the other needs."""
        if self.peer_ports is None or other.peer_ports is None:
            return False
        return self.peer_ports[0] <= other.peer_ports[1] and (
            other.peer_ports[0] <= self.peer_ports[1]
        )

    def blocks(self, other: WorkerTerms) -> bool:
        """Whether an idle worker of these terms has to end before one of the others starts."""
        return self.environment == other.environment or self.shares_ports(other)


def worker_terms(terms: Terms, limits: Limits) -> WorkerTerms:
    """What the workers of a swarm are started with."""
    settings = replace(terms.node_settings, node_parallelism=limits.node_parallelism)
    return WorkerTerms(settings, terms.peer_ports, terms.environment)


@dataclass(frozen=True, slots=True)
class LeaseRequest:
    """What a driver wants, and for how long.

    Attributes:
        id: chosen by the driver. A request with a known id attaches to that lease.
        terms: None joins the oldest swarm of the same environment, or starts one of default terms.
        environment: of the driver; the one in `terms` is ignored.
        keep_s: how long coordinator and workers stay after the last lease, in seconds.
        versions: of the driver's xfd packages.
        on_version_conflict: what to do if another lease has another version of an object.
        driver: host of the process that asks.
        metrics: where it wants metrics.
        running_s: how long a coordinator that is lost had known the lease, in seconds.
    """

    id: str
    lookups: tuple[Lookup, ...]
    stores: ObjectStoreConfigByProfile = field(repr=False)
    selector: NodeSelector
    terms: Terms | None = Terms()
    limits: Limits = Limits()
    environment: Environment = NODE_ENVIRONMENT
    chunk_size_bytes: int | None = None
    on_node_failure: OnNodeFailure = "continue"
    keep_s: float = 60.0
    rates: LinkRates | None = None
    prices: Prices | None = None
    versions: Mapping[str, str | None] = field(default_factory=dict)
    running_s: float = 0.0
    on_version_conflict: OnVersionConflict = "fail"
    driver: str = ""
    metrics: MetricsChoice = THROUGH_RAY

    @property
    def own_terms(self) -> Terms:
        """The terms of a swarm that is started for this request."""
        return replace(self.terms or Terms(), environment=self.environment)


class LeaseState(enum.Enum):
    """Where a lease stands. `UNKNOWN`: the coordinator has no such lease; attach again."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class LeaseStatus:
    """How far a lease is.

    Attributes:
        progress: once its objects are found.
        report: once it is done.
        error: once it has failed.
        waits_for: what outside the lease keeps it from going on, if something does.
    """

    state: LeaseState
    progress: Progress | None = None
    report: DistributionReport | None = None
    error: XfdError | None = None
    waits_for: str | None = None
