"""Single failures, and what the scheduler does about each."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from xfd_api.errors import (
    DiskFullError,
    ObjectNotFoundError,
    OriginThrottledError,
    PeerError,
    PinMismatchError,
)
from xfd_api.ids import NodeId
from xfd_api.orders import Fetch
from xfd_api.reports import LONGEST_ASKED_REST_S, LONGEST_RESET_S, Fault, Inventory
from xfd_scheduler.events import NodeTraits
from xfd_scheduler.scheduler import SchedulerSettings
from xfd_scheduler.testing.script import Script

Checked = Callable[[Script], Script]


def test_origin_final_fails_the_object_on_every_node_that_wants_it(checked: Checked) -> None:
    script = checked(Script())
    script.grow([2, 2])
    script.joins("a")
    script.joins("b")
    script.joins("c", wants=(1,))
    script.plan()
    script.fails(
        script.reader(0), 0, "origin", error=ObjectNotFoundError("No such key"), final=True
    )
    assert set(script.scheduler.failures()) == {("a", 0), ("b", 0)}
    script.joins("late")
    assert isinstance(script.scheduler.failures()[("late", 0)], ObjectNotFoundError)
    script.runs_to_the_end()
    assert not {0, 1} & {chunk for mine in script.assignments.values() for chunk in mine}


def test_origin_transient_is_tried_again_after_a_growing_pause(checked: Checked) -> None:
    script = checked(Script.of_nodes(1, chunks=1))
    pauses = []
    for _ in range(3):
        script.plan()
        script.fails("n0", 0, "origin")
        assert script.plan() == {}
        pauses.append(script.waits())
    assert pauses[0] < pauses[1] < pauses[2]
    script.runs_to_the_end()
    assert not script.scheduler.failures()


def test_origin_transient_at_one_node_lets_another_read(checked: Checked) -> None:
    script = checked(Script.of_nodes(4, chunks=1))
    script.plan()
    sick = script.reader(0)
    script.fails(sick, 0, "origin")
    script.waits()
    script.plan()
    assert script.reader(0) == sick
    script.fails(sick, 0, "origin")
    script.plan()
    assert script.reader(0) != sick
    script.runs_to_the_end()
    assert not script.scheduler.failures()


def test_origin_throttled_is_left_alone_as_long_as_it_asked(checked: Checked) -> None:
    settings = SchedulerSettings(origin_slots=4, download_slots=4)
    script = checked(Script.of_nodes(3, chunks=60, settings=settings))
    script.plan()
    reader = script.reader(0)
    read = sum(script.origin_reads.values())
    script.fails(reader, 0, "origin", error=OriginThrottledError("SlowDown"), retry_after_s=7.0)
    for node in ("n0", "n1", "n2"):
        for chunk in list(script.assignments[node]):
            if chunk:
                script.holds(node, chunk)
    script.plan()
    while sum(script.origin_reads.values()) == read:
        assert script.waits()
        script.plan()
    assert script.now == pytest.approx(7.0)
    script.runs_to_the_end()
    assert not script.scheduler.failures()


@pytest.mark.parametrize("asked", [99999999.0, math.inf, math.nan, -1.0])
@pytest.mark.parametrize("fault", ["origin", "peer"])
def test_an_endless_rest_is_cut(checked: Checked, fault: Fault, asked: float) -> None:
    script = checked(Script())
    script.grow([3])
    script.joins("a", held=(0, 1, 2) if fault == "peer" else ())
    script.joins("b")
    script.plan()
    error = PeerError("busy") if fault == "peer" else OriginThrottledError("SlowDown")
    script.fails(
        "b" if fault == "peer" else script.reader(0), 0, fault, error=error, retry_after_s=asked
    )
    script.runs_to_the_end()
    assert not script.scheduler.failures()
    longest = LONGEST_ASKED_REST_S if fault == "peer" else LONGEST_RESET_S
    assert script.now <= 2 * longest


def test_an_origin_that_keeps_failing_fails_the_object(checked: Checked) -> None:
    script = checked(Script.of_nodes(1, chunks=1, settings=SchedulerSettings(attempts=3)))
    for _ in range(3):
        script.plan()
        script.fails("n0", 0, "origin")
        script.waits()
    assert ("n0", 0) in script.scheduler.failures()
    assert script.plan() == {}
    assert script.scheduler.next_wakeup() is None


def test_after_a_peer_failure_another_source_is_asked(served: Script) -> None:
    script = served
    script.fails("b", 0, "peer", error=PeerError("Reset"))
    script.plan()
    assert script.source("b", 0) != "a" if script.source("c", 0) == "a" else True
    script.runs_to_the_end()
    assert script.origin_reads == {}
    assert not script.scheduler.failures()


def test_a_peer_that_fails_several_nodes_rests_for_all(checked: Checked) -> None:
    script = checked(Script())
    script.grow([2])
    script.joins("good", held=(0, 1))
    script.joins("sick", held=(0, 1))
    strikes = SchedulerSettings().strikes
    failed = 0
    for index in range(20):
        node = f"n{index}"
        script.joins(node)
        script.plan()
        for chunk, assignment in list(script.assignments[node].items()):
            if assignment.source == "sick" and failed < strikes:
                script.fails(node, chunk, "peer", error=PeerError("Refused"))
                failed += 1
                break
    assert failed == strikes
    before = len(script.orders)
    script.joins("last")
    script.plan()
    fresh = [one for name, one in script.orders[before:] if isinstance(one, Fetch)]
    assert fresh
    assert all(order.source != "sick" for order in fresh)


def mute_after_one_failure_each(script: Script, seconds: float) -> None:
    """Only `mute` holds the chunks; all three orders of chunk 0 at it fail after so long."""
    script.grow([2])
    script.joins("mute", held=(0, 1))
    for node in ("n1", "n2", "n3"):
        script.joins(node)
    script.plan()
    waiting = [
        (node, chunk)
        for node, orders in script.assignments.items()
        for chunk, order in orders.items()
        if order.source == "mute"
    ]
    for node, chunk in waiting:
        if chunk in script.assignments[node]:  # Else it was opened again after another failure.
            script.fails(node, chunk, "peer", error=PeerError("Fell silent"), seconds=seconds)


@pytest.mark.parametrize(("seconds", "reads"), [(6.0, 2), (0.1, 0)])
def test_nobody_waits_for_a_peer_that_fell_silent_on_all(
    seconds: float, reads: int, checked: Checked
) -> None:
    script = checked(Script(settings=SchedulerSettings(relay=False)))
    mute_after_one_failure_each(script, seconds)
    script.plan()
    orders = [order for mine in script.assignments.values() for order in mine.values()]
    assert sum(order.source is None for order in orders) == reads
    assert all(order.source != "mute" for order in orders)


def test_a_mute_peer_is_asked_again_after_its_rest(checked: Checked) -> None:
    script = checked(Script(settings=SchedulerSettings(relay=False)))
    mute_after_one_failure_each(script, 6.0)
    script.plan()
    script.now += 6.1
    script.joins("late")
    script.plan()
    assert {order.source for order in script.assignments["late"].values()} == {"mute"}


def test_node_final_fails_the_object_there_only(checked: Checked) -> None:
    script = checked(Script.of_nodes(3, chunks=3))
    script.plan()
    script.fails("n1", 2, "node", error=DiskFullError("No room"), final=True)
    assert list(script.scheduler.failures()) == [("n1", 0)]
    script.runs_to_the_end()
    assert all(count <= 2 for count in script.origin_reads.values())


def test_a_lost_node_has_no_order_and_is_named_in_none(checked: Checked) -> None:
    script = checked(Script.of_nodes(6, chunks=40))
    script.plan()
    script.is_lost("n2")
    before = len(script.orders)
    script.runs_to_the_end()
    for node, order in script.orders[before:]:
        assert node != "n2"
        assert not (isinstance(order, Fetch) and order.source == "n2")
    assert all(count <= 2 for count in script.origin_reads.values())


def test_only_what_was_lost_with_its_last_holder_is_read_again(checked: Checked) -> None:
    script = checked(Script())
    script.grow([4])
    script.joins("a", held=(0, 1, 2, 3))
    script.joins("b")
    script.plan()
    script.holds("b", 0, 1)
    script.is_lost("a")
    script.runs_to_the_end()
    assert script.origin_reads == {2: 1, 3: 1}


def test_object_failed_is_final_for_those_that_wait_for_that_node(checked: Checked) -> None:
    script = checked(Script())
    script.grow([1])
    script.joins("writer")
    script.joins("sharer", locked=((0, "writer"),))
    script.cannot_land("writer", 0, DiskFullError("No room"))
    assert set(script.scheduler.failures()) == {("writer", 0), ("sharer", 0)}


def test_an_object_that_is_not_the_named_one_fails_on_every_node(checked: Checked) -> None:
    script = checked(Script.of_nodes(3, chunks=4))
    script.runs_to_the_end()
    script.cannot_land("n1", 0, PinMismatchError("Another object"))
    assert set(script.scheduler.failures()) == {("n0", 0), ("n1", 0), ("n2", 0)}
    script.joins("late")
    assert isinstance(script.scheduler.failures()[("late", 0)], PinMismatchError)


def test_a_full_report_repairs_a_gap(checked: Checked) -> None:
    script = checked(Script.of_nodes(2, chunks=4))
    script.plan()
    script.reports("n0")
    script.assignments["n0"].clear()
    script._seq[next(iter(script._seq))] += 3
    script.reports("n0", full=Inventory())
    script.plan()
    assert set(script.assignments["n0"]) == {0, 1, 2, 3}
    script.runs_to_the_end()
    assert not script.scheduler.failures()


def test_a_repeated_report_changes_nothing(checked: Checked) -> None:
    script = checked(Script.of_nodes(2, chunks=4))
    script.plan()
    script.reports("n0")
    script._seq[next(iter(script._seq))] -= 1
    script.lands("n0", 0)
    assert script.scheduler.landed("n0") == 0


def test_the_last_chunks_are_asked_of_a_faster_holder(checked: Checked) -> None:
    script = checked(Script())
    script.grow([1])
    slow, fast = NodeTraits("", 1e8, 1e8), NodeTraits("", 1e9, 1e9)
    script.joins("slow", held=(0,), traits=slow)
    script.joins("late", traits=fast)
    script.plan()
    assert script.source("late", 0) == "slow"
    script.joins("fast", held=(0,), traits=fast)
    script.now += 0.05
    script.plan()
    assert script.source("late", 0) == "fast"
    script.runs_to_the_end()
    assert script.origin_reads == {}


def test_nodes_that_wait_for_a_lost_copy_nobody_wants_there_ask_others(checked: Checked) -> None:
    script = checked(Script())
    script.grow([1])
    script.joins("a", held=(0,), wants=())
    for node in ("b", "c"):
        script.joins(node)
    script.plan()
    assert {script.source(node, 0) for node in ("b", "c")} & {"a"}
    script.loses("a", 0)
    script.plan()
    assert not {script.source(node, 0) for node in ("b", "c")} & {"a"}
    script.runs_to_the_end()
    assert script.origin_reads == {0: 1}


def test_a_chunk_that_a_second_inventory_leaves_out_is_fetched_again(checked: Checked) -> None:
    script = checked(Script.of_nodes(2, chunks=4))
    script.exchanges()
    script.exchanges()
    script.takes_inventory("n0", held=(0, 2))
    script.plan()
    assert set(script.assignments[NodeId("n0")]) == {1, 3}
    assert {script.source("n0", chunk) for chunk in (1, 3)} == {"n1"}
    script.runs_to_the_end()
