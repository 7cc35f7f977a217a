"""Makes the parts of a `CoordinatorStatus` of one swarm's leases and nodes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from xfd_api.errors import XfdError
from xfd_api.ids import NodeId
from xfd_ray.coordinator.lease import Lease
from xfd_ray.coordinator_status import HeldLease, HeldState, NodeState
from xfd_ray.messages import LeaseState, LeaseStatus

_OVER: Mapping[LeaseState, HeldState] = {LeaseState.DONE: "done", LeaseState.FAILED: "failed"}


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
