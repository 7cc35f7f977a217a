"""Nodes, drivers and coordinators that are lost during a call leave nothing over.

Has a cluster of its own, whose nodes die. The order of the tests matters only for their time: each
works with the nodes that are alive when it begins.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

import xfd_ray
from xfd_api.errors import NodeLostError, VersionMismatchError
from xfd_api.paths import local_path
from xfd_api.stores import ObjectStoreConfig
from xfd_ray.messages import LEASE_TTL_S
from xfd_ray.telemetry.versions import installed_versions
from xfd_testing import artifacts, ray_cluster
from xfd_testing.actors import end_coordinator, has_coordinator
from xfd_testing.drivers import Once, big_object, driver_process
from xfd_testing.processes import listens
from xfd_testing.ray_cluster import RayCluster, RayNode
from xfd_testing.s3 import ONCE, S3Server
from xfd_testing.slow_link import slow_link
from xfd_testing.waiting import until

MIB = 2**20
SIZE = 96 * MIB
SLOW_BYTES_PER_S = 24 * MIB
"""Slow enough that a node is killed long before the object is everywhere."""


@pytest.fixture(scope="module")
def five(s3_server: S3Server) -> Iterator[RayCluster]:
    """Five nodes, of which tests kill some."""
    with ray_cluster.connected(5, env=s3_server.environment()) as running:
        yield running


@pytest.fixture
def big(bucket: str, s3_server: S3Server) -> str:
    """A bucket with one large object."""
    s3_server.put(bucket, "big", b"".join(artifacts.random_bytes(SIZE, seed=9)))
    return bucket


def alive(cluster: RayCluster) -> list[RayNode]:
    return [node for node in cluster.nodes if node.alive]


def is_served(address: str) -> bool:
    host, _, port = address.rpartition(":")
    return listens(host, int(port))


def test_five_nodes_read_each_byte_once(five: RayCluster, big: str, s3_server: S3Server) -> None:
    report = xfd_ray.download_distributed(big_object(big), ObjectStoreConfig.make_for_s3(big))
    digests = {artifacts.sha256(root / big / "big") for root in five.roots}
    assert len(digests) == 1
    assert [node.state for node in report.nodes] == ["done"] * 5
    assert SIZE <= s3_server.sent_bytes(big) <= ONCE * SIZE
    assert report.origin_bytes + report.peer_bytes == 5 * SIZE
    # An order that a busy machine holds up may be given to the store once more.
    assert report.origin_bytes <= ONCE * SIZE


def test_a_late_node_gets_the_files_while_the_lease_is_open(
    five: RayCluster, big: str, s3_server: S3Server
) -> None:
    store = ObjectStoreConfig.make_for_s3(big)
    with xfd_ray.distribution(big_object(big), store, nodes=None) as held:
        assert len(held.report.nodes) == 5
        late = five.add_node()
        until(lambda: (late.root / big / "big").exists(), 60, "the late node was not filled")
    assert artifacts.sha256(late.root / big / "big") == artifacts.sha256(
        five.roots[0] / big / "big"
    )
    assert s3_server.sent_bytes(big) <= ONCE * SIZE


def test_a_lost_coordinator_is_started_again(
    five: RayCluster, big: str, s3_server: S3Server
) -> None:
    killing = Once(lambda: ray.kill(ray.get_actor("coordinator", namespace="xfd")))
    with slow_link(s3_server.endpoint, SLOW_BYTES_PER_S) as endpoint:
        store = ObjectStoreConfig.make_for_s3(big, endpoint=endpoint)
        report = xfd_ray.download_distributed(big_object(big), store, on_progress=killing)
    assert killing.acted
    assert {node.state for node in report.nodes} == {"done"}
    assert len({artifacts.sha256(node.root / big / "big") for node in alive(five)}) == 1


def test_the_survivors_finish_when_a_node_dies(
    five: RayCluster, big: str, s3_server: S3Server
) -> None:
    victim = len(five.nodes) - 1
    killing = Once(lambda: five.kill_node(victim), past=0.1)
    with slow_link(s3_server.endpoint, SLOW_BYTES_PER_S) as endpoint:
        store = ObjectStoreConfig.make_for_s3(big, endpoint=endpoint)
        report = xfd_ray.download_distributed(big_object(big), store, on_progress=killing)
    assert killing.acted
    assert report.nodes_lost == (five.nodes[victim].id,)
    assert len({artifacts.sha256(node.root / big / "big") for node in alive(five)}) == 1
    assert s3_server.sent_bytes(big) <= 2 * SIZE


def test_a_node_that_dies_ends_a_call_with_on_node_failure_fail(
    five: RayCluster, big: str, s3_server: S3Server
) -> None:
    victim = len(alive(five)) - 1
    killing = Once(lambda: five.kill_node(victim))
    with (
        slow_link(s3_server.endpoint, SLOW_BYTES_PER_S) as endpoint,
        pytest.raises(NodeLostError) as raised,
    ):
        xfd_ray.download_distributed(
            big_object(big),
            ObjectStoreConfig.make_for_s3(big, endpoint=endpoint),
            on_node_failure="fail",
            on_progress=killing,
        )
    assert raised.value.node == five.nodes[victim].id
    five.wait_dead(victim)


@contextmanager
def holding(five: RayCluster, server: S3Server, bucket: str) -> Iterator[subprocess.Popen[str]]:
    """Another driver, which holds a lease; killed at the end if it is not by then.

    It starts a coordinator: one that is there would stay as long as an earlier call asked it to.
    """
    end_coordinator()
    with driver_process(five, server, bucket, "held", "--hold") as driver:
        yield driver


def workers() -> list[str]:
    """Addresses of the peer servers of all workers."""
    return [node.peer_address for status in xfd_ray.status() for node in status.nodes]


def test_a_killed_driver_leaves_nothing_over(
    five: RayCluster, big: str, s3_server: S3Server
) -> None:
    with holding(five, s3_server, big) as driver:
        addresses = workers()
        assert len(addresses) == len(alive(five))
        assert all(is_served(address) for address in addresses)
        driver.send_signal(signal.SIGKILL)
    until(lambda: not has_coordinator(), 30, "the coordinator is still there")
    until(lambda: not any(map(is_served, addresses)), 10, "workers are still there")
    for node in alive(five):
        names = {path.name for path in (node.root / big).iterdir()}
        assert names == {"held", ".held.xfd"}


def test_a_killed_driver_does_not_disturb_another(
    five: RayCluster, big: str, s3_server: S3Server
) -> None:
    with holding(five, s3_server, big) as first:
        addresses = workers()
        with xfd_ray.distribution(big_object(big), ObjectStoreConfig.make_for_s3(big), keep_s=0):
            coordinator = ray.get_actor("coordinator", namespace="xfd")
            assert len(ray.get(coordinator.call.remote("lease_ids"))) == 2
            first.send_signal(signal.SIGKILL)
            until(
                lambda: len(ray.get(coordinator.call.remote("lease_ids"))) == 1,
                30,
                "the lease of the killed driver did not expire",
            )
            assert all(is_served(address) for address in addresses)
            assert workers() == addresses
    until(lambda: not has_coordinator(), 30, "the coordinator is still there")


def test_an_interrupted_driver_gives_its_lease_back(
    five: RayCluster, big: str, s3_server: S3Server
) -> None:
    with holding(five, s3_server, big) as driver:
        began = time.monotonic()
        driver.send_signal(signal.SIGINT)
        driver.wait(30)
        until(lambda: not has_coordinator(), 30, "the coordinator is still there")
        # The lease did not have to expire: its keep_s of one second started at once.
        assert time.monotonic() - began < LEASE_TTL_S


@pytest.mark.parametrize(
    ("package", "source", "message"),
    [
        ("xfd_dataplane", "__version__ = '0.0.1'", "xfd_dataplane is 0.0.1 instead of"),
        ("xfd_ray", "raise ModuleNotFoundError(\"No module named 'xfd_ray'\")", "lacks packages"),
    ],
)
def test_a_node_with_other_packages_is_refused_by_name(
    package: str, source: str, message: str, five: RayCluster, big: str, tmp_path: Path
) -> None:
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").write_text(source)
    other = five.add_node(env={"PYTHONPATH": str(tmp_path)})
    try:
        with pytest.raises(VersionMismatchError, match=message) as error:
            xfd_ray.download_distributed(big_object(big), ObjectStoreConfig.make_for_s3(big))
        assert error.value.node == other.id
    finally:
        five.kill_node(len(five.nodes) - 1)
        five.wait_dead(len(five.nodes) - 1)


def test_an_actor_on_a_node_with_another_version_gets_its_files_by_that_version(
    five: RayCluster, big: str, tmp_path: Path
) -> None:
    """The coordinator that is up refuses the actor's call, which starts one of its own."""
    (tmp_path / "sitecustomize.py").write_text(
        "import xfd_scheduler; xfd_scheduler.__version__ = '0.0.1'"
    )
    store = ObjectStoreConfig.make_for_s3(big)

    @xfd_ray.with_files(big_object(big), store)
    class Sized:
        def found(self) -> tuple[str | None, int]:
            return installed_versions()["xfd_scheduler"], local_path(
                Path(big, "big")
            ).stat().st_size

    present = alive(five)[0]
    other = five.add_node(env={"PYTHONPATH": str(tmp_path)})
    try:
        with xfd_ray.distribution(big_object(big), store, nodes=[present.id]):
            there = NodeAffinitySchedulingStrategy(other.id, soft=False)
            actor = ray.remote(Sized).options(scheduling_strategy=there).remote()
            assert ray.get(actor.found.remote(), timeout=60) == ("0.0.1", SIZE)
            ray.kill(actor)
    finally:
        five.kill_node(len(five.nodes) - 1)
        five.wait_dead(len(five.nodes) - 1)
