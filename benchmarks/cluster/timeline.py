"""Keeps the traces of a run, and tells and draws them.

`python -m benchmarks.cluster.timeline FOLDER ...` tells and draws again what was kept before.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.cluster.bed import Bed
from benchmarks.cluster.phases import phases
from benchmarks.cluster.scenarios import Scenario
from benchmarks.cluster.story import read

TRACE = "trace"
DRIVERS = Path(__file__).parent / "drivers"


@contextlib.contextmanager
def traced(bed: Bed, shape: Scenario, what: str, folder: Path) -> Iterator[dict[str, Any]]:
    """Keeps the traces of the distribution that runs in the block, and writes what they tell.

    What its driver printed is to be put into the dictionary.
    """
    for host in bed.hosts:
        shutil.rmtree(bed.data(host) / TRACE, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    sampler = bed.start_on_bridge(
        [sys.executable, str(DRIVERS / "sample_links.py")], folder / "links.jsonl"
    )
    try:
        driver: dict[str, Any] = {}
        yield driver
    finally:
        sampler.terminate()
        sampler.wait()
    for host in bed.hosts:
        for path in (bed.data(host) / TRACE).glob("*"):
            shutil.copy(path, folder)
    (folder / "driver.json").write_text(json.dumps(driver))
    about = {
        "what": f"{shape.name}, {what}",
        "bytes_per_s": {host: mbit * 125_000 for host, mbit in bed.rates.items()},
    }
    (folder / "about.json").write_text(json.dumps(about))
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
