"""Processes that are killed in the middle of a distribution, one at a time, as an OOM killer would.

Every node stays alive here; `test_cluster_losses` has nodes that die.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray

import xfd_ray
from xfd_api.errors import DiskFullError
from xfd_api.progress import Progress
from xfd_api.stores import ObjectStoreConfig
from xfd_ray.cluster.worker_actor import NodeWorkerActor
from xfd_testing import artifacts, ray_cluster
from xfd_testing.actors import COORDINATOR, NODE_WORKER, actor_processes
from xfd_testing.drivers import Once, big_object, driver_process, report_of
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import S3Server
from xfd_testing.slow_link import slow_link
from xfd_testing.waiting import until

MIB = 2**20
SIZE = 64 * MIB
SLOW_BYTES_PER_S = 16 * MIB
"""Slow enough that a process is killed long before the object is everywhere."""


@pytest.fixture(scope="module")
def three(s3_server: S3Server) -> Iterator[RayCluster]:
    """Three nodes; only processes of xfd are killed."""
    with ray_cluster.connected(3, env=s3_server.environment()) as running:
        yield running


@pytest.fixture
def big(bucket: str, s3_server: S3Server, three: RayCluster) -> Iterator[str]:
    """A bucket with one large object, which is also the folder below the roots."""
    s3_server.put(bucket, "big", b"".join(artifacts.random_bytes(SIZE, seed=11)))
    yield bucket
    for root in three.roots:
        shutil.rmtree(root / bucket, ignore_errors=True)


@pytest.fixture
def slow(s3_server: S3Server) -> Iterator[str]:
    with slow_link(s3_server.endpoint, SLOW_BYTES_PER_S) as endpoint:
        yield endpoint


def workers(cluster: RayCluster) -> list[int]:
    return actor_processes(NODE_WORKER, cluster.roots)


def kill_all(pids: list[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def assert_whole(cluster: RayCluster, bucket: str, name: str = "big") -> None:
    assert len({artifacts.sha256(root / bucket / name) for root in cluster.roots}) == 1
    for root in cluster.roots:
        assert {path.name for path in (root / bucket).iterdir()} >= {name, f".{name}.xfd"}
        assert not list((root / bucket).glob(".*.xfd-part"))


def test_a_killed_worker_is_started_again_and_keeps_its_chunks(
    three: RayCluster, big: str, slow: str, s3_server: S3Server
) -> None:
    killed: list[int] = []

    def kill() -> None:
        killed.extend(actor_processes(NODE_WORKER, three.roots[1:2]))
        kill_all(killed)

    report = xfd_ray.download_distributed(
        big_object(big),
        ObjectStoreConfig.make_for_s3(big, endpoint=slow),
        on_progress=Once(kill, past=0.05),
    )
    assert len(killed) == 1
    assert [node.state for node in report.nodes] == ["done"] * 3
    assert report.nodes_lost == ()
    assert_whole(three, big)
    assert s3_server.sent_bytes(big) <= 1.5 * SIZE


def test_a_killed_coordinator_is_started_again(
    three: RayCluster, big: str, slow: str, s3_server: S3Server
) -> None:
    """Its workers die with it, and the chunks that were on their way are lost: twenty at most were
    seen, which at 4 MiB would be more than half of the object.
    """
    killed: list[int] = []

    def kill() -> None:
        killed.extend(actor_processes(COORDINATOR, three.roots))
        kill_all(killed)

    report = xfd_ray.download_distributed(
        big_object(big),
        ObjectStoreConfig.make_for_s3(big, endpoint=slow),
        chunk_size_bytes=MIB,
        on_progress=Once(kill, past=0.05),
    )
    assert len(killed) == 1
    assert [node.state for node in report.nodes] == ["done"] * 3
    assert_whole(three, big)
    assert s3_server.sent_bytes(big) <= 1.5 * SIZE
    until(lambda: len(workers(three)) == 3, 10, "workers of the killed coordinator are left")


def test_a_worker_without_a_coordinator_ends_by_itself(three: RayCluster) -> None:
    """As if its driver was killed between the start of the workers and the first call."""
    here = three.nodes[0].id
    actor = ray.remote(NodeWorkerActor).options(lifetime="detached", num_cpus=0)
    worker = actor.remote(here, "127.0.0.1", alone_s=0.5)
    ray.get(worker.versions.remote())
    until(lambda: not answers(worker), 10, "a worker without a coordinator is left")


def answers(worker: Any) -> bool:
    try:
        ray.get(worker.versions.remote())
    except ray.exceptions.RayActorError:
        return False
    return True


def test_workers_end_with_the_coordinator_that_they_follow(
    three: RayCluster, big: str, s3_server: S3Server
) -> None:
    with xfd_ray.distribution(big_object(big), ObjectStoreConfig.make_for_s3(big)):
        before = set(workers(three))
        assert len(before) >= 3
        kill_all(actor_processes(COORDINATOR, three.roots))
        until(lambda: not before & set(workers(three)), 10, "workers outlive their coordinator")


def test_a_killed_driver_leaves_no_process_and_its_chunks_are_not_fetched_again(
    three: RayCluster, big: str, slow: str, s3_server: S3Server
) -> None:
    with driver_process(three, s3_server, big, "big", "--endpoint", slow) as first:
        first.kill()
    until(
        lambda: not actor_processes(COORDINATOR, three.roots) and not workers(three),
        40,
        "processes are left",
    )
    sent = s3_server.sent_bytes(big)
    report = xfd_ray.download_distributed(big_object(big), ObjectStoreConfig.make_for_s3(big))
    assert [node.state for node in report.nodes] == ["done"] * 3
    assert_whole(three, big)
    assert report.origin_bytes < SIZE
    assert s3_server.sent_bytes(big) - sent < SIZE


def test_a_driver_right_after_a_killed_one_reports_the_chunks_that_it_found(
    three: RayCluster, big: str, slow: str, s3_server: S3Server
) -> None:
    """The killed driver's lease still holds the swarm, so the second driver joins that."""
    progress: list[Progress] = []
    # Twelve chunks at once are 12 MiB: with half of the bytes sent, some are whole.
    few = ("--chunk-size", str(MIB), "--parallel", "4")
    with driver_process(three, s3_server, big, "big", "--endpoint", slow, *few) as first:
        until(lambda: s3_server.sent_bytes(big) > SIZE // 2, 30, "little was sent")
        first.kill()
        first.wait(10)
        report = xfd_ray.download_distributed(
            big_object(big),
            ObjectStoreConfig.make_for_s3(big, endpoint=slow),
            chunk_size_bytes=MIB,
            on_progress=progress.append,
        )
    assert_whole(three, big)
    assert s3_server.sent_bytes(big) < 1.5 * SIZE
    assert 0 < report.missing_bytes <= SIZE
    assert report.cached_bytes + report.resumed_bytes > 0
    assert progress[0].done_bytes > 0
    for node in report.nodes:
        found = node.cached_bytes + node.resumed_bytes + node.shared_bytes
        assert node.bytes == SIZE == found + node.origin_bytes + node.peer_bytes, node


def test_two_drivers_with_other_terms_and_places_do_not_disturb_each_other(
    three: RayCluster, big: str, slow: str, s3_server: S3Server
) -> None:
    options = ("first", "--endpoint", slow, "--durability", "none")
    with driver_process(three, s3_server, big, *options) as first:
        report = xfd_ray.download_distributed(
            big_object(big, "second"), ObjectStoreConfig.make_for_s3(big)
        )
        assert report_of(first)["states"] == ["done"] * 3
    assert [node.state for node in report.nodes] == ["done"] * 3
    for name in ("first", "second"):
        assert_whole(three, big, name)


def test_a_full_disk_is_named_with_its_node_and_the_other_nodes_finish(
    three: RayCluster, big: str, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE // 2}", "tmpfs", str(small)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root can mount a small file system")
    try:
        node = three.add_node(root=small)
        with pytest.raises(DiskFullError) as raised:
            xfd_ray.download_distributed(big_object(big), ObjectStoreConfig.make_for_s3(big))
        assert raised.value.node == node.id
        assert str(small) in str(raised.value)
        assert raised.value.remedy
        for root in three.roots[:3]:
            assert (root / big / "big").stat().st_size == SIZE
    finally:
        three.kill_node(len(three.nodes) - 1)
        three.wait_dead(len(three.nodes) - 1)
        subprocess.run(["umount", "-l", str(small)], check=True)
