"""Orders that take far longer than others, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from xfd_api.orders import Cancel, Fetch
from xfd_scheduler.events import NodeTraits
from xfd_scheduler.scheduler import SchedulerSettings
from xfd_scheduler.testing.script import Script

Checked = Callable[[Script], Script]
SETTINGS = SchedulerSettings(download_slots=4, upload_slots=8)
READ_AT_ONCE = SchedulerSettings(download_slots=8, upload_slots=8)
"""With these, each of three nodes reads four of twelve chunks, all at the same time."""
CHUNKS = 60


def cancels(script: Script, node: str) -> int:
    return sum(name == node and isinstance(order, Cancel) for name, order in script.orders)


def fetches(script: Script, node: str, chunk: int) -> list[str | None]:
    """The sources of the node's orders for the chunk, one after the other."""
    return [
        order.source
        for name, order in script.orders
        if name == node
        and isinstance(order, Fetch)
        and order.first_chunk <= chunk < order.first_chunk + order.count
    ]


def time_passes(
    script: Script, seconds: float, stuck: Callable[[str, int, str | None], bool]
) -> None:
    """Time passes, and nodes carry out all orders except those that are `stuck`."""
    until = script.now + seconds
    while script.now < until:
        script.plan()
        for node, mine in script.assignments.items():
            done = [
                each.chunk for each in mine.values() if not stuck(node, each.chunk, each.source)
            ]
            if done:
                script.holds(node, *done)
        script.now = min(until, script.now + 0.25)
    script.plan()


@pytest.fixture
def fetching(checked: Checked) -> Script:
    """Nodes `a`, `b` and `c` hold all chunks, `late` wants them."""
    script = checked(Script(SETTINGS))
    script.grow([CHUNKS])
    for node in ("a", "b", "c"):
        script.joins(node, held=tuple(range(CHUNKS)))
    script.joins("late")
    script.plan()
    return script


def test_slow_order_is_moved_to_another_holder_once(fetching: Script) -> None:
    script = fetching
    chunk, assignment = next(iter(script.assignments["late"].items()))
    slow = assignment.source
    time_passes(script, 60.0, lambda _, each, source: (each, source) == (chunk, slow))
    asked = fetches(script, "late", chunk)
    assert len(asked) == 2
    assert asked[0] == slow
    assert asked[1] not in (slow, None)
    assert cancels(script, "late") == 1
    assert not script.assignments["late"]
    assert script.origin_reads == {}


def test_slow_order_is_given_time(fetching: Script) -> None:
    script = fetching
    chunk, assignment = next(iter(script.assignments["late"].items()))
    time_passes(script, 3.5, lambda _, each, source: (each, source) == (chunk, assignment.source))
    assert cancels(script, "late") == 0


def test_no_read_is_late_before_anything_has_arrived(checked: Checked) -> None:
    """Links of 16 Mbit/s take 22 s for the chunks that they receive at once."""
    script = checked(Script(SchedulerSettings()))
    script.grow([12])
    for node in "abcdefgh":
        script.joins(node)
    time_passes(script, 50.0, lambda node, chunk, source: True)
    assert not any(isinstance(order, Cancel) for _, order in script.orders)


def test_slow_order_is_noticed_although_nothing_else_happens(fetching: Script) -> None:
    """It is the last one of a node. No node reports, so the scheduler asks for a wake-up."""
    script = fetching
    chunk, assignment = next(iter(script.assignments["late"].items()))
    while len(script.assignments["late"]) > 1 or script.plan():
        script.holds("late", *(each for each in script.assignments["late"] if each != chunk))
        script.now += 0.05
    while script.source("late", chunk) == assignment.source:
        assert script.waits() > 0
        assert script.now < 30
        script.plan()


def test_slow_order_goes_to_another_again_only_after_twice_the_time(fetching: Script) -> None:
    """No livelock: on a link that is slow with any source, moves become rare.

    Ages are looked at once a second, so the first waits are not exactly twice as long.
    """
    script = fetching
    chunk = next(iter(script.assignments["late"]))
    moved: list[float] = []
    for _ in range(1200):
        before = cancels(script, "late")
        time_passes(script, 0.5, lambda _, each, __: each == chunk)
        if cancels(script, "late") > before:
            moved.append(script.now)
    assert 3 <= len(moved) <= 8
    waits = [after - before for before, after in pairwise(moved)]
    assert all(after >= 1.7 * before for before, after in pairwise(waits))


