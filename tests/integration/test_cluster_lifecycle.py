"""Processes that stand still, nodes that are drained, objects that change while a lease is open.

Has a cluster of its own: one of its nodes is drained, by the last test.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

import xfd_ray
from harness import artifacts, ray_cluster
from harness.ray_cluster import RayCluster, RayNode
from harness.s3 import S3Server
from harness.slow_link import slow_link
from xfd_api.errors import NodeUnavailableError, VersionConflictError
from xfd_api.reports import DistributionReport, Progress
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest
from xfd_api.stores import ObjectStoreConfig
from xfd_ray.cluster.spawn import find_coordinator
from xfd_ray.messages import LEASE_TTL_S

MIB = 2**20
SIZE = 48 * MIB
SLOW_BYTES_PER_S = 12 * MIB

DRIVER = """
import sys
from pathlib import Path
import ray, xfd_ray
from xfd_api import DownloadRequest, ObjectDownloadRequest, ObjectStoreConfig

address, bucket, endpoint = sys.argv[1:]
ray.init(address=address, log_to_driver=False, logging_level="ERROR")
told = []

def tell(progress):
    if progress.done_bytes and not told:
        told.append(progress)
        print("begun", flush=True)

report = xfd_ray.download_distributed(
    [DownloadRequest(ObjectDownloadRequest("big", Path(bucket, "big")))],
    ObjectStoreConfig.make_for_s3(bucket, endpoint=endpoint), on_progress=tell, keep_s=0,
)
print(report.origin_bytes, report.peer_bytes, report.cached_bytes, report.uncounted_s, flush=True)
"""


@pytest.fixture(scope="module")
def three(s3_server: S3Server) -> Iterator[RayCluster]:
    """Three nodes, of which the last test drains one."""
    with ray_cluster.connected(3, env=s3_server.environment()) as running:
        yield running


@pytest.fixture
def big(s3_server: S3Server) -> str:
    """A bucket with one large object."""
    bucket = f"test-{uuid.uuid4().hex[:12]}"
    s3_server.make_bucket(bucket)
    s3_server.put(bucket, "big", b"".join(artifacts.random_bytes(SIZE, seed=17)))
    return bucket


def wanted(bucket: str) -> list[DownloadRequest]:
    return [DownloadRequest(ObjectDownloadRequest("big", Path(bucket, "big")))]


def pid_of(actor: str) -> int:
    """Of a process of such an actor on this host."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                command = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if command.startswith(f"ray::{actor}".encode()):
                return int(folder.name)
    raise AssertionError(f"There is no {actor}")


@pytest.mark.parametrize("actor", ["CoordinatorActor", "NodeWorkerActor"])
def test_a_process_that_is_stopped_costs_a_waiting_driver_nothing(
    actor: str, three: RayCluster, big: str, s3_server: S3Server
) -> None:
    stopped: list[float] = []

    def stop_once(progress: Progress) -> None:
        if progress.done_bytes and not stopped:
            pid = pid_of(actor)
            stopped.append(progress.elapsed_s)
            os.kill(pid, signal.SIGSTOP)
            threading.Timer(1.5 * LEASE_TTL_S, os.kill, (pid, signal.SIGCONT)).start()

    with slow_link(s3_server.endpoint, SLOW_BYTES_PER_S) as endpoint:
        store = ObjectStoreConfig.make_for_s3(big, endpoint=endpoint)
        report = xfd_ray.download_distributed(wanted(big), store, on_progress=stop_once, keep_s=0)
    assert stopped
    assert report.origin_bytes + report.peer_bytes == 3 * SIZE
    assert SIZE <= report.origin_bytes <= 1.5 * SIZE  # What a stopped worker read is read anew.
    assert (report.cached_bytes, report.uncounted_s) == (0, 0.0)
    assert report.nodes_lost == ()
    assert report.efficiency is None or report.efficiency <= 1.0
    assert len({artifacts.sha256(root / big / "big") for root in three.roots}) == 1


