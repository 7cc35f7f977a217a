"""Files reach every node of a cluster: once from the store, else from peers or the cache."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import xfd_ray
from xfd_api.errors import ArchiveUnsafeError, UnknownProfileError
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.requests import (
    DownloadRequest,
    Links,
    ObjectDownloadRequest,
    PrefixDownloadRequest,
    UnpackOptions,
)
from xfd_api.results import DistributionReport
from xfd_api.stores import ObjectStoreConfig
from xfd_testing import artifacts
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import ONCE, S3Server

MIB = 2**20
READERS = ("models", "datasets")  # Each has keys of its own, which open `profile-NAME` alone.
BIG = b"".join(artifacts.random_bytes(40 * MIB, seed=5))
SMALL = artifacts.small_objects(120, seed=6)


@pytest.fixture
def place(bucket: str, driver: RayCluster) -> Iterator[str]:
    """A folder below each node's root that is this test's own."""
    yield bucket
    for root in driver.roots:
        shutil.rmtree(root / bucket, ignore_errors=True)


def requests(place: str) -> list[DownloadRequest]:
    return [
        DownloadRequest(ObjectDownloadRequest("big.bin", Path(place, "big.bin"))),
        DownloadRequest(PrefixDownloadRequest("small/", Path(place, "small"))),
    ]


def upload(server: S3Server, bucket: str) -> int:
    server.put(bucket, "big.bin", BIG)
    for key, body in SMALL.items():
        server.put(bucket, f"small/{key}", body)
    return len(BIG) + sum(map(len, SMALL.values()))


def check_timeline(report: DistributionReport) -> None:
    """The time line has each byte that moved, within the call's time; a saved one is equal."""
    assert report.timeline is not None
    moved, landed = report.timeline.transfers, report.timeline.landings
    assert sum(moved.bytes) == report.origin_bytes + report.peer_bytes
    read = [size for size, source in zip(moved.bytes, moved.source, strict=True) if source < 0]
    assert sum(read) == report.origin_bytes
    ends = [at + took for at, took in zip(moved.start_s, moved.seconds, strict=True)]
    assert min(moved.start_s) >= 0
    assert max(*ends, *landed.at_s) <= report.elapsed_s + 0.01
    assert len(landed.at_s) == len(report.nodes) * len(report.objects)
    assert all(node.host for node in report.nodes)
    assert DistributionReport.from_json(report.to_json()) == report


def test_each_byte_leaves_the_store_once_and_then_the_cache_serves(
    s3_server: S3Server, bucket: str, place: str, driver: RayCluster
) -> None:
    total = upload(s3_server, bucket)
    store = ObjectStoreConfig.make_for_s3(bucket)
    report = xfd_ray.download_distributed(requests(place), store)
    for root in driver.roots:
        assert (root / place / "big.bin").read_bytes() == BIG
        assert artifacts.tree_of(root / place / "small") == SMALL
    sent = s3_server.sent_bytes(bucket)
    assert total <= sent <= ONCE * total
    assert report.origin_bytes == total
    assert report.peer_bytes == 2 * total
    assert report.amplification == 1.0
    assert report.efficiency is None or report.efficiency <= 1.0
    assert {(node.state, node.files) for node in report.nodes} == {("done", 1 + len(SMALL))}

    check_timeline(report)

    again = xfd_ray.download_distributed(requests(place), store)
    assert s3_server.sent_bytes(bucket) == sent
    assert (again.origin_bytes, again.peer_bytes) == (0, 0)
    assert again.cached_bytes == 3 * total
    assert again.missing_bytes == 0


