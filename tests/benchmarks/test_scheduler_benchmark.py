"""The scheduler's benchmark says whether a figure meets its goal, and selects rows by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numpy")

from benchmarks.scheduler import rules as ablation_rules
from benchmarks.scheduler.ablation import FIRST, LAST, PAGE
from benchmarks.scheduler.goals import PER_SECOND, RATIO, WEAK_SPOTS, Goal
from benchmarks.scheduler.rules import RULES, switch_off
from benchmarks.scheduler.scenarios import GOAL_SEEDS, SCENARIOS, TUNING_SEEDS
from benchmarks.scheduler.table import API, SOURCES, figures, row

ROOT = Path(__file__).parents[2]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.scheduler", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_figure_stands_beside_its_goal() -> None:
    assert "met    T/bound: 1.050, goal ≤ 1.050" in RATIO[8].verdict("T/bound", 1.05)
    assert RATIO[8].verdict("T/bound", 1.06).split()[0] == "MISSED"
    assert PER_SECOND.verdict("a second", 200_000.0).split()[0] == "met"
    assert "MISSED here: 100,000, goal ≥ 150,000" in PER_SECOND.verdict("here", 100_000.0)
    assert Goal(1.0).verdict("nothing", float("nan")).split()[0] == "MISSED"


def test_rows_have_names_and_others_are_refused() -> None:
    names = bench("--list").stdout.split()
    assert {"costs", "cost_whole", "memories", "size_2000", "size_140_gb", "packs"} <= set(names)
    refused = bench("no-such-row")
    assert refused.returncode == 2
    assert "no-such-row" in refused.stderr


def test_goals_have_seeds_of_their_own() -> None:
    assert not set(GOAL_SEEDS) & set(TUNING_SEEDS)
    assert set(WEAK_SPOTS) <= set(SCENARIOS)


def test_a_table_marks_what_a_change_costs() -> None:
    measured = figures([ROOT / SOURCES, ROOT / API], ["patient"], [1], processes=1)
    assert 1.18 < measured["patient"][0] < 1.3
    assert row("patient", [1.2], [1.2]).endswith("| = |")
    assert row("patient", [1.0], [1.04]).endswith("| **+4.0** |")


def test_the_simulator_is_within_a_tenth_of_three_measured_runs_and_a_fifth_of_all() -> None:
    """Eight nodes on one machine share its processor, which the simulator does not have."""
    verdicts = [line for line in bench("validation").stdout.splitlines() if "difference" in line]
    differences = sorted(float(line.split(": ")[1].split(",")[0]) for line in verdicts)
    assert len(differences) >= 3
    assert differences[2] <= 0.1
    assert differences[-1] <= 0.2


def test_the_page_has_a_row_for_each_rule_that_can_be_switched_off() -> None:
    """After a change: `python -m benchmarks.scheduler.ablation --write`."""
    table = PAGE.read_text().split(FIRST)[1].split(LAST)[0]
    rows = [line.split(" | ")[:2] for line in table.splitlines() if line.startswith("| `")]
    assert rows == [[f"| `{name}`", rule.what] for name, rule in RULES.items()]


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_can_be_switched_off(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a rule is made of still has the name that the switch sets."""
    monkeypatch.setattr(ablation_rules, "set_name", lambda target, name, _: getattr(target, name))
    switch_off(rule)
