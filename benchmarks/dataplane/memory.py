"""Rows: anonymous memory by the size of the object and of its chunks."""

from __future__ import annotations

from benchmarks.dataplane.bed import Bed
from benchmarks.dataplane.clients import xfd
from benchmarks.dataplane.table import MIB, Goal, Section, cost_table

CHUNK_SIZES = ("8MiB", "100MiB")


def memory(bed: Bed, gib: int) -> Section:
    """Peak anonymous memory of xfd-get by chunk size."""
    key = bed.random_object(gib)
    contenders = {
        f"chunks of {size}": bed.fetching(xfd("--durability", "none", "--chunk-size", size), key)
        for size in CHUNK_SIZES
    }
    costs = bed.compare(contenders)
    section = Section(f"Memory, one object of {gib} GiB")
    section.lines += cost_table(costs, gib, f"chunks of {CHUNK_SIZES[0]}")
    for name, row in costs.items():
        highest = max(cost.anon_bytes for cost in row) / MIB
        section.goals.append(Goal(f"peak RssAnon, {gib} GiB, {name}", 80, highest, "MiB"))
    return section
