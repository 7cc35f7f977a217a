"""Switches each rule of the scheduler off, and says what that costs, in a table.

python -m benchmarks.scheduler.ablation                   all rules, in five scenarios
python -m benchmarks.scheduler.ablation late idle         some rules
python -m benchmarks.scheduler.ablation --only zones packs  other scenarios
python -m benchmarks.scheduler.ablation --write           puts the table into docs/scheduler.md

A figure is the change of the worst node's time over its own bound, in percent. Figures are kept in
`build/scheduler-table`, because a run depends on nothing but the sources, so a run that was broken
off continues.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean

from benchmarks.scheduler.rules import RULES, switch_off
from benchmarks.scheduler.scenarios import SCENARIOS
from benchmarks.scheduler.table import KEPT, NOTICEABLE, ROOT, SOURCES, digest
from xfd_scheduler.simulator.cli import run

PAGE = ROOT / "docs" / "scheduler.md"
BEGIN = "<!-- Made by `python -m benchmarks.scheduler.ablation --write`. -->"
END = "<!-- End of the ablation. -->"
HEAD = "| switch | rule that is off | change of the worst node, % |\n|---|---|---|"
SEED = 404
QUICK = ["8half", "join3", "patient", "drop", "starve"]
"""Slow nodes, late ones, awaited ones, one that becomes slow, and starved streams."""

Figures = dict[str, float]
"""By scenario, the mean over the seeds."""


def main() -> None:
    """Prints the table, row by row, or writes it into the page."""
    parsed = _parser().parse_args()
    names = parsed.only or QUICK
    if parsed.measure is not None:
        if parsed.measure:
            switch_off(parsed.measure)
        print(json.dumps(_measure_here(names, parsed.seeds)))
        return
    base = _figures("", names, parsed.seeds)
    lines = [HEAD]
    print(HEAD)
    for rule in parsed.rules or RULES:
        lines.append(row(rule, base, _figures(rule, names, parsed.seeds)))
        print(lines[-1], flush=True)
    if parsed.write:
        before, rest = PAGE.read_text().split(BEGIN)
        after = rest.split(END)[1]
        PAGE.write_text(f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{after}")


def row(rule: str, base: Mapping[str, float], off: Mapping[str, float]) -> str:
    """One line of the table: scenarios that change, the most costly one first.

    >>> row("late", {"8eq": 1.0, "starve": 1.5}, {"8eq": 1.0, "starve": 3.0})
    '| `late` | reason late: an order that is far older than usual moves | starve +100.0 |'
    """
    changes = {name: off[name] / base[name] - 1 for name in base}
    noticed = sorted((name for name in base if abs(changes[name]) >= NOTICEABLE), key=changes.get)  # type: ignore[arg-type]
    text = ", ".join(f"{name} {_percent(changes[name])}" for name in reversed(noticed))
    return f"| `{rule}` | {RULES[rule].what} | {text or 'none'} |"


def _percent(change: float) -> str:
    return f"{100 * change:+.1f}".replace("-", "\N{MINUS SIGN}")


def _figures(rule: str, names: Sequence[str], seeds: Sequence[int]) -> Figures:
    """Figures without the rule, in a new process; "" for all rules."""
    sources = Path(__file__).with_name("rules.py").read_bytes() if rule else b""
    kept = KEPT / f"{digest(ROOT / SOURCES, sources)}-{rule or 'all'}.json"
    known: dict[str, Figures] = json.loads(kept.read_text()) if kept.exists() else {}
    missing = [name for name in names if any(str(s) not in known.get(name, {}) for s in seeds)]
    if missing:
        command = [sys.executable, "-m", "benchmarks.scheduler.ablation", "--measure", rule]
        command += ["--only", *missing, "--seeds", *map(str, seeds)]
        output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        for name, figures in json.loads(output.stdout).items():
            known.setdefault(name, {}).update(figures)
        KEPT.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(known))
    return {name: mean(known[name][str(seed)] for seed in seeds) for name in names}


def _measure_here(names: Sequence[str], seeds: Sequence[int]) -> dict[str, Figures]:
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
    add("--seeds", nargs="+", type=int, default=[SEED])
    add("--write", action="store_true", help="put the table into docs/scheduler.md")
    add("--measure", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main()
