"""The pure parts of the cluster benchmark: timelines from traces, and figures against goals."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from benchmarks.cluster.measure import Row
from benchmarks.cluster.phases import phases
from benchmarks.cluster.timeline import read
from benchmarks.cluster.verdicts import verdicts

CALLED = 1_700_000_000.0
HEAD, OTHER = "aa" * 28, "bb" * 28
SWARM = "0123456789abcdef"


def stamp(at: float) -> str:
    from datetime import datetime, timezone

    return datetime.fromtimestamp(CALLED + at, tz=timezone.utc).isoformat()


def write_lines(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture
def traces(tmp_path):
    """Node n0 reads chunk 0 from the origin, n1 gets it from n0; the scheduler's clock is at 50."""

    def said(at, event, **fields):
        return {"timestamp": stamp(at), "event": event, **fields}

    started = [
        said(-1, "xfd.node.started", node=node, peer_address=address)
        for node, address in ((HEAD, "10.78.0.10:4000"), (OTHER, "10.78.0.11:4000"))
    ]
    write_lines(
        tmp_path / "coordinator-1.jsonl",
        [*started, said(0.5, "xfd.swarm.started", swarm=SWARM, clock=50.0)],
    )
    held = {"swarm": SWARM, "chunk": 0, "size": 1000}
    for node, order, source, at in ((HEAD, 1, None, 2.0), (OTHER, 2, HEAD, 3.0)):
        write_lines(
            tmp_path / f"worker-{node[:4]}.jsonl",
            [
                said(at - 1, "xfd.worker.orders_taken", node=node, swarm=SWARM, runs=[[order, 1]]),
                said(
                    at,
                    "xfd.worker.chunk_held",
                    **held,
                    node=node,
                    order=order,
                    source=source,
                    seconds=0.75,
                    transfer_seconds=0.5,
                ),
            ],
        )

    def fetch(order, source):
        kind = {"kind": "Fetch", "priority": 0}
        return {**kind, "first_order": order, "first_chunk": 0, "count": 1, "source": source}

    def report(node, order):
        event = {"kind": "ChunkHeld", "order": order, "chunk": 0}
        return {"kind": "Reported", "node": node, "report": {"events": [event]}}

    write_lines(
        tmp_path / f"scheduler-{SWARM}.jsonl",
        [
            [{}, 0],
            ["plan", 50.25, {HEAD: [fetch(1, None)], OTHER: [fetch(2, HEAD)]}],
            ["event", 51.75, report(HEAD, 1)],
            ["event", 53.0, report(OTHER, 2)],
        ],
    )
    samples = [(at, [["n0", at * 100, 0], ["n1", 0, 0]]) for at in (0.0, 1.0, 2.0, 3.0)]
    write_lines(tmp_path / "links.jsonl", [[CALLED + at, *hosts] for at, hosts in samples])
    driver = {"called_at": CALLED, "returned_at": CALLED + 4}
    (tmp_path / "driver.json").write_text(json.dumps(driver))
    return tmp_path


def test_an_order_is_followed_from_the_scheduler_to_the_node_and_back(traces):
    first, second = read(traces).orders
    assert (first.node, first.source, first.ordered) == ("n0", None, pytest.approx(0.75))
    assert (first.taken, first.started, first.first_byte, first.held, first.reported) == (
        pytest.approx((1.0, 1.25, 1.5, 2.0, 2.25))
    )
    assert (second.node, second.source) == ("n1", "n0")
    assert second.reported == pytest.approx(3.5)


def test_a_trace_that_was_cut_in_its_last_line_is_read_up_to_there(traces):
    path = traces / f"worker-{OTHER[:4]}.jsonl"
    path.write_text(path.read_text()[:-20])
    second = read(traces).orders[1]
    assert second.taken == pytest.approx(2.0)
    assert second.held is None


def test_the_phases_tell_when_the_origin_was_read_and_how_full_a_link_was(traces):
    found = phases(read(traces), {"n0": 200.0, "n1": 200.0})
    assert "1.500  FIRST ORIGIN BYTE" in found
    assert "2.000  LAST ORIGIN BYTE" in found
    assert "4.000  call returned" in found
    assert "n0  receives  50%" in found


