"""Runs scenarios side by side and prints the table: `python -m benchmarks.cluster --help`."""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.cluster.bed import S3_HOST, Bed, BedError
from benchmarks.cluster.contenders import WARM_SET, available
from benchmarks.cluster.rig import Rig
from benchmarks.cluster.scenarios import SCENARIOS, Scenario
from benchmarks.cluster.timeline import traced


def main() -> int:
    """Prints one table for each scenario that is named."""
    contenders = available()
    parser = argparse.ArgumentParser(prog="benchmarks.cluster", description=__doc__)
    parser.add_argument("scenarios", nargs="*", default=["4-nodes"], help=", ".join(SCENARIOS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=list(contenders), help=", ".join(contenders))
    parser.add_argument("--json", type=Path, help="write every measurement there")
    parser.add_argument(
        "--timeline", type=Path, metavar="FOLDER", help="tell and draw every order of xfd's runs"
    )
    options = parser.parse_args()
    measured = []
    try:
        for name in options.scenarios:
            rows = measure(SCENARIOS[name], options.rounds, options.only, options.timeline)
            measured.append({"scenario": name, "rows": rows})
            print(table(SCENARIOS[name], rows), flush=True)
    except BedError as error:
        print(error, file=sys.stderr)
        return 1
    if options.json is not None:
        options.json.write_text(json.dumps(measured, indent=1))
    return 0


def measure(
    shape: Scenario, rounds: int, names: list[str], timeline: Path | None
) -> dict[str, dict[str, list[float]]]:
    """Seconds and bytes at the object store's link, by contender, one value a round."""
    contenders = available()
    logs = Path(tempfile.mkdtemp(prefix="xfd-bench-", dir="/var/tmp"))
    rows: dict[str, dict[str, list[float]]] = {
        name: {"seconds": [], "s3_bytes": []} for name in names
    }
    with Bed(shape.nodes, shape.mbit, shape.s3_mbit) as bed:
        for host, mbit in shape.slow:
            bed.limit(host, mbit)
        rig = Rig(bed, shape, logs, traced=timeline is not None)
        rig.start_s3()
        rig.start_ray()
        rig.make_set("set")
        rig.make_warm_set(WARM_SET)
        for place in range(rounds):
            for name in names:
                folder = f"round-{place}-{name.replace(' ', '-')}"
                before = bed.link_bytes(S3_HOST).sent
                with contextlib.ExitStack() as stack:
                    told: dict[str, Any] = {}
                    if timeline is not None and name.startswith("xfd"):
                        place_of = timeline / f"{shape.name}-{name.replace(' ', '-')}-{place}"
                        told = stack.enter_context(traced(bed, shape, name, place_of))
                    outcome = contenders[name](rig, "set", folder)
                    told.update(outcome.told)
                seconds = outcome.seconds
                rows[name]["seconds"].append(seconds)
                rows[name]["s3_bytes"].append(bed.link_bytes(S3_HOST).sent - before)
                hosts = ["n0"] if name == "floor" else bed.hosts
                if wrong := list(rig.wrong_files("set", folder, hosts)):
                    raise BedError(f"{name} left wrong files: {wrong[:5]}; logs in {logs}")
                for host in bed.hosts:
                    for path in bed.data(host).glob(f"{folder}*"):
                        shutil.rmtree(path)
                print(f"  round {place} {name}: {seconds:.2f} s", file=sys.stderr, flush=True)
    shutil.rmtree(logs)
    return rows


def table(shape: Scenario, rows: dict[str, dict[str, list[float]]]) -> str:
    """The scenario's rows as Markdown: medians, and ratios to the floor."""
    base = statistics.median(rows["floor"]["seconds"]) if "floor" in rows else None
    lines = [
        f"\n### {shape.name}: {shape.files} x {shape.size} bytes, {shape.nodes} nodes of "
        f"{shape.mbit} Mbit/s",
        "| what | median s | min | max | x floor | bytes at S3's link / catalog |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        seconds = row["seconds"]
        middle = statistics.median(seconds)
        ratio = f"{middle / base:.3f}" if base else ""
        sent = statistics.median(row["s3_bytes"]) / shape.total_bytes
        lines.append(
            f"| {name} | {middle:.2f} | {min(seconds):.2f} | {max(seconds):.2f} | {ratio} "
            f"| {sent:.3f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
