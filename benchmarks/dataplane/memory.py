"""Row: anonymous memory by the size of the object and of its chunks."""

from __future__ import annotations

from benchmarks.dataplane.bed import Bed, Contender
from benchmarks.dataplane.clients import xfd
from benchmarks.dataplane.table import MIB, Goal, Section

SIZES_GIB = (1, 8)
CHUNK_SIZES = ("8MiB", "100MiB")


def memory(bed: Bed) -> Section:
    """Peak anonymous memory of xfd-get for each of them, and with chunks that it chooses itself."""
    contenders: dict[str, Contender] = {}
    for gib in SIZES_GIB:
        key = bed.random_object(gib)
        contenders[f"{gib} GiB, chunks chosen"] = bed.fetching(xfd("--durability", "none"), key)
        for size in CHUNK_SIZES:
            client = xfd("--durability", "none", "--chunk-size", size)
            contenders[f"{gib} GiB, chunks of {size}"] = bed.fetching(client, key)
    section = Section("Memory: peak RssAnon of xfd-get", ["| what | MiB |", "|---|---|"])
    for name, row in bed.compare(contenders).items():
        highest = max(cost.anon_bytes for cost in row) / MIB
        section.lines.append(f"| {name} | {highest:.0f} |")
        section.goals.append(Goal(f"peak RssAnon, {name}", 80, highest, "MiB"))
    return section
