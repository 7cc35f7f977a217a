"""Measures the scheduler: its cost, and how near the bound its plans come in the simulator.

python -m benchmarks.scheduler            cost, and the runs that take seconds
python -m benchmarks.scheduler --large    also 512 to 2,000 nodes (minutes each)
python -m benchmarks.scheduler --only NAME ...    parts of it; `--list` names them

Simulated runs are made with several seeds; the median and the worst are printed.
"""

from __future__ import annotations

import argparse
import pickle
import resource
import time
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

from xfd_api.chunks import MIB
from xfd_api.ids import ChunkIndex, NodeId, OrderId
from xfd_api.orders import Fetch
from xfd_api.packed import pack_orders
from xfd_api.reports import ChunkHeld, Inventory, NodeReport
from xfd_scheduler.events import CatalogGrew, InventoryTaken, NodeJoined, Reported
from xfd_scheduler.scheduler import Scheduler, SchedulerSettings
from xfd_scheduler.simulator.cli import HEAD, line, run
from xfd_scheduler.simulator.comparators import COMPARATORS
from xfd_scheduler.simulator.scenario import GBIT, Scenario
from xfd_scheduler.story import catalog_of

WIDE = SchedulerSettings(download_slots=32, upload_slots=64)
REPORTED_AT_ONCE = 64
TEN_GB: dict[str, Any] = {"total_bytes": 10e9, "chunk_bytes": 8e6, "settings": WIDE}


def cost(nodes: int, chunks: int, most: int | None = None) -> tuple[float, float]:
    """Assignments per processor second, without and with pickling of reports and orders.

    Nodes report 64 chunks at a time, as they do at a report interval of nodes / 1,000 seconds.
    `most` ends the run early; what is handed out and reported until then counts.
    """
    size = 8 * 2**20
    settings = SchedulerSettings(download_slots=32, upload_slots=64, queue_s=2.0)
    scheduler = Scheduler(settings)
    scheduler.handle(CatalogGrew(catalog_of([chunks], size=size)), 0.0)
    names = [NodeId(f"{index:032x}") for index in range(nodes)]
    for name in names:
        scheduler.handle(NodeJoined(name, "10.0.0.1:7000"), 0.0)
        scheduler.handle(InventoryTaken(name, (0,), Inventory()), 0.0)  # type: ignore[arg-type]
    queues: dict[NodeId, deque[Fetch]] = {name: deque() for name in names}
    seq = dict.fromkeys(names, 0)
    now = spent = coding = 0.0
    done = 0
    limit = most or nodes * chunks
    while done < limit:
        began = time.process_time()
        given = scheduler.plan(now)
        spent += time.process_time() - began
        for name, orders in given.items():
            began = time.process_time()
            pickle.dumps(pack_orders(orders), protocol=5)
            coding += time.process_time() - began
            queues[name].extend(order for order in orders if isinstance(order, Fetch))
        moved = 0
        for name, queue in queues.items():
            events = []
            while queue and len(events) < REPORTED_AT_ONCE:
                run = queue.popleft()
                for step in range(run.count):
                    chunk = ChunkIndex(run.first_chunk + step)
                    order = OrderId(run.first_order + step)
                    events.append(ChunkHeld(order, chunk, chunk + 1, run.source, size, 0.1, 0.1))
            if not events:
                continue
            seq[name] += 1
            wire = pickle.dumps(NodeReport(seq[name], tuple(events)), protocol=5)
            began = time.process_time()
            report = pickle.loads(wire)
            coding += time.process_time() - began
            began = time.process_time()
            scheduler.handle(Reported(name, report), now)
            spent += time.process_time() - began
            moved += len(events)
        done += moved
        now += 0.4
        if not moved:
            break
    return done / spent, done / (spent + coding)


def memory(nodes: int, chunks: int) -> tuple[float, float]:
    """MiB that a scheduler with this many nodes and chunks adds: at its first plan, at its most.

    The most is looked for in a run in which every node holds a tenth of the chunks.
    """
    before = resident_mib()
    scheduler = Scheduler(WIDE)
    scheduler.handle(CatalogGrew(catalog_of([chunks])), 0.0)
    names = [NodeId(f"{index:032x}") for index in range(nodes)]
    for name in names:
        scheduler.handle(NodeJoined(name, "10.0.0.1:7000"), 0.0)
        scheduler.handle(InventoryTaken(name, (0,), Inventory()), 0.0)  # type: ignore[arg-type]
    given = scheduler.plan(0.0)
    first = most = resident_mib() - before
    now = 0.0
    done = 0
    seq = 0
    while done < nodes * chunks // 10 and given:
        now += 0.5
        seq += 1
        for name, orders in given.items():
            events = [
                ChunkHeld(
                    OrderId(order.first_order + step),
                    ChunkIndex(order.first_chunk + step),
                    order.first_chunk + step,
                    order.source,
                    MIB,
                    0.1,
                    0.1,
                )
                for order in orders
                if isinstance(order, Fetch)
                for step in range(order.count)
            ]
            done += len(events)
            if events:
                scheduler.handle(Reported(name, NodeReport(seq, events)), now)
        given = scheduler.plan(now)
        most = max(most, resident_mib() - before)
    return first, most


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / MIB


