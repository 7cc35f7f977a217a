"""What a user sees of a distribution in a Ray job, through Ray Client, and on a terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from xfd_testing import artifacts
from xfd_testing.ray_cluster import RayCluster, running
from xfd_testing.waiting import until

MIB = 2**20
NODES = 2

DRIVER = """
import logging, sys
import ray
import xfd_ray
from xfd_api import ObjectStoreConfig

ray.init({address!r}, log_to_driver=False, logging_level=logging.ERROR)
store = ObjectStoreConfig.make_for_local({store!r})
report = xfd_ray.download_distributed("w.bin", store, progress={progress!r}, keep_s=0.0)
print("nodes", len(report.nodes))
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    artifacts.weights_file(folder / "w.bin", 24 * MIB)
    return folder


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    pytest.importorskip("grpc", reason="Ray Client needs grpc")
    pytest.importorskip("aiohttp", reason="Ray's jobs need ray[default]")
    with running(NODES, with_metrics=True) as cluster:
        yield cluster


def driver(place: Path, **values: str | None) -> str:
    return DRIVER.format(store=str(place), **values)


def test_the_log_of_a_job_says_what_happens(cluster: RayCluster, place: Path) -> None:
    from ray.job_submission import JobStatus, JobSubmissionClient

    script = place / "driver.py"
    script.write_text(driver(place, address="auto", progress="auto"))
    client = JobSubmissionClient(cluster.dashboard_url)

    job = client.submit_job(entrypoint=f"{sys.executable} {script}")
    until(lambda: client.get_job_status(job).is_terminal(), 60.0, "the job goes on")

    log = client.get_job_logs(job)
    assert client.get_job_status(job) == JobStatus.SUCCEEDED, log
    said = [line for line in log.splitlines() if line.startswith("xfd: ")]
    assert said[0] == "xfd: looking for objects"
    assert said[-1] == "xfd: done: 48.0 of 48.0 MiB (100 %), 1 of 1 objects, 2 of 2 nodes done"
    assert "\x1b" not in log


def test_a_driver_behind_ray_client_sees_the_same(cluster: RayCluster, place: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", driver(place, address=cluster.client_address, progress="json")],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "XFD_PROGRESS": "none"},
    )

    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("{")]
    documents = [each for each in map(json.loads, lines) if each.get("event") == "progress"]
    assert documents[0]["phase"] == "finding"
    assert documents[-1]["phase"] == "done"
    assert documents[-1]["done_bytes"] == documents[-1]["total_bytes"] == NODES * 24 * MIB
    # The job before has left everything in the caches.
    assert documents[-1]["cached_bytes"] == documents[-1]["total_bytes"]
    assert {node["phase"] for node in documents[-1]["per_node"]} == {"done"}
