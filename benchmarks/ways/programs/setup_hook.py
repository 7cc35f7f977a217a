"""A new process and its first actor: `setup_hook` beside a hook that does nothing."""

from __future__ import annotations

import time

import ray

import xfd_ray
from benchmarks.ways.program import Files


class Worker:
    """An actor that knows nothing of files."""

    def work(self) -> None:
        """A call."""


def nothing() -> None:
    """A hook. Ray starts no processes in advance for a program with one."""


def runtime_env(files: Files, with_xfd: bool) -> dict[str, object]:
    """The program's only change."""
    hook = xfd_ray.setup_hook(files.requests, files.store) if with_xfd else nothing
    return {"worker_process_setup_hook": hook}


def seconds(_files: Files, _with_xfd: bool) -> float:
    """From the start of an actor to the result of its first call."""
    began = time.perf_counter()
    actor = ray.remote(Worker).remote()
    ray.get(actor.work.remote())
    passed = time.perf_counter() - began
    ray.kill(actor)
    return passed
