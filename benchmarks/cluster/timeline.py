"""Keeps the traces of a run, and tells and draws them.

`python -m benchmarks.cluster.timeline FOLDER ...` tells and draws again what was kept before.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from benchmarks.cluster.bed import Bed
from benchmarks.cluster.links import LinkLog
from benchmarks.cluster.phases import phases
from benchmarks.cluster.story import read

TRACE = "trace"


def forget(bed: Bed) -> None:
    """Removes the traces of what ran before."""
    for host in bed.hosts:
        shutil.rmtree(bed.data(host) / TRACE, ignore_errors=True)


def keep(bed: Bed, links: LinkLog, what: str, driver: dict[str, Any], folder: Path) -> None:
    """Keeps the traces of a distribution, with what its driver printed, and what they tell."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    links.copy(folder / "links.jsonl")
    for host in bed.hosts:
        for path in (bed.data(host) / TRACE).glob("*"):
            shutil.copy(path, folder)
    (folder / "driver.json").write_text(json.dumps(driver))
    rates = {host: mbit * 125_000 for host, mbit in bed.rates.items()}
    (folder / "about.json").write_text(json.dumps({"what": what, "bytes_per_s": rates}))
    tell(folder)


def tell(folder: Path) -> None:
    """Writes `phases.txt` and, where matplotlib is installed, `timeline.svg` and `.png`."""
    about = json.loads((folder / "about.json").read_text())
    story = read(folder)
    text = f"{about['what']}\n{phases(story, about['bytes_per_s'])}\n"
    (folder / "phases.txt").write_text(text)
    print(text, file=sys.stderr)
    if importlib.util.find_spec("matplotlib") is None:
        print("No picture is drawn: matplotlib is not installed", file=sys.stderr)
        return
    from benchmarks.cluster.picture import draw

    for kind in ("png", "svg"):
        draw(story, about["what"], folder / f"timeline.{kind}")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        tell(Path(name))
