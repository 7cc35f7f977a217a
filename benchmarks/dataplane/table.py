"""Tables from costs: medians, spreads, ratios within a round, and goals."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.dataplane.measure import Cost

GIB = 2**30
MIB = 2**20

Costs = Mapping[str, Sequence[Cost]]
"""By contender, one for each round."""


@dataclass(frozen=True, slots=True)
class Goal:
    """An upper limit, and the median that was measured."""

    measure: str
    limit: float
    reached: float
    unit: str

    def line(self) -> str:
        """A row of the table of goals."""
        verdict = "yes" if self.reached <= self.limit else "no"
        return f"| {self.measure} | {self.limit:g} {self.unit} | {self.reached:.3g} | {verdict} |"


@dataclass(slots=True)
class Section:
    """What one row of the benchmark prints."""

    title: str
    lines: list[str] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)


def goal_table(goals: Sequence[Goal]) -> Iterator[str]:
    """All goals below each other."""
    yield "| measure | goal, at most | reached | met |"
    yield "|---|---|---|---|"
    yield from (goal.line() for goal in goals)


def cost_table(costs: Costs, gib: float, against: str) -> Iterator[str]:
    """Every contender's medians, and the medians of its ratios to one contender in each round.

    Args:
        costs: at least one round of each.
        gib: GiB that a run delivers.
        against: the contender that the others are compared with; the first if it is absent.
    """
    yield (
        "| contender | wall s | min - max | CPU s | CPU s/GiB | peak anon MiB | wall ratio "
        "| CPU ratio |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    base = against if against in costs else next(iter(costs))
    for name, row in costs.items():
        walls = [cost.wall_s for cost in row]
        cpu = statistics.median(cost.cpu_s for cost in row)
        anon = statistics.median(cost.anon_bytes for cost in row) / MIB
        cells = (
            name,
            f"{statistics.median(walls):.2f}",
            f"{min(walls):.2f} - {max(walls):.2f}",
            f"{cpu:.2f}",
            f"{cpu / gib:.2f}",
            f"{anon:.0f}",
            f"{ratio(costs, name, base, wall):.2f}",
            f"{ratio(costs, name, base, cpu_time):.2f}",
        )
        yield f"| {' | '.join(cells)} |"


def wall(cost: Cost) -> float:
    return cost.wall_s


def cpu_time(cost: Cost) -> float:
    return cost.cpu_s


def ratio(costs: Costs, name: str, against: str, of: Callable[[Cost], float]) -> float:
    """The median over the rounds of one contender's value over the other's."""
    return ratio_to_largest(costs, name, (against,), of)


def ratio_to_largest(
    costs: Costs, name: str, against: Sequence[str], of: Callable[[Cost], float]
) -> float:
    """The same, against the contender with the largest value in that round."""
    others = zip(*(costs[other] for other in against), strict=True)
    return statistics.median(
        of(one) / max(of(other) for other in row)
        for one, row in zip(costs[name], others, strict=True)
    )
