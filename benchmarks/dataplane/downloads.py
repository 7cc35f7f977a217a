"""Rows: one large object, and many small ones, by every client."""

from __future__ import annotations

from benchmarks.dataplane.bed import Bed
from benchmarks.dataplane.clients import (
    DURABLE,
    SYNCED,
    aws_config,
    missing,
    rclone,
    s5cmd,
    single_object_clients,
    xfd,
)
from benchmarks.dataplane.table import GIB, Goal, Section, cost_table, cpu_time, ratio, wall

SMALL_FILES = 10_000
SMALL_BYTES = 16 * 1024


def one_object(bed: Bed, gib: int) -> Section:
    """Wall, CPU and memory of every client for one object."""
    key = bed.random_object(gib)
    crt = {"AWS_CONFIG_FILE": str(aws_config(bed.folder))}
    contenders = {
        name: bed.fetching(client, key, **(crt if client.__name__ == "aws" else {}))
        for name, client in single_object_clients(bed.endpoint).items()
    }
    costs = bed.compare(contenders, always=("s5cmd",), warm=gib > 1)
    section = Section(f"One object of {gib} GiB", list(cost_table(costs, gib, "s5cmd")))
    section.lines += [f"Not here: {name} ({why})" for name, why in missing(bed.endpoint).items()]
    for name, goal, base in (("xfd-get", 1.0, "s5cmd"), (DURABLE, 0.9, SYNCED)):
        if name in costs and base in costs:
            reached = ratio(costs, name, base, wall)
            section.goals.append(Goal(f"wall, {gib} GiB, {name}", goal, reached, f"x {base}"))
    if "xfd-get" in costs:
        reached = ratio(costs, "xfd-get", "s5cmd", cpu_time)
        section.goals.append(Goal(f"CPU, {gib} GiB", 0.9, reached, "x s5cmd"))
    return section


def small_files(bed: Bed) -> Section:
    """10,000 objects of 16 KiB below one prefix."""
    prefix = bed.small_objects(SMALL_FILES, SMALL_BYTES)
    clients = {"xfd-get": xfd("--durability", "none"), "s5cmd": s5cmd, DURABLE: xfd()}
    if "rclone" not in missing(bed.endpoint):
        clients["rclone"] = rclone
    costs = bed.compare(
        {name: bed.fetching(client, prefix) for name, client in clients.items()},
        always=("xfd-get", "s5cmd"),
    )
    gib = SMALL_FILES * SMALL_BYTES / GIB
    reached = ratio(costs, "xfd-get", "s5cmd", wall)
    return Section(
        f"{SMALL_FILES:,} objects of {SMALL_BYTES // 1024} KiB",
        list(cost_table(costs, gib, "s5cmd")),
        [Goal("wall, 10,000 x 16 KiB", 1.0, reached, "x s5cmd")],
    )
