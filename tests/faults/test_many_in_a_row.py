"""Many distributions in a row, with workers that stay: nothing grows.

200 by default. By hand, `XFD_ROUNDS=10000 nox -s faults -- -k in_a_row`; a line is printed for each
hundredth of them.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import xfd_ray
from xfd_api import DownloadRequest, ObjectDownloadRequest, PrefixDownloadRequest, UnpackOptions
from xfd_api.stores import ObjectStoreConfig
from xfd_testing import figures, ray_cluster, s3
from xfd_testing.actors import COORDINATOR, NODE_WORKER, actor_processes
from xfd_testing.footprint import Footprint, files_below, footprint_of
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import S3Server

KIB, MIB = 2**10, 2**20
NODES = 3
ROUNDS = int(os.environ.get("XFD_ROUNDS", "200"))
WARM = 40
"""Rounds before the first look: allocators, pools and caches fill at first."""
BUCKET = "in-a-row"
MORE_DESCRIPTORS = 4
MORE_THREADS = 6
MORE_BYTES = 12 * MIB
MORE_BYTES_A_ROUND = KIB
"""What the allocator and Ray may keep: 10,000 rounds took 6 MiB more of a process."""


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3.running() as running:
        running.make_bucket(BUCKET)
        yield running


@pytest.fixture(scope="module")
def three(server: S3Server) -> Iterator[RayCluster]:
    with ray_cluster.connected(NODES, env=server.environment()) as running:
        yield running


@dataclass(frozen=True)
class Held:
    """What the processes of a distribution and the disks of its nodes hold."""

    coordinator: Footprint
    workers: tuple[Footprint, ...]
    driver: Footprint
    files: frozenset[Path]

    @property
    def processes(self) -> tuple[Footprint, ...]:
        """All of them."""
        return (self.coordinator, self.driver, *self.workers)

    def line(self) -> str:
        """One line of figures."""
        named = [("coordinator", self.coordinator), ("driver", self.driver)]
        named += [(f"worker {place}", worker) for place, worker in enumerate(self.workers)]
        figures = [
            f"{name} {each.anonymous_bytes / MIB:.1f} MiB {each.descriptors} fd {each.threads} th"
            for name, each in named
        ]
        return "; ".join([*figures, f"{len(self.files)} files"])


def held(cluster: RayCluster) -> Held:
    (coordinator,) = actor_processes(COORDINATOR, cluster.roots)
    workers = sorted(actor_processes(NODE_WORKER, cluster.roots))
    return Held(
        footprint_of(coordinator),
        tuple(map(footprint_of, workers)),
        footprint_of(os.getpid()),
        frozenset(files_below(cluster.roots)),
    )


def content(number: int, size: int = 64 * KIB) -> bytes:
    return number.to_bytes(8, "big") * (size // 8)


def archive_of(number: int) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name in ("first", "folder/second"):
            member = tarfile.TarInfo(name)
            member.size = 4 * KIB
            tar.addfile(member, io.BytesIO(content(number, 4 * KIB)))
    return packed.getvalue()


def one_object(server: S3Server, number: int) -> DownloadRequest:
    server.put(BUCKET, "weights", content(number))
    return DownloadRequest(ObjectDownloadRequest("weights", Path("weights")))


def small_files(server: S3Server, number: int) -> DownloadRequest:
    server.put(BUCKET, f"set/{number % 8}", content(number, KIB))
    return DownloadRequest(PrefixDownloadRequest("set/", Path("set")))


def an_archive(server: S3Server, number: int) -> DownloadRequest:
    server.put(BUCKET, "tree.tar", archive_of(number))
    options = UnpackOptions(Path("tree"))
    return DownloadRequest(
        ObjectDownloadRequest("tree.tar", Path("tree.tar"), unpack_options=options)
    )


def nothing_new(server: S3Server, number: int) -> DownloadRequest:
    del server, number
    return DownloadRequest(ObjectDownloadRequest("weights", Path("weights")))


KINDS = (one_object, small_files, an_archive, nothing_new)


@pytest.mark.timeout(12 * 3600)
def test_distributions_in_a_row_let_nothing_grow(three: RayCluster, server: S3Server) -> None:
    store = ObjectStoreConfig.make_for_s3(BUCKET)
    looks: list[Held] = []
    for number in range(ROUNDS):
        request = KINDS[number % len(KINDS)](server, number)
        report = xfd_ray.download_distributed(request, store, deadline_s=60)
        assert [node.state for node in report.nodes] == ["done"] * NODES
        assert report.origin_bytes == report.missing_bytes
        if number >= WARM and number % max(1, ROUNDS // 100) == 0:
            looks.append(held(three))
            print(number, looks[-1].line(), flush=True)
    looks.append(held(three))
    newest = ROUNDS - len(KINDS)
    for root in three.roots:
        assert (root / "weights").read_bytes() == content(newest)
        assert (root / "tree/folder/second").read_bytes() == content(newest + 2, 4 * KIB)
    first, last = looks[0], looks[-1]
    assert last.files == first.files
    assert len(last.workers) == NODES
    for before, after in zip(first.processes, last.processes, strict=True):
        assert after.descriptors <= before.descriptors + MORE_DESCRIPTORS
        assert after.threads <= before.threads + MORE_THREADS
        most = before.anonymous_bytes + MORE_BYTES + MORE_BYTES_A_ROUND * ROUNDS
        assert after.anonymous_bytes <= most
    figures.record(
        "in-a-row",
        f"{ROUNDS:,} calls: anonymous memory of the coordinator {span(first, last, 0)}, of the "
        f"driver {span(first, last, 1)}, of a worker {span(first, last, 2)} MiB; as many "
        f"descriptors, actors and files ({len(last.files)}) at the end as after {WARM}",
    )


def span(first: Held, last: Held, place: int) -> str:
    """The memory of a process in MiB, first and last."""
    both = [look.processes[place].anonymous_bytes / MIB for look in (first, last)]
    return " → ".join(f"{each:.1f}" for each in both)
