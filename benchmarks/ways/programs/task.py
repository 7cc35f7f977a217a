"""`ensure_local` in a task."""

from __future__ import annotations

import time

import ray

import xfd_ray
from benchmarks.ways.program import Files


def work(files: Files, with_xfd: bool) -> None:
    """A task that has its files."""
    if with_xfd:
        xfd_ray.ensure_local(files.requests, files.store)


def seconds(files: Files, with_xfd: bool) -> float:
    """From the call of the task to its result."""
    task = ray.remote(work)
    began = time.perf_counter()
    ray.get(task.remote(files, with_xfd))
    return time.perf_counter() - began
