"""What a coordinator knows at one moment: swarms, leases and nodes. Plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from xfd_api.errors import XfdError
from xfd_api.ids import NodeId, SwarmId
from xfd_api.progress import Progress

NodeState = Literal["starting", "working", "done", "idle", "failed", "lost", "refused"]
"""starting: its worker is not up yet, or joins. working: it lacks something that a lease wants.
done: it has all that. idle: its worker waits for the next call. failed: something cannot land
there. lost: its worker or the node is gone; a worker is started again. refused: it gets no worker
any more."""

HeldState = Literal["finding", "waiting", "running", "done", "failed"]
"""finding: its objects are looked up. waiting: something outside keeps it from going on. running:
nodes receive. done, failed: it is over, and still holds its nodes."""

NODE_STATES: tuple[NodeState, ...] = get_args(NodeState)
HELD_STATES: tuple[HeldState, ...] = get_args(HeldState)


@dataclass(frozen=True, slots=True)
class DiskRoom:
    """The file system that a root lies on, in bytes; `free_bytes` are those that a user may use."""

    free_bytes: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """A node of a swarm, or the idle worker of a node. A node of two swarms is listed twice.

    Attributes:
        id: the Ray node id.
        host: the name of its machine, or its address; empty if the node is gone.
        swarm: None for an idle worker.
        root: the folder that relative destinations lie under; empty if no worker is up.
        disk: room at the root; None if it is not known.
        peer_address: of its peer server, `host:port`; empty if no worker is up.
        metrics_address: of its own Prometheus endpoint, `host:port`; empty if it has none.
        error: why it failed, was lost or is refused.
    """

    id: NodeId
    host: str
    state: NodeState
    swarm: SwarmId | None = None
    root: str = ""
    disk: DiskRoom | None = None
    peer_address: str = ""
    metrics_address: str = ""
    error: XfdError | None = None

    @property
    def disk_free_bytes(self) -> int | None:
        """Bytes that are free at the root; None if that is not known."""
        return None if self.disk is None else self.disk.free_bytes


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A lease that was not given back.

    Attributes:
        driver: host of the process that holds it; empty if that did not say.
        since_s: seconds since that process called.
        progress: how far it is, once its objects are found.
        waits_for: what outside the lease keeps it from going on, if something does.
        error: why it failed.
    """

    id: str
    driver: str
    state: HeldState
    since_s: float
    progress: Progress | None = None
    waits_for: str | None = None
    error: XfdError | None = None


@dataclass(frozen=True, slots=True)
class SwarmStatus:
    """One swarm.

    Attributes:
        since_s: seconds since it started.
        progress_age_s: seconds since a byte arrived on a node or an object landed; 0 unless a lease
            of the swarm is unfinished whose objects are found.
        leases: in the order in which they were opened.
    """

    id: SwarmId
    since_s: float
    progress_age_s: float
    leases: tuple[HeldLease, ...]


@dataclass(frozen=True, slots=True)
class CoordinatorStatus:
    """What `xfd_ray.status` returns for each coordinator.

    Attributes:
        versions: of its xfd packages.
        since_s: seconds since it started.
        swarms: in the order in which they were started.
        nodes: by swarm and id; idle workers come last.
        metrics_address: of the coordinator's own Prometheus endpoint, `host:port`; empty if it has
            none.

    Example:
        >>> from xfd_ray import CoordinatorStatus
        >>> status = CoordinatorStatus({"xfd_ray": "0.1.0"}, 2.5, (), ())
        >>> status.leases
        ()
    """

    versions: Mapping[str, str | None]
    since_s: float
    swarms: tuple[SwarmStatus, ...]
    nodes: tuple[NodeStatus, ...]
    metrics_address: str = ""

    @property
    def leases(self) -> tuple[HeldLease, ...]:
        """The leases of all swarms."""
        return tuple(lease for swarm in self.swarms for lease in swarm.leases)
