"""Figures beside their goals."""

from __future__ import annotations

import math
from dataclasses import dataclass

from xfd_scheduler.simulator.outcome import Outcome
from xfd_scheduler.simulator.scenario import Scenario

ONE_CHUNK_NODES = 500


@dataclass(frozen=True, slots=True)
class Goal:
    """A limit of a figure: its most, or its least."""

    limit: float
    at_least: bool = False

    def verdict(self, what: str, value: float) -> str:
        """One line: the figure, its goal, and whether the goal is met."""
        met = value >= self.limit if self.at_least else value <= self.limit
        sign = "≥" if self.at_least else "≤"
        word = "met" if met else "MISSED"
        return f"    {word:6} {what}: {_number(value)}, goal {sign} {_number(self.limit)}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3f}"


PER_SECOND = Goal(150_000, at_least=True)
GROWTH = Goal(1.5)
MEMORY_MIB = Goal(256)
RATIO = {8: Goal(1.05), 64: Goal(1.05), 512: Goal(1.08), 2000: Goal(1.15)}
LARGEST = Goal(1.03)
MIXED_RATES = Goal(1.15)
CHURN = Goal(1.15)
LATE = Goal(1.15)
JOIN_S = Goal(14.4)
"""Joins at 0, 3, 3, 3 s; 13.7 s are possible."""
WEAK_SPOTS = {
    "drop": ("1 of 12 drops to a tenth half-way, the others", Goal(1.2)),
    "drop16": ("the same, 16 slots, links of 4 Gbit/s", Goal(1.2)),
    "starve": ("one stream in 200 gets a thousandth of its link", Goal(1.35)),
    "40half": ("rates 1:4, 40 nodes, 1 GB, the fast ones", Goal(1.3)),
    "quickO": ("an origin of ten times a node's link", Goal(1.08)),
    "patient": ("joins at 0, 2, 2, 2 s, announced", Goal(1.2)),
    "64long": ("64 nodes, 300 chunks, 8 slots", Goal(1.07)),
}
"""By scenario: what it is, and the goal of the worst node over its own bound."""
ROUNDS = Goal(1.1 * (1 + math.ceil(math.log2(ONE_CHUNK_NODES))))
RELAYED_ROUNDS = Goal(3.0)
PACKS = Goal(1.2)
STEPS = Goal(0.05)
WITHIN = Goal(0.10)


def lost_share(outcome: Outcome) -> float:
    """Bytes whose last copy was lost with a node, as a share of the object."""
    return outcome.lost_bytes / outcome.scenario.total_bytes


def rounds(outcome: Outcome) -> float:
    """The time in rounds; one round is the time of one chunk on one link."""
    scenario: Scenario = outcome.scenario
    return outcome.elapsed_s / (scenario.chunk_bytes / scenario.down[0])
