"""What a simulated run came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from xfd_scheduler.simulator.node import SimNode
from xfd_scheduler.simulator.scenario import Scenario


@dataclass(slots=True)
class Outcome:
    """Figures of one run.

    Attributes:
        elapsed_s: until the last node that was there from the start was whole.
        slowest_ratio: the largest of (a node's time) / (its own bound).
        joiners_ratio: likewise of late joiners, counted from when they joined.
        decisions: reports of chunks handled.
        scheduler_s: processor seconds spent in the scheduler, where a clock was given.
        arrivals, chunks: when which chunk arrived somewhere, for pictures.
        finished: when each node that was there from the start was whole, in order.
    """

    scenario: Scenario
    joiners: int = 0
    elapsed_s: float = 0.0
    slowest_ratio: float = 0.0
    joiners_ratio: float = 0.0
    origin_bytes: float = 0.0
    peer_bytes: float = 0.0
    cross_zone_bytes: float = 0.0
    lost_bytes: float = 0.0
    failed_orders: int = 0
    decisions: int = 0
    scheduler_s: float = 0.0
    arrivals: list[float] = field(default_factory=list)
    chunks: list[int] = field(default_factory=list)
    finished: list[float] = field(default_factory=list)

    def moved(
        self, node: SimNode, source: SimNode | None, chunk: int, size: float, now: float
    ) -> None:
        """A chunk arrived."""
        self.arrivals.append(now)
        self.chunks.append(chunk)
        if source is None:
            self.origin_bytes += size
            return
        self.peer_bytes += size
        if source.zone != node.zone:
            self.cross_zone_bytes += size

    def finish(self, nodes: Sequence[SimNode], now: float) -> None:
        """Derives the figures at the end of a run."""
        scenario = self.scenario
        size = scenario.total_bytes
        self.elapsed_s = now
        first = [node for node in nodes if node.alive and node.index < scenario.nodes]
        late = [node for node in nodes if node.alive and node.index >= scenario.nodes]
        self.finished = sorted(node.finished or now for node in first)
        self.elapsed_s = self.finished[-1]
        shared = max(size / scenario.origin, self._sending_bound())
        for node in first:
            own = max(shared, size / scenario.rates_of(node.index)[0])
            self.slowest_ratio = max(self.slowest_ratio, (node.finished or now) / own)
        for node in late:
            own = size / scenario.rates_of(node.index)[0]
            took = (node.finished or now) - node.joined
            self.joiners_ratio = max(self.joiners_ratio, took / own)

    def _sending_bound(self) -> float:
        scenario = self.scenario
        sending = sum(scenario.rates_of(node)[1] for node in range(scenario.nodes))
        return (scenario.nodes - 1) * scenario.total_bytes / sending

    @property
    def ratio(self) -> float:
        """Time over bound; 1 is as fast as physics allows."""
        return self.elapsed_s / self.scenario.bound_s()

    @property
    def amplification(self) -> float:
        """Bytes read from the origin over bytes of the object."""
        return self.origin_bytes / self.scenario.total_bytes

    @property
    def decisions_per_s(self) -> float:
        """Chunk assignments per processor second, reports handled."""
        return self.decisions / self.scheduler_s if self.scheduler_s else 0.0
