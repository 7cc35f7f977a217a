"""Half of the nodes have slow links, which are unknown when the first waves leave."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from xfd_api.ids import NodeId
from xfd_api.orders import Cancel
from xfd_scheduler.events import NodeTraits
from xfd_scheduler.policy.tree_layout import least_promised_parents
from xfd_scheduler.scheduler import SchedulerSettings
from xfd_scheduler.testing.script import Script

Checked = Callable[[Script], Script]
SLOW = ("n1", "n3", "n5", "n7")
FAST = ("n0", "n2", "n4", "n6")


def below_slow_ones(script: Script) -> list[tuple[str, int, str]]:
    """Orders of fast nodes that name slow ones: node, chunk, source."""
    return [
        (node, chunk, assignment.source)
        for node in FAST
        for chunk, assignment in script.assignments[NodeId(node)].items()
        if assignment.source in SLOW
    ]


def first_of(script: Script, chunk: int, node: str) -> str:
    """The node at the top of another node's path to a chunk: it holds or reads the chunk."""
    while chunk in script.assignments[NodeId(node)]:
        source = script.source(node, chunk)
        if source is None:
            break
        node = source
    return node


def time_passes(script: Script) -> None:
    """Fast nodes carry out orders that wait for no slow node, slow ones two orders each."""
    for node in FAST:
        mine = script.assignments[NodeId(node)]
        done = [each.chunk for each in mine.values() if each.source not in SLOW]
        if done:
            script.holds(node, *done[:8], seconds=0.1)
    for node in SLOW:
        script.holds(node, *list(script.assignments[NodeId(node)])[:2], seconds=8.0)
    script.now += 0.3


@pytest.fixture
def unequal(checked: Checked) -> Script:
    """The first waves have left; after three exchanges the links are known."""
    settings = SchedulerSettings(download_slots=4, upload_slots=8, report_interval_s=0.1)
    script = checked(Script.of_nodes(8, chunks=200, settings=settings))
    script.plan()
    for _ in range(2):
        time_passes(script)
        script.plan()
    return script


def test_orders_move_from_slow_to_fast_nodes_once_links_are_known(
    unequal: Script,
) -> None:
    """For the orders that stay, only slow nodes have the chunk, or have started to read it."""
    script = unequal
    time_passes(script)
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


def carry_out_for(script: Script, seconds: float, stuck: str = "") -> None:
    """Nodes carry out what waits for no stuck node; a stuck node brings nothing to an end."""
    until = script.now + seconds
    while script.now < until:
        script.plan()
        for node, mine in script.assignments.items():
            done = [chunk for chunk in mine if first_of(script, chunk, node) != stuck]
            if done and node != stuck:
                script.holds(node, *done[:4], seconds=0.1)
        script.now = round(script.now + 0.1, 3)
    script.plan()


def waiting_for(script: Script, node: str) -> list[tuple[str, int]]:
    """Orders of other nodes whose path to a chunk leads over the node."""
    return [
        (other, chunk)
        for other, mine in script.assignments.items()
        for chunk in mine
        if other != node and first_of(script, chunk, other) == node
    ]


def relaying(checked: Checked) -> Script:
    """Six nodes with four slots each, of which each has received at the same pace for 3 s."""
    settings = SchedulerSettings(download_slots=4, upload_slots=8, report_interval_s=0.1)
    script = checked(Script.of_nodes(6, chunks=600, settings=settings))
    carry_out_for(script, 3.0)
    return script


def test_no_node_waits_for_one_whose_link_becomes_slow(checked: Checked) -> None:
    """It reports nothing any more, so only what the others receive meanwhile tells."""
    script = relaying(checked)
    carry_out_for(script, 0.5, stuck="n3")
    assert waiting_for(script, "n3")
    carry_out_for(script, 2.5, stuck="n3")
    assert not waiting_for(script, "n3")
    assert script.assignments[NodeId("n3")]


def test_no_node_counts_as_slow_if_all_are_silent(checked: Checked) -> None:
    """The origin pauses, or this process did."""
    script = relaying(checked)
    script.plan()
    before = len(script.orders)
    for _ in range(10):
        script.now += 1.0
        script.plan()
    assert not [order for _, order in script.orders[before:] if isinstance(order, Cancel)]


def test_nothing_is_planned_after_all_nodes_of_unequal_links_are_lost(checked: Checked) -> None:
    settings = SchedulerSettings(download_slots=1, upload_slots=2, relay=False)
    script = checked(Script(settings))
    script.grow([1])
    script.joins("slow", held=(0,), traits=NodeTraits(up_bytes_per_s=1e8))
    script.joins("fast", traits=NodeTraits(up_bytes_per_s=1e9))
    script.plan()
    script.is_lost("fast")
    script.is_lost("slow")
    script.now += 1.0
    assert script.plan() == {}
