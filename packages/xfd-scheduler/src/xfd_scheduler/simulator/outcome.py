"""The figures of a simulated run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from xfd_api.traffic import Traffic
from xfd_scheduler.simulator.node import SimNode
from xfd_scheduler.simulator.scenario import SLOWED, Scenario


def zone_name(zone: int) -> str:
    """The zone's name in `NodeTraits`."""
    return f"zone-{zone}"


@dataclass(slots=True)
class Outcome:
    """Figures of one run.

    Attributes:
        elapsed_s: until the last of the first nodes held every chunk.
        slowest_ratio: the largest of (a node's time) / (its own bound), without stragglers.
        straggler_ratio: the same of stragglers; their bound knows when they became slow.
        joiners_ratio: the same of late joiners, counted from when they joined.
        lost_bytes: of chunks whose last copy was on a node that died.
        decisions: reports of chunks handled.
        scheduler_s: processor seconds of the scheduler; 0 without a clock.
        zone_bytes: bytes from a zone (None: the origin) to a zone.
        arrivals, chunks: the time and the chunk of each arrival on any node, for pictures.
        finished: when each of the first nodes held every chunk, sorted.
    """

    scenario: Scenario
    joiners: int = 0
    elapsed_s: float = 0.0
    slowest_ratio: float = 0.0
    straggler_ratio: float = 0.0
    joiners_ratio: float = 0.0
    origin_bytes: float = 0.0
    zone_bytes: dict[tuple[str | None, str], int] = field(default_factory=dict)
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
        pair = (None if source is None else zone_name(source.zone), zone_name(node.zone))
        self.zone_bytes[pair] = self.zone_bytes.get(pair, 0) + round(size)
        if source is None:
            self.origin_bytes += size

    def finish(self, nodes: Sequence[SimNode], now: float) -> None:
        """Derives the figures; to be called at the end of a run."""
        scenario = self.scenario
        size = scenario.total_bytes
        self.elapsed_s = now
        first = [node for node in nodes if node.alive and node.index < scenario.nodes]
        late = [node for node in nodes if node.alive and node.index >= scenario.nodes]
        self.finished = sorted(node.finished or now for node in first)
        self.elapsed_s = self.finished[-1]
        shared = max(size / scenario.origin, self._sending_bound())
        for node in first:
            down = scenario.rates_of(node.index)[0]
            took = node.finished or now
            if node.slowed_at is None or took <= node.slowed_at:
                self.slowest_ratio = max(self.slowest_ratio, took / max(shared, size / down))
            else:
                left = size - node.slowed_at * down
                own = max(shared, node.slowed_at + left / (SLOWED * down))
                self.straggler_ratio = max(self.straggler_ratio, took / own)
        for node in late:
            own = size / scenario.rates_of(node.index)[0]
            took = (node.finished or now) - node.joined
            self.joiners_ratio = max(self.joiners_ratio, took / own)

    def _sending_bound(self) -> float:
        scenario = self.scenario
        sending = sum(scenario.rates_of(node)[1] for node in range(scenario.nodes))
        return (scenario.nodes - 1) * scenario.total_bytes / sending

    @property
    def traffic(self) -> Traffic:
        """Bytes within and across zones."""
        return Traffic.of(self.zone_bytes)

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
        """Assignments per processor second, with their reports."""
        return self.decisions / self.scheduler_s if self.scheduler_s else 0.0
