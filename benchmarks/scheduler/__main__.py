"""Measures the scheduler: its cost, and how near the bound its plans come in the simulator.

python -m benchmarks.scheduler            cost, and the runs that take seconds
python -m benchmarks.scheduler --large    also 512 and 2,000 nodes (minutes)
"""

from __future__ import annotations

import argparse
import pickle
import resource
import time
from collections import deque
from pathlib import Path

from xfd_api.ids import ChunkIndex, NodeId, OrderId
from xfd_api.orders import Fetch
from xfd_api.packed import pack_orders
from xfd_api.reports import ChunkHeld, Inventory, NodeReport
from xfd_scheduler.events import CatalogGrew, InventoryTaken, NodeJoined, Reported
from xfd_scheduler.scheduler import Scheduler, SchedulerSettings
from xfd_scheduler.simulator.cli import HEAD, line
from xfd_scheduler.simulator.comparators import COMPARATORS
from xfd_scheduler.simulator.engine import Engine
from xfd_scheduler.simulator.scenario import GBIT, Scenario
from xfd_scheduler.story import catalog_of

WIDE = SchedulerSettings(download_slots=32, upload_slots=64)
REPORTED_AT_ONCE = 64


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


def memory(nodes: int, chunks: int) -> float:
    """MiB that a scheduler with this many nodes and chunks adds, its first plan made."""
    before = resident_mib()
    scheduler = Scheduler(WIDE)
    scheduler.handle(CatalogGrew(catalog_of([chunks])), 0.0)
    for index in range(nodes):
        name = NodeId(f"{index:032x}")
        scheduler.handle(NodeJoined(name, "10.0.0.1:7000"), 0.0)
        scheduler.handle(InventoryTaken(name, (0,), Inventory()), 0.0)  # type: ignore[arg-type]
    scheduler.plan(0.0)
    return resident_mib() - before


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def simulate(what: str, scenario: Scenario) -> None:
    began = time.perf_counter()
    outcome = Engine(
        scenario, Scheduler(scenario.settings, seed=scenario.seed), time.process_time
    ).run()
    print(f"{line('xfd', outcome)}  {what}, {time.perf_counter() - began:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true")
    large = parser.parse_args().large
    print("Cost")
    for nodes, chunks, most in ((100, 2000, None), (1000, 10_000, 1_000_000)):
        bare, coded = cost(nodes, chunks, most)
        print(
            f"{nodes:5} nodes x {chunks:6} chunks: {bare:9,.0f} assignments/s, "
            f"{coded:9,.0f} with pickled reports and orders",
            flush=True,
        )
    bare, _ = cost(5000, 2000, 1_000_000)
    print(f" 5000 nodes x   2000 chunks: {bare:9,.0f} assignments/s", flush=True)
    print(f"memory, 5000 nodes x 20000 chunks: {memory(5000, 20_000):.0f} MiB", flush=True)
    print("Simulated, 10 Gbit/s")
    print(HEAD)
    file = {"total_bytes": 10e9, "chunk_bytes": 8e6, "step_s": 0.004, "settings": WIDE}
    for nodes in (8, 64, 512, 2000) if large else (8, 64):
        simulate("10 GB", Scenario(nodes, **file))
    mixed = (10 * GBIT, 2.5 * GBIT)
    simulate(
        "rates 1:4, unknown",
        Scenario(8, 10e9, 8e6, down=mixed, up=mixed, step_s=0.008),
    )
    simulate("5 % die, 5 % join", Scenario(40, **file, dying=0.05, joining=0.05))
    one = {"total_bytes": 8e6, "chunk_bytes": 8e6, "origin_latency_s": 0.0, "step_s": 0.0002}
    simulate("one chunk, relay", Scenario(500, **one))
    doubling = SchedulerSettings(relay=False, upload_slots=1)
    simulate("one chunk, whole", Scenario(500, **one, relay=False, settings=doubling))
    print("Others, 24 nodes, 1.6 GB")
    scenario = Scenario(24, 1.6e9, 8e6, step_s=0.004)
    simulate("this scheduler", scenario)
    for name, make in COMPARATORS.items():
        print(line(name, Engine(scenario, make(scenario), time.process_time).run()), flush=True)


if __name__ == "__main__":
    main()
