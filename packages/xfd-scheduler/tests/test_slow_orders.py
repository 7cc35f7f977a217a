"""Orders that take far longer than those beside them, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from xfd_api.orders import Cancel, Fetch
from xfd_scheduler.events import NodeTraits
from xfd_scheduler.scheduler import SchedulerSettings
from xfd_scheduler.testing.script import Story

Told = Callable[[Story], Story]
SETTINGS = SchedulerSettings(download_slots=4, upload_slots=8)
ALL_AT_ONCE = SchedulerSettings(download_slots=8, upload_slots=8)
"""Of twelve chunks each of three nodes reads four, and begins at the same moment."""
CHUNKS = 60


def cancels(story: Story, node: str) -> int:
    return sum(name == node and isinstance(order, Cancel) for name, order in story.orders)


def fetches(story: Story, node: str, chunk: int) -> list[str | None]:
    """Whom the node was ordered to ask for the chunk, one order after the other."""
    return [
        order.source
        for name, order in story.orders
        if name == node
        and isinstance(order, Fetch)
        and order.first_chunk <= chunk < order.first_chunk + order.count
    ]


def goes_on(story: Story, seconds: float, stuck: Callable[[str, int, str | None], bool]) -> None:
    """Time passes; nodes carry out all of their orders but those that are `stuck`."""
    until = story.now + seconds
    while story.now < until:
        story.plan()
        for node, mine in story.errands.items():
            done = [
                each.chunk for each in mine.values() if not stuck(node, each.chunk, each.source)
            ]
            if done:
                story.holds(node, *done)
        story.now = min(until, story.now + 0.25)
    story.plan()


@pytest.fixture
def fetching(told: Told) -> Story:
    """Nodes `a`, `b` and `c` hold all chunks, `late` wants them."""
    story = told(Story(SETTINGS))
    story.grow([CHUNKS])
    for node in ("a", "b", "c"):
        story.joins(node, held=tuple(range(CHUNKS)))
    story.joins("late")
    story.plan()
    return story


def test_slow_order_is_moved_to_another_holder_once(fetching: Story) -> None:
    story = fetching
    chunk, errand = next(iter(story.errands["late"].items()))
    slow = errand.source
    goes_on(story, 60.0, lambda _, each, source: (each, source) == (chunk, slow))
    asked = fetches(story, "late", chunk)
    assert len(asked) == 2
    assert asked[0] == slow
    assert asked[1] not in (slow, None)
    assert cancels(story, "late") == 1
    assert not story.errands["late"]
    assert story.origin_reads == {}


def test_slow_order_is_given_time(fetching: Story) -> None:
    story = fetching
    chunk, errand = next(iter(story.errands["late"].items()))
    goes_on(story, 3.5, lambda _, each, source: (each, source) == (chunk, errand.source))
    assert cancels(story, "late") == 0


def test_slow_order_is_noticed_although_nothing_else_happens(fetching: Story) -> None:
    """The last one of a node: nobody reports, so the scheduler asks to be woken."""
    story = fetching
    chunk, errand = next(iter(story.errands["late"].items()))
    while len(story.errands["late"]) > 1 or story.plan():
        story.holds("late", *(each for each in story.errands["late"] if each != chunk))
        story.now += 0.05
    while story.source("late", chunk) == errand.source:
        assert story.waits() > 0
        assert story.now < 30
        story.plan()


def test_slow_order_goes_to_another_again_only_after_twice_the_time(fetching: Story) -> None:
    """No livelock: on a way that is slow whoever sends, the moves become fewer and fewer."""
    story = fetching
    chunk = next(iter(story.errands["late"]))
    moved: list[float] = []
    for _ in range(1200):
        before = cancels(story, "late")
        goes_on(story, 0.5, lambda _, each, __: each == chunk)
        if cancels(story, "late") > before:
            moved.append(story.now)
    assert 3 <= len(moved) <= 8
    waits = [after - before for before, after in pairwise(moved)]
    assert all(after >= 1.8 * before for before, after in pairwise(waits))


def test_slow_orders_of_a_slow_source_are_asked_of_others(told: Told) -> None:
    story = told(Story(SETTINGS))
    story.grow([CHUNKS])
    for node in ("a", "b", "slow"):
        story.joins(node, held=tuple(range(CHUNKS)))
    nodes = [f"n{index}" for index in range(6)]
    for node in nodes:
        story.joins(node)
    goes_on(story, 60.0, lambda _, __, source: source == "slow")
    assert sum(cancels(story, node) for node in nodes)
    assert not any(story.errands[node] for node in nodes)
    assert story.origin_reads == {}


def test_a_slow_node_s_own_orders_are_not_slow(fetching: Story) -> None:
    """Its link broke down in the middle: whom it asks makes no difference."""
    story = fetching
    goes_on(story, 0.5, lambda _, __, ___: False)
    late = dict(story.errands["late"])
    assert len({errand.source for errand in late.values()}) > 1
    goes_on(story, 600.0, lambda _, __, ___: True)
    assert cancels(story, "late") == 0
    assert story.errands["late"] == late
    story.runs_to_the_end()


def test_a_node_that_was_always_slow_is_judged_by_what_it_usually_takes(fetching: Story) -> None:
    story = fetching
    begun: dict[int, float] = {}
    while story.plan() or story.errands["late"]:
        for chunk in story.errands["late"]:
            begun.setdefault(chunk, story.now)
        story.now += 5.0
        oldest = next(iter(story.errands["late"]))
        story.holds("late", oldest, seconds=min(20.0, story.now - begun[oldest]))
        story.plan()
    assert cancels(story, "late") == 0


def test_slow_origin_order_is_moved_to_a_holder_where_there_is_one(told: Told) -> None:
    story = told(Story.of_nodes(3, chunks=CHUNKS, settings=SETTINGS))
    story.plan()
    reader = story.reader(0)
    story.joins("old", held=(0,))
    goes_on(story, 60.0, lambda node, chunk, source: (node, chunk, source) == (reader, 0, None))
    first, *others = fetches(story, reader, 0)
    assert first is None
    assert len(others) == 1
    assert others[0] is not None
    assert story.origin_reads == dict.fromkeys(range(CHUNKS), 1)


def test_slow_origin_order_waits_for_a_holder_that_is_busy(told: Told) -> None:
    """It has as many orders as may wait for it, so nobody is free: no reason to read again."""
    settings = SchedulerSettings(
        download_slots=1, upload_slots=2, queue_s=0.01, relay=False, report_interval_s=0.1
    )
    story = told(Story(settings))
    story.grow([5])
    story.joins("fast", traits=NodeTraits("", None, 1e9))
    story.joins("slow", traits=NodeTraits("", None, 6e8))
    story.plan()
    reads = [chunk for chunk, each in story.errands["slow"].items() if each.source is None]
    story.is_lost("fast")
    story.joins("old", held=tuple(range(5)))
    story.now += 120.0
    story.plan()
    assert sum(each.source == "old" for each in story.errands["slow"].values()) == 4
    assert sum(each.source is None for each in story.errands["slow"].values()) == 1
    assert all(story.origin_reads[read] == 1 for read in reads)


def test_slow_origin_order_is_handed_to_another_node_once(told: Told) -> None:
    story = told(Story.of_nodes(3, chunks=CHUNKS, settings=SETTINGS))
    story.plan()
    reader = story.reader(0)
    stuck = {reader} | {node for node in story.errands if story.source(node, 0) == reader}

    def waits(node: str, chunk: int, source: str | None) -> bool:
        return chunk == 0 and (
            (node, source) == (reader, None)
            or (source in stuck and 0 in story.errands.get(str(source), {}))
        )

    goes_on(story, 60.0, waits)
    assert not any(story.errands.values())
    assert story.origin_reads.pop(0) == 2
    assert set(story.origin_reads.values()) == {1}


def only_the_slow_one_reads(story: Story, quick_s: float, slow_s: float) -> list[int]:
    """What `n0` still reads when `n1` and `n2`, whose transfers take `quick_s`, have all else."""
    quick = ("n1", "n2")
    while story.plan() or any(
        each.source is None for node in quick for each in story.errands[node].values()
    ):
        for node in quick:
            done = [each for each, what in story.errands[node].items() if what.source != "n0"]
            if done:
                story.holds(node, *done, seconds=quick_s)
        story.now += 0.1
    reads = [each.chunk for each in story.errands["n0"].values() if each.source is None]
    story.holds("n0", *(each for each in story.errands["n0"] if each not in reads), seconds=slow_s)
    return reads


def test_what_a_slow_node_reads_is_read_on_by_a_quicker_one_that_waits_for_nothing_else(
    told: Told,
) -> None:
    """Nobody holds the chunk yet; the slow node gets it from the one that took over."""
    story = told(Story.of_nodes(3, chunks=12, settings=ALL_AT_ONCE))
    reads = only_the_slow_one_reads(story, quick_s=0.1, slow_s=4.0)
    assert reads
    goes_on(story, 3.0, lambda _, chunk, __: chunk in reads)
    for chunk in reads:
        assert story.reader(chunk) in ("n1", "n2")
        assert story.source("n0", chunk) == story.reader(chunk)
        assert story.origin_reads[chunk] == 2


def test_a_read_is_not_taken_over_before_one_of_the_quicker_would_have_ended(told: Told) -> None:
    """Where the origin is slow for all, the one that seems slow is about to have the chunk."""
    story = told(Story.of_nodes(3, chunks=12, settings=ALL_AT_ONCE))
    last, *others = only_the_slow_one_reads(story, quick_s=4.0, slow_s=160.0)
    for node in ("n0", "n1", "n2"):
        story.holds(node, *others, seconds=160.0 if node == "n0" else 4.0)
    goes_on(story, 3.0, lambda _, chunk, __: chunk == last)
    assert story.origin_reads[last] == 1
    goes_on(story, 3.0, lambda _, chunk, __: chunk == last)
    assert story.origin_reads[last] == 2


def test_a_node_that_has_never_read_takes_no_read_over(told: Told) -> None:
    """It came back after a loss, and has all but the last chunk from the slow one."""
    story = told(Story.of_nodes(3, chunks=12, settings=ALL_AT_ONCE))
    last, *others = only_the_slow_one_reads(story, quick_s=0.1, slow_s=4.0)
    story.holds("n0", *others, seconds=4.0)
    for node in ("n1", "n2"):
        story.is_lost(node)
    story.joins("back")
    goes_on(story, 2.0, lambda _, chunk, __: chunk == last)
    assert list(story.errands["back"]) == [last]
    goes_on(story, 4.0, lambda _, chunk, __: chunk == last)
    assert story.source("back", last) == "n0"
    assert story.origin_reads[last] == 1


def test_an_origin_that_is_slow_as_a_whole_is_not_asked_again(told: Told) -> None:
    story = told(Story.of_nodes(4, chunks=CHUNKS, settings=SETTINGS))
    goes_on(story, 0.5, lambda _, __, ___: False)
    assert any(story.errands.values())
    goes_on(story, 600.0, lambda _, __, ___: True)
    assert set(story.origin_reads.values()) == {1}
    story.runs_to_the_end()
    assert story.origin_reads == dict.fromkeys(range(CHUNKS), 1)


def test_an_order_that_waits_for_a_relay_is_not_slow(told: Told) -> None:
    """The reader's is, and it alone is moved."""
    story = told(Story.of_nodes(5, chunks=1, settings=SETTINGS))
    story.plan()
    reader = story.reader(0)
    below = [node for node in story.errands if story.source(node, 0) not in (reader, None)]
    assert below
    goes_on(story, 100.0, lambda _, __, ___: True)
    assert cancels(story, reader)
    assert not any(cancels(story, node) for node in below)
