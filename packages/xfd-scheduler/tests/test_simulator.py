"""The simulator shares links fairly, and the scheduler comes near the bound in it."""

from __future__ import annotations

from pathlib import Path

import pytest

np = pytest.importorskip("numpy")

from xfd_scheduler.scheduler import Scheduler  # noqa: E402
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
    rates = fair_rates(paths, np.full(3, np.inf), np.array([10.0, 10.0, 2.0, 12.0]))
    assert rates == pytest.approx([2.0, 6.0, 6.0])


def test_eight_nodes_finish_near_the_bound() -> None:
    outcome = ran(Scenario(8, 3e9, 8e6, step_s=0.004))
    assert outcome.ratio <= 1.08
    assert outcome.amplification == 1.0


def test_steps_and_exact_sharing_agree() -> None:
    stepped = ran(Scenario(4, 2e8, 8e6, step_s=0.0005))
    exact = ran(Scenario(4, 2e8, 8e6, step_s=0.0))
    assert stepped.elapsed_s == pytest.approx(exact.elapsed_s, rel=0.1)


@pytest.mark.parametrize("told", [True, False], ids=["told", "unknown"])
@pytest.mark.parametrize(
    "rates", [(10, 2.5), (10, 10, 10, 2.5), (10, 2.5, 2.5, 2.5)], ids=["half", "few", "most"]
)
def test_nodes_of_a_quarter_of_the_rate_delay_nobody_and_are_not_delayed(
    rates: tuple[float, ...], told: bool
) -> None:
    links = tuple(rate * GBIT for rate in rates)
    outcome = ran(Scenario(8, 4e9, 8e6, links, links, tell_rates=told, step_s=0.008))
    assert outcome.slowest_ratio <= 1.15
    assert outcome.amplification == 1.0


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
    assert outcome.amplification <= 1.05


def test_streams_that_starve_are_replaced() -> None:
    """Left alone, the last of them would end after 80 s."""
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
