"""Given nodes that want an object, these orders bring it to all of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

import pytest

from xfd_api.orders import Fetch, MeetPeers, Pin, Release
from xfd_scheduler.scheduler import SchedulerSettings
from xfd_scheduler.story import Story, crc_of

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


def test_one_plan_names_sources_that_are_themselves_only_ordered(told: Told) -> None:
    story = told(Story.of_nodes(30, chunks=1))
    story.plan()
    assert all(0 in mine for mine in story.errands.values())
    assert list(story.origin_reads.values()) == [1]


def test_origin_reads_are_spread_over_the_nodes(told: Told) -> None:
    story = told(Story.of_nodes(8, chunks=64))
    story.runs_to_the_end()
    reads = Counter(
        {
            node: sum(
                order.count
                for name, order in story.orders
                if name == node and isinstance(order, Fetch) and order.source is None
            )
            for node in story.errands
        }
    )
    assert min(reads.values()) >= 6
    assert max(reads.values()) <= 10


def test_all_nodes_send_about_as_much(told: Told) -> None:
    story = told(Story.of_nodes(9, chunks=90))
    story.runs_to_the_end()
    sent: Counter[str] = Counter()
    for _, order in story.orders:
        if isinstance(order, Fetch) and order.source is not None:
            sent[order.source] += order.count
    assert sum(sent.values()) == 8 * 90
    assert max(sent.values()) <= 1.15 * 80


def test_a_node_knows_the_address_before_it_is_sent_to_a_peer(told: Told) -> None:
    story = told(Story.of_nodes(12, chunks=40))
    story.runs_to_the_end()
    met: dict[str, set[str]] = {node: set() for node in story.errands}
    for node, order in story.orders:
        if isinstance(order, MeetPeers):
            met[node].update(peer for peer, _ in order.addresses)
        elif isinstance(order, Fetch) and order.source is not None:
            assert order.source in met[node]


def sources_of_neighbours(story: Story) -> list[bool]:
    """For each node and pair of neighbouring chunks, whether it gets both from one peer."""
    source = {
        (node, order.first_chunk + step): order.source
        for node, order in story.orders
        if isinstance(order, Fetch)
        for step in range(order.count)
    }
    return [
        given == source[node, chunk + 1]
        for (node, chunk), given in source.items()
        if given is not None and (node, chunk + 1) in source
    ]


def test_neighbouring_chunks_take_different_ways(told: Told) -> None:
    wide = SchedulerSettings(download_slots=32)
    alike = sources_of_neighbours(planned(told, nodes=40, settings=wide))
    assert sum(alike) <= len(alike) / 10


def test_where_nodes_ask_for_very_much_two_chunks_share_an_order(told: Told) -> None:
    fast = SchedulerSettings(download_slots=32, assumed_bytes_per_s=1e15)
    alike = sources_of_neighbours(planned(told, nodes=40, settings=fast))
    assert sum(alike) >= len(alike) / 3


def planned(told: Told, nodes: int, settings: SchedulerSettings) -> Story:
    story = told(Story.of_nodes(nodes, chunks=200, settings=settings))
    story.plan()
    return story


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


def test_a_node_is_not_always_below_the_same_source() -> None:
    """It lets only so many orders wait for one source, and would go on with others out of turn."""
    settings = SchedulerSettings(download_slots=32, assumed_bytes_per_s=1e13, queue_s=60.0)
    story = Story.of_nodes(300, chunks=400, settings=settings)
    story.plan()
    pairs = Counter(
        (node, errand.source)
        for node, mine in story.errands.items()
        for errand in mine.values()
        if errand.source is not None
    )
    assert sum(pairs.values()) == 299 * 400
    assert max(pairs.values()) <= 32


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


def test_the_one_node_that_reports_is_not_given_all_origin_reads(told: Told) -> None:
    story = told(Story.of_nodes(4, chunks=400))
    for _ in range(12):
        story.plan()
        story.holds("n0")
        story.now += 0.01
    story.plan()
    mine = [one for one in story.errands["n0"].values() if one.source is None]
    window = story.scheduler._swarm.origin_window
    assert len(mine) <= max(4, window // 2)


@pytest.mark.parametrize("relay", [True, False])
def test_no_more_orders_name_a_node_than_it_can_send_and_as_many_again(
    told: Told, relay: bool
) -> None:
    settings = SchedulerSettings(download_slots=3, upload_slots=4, relay=relay)
    story = told(Story(settings))
    story.grow([40])
    story.joins("seed", held=tuple(range(40)))
    for index in range(30):
        story.joins(f"n{index}")
    story.plan()
    errands = [errand for mine in story.errands.values() for errand in mine.values()]
    assert sum(errand.source == "seed" for errand in errands) == 2 * 4
    story.runs_to_the_end()
    assert story.origin_reads == {}


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


@pytest.mark.parametrize("nodes", [1, 2, 3, 4, 5, 8, 9, 31, 100, 500])
def test_without_relays_one_chunk_is_everywhere_after_as_many_rounds_as_doubling_takes(
    told: Told, nodes: int
) -> None:
    """In each round whoever has the chunk sends it to one node, in the order of the orders."""
    settings = SchedulerSettings(relay=False, upload_slots=1)
    story = told(Story.of_nodes(nodes, chunks=1, settings=settings))
    story.plan()
    waiting: dict[str | None, list[str]] = {}
    for node, mine in story.errands.items():
        waiting.setdefault(mine[0].source, []).append(node)
    have: set[str | None] = {None}
    rounds = 0
    while any(waiting.values()):
        rounds += 1
        have |= {waiting[source].pop(0) for source in list(have) if waiting.get(source)}
    assert len(have) == nodes + 1
    assert rounds <= 1 + math.ceil(math.log2(nodes))
