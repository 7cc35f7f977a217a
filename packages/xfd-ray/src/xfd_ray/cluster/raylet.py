"""What a process of Ray has from its node, and what from the process that started it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import ray

from xfd_ray.metrics.publisher import Exporter

_given: dict[str, str] = {}


def give(variables: Mapping[str, str]) -> None:
    """Adds variables to those of this process's `runtime_env`, for what xfd runs on the nodes.

    They go there by method call and as arguments. Ray shows a `runtime_env` to all who see its
    dashboard, and logs it, so keys do not belong there.
    """
    _given.update(variables)


def given_variables() -> dict[str, str]:
    """What `give` was given."""
    return dict(_given)


def inherited_variables() -> dict[str, str]:
    """The `env_vars` of the `runtime_env` that this process runs in, and what it was given."""
    return {**(current_runtime_env().get("env_vars") or {}), **_given}


def current_runtime_env() -> dict[str, Any]:
    """The `runtime_env` that this driver, task or actor runs in; empty for Ray's own."""
    return dict(ray.get_runtime_context().runtime_env)


def metrics_exporter() -> Exporter:
    """What takes metrics to the agent of this process's node."""
    # Imported when metrics are exported: every process loads this module.
    from xfd_ray.cluster.ray_metrics import RayExporter

    return RayExporter()


def environment_of_raylet(proc: Path = Path("/proc")) -> dict[str, str]:
    """The variables that this process's node was started with; empty if its raylet is not visible.

    A worker's own environment lacks them, because `env_vars` have replaced some. From a container
    of the job's own the raylet is not visible, but there the node's variables do not count anyway.
    """
    for process in _ancestors(proc, os.getpid()):
        try:
            if (process / "comm").read_text().strip() != "raylet":
                continue
            entries = (process / "environ").read_bytes().split(b"\0")
        except OSError:
            break
        pairs = (os.fsdecode(entry).partition("=") for entry in entries if b"=" in entry)
        return {name: value for name, _, value in pairs}
    return {}


def _ancestors(proc: Path, pid: int) -> Iterator[Path]:
    while pid > 1:
        try:
            stat = (proc / str(pid) / "stat").read_text()
        except OSError:
            return
        pid = int(stat.rpartition(")")[2].split()[1])
        yield proc / str(pid)
