"""Copies that are bad or lost, and what the scheduler does about them."""

from __future__ import annotations

from collections.abc import Callable

from xfd_api.errors import (
    ChecksumMismatchError,
)
from xfd_api.ids import ChunkIndex, NodeId, OrderId
from xfd_api.orders import Discard, Fetch
from xfd_api.reports import ChunkHeld, ChunkLost
from xfd_scheduler.scheduler import SchedulerSettings
from xfd_scheduler.testing.script import MIB, Assignment, Script, crc_of

Checked = Callable[[Script], Script]
NO_ASSIGNMENT = Assignment(OrderId(0), 0, None)


def given_to(script: Script, node: str, kind: type) -> list[object]:
    return [order for name, order in script.orders if name == node and isinstance(order, kind)]


def held(order: OrderId, source: NodeId | None = None) -> ChunkHeld:
    return ChunkHeld(order, ChunkIndex(0), crc_of(0), source, 8 * MIB, 0.1, 0.1)


def test_bad_bytes_ban_the_source_and_a_second_complaint_discards_its_copy(served: Script) -> None:
    script = served
    direct = [node for node in ("b", "c") if script.source(node, 0) == "a"]
    error = ChecksumMismatchError("Bad")
    script.fails(direct[0], 0, "peer", error=error, bad_bytes=True)
    script.plan()
    assert all(e.source != "a" for node in ("b", "c") for e in script.assignments[node].values())
    script.runs_to_the_end()
    assert script.origin_reads == {0: 1}


def test_two_complaints_discard_the_chunk(checked: Checked) -> None:
    script = checked(Script())
    script.grow([1])
    script.joins("bad", held=(0,))
    for node in ("b", "c"):
        script.joins(node)
    script.plan()
    assert {script.source(node, 0) for node in ("b", "c")} == {"bad"}
    for node in ("b", "c"):
        script.fails(node, 0, "peer", error=ChecksumMismatchError("Bad"), bad_bytes=True)
    script.plan()
    assert given_to(script, "bad", Discard) == [Discard((0,))]
    script.runs_to_the_end()
    assert script.origin_reads == {0: 1}


def test_a_chunk_whose_report_met_its_discard_on_the_way_is_fetched_again(
    checked: Checked,
) -> None:
    script = checked(Script.of_nodes(3, chunks=1))
    script.plan()
    bad = script.reader(0)
    order = script.assignments[NodeId(bad)][0].order
    for node in {"n0", "n1", "n2"} - {bad}:
        script.fails(node, 0, "peer", error=ChecksumMismatchError("Bad"), bad_bytes=True)
    script.plan()
    assert given_to(script, bad, Discard) == [Discard((0,))]
    script.assignments[NodeId(bad)].clear()
    script.reports(bad, held(order))
    script.loses(bad, 0)
    script.plan()
    assert script.assignments[NodeId(bad)]
    script.runs_to_the_end()


def test_a_chunk_that_was_lost_before_it_was_held_is_held(checked: Checked) -> None:
    script = checked(Script.of_nodes(3, chunks=1))
    script.plan()
    reader = script.reader(0)
    script.holds(reader, 0)
    child = next(node for node in ("n0", "n1") if node != reader)
    order = script.assignments[NodeId(child)].pop(0)
    script.reports(child, ChunkLost(ChunkIndex(0)), held(order.order, order.source))
    script.plan()
    assert not script.assignments[NodeId(child)]
    script.runs_to_the_end()
    assert script.origin_reads == {0: 1}


def test_a_report_that_differs_from_the_pin_is_bad_bytes(checked: Checked) -> None:
    script = checked(Script.of_nodes(3, chunks=1))
    script.plan()
    reader = script.reader(0)
    script.holds(reader, 0)
    victim = next(node for node in script.assignments if 0 in script.assignments[node])
    script.holds(victim, 0, crc=0xBAD)
    script.plan()
    assert given_to(script, victim, Discard) == [Discard((0,))]
    script.runs_to_the_end()
    assert script.origin_reads[0] <= 2


def test_a_child_that_reports_before_the_first_reader_is_held_to_its_pin(checked: Checked) -> None:
    script = checked(Script.of_nodes(2, chunks=1))
    script.plan()
    reader = script.reader(0)
    child = next(node for node in ("n0", "n1") if node != reader)
    script.holds(child, 0, crc=0xBAD)
    script.holds(reader, 0)
    script.plan()
    assert given_to(script, child, Discard) == [Discard((0,))]
    script.runs_to_the_end()


def test_suspect_chunks_are_read_once_more_by_another_node_and_then_fail(checked: Checked) -> None:
    script = checked(Script.of_nodes(3, chunks=1))
    script.plan()
    first = script.reader(0)
    script.runs_to_the_end()
    error = ChecksumMismatchError("Whole object")
    script.cannot_land("n0", 0, error, chunks_suspect=True)
    script.cannot_land("n1", 0, error, chunks_suspect=True)
    assert not script.scheduler.failures()
    script.plan()
    assert script.reader(0) != first
    script.runs_to_the_end()
    assert script.origin_reads == {0: 2}
    script.cannot_land("n0", 0, error, chunks_suspect=True)
    assert list(script.scheduler.failures()) == [("n0", 0)]


def test_a_lost_copy_is_fetched_again_from_a_holder(checked: Checked) -> None:
    script = checked(Script.of_nodes(3, chunks=1))
    script.runs_to_the_end()
    script.loses("n0", 0)
    script.plan()
    assert script.source("n0", 0) in ("n1", "n2")
    script.plan()
    assert len(given_to(script, "n0", Fetch)) == 2
    script.runs_to_the_end()
    assert script.origin_reads == {0: 1}


def test_only_its_holder_reads_the_last_copy_again_that_is_lost(
    served: Script,
) -> None:
    script = served
    script.loses("a", 0)
    script.plan()
    assert script.reader(0) == "a"
    assert {script.source("b", 0), script.source("c", 0)} <= {"a", "b", "c"}
    script.runs_to_the_end()
    assert script.origin_reads == {0: 1}


def test_a_loss_that_is_reported_twice_counts_once(checked: Checked) -> None:
    script = checked(Script.of_nodes(2, chunks=1))
    script.runs_to_the_end()
    script.loses("n0", 0)
    script.loses("n0", 0)
    script.runs_to_the_end()
    assert len(given_to(script, "n0", Fetch)) == 2


def test_without_relays_a_banned_node_is_no_source_either(checked: Checked) -> None:
    script = checked(Script(SchedulerSettings(relay=False)))
    script.grow([1])
    script.joins("bad", held=(0,))
    for index in range(8):
        script.joins(f"n{index}")
    script.plan()
    victim = next(
        node
        for node in script.assignments
        if script.assignments[node].get(0, NO_ASSIGNMENT).source == "bad"
    )
    script.fails(victim, 0, "peer", error=ChecksumMismatchError("Bad"), bad_bytes=True)
    script.runs_to_the_end()
    before = len(script.orders)
    script.grow([12])
    for node in script.assignments:
        script.takes_inventory(node, wants=(1,))
    script.runs_to_the_end()
    sources = {order.source for _, order in script.orders[before:] if isinstance(order, Fetch)}
    assert "bad" not in sources
    assert sources > {None}