def test_slow_orders_of_a_slow_source_are_asked_of_others(checked: Checked) -> None:
    script = checked(Script(SETTINGS))
    script.grow([CHUNKS])
    for node in ("a", "b", "slow"):
        script.joins(node, held=tuple(range(CHUNKS)))
    nodes = [f"n{index}" for index in range(6)]
    for node in nodes:
        script.joins(node)
    time_passes(script, 60.0, lambda _, __, source: source == "slow")
    assert sum(cancels(script, node) for node in nodes)
    assert not any(script.assignments[node] for node in nodes)
    assert script.origin_reads == {}


def test_a_slow_node_s_own_orders_are_not_slow(fetching: Script) -> None:
    """Its link became slow during the run: another source makes no difference."""
    script = fetching
    time_passes(script, 0.5, lambda _, __, ___: False)
    late = dict(script.assignments["late"])
    assert len({assignment.source for assignment in late.values()}) > 1
    time_passes(script, 600.0, lambda _, __, ___: True)
    assert cancels(script, "late") == 0
    assert script.assignments["late"] == late
    script.runs_to_the_end()


def test_a_node_that_was_always_slow_is_judged_by_what_it_usually_takes(fetching: Script) -> None:
    script = fetching
    started: dict[int, float] = {}
    while script.plan() or script.assignments["late"]:
        for chunk in script.assignments["late"]:
            started.setdefault(chunk, script.now)
        script.now += 5.0
        oldest = next(iter(script.assignments["late"]))
        script.holds("late", oldest, seconds=min(20.0, script.now - started[oldest]))
        script.plan()
    assert cancels(script, "late") == 0


def test_slow_origin_order_is_moved_to_a_holder_if_there_is_one(checked: Checked) -> None:
    script = checked(Script.of_nodes(3, chunks=CHUNKS, settings=SETTINGS))
    script.plan()
    reader = script.reader(0)
    script.joins("old", held=(0,))
    time_passes(
        script, 60.0, lambda node, chunk, source: (node, chunk, source) == (reader, 0, None)
    )
    first, *others = fetches(script, reader, 0)
    assert first is None
    assert len(others) == 1
    assert others[0] is not None
    assert script.origin_reads == dict.fromkeys(range(CHUNKS), 1)


def test_slow_origin_order_waits_for_a_holder_that_is_busy(checked: Checked) -> None:
    """The holder has as many orders as may wait for it. That is no reason to read again."""
    settings = SchedulerSettings(
        download_slots=1, upload_slots=2, queue_s=0.01, relay=False, report_interval_s=0.1
    )
    script = checked(Script(settings))
    script.grow([5])
    script.joins("fast", traits=NodeTraits("", None, 1e9))
    script.joins("slow", traits=NodeTraits("", None, 6e8))
    script.plan()
    reads = [chunk for chunk, each in script.assignments["slow"].items() if each.source is None]
    script.is_lost("fast")
    script.joins("old", held=tuple(range(5)))
    script.now += 120.0
    script.plan()
    assert sum(each.source == "old" for each in script.assignments["slow"].values()) == 4
    assert sum(each.source is None for each in script.assignments["slow"].values()) == 1
    assert all(script.origin_reads[read] == 1 for read in reads)


def test_slow_origin_order_is_handed_to_another_node_once(checked: Checked) -> None:
    script = checked(Script.of_nodes(3, chunks=CHUNKS, settings=SETTINGS))
    script.plan()
    reader = script.reader(0)
    stuck = {reader} | {node for node in script.assignments if script.source(node, 0) == reader}

    def waits(node: str, chunk: int, source: str | None) -> bool:
        return chunk == 0 and (
            (node, source) == (reader, None)
            or (source in stuck and 0 in script.assignments.get(str(source), {}))
        )

    time_passes(script, 60.0, waits)
    assert not any(script.assignments.values())
    assert script.origin_reads.pop(0) == 2
    assert set(script.origin_reads.values()) == {1}


def only_the_slow_node_reads(script: Script, fast_s: float, slow_s: float) -> list[int]:
    """Chunks that `n0` still reads when `n1` and `n2` have all others."""
    fast = ("n1", "n2")
    while script.plan() or any(
        each.source is None for node in fast for each in script.assignments[node].values()
    ):
        for node in fast:
            done = [each for each, what in script.assignments[node].items() if what.source != "n0"]
            if done:
                script.holds(node, *done, seconds=fast_s)
        script.now += 0.1
    reads = [each.chunk for each in script.assignments["n0"].values() if each.source is None]
    script.holds(
        "n0", *(each for each in script.assignments["n0"] if each not in reads), seconds=slow_s
    )
    return reads


