"""The actors that xfd starts on a cluster: their processes, and their end.

Several test runs share a machine, so a process is found by the root folder of its node.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import ray

from xfd_testing.waiting import until

COORDINATOR = "CoordinatorActor"
NODE_WORKER = "NodeWorkerActor"


def actor_processes(actor: str, roots: Iterable[Path]) -> list[int]:
    """Process ids of the actors of this class on the nodes with these roots."""
    nodes = {f"XFD_ROOT={root}".encode() for root in roots}
    title = f"ray::{actor}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # It ended meanwhile.
            command = (process / "cmdline").read_bytes()
            environment = (process / "environ").read_bytes().split(b"\0")
            if command.startswith(title) and not nodes.isdisjoint(environment):
                found.append(int(process.name))
    return found


def has_coordinator() -> bool:
    """Whether the cluster that this driver is connected to has a coordinator."""
    named = ray.util.list_named_actors(all_namespaces=True)
    return {"name": "coordinator", "namespace": "xfd"} in named


def end_coordinator() -> None:
    """Kills the coordinator, if there is one; its workers end with it."""
    if has_coordinator():
        ray.kill(ray.get_actor("coordinator", namespace="xfd"))
        until(lambda: not has_coordinator(), 30, "the coordinator is still there")
