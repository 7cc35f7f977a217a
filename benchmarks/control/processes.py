"""Processor time and memory of a cluster's processes, by role, read from /proc."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from benchmarks.dataplane.measure import TICK_S, descendants_of

WORKERS = "workers"
COORDINATOR = "coordinator"
RAY = "Ray"
STORE = "store"
OTHER = "other"
_ROLES = {
    "ray::NodeWorker": WORKERS,
    "ray::CoordinatorActor": COORDINATOR,
    "weed": STORE,
    "raylet": RAY,
    "gcs_server": RAY,
    "ray::": RAY,
    "ray/": RAY,
    "ray-": RAY,
    "ray.": RAY,
}
"""Roles by what stands in a command line; the first that fits."""


@dataclass(frozen=True, slots=True)
class Use:
    """What one process has used since it started.

    Attributes:
        kernel_s: the part of `cpu_s` that the kernel spent for it.
        peak_bytes: highest resident set.
    """

    role: str
    cpu_s: float
    kernel_s: float
    peak_bytes: int


Snapshot = dict[int, Use]
"""By process id."""


def snapshot(root: int) -> Snapshot:
    """What all processes below this one have used so far."""
    found: Snapshot = {}
    for pid in descendants_of(root):
        with contextlib.suppress(OSError):  # It ended meanwhile.
            found[pid] = use_of(pid)
    return found


def use_of(pid: int) -> Use:
    """What a process that is alive has used so far.

    Raises:
        OSError: it is not.
    """
    command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, kernel = (int(stat[place]) * TICK_S for place in (11, 12))
    return Use(_role(command), user + kernel, kernel, _peak_bytes(pid))


def used(before: Snapshot, after: Snapshot) -> dict[str, tuple[float, float]]:
    """Processor seconds by role between two snapshots, and the kernel's part of them.

    >>> early, late = Use(WORKERS, 1.0, 0.5, 0), Use(WORKERS, 3.0, 1.0, 0)
    >>> used({7: early}, {7: late, 8: Use(RAY, 0.25, 0.0, 0)})
    {'workers': (2.0, 0.5), 'Ray': (0.25, 0.0)}
    """
    totals: dict[str, tuple[float, float]] = {}
    for pid, use in after.items():
        earlier = before.get(pid)
        cpu_s, kernel_s = totals.get(use.role, (0.0, 0.0))
        cpu_s += use.cpu_s - (earlier.cpu_s if earlier else 0.0)
        kernel_s += use.kernel_s - (earlier.kernel_s if earlier else 0.0)
        totals[use.role] = (cpu_s, kernel_s)
    return totals


def peak_bytes(after: Snapshot, role: str) -> int:
    """The highest resident set that a process of the role has had."""
    return max((use.peak_bytes for use in after.values() if use.role == role), default=0)


def _role(command: str) -> str:
    return next((role for part, role in _ROLES.items() if part in command), OTHER)


def _peak_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
