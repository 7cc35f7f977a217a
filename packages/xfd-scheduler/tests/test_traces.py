"""Traces of real distributions: events that happened must never break the scheduler.

`traces/one-slow-node.jsonl.gz`: 512 MiB to four nodes of 400 Mbit/s, one of which has 100 Mbit/s.
`traces/lucky-streams.jsonl.gz`: the same; some streams of the slow node were as fast as others.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("numpy")

from xfd_api.orders import Fetch
from xfd_scheduler.events import NodeJoined
from xfd_scheduler.scheduler import Scheduler
from xfd_scheduler.simulator.cli import run
from xfd_scheduler.simulator.scenario import GBIT, Scenario
from xfd_scheduler.simulator.validation import from_trace, row
from xfd_scheduler.trace import records, revived, settings_and_seed
from xfd_scheduler.tuning import FIRST_ORIGIN_READS

TRACES = Path(__file__).parent / "traces"
ONE_SLOW = TRACES / "one-slow-node.jsonl.gz"
LUCKY_STREAMS = TRACES / "lucky-streams.jsonl.gz"
SLOW_ADDRESS = "10.78.0.13"


def test_a_replayed_distribution_ends_with_all_chunks_on_every_node() -> None:
    """Orders may differ from the recorded ones, as soon as the scheduler chooses better.

    Chunks are known by node and index, and the recorded nodes received all of them.
    """
    settings, seed = settings_and_seed(ONE_SLOW)
    scheduler = Scheduler(settings, seed=seed)
    nodes: set[str] = set()
    read: set[int] = set()
    for place, (what, now, value) in enumerate(records(ONE_SLOW)):
        if what == "event":
            event = revived(value)
            nodes |= {event.node} if hasattr(event, "node") else set()
            scheduler.handle(event, now)
        else:
            for orders in scheduler.plan(now).values():
                for order in orders:
                    if isinstance(order, Fetch) and order.source is None:
                        chunks = set(range(order.first_chunk, order.first_chunk + order.count))
                        assert not chunks & read
                        read |= chunks
        if place % 25 == 0:
            scheduler.check_invariants()
    scheduler.check_invariants()
    assert len(nodes) == 4
    assert all(scheduler.landed(node) == 1 for node in nodes)  # type: ignore[arg-type]
    assert not any(scheduler.open_chunks().values())
    assert not scheduler.failures()
    assert scheduler.plan(now) == {}


def test_a_slow_node_with_some_fast_streams_reads_no_more_once_it_is_known() -> None:
    """It once got eight more reads, for which all nodes waited half a minute."""
    settings, seed = settings_and_seed(LUCKY_STREAMS)
    scheduler = Scheduler(settings, seed=seed)
    slow = ""
    read_at: list[float] = []
    started: float | None = None
    for what, now, value in records(LUCKY_STREAMS):
        if what == "event":
            event = revived(value)
            if isinstance(event, NodeJoined) and event.address.startswith(SLOW_ADDRESS):
                slow = event.node
            scheduler.handle(event, now)
            continue
        for node, orders in scheduler.plan(now).items():
            started = now if started is None else started
            reads = [each for each in orders if isinstance(each, Fetch) and each.source is None]
            read_at += [now - started for each in reads for _ in range(each.count) if node == slow]
    scheduler.check_invariants()
    assert len(read_at) == FIRST_ORIGIN_READS
    assert max(read_at) < 1.0


def test_times_of_a_trace_count_from_its_first_order(tmp_path: Path) -> None:
    lines = [
        [{}, 0],
        ["event", 10.0, {"kind": "InventoryTaken"}],
        ["plan", 10.5, {}],
        ["event", 12.0, {"kind": "InventoryTaken"}],
        ["plan", 12.0, {"n0": [{"kind": "MeetPeers"}]}],
        ["event", 12.5, {"kind": "CatalogGrew", "catalog": {"chunks": [{"size": 5}, {"size": 9}]}}],
        ["plan", 13.0, {"n0": [{"kind": "MeetPeers"}, {"kind": "Fetch"}]}],
        ["event", 14.0, {"kind": "InventoryTaken"}],
        ["event", 20.0, {"kind": "Reported", "report": {"events": [{"kind": "ChunkHeld"}]}}],
        ["event", 25.0, {"kind": "Reported", "report": {"events": [{"kind": "ObjectLanded"}]}}],
    ]
    trace = tmp_path / "trace.jsonl"
    trace.write_text("\n".join(json.dumps(line) for line in lines))
    measured = from_trace(trace, Scenario(1, 1.0, 1.0, (GBIT,)))
    assert measured.measured_s == 7.0
    assert measured.scenario.joins_s == (0.0, 0.0, 1.0)
    assert measured.scenario.total_bytes == 14
    assert measured.scenario.down == (GBIT,)
    assert row(measured, 14.0).split()[-3:] == ["14.00", "7.00", "2.000"]


def test_the_simulator_takes_as_long_as_a_real_distribution_did() -> None:
    payload = 0.4 * GBIT * 1448 / 1514
    links = (payload, payload, payload, payload / 4)
    measured = from_trace(ONE_SLOW, Scenario(1, 1.0, 1.0, links, links, payload, step_s=0.02))
    simulated = run(measured.scenario, "xfd").elapsed_s
    assert simulated == pytest.approx(measured.measured_s, rel=0.1)
