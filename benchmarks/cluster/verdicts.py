"""Medians over rounds, and which goals they meet. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.cluster.contenders import ACTORS, EACH, FLOOR, SLOW_FLOOR
from benchmarks.cluster.measure import Row
from benchmarks.cluster.scenarios import SCENARIOS, Scenario

OF_CATALOG = 1.01
OF_FLOOR = 1.02
CONTROL_CPU = 0.25
WORKER_MIB = 250
IDLE_CPU = 0.01

OURS = {"xfd warm": "warm", "xfd cold": "cold"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """A measured value beside its goal; both in the same unit."""

    what: str
    value: float
    goal: float

    @property
    def is_met(self) -> bool:
        """Whether the value is at most the goal."""
        return self.value <= self.goal

    def __str__(self) -> str:
        return f"{self.what} {self.value:.3f}, goal {self.goal:g}{'' if self.is_met else ' MISSED'}"


def middle(rows: Sequence[Row], value: Callable[[Row], float | None]) -> float | None:
    """The median over the rows that have the value."""
    values = [found for row in rows if (found := value(row)) is not None]
    return statistics.median(values) if values else None


def floors(row: Row) -> float | None:
    """The row's time in floors of its own round."""
    return row.seconds / row.floor_s if row.floor_s else None


def of_catalog(row: Row) -> float:
    """What the object store's link carried, in catalogs."""
    return row.s3_bytes / SCENARIOS[row.scenario].total_bytes


def verdicts(scenario: str, contender: str, rows: Sequence[Row]) -> list[Verdict]:
    """Every goal of one of xfd's rows, with the measured value.

    Args:
        scenario: its name.
        contender: its name.
        rows: those of all scenarios and contenders.
    """
    shape, mine = SCENARIOS[scenario], rows_of(scenario, contender, rows)
    if contender not in OURS or not mine:
        return []
    found = [*_of_bytes(shape, mine), *_of_cost(shape, mine, rows)]
    others = [Verdict(what, value, goal) for what, value, goal in found if value is not None]
    return times(scenario, contender, rows) + others


def times(scenario: str, contender: str, rows: Sequence[Row]) -> list[Verdict]:
    """The goals for the time alone; for arguments see `verdicts`."""
    shape, mine = SCENARIOS[scenario], rows_of(scenario, contender, rows)
    if contender not in OURS or not mine:
        return []
    found = _of_time(shape, OURS[contender], mine, rows)
    return [Verdict(what, value, goal) for what, value, goal in found if value is not None]


def rows_of(scenario: str, contender: str, rows: Sequence[Row]) -> list[Row]:
    """The runs of one contender in one scenario."""
    return [row for row in rows if row.scenario == scenario and row.contender == contender]


Found = tuple[str, float | None, float]


def _of_time(shape: Scenario, way: str, mine: Sequence[Row], rows: Sequence[Row]) -> list[Found]:
    goals, found = shape.goals, []
    goal = goals.warm if way == "warm" else goals.cold
    if goal is not None and shape.slow:
        slow = {host for host, _ in shape.slow}
        found.append(("others / floor", middle(mine, lambda r: _others(r, slow)), goal))
    elif goal is not None and goals.unit == "floors":
        found.append(("x floor", middle(mine, floors), goal))
    elif goal is not None:
        seconds = middle(mine, lambda r: r.seconds)
        if way == "cold" and seconds is not None:
            base = middle(rows_of(shape.name, ACTORS, rows), lambda r: r.seconds)
            found.append(("s beyond actors", None if base is None else seconds - base, goal))
        else:
            found.append(("s", seconds, goal))
    if goals.slow is not None and way == "warm":
        host = shape.slow[0][0]
        found.append(("slow / its floor", middle(mine, lambda r: _slow(r, host)), goals.slow))
    if goals.like is not None and way == "warm":
        factor, other = goals.like
        theirs = [row for row in rows if row.scenario == other and row.contender == "xfd warm"]
        base, seconds = middle(theirs, lambda r: r.seconds), middle(mine, lambda r: r.seconds)
        ratio = seconds / base if seconds is not None and base else None
        found.append((f"x own in {other}", ratio, factor))
    if goals.late is not None and way == "warm":
        late = middle(mine, lambda r: r.seconds / (shape.late_s + r.floor_s) if r.floor_s else None)
        found.append(("x start and floor of the late ones", late, goals.late))
    if goals.of_each is not None and way == "warm":
        each = {row.round: row.seconds for row in rows_of(shape.name, EACH, rows)}
        ratio = middle(mine, lambda r: r.seconds / each[r.round] if r.round in each else None)
        found.append(("x s5cmd on each", ratio, goals.of_each))
    return found


def _of_bytes(shape: Scenario, mine: Sequence[Row]) -> list[Found]:
    if shape.work in ("cached", "idle"):
        return []
    if shape.is_small:
        of_floor = middle(
            mine, lambda r: r.s3_bytes / r.floor_s3_bytes if r.floor_s3_bytes else None
        )
        return [("S3 bytes / floor's", of_floor, OF_FLOOR)]
    return [("S3 bytes / catalog", middle(mine, of_catalog), OF_CATALOG)]


def _of_cost(shape: Scenario, mine: Sequence[Row], rows: Sequence[Row]) -> list[Found]:
    found: list[Found] = [("worker MiB", middle(mine, lambda r: r.worker_peak_mib), WORKER_MIB)]
    if shape.work == "idle":
        idle, base = middle(mine, _all_cpu), middle(rows_of(shape.name, ACTORS, rows), _all_cpu)
        beyond = None if idle is None or base is None else idle - base
        found += [("idle cores", idle, IDLE_CPU), ("of these beyond Ray's own", beyond, IDLE_CPU)]
    elif shape.goals.worker_cpu is not None:
        cpu_s = middle(mine, lambda r: _cpu_s(r, shape))
        found.append(("workers' CPU s/GiB", cpu_s, shape.goals.worker_cpu))
    elif shape.nodes == 8:
        found.append(("control cores", middle(mine, lambda r: r.control_cpu), CONTROL_CPU))
    return found


def _all_cpu(row: Row) -> float | None:
    if row.control_cpu is None or row.workers_cpu is None:
        return None
    return row.control_cpu + row.workers_cpu


def _cpu_s(row: Row, shape: Scenario) -> float | None:
    """Of all workers, for each GiB delivered."""
    return row.workers_cpu and row.workers_cpu * row.seconds / shape.delivered_gib


def _others(row: Row, slow: set[str]) -> float | None:
    others = [seconds for host, seconds in row.node_s.items() if host not in slow]
    return max(others) / row.floor_s if others and row.floor_s else None


def _slow(row: Row, host: str) -> float | None:
    seconds = row.node_s.get(host)
    return seconds / row.slow_floor_s if seconds and row.slow_floor_s else None


def order_of(contender: str) -> tuple[int, str]:
    """Floors first, then ours, then the others."""
    first = (FLOOR, SLOW_FLOOR, "xfd warm", "xfd cold")
    return (first.index(contender) if contender in first else len(first), contender)
