"""Half of the nodes have slow links, which nobody knows when the first waves go out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from xfd_api.ids import NodeId
from xfd_scheduler.policy.tree_layout import least_promised_parents
from xfd_scheduler.scheduler import SchedulerSettings
from xfd_scheduler.testing.script import Script

Checked = Callable[[Script], Script]
SLOW = ("n1", "n3", "n5", "n7")
QUICK = ("n0", "n2", "n4", "n6")


def below_slow_ones(script: Script) -> list[tuple[str, int, str]]:
    """What quick nodes are to get from slow ones: node, chunk, source."""
    return [
        (node, chunk, assignment.source)
        for node in QUICK
        for chunk, assignment in script.assignments[NodeId(node)].items()
        if assignment.source in SLOW
    ]


def first_of(script: Script, chunk: int, node: str) -> str:
    """Who has the chunk, or reads it from the origin, at the top of the node's way to it."""
    while chunk in script.assignments[NodeId(node)]:
        source = script.source(node, chunk)
        if source is None:
            break
        node = source
    return node


def goes_on(script: Script) -> None:
    """Quick nodes carry out what does not wait for a slow one, slow ones two orders each."""
    for node in QUICK:
        mine = script.assignments[NodeId(node)]
        done = [each.chunk for each in mine.values() if each.source not in SLOW]
        if done:
            script.holds(node, *done[:8], seconds=0.1)
    for node in SLOW:
        script.holds(node, *list(script.assignments[NodeId(node)])[:2], seconds=8.0)
    script.now += 0.3


@pytest.fixture
def unequal(checked: Checked) -> Script:
    """The first waves are out; in three exchanges the links will be known."""
    settings = SchedulerSettings(download_slots=4, upload_slots=8, report_interval_s=0.1)
    script = checked(Script.of_nodes(8, chunks=200, settings=settings))
    script.plan()
    for _ in range(2):
        goes_on(script)
        script.plan()
    return script


def test_what_waits_for_a_slow_node_moves_to_a_quick_one_once_the_links_are_known(
    unequal: Script,
) -> None:
    """What is left, slow nodes alone have, or are reading from the origin and had begun."""
    script = unequal
    goes_on(script)
    before = below_slow_ones(script)
    script.plan()
    script.now += 0.3
    script.plan()
    after = below_slow_ones(script)
    assert len(after) <= len(before) / 3
    assert all(first_of(script, chunk, slow) in SLOW for _, chunk, slow in after)


def test_slow_nodes_send_to_each_other_as_much_as_their_links_carry() -> None:
    clocks = dict.fromkeys(range(10), 0.0)
    seconds = {0: 1.0, 1: 1.0} | dict.fromkeys(range(2, 10), 4.0)
    given = least_promised_parents([0, 1], range(2, 10), clocks, seconds.__getitem__, lambda _: 1)
    assert given[0] == 0
    assert any(source >= 2 for source in given)
    assert all(source < node for node, source in enumerate(given, 2))
