"""What to simulate: nodes, links, an object, and faults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from xfd_scheduler.links.windows import report_interval
from xfd_scheduler.settings import SchedulerSettings

GBIT = 1e9 / 8
"""Bytes per second of a link of 1 Gbit/s."""
EXCHANGE_S = 0.002
"""The least time between two exchanges of one node."""
EXACT_UP_TO = 128
"""Nodes up to which "auto" shares links exactly."""
Sharing = Literal["auto", "exact", "steps"]
SLOWED = 0.1
"""The share of its link that a straggler keeps."""
STARVED = 1e-3
"""The share of its node's link that a starving stream gets."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One run of the simulator.

    Attributes:
        nodes: how many there are, without `joining`.
        total_bytes: of all chunks together.
        chunk_bytes: of each chunk but the last.
        files: small files that `total_bytes` are spread over, in packs as in a real catalog; 0 for
            one object.
        down, up: bytes per second of the nodes; the pattern repeats.
        origin: bytes per second of the origin in total.
        origin_stream: the most of one connection to the origin, bytes per second.
        latency_s: from an order's start to the first byte from a peer.
        origin_latency_s: the same from the origin.
        relay: whether a node sends a chunk on while it receives it, or only once it is whole.
        report_interval_s: between two exchanges of one node with the scheduler; None for what the
            coordinator uses, at least `EXCHANGE_S`.
        start_spread_s: seconds over which the first exchanges of the nodes are spread.
        joins_s: when each of the first nodes joins; the others join with the last of these.
        expected: whether these nodes are announced before they join.
        zones: number of zones, which nodes take in turn.
        zone_link: bytes per second that leave or enter each zone.
        known_rates: whether the nodes' rates are configured, or have to be estimated.
        dying, joining: shares of the nodes that die and join, spread over the run.
        stragglers: share of the nodes whose links drop to `SLOWED` in the middle of the run.
        failing: share of the orders that break in the middle, as with a reset connection.
        starving: share of the orders whose stream stalls: it gets `STARVED` of its node's link.
        uneven: deviation of the logarithm of the streams' weights, which is normally distributed;
            streams share a link by their weights.
        order_overhead_s: seconds of a slot that each order costs beside the latency.
        sharing: whether rates are exact at every moment, or constant for a step; "auto" is exact up
            to `EXACT_UP_TO` nodes.
        step_s: length of a step; None for a thousandth of the bound, at most 20 ms. 0: exact.
        seed: of all random choices, in the scenario and the scheduler.

    Raises:
        ValueError: `joins_s` is not in order, or has more entries than there are nodes, or is
            combined with `joining`.
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
    known_rates: bool = False
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
        """Length of a step in seconds; 0 if rates are exact."""
        if self.step_s is not None:
            return self.step_s
        if self.sharing == "exact" or (self.sharing == "auto" and self.nodes <= EXACT_UP_TO):
            return 0.0
        return min(self.bound_s() / 1000, 0.02)

    def joins_at(self, node: int) -> float:
        """When one of the first nodes joins."""
        return self.joins_s[min(node, len(self.joins_s) - 1)] if self.joins_s else 0.0

    def rates_of(self, node: int) -> tuple[float, float]:
        """The node's downlink and uplink, bytes per second."""
        return self.down[node % len(self.down)], self.up[node % len(self.up)]

    def bound_s(self) -> float:
        """max(F/S, F/min d, (N-1)F / sum u): no schedule is faster."""
        rates = [self.rates_of(node) for node in range(self.nodes)]
        size = self.total_bytes
        slowest = min(down for down, _ in rates)
        sending = sum(up for _, up in rates)
        return max(size / self.origin, size / slowest, (self.nodes - 1) * size / sending)
