"""Zones: which nodes read from the origin, what crosses zones, and what it costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from xfd_api.chunks import MIB
from xfd_api.ids import ChunkIndex
from xfd_api.orders import Fetch
from xfd_api.reports import ChunkHeld
from xfd_api.traffic import Prices
from xfd_scheduler.events import NodeTraits
from xfd_scheduler.scheduler import SchedulerSettings
from xfd_scheduler.testing.script import Script, crc_of

Checked = Callable[[Script], Script]
CHUNKS = 24


def in_zones(settings: SchedulerSettings, nodes: int = 12, zones: int = 3) -> Script:
    """Nodes `0.n0`, `1.n1` ... whose ids start with their zone."""
    script = Script(settings)
    script.grow([CHUNKS])
    for index in range(nodes):
        script.joins(f"{index % zones}.n{index}", traits=NodeTraits(str(index % zones)))
    return script


def crossings(script: Script) -> Counter[tuple[int, str]]:
    """For each chunk and zone, the orders to fetch it there from another zone."""
    return Counter(
        (order.first_chunk + step, node[0])
        for node, order in script.orders
        if isinstance(order, Fetch) and order.source is not None and order.source[0] != node[0]
        for step in range(order.count)
    )


def test_a_chunk_enters_each_other_zone_once(checked: Checked) -> None:
    script = checked(in_zones(SchedulerSettings()))
    script.runs_to_the_end()
    assert script.origin_reads == dict.fromkeys(range(CHUNKS), 1)
    entered = crossings(script)
    assert set(entered.values()) == {1}
    assert len(entered) == 2 * CHUNKS


def test_a_chunk_enters_a_zone_once_if_its_reader_is_alone_in_another(checked: Checked) -> None:
    script = checked(Script())
    script.grow([CHUNKS])
    script.joins("0.n0", traits=NodeTraits("0"))
    for index in range(6):
        script.joins(f"1.n{index}", traits=NodeTraits("1"))
    script.runs_to_the_end()
    assert set(crossings(script).values()) == {1}


def test_once_per_zone_reads_a_chunk_in_each_zone_and_nothing_crosses(checked: Checked) -> None:
    script = checked(in_zones(SchedulerSettings(origin_policy="once-per-zone")))
    script.runs_to_the_end()
    assert script.origin_reads == dict.fromkeys(range(CHUNKS), 3)
    assert not crossings(script)


def test_without_relays_nothing_crosses_if_each_zone_reads_for_itself(checked: Checked) -> None:
    script = checked(in_zones(SchedulerSettings(origin_policy="once-per-zone", relay=False)))
    script.runs_to_the_end()
    assert script.origin_reads == dict.fromkeys(range(CHUNKS), 3)
    assert not crossings(script)


def test_a_zone_whose_only_source_is_banned_receives_from_other_zones(checked: Checked) -> None:
    script = checked(Script())
    script.grow([1])
    script.joins("1.bad", held=(0,), traits=NodeTraits("1"))
    script.joins("1.victim", traits=NodeTraits("1"))
    script.plan()
    script.fails("1.victim", 0, "peer", bad_bytes=True)
    script.joins("0.good", traits=NodeTraits("0"))
    script.runs_to_the_end()
    before = len(script.orders)
    script.grow([CHUNKS])
    for node in script.assignments:
        script.takes_inventory(node, wants=(1,))
    script.runs_to_the_end()
    sources = {order.source for _, order in script.orders[before:] if isinstance(order, Fetch)}
    assert "1.bad" not in sources


@pytest.mark.parametrize("zones", [1, 3])
def test_a_budget_of_copies_is_read_by_as_many_nodes(checked: Checked, zones: int) -> None:
    script = checked(in_zones(SchedulerSettings(origin_copies=2), zones=zones))
    script.runs_to_the_end()
    assert script.origin_reads == dict.fromkeys(range(CHUNKS), 2)
    assert len(crossings(script)) == (CHUNKS if zones == 3 else 0)


def test_zones_take_turns_if_the_origin_has_too_few_slots_for_all(checked: Checked) -> None:
    settings = SchedulerSettings(origin_policy="once-per-zone", origin_slots=2)
    script = checked(in_zones(settings))
    script.plan()
    assert sum(script.origin_reads.values()) == 2
    script.runs_to_the_end()
    assert script.origin_reads == dict.fromkeys(range(CHUNKS), 3)


def test_a_late_zone_is_served_although_sources_are_busy(checked: Checked) -> None:
    settings = SchedulerSettings(download_slots=2, upload_slots=2)
    script = checked(Script(settings))
    script.grow([4])
    script.joins("0.seed", held=(0, 1, 2, 3), traits=NodeTraits("0"))
    for index in range(30):
        script.joins(f"0.n{index}", traits=NodeTraits("0"))
    script.plan()
    script.joins("1.late", traits=NodeTraits("1"))
    script.plan()
    assert script.assignments["1.late"]
    assert not script.origin_reads


def test_a_late_zone_reads_for_itself_if_each_zone_does(checked: Checked) -> None:
    script = checked(in_zones(SchedulerSettings(origin_policy="once-per-zone"), zones=1))
    script.runs_to_the_end()
    for index in range(3):
        script.joins(f"9.n{index}", traits=NodeTraits("9"))
    script.runs_to_the_end()
    assert script.origin_reads == dict.fromkeys(range(CHUNKS), 2)
    assert not crossings(script)


def test_a_zone_whose_reader_is_lost_reads_again_if_each_zone_reads_for_itself(
    checked: Checked,
) -> None:
    """Holders in other zones do not count: nothing crosses, so waiting for them never ends."""
    settings = SchedulerSettings(origin_policy="once-per-zone")
    script = checked(Script(settings))
    script.grow([1])
    script.joins("0.n0", traits=NodeTraits("0"))
    for index in range(4):
        script.joins(f"1.n{index}", traits=NodeTraits("1"))
    script.plan()
    script.holds("0.n0")
    sources = {node: each[0].source for node, each in script.assignments.items() if each}
    (reader,) = [node for node, source in sources.items() if source is None]
    assert any(source not in (reader, None) for source in sources.values())
    script.is_lost(reader)
    holders: set[str | None] = {None, "0.n0"}
    for _ in range(10):
        script.plan()
        for node, mine in script.assignments.items():
            if mine and mine[0].source in holders:
                script.holds(node)
                holders.add(node)
        script.now += 1.0
    assert holders == {None, *script.assignments}
    assert script.origin_reads == {0: 3}
    assert not crossings(script)


def test_traffic_is_counted_by_zone_and_priced(checked: Checked) -> None:
    prices = Prices(origin_per_gb=1.0, across_zones_per_gb=0.1, within_zone_per_gb=0.01)
    script = checked(in_zones(SchedulerSettings()))
    script.runs_to_the_end()
    traffic = script.scheduler.traffic().at(prices)
    size = 8 * MIB * CHUNKS
    assert set(traffic.origin_bytes_by_zone) == {"0", "1", "2"}
    assert traffic.origin_bytes == size
    assert traffic.across_zones_bytes == 2 * size
    assert traffic.within_zones_bytes == 9 * size
    assert traffic.estimated_cost == pytest.approx((1.0 + 0.2 + 0.09) * size / 1e9)


def test_a_chunk_that_was_there_already_is_no_traffic(checked: Checked) -> None:
    script = checked(in_zones(SchedulerSettings(), nodes=2, zones=2))
    script.plan()
    chunk, assignment = next(iter(script.assignments["0.n0"].items()))
    told_held = ChunkHeld(
        assignment.order, ChunkIndex(chunk), crc_of(chunk), assignment.source, 8 * MIB, 0.1, 0.0
    )
    del script.assignments["0.n0"][chunk]
    script.reports("0.n0", told_held)
    assert script.scheduler.traffic().moved == ()


def test_a_source_in_another_zone_is_asked_if_the_own_zone_is_overloaded(checked: Checked) -> None:
    script = checked(Script(SchedulerSettings(download_slots=4, upload_slots=4)))
    script.grow([40])
    everything = tuple(range(40))
    script.joins("0.old", held=everything, traits=NodeTraits("0"))
    for index in range(6):
        script.joins(f"1.old{index}", held=everything, traits=NodeTraits("1"))
    for index in range(8):
        script.joins(f"0.new{index}", traits=NodeTraits("0"))
    script.plan()
    asked = Counter(
        assignment.source for mine in script.assignments.values() for assignment in mine.values()
    )
    assert asked["0.old"]
    assert any(source.startswith("1.") for source in asked if source is not None)
    script.runs_to_the_end()
    assert not script.origin_reads
