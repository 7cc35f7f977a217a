"""The orders bring an object to all nodes that want it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from xfd_api.orders import Fetch, MeetPeers, Pin, Release
from xfd_scheduler.scheduler import SchedulerSettings
from xfd_scheduler.testing.script import Script, crc_of

Checked = Callable[[Script], Script]


@pytest.mark.parametrize("nodes", [1, 2, 3, 5, 17, 40])
def test_each_chunk_leaves_the_origin_once_and_reaches_every_node(
    checked: Checked, nodes: int
) -> None:
    script = checked(Script.of_nodes(nodes, chunks=37))
    script.runs_to_the_end()
    assert script.origin_reads == dict.fromkeys(range(37), 1)
    fetched = Counter(
        chunk
        for _, order in script.orders
        if isinstance(order, Fetch)
        for chunk in range(order.first_chunk, order.first_chunk + order.count)
    )
    assert fetched == dict.fromkeys(range(37), nodes)


def test_a_node_knows_the_address_before_it_is_sent_to_a_peer(checked: Checked) -> None:
    script = checked(Script.of_nodes(12, chunks=40))
    script.runs_to_the_end()
    met: dict[str, set[str]] = {node: set() for node in script.assignments}
    for node, order in script.orders:
        if isinstance(order, MeetPeers):
            met[node].update(peer for peer, _ in order.addresses)
        elif isinstance(order, Fetch) and order.source is not None:
            assert order.source in met[node]


def test_no_more_origin_orders_than_the_origin_has_slots(checked: Checked) -> None:
    script = checked(Script.of_nodes(6, chunks=80, settings=SchedulerSettings(origin_slots=3)))
    script.plan()
    assert sum(script.origin_reads.values()) == 3
    script.runs_to_the_end()
    assert script.origin_reads == dict.fromkeys(range(80), 1)


def test_what_a_node_holds_already_is_served_and_not_read_again(checked: Checked) -> None:
    script = checked(Script())
    script.grow([10])
    script.joins("old", held=tuple(range(4)))
    script.joins("new")
    script.runs_to_the_end()
    assert script.origin_reads == dict.fromkeys(range(4, 10), 1)
    assert {script.orders.index(one) for one in script.orders if isinstance(one[1], Pin)}


def test_a_late_node_receives_all_chunks_from_its_peers(checked: Checked) -> None:
    script = checked(Script.of_nodes(3, chunks=20))
    script.runs_to_the_end()
    script.joins("late")
    script.runs_to_the_end()
    late = [o for n, o in script.orders if n == "late" and isinstance(o, Fetch)]
    assert sum(order.count for order in late) == 20
    assert all(order.source is not None for order in late)
    pinned = [o for n, o in script.orders if n == "late" and isinstance(o, Pin)]
    assert dict(pair for pin in pinned for pair in pin.crcs) == {c: crc_of(c) for c in range(20)}


def test_landing_counts_for_the_nodes_that_share_the_disk(checked: Checked) -> None:
    script = checked(Script())
    script.grow([2, 2])
    script.joins("writer")
    script.joins("sharer", locked=((0, "writer"),))
    script.plan()
    assert set(script.assignments["sharer"]) == {2, 3}
    script.lands("writer", 0)
    assert script.scheduler.landed("sharer") == 0b01
    assert script.scheduler.landed("writer") == 0b01


def test_an_urgent_object_goes_before_a_large_one(checked: Checked) -> None:
    settings = SchedulerSettings(download_slots=2, queue_s=0.001, report_interval_s=0.001)
    script = checked(Script(settings))
    script.grow([100])
    for node in ("a", "b"):
        script.joins(node)
    script.plan()
    script.grow([3], priorities=[-1])
    for node in ("a", "b"):
        script.takes_inventory(node)
    for node in ("a", "b"):
        script.holds(node)
    orders = [o for per_node in script.plan().values() for o in per_node if isinstance(o, Fetch)]
    urgent = [order for order in orders if order.first_chunk >= 100]
    assert urgent
    large = [order for order in orders if order.first_chunk < 100]
    assert max(order.priority for order in urgent) < min(
        (order.priority for order in large), default=0
    )
    assert orders[0] in urgent


def test_a_released_object_is_fetched_no_more(checked: Checked) -> None:
    script = checked(Script())
    script.grow([4, 4])
    script.joins("a")
    script.plan()
    script.releases(0)
    given = script.plan()["a"]
    assert Release((0,)) in given
    assert set(script.assignments["a"]) == {4, 5, 6, 7}
    script.runs_to_the_end()
    script.takes_inventory("a", wants=(0,))
    script.runs_to_the_end()
    assert script.origin_reads[0] == 2


def test_the_same_events_and_seed_give_the_same_orders() -> None:
    def orders() -> list[object]:
        script = Script.of_nodes(11, chunks=50)
        script.runs_to_the_end()
        script.joins("late")
        script.runs_to_the_end()
        return list(script.orders)

    assert orders() == orders()


def test_a_node_that_waits_for_the_origin_delays_no_node_with_other_chunks(
    checked: Checked,
) -> None:
    script = checked(Script())
    script.grow([300, *[20] * 8])
    for place in range(9):
        script.joins(f"n{place}", wants=(place,))
    script.plan()
    reads = [len(script.assignments[node]) for node in script.assignments]
    assert len(reads) == 9
    assert min(reads) == max(reads) > 0


def test_the_rarest_chunk_goes_first(checked: Checked) -> None:
    settings = SchedulerSettings(
        download_slots=1, upload_slots=64, queue_s=0.0, report_interval_s=0.0
    )
    script = checked(Script(settings))
    script.grow([6])
    rarest_last = {0: 16, 1: 9, 2: 8, 3: 4, 4: 2, 5: 1}
    for index in range(16):
        held = tuple(chunk for chunk, copies in rarest_last.items() if index < copies)
        script.joins(f"n{index}", held=held, wants=())
    script.joins("late")
    given = [
        order.first_chunk
        for orders in script.plan().values()
        for order in orders
        if isinstance(order, Fetch)
        for _ in range(order.count)
    ]
    assert given == [5, 4]
    script.holds("late", 5)
    script.holds("late", 4)
    script.runs_to_the_end()
    fetched = [order.first_chunk for _, order in script.orders if isinstance(order, Fetch)]
    assert fetched[2] == 3
    assert set(fetched[3:5]) == {1, 2}
    assert fetched[5] == 0
