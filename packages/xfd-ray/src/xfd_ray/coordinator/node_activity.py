"""What the nodes of a swarm last reported of themselves: rates, work, and why nothing comes. Pure.

A report costs the same however large the swarm and its catalog are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from xfd_api.ids import NodeId
from xfd_api.node_report import NodeReport, Stall
from xfd_api.reports import NodeCounters, OrderFailed
from xfd_api.smoothed_rate import SmoothedRate
from xfd_api.wire_format import event_columns


@dataclass(slots=True)
class NodeActivity:
    """What one node last reported.

    Attributes:
        heard_at: when it reported last, or when its worker was lost.
        has_worker: False from the loss of its worker to the first report of the next one.
        moved_at: when a report had bytes that the one before had not.
        counters: of the swarm on this node.
        held_bytes: of the chunks that came whole.
        rate: of the bytes that it receives.
        stall: why nothing arrives, at the time of the last report.
        lookup_failure: how its lookups fail; empty if they do not.
        failure: why its last order failed, as a `Stall`; None if bytes came since.
    """

    heard_at: float
    moved_at: float
    has_worker: bool = True
    counters: NodeCounters = field(default_factory=NodeCounters)
    held_bytes: int = 0
    rate: SmoothedRate = field(default_factory=SmoothedRate)
    stall: Stall | None = None
    lookup_failure: str = ""
    failure: Stall | None = None

    def reported(self, report: NodeReport, now: float) -> None:
        """Takes a report."""
        received = report.counters.origin_bytes + report.counters.peer_bytes
        before = self.counters.origin_bytes + self.counters.peer_bytes
        if received != before:
            self.moved_at, self.failure = now, None
        events = event_columns(report.events)
        moved = zip(events.sizes, events.transfer_seconds, strict=True)
        self.held_bytes += sum(size for size, took in moved if took)
        for event in events.others:
            if isinstance(event, OrderFailed) and event.fault != "node":
                self.failure = Stall(0.0, event.source, event.error.what)
        self.rate.add(now, received)
        self.heard_at, self.has_worker = now, True
        self.counters, self.stall = report.counters, report.stall
        self.lookup_failure = report.lookup_failure

    @property
    def was_moving(self) -> bool:
        """Whether its last report had bytes that the one before had not."""
        received = self.counters.origin_bytes + self.counters.peer_bytes
        return received > 0 and self.moved_at == self.heard_at

    @property
    def is_receiving(self) -> bool:
        """Whether chunks are under way to it."""
        return self.counters.active_origin + self.counters.active_peer > 0

    def bytes_in_flight(self, largest_chunk: int) -> int:
        """Bytes of chunks that are not whole yet; what was received in vain does not count."""
        counters = self.counters
        received = counters.origin_bytes + counters.peer_bytes
        active = counters.active_origin + counters.active_peer
        return max(0, min(received - self.held_bytes, active * largest_chunk))


class SwarmActivity(Mapping[NodeId, NodeActivity]):
    """The activity of each node that has reported."""

    def __init__(self) -> None:
        self._nodes: dict[NodeId, NodeActivity] = {}

    def __getitem__(self, node: NodeId) -> NodeActivity:
        return self._nodes[node]

    def __iter__(self) -> Iterator[NodeId]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)

    def reported(self, node: NodeId, report: NodeReport, now: float) -> None:
        """A node reported."""
        known = self._nodes.get(node)
        if known is None:
            known = self._nodes[node] = NodeActivity(heard_at=now, moved_at=now)
        known.reported(report, now)

    def lost(self, node: NodeId, now: float) -> None:
        """The node's worker is gone; another one counts from zero."""
        self._nodes[node] = NodeActivity(heard_at=now, moved_at=now, has_worker=False)
