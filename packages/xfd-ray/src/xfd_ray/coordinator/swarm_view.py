"""How a swarm looks from outside: its part of a `CoordinatorStatus`. Asks and changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from xfd_api.errors import XfdError
from xfd_api.ids import NodeId, SwarmId
from xfd_ray.coordinator.last_progress import LastProgress
from xfd_ray.coordinator.lease import Lease
from xfd_ray.coordinator.leases import Leases
from xfd_ray.coordinator.pooled_transport import PooledTransport
from xfd_ray.coordinator.swarm_nodes import SwarmNodes
from xfd_ray.coordinator_status import HeldLease, HeldState, NodeState, NodeStatus, SwarmStatus
from xfd_ray.messages import LeaseState, LeaseStatus
from xfd_ray.worker_api import WorkerClient

_OVER: Mapping[LeaseState, HeldState] = {LeaseState.DONE: "done", LeaseState.FAILED: "failed"}


class SwarmView:
    """Reads what the controller of a swarm keeps.

    Args:
        swarm: its id.
        leases: of the swarm.
        nodes: of the swarm.
        transport: has their workers.
        last_progress: when it last made progress.
        now: when it started.
    """

    def __init__(
        self,
        swarm: SwarmId,
        leases: Leases,
        nodes: SwarmNodes,
        transport: PooledTransport,
        last_progress: LastProgress,
        now: float,
    ) -> None:
        self._swarm = swarm
        self._leases = leases
        self._nodes = nodes
        self._transport = transport
        self._last_progress = last_progress
        self._began = now

    @property
    def is_moving(self) -> bool:
        """Whether a lease is unfinished whose objects are found."""
        return any(lease.state is LeaseState.RUNNING for lease, _ in self._leases.running())

    def status(self, now: float) -> SwarmStatus:
        """The swarm and its leases at this time."""
        age_s = now - self._last_progress.at if self.is_moving else 0.0
        leases = tuple(held_lease(lease, now) for lease in self._leases)
        return SwarmStatus(self._swarm, now - self._began, age_s, leases)

    def nodes(self) -> Iterator[tuple[NodeStatus, WorkerClient | None]]:
        """The nodes that leases or the loop have, with their workers; without addresses."""
        wanted = {node for _, progress in self._leases.running() for node in progress.nodes}
        for node in sorted(wanted | set(self._nodes.with_worker)):
            state, error = self._state(node)
            host = self._nodes.host(node)
            status = NodeStatus(node, host, state, self._swarm, error=error)
            yield status, self._transport.member(node)

    def _state(self, node: NodeId) -> tuple[NodeState, XfdError | None]:
        state = self._nodes.state(node)
        if state == "joined":
            return node_of_leases(node, self._leases)
        return state, self._nodes.refusal(node) or loss_of(node, self._leases)


def held_lease(lease: Lease, now: float) -> HeldLease:
    """One lease, as a status lists it."""
    status = lease.status(now)
    return HeldLease(
        id=lease.request.id,
        driver=lease.request.driver,
        state=_state_of(status),
        since_s=now - lease.began,
        progress=status.progress,
        waits_for=status.waits_for,
        error=status.error,
    )


def _state_of(status: LeaseStatus) -> HeldState:
    if status.state in _OVER:
        return _OVER[status.state]
    if status.waits_for is not None:
        return "waiting"
    return "finding" if status.progress is None else "running"


def loss_of(node: NodeId, leases: Iterable[Lease]) -> XfdError | None:
    """Why a lease counts the node as lost, if one does."""
    for lease in leases:
        progress = None if lease.progress is None else lease.progress.nodes.get(node)
        if progress is not None and progress.is_lost:
            return progress.error
    return None


def node_of_leases(node: NodeId, leases: Iterable[Lease]) -> tuple[NodeState, XfdError | None]:
    """The state of a node whose worker is up, by what all leases have there; with its error."""
    state: NodeState = "starting"
    for lease in leases:
        progress = None if lease.progress is None else lease.progress.nodes.get(node)
        if progress is None:
            continue
        if progress.failed:
            return "failed", progress.error
        if progress.done_at is None:
            state = "working"
        elif state == "starting":
            state = "done"
    return state, None
