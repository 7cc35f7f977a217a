"""Compares two schedulers over many small scenarios, in a table.

python -m benchmarks.scheduler.table                    this scheduler beside that of HEAD
python -m benchmarks.scheduler.table --old REVISION     beside another revision
python -m benchmarks.scheduler.table --only drop join3  some scenarios
python -m benchmarks.scheduler.table --seeds 1 2        other seeds

A figure is the largest of a node's time over its own bound, without stragglers. Figures of the same
revision are kept in `build/scheduler-table`, because a run depends on nothing else.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

ROOT = Path(__file__).parents[2]
SOURCES = "packages/xfd-scheduler/src/xfd_scheduler"
API = "packages/xfd-api/src/xfd_api"
"""Goes with the scheduler of its revision: reports are made by one and read by the other."""
KEPT = ROOT / "build" / "scheduler-table"
NOTICEABLE = 0.005
"""A smaller change is printed as equal."""
COSTLY = 0.03
"""A larger change for the worse is marked."""

Figures = dict[str, list[float]]
"""By scenario, one figure for each seed."""


def main() -> None:
    """Prints the table."""
    parsed = _parser().parse_args()
    if parsed.measure:
        print(json.dumps(_measure_here(parsed.only, parsed.seeds)))
        return
    old = figures(_checked_out(parsed.old), parsed.only, parsed.seeds, parsed.processes)
    new = figures([ROOT / SOURCES, ROOT / API], parsed.only, parsed.seeds, parsed.processes)
    print(f"| scenario | {parsed.old} | now | change % |\n|---|---|---|---|")
    for name in new:
        print(row(name, old[name], new[name]), flush=True)


def row(name: str, old: Sequence[float], new: Sequence[float]) -> str:
    """One line of the table; changes of more than 3 % for the worse are marked.

    >>> row("drop", [2.0, 2.0], [1.5, 1.5])
    '| drop | 2.000 | 1.500 | -25.0 |'
    >>> row("8eq", [1.0, 1.1], [1.1, 1.1])
    '| 8eq | 1.000 1.100 | 1.100 | **+4.8** |'
    """
    change = mean(new) / mean(old) - 1
    text = f"{100 * change:+.1f}" if abs(change) >= NOTICEABLE else "="
    if change > COSTLY:
        text = f"**{text}**"
    return f"| {name} | {_list(old)} | {_list(new)} | {text} |"


def figures(
    sources: Sequence[Path], only: Sequence[str], seeds: Sequence[int], processes: int = 2
) -> Figures:
    """Figures of the scheduler in the folders `sources`, in new processes."""
    from benchmarks.scheduler.scenarios import SCENARIOS

    names = [name for name in SCENARIOS if name in only or not only]
    kept = KEPT / f"{'-'.join(digest(folder) for folder in sources)}.json"
    known: dict[str, dict[str, float]] = json.loads(kept.read_text()) if kept.exists() else {}
    missing = [
        name for name in names if any(str(seed) not in known.get(name, {}) for seed in seeds)
    ]
    shares = [share for share in (missing[part::processes] for part in range(processes)) if share]
    path = os.pathsep.join([*(str(folder.parent) for folder in sources), str(ROOT), *sys.path])
    running = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "benchmarks.scheduler.table",
                "--measure",
                "--only",
                *share,
                "--seeds",
                *map(str, seeds),
            ],
            env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            text=True,
        )
        for share in shares
    ]
    for process in running:
        output, _ = process.communicate()
        if process.returncode:
            raise SystemExit(f"a measurement of {sources[0]} ended with {process.returncode}")
        for name, values in json.loads(output).items():
            known.setdefault(name, {}).update(
                {str(seed): value for seed, value in zip(seeds, values, strict=True)}
            )
    if missing:
        KEPT.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(known))
    return {name: [known[name][str(seed)] for seed in seeds] for name in names}


def _measure_here(only: Sequence[str], seeds: Sequence[int]) -> Figures:
    """Runs scenarios with the scheduler that this process imports."""
    from dataclasses import replace

    from benchmarks.scheduler.scenarios import SCENARIOS
    from xfd_scheduler.simulator.cli import run

    return {
        name: [run(replace(SCENARIOS[name], seed=seed), "xfd").slowest_ratio for seed in seeds]
        for name in only
    }


def _checked_out(revision: str) -> list[Path]:
    """The scheduler's sources at a revision, and those of what it imports, in a folder each."""
    git = ["git", "-C", str(ROOT)]
    found = []
    for sources in (SOURCES, API):
        tree = subprocess.run(
            [*git, "rev-parse", f"{revision}:{sources}"], check=True, capture_output=True, text=True
        ).stdout.strip()
        target = KEPT / tree / Path(sources).name
        if not target.exists():
            archive = subprocess.run([*git, "archive", tree], check=True, capture_output=True)
            target.mkdir(parents=True)
            subprocess.run(["tar", "-x", "-C", str(target)], input=archive.stdout, check=True)
        found.append(target)
    return found


def digest(sources: Path, other: bytes = b"") -> str:
    """A digest of the sources, of the scenarios, and of whatever else figures depend on."""
    made = hashlib.sha256(Path(__file__).with_name("scenarios.py").read_bytes() + other)
    for path in sorted(sources.rglob("*.py")):
        made.update(str(path.relative_to(sources)).encode())
        made.update(path.read_bytes())
    return made.hexdigest()[:16]


def _list(values: Sequence[float]) -> str:
    texts = [f"{value:.3f}" for value in values]
    return texts[0] if len(set(texts)) == 1 else " ".join(texts)


def _parser() -> argparse.ArgumentParser:
    from benchmarks.scheduler.scenarios import SCENARIOS, TUNING_SEEDS

    parser = argparse.ArgumentParser(
        prog="benchmarks.scheduler.table",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--old", default="HEAD", metavar="REVISION", help="compare with this; default: HEAD")
    add("--only", nargs="+", default=[], choices=list(SCENARIOS), metavar="NAME")
    add("--seeds", nargs="+", type=int, default=list(TUNING_SEEDS))
    add("--processes", type=int, default=2, help="runs at once")
    add("--measure", action="store_true", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main()
