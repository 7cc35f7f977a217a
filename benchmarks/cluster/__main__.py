"""The cluster benchmark: scenarios on a cluster in a box, contenders side by side.

`python -m benchmarks.cluster 4-nodes 2000-files --rounds 3 --json results.json` runs, prints a
table for each scenario, and adds its rows to the file: a long benchmark can be run in pieces.
`python -m benchmarks.cluster --report results.json` prints the tables of all pieces again and draws
the chart beside the file. `--list` prints scenarios, contenders and goals.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections import Counter
from pathlib import Path

from benchmarks.cluster.contenders import contender, fitting
from benchmarks.cluster.measure import Row, measure
from benchmarks.cluster.report import described, draw, load, save, summary, table
from benchmarks.cluster.scenarios import SCENARIOS
from xfd_testing.bed.bed import BedError, check_machine

ONLY = """see --list; 'xfd warm {"durability": "none"}' is a call with options"""


def main() -> int:
    """Runs what the command line names."""
    options = _parser().parse_args()
    if options.list:
        for shape in SCENARIOS.values():
            print(f"{described(shape)}\n    {shape.goals}\n    {', '.join(fitting(shape))}")
        return 0
    if options.report is not None:
        rows = load(options.report)
        print(summary(rows))
        for name in SCENARIOS:
            if any(row.scenario == name for row in rows):
                print(table(name, rows))
        draw(rows, options.report.with_suffix(".svg"))
        return 0
    try:
        check_machine()
        # Without this the signal would end Python before the bed is removed.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        return _run(options)
    except BedError as error:
        print(error, file=sys.stderr)
        return 1


def _run(options: argparse.Namespace) -> int:
    unknown = set(options.scenarios) - set(SCENARIOS)
    if unknown:
        raise BedError(f"No such scenario: {', '.join(sorted(unknown))}; --list prints all of them")
    shapes = [SCENARIOS[name] for name in options.scenarios or ["4-nodes"]]
    chosen = {shape.name: options.only or fitting(shape, ours=options.ours) for shape in shapes}
    for name in options.only or ():
        contender(name)
    known = [] if options.json is None else load(options.json)
    measured: list[Row] = []
    rounds_done: Counter[str] = Counter()
    rounds = measure(shapes, options.rounds, chosen, options.timeline, options.congestion)
    for shape, rows in rounds:
        measured += rows
        if options.json is not None:
            # After each round, so that an interrupted benchmark keeps its rows.
            save(known + measured, options.json)
            draw(known + measured, options.json.with_suffix(".svg"))
        rounds_done[shape.name] += 1
        if rounds_done[shape.name] == options.rounds:
            print(table(shape.name, measured), flush=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmarks.cluster",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("scenarios", nargs="*", metavar="SCENARIO", help="4-nodes if none is named")
    add("--rounds", type=int, default=3)
    add("--ours", action="store_true", help="xfd and what it is compared with by the goals")
    add("--only", nargs="*", metavar="CONTENDER", help=ONLY)
    add("--json", type=Path, metavar="FILE", help="add the rows to this file, draw its chart")
    add(
        "--timeline",
        type=Path,
        metavar="FOLDER",
        help="show every order of xfd as text and picture",
    )
    add("--congestion", metavar="NAME", help="TCP's congestion control, such as reno")
    add("--report", type=Path, metavar="FILE", help="tables and chart of this file; runs nothing")
    add("--list", action="store_true", help="print scenarios, contenders and goals")
    return parser


if __name__ == "__main__":
    sys.exit(main())
