"""Prints the data plane's table: `python -m benchmarks.dataplane --help`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from benchmarks.dataplane.rows import Bench
from harness.s3 import running


def main() -> int:
    """Each row that is named, or all of them."""
    parser = argparse.ArgumentParser(prog="benchmarks.dataplane", description=__doc__)
    names = ("1gib", "8gib", "memory-1gib", "memory-8gib", "small-files")
    parser.add_argument("rows", nargs="*", default=["1gib", "memory-1gib", "small-files"])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with running() as server, tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        bench = Bench(server, Path(folder), options.rounds)
        rows = {
            "1gib": lambda: bench.one_object(1),
            "8gib": lambda: bench.one_object(8),
            "memory-1gib": lambda: bench.memory(1),
            "memory-8gib": lambda: bench.memory(8),
            "small-files": bench.small_files,
        }
        if unknown := set(options.rows) - set(names):
            parser.error(f"no such row: {', '.join(sorted(unknown))}; known: {', '.join(names)}")
        for name in options.rows:
            for line in rows[name]():
                print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
