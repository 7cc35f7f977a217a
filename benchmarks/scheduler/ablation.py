"""Switches each rule of the scheduler off, and says what that costs, in a table.

python -m benchmarks.scheduler.ablation                   all rules, all scenarios, three seeds
python -m benchmarks.scheduler.ablation late idle         some rules
python -m benchmarks.scheduler.ablation --only zones packs  some scenarios
python -m benchmarks.scheduler.ablation --write           puts the table into docs/scheduler.md

A figure is the change of the worst node's time over its own bound, in percent, as the mean over the
seeds. A pair of a rule and a scenario that is identical with the first seed is not repeated with
the others. Figures are kept in `build/scheduler-table`, because a run depends on nothing but the
sources, so a run that was broken off continues. All takes about 20 minutes of processor time.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from statistics import mean

from benchmarks.scheduler.rules import RULES, switch_off
from benchmarks.scheduler.scenarios import SCENARIOS, TUNING_SEEDS
from benchmarks.scheduler.table import KEPT, NOTICEABLE, ROOT, SOURCES, digest
from xfd_scheduler.simulator.cli import run
from xfd_testing.documents.markers import with_part

PAGE = ROOT / "docs" / "scheduler.md"
FIRST = "<!-- Made by `python -m benchmarks.scheduler.ablation --write`. -->"
LAST = "<!-- End of the ablation. -->"
HEAD = "| switch | rule that is off | change of the worst node, % |\n|---|---|---|"

Figures = dict[str, dict[str, float]]
"""By scenario, then by seed."""


def main() -> None:
    """Prints the table, row by row, or writes it into the page."""
    parsed = _parser().parse_args()
    names = parsed.only or list(SCENARIOS)
    if parsed.measure is not None:
        if parsed.measure:
            switch_off(parsed.measure)
        print(json.dumps(_measure_here(names, parsed.seeds)))
        return
    base = _figures("", names, parsed.seeds)
    lines = [HEAD, with_all_rules(base)]
    print(*lines, sep="\n")
    with ThreadPoolExecutor(parsed.processes) as pool:
        rules = parsed.rules or list(RULES)
        for rule, off in zip(rules, pool.map(lambda one: _changed(one, base), rules), strict=True):
            lines.append(row(rule, base, off))
            print(lines[-1], flush=True)
    if parsed.write:
        PAGE.write_text(with_part(PAGE.read_text(), FIRST, LAST, "\n".join(lines)))


def with_all_rules(base: Mapping[str, dict[str, float]]) -> str:
    """The row that says what the changes are relative to.

    >>> with_all_rules({"8eq": {"1": 1.0, "2": 1.1}, "drop": {"1": 1.2, "2": 1.2}})
    '| | none: time over bound, mean of seeds 1, 2 | 8eq 1.050, drop 1.200 |'
    """
    seeds = ", ".join(next(iter(base.values())))
    figures = ", ".join(f"{name} {mean(values.values()):.3f}" for name, values in base.items())
    return f"| | none: time over bound, mean of seeds {seeds} | {figures} |"


def row(rule: str, base: Mapping[str, dict[str, float]], off: Figures) -> str:
    """One line of the table: scenarios that change, the most costly one first.

    >>> base = {"8eq": {"1": 1.0, "2": 1.0}, "starve": {"1": 1.4, "2": 1.6}}
    >>> row("late", base, {"starve": {"1": 2.9, "2": 3.1}})
    '| `late` | reason late: an order that is far older than usual moves | starve +100.0 |'
    """
    changes = {name: mean(off[name].values()) / mean(base[name].values()) - 1 for name in off}
    noticed = sorted((name for name in off if abs(changes[name]) >= NOTICEABLE), key=changes.get)  # type: ignore[arg-type]
    text = ", ".join(f"{name} {_percent(changes[name])}" for name in reversed(noticed))
    return f"| `{rule}` | {RULES[rule].what} | {text or 'none'} |"


def _percent(change: float) -> str:
    return f"{100 * change:+.1f}".replace("-", "\N{MINUS SIGN}")


def _changed(rule: str, base: Figures) -> Figures:
    """Figures without the rule, of the scenarios that it changes with the first seed."""
    seeds = [int(seed) for seed in next(iter(base.values()))]
    first = str(seeds[0])
    begun = _figures(rule, list(base), seeds[:1])
    changed = [name for name in base if begun[name][first] != base[name][first]]
    return _figures(rule, changed, seeds) if changed else {}


def _figures(rule: str, names: Sequence[str], seeds: Sequence[int]) -> Figures:
    """Figures without the rule, in a new process; "" for all rules."""
    sources = Path(__file__).with_name("rules.py").read_bytes() if rule else b""
    kept = KEPT / f"{digest(ROOT / SOURCES, sources)}-{rule or 'all'}.json"
    known: Figures = json.loads(kept.read_text()) if kept.exists() else {}
    for seed in map(str, seeds):
        if missing := [name for name in names if seed not in known.get(name, {})]:
            command = [sys.executable, "-m", "benchmarks.scheduler.ablation", "--measure", rule]
            command += ["--only", *missing, "--seeds", seed]
            output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
            for name, figures in json.loads(output.stdout).items():
                known.setdefault(name, {}).update(figures)
            KEPT.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(known))
    return {name: {str(seed): known[name][str(seed)] for seed in seeds} for name in names}


def _measure_here(names: Sequence[str], seeds: Sequence[int]) -> Figures:
    """Runs scenarios in this process."""
    return {
        name: {
            str(seed): run(replace(SCENARIOS[name], seed=seed), "xfd").slowest_ratio
            for seed in seeds
        }
        for name in names
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmarks.scheduler.ablation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("rules", nargs="*", metavar="RULE", help=f"of {', '.join(RULES)}; all if none is given")
    add("--only", nargs="+", default=[], choices=list(SCENARIOS), metavar="NAME")
    add("--seeds", nargs="+", type=int, default=list(TUNING_SEEDS))
    add("--processes", type=int, default=2, help="rules at once")
    add("--write", action="store_true", help="put the table into docs/scheduler.md")
    add("--measure", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main()
