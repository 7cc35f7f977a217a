"""One failure each, by name, and what the scheduler does about it."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from xfd_api.errors import (
    DiskFullError,
    ObjectNotFoundError,
    OriginThrottledError,
    PeerError,
)
from xfd_api.orders import Fetch
from xfd_api.reports import LONGEST_ASKED_REST_S, Fault, Inventory
from xfd_scheduler.events import NodeTraits
from xfd_scheduler.scheduler import SchedulerSettings
from xfd_scheduler.testing.script import Story

Told = Callable[[Story], Story]


def test_origin_final_fails_the_object_on_every_node_that_wants_it(told: Told) -> None:
    story = told(Story())
    story.grow([2, 2])
    story.joins("a")
    story.joins("b")
    story.joins("c", wants=(1,))
    story.plan()
    story.fails(story.reader(0), 0, "origin", error=ObjectNotFoundError("No such key"), final=True)
    assert set(story.scheduler.failures()) == {("a", 0), ("b", 0)}
    story.joins("late")
    assert isinstance(story.scheduler.failures()[("late", 0)], ObjectNotFoundError)
    story.runs_to_the_end()
    assert not {0, 1} & {chunk for mine in story.errands.values() for chunk in mine}


def test_origin_transient_is_tried_again_after_a_growing_pause(told: Told) -> None:
    story = told(Story.of_nodes(1, chunks=1))
    pauses = []
    for _ in range(3):
        story.plan()
        story.fails("n0", 0, "origin")
        assert story.plan() == {}
        pauses.append(story.waits())
    assert pauses[0] < pauses[1] < pauses[2]
    story.runs_to_the_end()
    assert not story.scheduler.failures()


def test_origin_transient_at_one_node_lets_another_read(told: Told) -> None:
    story = told(Story.of_nodes(4, chunks=1))
    story.plan()
    sick = story.reader(0)
    story.fails(sick, 0, "origin")
    story.waits()
    story.plan()
    assert story.reader(0) == sick
    story.fails(sick, 0, "origin")
    story.plan()
    assert story.reader(0) != sick
    story.runs_to_the_end()
    assert not story.scheduler.failures()


def test_origin_throttled_is_left_alone_as_long_as_it_asked(told: Told) -> None:
    settings = SchedulerSettings(origin_slots=4, download_slots=4)
    story = told(Story.of_nodes(3, chunks=60, settings=settings))
    story.plan()
    reader = story.reader(0)
    read = sum(story.origin_reads.values())
    story.fails(reader, 0, "origin", error=OriginThrottledError("SlowDown"), retry_after_s=7.0)
    for node in ("n0", "n1", "n2"):
        for chunk in list(story.errands[node]):
            if chunk:
                story.holds(node, chunk)
    story.plan()
    while sum(story.origin_reads.values()) == read:
        assert story.waits()
        story.plan()
    assert story.now == pytest.approx(7.0)
    story.runs_to_the_end()
    assert not story.scheduler.failures()


@pytest.mark.parametrize("asked", [99999999.0, math.inf, math.nan, -1.0])
@pytest.mark.parametrize("fault", ["origin", "peer"])
def test_a_rest_without_end_ends(told: Told, fault: Fault, asked: float) -> None:
    story = told(Story())
    story.grow([3])
    story.joins("a", held=(0, 1, 2) if fault == "peer" else ())
    story.joins("b")
    story.plan()
    error = PeerError("busy") if fault == "peer" else OriginThrottledError("SlowDown")
    story.fails(
        "b" if fault == "peer" else story.reader(0), 0, fault, error=error, retry_after_s=asked
    )
    story.runs_to_the_end()
    assert not story.scheduler.failures()
    assert story.now <= 2 * LONGEST_ASKED_REST_S


def test_origin_failing_without_end_fails_the_object(told: Told) -> None:
    story = told(Story.of_nodes(1, chunks=1, settings=SchedulerSettings(attempts=3)))
    for _ in range(3):
        story.plan()
        story.fails("n0", 0, "origin")
        story.waits()
    assert ("n0", 0) in story.scheduler.failures()
    assert story.plan() == {}
    assert story.scheduler.next_wakeup() is None


def test_peer_failed_is_asked_elsewhere(served: Story) -> None:
    story = served
    story.fails("b", 0, "peer", error=PeerError("Reset"))
    story.plan()
    assert story.source("b", 0) != "a" if story.source("c", 0) == "a" else True
    story.runs_to_the_end()
    assert story.origin_reads == {}
    assert not story.scheduler.failures()


def test_peer_that_fails_several_nodes_is_rested_for_all(told: Told) -> None:
    story = told(Story())
    story.grow([2])
    story.joins("good", held=(0, 1))
    story.joins("sick", held=(0, 1))
    settings_strikes = SchedulerSettings().strikes
    failed = 0
    for index in range(20):
        node = f"n{index}"
        story.joins(node)
        story.plan()
        for chunk, errand in list(story.errands[node].items()):
            if errand.source == "sick" and failed < settings_strikes:
                story.fails(node, chunk, "peer", error=PeerError("Refused"))
                failed += 1
                break
    assert failed == settings_strikes
    before = len(story.orders)
    story.joins("last")
    story.plan()
    fresh = [one for name, one in story.orders[before:] if isinstance(one, Fetch)]
    assert fresh
    assert all(order.source != "sick" for order in fresh)


def test_node_final_fails_the_object_there_only(told: Told) -> None:
    story = told(Story.of_nodes(3, chunks=3))
    story.plan()
    story.fails("n1", 2, "node", error=DiskFullError("No room"), final=True)
    assert list(story.scheduler.failures()) == [("n1", 0)]
    story.runs_to_the_end()
    assert all(count <= 2 for count in story.origin_reads.values())


def test_a_lost_node_is_given_no_order_and_named_in_none(told: Told) -> None:
    story = told(Story.of_nodes(6, chunks=40))
    story.plan()
    story.is_lost("n2")
    before = len(story.orders)
    story.runs_to_the_end()
    for node, order in story.orders[before:]:
        assert node != "n2"
        assert not (isinstance(order, Fetch) and order.source == "n2")
    assert all(count <= 2 for count in story.origin_reads.values())


def test_only_what_was_lost_with_its_last_holder_is_read_again(told: Told) -> None:
    story = told(Story())
    story.grow([4])
    story.joins("a", held=(0, 1, 2, 3))
    story.joins("b")
    story.plan()
    story.holds("b", 0, 1)
    story.is_lost("a")
    story.runs_to_the_end()
    assert story.origin_reads == {2: 1, 3: 1}


def test_object_failed_is_final_for_those_that_wait_for_that_node(told: Told) -> None:
    story = told(Story())
    story.grow([1])
    story.joins("writer")
    story.joins("sharer", elsewhere=((0, "writer"),))
    story.cannot_land("writer", 0, DiskFullError("No room"))
    assert set(story.scheduler.failures()) == {("writer", 0), ("sharer", 0)}


def test_a_gap_in_the_reports_is_mended_by_a_full_one(told: Told) -> None:
    story = told(Story.of_nodes(2, chunks=4))
    story.plan()
    story.reports("n0")
    story.errands["n0"].clear()
    story._seq[next(iter(story._seq))] += 3
    story.reports("n0", full=Inventory())
    story.plan()
    assert set(story.errands["n0"]) == {0, 1, 2, 3}
    story.runs_to_the_end()
    assert not story.scheduler.failures()


def test_a_repeated_report_changes_nothing(told: Told) -> None:
    story = told(Story.of_nodes(2, chunks=4))
    story.plan()
    story.reports("n0")
    story._seq[next(iter(story._seq))] -= 1
    story.lands("n0", 0)
    assert story.scheduler.landed("n0") == 0


def test_the_last_chunks_are_asked_of_a_faster_holder(told: Told) -> None:
    story = told(Story())
    story.grow([1])
    slow, fast = NodeTraits("", 1e8, 1e8), NodeTraits("", 1e9, 1e9)
    story.joins("slow", held=(0,), traits=slow)
    story.joins("late", traits=fast)
    story.plan()
    assert story.source("late", 0) == "slow"
    story.joins("fast", held=(0,), traits=fast)
    story.plan()
    assert story.source("late", 0) == "fast"
    story.runs_to_the_end()
    assert story.origin_reads == {}
