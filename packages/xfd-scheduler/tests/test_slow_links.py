"""Half of the nodes have slow links, which nobody knows when the first waves go out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from xfd_api.ids import NodeId
from xfd_scheduler.policy.tree_layout import least_promised_parents
from xfd_scheduler.scheduler import SchedulerSettings
from xfd_scheduler.testing.script import Story

Told = Callable[[Story], Story]
SLOW = ("n1", "n3", "n5", "n7")
QUICK = ("n0", "n2", "n4", "n6")


def below_slow_ones(story: Story) -> list[tuple[str, int, str]]:
    """What quick nodes are to get from slow ones: node, chunk, source."""
    return [
        (node, chunk, errand.source)
        for node in QUICK
        for chunk, errand in story.errands[NodeId(node)].items()
        if errand.source in SLOW
    ]


def first_of(story: Story, chunk: int, node: str) -> str:
    """Who has the chunk, or reads it from the origin, at the top of the node's way to it."""
    while chunk in story.errands[NodeId(node)]:
        source = story.source(node, chunk)
        if source is None:
            break
        node = source
    return node


def goes_on(story: Story) -> None:
    """Quick nodes carry out what does not wait for a slow one, slow ones two orders each."""
    for node in QUICK:
        mine = story.errands[NodeId(node)]
        done = [each.chunk for each in mine.values() if each.source not in SLOW]
        if done:
            story.holds(node, *done[:8], seconds=0.1)
    for node in SLOW:
        story.holds(node, *list(story.errands[NodeId(node)])[:2], seconds=8.0)
    story.now += 0.3


@pytest.fixture
def unequal(told: Told) -> Story:
    """The first waves are out; in three exchanges the links will be known."""
    settings = SchedulerSettings(download_slots=4, upload_slots=8, report_interval_s=0.1)
    story = told(Story.of_nodes(8, chunks=200, settings=settings))
    story.plan()
    for _ in range(2):
        goes_on(story)
        story.plan()
    return story


def test_what_waits_for_a_slow_node_moves_to_a_quick_one_once_the_links_are_known(
    unequal: Story,
) -> None:
    """What is left, slow nodes alone have, or are reading from the origin and had begun."""
    story = unequal
    goes_on(story)
    before = below_slow_ones(story)
    story.plan()
    story.now += 0.3
    story.plan()
    after = below_slow_ones(story)
    assert len(after) <= len(before) / 3
    assert all(first_of(story, chunk, slow) in SLOW for _, chunk, slow in after)


def test_slow_nodes_send_to_each_other_as_much_as_their_links_carry() -> None:
    clocks = dict.fromkeys(range(10), 0.0)
    seconds = {0: 1.0, 1: 1.0} | dict.fromkeys(range(2, 10), 4.0)
    given = least_promised_parents([0, 1], range(2, 10), clocks, seconds.__getitem__, lambda _: 1)
    assert given[0] == 0
    assert any(source >= 2 for source in given)
    assert all(source < node for node, source in enumerate(given, 2))
