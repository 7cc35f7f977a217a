"""Pipelines of the real cosmos-xenna, 0.2.0 or 0.5.12, find their files cached on every node."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray

from xfd_api import ObjectDownloadRequest, ObjectStoreConfig
from xfd_api.errors import ClusterConnectionError, DiskFullError, InvalidRequestError, XfdError
from xfd_pipelines import xenna
from xfd_pipelines.xenna_names import NAMES
from xfd_testing import artifacts, ray_cluster
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import S3Server

file_distribution = pytest.importorskip(
    "cosmos_xenna.file_distribution", reason="cosmos-xenna is not installed: nox -s xenna"
)
pipelines_v1 = pytest.importorskip("cosmos_xenna.pipelines.v1")

ROOT = Path(__file__).parents[2]
WEIGHTS = b"".join(artifacts.random_bytes(3 * 2**20, seed=41))
TREE = artifacts.environment(files=20)
PIECES = artifacts.small_objects(12)
LIMITS = {"RAY_MAX_LIMIT_FROM_API_SERVER": "40000", "RAY_MAX_LIMIT_FROM_DATA_SOURCE": "40000"}
"""cosmos-xenna lists more actors at once than a cluster of Ray allows that it did not start."""


@pytest.fixture(scope="module")
def xenna_cluster(s3_server: S3Server) -> Iterator[RayCluster]:
    """Two nodes, with the dashboard that cosmos-xenna looks at."""
    env = {**s3_server.environment(), **LIMITS}
    with ray_cluster.running(2, env=env, with_metrics=True) as running:
        yield running


class Reads(pipelines_v1.Stage):  # type: ignore[misc,name-defined]
    """Wants an object, an archive and a prefix; returns what it finds of them."""

    def __init__(self, folder: Path, uri: str = "weights.bin") -> None:
        self._folder = folder
        self._uri = uri

    @property
    def required_resources(self) -> Any:
        return pipelines_v1.Resources(cpus=0.5)

    @property
    def download_requests(self) -> list[Any]:
        archive = file_distribution.UnpackOptions(
            self._folder / "tree", file_distribution.UnpackMethod.TAR_GZ
        )
        wanted = (
            file_distribution.ObjectDownloadRequest(self._uri, self._folder / "weights.bin"),
            file_distribution.ObjectDownloadRequest(
                "tree.tar.gz", self._folder / "tree.tar.gz", unpack_options=archive
            ),
            file_distribution.PrefixDownloadRequest("pieces/", self._folder / "pieces"),
        )
        return [file_distribution.DownloadRequest(each) for each in wanted]

    def setup(self, worker_metadata: Any) -> None:
        self._size = (self._folder / "weights.bin").stat().st_size

    def process_data(self, in_data: list[Any]) -> list[Any]:
        return [(item, self._size) for item in in_data]


def config_for(server: S3Server, bucket: str, base: str = "") -> Any:
    store = file_distribution.ObjectStoreConfig.make_for_s3(
        bucket,
        endpoint=server.endpoint,
        access_key_id=server.owner.access_key_id,
        secret_access_key=server.owner.secret_access_key,
        region=server.region,
    )
    store.uri += base
    store.config_args["allow_http"] = "true"
    return pipelines_v1.DistributedDownloadConfig(object_store_config=store)


def fill(server: S3Server, bucket: str, tmp_path: Path, base: str = "") -> int:
    """Writes the objects below a base; returns their bytes."""
    packed = artifacts.tar_gz(tmp_path / "packed.tar.gz", TREE)
    server.put(bucket, f"{base}weights.bin", WEIGHTS)
    server.upload(bucket, f"{base}tree.tar.gz", packed)
    for key, body in PIECES.items():
        server.put(bucket, f"{base}pieces/{key}", body)
    return len(WEIGHTS) + packed.stat().st_size + sum(map(len, PIECES.values()))


Drive = Callable[[RayCluster], AbstractContextManager[None]]


def states_of(folder: Path) -> dict[Path, tuple[int, int]]:
    """Which file each path is, and when it was written."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


@pytest.mark.parametrize("base", ["", "v2/models/"])
def test_xenna_finds_every_file_cached_and_reads_no_byte(
    base: str,
    s3_server: S3Server,
    bucket: str,
    xenna_cluster: RayCluster,
    drive: Drive,
    tmp_path: Path,
) -> None:
    size = fill(s3_server, bucket, tmp_path, base)
    folder = tmp_path / "files"
    config = config_for(s3_server, bucket, base)
    with drive(xenna_cluster):
        report = xenna.prefetch([Reads(folder)], config)
        assert report is not None
        assert report.origin_bytes == size == s3_server.sent_bytes(bucket)
        assert (folder / "weights.bin").read_bytes() == WEIGHTS
        before = states_of(folder)
        pipelines_v1.download_artifacts([Reads(folder)], config)
        assert s3_server.sent_bytes(bucket) == size
        assert states_of(folder) == before
        again = xenna.prefetch(pipelines_v1.StageSpec(Reads(folder)), config)
    assert again is not None
    assert again.missing_bytes == 0
    assert states_of(folder) == before
    assert s3_server.sent_bytes(bucket) == size


