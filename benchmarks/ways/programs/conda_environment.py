"""`conda.environment` for an environment that the nodes have."""

from __future__ import annotations

import time

from benchmarks.ways.program import BUCKET, Files
from xfd_ray.frameworks import conda


def seconds(_files: Files, with_xfd: bool) -> float:
    """The call itself. Ray starts an actor in the environment as it does elsewhere."""
    began = time.perf_counter()
    if with_xfd:
        conda.environment(f"s3://{BUCKET}/env.tar.gz", "envs/ways")
    return time.perf_counter() - began
