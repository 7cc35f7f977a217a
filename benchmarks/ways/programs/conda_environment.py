"""A conda environment and an actor in it, beside an actor in the cluster's Python."""

from __future__ import annotations

import sys
import time

import ray

from benchmarks.ways.program import BUCKET, Files
from xfd_ray.frameworks import conda


class Inside:
    """An actor that says where it runs."""

    def prefix(self) -> str:
        """A call."""
        return sys.prefix


def seconds(_files: Files, with_xfd: bool) -> float:
    """From the request for the environment to the actor's first answer."""
    began = time.perf_counter()
    uri = f"s3://{BUCKET}/env.tar.gz"
    env = conda.environment(uri, "envs/ways") if with_xfd else {"py_executable": sys.executable}
    actor = ray.remote(Inside).options(runtime_env=env).remote()
    ray.get(actor.prefix.remote())
    passed = time.perf_counter() - began
    ray.kill(actor)
    return passed
