"""What each way in costs on a warm cluster when all is cached: `nox -s bench -- ways [NAME ...]`.

Each way is a small program. It runs with xfd and without, in turn, on a cluster whose nodes have
the files and whose workers are up. The difference of the medians is what the way costs.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pkgutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import ray

import xfd_ray
from benchmarks.ways import programs
from benchmarks.ways.program import BUCKET, MODEL, Files
from xfd_testing import artifacts, conda_env, hub, s3
from xfd_testing.ray_cluster import RayCluster, running

ROOT = Path(__file__).parents[2]
NAMES = [each.name for each in pkgutil.iter_modules(programs.__path__)]
WARM_S = 1800.0
"""How long the workers stay up for the programs."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="nox -s bench -- ways", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--drivers", type=int, default=3, help="programs with xfd, and without")
    parser.add_argument("--rounds", type=int, default=5, help="times in each program")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"no way in is named {', '.join(sorted(unknown))}")
    with warm(options.nodes) as env:
        print("| way in | without xfd ms | with xfd ms | it costs ms | first in a driver ms |")
        print("|---|---|---|---|---|")
        for name in options.names or NAMES:
            print(row(name, env, options.drivers, options.rounds), flush=True)


def row(name: str, env: dict[str, str], drivers: int, rounds: int) -> str:
    """A line of the table: medians over all rounds but each driver's first, which is by itself."""
    first: dict[bool, list[float]] = {False: [], True: []}
    later: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(drivers):
        for with_xfd in (False, True):
            times = times_of(name, env, rounds, with_xfd)
            first[with_xfd].append(times[0])
            later[with_xfd] += times[1:]
    without, with_it = (1000 * statistics.median(later[each]) for each in (False, True))
    more = 1000 * (statistics.median(first[True]) - statistics.median(first[False]))
    text = importlib.import_module(f"benchmarks.ways.programs.{name}").__doc__ or name
    title = text.partition("\n")[0].rstrip(".")
    cells = (title, f"{without:.0f}", f"{with_it:.0f}", f"{with_it - without:.0f}")
    return f"| {' | '.join(cells)} | {more:.0f} |"


def times_of(name: str, env: dict[str, str], rounds: int, with_xfd: bool) -> list[float]:
    """The seconds of each round of one driver."""
    command = [sys.executable, "-m", "benchmarks.ways.program", name, "--rounds", str(rounds)]
    ran = subprocess.run(
        [*command, *(["--with-xfd"] if with_xfd else [])],
        cwd=ROOT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
    )
    if ran.returncode:
        raise SystemExit(f"{name} failed:\n{ran.stderr}")
    times: list[float] = json.loads(ran.stdout.splitlines()[-1])
    return times


@contextmanager
def warm(nodes: int) -> Iterator[dict[str, str]]:
    """A cluster that has the files, and workers that are up; yields the variables of a driver."""
    with s3.running() as server, hub.running() as models:
        models.add(MODEL, {"main": dict(artifacts.small_objects(20))})
        server.make_bucket(BUCKET)
        for key, body in artifacts.small_objects(50).items():
            server.put(BUCKET, f"model/{key}", body)
        weights = b"".join(artifacts.random_bytes(32 * 2**20, seed=1))
        server.put(BUCKET, "model/weights", weights)
        with TemporaryDirectory() as folder:
            prefix = conda_env.make_prefix(Path(folder) / "env", conda_env.own_packages())
            server.upload(BUCKET, "env.tar.gz", conda_env.pack(prefix, Path(folder) / "env.tgz"))
        # Of the package's folder, for what a program defines travels by reference.
        store_env = {**server.environment(), **models.environment(), "PYTHONPATH": str(ROOT)}
        with running(nodes, env=store_env) as cluster:
            env = {**store_env, "RAY_ADDRESS": cluster.address}
            os.environ.update(env)
            fill(cluster)
            yield env


def fill(cluster: RayCluster) -> None:
    """Brings the files to all nodes, and leaves the workers up."""
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    xfd_ray.download_distributed(list(Files().requests), Files().store, keep_s=WARM_S)
    ray.shutdown()


if __name__ == "__main__":
    main()
