"""Processes that are killed in the middle of a distribution, one at a time, as an OOM killer would.

Nodes that die are another story (`test_cluster_losses`): here every node lives on.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import ray

import xfd_ray
from harness import artifacts, ray_cluster
from harness.ray_cluster import RayCluster
from harness.s3 import S3Server
from harness.slow_link import slow_link
from xfd_api.errors import DiskFullError
from xfd_api.reports import Progress
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest
from xfd_api.stores import ObjectStoreConfig
from xfd_ray.cluster.worker_actor import NodeWorkerActor

MIB = 2**20
SIZE = 64 * MIB
SLOW_BYTES_PER_S = 16 * MIB
"""Slow enough that a process is killed long before the object is everywhere."""

DRIVER = """
import sys
from pathlib import Path
import ray, xfd_ray
from xfd_api import DownloadRequest, ObjectDownloadRequest, ObjectStoreConfig

address, bucket, endpoint, name, durability = sys.argv[1:]
ray.init(address=address, log_to_driver=False, logging_level="ERROR")
told = []

def tell(progress):
    if progress.done_bytes and not told:
        told.append(progress)
        print("begun", flush=True)

report = xfd_ray.download_distributed(
    [DownloadRequest(ObjectDownloadRequest("big", Path(bucket, name)))],
    ObjectStoreConfig.make_for_s3(bucket, endpoint=endpoint),
    durability=durability, keep_s=0, on_progress=tell,
)
print({node.state for node in report.nodes}, flush=True)
"""


@pytest.fixture(scope="module")
def three(s3_server: S3Server) -> Iterator[RayCluster]:
    """Three nodes of which every process but those of xfd lives on."""
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


def wanted(bucket: str, name: str = "big") -> list[DownloadRequest]:
    return [DownloadRequest(ObjectDownloadRequest("big", Path(bucket, name)))]


def processes(title: str, root: Path | None = None) -> list[int]:
    """The actors of this name; those of the node with this root, or of any node of a cluster."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if not folder.joinpath("cmdline").read_bytes().startswith(f"ray::{title}".encode()):
                continue
            environment = folder.joinpath("environ").read_bytes().split(b"\0")
            roots = [e for e in environment if e.startswith(b"XFD_ROOT=")]
            if root is None or f"XFD_ROOT={root}".encode() in roots:
                found.append(int(folder.name))
    return found


def workers(cluster: RayCluster) -> list[int]:
    return [pid for root in cluster.roots for pid in processes("NodeWorker", root)]


def coordinators(cluster: RayCluster) -> list[int]:
    return [pid for root in cluster.roots for pid in processes("CoordinatorActor", root)]


def once_begun(do: Callable[[], None]) -> Callable[[Progress], None]:
    """Does it at the first progress that has some bytes."""
    done: list[Progress] = []

    def tell(progress: Progress) -> None:
        if not done and progress.done_bytes > progress.total_bytes // 20:
            done.append(progress)
            do()

    return tell


def until(true: Callable[[], bool], timeout_s: float, what: str) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.1)


def assert_whole(cluster: RayCluster, bucket: str, name: str = "big") -> None:
    assert len({artifacts.sha256(root / bucket / name) for root in cluster.roots}) == 1
    for root in cluster.roots:
        assert {path.name for path in (root / bucket).iterdir()} >= {name, f".{name}.xfd"}
        assert not list((root / bucket).glob(".*.xfd-part"))


def test_a_worker_that_is_killed_is_started_again_and_keeps_what_it_had(
    three: RayCluster, big: str, slow: str, s3_server: S3Server
) -> None:
    killed: list[int] = []

    def kill() -> None:
        killed.extend(processes("NodeWorker", three.roots[1]))
        for pid in killed:
            os.kill(pid, signal.SIGKILL)

    report = xfd_ray.download_distributed(
        wanted(big), ObjectStoreConfig.make_for_s3(big, endpoint=slow), on_progress=once_begun(kill)
    )
    assert len(killed) == 1
    assert [node.state for node in report.nodes] == ["done"] * 3
    assert report.nodes_lost == ()
    assert_whole(three, big)
    assert s3_server.sent_bytes(big) <= 1.5 * SIZE


