"""Rows as JSON, as Markdown tables, and as a chart. The chart needs matplotlib."""

from __future__ import annotations

import importlib.util
import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.cluster.measure import Row
from benchmarks.cluster.scenarios import MIB, SCENARIOS, Scenario
from benchmarks.cluster.verdicts import floors, middle, order_of, verdicts

HEAD = (
    "| what | rounds | median s | min | max | x floor | S3 link / catalog | cores: driver + "
    "coordinator | cores: workers | worker peak (anonymous) MiB | against the goals |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|"
)


def load(path: Path) -> list[Row]:
    """The rows of a file; none where there is no file."""
    return [Row(**row) for row in json.loads(path.read_text())["rows"]] if path.exists() else []


def save(rows: Sequence[Row], path: Path) -> None:
    """Writes all rows, and what they were measured on."""
    memory = next(
        line for line in Path("/proc/meminfo").read_text().splitlines() if "MemTotal" in line
    )
    machine = {
        "cores": len(Path("/sys/devices/system/cpu/online").read_text()) and _cores(),
        "memory_gib": round(int(memory.split()[1]) / 2**20),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }
    told = {"machine": machine, "command": sys.argv[1:], "rows": [asdict(row) for row in rows]}
    path.write_text(json.dumps(told, indent=1))


def table(scenario: str, rows: Sequence[Row]) -> str:
    """A scenario's rows as Markdown: medians over rounds; ratios are within a round."""
    shape = SCENARIOS[scenario]
    ours = [row for row in rows if row.scenario == scenario]
    lines = [f"\n### {described(shape)}\n", HEAD]
    for name in sorted({row.contender for row in ours}, key=order_of):
        lines.append(_line(shape, name, [row for row in ours if row.contender == name], rows))
    return "\n".join(lines)


def described(shape: Scenario) -> str:
    """A scenario in words."""
    size = f"{shape.size // MIB} MiB" if shape.size >= MIB else f"{shape.size // 1024} KiB"
    what = size if shape.files == 1 else f"{shape.files:,} x {size}"
    links = f"{shape.nodes} nodes of {shape.mbit} Mbit/s"
    extra = [f"{host} at {mbit}" for host, mbit in shape.slow]
    if shape.s3_mbit is not None:
        extra.append(f"S3 host at {shape.s3_mbit}")
    if shape.unpack:
        extra.append("a tar.gz, unpacked")
    if shape.work != "distribute":
        extra.append(shape.work)
    return f"{shape.name}: {what} to {links}" + "".join(f", {each}" for each in extra)


def draw(rows: Sequence[Row], path: Path) -> None:
    """Bars of every contender's time in floors, with the goals as marks; one panel a scenario."""
    if importlib.util.find_spec("matplotlib") is None:
        print("No chart is drawn: matplotlib is not installed", file=sys.stderr)
        return
    from benchmarks.cluster.chart import chart

    chart(rows, path)


def _line(shape: Scenario, name: str, mine: Sequence[Row], rows: Sequence[Row]) -> str:
    seconds = [row.seconds for row in mine]
    ratio = middle(mine, floors)
    sent = middle(mine, lambda row: row.s3_bytes / shape.total_bytes)
    control = middle(mine, lambda row: row.control_cpu)
    workers = middle(mine, lambda row: row.workers_cpu)
    peak = middle(mine, lambda row: row.worker_peak_mib)
    anonymous = middle(mine, lambda row: row.worker_anonymous_mib)
    cells = [
        name,
        str(len(mine)),
        f"{middle(mine, lambda row: row.seconds):.2f}",
        f"{min(seconds):.2f}",
        f"{max(seconds):.2f}",
        "" if ratio is None else f"{ratio:.3f}",
        "" if sent is None else f"{sent:.3f}",
        "" if control is None else f"{control:.3f}",
        "" if workers is None else f"{workers:.3f}",
        "" if peak is None or anonymous is None else f"{peak:.0f} ({anonymous:.0f})",
        "; ".join(str(verdict) for verdict in verdicts(shape.name, name, rows)),
    ]
    return f"| {' | '.join(cells)} |"


def _cores() -> int:
    import os

    return os.cpu_count() or 0
