"""Makes the report of a real run, its page and picture, or measures what reports cost.

`nox -s bench -- report picture FOLDER` and `nox -s bench -- report costs`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.report.costs import costs

SIZES = ((4, 256), (64, 256), (1000, 256), (2000, 1024))


def main() -> None:
    parser = argparse.ArgumentParser(prog="nox -s bench -- report", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("costs", help="measure the time line of runs of several sizes")
    picture = commands.add_parser("picture", help="run, and write report.json, .html and .png")
    picture.add_argument("folder", type=Path)
    picture.add_argument("--nodes", type=int, default=5)
    picture.add_argument(
        "--again", action="store_true", help="draw the folder's report.json, without a run"
    )
    options = parser.parse_args()
    if options.command == "costs":
        for nodes, chunks in SIZES:
            figures = costs(nodes, chunks)
            print(f"{nodes} nodes, {chunks} chunks")
            for name, value in figures.items():
                print(f"  {name:28} {value:10.2f}")
        return
    from benchmarks.report.picture import draw
    from benchmarks.report.run import run

    options.folder.mkdir(parents=True, exist_ok=True)
    saved = options.folder / "report.json"
    if not options.again:
        run(options.nodes).save(saved)
    draw(saved, options.folder)


if __name__ == "__main__":
    main()
