"""Which nodes read, and which node receives a chunk from which."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

import pytest

from xfd_api.ids import NodeId
from xfd_api.orders import Fetch, Order
from xfd_scheduler.events import NodeTraits
from xfd_scheduler.scheduler import SchedulerSettings
from xfd_scheduler.testing.script import Script
from xfd_scheduler.tuning import FIRST_READ_SHARE

Checked = Callable[[Script], Script]


def test_one_plan_names_sources_that_are_themselves_only_ordered(checked: Checked) -> None:
    script = checked(Script.of_nodes(30, chunks=1))
    script.plan()
    assert all(0 in mine for mine in script.assignments.values())
    assert list(script.origin_reads.values()) == [1]


def test_origin_reads_are_spread_over_the_nodes(checked: Checked) -> None:
    script = checked(Script.of_nodes(8, chunks=64))
    script.runs_to_the_end()
    reads = Counter(
        {
            node: sum(
                order.count
                for name, order in script.orders
                if name == node and isinstance(order, Fetch) and order.source is None
            )
            for node in script.assignments
        }
    )
    assert min(reads.values()) >= 6
    assert max(reads.values()) <= 10


def test_all_nodes_send_about_as_much(checked: Checked) -> None:
    script = checked(Script.of_nodes(9, chunks=90))
    script.runs_to_the_end()
    sent: Counter[str] = Counter()
    for _, order in script.orders:
        if isinstance(order, Fetch) and order.source is not None:
            sent[order.source] += order.count
    assert sum(sent.values()) == 8 * 90
    assert max(sent.values()) <= 1.15 * 80


def most_children(orders: list[tuple[NodeId, Order]]) -> int:
    """The most nodes that one node has to send one chunk to."""
    children = Counter(
        (order.source, order.first_chunk + step)
        for _, order in orders
        if isinstance(order, Fetch) and order.source is not None
        for step in range(order.count)
    )
    return max(children.values())


@pytest.mark.parametrize(("nodes", "widest"), [(8, 2), (15, 2), (16, 3), (40, 3), (41, 4)])
def test_trees_are_narrow_once_all_links_are_known_to_be_alike(
    checked: Checked, nodes: int, widest: int
) -> None:
    script = checked(Script.of_nodes(nodes, chunks=400))
    script.plan()
    assert most_children(script.orders) == 4
    for _ in range(3):
        script.exchanges()
    known = len(script.orders)
    script.runs_to_the_end()
    assert most_children(script.orders[known:]) == widest


def test_a_node_with_a_full_uplink_is_named_by_fewer_new_orders(checked: Checked) -> None:
    script = checked(Script.of_nodes(8, chunks=800))
    for _ in range(4):
        script.exchanges()
    script.plan()
    known = len(script.orders)
    for _ in range(4):
        for node, mine in script.assignments.items():
            done = [each.chunk for each in mine.values() if each.source != "n0"]
            if done:
                script.holds(node, *done)
        script.now += 0.05
        script.plan()
    sent = Counter(
        order.source
        for _, order in script.orders[known:]
        if isinstance(order, Fetch) and order.source is not None
        for _ in range(order.count)
    )
    assert sent["n0"] < min(sent[f"n{index}"] for index in range(1, 8)) / 2


def test_trees_stay_wide_if_a_node_is_slow(checked: Checked) -> None:
    slow = NodeTraits(up_bytes_per_s=1e6, down_bytes_per_s=1e6)
    fast = NodeTraits(up_bytes_per_s=1e7, down_bytes_per_s=1e7)
    script = checked(Script())
    script.grow([400])
    for index in range(8):
        script.joins(f"n{index}", traits=slow if index == 5 else fast)
    for _ in range(3):
        script.exchanges()
    known = len(script.orders)
    script.runs_to_the_end()
    assert most_children(script.orders[known:]) == 4


def sources_of_neighbours(script: Script) -> list[bool]:
    """For each node and pair of neighbouring chunks, whether one peer sends both."""
    source = {
        (node, order.first_chunk + step): order.source
        for node, order in script.orders
        if isinstance(order, Fetch)
        for step in range(order.count)
    }
    return [
        given == source[node, chunk + 1]
        for (node, chunk), given in source.items()
        if given is not None and (node, chunk + 1) in source
    ]


def test_neighbouring_chunks_have_different_trees(checked: Checked) -> None:
    wide = SchedulerSettings(download_slots=32)
    alike = sources_of_neighbours(planned(checked, nodes=40, settings=wide))
    assert sum(alike) <= len(alike) / 10


def test_two_chunks_share_an_order_if_nodes_need_very_many(checked: Checked) -> None:
    fast = SchedulerSettings(download_slots=32, assumed_bytes_per_s=1e15)
    alike = sources_of_neighbours(planned(checked, nodes=40, settings=fast))
    assert sum(alike) >= len(alike) / 3


def planned(checked: Checked, nodes: int, settings: SchedulerSettings) -> Script:
    script = checked(Script.of_nodes(nodes, chunks=200, settings=settings))
    script.plan()
    return script


def test_a_node_is_not_always_below_the_same_source() -> None:
    """It lets only so many orders wait for one source, and would start others out of turn."""
    settings = SchedulerSettings(download_slots=32, assumed_bytes_per_s=1e13, queue_s=60.0)
    script = Script.of_nodes(300, chunks=400, settings=settings)
    script.plan()
    pairs = Counter(
        (node, assignment.source)
        for node, mine in script.assignments.items()
        for assignment in mine.values()
        if assignment.source is not None
    )
    assert sum(pairs.values()) == 299 * 400
    assert max(pairs.values()) <= 32


def test_a_single_node_that_reports_does_not_get_all_origin_reads(checked: Checked) -> None:
    script = checked(Script.of_nodes(4, chunks=400))
    for _ in range(12):
        script.plan()
        script.holds("n0")
        script.now += 0.01
    script.plan()
    mine = [one for one in script.assignments["n0"].values() if one.source is None]
    window = script.scheduler._swarm.origin_window
    assert len(mine) <= max(4, window // 2)


def test_a_swarm_reads_fewer_chunks_at_a_time_than_its_nodes_have_slots(checked: Checked) -> None:
    """A chunk is relayed at the pace of its read, and occupies a slot on every node meanwhile."""
    slots = SchedulerSettings().download_slots
    first = math.ceil(FIRST_READ_SHARE * slots)
    script = checked(Script.of_nodes(8, chunks=400))
    script.plan()
    assert len(script.origin_reads) == first
    for _ in range(40):
        for node, mine in script.assignments.items():
            script.holds(node, *list(mine)[:2], seconds=0.5)
        script.now += 0.1
        script.plan()
    reading = [
        chunk
        for mine in script.assignments.values()
        for chunk, assignment in mine.items()
        if assignment.source is None
    ]
    assert first < len(reading) <= slots


@pytest.mark.parametrize(("chunks", "read_at_once"), [(15, 15), (16, 16), (17, 10)])
def test_what_all_slots_have_room_for_is_read_at_once(
    chunks: int, read_at_once: int, checked: Checked
) -> None:
    script = checked(Script(SchedulerSettings()))
    script.grow([chunks])
    for node in "abcdefgh":
        script.joins(node)
    script.plan()
    reads = [order for _, order in script.orders if isinstance(order, Fetch) and not order.source]
    assert sum(order.count for order in reads) == read_at_once


def test_a_node_that_is_alone_reads_with_all_its_slots(checked: Checked) -> None:
    script = checked(Script.of_nodes(1, chunks=400))
    script.plan()
    assert script.scheduler._swarm.origin_window >= SchedulerSettings().download_slots


@pytest.mark.parametrize("relay", [True, False])
def test_orders_that_name_a_node_are_at_most_twice_its_upload_slots(
    checked: Checked, relay: bool
) -> None:
    settings = SchedulerSettings(download_slots=3, upload_slots=4, relay=relay)
    script = checked(Script(settings))
    script.grow([40])
    script.joins("seed", held=tuple(range(40)))
    for index in range(30):
        script.joins(f"n{index}")
    script.plan()
    assignments = [
        assignment for mine in script.assignments.values() for assignment in mine.values()
    ]
    assert sum(assignment.source == "seed" for assignment in assignments) == 2 * 4
    script.runs_to_the_end()
    assert script.origin_reads == {}


@pytest.mark.parametrize("nodes", [1, 2, 3, 4, 5, 8, 9, 31, 100, 500])
def test_without_relays_one_chunk_is_everywhere_after_as_many_rounds_as_doubling_takes(
    checked: Checked, nodes: int
) -> None:
    """In each round every holder sends the chunk to one node, in the order of the orders."""
    settings = SchedulerSettings(relay=False, upload_slots=1)
    script = checked(Script.of_nodes(nodes, chunks=1, settings=settings))
    script.plan()
    waiting: dict[str | None, list[str]] = {}
    for node, mine in script.assignments.items():
        waiting.setdefault(mine[0].source, []).append(node)
    have: set[str | None] = {None}
    rounds = 0
    while any(waiting.values()):
        rounds += 1
        have |= {waiting[source].pop(0) for source in list(have) if waiting.get(source)}
    assert len(have) == nodes + 1
    assert rounds <= 1 + math.ceil(math.log2(nodes))