def test_a_faster_node_that_waits_for_nothing_else_takes_over_a_read(
    checked: Checked,
) -> None:
    """No node holds the chunk yet; the slow node receives it from the new reader."""
    script = checked(Script.of_nodes(3, chunks=12, settings=READ_AT_ONCE))
    reads = only_the_slow_node_reads(script, fast_s=0.1, slow_s=4.0)
    assert reads
    time_passes(script, 3.0, lambda _, chunk, __: chunk in reads)
    for chunk in reads:
        assert script.reader(chunk) in ("n1", "n2")
        assert script.source("n0", chunk) == script.reader(chunk)
        assert script.origin_reads[chunk] == 2


def test_a_read_is_not_taken_over_before_one_of_the_faster_node_would_end(
    checked: Checked,
) -> None:
    """If the origin is slow for all, the node that seems slow is about to have the chunk."""
    script = checked(Script.of_nodes(3, chunks=12, settings=READ_AT_ONCE))
    last, *others = only_the_slow_node_reads(script, fast_s=4.0, slow_s=160.0)
    for node in ("n0", "n1", "n2"):
        script.holds(node, *others, seconds=160.0 if node == "n0" else 4.0)
    time_passes(script, 3.0, lambda _, chunk, __: chunk == last)
    assert script.origin_reads[last] == 1
    time_passes(script, 3.0, lambda _, chunk, __: chunk == last)
    assert script.origin_reads[last] == 2


def test_a_node_that_has_never_read_takes_no_read_over(checked: Checked) -> None:
    """It joined again after a loss, and has all but the last chunk from the slow node."""
    script = checked(Script.of_nodes(3, chunks=12, settings=READ_AT_ONCE))
    last, *others = only_the_slow_node_reads(script, fast_s=0.1, slow_s=4.0)
    script.holds("n0", *others, seconds=4.0)
    for node in ("n1", "n2"):
        script.is_lost(node)
    script.joins("back")
    time_passes(script, 2.0, lambda _, chunk, __: chunk == last)
    assert list(script.assignments["back"]) == [last]
    time_passes(script, 4.0, lambda _, chunk, __: chunk == last)
    assert script.source("back", last) == "n0"
    assert script.origin_reads[last] == 1


def test_an_origin_that_is_slow_as_a_whole_is_not_asked_again(checked: Checked) -> None:
    script = checked(Script.of_nodes(4, chunks=CHUNKS, settings=SETTINGS))
    time_passes(script, 0.5, lambda _, __, ___: False)
    assert any(script.assignments.values())
    time_passes(script, 600.0, lambda _, __, ___: True)
    assert set(script.origin_reads.values()) == {1}
    script.runs_to_the_end()
    assert script.origin_reads == dict.fromkeys(range(CHUNKS), 1)


def test_single_reads_that_starve_are_asked_again_although_they_are_many(
    checked: Checked,
) -> None:
    """They are fewer than half of the reads that run at a time, so the origin is not slow."""
    script = checked(Script.of_nodes(4, chunks=CHUNKS, settings=READ_AT_ONCE))
    starved = range(CHUNKS - 3, CHUNKS)

    def is_starved(_: str, chunk: int, __: str | None) -> bool:
        return chunk in starved and script.origin_reads[chunk] == 1

    time_passes(script, 30.0, is_starved)
    assert not any(script.assignments.values())
    assert [script.origin_reads[chunk] for chunk in starved] == [2, 2, 2]


def test_the_first_chunks_that_arrive_do_not_make_the_others_late(checked: Checked) -> None:
    """All chunks start at once, on links that they share; those of the quickest streams arrive."""
    script = checked(Script.of_nodes(4, chunks=8, settings=READ_AT_ONCE))
    time_passes(script, 6.0, lambda _, __, ___: True)
    for node in script.assignments:
        script.holds(node, 0, 1, seconds=6.0)
    time_passes(script, 30.0, lambda _, __, ___: True)
    assert not any(cancels(script, node) for node in script.assignments)
    script.runs_to_the_end()
    assert script.origin_reads == dict.fromkeys(range(8), 1)


def test_an_order_that_waits_for_a_relay_is_not_slow(checked: Checked) -> None:
    """The order of the reader is, and only that one is moved."""
    script = checked(Script.of_nodes(5, chunks=1, settings=SETTINGS))
    script.plan()
    reader = script.reader(0)
    below = [node for node in script.assignments if script.source(node, 0) not in (reader, None)]
    assert below
    time_passes(script, 100.0, lambda _, __, ___: True)
    assert cancels(script, reader)
    assert not any(cancels(script, node) for node in below)
