"""What `xfd status` shows of coordinators. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from xfd_api.plain_data import to_plain
from xfd_api.progress import NodeStanding
from xfd_api.stall_words import duration
from xfd_dataplane.progress.words import human, line_of
from xfd_ray.cli.tables import table
from xfd_ray.coordinator_status import CoordinatorStatus, HeldLease, NodeStatus, SwarmStatus

if TYPE_CHECKING:
    from rich.table import Table

STALLED_S = 10.0
"""Seconds without a byte after which a swarm's line says so."""

_STYLES = {"done": "green", "failed": "bold red", "lost": "bold red", "refused": "bold red"}
_COLUMNS = ("node", "host", "state", "here", "of", "rate", "free", "root", "note")


def document(statuses: Sequence[CoordinatorStatus]) -> dict[str, Any]:
    """The coordinators for a program; bytes and seconds."""
    return {"ok": True, "coordinators": [_plain(each) for each in statuses]}


def _plain(status: CoordinatorStatus) -> dict[str, Any]:
    plain: dict[str, Any] = to_plain(status)
    return {**plain, "versions": dict(status.versions)}


def parts(statuses: Sequence[CoordinatorStatus]) -> list[Table | str]:
    """Lines and tables for a person."""
    if not statuses:
        return ["Nothing runs: the cluster has no coordinator."]
    return [part for status in statuses for part in _of_coordinator(status)]


def _of_coordinator(status: CoordinatorStatus) -> list[Table | str]:
    version = status.versions.get("xfd_ray") or "unknown"
    nodes = len({node.id for node in status.nodes})
    head = (
        f"coordinator of xfd {version}, up {duration(status.since_s)}: "
        f"{_count(len(status.swarms), 'swarm')}, {_count(len(status.leases), 'call')}, "
        f"{_count(nodes, 'node')}"
    )
    shown: list[Table | str] = [head]
    for swarm in status.swarms:
        shown += _swarm_lines(swarm)
    if status.nodes:
        rows = [_row(node, _standing(node, status.swarms)) for node in status.nodes]
        shown.append(table(_COLUMNS, rows, right=("here", "of", "rate", "free"), styles=_STYLES))
    return shown


def _swarm_lines(swarm: SwarmStatus) -> list[str]:
    stalled = ""
    if swarm.progress_age_s >= STALLED_S:
        stalled = f", no byte for {duration(swarm.progress_age_s)}"
    lines = [f"swarm {swarm.id[:8]}, for {duration(swarm.since_s)}{stalled}"]
    for lease in swarm.leases:
        lines.append(f"  call {lease.id[:8]}{_from(lease)}: {_state(lease)}")
        if lease.progress is not None:
            lines += [f"    {stall}" for stall in lease.progress.stalls]
    return lines


def _from(lease: HeldLease) -> str:
    driver = f" from {lease.driver}" if lease.driver else ""
    return f"{driver}, for {duration(lease.since_s)}"


def _state(lease: HeldLease) -> str:
    if lease.error is not None:
        return f"failed: {lease.error.what}"
    if lease.progress is None:
        return "looking for objects"
    waits = "" if lease.waits_for is None else f", waiting for {lease.waits_for}"
    # The stalls have lines of their own.
    return line_of(lease.progress).partition("; ")[0] + waits


def _standing(node: NodeStatus, swarms: Sequence[SwarmStatus]) -> NodeStanding | None:
    """How far a node is in the last call of its swarm that is under way or over."""
    for swarm in swarms:
        if swarm.id != node.swarm:
            continue
        for lease in reversed(swarm.leases):
            for standing in () if lease.progress is None else lease.progress.per_node:
                if standing.node == node.id:
                    return standing
    return None


def _row(node: NodeStatus, standing: NodeStanding | None) -> tuple[str, ...]:
    free = "" if node.disk_free_bytes is None else human(node.disk_free_bytes)
    here = of = rate = note = ""
    if standing is not None:
        here, of = human(standing.done_bytes), human(standing.total_bytes)
        if standing.bytes_per_s is not None:
            rate = f"{human(standing.bytes_per_s)}/s"
        note = standing.stall or ""
    if node.error is not None:
        note = node.error.what
    return (node.id[:12], node.host, node.state, here, of, rate, free, node.root, note)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