ROW = Row("4-nodes", "xfd warm", 0, seconds=10.5, s3_bytes=540_000_000, floor_s=10.0)


def test_a_goal_is_held_against_the_floor_of_the_same_round():
    slower = replace(ROW, round=1, seconds=22.0, floor_s=20.0)
    found = {verdict.what: verdict for verdict in verdicts("4-nodes", "xfd warm", [ROW, slower])}
    assert found["x floor"].value == pytest.approx(1.075)  # The median of 1.05 and 1.1.
    assert not found["x floor"].is_met
    assert found["S3 bytes / catalog"].is_met


def test_a_slow_node_is_held_against_its_own_floor_and_the_others_against_theirs():
    nodes = {"n0": 10.9, "n1": 10.8, "n2": 10.9, "n3": 44.0}
    row = replace(ROW, scenario="one-slow", seconds=44.0, slow_floor_s=40.0, node_s=nodes)
    found = {verdict.what: verdict for verdict in verdicts("one-slow", "xfd warm", [row])}
    assert found["others / floor"].value == pytest.approx(1.09)
    assert found["slow / its floor"].value == pytest.approx(1.1)
    assert (found["others / floor"].is_met, found["slow / its floor"].is_met) == (True, False)


def test_a_first_call_for_little_is_held_against_the_start_of_empty_actors():
    cold = Row("1mib", "xfd cold", 0, seconds=2.25, s3_bytes=1_100_000)
    actors = Row("1mib", "ray actors", 0, seconds=2.0, s3_bytes=0)
    (verdict,) = verdicts("1mib", "xfd cold", [cold, actors])
    assert (verdict.what, verdict.is_met) == ("s beyond actors", True)
    assert verdict.value == pytest.approx(0.25)


def test_an_idle_swarm_is_told_beside_as_many_idle_processes_of_rays():
    found = {"seconds": 15.0, "s3_bytes": 0, "round": 0, "scenario": "idle"}
    swarm = Row(contender="xfd warm", control_cpu=0.012, workers_cpu=0.049, **found)
    actors = Row(contender="ray actors", control_cpu=0.005, workers_cpu=0.05, **found)
    found = {verdict.what: verdict for verdict in verdicts("idle", "xfd warm", [swarm, actors])}
    assert found["idle cores"].value == pytest.approx(0.061)
    assert found["of these beyond Ray's own"].value == pytest.approx(0.006)
    assert [verdict.is_met for verdict in found.values()] == [False, True]


def test_links_without_a_limit_are_held_against_processor_time_for_each_gib_delivered():
    row = Row("no-limit", "xfd warm", 0, seconds=8.0, s3_bytes=2**30, workers_cpu=1.0)
    found = {verdict.what: verdict for verdict in verdicts("no-limit", "xfd warm", [row])}
    # 8 s of processor time brought 1 GiB to each of 4 nodes.
    assert found["workers' CPU s/GiB"].value == pytest.approx(2.0)
    assert not found["workers' CPU s/GiB"].is_met


def test_a_slow_disk_is_held_against_s5cmd_on_each_node_in_the_same_round():
    ours = Row("no-limit-disk", "xfd warm", 0, seconds=9.0, s3_bytes=2**30)
    each = replace(ours, contender="s5cmd each", seconds=20.0)
    later = replace(each, round=1, seconds=1.0)
    (verdict,) = [
        verdict
        for verdict in verdicts("no-limit-disk", "xfd warm", [ours, each, later])
        if verdict.what == "x s5cmd on each"
    ]
    assert (verdict.value, verdict.is_met) == (pytest.approx(0.45), True)


def test_nodes_that_begin_late_are_held_against_their_beginning_and_a_floor():
    row = replace(ROW, scenario="3-late", seconds=13.65, floor_s=10.0)
    found = {verdict.what: verdict for verdict in verdicts("3-late", "xfd warm", [row])}
    late = found["x start and floor of the late ones"]
    assert (late.value, late.is_met) == (pytest.approx(1.05), True)
