"""Given nodes that want an object, these orders bring it to all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from xfd_api.orders import Fetch, MeetPeers, Pin, Release
from xfd_scheduler.scheduler import SchedulerSettings
from xfd_scheduler.testing.script import Story, crc_of

Told = Callable[[Story], Story]


@pytest.mark.parametrize("nodes", [1, 2, 3, 5, 17, 40])
def test_each_chunk_leaves_the_origin_once_and_reaches_every_node(told: Told, nodes: int) -> None:
    story = told(Story.of_nodes(nodes, chunks=37))
    story.runs_to_the_end()
    assert story.origin_reads == dict.fromkeys(range(37), 1)
    fetched = Counter(
        chunk
        for _, order in story.orders
        if isinstance(order, Fetch)
        for chunk in range(order.first_chunk, order.first_chunk + order.count)
    )
    assert fetched == dict.fromkeys(range(37), nodes)


def test_a_node_knows_the_address_before_it_is_sent_to_a_peer(told: Told) -> None:
    story = told(Story.of_nodes(12, chunks=40))
    story.runs_to_the_end()
    met: dict[str, set[str]] = {node: set() for node in story.errands}
    for node, order in story.orders:
        if isinstance(order, MeetPeers):
            met[node].update(peer for peer, _ in order.addresses)
        elif isinstance(order, Fetch) and order.source is not None:
            assert order.source in met[node]


def test_no_more_origin_orders_than_the_origin_has_slots(told: Told) -> None:
    story = told(Story.of_nodes(6, chunks=80, settings=SchedulerSettings(origin_slots=3)))
    story.plan()
    assert sum(story.origin_reads.values()) == 3
    story.runs_to_the_end()
    assert story.origin_reads == dict.fromkeys(range(80), 1)


def test_what_a_node_holds_already_is_served_and_not_read_again(told: Told) -> None:
    story = told(Story())
    story.grow([10])
    story.joins("old", held=tuple(range(4)))
    story.joins("new")
    story.runs_to_the_end()
    assert story.origin_reads == dict.fromkeys(range(4, 10), 1)
    assert {story.orders.index(one) for one in story.orders if isinstance(one[1], Pin)}


def test_a_node_that_joins_late_gets_everything_from_its_peers(told: Told) -> None:
    story = told(Story.of_nodes(3, chunks=20))
    story.runs_to_the_end()
    story.joins("late")
    story.runs_to_the_end()
    late = [o for n, o in story.orders if n == "late" and isinstance(o, Fetch)]
    assert sum(order.count for order in late) == 20
    assert all(order.source is not None for order in late)
    pinned = [o for n, o in story.orders if n == "late" and isinstance(o, Pin)]
    assert dict(pair for pin in pinned for pair in pin.crcs) == {c: crc_of(c) for c in range(20)}


def test_landing_counts_for_the_nodes_that_share_the_disk(told: Told) -> None:
    story = told(Story())
    story.grow([2, 2])
    story.joins("writer")
    story.joins("sharer", elsewhere=((0, "writer"),))
    story.plan()
    assert set(story.errands["sharer"]) == {2, 3}
    story.lands("writer", 0)
    assert story.scheduler.landed("sharer") == 0b01
    assert story.scheduler.landed("writer") == 0b01


def test_an_urgent_object_goes_before_a_large_one(told: Told) -> None:
    settings = SchedulerSettings(download_slots=2, queue_s=0.001, report_interval_s=0.001)
    story = told(Story(settings))
    story.grow([100])
    for node in ("a", "b"):
        story.joins(node)
    story.plan()
    story.grow([3], priorities=[-1])
    for node in ("a", "b"):
        story.asks(node)
    for node in ("a", "b"):
        story.holds(node)
    orders = [o for per_node in story.plan().values() for o in per_node if isinstance(o, Fetch)]
    urgent = [order for order in orders if order.first_chunk >= 100]
    assert urgent
    large = [order for order in orders if order.first_chunk < 100]
    assert max(order.priority for order in urgent) < min(
        (order.priority for order in large), default=0
    )
    assert orders[0] in urgent


def test_a_released_object_is_fetched_no_more(told: Told) -> None:
    story = told(Story())
    story.grow([4, 4])
    story.joins("a")
    story.plan()
    story.releases(0)
    given = story.plan()["a"]
    assert Release((0,)) in given
    assert set(story.errands["a"]) == {4, 5, 6, 7}
    story.runs_to_the_end()
    story.asks("a", wants=(0,))
    story.runs_to_the_end()
    assert story.origin_reads[0] == 2


def test_the_same_events_and_seed_give_the_same_orders() -> None:
    def orders() -> list[object]:
        story = Story.of_nodes(11, chunks=50)
        story.runs_to_the_end()
        story.joins("late")
        story.runs_to_the_end()
        return list(story.orders)

    assert orders() == orders()


def test_a_node_that_waits_for_the_origin_holds_up_nobody_who_wants_something_else(
    told: Told,
) -> None:
    story = told(Story())
    story.grow([300, *[20] * 8])
    for place in range(9):
        story.joins(f"n{place}", wants=(place,))
    story.plan()
    reads = [len(story.errands[node]) for node in story.errands]
    assert len(reads) == 9
    assert min(reads) == max(reads) > 0


def test_the_rarest_chunk_goes_first(told: Told) -> None:
    settings = SchedulerSettings(
        download_slots=1, upload_slots=64, queue_s=0.0, report_interval_s=0.0
    )
    story = told(Story(settings))
    story.grow([6])
    rarest_last = {0: 16, 1: 9, 2: 8, 3: 4, 4: 2, 5: 1}
    for index in range(16):
        held = tuple(chunk for chunk, copies in rarest_last.items() if index < copies)
        story.joins(f"n{index}", held=held, wants=())
    story.joins("late")
    given = [
        order.first_chunk
        for orders in story.plan().values()
        for order in orders
        if isinstance(order, Fetch)
        for _ in range(order.count)
    ]
    assert given == [5, 4]
    story.holds("late", 5)
    story.holds("late", 4)
    story.runs_to_the_end()
    fetched = [order.first_chunk for _, order in story.orders if isinstance(order, Fetch)]
    assert fetched[2] == 3
    assert set(fetched[3:5]) == {1, 2}
    assert fetched[5] == 0
