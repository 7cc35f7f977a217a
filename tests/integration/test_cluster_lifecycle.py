"""Processes that stall, nodes that are drained, objects that change while a lease is open.

Has a cluster of its own: one of its nodes is drained, by the last test.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

import xfd_ray
from xfd_api.errors import DestinationConflictError, NodeUnavailableError, VersionConflictError
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest
from xfd_api.results import DistributionReport
from xfd_api.stores import ObjectStoreConfig
from xfd_ray.messages import LEASE_TTL_S
from xfd_testing import artifacts, ray_cluster
from xfd_testing.actors import COORDINATOR, NODE_WORKER, actor_processes, end_coordinator
from xfd_testing.drivers import Once, big_object, driver_process, report_of
from xfd_testing.ray_cluster import RayCluster, RayNode
from xfd_testing.s3 import S3Server
from xfd_testing.slow_link import slow_link

MIB = 2**20
SIZE = 48 * MIB
SLOW_BYTES_PER_S = 12 * MIB


@pytest.fixture(scope="module")
def three(s3_server: S3Server) -> Iterator[RayCluster]:
    """Three nodes, of which the last test drains one."""
    with ray_cluster.connected(3, env=s3_server.environment()) as running:
        yield running


@pytest.fixture
def big(bucket: str, s3_server: S3Server) -> str:
    """A bucket with one large object."""
    s3_server.put(bucket, "big", b"".join(artifacts.random_bytes(SIZE, seed=17)))
    return bucket


@pytest.mark.parametrize("actor", [COORDINATOR, NODE_WORKER])
def test_a_stopped_process_costs_a_waiting_driver_nothing(
    actor: str, three: RayCluster, big: str, s3_server: S3Server
) -> None:
    def stop() -> None:
        pid = actor_processes(actor, three.roots)[0]
        os.kill(pid, signal.SIGSTOP)
        threading.Timer(1.5 * LEASE_TTL_S, os.kill, (pid, signal.SIGCONT)).start()

    stopping = Once(stop)
    with slow_link(s3_server.endpoint, SLOW_BYTES_PER_S) as endpoint:
        store = ObjectStoreConfig.make_for_s3(big, endpoint=endpoint)
        report = xfd_ray.download_distributed(
            big_object(big), store, on_progress=stopping, keep_s=0
        )
    assert stopping.acted
    assert report.origin_bytes + report.peer_bytes == 3 * SIZE
    assert SIZE <= report.origin_bytes <= 1.5 * SIZE  # What a stopped worker read is read anew.
    assert (report.cached_bytes, report.uncounted_s) == (0, 0.0)
    assert report.nodes_lost == ()
    assert report.efficiency is None or report.efficiency <= 1.0
    assert len({artifacts.sha256(root / big / "big") for root in three.roots}) == 1


def test_a_stopped_driver_reports_all_transfers(
    three: RayCluster, big: str, s3_server: S3Server
) -> None:
    with (
        slow_link(s3_server.endpoint, SLOW_BYTES_PER_S) as endpoint,
        driver_process(three, s3_server, big, "big", "--endpoint", endpoint) as driver,
    ):
        driver.send_signal(signal.SIGSTOP)
        time.sleep(2 * LEASE_TTL_S)
        driver.send_signal(signal.SIGCONT)
        report = report_of(driver)
    # Chunks of which no report arrived would count as resumed; here every report arrived.
    assert SIZE <= report["origin_bytes"] + report["peer_bytes"] <= 3 * SIZE
    assert report["cached_bytes"] == 0
    assert report["origin_bytes"] > 0
    assert report["uncounted_s"] == 0.0


def test_late_nodes_and_tasks_get_the_version_that_the_open_call_pinned(
    three: RayCluster, big: str, s3_server: S3Server
) -> None:
    store = ObjectStoreConfig.make_for_s3(big)
    other = b"".join(artifacts.random_bytes(SIZE, seed=18))
    request = big_object(big)

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


def test_calls_with_other_settings_compare_what_lies_at_a_destination(
    three: RayCluster, big: str, s3_server: S3Server
) -> None:
    store = ObjectStoreConfig.make_for_s3(big)
    request = big_object(big)
    other_settings = {"durability": "none", "keep_s": 0, "deadline_s": 60}
    with xfd_ray.distribution(request, store, keep_s=0):
        sent = s3_server.sent_bytes(big)
        report = xfd_ray.download_distributed(request, store, **other_settings)
        assert (report.missing_bytes, report.cached_bytes) == (0, 3 * SIZE)
        s3_server.put(big, "big", b"".join(artifacts.random_bytes(SIZE, seed=19)))
        with pytest.raises(VersionConflictError, match=f"s3://{big}/big"):
            xfd_ray.download_distributed(request, store, **other_settings)
        s3_server.put(big, "second", b"second")
        elsewhere = [DownloadRequest(ObjectDownloadRequest("second", Path(big, "big")))]
        with pytest.raises(DestinationConflictError, match=f"s3://{big}/second"):
            xfd_ray.download_distributed(elsewhere, store, **other_settings)
        assert s3_server.sent_bytes(big) == sent
    report = xfd_ray.download_distributed(elsewhere, store, **other_settings)
    assert {(root / big / "big").read_bytes() for root in three.roots} == {b"second"}


def test_a_drained_node_is_left_out_and_named(
    three: RayCluster, big: str, s3_server: S3Server
) -> None:
    class Busy:  # In here, since the nodes cannot import this module.
        def is_up(self) -> bool:
            return True

    drained = three.nodes[2]
    # A worker that runs already would go on until the node is gone; its coordinator's end ends it.
    end_coordinator()
    strategy = NodeAffinitySchedulingStrategy(drained.id, soft=False)
    busy = ray.remote(num_cpus=1, scheduling_strategy=strategy)(Busy).remote()
    ray.get(busy.is_up.remote())  # An idle node would be gone at once.
    three.drain_node(2)
    began = time.monotonic()
    again = big_object(big, "again")
    store = ObjectStoreConfig.make_for_s3(big)
    report = xfd_ray.download_distributed(again, store, keep_s=0)
    assert time.monotonic() - began < 30
    assert report.nodes_lost == (drained.id,)
    assert {node.node: node.state for node in report.nodes}[drained.id] == "lost"
    assert [(root / big / "again").exists() for root in three.roots] == [True, True, False]

    with pytest.raises(NodeUnavailableError) as raised:
        xfd_ray.download_distributed(again, store, on_node_failure="fail")
    assert raised.value.node == drained.id
    with pytest.raises(NodeUnavailableError, match="drained"):
        xfd_ray.download_distributed(again, store, nodes=[drained.id])
    assert ray.is_initialized()