def test_a_coordinator_that_is_killed_is_started_again(
    three: RayCluster, big: str, slow: str, s3_server: S3Server
) -> None:
    """Its workers die with it, and the chunks that were on their way are lost: twenty at most were
    seen, which at 4 MiB would be more than half of the object.
    """
    killed: list[int] = []

    def kill() -> None:
        killed.extend(coordinators(three))
        for pid in killed:
            os.kill(pid, signal.SIGKILL)

    report = xfd_ray.download_distributed(
        wanted(big),
        ObjectStoreConfig.make_for_s3(big, endpoint=slow),
        chunk_size_bytes=MIB,
        on_progress=once_begun(kill),
    )
    assert len(killed) == 1
    assert [node.state for node in report.nodes] == ["done"] * 3
    assert_whole(three, big)
    assert s3_server.sent_bytes(big) <= 1.5 * SIZE
    until(lambda: len(workers(three)) == 3, 10, "workers of the killed coordinator are left")


def test_a_worker_that_no_coordinator_takes_on_ends_by_itself(three: RayCluster) -> None:
    """As after a driver that was killed between starting the workers and its first call."""
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
    with xfd_ray.distribution(wanted(big), ObjectStoreConfig.make_for_s3(big)):
        before = set(workers(three))
        assert len(before) >= 3
        for pid in coordinators(three):
            os.kill(pid, signal.SIGKILL)
        until(lambda: not before & set(workers(three)), 10, "workers outlive their coordinator")


def driver(cluster: RayCluster, server: S3Server, *arguments: str) -> subprocess.Popen[str]:
    env = {**os.environ, **server.environment()}
    command = [sys.executable, "-c", DRIVER, cluster.address, *arguments]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)


def test_a_driver_that_is_killed_leaves_no_process_and_what_it_got_is_not_fetched_again(
    three: RayCluster, big: str, slow: str, s3_server: S3Server
) -> None:
    with driver(three, s3_server, big, slow, "big", "object") as first:
        try:
            assert first.stdout is not None
            assert first.stdout.readline() == "begun\n"
        finally:
            first.kill()
    until(lambda: not coordinators(three) and not workers(three), 40, "processes are left")
    sent = s3_server.sent_bytes(big)
    report = xfd_ray.download_distributed(wanted(big), ObjectStoreConfig.make_for_s3(big))
    assert [node.state for node in report.nodes] == ["done"] * 3
    assert_whole(three, big)
    assert report.origin_bytes < SIZE
    assert s3_server.sent_bytes(big) - sent < SIZE


def test_two_drivers_with_other_terms_and_places_do_not_disturb_each_other(
    three: RayCluster, big: str, slow: str, s3_server: S3Server
) -> None:
    with driver(three, s3_server, big, slow, "first", "none") as first:
        try:
            assert first.stdout is not None
            assert first.stdout.readline() == "begun\n"
            report = xfd_ray.download_distributed(
                wanted(big, "second"), ObjectStoreConfig.make_for_s3(big)
            )
            assert first.stdout.readline() == "{'done'}\n"
        finally:
            first.kill()
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
        with pytest.raises(DiskFullError) as told:
            xfd_ray.download_distributed(wanted(big), ObjectStoreConfig.make_for_s3(big))
        assert told.value.node == node.id
        assert str(small) in str(told.value)
        assert told.value.remedy
        for root in three.roots[:3]:
            assert (root / big / "big").stat().st_size == SIZE
    finally:
        three.kill_node(len(three.nodes) - 1)
        three.wait_dead(len(three.nodes) - 1)
        subprocess.run(["umount", "-l", str(small)], check=True)
