"""Nodes, drivers and coordinators that are lost on the way; and nothing stays behind.

Has a cluster of its own, whose nodes die. The order of the tests matters only for their time: each
works with the nodes that are alive when it begins.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import ray

import xfd_ray
from harness import artifacts, ray_cluster
from harness.ray_cluster import RayCluster, RayNode
from harness.s3 import S3Server
from harness.slow_link import slow_link
from xfd_api.errors import NodeLostError, VersionMismatchError
from xfd_api.reports import Progress
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest
from xfd_api.stores import ObjectStoreConfig
from xfd_ray.messages import LEASE_TTL_S

MIB = 2**20
SIZE = 96 * MIB
SLOW_BYTES_PER_S = 24 * MIB
"""Slow enough that a node is killed long before the object is everywhere."""

HOLDER = """
import sys, time
from pathlib import Path
import ray, xfd_ray
from xfd_api import DownloadRequest, ObjectDownloadRequest, ObjectStoreConfig

address, bucket = sys.argv[1:]
ray.init(address=address, log_to_driver=False, logging_level="ERROR")
wanted = [DownloadRequest(ObjectDownloadRequest("big", Path(bucket, "held")))]
store = ObjectStoreConfig.make_for_s3(bucket)
with xfd_ray.distribution(wanted, store, keep_s=1.0):
    print("held", flush=True)
    try:
        time.sleep(600)
    except KeyboardInterrupt:
        pass
