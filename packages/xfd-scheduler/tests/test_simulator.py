"""The simulator shares links fairly, and the scheduler is near the bound in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")

from xfd_scheduler.links.windows import report_interval  # noqa: E402
from xfd_scheduler.scheduler import Scheduler, SchedulerSettings  # noqa: E402
from xfd_scheduler.simulator import cli  # noqa: E402
from xfd_scheduler.simulator.comparators import COMPARATORS  # noqa: E402
from xfd_scheduler.simulator.engine import Engine  # noqa: E402
from xfd_scheduler.simulator.network import fair_rates  # noqa: E402
from xfd_scheduler.simulator.outcome import Outcome  # noqa: E402
from xfd_scheduler.simulator.scenario import GBIT, Scenario  # noqa: E402


def ran(scenario: Scenario) -> Outcome:
    return Engine(scenario, Scheduler(scenario.settings)).run()


def test_a_flow_that_is_limited_elsewhere_leaves_its_share_to_the_others() -> None:
    paths = np.array([[0, 0, 1], [2, 3, 3]])
    rates = fair_rates(paths, np.full(3, np.inf), np.array([10.0, 10.0, 2.0, 12.0]), np.ones(3))
    assert rates == pytest.approx([2.0, 6.0, 6.0])


def test_eight_nodes_finish_near_the_bound() -> None:
    outcome = ran(Scenario(8, 3e9, 8e6, step_s=0.004))
    assert outcome.ratio <= 1.08
    assert outcome.amplification == 1.0


SMALL = SchedulerSettings(download_slots=8, upload_slots=16)


@pytest.mark.parametrize(
    ("nodes", "chunks", "rates", "zones"),
    [
        (8, 120, (10.0,), 1),
        (8, 120, (10.0, 10.0, 2.5), 1),
        (32, 24, (10.0,), 2),
        (128, 16, (10.0,), 1),
    ],
)
def test_steps_and_exact_sharing_agree(
    nodes: int, chunks: int, rates: tuple[float, ...], zones: int
) -> None:
    links = tuple(rate * GBIT for rate in rates)
    scenario = Scenario(nodes, chunks * 4e6, 4e6, links, links, zones=zones, settings=SMALL)
    stepped = ran(replace(scenario, sharing="steps"))
    exact = ran(replace(scenario, sharing="exact"))
    assert stepped.elapsed_s == pytest.approx(exact.elapsed_s, rel=0.05)
    assert np.mean(stepped.finished) == pytest.approx(np.mean(exact.finished), rel=0.05)


def test_sharing_is_exact_for_few_nodes_by_default() -> None:
    scenario = Scenario(128, 1e9, 8e6)
    assert scenario.step == 0.0
    assert replace(scenario, nodes=129).step > 0
    assert replace(scenario, sharing="steps").step > 0
    assert replace(scenario, nodes=129, sharing="exact").step == 0.0
    assert replace(scenario, step_s=0.004).step == 0.004


def test_nodes_report_as_often_as_the_coordinator_lets_them() -> None:
    assert Scenario(500, 1e9, 8e6).interval_s == report_interval(500)
    assert Scenario(500, 1e9, 8e6, report_interval_s=0.1).interval_s == 0.1


def test_an_order_costs_its_overhead() -> None:
    one_slot = SchedulerSettings(download_slots=1)
    scenario = Scenario(1, 10 * 4e6, 4e6, settings=one_slot, report_interval_s=0.002)
    cheap, dear = ran(scenario), ran(replace(scenario, order_overhead_s=0.05))
    assert dear.elapsed_s - cheap.elapsed_s == pytest.approx(10 * 0.05, rel=0.05)


def test_a_narrow_link_between_zones_is_the_bottleneck() -> None:
    """Half of the object enters each of the two zones from the origin, half from the other zone."""
    narrow = 1 * GBIT
    outcome = ran(Scenario(8, 4e8, 2e6, zones=2, zone_link=narrow, step_s=0.002))
    least = 2e8 / narrow
    assert least <= outcome.elapsed_s * 1.001
    assert outcome.elapsed_s <= 1.35 * least
    free = ran(Scenario(8, 4e8, 2e6, zones=2, step_s=0.002))
    assert free.elapsed_s < 0.5 * least


def test_traffic_between_zones_is_what_nodes_reported() -> None:
    scenario = Scenario(6, 1e8, 2e6, zones=3, step_s=0.002)
    scheduler = Scheduler(scenario.settings)
    outcome = Engine(scenario, scheduler).run()
    size = outcome.traffic.origin_bytes
    assert size == 1e8
    assert outcome.traffic.across_zones_bytes == 2 * size
    assert outcome.traffic.within_zones_bytes == 3 * size
    checked = scheduler.traffic()  # Not checked of what came since the last exchanges.
    assert checked.origin_bytes == size
    assert 0.5 * size < checked.across_zones_bytes <= 2 * size


def test_stragglers_delay_no_other_node() -> None:
    """Not for long: what they have to relay is late by as much as they slowed down."""
    outcome = ran(Scenario(16, 3e9, 8e6, stragglers=0.125, step_s=0.004))
    assert outcome.slowest_ratio <= 2.4
    assert 1.0 < outcome.straggler_ratio <= 1.15
    assert outcome.ratio > 2 * outcome.slowest_ratio
    assert outcome.amplification == 1.0


@pytest.mark.parametrize("known", [True, False], ids=["configured", "unknown"])
@pytest.mark.parametrize(
    "rates", [(10, 2.5), (10, 10, 10, 2.5), (10, 2.5, 2.5, 2.5)], ids=["half", "few", "most"]
)
def test_nodes_of_a_quarter_of_the_rate_delay_no_node_and_are_not_delayed(
    rates: tuple[float, ...], known: bool
) -> None:
    links = tuple(rate * GBIT for rate in rates)
    outcome = ran(Scenario(8, 4e9, 8e6, links, links, known_rates=known, step_s=0.008))
    assert outcome.slowest_ratio <= 1.15
    assert outcome.amplification == 1.0


def test_fast_nodes_are_not_delayed_once_slow_ones_are_known() -> None:
    links = (10 * GBIT, 2.5 * GBIT)
    outcome = ran(Scenario(40, 2e9, 8e6, links, links, step_s=0.008, seed=2))
    assert outcome.slowest_ratio <= 1.2


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_node_waits_for_reads_that_a_slow_link_got_before_it_was_known(seed: int) -> None:
    """All streams of the slow link end at the same time, and its origin reads with them."""
    rates = (48e6, 48e6, 48e6, 12e6)
    scenario = Scenario(
        4,
        96 * 4e6,
        4e6,
        rates,
        rates,
        origin=48e6,
        origin_latency_s=0.005,
        settings=SchedulerSettings(download_slots=16),
        report_interval_s=0.02,
        seed=seed,
    )
    *others, slow = ran(scenario).finished
    assert max(others) <= 1.25 * 96 * 4e6 / 48e6
    assert slow <= 1.02 * 96 * 4e6 / 12e6


@pytest.mark.parametrize("origin", [50e6, 1.25e9])
@pytest.mark.parametrize("joins", [(0.0, 0.2, 0.3, 0.4), (0.0, 3.0, 3.0, 3.0)])
def test_the_first_node_leaves_origin_reads_to_those_that_join_a_moment_later(
    joins: tuple[float, ...], origin: float
) -> None:
    chunk = 4 * 2**20
    link = (50e6,)
    outcome = ran(
        Scenario(4, 128 * chunk, chunk, link, link, origin, 50e6, joins_s=joins, step_s=0.01)
    )
    assert outcome.elapsed_s <= 1.3 * (outcome.scenario.bound_s() + max(joins))
    assert outcome.amplification == 1.0


def test_dying_and_joining_nodes_cost_little() -> None:
    outcome = ran(Scenario(20, 3e9, 8e6, dying=0.05, joining=0.05, step_s=0.004))
    assert outcome.ratio <= 1.3
    assert outcome.joiners_ratio <= 1.15
    assert outcome.amplification <= 1 + outcome.lost_bytes / outcome.scenario.total_bytes <= 1.05


def test_streams_that_starve_are_replaced() -> None:
    """If they were not, the last of them would end after 80 s."""
    link = (0.4 * GBIT,)
    outcome = ran(Scenario(4, 1e9, 4e6, link, link, link[0], step_s=0.01, starving=0.005))
    assert outcome.ratio <= 1.5
    assert outcome.amplification == 1.0


@pytest.mark.parametrize("name", sorted(COMPARATORS))
def test_every_other_scheduler_is_slower(name: str) -> None:
    scenario = Scenario(10, 8e8, 8e6, step_s=0.004)
    other = Engine(scenario, COMPARATORS[name](scenario)).run()
    assert other.elapsed_s > ran(scenario).elapsed_s


def test_a_recorded_run_gives_the_same_orders_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = str(tmp_path / "trace.jsonl")
    cli.main(["--nodes", "5", "--gigabytes", "0.2", "--failing", "0.02", "--trace", trace])
    cli.main(["--replay", trace])
    assert "the same orders" in capsys.readouterr().out