def test_a_driver_that_is_stopped_reports_all_that_was_moved(
    three: RayCluster, big: str, s3_server: S3Server
) -> None:
    with slow_link(s3_server.endpoint, SLOW_BYTES_PER_S) as endpoint:
        command = [sys.executable, "-c", DRIVER, three.address, big, endpoint]
        env = {**os.environ, **s3_server.environment()}
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as driver:
            try:
                assert driver.stdout is not None
                assert driver.stdout.readline() == "begun\n"
                driver.send_signal(signal.SIGSTOP)
                time.sleep(2 * LEASE_TTL_S)
                driver.send_signal(signal.SIGCONT)
                told = driver.stdout.read().split()
            finally:
                driver.kill()
    origin, peers, cached = map(int, told[:3])
    # What arrived while nobody could be told counts as resumed; here all was told.
    assert SIZE <= origin + peers <= 3 * SIZE
    assert cached == 0
    assert origin > 0
    assert float(told[3]) == 0.0


def test_late_nodes_and_tasks_get_the_version_that_the_open_call_pinned(
    three: RayCluster, big: str, s3_server: S3Server
) -> None:
    store = ObjectStoreConfig.make_for_s3(big)
    other = b"".join(artifacts.random_bytes(SIZE, seed=18))
    request = wanted(big)

    def on(node: RayNode) -> DistributionReport:
        def run() -> DistributionReport:
            return xfd_ray.ensure_local(request, store, keep_s=0)

        strategy = NodeAffinitySchedulingStrategy(node.id, soft=False)
        found: DistributionReport = ray.get(
            ray.remote(num_cpus=0, scheduling_strategy=strategy)(run).remote()
        )
        return found

    first, second = three.nodes[0], three.nodes[1]
    with xfd_ray.distribution(request, store, nodes=[first.id], keep_s=0):
        pinned = artifacts.sha256(first.root / big / "big")
        s3_server.put(big, "big", other)
        sent = s3_server.sent_bytes(big)
        report = on(second)
        assert (report.origin_bytes, report.peer_bytes) == (0, SIZE)
        assert artifacts.sha256(second.root / big / "big") == pinned
        with pytest.raises(VersionConflictError, match="on_version_conflict='pinned'"):
            xfd_ray.download_distributed(request, store, keep_s=0)
        s3_server.delete(big, "big")
        report = xfd_ray.download_distributed(
            request, store, on_version_conflict="pinned", keep_s=0
        )
        assert len(report.nodes) == 3
        assert s3_server.sent_bytes(big) == sent
        assert {artifacts.sha256(root / big / "big") for root in three.roots} == {pinned}
        s3_server.put(big, "big", other)
        threads = ThreadPoolExecutor(1)
        options = {"on_version_conflict": "wait", "keep_s": 0, "deadline_s": 60}
        waiting = threads.submit(xfd_ray.download_distributed, request, store, **options)
        time.sleep(1.0)
        assert not waiting.done()
    report = waiting.result()
    threads.shutdown()
    assert (report.origin_bytes, report.peer_bytes) == (SIZE, 2 * SIZE)
    assert {(root / big / "big").read_bytes() == other for root in three.roots} == {True}


def test_a_drained_node_is_left_out_and_named(
    three: RayCluster, big: str, s3_server: S3Server
) -> None:
    class Busy:  # In here, since the nodes cannot import this module.
        def is_up(self) -> bool:
            return True

    drained = three.nodes[2]
    # A worker that runs already would go on, until the node is gone; it ends with its coordinator.
    deadline = time.monotonic() + 30
    while (coordinator := find_coordinator()) is not None:
        ray.kill(coordinator)
        assert time.monotonic() < deadline, "the coordinator is still there"
        time.sleep(0.2)
    strategy = NodeAffinitySchedulingStrategy(drained.id, soft=False)
    busy = ray.remote(num_cpus=1, scheduling_strategy=strategy)(Busy).remote()
    ray.get(busy.is_up.remote())  # An idle node would be gone at once.
    three.drain_node(2)
    began = time.monotonic()
    again = [DownloadRequest(ObjectDownloadRequest("big", Path(big, "again")))]
    store = ObjectStoreConfig.make_for_s3(big)
    report = xfd_ray.download_distributed(again, store, keep_s=0)
    assert time.monotonic() - began < 30
    assert report.nodes_lost == (drained.id,)
    assert {node.node: node.state for node in report.nodes}[drained.id] == "lost"
    assert [(root / big / "again").exists() for root in three.roots] == [True, True, False]

    with pytest.raises(NodeUnavailableError) as told:
        xfd_ray.download_distributed(again, store, on_node_failure="fail")
    assert told.value.node == drained.id
    with pytest.raises(NodeUnavailableError, match="drained"):
        xfd_ray.download_distributed(again, store, nodes=[drained.id])
    assert ray.is_initialized()
