"""What is simulated: nodes, links, an object, and what goes wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from xfd_scheduler.links.windows import report_interval
from xfd_scheduler.settings import SchedulerSettings

GBIT = 1e9 / 8
"""Bytes per second of a link of 1 Gbit/s."""
EXCHANGE_S = 0.002
"""What one exchange takes at least."""
EXACT_UP_TO = 128
Sharing = Literal["auto", "exact", "steps"]
SLOWED = 0.1
"""What is left of a straggler's link."""
STARVED = 1e-3
"""What is left to a starving stream, as a share of its node's link."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One run of the simulator.

    Attributes:
        nodes: how many there are from the start.
        total_bytes: of all chunks together.
        chunk_bytes: of each chunk but the last.
        files: small files that `total_bytes` are spread over, sent in packs as a real catalog has
            them; 0 for one object.
        down, up: bytes per second of each node, by a repeating pattern over the nodes.
        origin: bytes per second that the origin gives in all.
        origin_stream: bytes per second that one connection to the origin gives at most.
        latency_s: from an order's start to the first byte from a peer.
        origin_latency_s: likewise from the origin.
        relay: a node sends on a chunk while it receives it; else only once it has it whole.
        report_interval_s: between two exchanges of one node with the scheduler; None for a
            what the coordinator uses, at least `EXCHANGE_S`.
        start_spread_s: seconds in which the nodes get their first orders, one after the other.
        joins_s: when each of the first nodes joins; the others join with the last of these.
        expected: the scheduler is told of these nodes before they join.
        zones: nodes are dealt out to so many zones in turn.
        zone_link: bytes per second that leave or enter each zone.
        tell_rates, tell_zones: whether the scheduler is told or has to find out.
        dying, joining: shares of the nodes that die, and join, spread over the middle of the run.
        stragglers: share of the nodes whose links drop to `SLOWED` in the middle of the run.
        failing: share of the orders that fail half-way (a reset connection).
        starving: share of the orders whose stream gets next to nothing (`STARVED` of what the node
            receives) for as long as it lasts.
        uneven: how differently streams share a link: each has a weight of its own, whose logarithm
            is normally distributed with this deviation.
        order_overhead_s: what each order costs its slot beside the latency.
        sharing: whether rates are exact at every moment, or held for steps of time; "auto" is exact
            up to `EXACT_UP_TO` nodes.
        step_s: length of a step; None for a thousandth of the bound, at most 20 ms. 0: exact.
        seed: of what is chosen by chance, in the scenario and the scheduler.
    """

    nodes: int
    total_bytes: float
    chunk_bytes: float
    down: tuple[float, ...] = (10 * GBIT,)
    up: tuple[float, ...] = (10 * GBIT,)
    origin: float = 10 * GBIT
    origin_stream: float = float("inf")
    latency_s: float = 0.0005
    origin_latency_s: float = 0.02
    relay: bool = True
    report_interval_s: float | None = None
    start_spread_s: float = 0.0
    joins_s: tuple[float, ...] = ()
    expected: bool = False
    zones: int = 1
    zone_link: float = float("inf")
    tell_rates: bool = False
    dying: float = 0.0
    joining: float = 0.0
    stragglers: float = 0.0
    failing: float = 0.0
    starving: float = 0.0
    uneven: float = 0.0
    order_overhead_s: float = 0.0
    sharing: Sharing = "auto"
    step_s: float | None = None
    seed: int = 0
    files: int = 0
    settings: SchedulerSettings = field(default_factory=SchedulerSettings)

    def __post_init__(self) -> None:
        if list(self.joins_s) != sorted(self.joins_s) or len(self.joins_s) > self.nodes:
            raise ValueError(f"joins_s of {self.nodes} nodes is {self.joins_s}: not in order")
        if self.joins_s and self.joining:
            raise ValueError("joins_s and joining do not go together")

    @property
    def interval_s(self) -> float:
        """Between two exchanges of one node with the scheduler."""
        if self.report_interval_s is not None:
            return self.report_interval_s
        return max(EXCHANGE_S, report_interval(self.nodes))

    @property
    def step(self) -> float:
        """Length of a step in seconds; 0 where rates are shared exactly."""
        if self.step_s is not None:
            return self.step_s
        if self.sharing == "exact" or (self.sharing == "auto" and self.nodes <= EXACT_UP_TO):
            return 0.0
        return min(self.bound_s() / 1000, 0.02)

    def joins_at(self, node: int) -> float:
        """When one of the first nodes joins."""
        return self.joins_s[min(node, len(self.joins_s) - 1)] if self.joins_s else 0.0

    def rates_of(self, node: int) -> tuple[float, float]:
        """What the node receives and sends, bytes per second."""
        return self.down[node % len(self.down)], self.up[node % len(self.up)]

    def bound_s(self) -> float:
        """max(F/S, F/min d, (N-1)F / sum u): no schedule is faster."""
        rates = [self.rates_of(node) for node in range(self.nodes)]
        size = self.total_bytes
        slowest = min(down for down, _ in rates)
        sending = sum(up for _, up in rates)
        return max(size / self.origin, size / slowest, (self.nodes - 1) * size / sending)
