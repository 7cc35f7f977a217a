"""A new process and its first actor: a class with `with_files` beside one without."""

from __future__ import annotations

import time

import ray

import xfd_ray
from benchmarks.ways.program import Files


class Worker:
    """An actor that knows nothing of files."""

    def work(self) -> None:
        """A call."""


def seconds(files: Files, with_xfd: bool) -> float:
    """From the start of an actor to the result of its first call."""
    kind: type[Worker] = Worker
    if with_xfd:

        @xfd_ray.with_files(files.requests, files.store)
        class Decorated(Worker):
            def __init__(self) -> None:
                pass

        kind = Decorated
    began = time.perf_counter()
    actor = ray.remote(kind).remote()
    ray.get(actor.work.remote())
    passed = time.perf_counter() - began
    ray.kill(actor)
    return passed