"""


@pytest.fixture(scope="module")
def five(s3_server: S3Server) -> Iterator[RayCluster]:
    """Five nodes, of which tests kill some."""
    with ray_cluster.connected(5, env=s3_server.environment()) as running:
        yield running


@pytest.fixture
def big(s3_server: S3Server) -> str:
    """A bucket with one large object."""
    bucket = f"test-{uuid.uuid4().hex[:12]}"
    s3_server.make_bucket(bucket)
    s3_server.put(bucket, "big", b"".join(artifacts.random_bytes(SIZE, seed=9)))
    return bucket


def wanted(bucket: str) -> list[DownloadRequest]:
    return [DownloadRequest(ObjectDownloadRequest("big", Path(bucket, "big")))]


def alive(cluster: RayCluster) -> list[RayNode]:
    return [node for node in cluster.nodes if node.alive]


def until(true: Callable[[], bool], timeout_s: float, what: str) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.1)


def coordinator_is_there() -> bool:
    named = ray.util.list_named_actors(all_namespaces=True)
    return {"name": "coordinator", "namespace": "xfd"} in named


def listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def test_five_nodes_read_each_byte_once(five: RayCluster, big: str, s3_server: S3Server) -> None:
    report = xfd_ray.download_distributed(wanted(big), ObjectStoreConfig.make_for_s3(big))
    digests = {artifacts.sha256(root / big / "big") for root in five.roots}
    assert len(digests) == 1
    assert [node.state for node in report.nodes] == ["done"] * 5
    assert SIZE <= s3_server.sent_bytes(big) <= 1.001 * SIZE
    assert report.peer_bytes == 4 * SIZE


def test_a_node_that_joins_late_is_filled_while_the_lease_is_held(
    five: RayCluster, big: str, s3_server: S3Server
) -> None:
    store = ObjectStoreConfig.make_for_s3(big)
    with xfd_ray.distribution(wanted(big), store, nodes=None) as held:
        assert len(held.report.nodes) == 5
        late = five.add_node()
        until(lambda: (late.root / big / "big").exists(), 60, "the late node was not filled")
    assert artifacts.sha256(late.root / big / "big") == artifacts.sha256(
        five.roots[0] / big / "big"
    )
    assert s3_server.sent_bytes(big) <= 1.001 * SIZE


def test_a_lost_coordinator_is_started_again(
    five: RayCluster, big: str, s3_server: S3Server
) -> None:
    killed: list[Progress] = []

    def kill_once(progress: Progress) -> None:
        if not killed and progress.done_bytes > 0:
            killed.append(progress)
            ray.kill(ray.get_actor("coordinator", namespace="xfd"))

    with slow_link(s3_server.endpoint, SLOW_BYTES_PER_S) as endpoint:
        store = ObjectStoreConfig.make_for_s3(big, endpoint=endpoint)
        report = xfd_ray.download_distributed(wanted(big), store, on_progress=kill_once)
    assert killed
    assert {node.state for node in report.nodes} == {"done"}
    assert len({artifacts.sha256(node.root / big / "big") for node in alive(five)}) == 1


def test_the_survivors_finish_when_a_node_dies(
    five: RayCluster, big: str, s3_server: S3Server
) -> None:
    victim = len(five.nodes) - 1
    killed: list[Progress] = []

    def kill_once(progress: Progress) -> None:
        if not killed and progress.done_bytes > progress.total_bytes // 10:
            killed.append(progress)
            five.kill_node(victim)

    with slow_link(s3_server.endpoint, SLOW_BYTES_PER_S) as endpoint:
        store = ObjectStoreConfig.make_for_s3(big, endpoint=endpoint)
        report = xfd_ray.download_distributed(wanted(big), store, on_progress=kill_once)
    assert killed
    assert report.nodes_lost == (five.nodes[victim].id,)
    assert len({artifacts.sha256(node.root / big / "big") for node in alive(five)}) == 1
    assert s3_server.sent_bytes(big) <= 2 * SIZE


def test_a_node_that_dies_ends_a_distribution_that_is_to_fail(
    five: RayCluster, big: str, s3_server: S3Server
) -> None:
    victim = len(alive(five)) - 1
    killed: list[Progress] = []

    def kill_once(progress: Progress) -> None:
        if not killed:
            killed.append(progress)
            five.kill_node(victim)

    with (
        slow_link(s3_server.endpoint, SLOW_BYTES_PER_S) as endpoint,
        pytest.raises(NodeLostError) as told,
    ):
        xfd_ray.download_distributed(
            wanted(big),
            ObjectStoreConfig.make_for_s3(big, endpoint=endpoint),
            on_node_failure="fail",
            on_progress=kill_once,
        )
    assert told.value.node == five.nodes[victim].id
    five.wait_dead(victim)


@contextmanager
def holding(five: RayCluster, server: S3Server, bucket: str) -> Iterator[subprocess.Popen[str]]:
    """Another driver, which holds a lease; killed at the end if it is not by then.

    It starts a coordinator: one that is there would stay as long as an earlier call asked it to.
    """
    if coordinator_is_there():
        ray.kill(ray.get_actor("coordinator", namespace="xfd"))
        until(lambda: not coordinator_is_there(), 30, "the coordinator is still there")
    env = {**os.environ, **server.environment()}
    command = [sys.executable, "-c", HOLDER, five.address, bucket]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as driver:
        try:
            assert driver.stdout is not None
            assert driver.stdout.readline() == "held\n"
            yield driver
        finally:
            driver.kill()


def scraped_at() -> list[str]:
    return [address for of_node in xfd_ray.metrics_addresses().values() for address in of_node]


def test_nothing_is_left_of_a_driver_that_was_killed(
    five: RayCluster, big: str, s3_server: S3Server
) -> None:
    with holding(five, s3_server, big) as driver:
        addresses = scraped_at()
        assert len(addresses) == len(alive(five))
        assert all(listens(address) for address in addresses)
        driver.send_signal(signal.SIGKILL)
    until(lambda: not coordinator_is_there(), 30, "the coordinator is still there")
    until(lambda: not any(map(listens, addresses)), 10, "workers are still there")
    for node in alive(five):
        names = {path.name for path in (node.root / big).iterdir()}
        assert names == {"held", ".held.xfd"}


def test_a_killed_driver_takes_nothing_from_another(
    five: RayCluster, big: str, s3_server: S3Server
) -> None:
    with holding(five, s3_server, big) as first:
        addresses = scraped_at()
        with xfd_ray.distribution(wanted(big), ObjectStoreConfig.make_for_s3(big), keep_s=0):
            coordinator = ray.get_actor("coordinator", namespace="xfd")
            assert len(ray.get(coordinator.lease_ids.remote())) == 2
            first.send_signal(signal.SIGKILL)
            until(
                lambda: len(ray.get(coordinator.lease_ids.remote())) == 1,
                30,
                "the lease of the killed driver did not expire",
            )
            assert all(listens(address) for address in addresses)
            assert scraped_at() == addresses
    until(lambda: not coordinator_is_there(), 30, "the coordinator is still there")


def test_an_interrupted_driver_gives_its_lease_back(
    five: RayCluster, big: str, s3_server: S3Server
) -> None:
    with holding(five, s3_server, big) as driver:
        began = time.monotonic()
        driver.send_signal(signal.SIGINT)
        driver.wait(30)
        until(lambda: not coordinator_is_there(), 30, "the coordinator is still there")
        # The lease did not have to expire: its keep_s of one second began at once.
        assert time.monotonic() - began < LEASE_TTL_S


@pytest.mark.parametrize(
    ("package", "source", "told"),
    [
        ("xfd_dataplane", "__version__ = '0.0.1'", "xfd_dataplane is 0.0.1 instead of"),
        ("xfd_ray", "raise ModuleNotFoundError(\"No module named 'xfd_ray'\")", "lacks packages"),
    ],
)
def test_a_node_of_other_packages_is_refused_by_name(
    package: str, source: str, told: str, five: RayCluster, big: str, tmp_path: Path
) -> None:
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").write_text(source)
    other = five.add_node(env={"PYTHONPATH": str(tmp_path)})
    try:
        with pytest.raises(VersionMismatchError, match=told) as error:
            xfd_ray.download_distributed(wanted(big), ObjectStoreConfig.make_for_s3(big))
        assert error.value.node == other.id
    finally:
        five.kill_node(len(five.nodes) - 1)
        five.wait_dead(len(five.nodes) - 1)
