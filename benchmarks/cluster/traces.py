"""Keeps the traces of a run, and shows its timeline as text and as a picture.

`python -m benchmarks.cluster.traces FOLDER ...` shows the traces of earlier runs again.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from benchmarks.cluster.phases import phases
from benchmarks.cluster.timeline import read
from xfd_testing.bed.bed import Bed
from xfd_testing.bed.links import LinkLog

TRACE = "trace"


def clear(bed: Bed) -> None:
    """Removes the traces of earlier runs."""
    for host in bed.hosts:
        shutil.rmtree(bed.data(host) / TRACE, ignore_errors=True)


def keep(bed: Bed, links: LinkLog, what: str, driver: dict[str, Any], folder: Path) -> None:
    """Copies the traces of a run and what its driver printed to a folder, and shows them."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    links.copy(folder / "links.jsonl")
    for host in bed.hosts:
        for path in (bed.data(host) / TRACE).glob("*"):
            shutil.copy(path, folder)
    (folder / "driver.json").write_text(json.dumps(driver))
    rates = {host: mbit * 125_000 for host, mbit in bed.rates.items()}
    (folder / "about.json").write_text(json.dumps({"what": what, "bytes_per_s": rates}))
    show(folder)


def show(folder: Path) -> None:
    """Writes `phases.txt` and, if matplotlib is installed, `timeline.svg` and `.png`."""
    about = json.loads((folder / "about.json").read_text())
    timeline = read(folder)
    text = f"{about['what']}\n{phases(timeline, about['bytes_per_s'])}\n"
    (folder / "phases.txt").write_text(text)
    print(text, file=sys.stderr)
    if importlib.util.find_spec("matplotlib") is None:
        print("No picture is drawn: matplotlib is not installed", file=sys.stderr)
        return
    from benchmarks.cluster.picture import draw

    for kind in ("png", "svg"):
        draw(timeline, about["what"], folder / f"timeline.{kind}")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        show(Path(name))
