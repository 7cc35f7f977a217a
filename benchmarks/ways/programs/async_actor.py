"""`ensure_local_async` in a method of an actor."""

from __future__ import annotations

import time

import ray

import xfd_ray
from benchmarks.ways.program import Files


class Worker:
    """An asynchronous actor."""

    async def work(self, files: Files, with_xfd: bool) -> None:
        """A call that has its files."""
        if with_xfd:
            await xfd_ray.ensure_local_async(files.requests, files.store)


_actors: list[ray.actor.ActorHandle] = []


def seconds(files: Files, with_xfd: bool) -> float:
    """From the call of the method to its result; the first one starts the actor."""
    began = time.perf_counter()
    if not _actors:
        _actors.append(ray.remote(Worker).remote())
    ray.get(_actors[0].work.remote(files, with_xfd))
    return time.perf_counter() - began
