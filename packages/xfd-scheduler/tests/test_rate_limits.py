"""An origin that names the reset of its rate limit is left alone by all nodes until then."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from xfd_api.errors import OriginThrottledError
from xfd_scheduler.scheduler import SchedulerSettings
from xfd_scheduler.testing.script import Script

Checked = Callable[[Script], Script]

RESET_S = 300.0


def throttles(script: Script, chunk: int, reset_s: float = RESET_S) -> None:
    """The reader of a chunk is told to come back after the reset."""
    script.fails(
        script.reader(chunk),
        chunk,
        "origin",
        error=OriginThrottledError("The origin answered with status 429"),
        retry_after_s=reset_s,
    )


def reads(script: Script) -> int:
    return sum(script.origin_reads.values())


def finishes(script: Script) -> None:
    """All orders that are out are carried out."""
    for node, mine in script.assignments.items():
        if mine:
            script.holds(node)


def test_no_node_reads_before_the_reset_and_all_go_on_after_it(checked: Checked) -> None:
    script = checked(Script.of_nodes(4, chunks=200))
    script.plan()
    throttles(script, 0)
    before = reads(script)
    while script.now < RESET_S - 1:
        finishes(script)
        script.plan()
        assert reads(script) == before
        if not any(script.assignments.values()):
            assert script.waits()
    assert script.now == pytest.approx(RESET_S)
    script.runs_to_the_end()
    assert not script.scheduler.failures()
    assert script.now < RESET_S + 60


def test_several_windows_spend_no_attempt_while_each_brings_something(checked: Checked) -> None:
    script = checked(Script.of_nodes(2, chunks=60, settings=SchedulerSettings(attempts=2)))
    windows = 0
    while script.plan() or script.waits():
        readers = [
            (node, chunk)
            for node, mine in script.assignments.items()
            for chunk, one in mine.items()
            if one.source is None
        ]
        for place, (node, chunk) in enumerate(readers):
            if place == 0:
                script.holds(node, chunk)
            else:
                throttles(script, chunk)
        windows += len(readers) > 1
        finishes(script)
        assert not script.scheduler.failures()
    assert windows > 2
    assert all(script.scheduler.open_chunks()[node] == 0 for node in script.assignments)


def test_an_origin_that_gives_nothing_fails_the_object_after_as_many_resets(
    checked: Checked,
) -> None:
    script = checked(Script.of_nodes(2, chunks=1, settings=SchedulerSettings(attempts=3)))
    for _ in range(3):
        assert not script.scheduler.failures()
        script.plan()
        throttles(script, 0)
        script.plan()
        script.waits()
    errors = script.scheduler.failures()
    assert errors
    assert all(isinstance(error, OriginThrottledError) for error in errors.values())
    assert script.now <= 3 * RESET_S


def test_peers_bring_what_they_have_meanwhile(checked: Checked) -> None:
    script = checked(Script())
    script.grow([2])
    script.joins("has", held=(0,))
    script.joins("lacks")
    script.plan()
    throttles(script, 1)
    script.plan()
    finishes(script)
    script.joins("late")
    script.plan()
    assert script.source("late", 0) in ("has", "lacks")
    assert script.now < RESET_S
    script.runs_to_the_end()
    assert not script.scheduler.failures()


def test_nodes_do_not_wait_at_a_reader_that_has_to_wait_itself(checked: Checked) -> None:
    script = checked(Script.of_nodes(5, chunks=1))
    script.plan()
    reader = script.reader(0)
    throttles(script, 0)
    script.plan()
    waiting = [node for node, mine in script.assignments.items() if mine]
    assert not waiting, f"{waiting} wait for {reader}"
    script.runs_to_the_end()
    assert script.now == pytest.approx(RESET_S, abs=5)
    assert not script.scheduler.failures()


def test_a_chunk_that_is_lost_is_not_read_again_before_the_reset(checked: Checked) -> None:
    script = checked(Script())
    script.grow([2])
    script.joins("only")
    script.plan()
    script.holds("only", 0)
    throttles(script, 1)
    script.loses("only", 0)
    script.plan()
    assert not script.assignments["only"]
    script.runs_to_the_end()
    assert not script.scheduler.failures()


@pytest.mark.parametrize("reset_s", [0.0, 0.5, 3.0])
def test_a_short_reset_ends_soon_and_not_at_once(checked: Checked, reset_s: float) -> None:
    script = checked(Script.of_nodes(2, chunks=3))
    script.plan()
    throttles(script, 0, reset_s)
    before = reads(script)
    script.plan()
    assert reads(script) == before
    script.runs_to_the_end()
    assert reset_s <= script.now < reset_s + 5
    assert not script.scheduler.failures()