def test_objects_that_changed_in_the_store_or_on_a_disk_are_fetched_again(
    s3_server: S3Server, bucket: str, place: str, driver: RayCluster
) -> None:
    s3_server.put(bucket, "a", b"first" * 1000)
    request = [DownloadRequest(ObjectDownloadRequest("a", Path(place, "a")))]
    store = ObjectStoreConfig.make_for_s3(bucket)
    xfd_ray.download_distributed(request, store)

    s3_server.put(bucket, "a", b"other" * 1000)
    report = xfd_ray.download_distributed(request, store)
    assert report.origin_bytes == 5000
    files = [root / place / "a" for root in driver.roots]
    assert {file.read_bytes() for file in files} == {b"other" * 1000}

    files[1].write_bytes(b"edited by hand")
    before = s3_server.sent_bytes(bucket)
    report = xfd_ray.download_distributed(request, store)
    assert files[1].read_bytes() == b"other" * 1000
    assert (report.origin_bytes, report.peer_bytes) == (0, 5000)
    assert s3_server.sent_bytes(bucket) == before


def test_without_the_cache_everything_is_fetched_again(
    s3_server: S3Server, bucket: str, place: str
) -> None:
    s3_server.put(bucket, "a", os.urandom(100_000))
    request = [DownloadRequest(ObjectDownloadRequest("a", Path(place, "a"), cache=False))]
    store = ObjectStoreConfig.make_for_s3(bucket)
    for _ in range(2):
        report = xfd_ray.download_distributed(request, store)
        assert (report.origin_bytes, report.cached_bytes) == (100_000, 0)
    assert s3_server.sent_bytes(bucket) == 200_000


def test_archives_are_unpacked_on_every_node(
    s3_server: S3Server, bucket: str, place: str, driver: RayCluster, tmp_path: Path
) -> None:
    entries = artifacts.environment(300)
    s3_server.upload(bucket, "env.tar.gz", artifacts.tar_gz(tmp_path / "env.tar.gz", entries))
    zipped, content = artifacts.zip_file(tmp_path / "data.zip", 60)
    s3_server.upload(bucket, "data.zip", zipped)
    request = [
        DownloadRequest(
            ObjectDownloadRequest(
                "env.tar.gz",
                Path(place, "env.tar.gz"),
                unpack_options=UnpackOptions(Path(place, "env"), keep_archive=False),
            )
        ),
        DownloadRequest(
            ObjectDownloadRequest(
                "data.zip",
                Path(place, "data.zip"),
                unpack_options=UnpackOptions(Path(place, "data")),
            )
        ),
    ]
    store = ObjectStoreConfig.make_for_s3(bucket)
    xfd_ray.download_distributed(request, store)
    sent = s3_server.sent_bytes(bucket)
    for root in driver.roots:
        assert artifacts.tree_differences(root / place / "env", entries) == []
        assert artifacts.tree_of(root / place / "data") == content
        assert not (root / place / "env.tar.gz").exists()
        assert (root / place / "data.zip").exists()
    again = xfd_ray.download_distributed(request, store)
    assert again.missing_bytes == 0
    assert s3_server.sent_bytes(bucket) == sent


def test_links_of_a_trusted_archive_are_kept_on_every_node(
    s3_server: S3Server, bucket: str, place: str, driver: RayCluster, tmp_path: Path
) -> None:
    with tarfile.open(tmp_path / "env.tar", "w") as archive:
        for name, kind, target in [
            ("bin/python3", tarfile.SYMTYPE, "/usr/bin/python3"),
            ("run/pipe", tarfile.FIFOTYPE, ""),
        ]:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)
    s3_server.upload(bucket, "env.tar", tmp_path / "env.tar")

    def fetch(links: Links) -> DistributionReport:
        options = UnpackOptions(Path(place, "env"), links=links)
        request = ObjectDownloadRequest("env.tar", Path(place, "env.tar"), unpack_options=options)
        store = ObjectStoreConfig.make_for_s3(bucket)
        return xfd_ray.download_distributed([DownloadRequest(request)], store)

    with pytest.raises(ArchiveUnsafeError, match="absolute path"):
        fetch(Links.Safe)
    report = fetch(Links.Keep)
    assert (report.left_out, report.left_out_count) == (("run/pipe",), 1)
    again = fetch(Links.Keep)
    assert again.missing_bytes == 0
    assert (again.left_out, again.left_out_count) == (("run/pipe",), 1)
    for root in driver.roots:
        link = root / place / "env" / "bin" / "python3"
        assert link.readlink() == Path("/usr/bin/python3")
        assert not (root / place / "env" / "run").exists()


