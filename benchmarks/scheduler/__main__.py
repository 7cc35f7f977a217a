"""Measures the scheduler: its cost, and its time over the bound in the simulator.

python -m benchmarks.scheduler            every row; the large ones take half an hour
python -m benchmarks.scheduler --quick    without rows of 500 and more nodes
python -m benchmarks.scheduler NAME ...   some rows; `--list` prints their names

Each figure is printed with its goal, if it has one. Most simulated rows run with several seeds: the
median is compared with the goal, and the worst is printed too. The rows of `weak_spots` run with
seeds that nothing is tuned on, and compare the worst.

`python -m benchmarks.scheduler.table` compares two revisions over many small scenarios, and
`python -m benchmarks.scheduler.ablation` each rule with its absence.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.scheduler.costs import WIDE, cost, memory
from benchmarks.scheduler.goals import (
    CHURN,
    GROWTH,
    JOIN_S,
    LARGEST,
    LATE,
    MEMORY_MIB,
    MIXED_RATES,
    ONE_CHUNK_NODES,
    PACKS,
    PER_SECOND,
    RATIO,
    RELAYED_ROUNDS,
    ROUNDS,
    STEPS,
    WEAK_SPOTS,
    WITHIN,
    Goal,
    lost_share,
    rounds,
)
from benchmarks.scheduler.scenarios import GOAL_SEEDS, SCENARIOS
from xfd_api.chunks import MIB
from xfd_scheduler import SchedulerSettings
from xfd_scheduler.simulator.cli import HEAD, line, run
from xfd_scheduler.simulator.comparators import COMPARATORS
from xfd_scheduler.simulator.outcome import Outcome
from xfd_scheduler.simulator.scenario import GBIT, Scenario
from xfd_scheduler.simulator.validation import ROW_HEAD, from_settings
from xfd_scheduler.simulator.validation import row as measured_row

MEASURED = Path(__file__).with_name("measured.json")
TEN_GB: dict[str, Any] = {"total_bytes": 10e9, "chunk_bytes": 8e6, "settings": WIDE}


def simulate(what: str, scenario: Scenario, seeds: int = 3) -> Outcome:
    """Prints the median and the worst of several seeds; returns the median."""
    outcomes = _sorted_outcomes(what, scenario, range(seeds))
    return outcomes[seeds // 2]


def _sorted_outcomes(what: str, scenario: Scenario, seeds: Sequence[int]) -> list[Outcome]:
    """Prints the median and the worst of these seeds; returns all, the best first."""
    began = time.perf_counter()
    outcomes = [run(replace(scenario, seed=seed), "xfd") for seed in seeds]
    took = (time.perf_counter() - began) / len(seeds)
    outcomes.sort(key=lambda outcome: outcome.slowest_ratio)
    print(f"{line('xfd', outcomes[len(seeds) // 2])}  {what}, {took:.0f} s a run", flush=True)
    if len(seeds) > 1:
        print(line(f"  worst of {len(seeds)}", outcomes[-1]), flush=True)
    return outcomes


def compare(goal: Goal, what: str, value: float) -> None:
    """Prints a figure with its goal."""
    print(goal.verdict(what, value), flush=True)


def _cost(nodes: int, chunks: int, most: int | None) -> float:
    bare, coded = cost(nodes, chunks, most)
    print(
        f"{nodes:5} nodes x {chunks:6} chunks: {bare:9,.0f} assignments/s, "
        f"{coded:9,.0f} with reports decoded and orders encoded",
        flush=True,
    )
    return coded


def costs() -> None:
    few = _cost(100, 2000, None)
    compare(GROWTH, "cost per decision, 100 to 5,000 nodes", few / _cost(5000, 2000, 10**6))


def cost_whole() -> None:
    compare(PER_SECOND, "assignments per second, coded", _cost(1000, 10_000, None))


def memories() -> None:
    first, most = memory(5000, 20_000)
    print(f"memory, 5000 nodes x 20000 chunks: {first:.0f} MiB at first, {most:.0f} at most")
    compare(MEMORY_MIB, "MiB, 5,000 nodes x 20,000 chunks", most)


def _size(nodes: int, step_s: float, seeds: int, settings: SchedulerSettings = WIDE) -> None:
    scenario = Scenario(nodes, **{**TEN_GB, "settings": settings}, step_s=step_s)
    outcome = simulate("10 GB", scenario, seeds)
    compare(RATIO[nodes], f"T/bound, {nodes} nodes", outcome.ratio)


def sizes() -> None:
    for nodes in (8, 64):
        _size(nodes, 0.004, 3)


def size_512() -> None:
    _size(512, 0.008, 1)


def size_2000() -> None:
    """A node exchanges every two seconds, so the first plan has to last that long."""
    _size(2000, 0.01, 1, replace(WIDE, assignments_per_plan=1_000_000))


def size_140_gb() -> None:
    scenario = Scenario(1000, 140e9, 100e6, step_s=0.05, settings=WIDE)
    compare(LARGEST, "T/bound", simulate("140 GB in 100 MB", scenario, seeds=1).ratio)


def rates() -> None:
    for nodes, size, step_s, pattern in (
        (8, 10e9, 0.002, (10, 2.5)),
        (8, 10e9, 0.002, (10, 10, 10, 2.5)),
        (8, 10e9, 0.002, (10, 2.5, 2.5, 2.5)),
        (40, 4e9, 0.004, (10, 2.5)),
    ):
        links = tuple(rate * GBIT for rate in pattern)
        outcome = simulate(
            f"rates {pattern}, unknown", Scenario(nodes, size, 8e6, links, links, step_s=step_s)
        )
        compare(MIXED_RATES, "T/bound of each node, the worst", outcome.slowest_ratio)


def churn() -> None:
    for nodes in (40, 100):
        scenario = Scenario(nodes, **TEN_GB, step_s=0.008, dying=0.05, joining=0.05)
        outcome = simulate("5 % die, 5 % join", scenario)
        compare(CHURN, "T/bound", outcome.ratio)
        compare(LATE, "a joiner's time, over F/d", outcome.joiners_ratio)
        most = Goal(1 + lost_share(outcome))
        compare(most, f"origin reads, lost share {lost_share(outcome):.3f}", outcome.amplification)


def late_joins() -> None:
    link = (50e6,)
    scenario = Scenario(4, 128 * 4 * MIB, 4 * MIB, link, link, 50e6, 50e6, step_s=0.01)
    for joins in ((0.0,), (0.0, 0.2, 0.3, 0.4), (0.0, 3.0, 3.0, 3.0)):
        for origin in (50e6, 1.25e9):
            joined = replace(scenario, joins_s=joins, origin=origin)
            what = f"512 MiB, joins at {joins}, origin {origin / 1e6:.0f} MB/s"
            outcome = simulate(what, joined)
            if joins[-1] == 3.0:
                compare(JOIN_S, "seconds", outcome.elapsed_s)


def weak_spots() -> None:
    """Scenarios in which versions of the policy failed that did well elsewhere."""
    for name, (what, goal) in WEAK_SPOTS.items():
        worst = _sorted_outcomes(f"{name}: {what}", SCENARIOS[name], GOAL_SEEDS)[-1]
        compare(goal, f"T/bound of each node, the worst of {name}", worst.slowest_ratio)


def stragglers() -> None:
    scenario = Scenario(40, **TEN_GB, step_s=0.008, stragglers=0.05)
    outcome = simulate("5 % drop to a tenth of their link half-way", scenario)
    print(f"    T/bound of the others {outcome.slowest_ratio:.3f}, of the stragglers, whose bound")
    print(f"    knows when they became slow, {outcome.straggler_ratio:.3f}", flush=True)


def starving() -> None:
    link = (0.4 * GBIT,)
    scenario = Scenario(8, 1e9, 4e6, link, link, link[0], step_s=0.01, starving=0.005)
    simulate("one stream in 200 gets a thousandth of its link", scenario)


def one_chunk() -> None:
    one: dict[str, Any] = {
        "total_bytes": 8e6,
        "chunk_bytes": 8e6,
        "origin_latency_s": 0.0,
        "step_s": 0.0002,
    }
    outcome = simulate("one chunk, relay", Scenario(ONE_CHUNK_NODES, **one))
    compare(RELAYED_ROUNDS, "rounds with relays", rounds(outcome))
    doubling = SchedulerSettings(relay=False, upload_slots=1)
    whole = Scenario(ONE_CHUNK_NODES, **one, relay=False, settings=doubling)
    compare(ROUNDS, "rounds without relays", rounds(simulate("one chunk, whole", whole)))


def packs() -> None:
    scenario = Scenario(500, 20_000 * 65536, 8e6, files=20_000, step_s=0.004, settings=WIDE)
    compare(PACKS, "T/bound", simulate("20,000 files of 64 KiB", scenario).ratio)


def zones() -> None:
    scenario = Scenario(24, 4e9, 8e6, zones=3, step_s=0.004, settings=WIDE)
    simulate("three zones, once per cluster", scenario)
    per_zone = replace(WIDE, origin_policy="once-per-zone")
    simulate("three zones, once per zone", replace(scenario, settings=per_zone, origin=30 * GBIT))


def sharing() -> None:
    """Compares steps of time with exact sharing."""
    few_slots = SchedulerSettings(download_slots=8, upload_slots=16)
    for nodes, chunks in ((8, 100), (32, 60), (128, 16)):
        scenario = Scenario(nodes, chunks * 8e6, 8e6, settings=few_slots)
        exact = simulate("exact", replace(scenario, sharing="exact"), seeds=1)
        stepped = simulate("steps", replace(scenario, sharing="steps"), seeds=1)
        compare(STEPS, f"{nodes} nodes, difference", abs(stepped.elapsed_s / exact.elapsed_s - 1))


def validation() -> None:
    """Compares simulated with measured times of the cluster benchmark."""
    print(ROW_HEAD)
    for one in from_settings(MEASURED):
        simulated = run(one.scenario, "xfd").elapsed_s
        print(measured_row(one, simulated), flush=True)
        if one.measured_s is not None:
            compare(WITHIN, "difference", abs(simulated / one.measured_s - 1))


def others() -> None:
    scenario = Scenario(24, 1.6e9, 8e6, step_s=0.004, settings=WIDE)
    simulate("24 nodes, 1.6 GB", scenario)
    for name in COMPARATORS:
        print(line(name, run(scenario, name)), flush=True)


QUICK = (
    costs,
    memories,
    sizes,
    rates,
    churn,
    late_joins,
    weak_spots,
    stragglers,
    starving,
    one_chunk,
    zones,
    sharing,
    validation,
    others,
)
LARGE = (cost_whole, packs, size_512, size_2000, size_140_gb)
WITHOUT_HEAD = (costs, cost_whole, memories, validation)


def main() -> None:
    rows = {row.__name__: row for row in (*QUICK, *LARGE)}
    parser = argparse.ArgumentParser(
        prog="benchmarks.scheduler",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="rows; all if none is given")
    parser.add_argument("--quick", action="store_true", help="without the large ones")
    parser.add_argument("--list", action="store_true", help="print the names of the rows")
    parsed = parser.parse_args()
    if parsed.list:
        print(*rows)
        return
    if unknown := [name for name in parsed.names if name not in rows]:
        parser.error(f"no rows of these names: {', '.join(unknown)}; there are {', '.join(rows)}")
    quick = [row.__name__ for row in QUICK]
    for name in parsed.names or (quick if parsed.quick else rows):
        print(name if rows[name] in WITHOUT_HEAD else f"{name}\n{HEAD}", flush=True)
        rows[name]()


if __name__ == "__main__":
    main()
