"""What workers and coordinators measure beside the data plane; `xfd_api.metrics` names it.

Each field is one series of the table. A field that is None has no value now, and is not exported.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorkerFigures:
    """Of one node's worker; sizes in bytes."""

    disk_free_bytes: int | None = None
    disk_size_bytes: int | None = None
    build_info: int = 1


@dataclass(frozen=True, slots=True)
class CoordinatorFigures:
    """Of one coordinator; sizes in bytes. `workers_lost`, `leases_ended_*` and the bytes of leases
    only grow.
    """

    nodes_starting: int = 0
    nodes_working: int = 0
    nodes_done: int = 0
    nodes_idle: int = 0
    nodes_failed: int = 0
    nodes_lost: int = 0
    nodes_refused: int = 0
    workers_lost: int = 0
    swarms: int = 0
    leases_finding: int = 0
    leases_waiting: int = 0
    leases_running: int = 0
    leases_done: int = 0
    leases_failed: int = 0
    leases_ended_done: int = 0
    leases_ended_failed: int = 0
    leases_ended_cancelled: int = 0
    leases_ended_expired: int = 0
    missing_bytes: int = 0
    origin_bytes: int = 0
    peer_bytes: int = 0
    cached_bytes: int = 0
    resumed_bytes: int = 0
    shared_bytes: int = 0
    remaining_bytes: int = 0
    progress_age_seconds: float = 0.0
    amplification_ratio: float | None = None
    efficiency_ratio: float | None = None
    build_info: int = 1
