"""Copies that are bad, or gone, and what the scheduler does about them."""

from __future__ import annotations

from collections.abc import Callable

from xfd_api.errors import (
    ChecksumMismatchError,
)
from xfd_api.ids import OrderId
from xfd_api.orders import Discard, Fetch
from xfd_scheduler.scheduler import SchedulerSettings
from xfd_scheduler.testing.script import Errand, Story

Told = Callable[[Story], Story]
NOBODY = Errand(OrderId(0), 0, None)


def given_to(story: Story, node: str, kind: type) -> list[object]:
    return [order for name, order in story.orders if name == node and isinstance(order, kind)]


def test_bad_bytes_ban_the_source_and_a_second_complaint_discards_its_copy(served: Story) -> None:
    story = served
    direct = [node for node in ("b", "c") if story.source(node, 0) == "a"]
    error = ChecksumMismatchError("Bad")
    story.fails(direct[0], 0, "peer", error=error, bad_bytes=True)
    story.plan()
    assert all(e.source != "a" for node in ("b", "c") for e in story.errands[node].values())
    story.runs_to_the_end()
    assert story.origin_reads == {0: 1}


def test_two_complaints_discard_the_chunk(told: Told) -> None:
    story = told(Story())
    story.grow([1])
    story.joins("bad", held=(0,))
    for node in ("b", "c"):
        story.joins(node)
    story.plan()
    assert {story.source(node, 0) for node in ("b", "c")} == {"bad"}
    for node in ("b", "c"):
        story.fails(node, 0, "peer", error=ChecksumMismatchError("Bad"), bad_bytes=True)
    story.plan()
    assert given_to(story, "bad", Discard) == [Discard((0,))]
    story.runs_to_the_end()
    assert story.origin_reads == {0: 1}


def test_a_report_that_differs_from_the_pin_is_bad_bytes(told: Told) -> None:
    story = told(Story.of_nodes(3, chunks=1))
    story.plan()
    reader = story.reader(0)
    story.holds(reader, 0)
    victim = next(node for node in story.errands if 0 in story.errands[node])
    story.holds(victim, 0, crc=0xBAD)
    story.plan()
    assert given_to(story, victim, Discard) == [Discard((0,))]
    story.runs_to_the_end()
    assert story.origin_reads[0] <= 2


def test_a_child_that_reports_before_the_first_reader_is_held_to_its_pin(told: Told) -> None:
    story = told(Story.of_nodes(2, chunks=1))
    story.plan()
    reader = story.reader(0)
    child = next(node for node in ("n0", "n1") if node != reader)
    story.holds(child, 0, crc=0xBAD)
    story.holds(reader, 0)
    story.plan()
    assert given_to(story, child, Discard) == [Discard((0,))]
    story.runs_to_the_end()


def test_suspect_chunks_are_read_once_more_by_another_node_and_then_fail(told: Told) -> None:
    story = told(Story.of_nodes(3, chunks=1))
    story.plan()
    first = story.reader(0)
    story.runs_to_the_end()
    error = ChecksumMismatchError("Whole object")
    story.cannot_land("n0", 0, error, chunks_suspect=True)
    story.cannot_land("n1", 0, error, chunks_suspect=True)
    assert not story.scheduler.failures()
    story.plan()
    assert story.reader(0) != first
    story.runs_to_the_end()
    assert story.origin_reads == {0: 2}
    story.cannot_land("n0", 0, error, chunks_suspect=True)
    assert list(story.scheduler.failures()) == [("n0", 0)]


def test_a_lost_copy_is_fetched_again_from_who_has_one(told: Told) -> None:
    story = told(Story.of_nodes(3, chunks=1))
    story.runs_to_the_end()
    story.loses("n0", 0)
    story.plan()
    assert story.source("n0", 0) in ("n1", "n2")
    story.plan()
    assert len(given_to(story, "n0", Fetch)) == 2
    story.runs_to_the_end()
    assert story.origin_reads == {0: 1}


def test_the_only_copy_that_is_lost_is_read_by_its_holder_again_and_nobody_else(
    served: Story,
) -> None:
    story = served
    story.loses("a", 0)
    story.plan()
    assert story.reader(0) == "a"
    assert {story.source("b", 0), story.source("c", 0)} <= {"a", "b", "c"}
    story.runs_to_the_end()
    assert story.origin_reads == {0: 1}


def test_news_of_a_loss_that_comes_twice_counts_once(told: Told) -> None:
    story = told(Story.of_nodes(2, chunks=1))
    story.runs_to_the_end()
    story.loses("n0", 0)
    story.loses("n0", 0)
    story.runs_to_the_end()
    assert len(given_to(story, "n0", Fetch)) == 2


def test_without_relays_a_banned_node_is_no_source_either(told: Told) -> None:
    story = told(Story(SchedulerSettings(relay=False)))
    story.grow([1])
    story.joins("bad", held=(0,))
    for index in range(8):
        story.joins(f"n{index}")
    story.plan()
    victim = next(
        node for node in story.errands if story.errands[node].get(0, NOBODY).source == "bad"
    )
    story.fails(victim, 0, "peer", error=ChecksumMismatchError("Bad"), bad_bytes=True)
    story.runs_to_the_end()
    before = len(story.orders)
    story.grow([12])
    for node in story.errands:
        story.asks(node, wants=(1,))
    story.runs_to_the_end()
    sources = {order.source for _, order in story.orders[before:] if isinstance(order, Fetch)}
    assert "bad" not in sources
    assert sources > {None}
