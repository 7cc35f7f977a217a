"""A report as a trace for Perfetto: a valid one, with the report's numbers."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from test_report_page import HOSTILE, a_run
from trace_events import check_trace

from xfd_api.ids import NodeId
from xfd_api.results import DistributionReport
from xfd_ray.cli.main import run
from xfd_ray.report_trace import chrome_trace
from xfd_testing.reports import MIB, node, small_report

RUNS = {
    "two nodes": small_report(),
    "no timeline": small_report(timeline=None),
    "one node": a_run(1, 3, 1),
    "many nodes": a_run(200, 50, 30),
    "hostile names": small_report(
        nodes=tuple(node(NodeId(name), host=name) for name in list(HOSTILE.values())[:2])
    ),
}


@pytest.mark.parametrize("report", RUNS.values(), ids=RUNS)
def test_a_trace_follows_the_trace_event_format(report: DistributionReport) -> None:
    trace = json.loads(json.dumps(chrome_trace(report), allow_nan=False))
    assert set(trace) == {"traceEvents", "displayTimeUnit"}
    check_trace(trace["traceEvents"])


def test_each_node_has_its_transfers_with_their_sources_and_sizes() -> None:
    events = chrome_trace(small_report())["traceEvents"]
    names = {
        event["pid"]: event["args"]["name"] for event in events if event["name"] == "process_name"
    }
    assert names == {0: "all nodes", 1: f"gpu-17 ({'a' * 12})", 2: f"gpu-18 ({'b' * 12})"}
    moved = [event for event in events if event["ph"] == "X" and event["pid"] == 1]
    assert [(event["ts"], event["dur"]) for event in moved] == [
        (200_000, 700_000),
        (10**6, 800_000),
    ]
    assert [event["args"]["source"] for event in moved] == ["origin", f"gpu-18 ({'b' * 12})"]
    assert {event["args"]["bytes"] for event in moved} == {4 * MIB}
    (failure,) = (event for event in events if event["name"] == "OriginThrottledError")
    assert (failure["pid"], failure["ph"], failure["ts"]) == (2, "i", 150_000)
    counted = [event["args"] for event in events if event["name"] == "bytes received"]
    assert counted[-1] == {"origin": 8 * MIB, "peers": 8 * MIB}


def test_a_thinned_timeline_counts_all_bytes() -> None:
    report = small_report()
    assert report.timeline is not None
    transfers = dataclasses.replace(report.timeline.transfers, every=4, total=16)
    timeline = dataclasses.replace(report.timeline, transfers=transfers)
    events = chrome_trace(small_report(timeline=timeline))["traceEvents"]
    counted = [event["args"] for event in events if event["name"] == "bytes received"]
    assert counted[-1] == {"origin": 32 * MIB, "peers": 32 * MIB}


def test_the_command_writes_a_trace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved, written = tmp_path / "run.json", tmp_path / "run.trace.json"
    small_report().save(saved)
    assert run(["report", str(saved), "--trace", str(written)]) == 0
    assert capsys.readouterr().out == ""
    assert json.loads(written.read_text()) == chrome_trace(small_report())
