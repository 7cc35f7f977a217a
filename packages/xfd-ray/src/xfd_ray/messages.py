"""What a driver and the coordinator say to each other, and what workers are started with."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from xfd_api.errors import XfdError
from xfd_api.lookups import Lookup
from xfd_api.results import DistributionReport, Progress
from xfd_api.settings import Durability, NodeSettings
from xfd_api.stores import ObjectStoreConfigByProfile
from xfd_api.traffic import Prices
from xfd_ray.environment import NODE_ENVIRONMENT, Environment
from xfd_ray.link_rates import LinkRates
from xfd_ray.placement import NodeSelector

LEASE_TTL_S = 6.0
"""A lease that was not renewed for so long has lost its driver."""

RENEW_EVERY_S = 2.0

LATE_NODE_POLL_S = 1.0

OnNodeFailure = Literal["continue", "fail"]

OnVersionConflict = Literal["fail", "wait", "pinned"]
"""What to do if an object was overwritten at its store, and an open lease has the older version at
the same place: raise an error, wait until that lease is over, or take that lease's version. "wait"
also waits if an open lease has another object there; with the others that is an error."""

OriginPolicy = Literal["once-per-cluster", "once-per-zone"] | int
"""How often a chunk is read from the origin; a number is a budget of so many times."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Conditions that a swarm keeps for all who share it; calls with others get another swarm.

    `node_settings` are kept without their `node_parallelism`, which is one of the `Limits`.
    """

    durability: Durability = Durability.OBJECT
    origin_policy: OriginPolicy = "once-per-cluster"
    peer_ports: tuple[int, int] | None = None
    peer_tls: bool = False
    node_settings: NodeSettings = field(default_factory=NodeSettings)
    environment: Environment = NODE_ENVIRONMENT

    def __post_init__(self) -> None:
        settings = replace(self.node_settings, node_parallelism=NodeSettings().node_parallelism)
        object.__setattr__(self, "node_settings", settings)

    @property
    def origin_copies(self) -> int:
        """How often a swarm that does not read once per zone reads a chunk."""
        return self.origin_policy if isinstance(self.origin_policy, int) else 1


@dataclass(frozen=True, slots=True)
class Limits:
    """How hard a swarm may work; who comes first to a swarm decides.

    Attributes:
        node_parallelism: chunks that one node fetches at once.
        object_store_parallelism: chunks that the swarm reads from the origin at once.
    """

    node_parallelism: int = 16
    object_store_parallelism: int = 1000


@dataclass(frozen=True, slots=True)
class WorkerTerms:
    """What a worker works by; see `WorkerPool` for when one takes the place of another."""

    settings: NodeSettings = field(default_factory=NodeSettings)
    peer_ports: tuple[int, int] | None = None
    environment: Environment = NODE_ENVIRONMENT

    def may_become(self, other: WorkerTerms) -> bool:
        """Whether a running worker can change to these terms."""
        return (self.peer_ports, self.environment) == (
            other.peer_ports,
            other.environment,
        ) and not self.settings.fixed_that_differ(other.settings)

    def shares_ports(self, other: WorkerTerms) -> bool:
        """Whether a port that one takes may be missing for the other."""
        if self.peer_ports is None or other.peer_ports is None:
            return False
        return self.peer_ports[0] <= other.peer_ports[1] and (
            other.peer_ports[0] <= self.peer_ports[1]
        )

    def stands_in_the_way(self, other: WorkerTerms) -> bool:
        """Whether an idle worker of these terms is to end before one of the others starts."""
        return self.environment == other.environment or self.shares_ports(other)


def worker_terms(terms: Terms, limits: Limits) -> WorkerTerms:
    """What the workers of a swarm are started with."""
    settings = replace(terms.node_settings, node_parallelism=limits.node_parallelism)
    return WorkerTerms(settings, terms.peer_ports, terms.environment)


@dataclass(frozen=True, slots=True)
class LeaseRequest:
    """What a driver wants, and for how long.

    Attributes:
        id: chosen by the driver; asking again with the same id attaches to the same lease.
        terms: None joins the oldest swarm of the same environment, else one of default terms.
        environment: of the driver; those in `terms` are not looked at.
        keep_s: how long coordinator and workers stay after the last lease.
        versions: of the driver's xfd packages.
        on_version_conflict: what to do where another lease has another version of an object.
        running_s: how long the lease was known to another coordinator, which is lost.
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

    @property
    def own_terms(self) -> Terms:
        """Those of a swarm that is begun for this request."""
        return replace(self.terms or Terms(), environment=self.environment)


class LeaseState(enum.Enum):
    """`UNKNOWN`: the coordinator has no such lease (any more); attach again."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class LeaseStatus:
    """How a lease is doing; `report` and `error` are set by the end, `waits_for` says what
    keeps it from going on.
    """

    state: LeaseState
    progress: Progress | None = None
    report: DistributionReport | None = None
    error: XfdError | None = None
    waits_for: str | None = None
