"""What metrics through Ray's agents cost: processor time on a node, and time of a first call.

`nox -s bench -- metrics`. Both are compared with the same without metrics, in alternating rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import tempfile
import time
import urllib.request
from pathlib import Path

import ray

import xfd_ray
from xfd_api import ObjectStoreConfig
from xfd_ray.metrics.choice import MetricsMode
from xfd_testing import artifacts
from xfd_testing.ray_cluster import RayCluster, connected

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
SCRAPE_S = 10.0
MODES: tuple[MetricsMode, ...] = ("off", "ray")
ROLES = {
    "worker": "ray::NodeWorker",
    "coordinator": "ray::CoordinatorActor",
    "Ray's agent": "dashboard/agent.py",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="nox -s bench -- metrics", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scrapes", type=int, default=6, help="of a node whose files are there")
    parser.add_argument("--nodes", type=int, default=3)
    options = parser.parse_args()
    # Ray's own interval, which the clusters of tests shorten.
    env = {"RAY_metrics_report_interval_ms": "10000"}
    with (
        tempfile.TemporaryDirectory() as folder,
        connected(options.nodes, env=env, with_metrics=True) as cluster,
    ):
        body = b"".join(artifacts.random_bytes(8 * 2**20, seed=1))
        (Path(folder) / "model").write_bytes(body)
        store = ObjectStoreConfig.make_for_local(folder)
        calls: dict[str, list[float]] = {mode: [] for mode in MODES}
        for _ in range(options.rounds):
            for mode in MODES:
                calls[mode].append(first_call(cluster, store, mode))
        for mode in MODES:
            times = ", ".join(f"{each:.3f}" for each in calls[mode])
            print(f"first call, {mode:4} {statistics.median(calls[mode]):.3f} s  ({times})")
        for mode in MODES:
            print(f"processor time, {mode:4} {held(cluster, store, mode, options.scrapes)}")


def first_call(cluster: RayCluster, store: ObjectStoreConfig, mode: MetricsMode) -> float:
    """Seconds of a call that starts coordinator and workers, and brings 8 MiB to each node."""
    while xfd_ray.status():
        time.sleep(0.2)
    for root in cluster.roots:
        shutil.rmtree(root)
        root.mkdir()
    began = time.perf_counter()
    xfd_ray.download_distributed("model", store, metrics=mode, keep_s=0.0)
    return time.perf_counter() - began


def held(cluster: RayCluster, store: ObjectStoreConfig, mode: MetricsMode, scrapes: int) -> str:
    """Milliseconds a second of each process while files are held and agents are scraped."""
    while xfd_ray.status():
        time.sleep(0.2)
    with xfd_ray.distribution("model", store, metrics=mode, keep_s=0.0):
        time.sleep(3.0)  # The start is over.
        began, before = time.monotonic(), {role: cpu_s(cluster, role) for role in ROLES}
        for _ in range(scrapes):
            time.sleep(SCRAPE_S)
            for node in ray.nodes():
                address = f"{node['NodeManagerAddress']}:{node['MetricsExportPort']}"
                urllib.request.urlopen(f"http://{address}/metrics", timeout=10).read()
        passed = time.monotonic() - began
        spent = {role: cpu_s(cluster, role) - before[role] for role in ROLES}
    processes = {role: 1 if role == "coordinator" else len(cluster.nodes) for role in ROLES}
    return ", ".join(
        f"{role} {1000 * spent[role] / passed / processes[role]:.2f} ms/s" for role in ROLES
    )


def cpu_s(cluster: RayCluster, role: str) -> float:
    """Processor seconds so far of the cluster's processes that have the role's words."""
    total, mine = 0, str(cluster.session.parent).encode()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            is_mine = mine in (process / "environ").read_bytes()
            if is_mine and ROLES[role].encode() in (process / "cmdline").read_bytes():
                fields = (process / "stat").read_text().rpartition(")")[2].split()
                total += int(fields[11]) + int(fields[12])
    return total * TICK_S


if __name__ == "__main__":
    main()
