"""Nodes that join while chunks are in flight, and the nodes that were there before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from xfd_api.chunks import MIB
from xfd_api.orders import Fetch
from xfd_scheduler.scheduler import Scheduler, SchedulerSettings
from xfd_scheduler.simulator.engine import Engine
from xfd_scheduler.simulator.scenario import Scenario
from xfd_scheduler.testing.script import Script
from xfd_scheduler.tuning import FIRST_ORIGIN_READS

Checked = Callable[[Script], Script]
CHUNKS = 120
LINK = 48.4e6
"""Bytes per second of payload on 400 Mbit/s."""


def joined_late(checked: Checked, after: int) -> tuple[Script, int]:
    """`late` joins after `early` has read `after` chunks, and both have their orders.

    Returns the script, and the last chunk that `early` was ordered to read by then.
    """
    script = checked(Script())
    script.grow([CHUNKS])
    script.joins("early")
    script.plan()
    for _ in range(after):
        script.holds("early", min(script.assignments["early"]))
        script.now += 0.05
        script.plan()
    known = max(script.assignments["early"])
    script.joins("late")
    script.plan()
    return script, known


def sources(script: Script, node: str, after: int) -> list[str | None]:
    """The sources of the node's orders for the chunks after this one."""
    return [
        order.source
        for name, order in script.orders
        if name == node and isinstance(order, Fetch) and order.first_chunk > after
    ]


def on_one_link(nodes: int, joins_s: tuple[float, ...], **options: Any) -> Scenario:
    """512 MiB to nodes whose links are as fast as the origin's."""
    links = (LINK,)
    return Scenario(
        nodes,
        512 * MIB,
        4 * MIB,
        links,
        links,
        LINK,
        LINK,
        report_interval_s=0.02,
        step_s=0.01,
        joins_s=joins_s,
        **options,
    )


def test_no_node_waits_for_one_that_catches_up(checked: Checked) -> None:
    script, known = joined_late(checked, after=4)
    for _ in range(10):
        script.holds("early", min(script.assignments["early"]))
        script.now += 0.05
        script.plan()
    assert set(sources(script, "early", known)) == {None}
    assert set(sources(script, "late", known)) == {"early"}


def test_a_node_that_has_caught_up_reads_like_the_others(checked: Checked) -> None:
    script, _ = joined_late(checked, after=20)
    script.runs_to_the_end()
    assert sources(script, "late", 40).count(None) >= 10


def test_a_node_that_joins_shortly_after_the_first_is_not_late(checked: Checked) -> None:
    """What the first node got before the others joined does not count as missed."""
    script = checked(Script())
    script.grow([CHUNKS])
    script.joins("first")
    script.plan()
    assert len(script.assignments["first"]) == FIRST_ORIGIN_READS
    for name in ("second", "third", "fourth"):
        script.joins(name)
    script.plan()
    readers = {script.reader(chunk) for chunk in range(FIRST_ORIGIN_READS, 2 * FIRST_ORIGIN_READS)}
    assert readers >= {"second", "third", "fourth"}


def test_the_first_node_reads_little_while_others_are_starting(checked: Checked) -> None:
    script = checked(Script())
    script.grow([CHUNKS])
    script.starts("first", "second", "third")
    script.joins("first")
    script.plan()
    assert len(script.assignments["first"]) == FIRST_ORIGIN_READS
    script.holds("first")
    assert script.plan() == {}
    script.joins("second")
    script.is_lost("third")  # It could not be started.
    script.plan()
    assert len(script.origin_reads) > FIRST_ORIGIN_READS
    assert script.assignments["second"].keys() > set(range(FIRST_ORIGIN_READS))


def test_the_wait_for_nodes_that_start_ends(checked: Checked) -> None:
    script = checked(Script())
    script.grow([CHUNKS])
    script.starts("first", "never")
    script.joins("first")
    script.plan()
    script.holds("first")
    assert script.plan() == {}
    assert script.waits() == pytest.approx(SchedulerSettings().patience_s)
    script.plan()
    assert len(script.origin_reads) > FIRST_ORIGIN_READS


def test_the_last_of_nodes_that_are_expected_is_done_when_its_link_is() -> None:
    scenario = on_one_link(8, (0.0, 1.0, 1.3, 1.4, 1.6, 1.9, 2.1, 2.4), expected=True)
    outcome = Engine(scenario, Scheduler(scenario.settings)).run()
    assert outcome.elapsed_s <= 1.08 * (2.4 + 512 * MIB / LINK)


@pytest.mark.parametrize("uneven", [0.0, 0.7])
@pytest.mark.parametrize("joins_s", [(0.0, 0.2, 0.3, 0.4), (0.0, 0.65, 1.0, 1.05)])
def test_the_last_to_join_takes_hardly_longer_than_its_link_does(
    joins_s: tuple[float, ...], uneven: float
) -> None:
    scenario = on_one_link(4, joins_s, uneven=uneven)
    scheduler = Scheduler(scenario.settings)
    outcome = Engine(scenario, scheduler).run()
    scheduler.check_invariants()
    assert outcome.elapsed_s <= 1.12 * (joins_s[-1] + 512 * MIB / LINK)


def test_a_node_that_has_caught_up_passes_on_no_more_than_the_others() -> None:
    """It promised nothing meanwhile. If it made up for that, all others would wait for it."""
    scenario = on_one_link(8, (0.0,) * 7 + (2.0,))
    scenario = replace(scenario, origin=LINK / 2, origin_stream=LINK / 2)
    scheduler = Scheduler(scenario.settings)
    engine = Engine(scenario, scheduler)
    ahead: list[int] = []

    def looked(step: Callable[[float], Any], seconds: float) -> Any:
        if len(scheduler._swarm.members) == 8:
            *_, second, first = sorted(m.promised for m in scheduler._swarm.members.values())
            ahead.append(first - second)
        return step(seconds)

    engine._step = partial(looked, engine._step)  # type: ignore[method-assign]
    engine.run()
    assert max(ahead) <= FIRST_ORIGIN_READS
