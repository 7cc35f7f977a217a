"""What all leases of a coordinator have come to: bytes and outcomes that only grow. Pure.

A lease that expired and is attached again goes on with what it had, which counts once.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import astuple, dataclass, replace
from typing import Literal

from xfd_api.results import DistributionReport
from xfd_ray.coordinator.lease import Lease
from xfd_ray.coordinator.lease_progress import LeaseProgress
from xfd_ray.messages import LeaseState

Outcome = Literal["done", "failed", "cancelled", "expired"]


@dataclass(frozen=True, slots=True)
class LeaseBytes:
    """Bytes of leases, by the names that `DistributionReport` gives them."""

    missing_bytes: int = 0
    origin_bytes: int = 0
    peer_bytes: int = 0
    cached_bytes: int = 0
    resumed_bytes: int = 0
    shared_bytes: int = 0

    @staticmethod
    def of(progress: LeaseProgress) -> LeaseBytes:
        """What a lease has come to so far."""
        nodes = progress.nodes.values()
        return LeaseBytes(
            missing_bytes=sum(progress.bytes_of[index] for index in progress.missing_anywhere),
            origin_bytes=sum(node.origin_bytes for node in nodes),
            peer_bytes=sum(node.peer_bytes for node in nodes),
            cached_bytes=sum(node.cached_bytes for node in nodes),
            resumed_bytes=sum(node.resumed_bytes for node in nodes),
            shared_bytes=sum(node.shared_bytes for node in nodes),
        )


class LeaseTotals:
    """Sums over all leases that were ever open.

    Attributes:
        bytes: of all leases.
        ended: leases that are over, by their outcome.
        last_report: of the last lease that had something to fetch, and is done; its totals only.
    """

    def __init__(self) -> None:
        self.bytes = LeaseBytes()
        self.ended: Counter[Outcome] = Counter()
        self.last_report: DistributionReport | None = None
        self._counted: dict[str, LeaseBytes] = {}
        self._reported: set[str] = set()

    def count(self, lease: Lease) -> None:
        """Adds what a lease has come to since the last call."""
        if lease.progress is None:
            return
        name = lease.request.id
        before = astuple(self._counted.get(name, LeaseBytes()))
        now = tuple(map(max, before, astuple(LeaseBytes.of(lease.progress))))
        added = (new - old for old, new in zip(before, now, strict=True))
        self._counted[name] = LeaseBytes(*now)
        self.bytes = LeaseBytes(*map(sum, zip(astuple(self.bytes), added, strict=True)))
        if lease.report is not None and name not in self._reported:
            self._reported.add(name)
            if lease.report.missing_bytes:
                self.last_report = replace(lease.report, nodes=(), objects=(), timeline=None)

    def end(self, lease: Lease, *, expired: bool = False) -> None:
        """A lease is given back, or has expired and may be attached again."""
        self.count(lease)
        self.ended["expired" if expired else _OUTCOMES.get(lease.state, "cancelled")] += 1
        if not expired:
            self.forget(lease.request.id)

    def forget(self, lease_id: str) -> None:
        """A lease is not attached again."""
        self._counted.pop(lease_id, None)
        self._reported.discard(lease_id)


_OUTCOMES: dict[LeaseState, Outcome] = {LeaseState.DONE: "done", LeaseState.FAILED: "failed"}
