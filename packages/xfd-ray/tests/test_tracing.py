"""The traces of a run with `XFD_TRACE`."""

from __future__ import annotations

import asyncio
import json

import pytest
import structlog
from inprocess import LocalCluster, lease, over
from trace_events import check_trace

from xfd_ray.coordinator.coordinator import Coordinator
from xfd_ray.telemetry import log_events
from xfd_scheduler.trace import replay

MIB = 2**20


@pytest.fixture
def trace(tmp_path, monkeypatch):
    folder = tmp_path / "trace"
    monkeypatch.setenv("XFD_TRACE", str(folder))
    structlog.reset_defaults()
    yield folder
    structlog.reset_defaults()


async def distribute_once():
    coordinator = Coordinator(LocalCluster(2, {"big": 4 * MIB}), tick_s=0.05)
    await coordinator.attach(lease("l", "big"))
    assert (await over(coordinator, "l")).error is None
    await coordinator.detach("l")


def test_a_replayed_scheduler_gives_the_same_orders(trace):
    asyncio.run(distribute_once())
    (recorded,) = trace.glob("scheduler-*.jsonl")
    assert replay(recorded).endswith("the same orders")


def test_a_trace_has_each_held_chunk_and_its_order(trace, capsys):
    asyncio.run(distribute_once())
    (file,) = trace.glob("worker-*.jsonl")  # In one process, the first role names the trace.
    written = [json.loads(line) for line in file.read_text().splitlines()]
    taken = {
        (event["node"], first + k)
        for event in written
        if event["event"] == log_events.ORDERS_TAKEN.name
        for first, count in event["runs"]
        for k in range(count)
    }
    held = [event for event in written if event["event"] == log_events.CHUNK_HELD.name]
    assert {(event["node"], event["order"]) for event in held} <= taken
    chunks = sorted((event["node"], event["chunk"]) for event in held)
    assert chunks == [(node, chunk) for node in ("n0", "n1") for chunk in range(4)]
    assert capsys.readouterr().err == ""  # XFD_LOG alone decides what is shown.


def test_a_lease_leaves_its_time_line_for_perfetto(trace):
    asyncio.run(distribute_once())
    (file,) = trace.glob("lease-*.trace.json")
    events = json.loads(file.read_text())["traceEvents"]
    check_trace(events)
    moved = [event for event in events if event["name"] in ("from the origin", "from a peer")]
    assert sum(event["args"]["bytes"] for event in moved) == 2 * 4 * MIB
    assert {event["args"]["object"] for event in moved} == {"big"}


def test_a_run_without_a_usable_trace_folder_goes_on(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XFD_TRACE", str(tmp_path / "file" / "trace"))
    structlog.reset_defaults()
    try:
        asyncio.run(distribute_once())
    finally:
        structlog.reset_defaults()
    assert "no trace is written" in capsys.readouterr().err