def simulate(what: str, scenario: Scenario, seeds: int = 3) -> None:
    """Prints the median and the worst of several seeds."""
    began = time.perf_counter()
    outcomes = [run(replace(scenario, seed=seed), "xfd") for seed in range(seeds)]
    took = (time.perf_counter() - began) / seeds
    outcomes.sort(key=lambda outcome: outcome.slowest_ratio)
    print(f"{line('xfd', outcomes[seeds // 2])}  {what}, {took:.0f} s a run", flush=True)
    if seeds > 1:
        print(line(f"  worst of {seeds}", outcomes[-1]), flush=True)


def costs() -> None:
    for nodes, chunks, most in ((100, 2000, None), (1000, 10_000, 1_000_000), (5000, 2000, 10**6)):
        bare, coded = cost(nodes, chunks, most)
        print(
            f"{nodes:5} nodes x {chunks:6} chunks: {bare:9,.0f} assignments/s, "
            f"{coded:9,.0f} with reports decoded and orders encoded",
            flush=True,
        )


def memories() -> None:
    first, most = memory(5000, 20_000)
    print(f"memory, 5000 nodes x 20000 chunks: {first:.0f} MiB at first, {most:.0f} at most")


def sizes() -> None:
    for nodes in (8, 64):
        simulate("10 GB", Scenario(nodes, **TEN_GB, step_s=0.004))


def rates() -> None:
    for nodes, pattern in ((8, (10, 2.5)), (8, (10, 10, 10, 2.5)), (8, (10, 2.5, 2.5, 2.5))):
        links = tuple(rate * GBIT for rate in pattern)
        scenario = Scenario(nodes, 10e9, 8e6, links, links, step_s=0.002)
        simulate(f"rates {pattern}, unknown", scenario)
    links = (10 * GBIT, 2.5 * GBIT)
    simulate("rates 1:4, unknown, 4 GB", Scenario(40, 4e9, 8e6, links, links, step_s=0.004))


def churn() -> None:
    scenario = Scenario(40, **TEN_GB, step_s=0.008, dying=0.05, joining=0.05)
    simulate("5 % die, 5 % join", scenario)
    simulate("5 % die, 5 % join", replace(scenario, nodes=100))


def late_joins() -> None:
    link = (50e6,)
    scenario = Scenario(4, 128 * 4 * MIB, 4 * MIB, link, link, 50e6, 50e6, step_s=0.01)
    for joins in ((0.0,), (0.0, 0.2, 0.3, 0.4), (0.0, 3.0, 3.0, 3.0)):
        for origin in (50e6, 1.25e9):
            joined = replace(scenario, joins_s=joins, origin=origin)
            simulate(f"512 MiB, joins at {joins}, origin {origin / 1e6:.0f} MB/s", joined)


def one_chunk() -> None:
    one: dict[str, Any] = {
        "total_bytes": 8e6,
        "chunk_bytes": 8e6,
        "origin_latency_s": 0.0,
        "step_s": 0.0002,
    }
    simulate("one chunk, relay", Scenario(500, **one))
    doubling = SchedulerSettings(relay=False, upload_slots=1)
    simulate("one chunk, whole", Scenario(500, **one, relay=False, settings=doubling))


def packs() -> None:
    simulate(
        "20,000 files of 64 KiB",
        Scenario(500, 20_000 * 65536, 8e6, files=20_000, step_s=0.004, settings=WIDE),
    )


def zones() -> None:
    scenario = Scenario(24, 4e9, 8e6, zones=3, step_s=0.004, settings=WIDE)
    simulate("three zones, once per cluster", scenario)
    per_zone = replace(WIDE, origin_policy="once-per-zone")
    simulate("three zones, once per zone", replace(scenario, settings=per_zone, origin=30 * GBIT))


def others() -> None:
    scenario = Scenario(24, 1.6e9, 8e6, step_s=0.004, settings=WIDE)
    simulate("24 nodes, 1.6 GB", scenario)
    for name in COMPARATORS:
        print(line(name, run(scenario, name)), flush=True)


def size_512() -> None:
    simulate("10 GB", Scenario(512, **TEN_GB, step_s=0.008), seeds=1)


def size_2000() -> None:
    """A node exchanges every two seconds, so the first plan has to last so long."""
    settings = replace(WIDE, assignments_per_plan=1_000_000)
    scenario = Scenario(2000, **{**TEN_GB, "settings": settings}, step_s=0.01)
    simulate("10 GB, a million assignments a plan", scenario, seeds=1)


def size_140_gb() -> None:
    simulate("140 GB in 100 MB", Scenario(1000, 140e9, 100e6, step_s=0.05, settings=WIDE), seeds=1)


SMALL = {
    part.__name__: part
    for part in (costs, memories, sizes, rates, churn, late_joins, one_chunk, zones, others)
}
LARGE = {part.__name__: part for part in (packs, size_512, size_2000, size_140_gb)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--only", nargs="+", choices=[*SMALL, *LARGE])
    parser.add_argument("--list", action="store_true")
    parsed = parser.parse_args()
    if parsed.list:
        print(*SMALL, *LARGE)
        return
    parts = {**SMALL, **LARGE}
    chosen = parsed.only or (parts if parsed.large else SMALL)
    for name in chosen:
        print(name if parts[name] in (costs, memories) else f"{name}\n{HEAD}", flush=True)
        parts[name]()


if __name__ == "__main__":
    main()