def test_an_object_that_changed_is_brought_and_cached_anew(
    s3_server: S3Server, bucket: str, xenna_cluster: RayCluster, drive: Drive, tmp_path: Path
) -> None:
    size = fill(s3_server, bucket, tmp_path)
    folder = tmp_path / "files"
    config = config_for(s3_server, bucket)
    with drive(xenna_cluster):
        xenna.prefetch([Reads(folder)], config)
        s3_server.put(bucket, "weights.bin", WEIGHTS[::-1] + b"!")
        xenna.prefetch([Reads(folder)], config)
        assert s3_server.sent_bytes(bucket) == size + len(WEIGHTS) + 1
        pipelines_v1.download_artifacts([Reads(folder)], config)
    assert s3_server.sent_bytes(bucket) == size + len(WEIGHTS) + 1
    assert (folder / "weights.bin").read_bytes() == WEIGHTS[::-1] + b"!"


class Shares(Reads):
    """Wants two prefixes in one folder."""

    @property
    def download_requests(self) -> list[Any]:
        wanted = (
            file_distribution.PrefixDownloadRequest(uri, self._folder) for uri in ("a/", "b/")
        )
        return [file_distribution.DownloadRequest(each) for each in wanted]


def test_prefixes_in_one_folder_are_all_cached(
    s3_server: S3Server, bucket: str, xenna_cluster: RayCluster, drive: Drive, tmp_path: Path
) -> None:
    for key in ("a/1", "b/2", "b/sub/3"):
        s3_server.put(bucket, key, WEIGHTS[:1000])
    config = config_for(s3_server, bucket)
    with drive(xenna_cluster):
        xenna.prefetch([Shares(tmp_path / "files")], config)
        before = states_of(tmp_path / "files")
        pipelines_v1.download_artifacts([Shares(tmp_path / "files")], config)
    assert s3_server.sent_bytes(bucket) == 3000
    assert states_of(tmp_path / "files") == before


def test_the_example_runs_a_pipeline_of_xenna(
    s3_server: S3Server, bucket: str, xenna_cluster: RayCluster, tmp_path: Path
) -> None:
    s3_server.put(bucket, "weights.bin", WEIGHTS)
    script = str(ROOT / "examples/xenna_pipeline.py")
    options = ["--endpoint", s3_server.endpoint, "--folder", str(tmp_path / "files")]
    ran = subprocess.run(
        [sys.executable, script, bucket, *options],
        env={**os.environ, **s3_server.environment(), "RAY_ADDRESS": xenna_cluster.address},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert "amplification 1.000" in ran.stdout
    assert f"sizes {[item + len(WEIGHTS) for item in (1, 2, 3)]}" in ran.stdout
    assert s3_server.sent_bytes(bucket) == len(WEIGHTS)


def test_what_xenna_cannot_be_given_is_an_error_of_ours(
    s3_server: S3Server, bucket: str, xenna_cluster: RayCluster, drive: Drive, tmp_path: Path
) -> None:
    s3_server.put(bucket, "weights.bin", WEIGHTS)
    config = config_for(s3_server, bucket)
    with drive(xenna_cluster):
        with pytest.raises(InvalidRequestError, match="relative"):
            xenna.prefetch([Reads(Path("files"))], config)
        with pytest.raises(FileNotFoundError) as missing:
            xenna.prefetch([Reads(tmp_path / "a", uri="nowhere.bin")], config)
        with (tmp_path / "huge").open("wb") as sparse:
            sparse.truncate(shutil.disk_usage(tmp_path).free + 2**40)
        huge = ObjectDownloadRequest("huge", tmp_path / "b" / "huge")
        local = ObjectStoreConfig.make_for_local(tmp_path)
        with pytest.raises(DiskFullError) as full:
            xenna.prefetch(
                SimpleNamespace(download_requests=[huge]),
                pipelines_v1.DistributedDownloadConfig(object_store_config=local),
            )
    assert isinstance(missing.value, XfdError)
    assert full.value.node in [node.id for node in xenna_cluster.nodes]
    assert full.value.remedy
    assert not ray.is_initialized()


def test_without_a_cluster_the_error_says_what_to_check(
    s3_server: S3Server, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    with pytest.raises(ClusterConnectionError, match="RAY_ADDRESS"):
        xenna.prefetch([Reads(tmp_path)], config_for(s3_server, bucket))


def test_the_table_of_names_is_that_of_the_real_one() -> None:
    """Of 0.5.12 all names of the table; of 0.2.0 those that it has."""
    import attrs

    is_old = version("cosmos-xenna").startswith("0.2.")
    known: dict[str, set[str]] = {}
    for each in NAMES:
        if not (is_old and each.is_new):
            known.setdefault(each.owner, set()).add(each.name)
    found: dict[str, set[str]] = {"v1": set(pipelines_v1.__all__)}
    for owner in known.keys() - {"v1", "Stage", "ExecutionMode", "WorkerMetadata"}:
        found[owner] = {field.name for field in attrs.fields(getattr(pipelines_v1, owner))}
    found["ExecutionMode"] = set(pipelines_v1.ExecutionMode.__members__)
    for owner in ("Stage", "WorkerMetadata"):
        kind = getattr(pipelines_v1, owner)
        found[owner] = {name for name in vars(kind) if not name.startswith("_")}
    found["WorkerMetadata"] |= {field.name for field in attrs.fields(pipelines_v1.WorkerMetadata)}
    if not is_old:
        from cosmos_xenna.ray_utils.continuous_stage import ContinuousInterface

        found["Stage"] |= {each for each in vars(ContinuousInterface) if not each.startswith("_")}
    assert found == known
