"""The processor time and memory of a scheduler, without a simulated network."""

from __future__ import annotations

import pickle
import resource
import time
from collections import deque
from dataclasses import replace
from pathlib import Path

from xfd_api.chunks import MIB, Catalog
from xfd_api.ids import ChunkIndex, NodeId, OrderId
from xfd_api.node_report import NodeReport
from xfd_api.orders import Fetch
from xfd_api.reports import ChunkHeld, Inventory
from xfd_api.wire_format import encode_orders
from xfd_scheduler import (
    CatalogGrew,
    InventoryTaken,
    NodeJoined,
    Reported,
    Scheduler,
    SchedulerSettings,
)
from xfd_scheduler.testing.script import catalog_of

WIDE = SchedulerSettings(download_slots=32, upload_slots=64)
REPORTED_AT_ONCE = 64


def cost(nodes: int, chunks: int, most: int | None = None) -> tuple[float, float]:
    """Assignments per processor second, without and with pickling of reports and orders.

    Nodes report 64 chunks at a time, as they do at a report interval of nodes / 1,000 seconds.
    `most` ends the run after so many assignments.
    """
    size = 8 * 2**20
    settings = replace(WIDE, queue_s=2.0)
    scheduler, names = _joined(settings, nodes, catalog_of([chunks], size=size))
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
            pickle.dumps(encode_orders(orders), protocol=5)
            coding += time.process_time() - began
            queues[name].extend(order for order in orders if isinstance(order, Fetch))
        moved = 0
        for name, queue in queues.items():
            events: list[ChunkHeld] = []
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

    The most is that of a run until every node holds a tenth of the chunks.
    """
    before = resident_mib()
    scheduler, _ = _joined(WIDE, nodes, catalog_of([chunks]))
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


def _joined(
    settings: SchedulerSettings, nodes: int, catalog: Catalog
) -> tuple[Scheduler, list[NodeId]]:
    scheduler = Scheduler(settings)
    scheduler.handle(CatalogGrew(catalog), 0.0)
    names = [NodeId(f"{index:032x}") for index in range(nodes)]
    for name in names:
        scheduler.handle(NodeJoined(name, "10.0.0.1:7000"), 0.0)
        scheduler.handle(InventoryTaken(name, (0,), Inventory()), 0.0)  # type: ignore[arg-type]
    return scheduler, names


def resident_mib() -> float:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / MIB
