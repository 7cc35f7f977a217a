"""Row: what TLS between two peers costs, beside plain text with sendfile."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.dataplane.bed import BUCKET, Bed
from benchmarks.dataplane.table import MIB, Section

CHUNK_BYTES = 16 * MIB
KINDS = ("plain", "tls")


def peer_tls(bed: Bed) -> Section:
    """1 GiB from one node to another, both in one process, not synced."""
    section = Section("TLS between peers")
    key = bed.random_object(1)
    folder = bed.folder / "peer-tls"
    folder.mkdir()
    try:
        file = folder / "object"
        bed.client.download_file(BUCKET, key, str(file))
        passes: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
        for place in range(bed.rounds + 1):
            for kind in KINDS:
                taken = _pass(file, folder / "nodes", kind)
                if place > 0:
                    passes[kind].append(taken)
    finally:
        shutil.rmtree(folder)
    section.lines += ["| peers | CPU s/GiB, both nodes | min - max | GiB/s |", "|---|---|---|---|"]
    for kind, row in passes.items():
        cpu = [taken["cpu_s"] for taken in row]
        rate = 1 / statistics.median(taken["wall_s"] for taken in row)
        section.lines.append(
            f"| {kind} | {statistics.median(cpu):.3f} | {min(cpu):.3f} - {max(cpu):.3f} |"
            f" {rate:.2f} |"
        )
    ratios = [
        (tls["cpu_s"] / plain["cpu_s"], tls["wall_s"] / plain["wall_s"])
        for plain, tls in zip(passes["plain"], passes["tls"], strict=True)
    ]
    cpu_ratio, wall_ratio = (statistics.median(each) for each in zip(*ratios, strict=True))
    section.lines.append(f"tls / plain: CPU {cpu_ratio:.2f}, wall {wall_ratio:.2f}")
    return section


def _pass(file: Path, folder: Path, kind: str) -> dict[str, float]:
    module = "benchmarks.dataplane.peer_pair"
    command = [sys.executable, "-m", module, str(file), str(folder), str(CHUNK_BYTES), kind]
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    shutil.rmtree(folder)
    taken: dict[str, float] = json.loads(ran.stdout)
    return taken
