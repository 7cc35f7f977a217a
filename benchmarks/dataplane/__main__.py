"""Measures the data plane on one host: fetching, serving, verifying and unpacking.

Rounds are run in turn (A B C A B C), after one that is not counted. Tables have medians, the lowest
and the highest wall time, and ratios of the runs of one round.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.dataplane import (
    downloads,
    hub,
    memory,
    peer_tls,
    pins,
    serving,
    unpacking,
    verification,
    written,
)
from benchmarks.dataplane.bed import Bed, open_bed
from benchmarks.dataplane.table import Goal, Section, goal_table

ROWS: dict[str, Callable[[Bed], Section]] = {
    "1gib": lambda bed: downloads.one_object(bed, 1),
    "8gib": lambda bed: downloads.one_object(bed, 8),
    "small-files": downloads.small_files,
    "hub": hub.hub,
    "memory": memory.memory,
    "written": written.written,
    "pins": pins.pins,
    "serving": serving.serving,
    "peer-tls": peer_tls.peer_tls,
    "verification": verification.verification,
    "tar-gz": unpacking.tar_gz,
    "small-tar": unpacking.small_tar,
    "small-zip": unpacking.small_zip,
}


def main() -> int:
    """Runs the rows that the command line names, or all, and prints their tables and goals."""
    parser = argparse.ArgumentParser(prog="benchmarks.dataplane", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}; else all")
    parser.add_argument("--rounds", type=int, default=5, help="that are counted (default: 5)")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="contender to run; repeatable"
    )
    parser.add_argument(
        "--endpoint",
        default="",
        metavar="URL",
        help="an S3 server that is up, with credentials from the environment and a bucket that "
        "keeps what is made; else a SeaweedFS of its own",
    )
    parser.add_argument(
        "--store-folder",
        type=Path,
        metavar="FOLDER",
        help="has the files of the server at URL",
    )
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on the disk to use")
    options = parser.parse_args()
    if unknown := set(options.rows) - set(ROWS):
        parser.error(f"no such row: {', '.join(sorted(unknown))}; known: {', '.join(ROWS)}")
    goals: list[Goal] = []
    with (
        tempfile.TemporaryDirectory(dir=options.folder, prefix="xfd-bench-") as folder,
        open_bed(
            Path(folder), options.rounds, options.only, options.endpoint, options.store_folder
        ) as bed,
    ):
        for name in options.rows or ROWS:
            section = ROWS[name](bed)
            print(f"\n### {section.title} ({options.rounds} rounds)\n", flush=True)
            print("\n".join(section.lines), flush=True)
            goals += section.goals
    if goals:
        print("\n### Goals\n")
        print("\n".join(goal_table(goals)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
