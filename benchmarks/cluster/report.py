"""Rows as JSON, as Markdown tables, and as a chart. The chart needs matplotlib."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.cluster.contenders import FLOOR, SLOW_FLOOR
from benchmarks.cluster.measure import Row
from benchmarks.cluster.scenarios import MIB, SCENARIOS, Scenario
from benchmarks.cluster.verdicts import (
    OURS,
    floors,
    middle,
    of_catalog,
    order_of,
    rows_of,
    times,
    verdicts,
)
from xfd_testing.bed.bed import MEMORY

HEAD = (
    "| what | rounds | median s | min | max | x floor | S3 link / catalog | cores: driver + "
    "coordinator | cores: workers | worker peak (anonymous) MiB | against the goals |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|"
)


def load(path: Path) -> list[Row]:
    """The rows of a file; none without a file."""
    return [Row(**row) for row in json.loads(path.read_text())["rows"]] if path.exists() else []


def save(rows: Sequence[Row], path: Path) -> None:
    """Writes all rows, and what they were measured on."""
    memory = next(
        line for line in Path("/proc/meminfo").read_text().splitlines() if "MemTotal" in line
    )
    machine = {
        "cores": os.cpu_count(),
        "memory_gib": round(int(memory.split()[1]) / 2**20),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }
    document = {"machine": machine, "command": sys.argv[1:], "rows": [asdict(row) for row in rows]}
    path.write_text(json.dumps(document, indent=1))


def table(scenario: str, rows: Sequence[Row]) -> str:
    """A scenario's rows as Markdown: medians over rounds; ratios are within a round."""
    shape = SCENARIOS[scenario]
    ours = [row for row in rows if row.scenario == scenario]
    lines = [f"\n### {described(shape)}\n", HEAD]
    for name in sorted({row.contender for row in ours}, key=order_of):
        lines.append(_line(shape, name, [row for row in ours if row.contender == name], rows))
    return "\n".join(lines)


def summary(rows: Sequence[Row]) -> str:
    """One line for each scenario: times, in floors if no other unit is named, with their goals."""
    lines = [
        "| scenario | rounds | floor s | xfd warm | xfd cold | bytes at S3's link | others |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, shape in SCENARIOS.items():
        if not any(row.scenario == name for row in rows):
            continue
        base = middle(rows_of(name, FLOOR, rows), lambda row: row.seconds)
        warm = rows_of(name, "xfd warm", rows)
        sent = middle(warm, of_catalog)
        others = sorted(
            {row.contender for row in rows if row.scenario == name} - {FLOOR, SLOW_FLOOR, *OURS}
        )
        cells = [
            name,
            str(len(warm)),
            "" if base is None else f"{base:.2f}",
            *(_time(name, contender, rows) for contender in OURS),
            "" if sent is None or shape.work in ("idle", "cached") else f"{sent:.3f}",
            ", ".join(f"{each} {_time(name, each, rows)}" for each in others),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _time(scenario: str, contender: str, rows: Sequence[Row]) -> str:
    found = times(scenario, contender, rows)
    if found:
        return ", ".join(
            f"{verdict.value:.2f}{'' if verdict.what == 'x floor' else f' {verdict.what}'}"
            f" (goal {verdict.goal:g}{'' if verdict.is_met else ': missed'})"
            for verdict in found
        )
    mine = rows_of(scenario, contender, rows)
    ratio, seconds = middle(mine, floors), middle(mine, lambda row: row.seconds)
    if SCENARIOS[scenario].work == "idle":
        return ""
    if ratio is not None and SCENARIOS[scenario].goals.unit == "floors":
        return f"{ratio:.2f}"
    return "" if seconds is None else f"{seconds:.2f} s"


def described(shape: Scenario) -> str:
    """A scenario in words."""
    size = f"{shape.size // MIB} MiB" if shape.size >= MIB else f"{shape.size // 1024} KiB"
    what = size if shape.files == 1 else f"{shape.files:,} x {size}"
    rate = f"of {shape.mbit} Mbit/s" if shape.mbit else "without a rate limit"
    links = f"{shape.nodes} nodes {rate}"
    extra = [f"{host} at {mbit}" for host, mbit in shape.slow]
    if shape.s3_mbit is not None:
        extra.append(f"S3 host at {shape.s3_mbit}")
    if shape.disks == MEMORY:
        extra.append("disks in memory")
    if shape.unpack:
        extra.append("a tar.gz, unpacked")
    if shape.late_s:
        extra.append(f"all but one begin after {shape.late_s:g} s")
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
    sent = middle(mine, of_catalog)
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
