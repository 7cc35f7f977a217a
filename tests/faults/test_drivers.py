"""Several drivers that want the same files at the same time: they share one swarm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from xfd_testing import artifacts, figures, ray_cluster
from xfd_testing.drivers import SCRIPT, report_of
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import ONCE, S3Server
from xfd_testing.slow_link import slow_link

MIB = 2**20
SIZE = 64 * MIB
NODES = 3
BYTES_PER_S = 4 * MIB
"""So slow that all drivers have started before the object is everywhere."""


@pytest.fixture(scope="module")
def three(s3_server: S3Server) -> Iterator[RayCluster]:
    with ray_cluster.running(NODES, env=s3_server.environment()) as running:
        yield running


MOST = {2: ONCE, 5: ONCE, 20: 1.3}
"""Bytes that are sent for each byte. Twenty drivers that start keep the cores from all else for
seconds, so that some bodies stall and are requested again."""


@pytest.mark.parametrize("drivers", MOST)
def test_drivers_at_once_fetch_once(
    drivers: int, three: RayCluster, bucket: str, s3_server: S3Server
) -> None:
    s3_server.put(bucket, "big", b"".join(artifacts.random_bytes(SIZE, seed=41)))
    began = time.monotonic()
    env = {**os.environ, **s3_server.environment()}
    with ExitStack() as stack:
        slow = stack.enter_context(slow_link(s3_server.endpoint, BYTES_PER_S))
        command = [sys.executable, "-I", str(SCRIPT), three.address, bucket, "big"]
        command += ["--endpoint", slow]
        started = [
            stack.enter_context(
                subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
            )
            for _ in range(drivers)
        ]
        for driver in started:
            stack.callback(driver.kill)
        saw_it, reports = [], []
        for driver in started:
            assert driver.stdout is not None
            first = driver.stdout.readline()
            # A driver that came when all was there has nothing to wait for.
            saw_it.append(first == "started\n")
            reports.append(report_of(driver) if saw_it[-1] else json.loads(first))
            assert driver.wait(60) == 0
    took = time.monotonic() - began
    sent = s3_server.sent_bytes(bucket)
    assert all(report["states"] == ["done"] * NODES for report in reports)
    assert SIZE <= sent <= MOST[drivers] * SIZE
    sums = {artifacts.sha256(root / bucket / "big") for root in three.roots}
    assert sums == {artifacts.sha256_of(artifacts.random_bytes(SIZE, seed=41))}
    figures.record(
        f"drivers-{drivers}",
        f"{sum(saw_it)} of {drivers} at work at the same time, {sent / SIZE:.3f} x read, "
        f"{took:.0f} s with the start of all drivers",
    )
