"""Nodes that do not answer for a while: nobody waits for them, and they lose nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from xfd_scheduler.scheduler import SchedulerSettings
from xfd_scheduler.testing.script import Script

Checked = Callable[[Script], Script]
SETTINGS = SchedulerSettings(download_slots=4, upload_slots=8)
CHUNKS = 24


@pytest.fixture
def swarm(checked: Checked) -> Script:
    """Four nodes that want one object; all of them read some of its chunks."""
    script = checked(Script.of_nodes(4, CHUNKS, SETTINGS))
    script.plan()
    return script


def others_work(script: Script, seconds: float) -> None:
    """Time passes; all but `n2` carry out what does not depend on it."""
    until = script.now + seconds
    while script.now < until:
        for node in ("n0", "n1", "n3"):
            mine = script.assignments[node].values()
            if done := [each.chunk for each in mine if each.source != "n2"]:
                script.holds(node, *done)
        script.now += 0.25
        script.plan()


def reads(script: Script, node: str) -> list[int]:
    return [each.chunk for each in script.assignments[node].values() if each.source is None]


def test_nobody_waits_for_a_silent_node(swarm: Script) -> None:
    silent = reads(swarm, "n2")
    assert silent
    swarm.falls_silent("n2")
    others_work(swarm, 10)
    for node in ("n0", "n1", "n3"):
        assert swarm.assignments[node] == {}
        assert swarm.scheduler.open_chunks()[node] == 0
    assert {swarm.origin_reads[chunk] for chunk in silent} == {2}
    assert sum(swarm.origin_reads.values()) == CHUNKS + len(silent)


def test_a_node_that_is_heard_again_gets_from_others_what_they_read_meanwhile(
    swarm: Script,
) -> None:
    swarm.falls_silent("n2")
    others_work(swarm, 10)
    swarm.is_heard("n2")
    swarm.plan()
    assert reads(swarm, "n2") == []
    while swarm.assignments["n2"]:
        swarm.holds("n2")
        swarm.now += 0.25
        swarm.plan()
    assert swarm.scheduler.open_chunks()["n2"] == 0


def test_a_node_that_is_heard_again_is_a_source_again(swarm: Script) -> None:
    swarm.falls_silent("n2")
    swarm.is_heard("n2")
    swarm.plan()
    while any(swarm.assignments.values()):
        for node in swarm.assignments:
            swarm.holds(node)
        swarm.now += 0.25
        swarm.plan()
    swarm.joins("n9")
    sources = set()
    for _ in range(40):
        swarm.plan()
        sources |= {each.source for each in swarm.assignments["n9"].values()}
        swarm.holds("n9")
    assert "n2" in sources


def test_if_most_nodes_do_not_answer_the_fault_is_not_theirs(swarm: Script) -> None:
    for node in ("n0", "n1"):
        swarm.falls_silent(node)
        swarm.plan()
    before = {node: dict(mine) for node, mine in swarm.assignments.items()}
    for node in ("n2", "n3"):
        swarm.falls_silent(node)
        swarm.plan()
    assert swarm.assignments == before
    for node in before:
        swarm.is_heard(node)
    while any(swarm.assignments.values()):
        for node in swarm.assignments:
            swarm.holds(node)
        swarm.now += 0.25
        swarm.plan()
    assert not any(swarm.scheduler.open_chunks().values())


def test_a_silent_node_that_is_lost_leaves_nothing_behind(swarm: Script) -> None:
    swarm.falls_silent("n2")
    swarm.is_lost("n2")
    for _ in range(60):
        for node in ("n0", "n1", "n3"):
            swarm.holds(node)
        swarm.now += 0.25
        swarm.plan()
    assert not any(swarm.scheduler.open_chunks().values())