def test_two_profiles_with_keys_of_their_own(
    s3_server: S3Server, place: str, driver: RayCluster
) -> None:
    for bucket in (f"profile-{name}" for name in READERS):
        s3_server.make_bucket(bucket)
        s3_server.put(bucket, "file", bucket.encode())
    stores = ObjectStoreConfigByProfile(
        {
            name: ObjectStoreConfig.make_for_s3(
                f"profile-{name}",
                endpoint=s3_server.endpoint,
                access_key_id=f"{name}-reader",
                secret_access_key=f"{name}-reader-secret",
                region=s3_server.region,
            )
            for name in READERS
        }
    )

    def asking(profile: str) -> DownloadRequest:
        return DownloadRequest(
            ObjectDownloadRequest("file", Path(place, profile), profile_name=profile)
        )

    xfd_ray.download_distributed([asking("models"), asking("datasets")], stores)
    for root in driver.roots:
        assert (root / place / "models").read_bytes() == b"profile-models"
        assert (root / place / "datasets").read_bytes() == b"profile-datasets"
    with pytest.raises(UnknownProfileError):
        xfd_ray.download_distributed([asking("models"), asking("unknown")], stores)


def test_nodes_that_share_a_disk_write_a_file_once(
    s3_server: S3Server, bucket: str, driver: RayCluster, tmp_path: Path
) -> None:
    s3_server.put(bucket, "big.bin", BIG)
    shared = tmp_path / "shared" / "big.bin"
    report = xfd_ray.download_distributed(
        [DownloadRequest(ObjectDownloadRequest("big.bin", shared))],
        ObjectStoreConfig.make_for_s3(bucket),
        deadline_s=60,
    )
    assert shared.read_bytes() == BIG
    assert [node.files for node in report.nodes] == [1, 1, 1]
    assert report.origin_bytes + report.peer_bytes == len(BIG)
    assert s3_server.sent_bytes(bucket) <= ONCE * len(BIG)


def test_a_prefix_with_exclusions_shares_objects_with_the_whole_prefix(
    s3_server: S3Server,
    bucket: str,
    place: str,
    driver: RayCluster,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Patterns are part of the call. Files of another call are neither fetched again nor removed.
    Without a terminal, `verbose=True` prints each phase.
    """
    bodies = {key: BIG[: 3 * MIB + n] for n, key in enumerate(("a.bin", "b.txt", "d/c.bin"))}
    for key, body in bodies.items():
        s3_server.put(bucket, f"p/{key}", body)
    store = ObjectStoreConfig.make_for_s3(bucket)

    def fetched(**patterns: tuple[str, ...]) -> tuple[int, int]:
        request = PrefixDownloadRequest("p/", Path(place, "p"), **patterns)
        report = xfd_ray.download_distributed([DownloadRequest(request)], store, verbose=True)
        return report.origin_bytes, report.excluded

    assert fetched(exclude=("d/", "*.txt")) == (len(bodies["a.bin"]), 2)
    for root in driver.roots:
        assert artifacts.tree_of(root / place / "p") == {"a.bin": bodies["a.bin"]}
    said = [line for line in capfd.readouterr().err.splitlines() if line.startswith("xfd: ")]
    assert said[0] == "xfd: looking for objects"
    assert said[-1].startswith("xfd: done: ")

    assert fetched() == (len(bodies["b.txt"]) + len(bodies["d/c.bin"]), 0)
    assert fetched(include=("*.txt",)) == (0, 2)
    for root in driver.roots:
        assert artifacts.tree_of(root / place / "p") == bodies
